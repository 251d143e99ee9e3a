//! VPC flow logs as AWS delivers them to S3: gzip text whose first line names the fields, under a name of account, region, log
//! and time.

use std::io::{self, Write as _};

use flate2::{Compression, write::GzEncoder};

use super::{
    moment::{Calendar, Moment},
    story::{AWS_ACCOUNT, AWS_LOG, CACHE, DATABASE, FORBIDDEN, Flow, LOW_PORTS, SHOP},
};

const FIELDS: &str = "version account-id vpc-id subnet-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                      start end action log-status flow-direction";
const VPC: &str = "vpc-0de0000000000001";

/// What the first minute brings: two flows, as both interfaces saw them, and an interface without traffic.
pub fn ordinary(now: Moment) -> String {
    let (start, end) = (now.before(120), now.before(60));
    text(&[
        record(&SHOP, ["subnet-0de0000000000001", "eni-0de0000000000002", "egress"], [start, end]),
        record(&SHOP, ["subnet-0de0000000000001", "eni-0de0000000000001", "ingress"], [start, end]),
        format!(
            "2 {AWS_ACCOUNT} {VPC} subnet-0de0000000000002 eni-0de0000000000003 - - - - - - - {} {} - NODATA -",
            start.0, end.0
        ),
    ])
}

/// What the second minute brings: what policies look for, and a line that was cut off.
pub fn wanted(now: Moment) -> String {
    let interface = |flow: &Flow| match flow.to.0 {
        DATABASE => ["subnet-0de0000000000001", "eni-0de0000000000001", "ingress"],
        CACHE => ["subnet-0de0000000000002", "eni-0de0000000000003", "ingress"],
        other => unreachable!("{other} has no interface in the inventory"),
    };
    let times = [now.before(60), now];
    let mut lines: Vec<String> =
        [FORBIDDEN, LOW_PORTS].iter().map(|flow| record(flow, interface(flow), times)).collect();
    lines.push(format!("2 {AWS_ACCOUNT} {VPC} subnet-0de00000"));
    text(&lines)
}

/// The text as an object, and the key of the object in its bucket.
///
/// # Errors
/// None: it is memory that is written to.
pub fn object(text: &str, end: Moment) -> io::Result<(String, Vec<u8>)> {
    let Calendar { year, month, day, hour, minute, .. } = end.calendar();
    let key = format!(
        "AWSLogs/{AWS_ACCOUNT}/vpcflowlogs/eu-central-1/{year}/{month:02}/{day:02}/{AWS_ACCOUNT}_vpcflowlogs_eu-central-1_\
         {AWS_LOG}_{year}{month:02}{day:02}T{hour:02}{minute:02}Z_0de00001.log.gz"
    );
    let mut octets = GzEncoder::new(Vec::new(), Compression::default());
    octets.write_all(text.as_bytes())?;
    Ok((key, octets.finish()?))
}

fn text(lines: &[String]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("{FIELDS}\n{lines}")
}

fn record(flow: &Flow, [subnet, interface, direction]: [&str; 3], times: [Moment; 2]) -> String {
    let Flow { protocol, from, to, packets, octets } = flow;
    let [start, end] = times.map(|time| time.0);
    format!(
        "2 {AWS_ACCOUNT} {VPC} {subnet} {interface} {} {} {} {} {protocol} {packets} {octets} {start} {end} ACCEPT OK {direction}",
        from.0, to.0, from.1, to.1
    )
}
