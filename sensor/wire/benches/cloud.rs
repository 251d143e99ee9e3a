//! How fast flow logs of clouds are decoded on one core, from memory. An argument names the rows to measure: `cargo bench --bench cloud -- Azure`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{fmt::Write as _, hint::black_box, sync::Arc};

use sensor_core::flow::batch::FlowBatch;
use sensor_wire::cloud::{
    decoder::{Decoder, Hints, Table},
    flows::Flows,
    format::Format,
};

mod made;
#[path = "../src/cloud/columnar/testing.rs"]
mod testing;

const RECORDS: u64 = 200_000;

fn main() {
    let [v2, v5] = made::logs(RECORDS);
    for (what, text) in [("AWS version 2", &v2), ("AWS version 5", &v5)] {
        measure(what, text.len(), |rows| stream(text.as_bytes(), rows));
    }
    let messages = made::subscription(&v2);
    measure("AWS version 2, CloudWatch", messages.len(), |rows| stream(messages.as_bytes(), rows));
    for (what, text) in [("AWS version 2, Parquet", &v2), ("AWS version 5, Parquet", &v5)] {
        if !is_wanted(what) {
            continue;
        }
        let file = testing::parquet(text, &testing::Writing::default());
        let octets = Arc::new(file);
        measure(what, octets.len(), |rows| table(&octets, rows));
    }
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let [gcp, oci] = google_and_oracle(&mut random);
    for (what, format, text) in [
        ("Google Cloud", Format::Gcp, gcp),
        ("Oracle Cloud", Format::Oci, oci),
        ("Azure, virtual network", Format::Azure, azure(&mut random)),
        ("IBM Cloud", Format::Ibm, ibm(&mut random)),
    ] {
        measure_json(what, format, &text);
    }
}

/// A line a record.
fn google_and_oracle(random: &mut impl FnMut(u64) -> u64) -> [String; 2] {
    let (mut gcp, mut oci) = (String::new(), String::new());
    for row in 0..RECORDS {
        let interface = random(400);
        let mut address = || format!("10.{}", [(); 3].map(|()| random(256).to_string()).join("."));
        let (source, destination) = (address(), address());
        let (from, to) = (1024 + random(64_000), 1 + random(1023));
        let magnitude = random(16);
        let packets = 1 + random(1 << magnitude);
        let bytes = packets * (40 + random(1400));
        let (start, end) = (1_790_000_000 + row / 1000, 1_790_000_055 + row / 1000);
        let _ = writeln!(
            gcp,
            r#"{{"insertId":"{interface:x}qyqi95f436wzq","jsonPayload":{{"bytes_sent":"{bytes}","connection":{{"dest_ip":"{destination}","dest_port":{to},"protocol":6,"src_ip":"{source}","src_port":{from}}},"dest_google_service":{{"connectivity":"PUBLIC_IP","type":"GOOGLE_API"}},"end_time":"2026-09-21T14:13:55.813103387Z","packets_sent":"{packets}","reporter":"SRC","rtt_msec":"3","src_instance":{{"managed_instance_group":{{"name":"frontend-mig","region":"us-central1"}},"project_id":"example-project","region":"us-central1","vm_name":"frontend-{interface:04x}","zone":"us-central1-c"}},"src_vpc":{{"project_id":"example-project","subnetwork_name":"frontend-subnet","subnetwork_region":"us-central1","vpc_name":"production"}},"start_time":"2026-09-21T14:13:00.618334505Z"}},"logName":"projects/example-project/logs/compute.googleapis.com%2Fvpc_flows","receiveTimestamp":"2026-09-21T14:14:01.160200757Z","resource":{{"labels":{{"location":"us-central1","project_id":"example-project","subnetwork_id":"3489268495624148348","subnetwork_name":"frontend-subnet"}},"type":"gce_subnetwork"}},"timestamp":"2026-09-21T14:14:01.160200757Z"}}"#
        );
        let _ = writeln!(
            oci,
            r#"{{"datetime":{start}000,"logContent":{{"data":{{"action":"ACCEPT","bytesOut":{bytes},"destinationAddress":"{destination}","destinationPort":{to},"endTime":{end},"flowid":"75d72a74","packets":{packets},"protocol":6,"protocolName":"TCP","sourceAddress":"{source}","sourcePort":{from},"startTime":{start},"status":"OK","version":"2"}},"id":"159f15e5-{interface:x}","oracle":{{"compartmentid":"ocid1.compartment.oc1..aaaaaaaap3ng5unawee4vgjyynn3l4htp2ejqy3a5rxkra3zfxzwyc6crraa","ingestedtime":"2026-09-21T14:14:24.573Z","loggroupid":"ocid1.loggroup.oc1.phx.amaaaaaaa752xmyaxu5d2snrezxfsrms3g5rnad3d6mu5aj4pum6d3er2ueq","logid":"ocid1.log.oc1.phx.amaaaaaaa752xmyaewrujrk5utqfggr64k6b2m3iedpi2dnvet2lnljtnoqa","tenantid":"ocid1.tenancy.oc1..aaaaaaaaebxriz7y7egelwfkjdbnjdvq6k5vaaxo3o35fvfzf3g7ryvxevka","vniccompartmentocid":"ocid1.compartment.oc1..aaaaaaaap3ng5unawee4vgjyynn3l4htp2ejqy3a5rxkra3zfxzwyc6crraa","vnicocid":"ocid1.vnic.oc1.phx.{interface:x}ao7pa5gxnwnygbjjxxulmx3hazqupmy5pya2ijmfyqedrxge2a","vnicsubnetocid":"ocid1.subnet.oc1.phx.aaaaaaaac4urlt7pz44x6pgolftcvmpbnmw5ze3tndjemwciar6ox4s6gs7q"}},"source":"-","specversion":"1.0","time":"2026-09-21T14:13:20.000Z","type":"com.oraclecloud.vcn.flowlogs.DataEvent"}}}}"#
        );
    }
    [gcp, oci]
}

