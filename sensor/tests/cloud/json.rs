//! Logs of Google Cloud and Oracle Cloud, as a bucket has them.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    packed::gzip,
    program::{errors, lines, piped, sensor},
};

/// The first second of the logs.
const BEGIN: u64 = 1_790_000_000;

fn gcp(source: &str, port: u16, reporter: &str, packets: u64) -> Value {
    json!({
        "insertId": "a1",
        "jsonPayload": {
            "connection": {"src_ip": source, "src_port": 40_000, "dest_ip": "10.2.0.3", "dest_port": port, "protocol": 6},
            "reporter": reporter, "bytes_sent": (packets * 60).to_string(), "packets_sent": packets.to_string(),
            "start_time": "2026-09-21T14:13:21.618334505Z", "end_time": "2026-09-21T14:13:22.5Z",
            "dest_instance": {"project_id": "shop", "region": "europe-west1", "zone": "europe-west1-b", "vm_name": "web-1"},
            "dest_vpc": {"project_id": "shop", "vpc_name": "production", "subnetwork_name": "front"},
        },
        "logName": "projects/shop/logs/compute.googleapis.com%2Fvpc_flows",
        "timestamp": "2026-09-21T14:13:25.1Z",
    })
}

fn oci(port: u16, action: &str) -> Value {
    json!({"datetime": BEGIN * 1000, "regionId": "eu-frankfurt-1", "logContent": {
        "data": {"action": action, "bytesOut": 540, "destinationAddress": "10.0.0.5", "destinationPort": port,
            "endTime": BEGIN + 20, "packets": 9, "protocol": 6, "protocolName": "TCP", "sourceAddress": "198.51.100.7",
            "sourcePort": 40_000, "startTime": BEGIN, "status": "OK", "version": "2"},
        "id": "1", "source": "-", "specversion": "1.0", "time": "2026-09-21T14:13:20Z",
        "oracle": {"tenantid": "tenancy", "logid": "log", "vnicocid": "vnic-1", "vnicsubnetocid": "subnet-1"},
        "type": "com.oraclecloud.vcn.flowlogs.DataEvent"}})
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, gzip(text)).expect("a file");
}

#[test]
fn buckets_of_two_clouds_hold_their_flows() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let audit = json!({"logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity", "protoPayload": {}});
    let entries = [gcp("198.51.100.7", 443, "DEST", 16), audit, gcp("198.51.100.8", 22, "DEST", 8)];
    let entries: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    write(
        &at("compute.googleapis.com/vpc_flows/2026/09/21/14:00:00_14:59:59_S0.json.gz"),
        &entries,
    );
    write(
        &at("oci/20260921T1413Z.log.gz"),
        &format!("{}\n{}\n", oci(443, "ACCEPT"), oci(22, "REJECT")),
    );
    let output = sensor(&["decode", "--format", "json"], &[folder.path()]);
    assert!(output.status.success(), "{}", errors(&output));
    let flows = lines(&output);
    let told = |kind: &str, key: &str| -> Vec<&Value> {
        flows.iter().filter(|flow| flow["flowtype"] == kind).map(|flow| &flow[key]).collect()
    };
    assert_eq!(told("gcp", "srcip"), ["198.51.100.7", "198.51.100.8"]);
    assert_eq!(told("gcp", "flowsrcname"), ["shop/vpc_flows"; 2]);
    assert_eq!(told("gcp", "instanceid"), ["web-1"; 2]);
    assert_eq!(told("oracle", "action"), ["accepted", "rejected"]);
    assert_eq!(told("oracle", "interfaceid"), ["vnic-1"; 2]);
    let gcp = flows.iter().find(|flow| flow["flowtype"] == "gcp").expect("one");
    for absent in ["action", "tcpflagsint", "tos", "interfaceid", "datastatus", "viaip"] {
        assert!(gcp.get(absent).is_none(), "{absent}");
    }
    let summary = errors(&output);
    let expected = "5 records of 3 logs: 4 flows; 1 of a log that does not tell flows";
    assert!(summary.contains(expected), "{summary}");
    // That is no loss: nothing of the flows is missing.
    assert!(!summary.contains("records that could not be read"), "{summary}");

    let filter = "flowtype == oracle && action == rejected && dstport == 22";
    let output = sensor(&["replay", "--filter", filter, "--format", "json"], &[folder.path()]);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(lines(&output).len(), 1, "{}", errors(&output));
}

#[test]
fn what_is_broken_is_named_with_file_and_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flows.json");
    let good = gcp("198.51.100.7", 443, "DEST", 16).to_string();
    let wrong = good.replace("198.51.100.7", "198.51.100.700");
    fs::write(&path, format!("{good}\n{wrong}\n{}\n{good}\n", &good[..good.len() / 2]))
        .expect("a file");
    let output = sensor(&["decode", "--ledger"], &[&path]);
    assert!(output.status.success(), "{}", errors(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    let address = format!("{}:2: not an address: 198.51.100.700\n", path.display());
    for part in [
        "= flows                                  2 records",
        &address,
        ":3: not in the syntax of the format: {",
        "balanced",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn standard_input_is_read_in_the_format_that_is_named() {
    for (format, text) in
        [("gcp", gcp("10.0.0.9", 1, "SRC", 1).to_string()), ("oci", oci(1, "ACCEPT").to_string())]
    {
        for name in [format, "cloud"] {
            let output = piped(&["decode", "--as", name, "--format", "json"], &text);
            assert_eq!(lines(&output).len(), 1, "{}", errors(&output));
        }
    }
}
