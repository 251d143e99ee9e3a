//! How fast flow logs of clouds are decoded on one core, from memory.
//!
//! The logs are made: a few hundred interfaces, addresses and counts of all lengths.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{fmt::Write as _, hint::black_box, time::Instant};

use sensor_wire::cloud::{
    decoder::{Decoder, Hints},
    flows::Flows,
    format::Format,
};

const RECORDS: usize = 200_000;
const V2: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";
const V5: &str = "version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id instance-id interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service traffic-path flow-direction log-status\n";

fn main() {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut v2, mut v5) = (V2.to_owned(), V5.to_owned());
    let (mut gcp, mut oci) = (String::new(), String::new());
    for row in 0..RECORDS as u64 {
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
        let _ = writeln!(
            gcp,
            r#"{{"insertId":"{interface:x}qyqi95f436wzq","jsonPayload":{{"bytes_sent":"{bytes}","connection":{{"dest_ip":"{destination}","dest_port":{to},"protocol":6,"src_ip":"{source}","src_port":{from}}},"dest_google_service":{{"connectivity":"PUBLIC_IP","type":"GOOGLE_API"}},"end_time":"2026-09-21T14:13:55.813103387Z","packets_sent":"{packets}","reporter":"SRC","rtt_msec":"3","src_instance":{{"managed_instance_group":{{"name":"frontend-mig","region":"us-central1"}},"project_id":"example-project","region":"us-central1","vm_name":"frontend-{interface:04x}","zone":"us-central1-c"}},"src_vpc":{{"project_id":"example-project","subnetwork_name":"frontend-subnet","subnetwork_region":"us-central1","vpc_name":"production"}},"start_time":"2026-09-21T14:13:00.618334505Z"}},"logName":"projects/example-project/logs/compute.googleapis.com%2Fvpc_flows","receiveTimestamp":"2026-09-21T14:14:01.160200757Z","resource":{{"labels":{{"location":"us-central1","project_id":"example-project","subnetwork_id":"3489268495624148348","subnetwork_name":"frontend-subnet"}},"type":"gce_subnetwork"}},"timestamp":"2026-09-21T14:14:01.160200757Z"}}"#
        );
        let _ = writeln!(
            oci,
            r#"{{"datetime":{start}000,"logContent":{{"data":{{"action":"ACCEPT","bytesOut":{bytes},"destinationAddress":"{destination}","destinationPort":{to},"endTime":{end},"flowid":"75d72a74","packets":{packets},"protocol":6,"protocolName":"TCP","sourceAddress":"{source}","sourcePort":{from},"startTime":{start},"status":"OK","version":"2"}},"id":"159f15e5-{interface:x}","oracle":{{"compartmentid":"ocid1.compartment.oc1..aaaaaaaap3ng5unawee4vgjyynn3l4htp2ejqy3a5rxkra3zfxzwyc6crraa","ingestedtime":"2026-09-21T14:14:24.573Z","loggroupid":"ocid1.loggroup.oc1.phx.amaaaaaaa752xmyaxu5d2snrezxfsrms3g5rnad3d6mu5aj4pum6d3er2ueq","logid":"ocid1.log.oc1.phx.amaaaaaaa752xmyaewrujrk5utqfggr64k6b2m3iedpi2dnvet2lnljtnoqa","tenantid":"ocid1.tenancy.oc1..aaaaaaaaebxriz7y7egelwfkjdbnjdvq6k5vaaxo3o35fvfzf3g7ryvxevka","vniccompartmentocid":"ocid1.compartment.oc1..aaaaaaaap3ng5unawee4vgjyynn3l4htp2ejqy3a5rxkra3zfxzwyc6crraa","vnicocid":"ocid1.vnic.oc1.phx.{interface:x}ao7pa5gxnwnygbjjxxulmx3hazqupmy5pya2ijmfyqedrxge2a","vnicsubnetocid":"ocid1.subnet.oc1.phx.aaaaaaaac4urlt7pz44x6pgolftcvmpbnmw5ze3tndjemwciar6ox4s6gs7q"}},"source":"-","specversion":"1.0","time":"2026-09-21T14:13:20.000Z","type":"com.oraclecloud.vcn.flowlogs.DataEvent"}}}}"#
        );
    }
    measure("AWS version 2", Format::Aws, v2.as_bytes());
    measure("AWS version 5", Format::Aws, v5.as_bytes());
    for (what, format, text) in [("GCP", Format::Gcp, &gcp), ("OCI", Format::Oci, &oci)] {
        let (own, tree) = (measure(what, format, text.as_bytes()), trees(text));
        println!("{what}: {:.1} times as fast as trees of serde_json, {tree:.0} MB/s", own / tree);
    }
}

/// Megabytes a second in which serde_json makes trees of the lines.
fn trees(text: &str) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let begun = Instant::now();
        for line in text.lines() {
            let value = serde_json::from_slice::<serde_json::Value>(line.as_bytes());
            black_box(value.expect("JSON"));
        }
        best = best.min(begun.elapsed().as_secs_f64());
    }
    text.len() as f64 / best / 1e6
}

fn measure(what: &str, format: Format, text: &[u8]) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..9 {
        let mut flows = Flows::new(format.source());
        let mut decoder = Decoder::new(format, "object", &Hints::default());
        let mut rows = 0;
        let begun = Instant::now();
        for piece in text.chunks(256 << 10) {
            decoder.feed(piece, &mut flows);
            flows.take(false, |batch| rows += black_box(batch).len());
        }
        decoder.finish(&mut flows);
        flows.take(true, |batch| rows += black_box(batch).len());
        best = best.min(begun.elapsed().as_secs_f64());
        assert_eq!(rows, RECORDS);
    }
    let nanoseconds = best * 1e9 / RECORDS as f64;
    let speed = text.len() as f64 / best / 1e6;
    println!(
        "{what}: {nanoseconds:.0} ns a record, {:.2} M records/s, {speed:.0} MB/s",
        1e3 / nanoseconds,
    );
    speed
}
