//! Flow logs of AWS that are made: a few hundred interfaces, addresses and counts of all lengths.

use std::fmt::Write as _;

const V2: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";
const V5: &str = "version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id instance-id interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service traffic-path flow-direction log-status\n";

/// As many records in the default layout, and with all fields of version 5; a line that names the fields before them.
pub fn logs(records: u64) -> [String; 2] {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut v2, mut v5) = (V2.to_owned(), V5.to_owned());
    for row in 0..records {
        let interface = random(400);
        let mut address = || format!("10.{}", [(); 3].map(|()| random(256).to_string()).join("."));
        let (source, destination) = (address(), address());
        let (from, to) = (1024 + random(64_000), 1 + random(1023));
        let magnitude = random(16);
        let packets = 1 + random(1 << magnitude);
        let bytes = packets * (40 + random(1400));
        let (start, end) = (1_790_000_000 + row / 1000, 1_790_000_055 + row / 1000);
        let _ = writeln!(
            v2,
            "2 123456789012 eni-0{interface:016x} {source} {destination} {from} {to} 6 {packets} {bytes} {start} {end} ACCEPT OK"
        );
        let _ = writeln!(
            v5,
            "5 {source} {destination} {from} {to} 6 {start} {end} IPv4 {packets} {bytes} 123456789012 vpc-0abcdefab0123456 subnet-0aaaaaaaa0123456 i-0{interface:016x} eni-0{interface:016x} eu-central-1 euc1-az3 - - ACCEPT 19 {source} {destination} - S3 8 egress OK"
        );
    }
    [v2, v5]
}

/// The records of a log as messages of CloudWatch, fifty each, one after the other as Firehose writes them.
pub fn subscription(log: &str) -> String {
    let lines: Vec<&str> = log.lines().skip(1).collect();
    let mut text = String::new();
    for lines in lines.chunks(50) {
        text.push_str(r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"flowlogs","logStream":"eni-1-all","subscriptionFilters":["all"],"logEvents":["#);
        for (number, line) in lines.iter().enumerate() {
            let between = if number == 0 { "" } else { "," };
            let _ = write!(
                text,
                r#"{between}{{"id":"356012345678901234567890123456789012345678901234","timestamp":1790000000000,"message":"{line}"}}"#
            );
        }
        text.push_str("]}");
    }
    text
}