/// A blob of an hour of an interface: a record a minute, in which most flows begin, go on or end.
fn azure(random: &mut impl FnMut(u64) -> u64) -> String {
    const GROUPS: u64 = 5;
    const TUPLES: u64 = RECORDS / 60 / GROUPS;
    let mut text = "{\"records\":[".to_owned();
    for minute in 0..60 {
        let _ = write!(
            text,
            r#"{}{{"time":"2026-06-28T15:{minute:02}:51.4000000Z","flowLogVersion":4,"flowLogGUID":"66aa66aa-bb77-cc88-dd99-00ee00ee00ee","macAddress":"00224871C205","category":"FlowLogFlowEvent","flowLogResourceID":"/SUBSCRIPTIONS/AAAA0A0A-BB1B-CC2C-DD3D-EEEEEE4E4E4E/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_EASTUS/FLOWLOGS/VNETFLOWLOG","targetResourceID":"/subscriptions/aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e/resourceGroups/myResourceGroup/providers/Microsoft.Network/virtualNetworks/myVNet","operationName":"FlowLogFlowEvent","flowRecords":{{"flows":[{{"aclID":"00aa00aa-bb11-cc22-dd33-44ee44ee44ee","flowGroups":["#,
            if minute == 0 { "" } else { "," }
        );
        for group in 0..GROUPS {
            let _ = write!(
                text,
                r#"{}{{"rule":"UserRule_allow-{group}","flowTuples":["#,
                if group == 0 { "" } else { "," }
            );
            for tuple in 0..TUPLES {
                let time = 1_782_658_800_000 + minute * 60_000 + tuple * 60_000 / TUPLES;
                let (host, port) = (random(200), 1024 + random(4000));
                let (packets, magnitude) = (1 + random(2000), 40 + random(1400));
                let (part, counts) = match random(3) {
                    0 => ('B', "0,0,0,0".to_owned()),
                    part => (
                        if part == 1 { 'C' } else { 'E' },
                        format!("{packets},{},{packets},{}", packets * magnitude, packets * 60),
                    ),
                };
                let _ = write!(
                    text,
                    r#"{}"{time},10.240.{group}.{host},10.0.0.4,{port},443,6,I,{part},NX,{counts}""#,
                    if tuple == 0 { "" } else { "," }
                );
            }
            text.push_str("]}");
        }
        text.push_str("]}]}}");
    }
    text + "]}"
}

/// Objects of some hundred entries each.
fn ibm(random: &mut impl FnMut(u64) -> u64) -> String {
    const ENTRIES: u64 = 250;
    let mut text = String::new();
    for object in 0..RECORDS / ENTRIES / 2 {
        let _ = write!(
            text,
            r#"{{"version":"0.0.1","collector_crn":"crn:v1:bluemix:public:is:us-south:a/0a1b::flow-log-collector:r006-c","attached_endpoint_type":"vnic","network_interface_id":"0727-n{object}","instance_crn":"crn:v1:bluemix:public:is:us-south-2:a/0a1b::instance:0727_i","vpc_crn":"crn:v1:bluemix:public:is:us-south:a/0a1b::vpc:r006-v","capture_start_time":"2026-06-28T15:00:18Z","capture_end_time":"2026-06-28T15:05:18Z","state":"ok","number_of_flow_logs":{ENTRIES},"flow_logs":["#
        );
        for entry in 0..ENTRIES {
            let (host, port, packets) = (random(200), 1024 + random(60_000), 1 + random(3000));
            let (octets, back) = (packets * (40 + random(1400)), packets * 60);
            let _ = write!(
                text,
                r#"{}{{"start_time":"2026-06-28T15:00:34Z","end_time":"2026-06-28T15:04:49Z","connection_start_time":"2026-06-28T14:00:00Z","direction":"O","action":"accepted","initiator_ip":"10.240.128.{host}","target_ip":"161.26.0.10","initiator_port":{port},"target_port":53,"transport_protocol":17,"ether_type":"IPv4","was_initiated":false,"was_terminated":true,"bytes_from_initiator":{octets},"packets_from_initiator":{packets},"bytes_from_target":{back},"packets_from_target":{packets},"cumulative_bytes_from_initiator":{octets},"cumulative_packets_from_initiator":{packets},"cumulative_bytes_from_target":{back},"cumulative_packets_from_target":{packets}}}"#,
                if entry == 0 { "" } else { "," }
            );
        }
        text.push_str("]}\n");
    }
    text
}

/// Seconds that this thread has had a processor: others may want it as well.
fn processor() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Whether this row is to be measured.
fn is_wanted(what: &str) -> bool {
    let mut names =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    names.peek().is_none() || names.any(|name| what.contains(&name))
}

/// Beside serde_json, which makes a tree of the same text.
fn measure_json(what: &str, format: Format, text: &str) {
    if !is_wanted(what) {
        return;
    }
    let (mut own, mut tree) = (f64::INFINITY, f64::INFINITY);
    let mut records = 0;
    for _ in 0..9 {
        let mut flows = Flows::new(format.source());
        let mut decoder = Decoder::new(format, "object", &Hints::default());
        let begun = processor();
        for piece in text.as_bytes().chunks(256 << 10) {
            decoder.feed(piece, &mut flows);
            flows.take(false, |batch| drop(black_box(batch)));
        }
        decoder.finish(&mut flows);
        flows.take(true, |batch| drop(black_box(batch)));
        own = own.min(processor() - begun);
        records = flows.ledgers().map(|(_, ledger)| ledger.records).sum();
        assert_eq!(flows.ledgers().map(|(_, ledger)| ledger.all_errors()).sum::<u64>(), 0);
        let begun = processor();
        for value in serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>() {
            black_box(value.expect("JSON"));
        }
        tree = tree.min(processor() - begun);
    }
    let speed = |seconds: f64| text.len() as f64 / seconds / 1e6;
    println!(
        "{what}: {:.0} ns a record, {:.0} MB/s; a tree of it by serde_json: {:.0} MB/s ({:.1} times as long)",
        own * 1e9 / records as f64,
        speed(own),
        speed(tree),
        tree / own
    );
}

fn stream(text: &[u8], mut rows: impl FnMut(FlowBatch)) {
    let mut flows = Flows::new(Format::Aws.source());
    let mut decoder = Decoder::new(Format::Aws, "object", &Hints::default());
    for piece in text.chunks(256 << 10) {
        decoder.feed(piece, &mut flows);
        flows.take(false, &mut rows);
    }
    decoder.finish(&mut flows);
    flows.take(true, rows);
}

fn table(octets: &Arc<Vec<u8>>, mut rows: impl FnMut(FlowBatch)) {
    let mut flows = Flows::new(Format::Aws.source());
    let mut table = Table::open(octets.clone(), "object", &mut flows).expect("a table");
    while table.read(&mut flows).expect("rows") {
        flows.take(false, &mut rows);
    }
    flows.take(true, rows);
}

fn measure(what: &str, octets: usize, decode: impl Fn(&mut dyn FnMut(FlowBatch))) {
    if !is_wanted(what) {
        return;
    }
    let mut best = f64::INFINITY;
    for _ in 0..9 {
        let mut rows = 0;
        let begun = processor();
        decode(&mut |batch| rows += black_box(batch).len() as u64);
        best = best.min(processor() - begun);
        assert_eq!(rows, RECORDS);
    }
    let nanoseconds = best * 1e9 / RECORDS as f64;
    println!(
        "{what}: {nanoseconds:.0} ns a record, {:.2} M records/s, {:.0} MB/s",
        1e3 / nanoseconds,
        octets as f64 / best / 1e6
    );
}
