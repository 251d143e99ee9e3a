//! Every format of cloud flow logs, read as every other, and read back from the IPFIX files to which it was exported.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Map, Value};

use crate::program;

/// A format, and an object of it whose records become this many flows.
const SAMPLES: [(&str, &str, usize); 5] = [
    (
        "aws",
        "version vpc-id subnet-id instance-id tcp-flags srcaddr dstaddr pkt-srcaddr pkt-dstaddr region az-id flow-direction traffic-path account-id interface-id srcport dstport protocol packets bytes start end action log-status\n\
         5 vpc-a subnet-a i-a 3 10.0.0.1 10.0.1.2 10.0.0.7 10.0.1.2 us-east-1 use1-az1 egress 8 123456789012 eni-1 40000 22 6 20 4249 1790000000 1790000060 REJECT OK\n\
         5 vpc-b subnet-b i-b - 10.0.0.3 10.0.1.4 - - us-east-1 use1-az1 ingress - 123456789012 eni-2 0 0 1 2 168 1790000000 1790000061 ACCEPT OK\n\
         5 vpc-b subnet-b i-b - 10.0.0.3 10.0.1.5 - - us-east-1 use1-az1 ingress - 123456789012 eni-2 53 40000 17 2 168 1790000000 1790000062 ACCEPT OK\n",
        3,
    ),
    (
        "azure",
        r#"{"records":[{"time":"2026-06-28T15:00:35Z","systemId":"a0fc","category":"NetworkSecurityGroupFlowEvent","resourceId":"/SUBSCRIPTIONS/0A-1B/RESOURCEGROUPS/WEB/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/VM1-NSG","operationName":"NetworkSecurityGroupFlowEvents","properties":{"Version":2,"flows":[{"rule":"DefaultRule_DenyAllInBound","flows":[{"mac":"000D3AF87856","flowTuples":["1782658829,185.170.185.105,10.2.0.4,35370,23,T,I,D,B,,,,","1782658831,13.67.143.118,10.2.0.4,443,443,T,O,A,E,1,66,2,120"]}]}]}}]}"#,
        3,
    ),
    (
        "gcp",
        r#"{"insertId":"a","jsonPayload":{"bytes_sent":"1776","packets_sent":"7","connection":{"src_ip":"10.0.0.5","dest_ip":"203.0.113.7","src_port":40000,"dest_port":443,"protocol":6},"start_time":"2026-06-28T15:00:00.5Z","end_time":"2026-06-28T15:00:09.25Z","reporter":"SRC","src_instance":{"project_id":"p","region":"europe-west1","vm_name":"vm","zone":"europe-west1-b"},"src_vpc":{"project_id":"p","subnetwork_name":"front","vpc_name":"prod"},"network_service":{"dscp":0}},"logName":"projects/p/logs/compute.googleapis.com%2Fvpc_flows","resource":{"type":"gce_subnetwork","labels":{"project_id":"p"}}}"#,
        1,
    ),
    (
        "ibm",
        r#"{"version":"0.0.1","collector_crn":"crn:v1:bluemix:public:is:us-south:a/0a1b::flow-log-collector:r006-c","attached_endpoint_type":"vnic","network_interface_id":"0727-n","instance_crn":"crn:v1:bluemix:public:is:us-south-2:a/0a1b::instance:0727_i","vpc_crn":"crn:v1:bluemix:public:is:us-south:a/0a1b::vpc:r006-v","capture_start_time":"2026-06-28T15:00:18Z","capture_end_time":"2026-06-28T15:05:18Z","state":"ok","number_of_flow_logs":1,"flow_logs":[{"start_time":"2026-06-28T15:00:34Z","end_time":"2026-06-28T15:00:49.5Z","connection_start_time":"2026-06-28T14:00:00Z","direction":"O","action":"accepted","initiator_ip":"10.240.128.4","target_ip":"161.26.0.10","initiator_port":36919,"target_port":53,"transport_protocol":17,"ether_type":"IPv4","was_initiated":false,"was_terminated":false,"bytes_from_initiator":288,"packets_from_initiator":4,"bytes_from_target":441,"packets_from_target":3,"cumulative_bytes_from_initiator":9288,"cumulative_packets_from_initiator":94,"cumulative_bytes_from_target":9441,"cumulative_packets_from_target":93}]}"#,
        2,
    ),
    (
        "oci",
        r#"{"datetime":1782658800000,"logContent":{"data":{"action":"ACCEPT","bytesOut":1000,"destinationAddress":"192.0.2.9","destinationPort":443,"endTime":1782658860,"flowid":"f","packets":5,"protocol":6,"protocolName":"TCP","sourceAddress":"10.0.0.4","sourcePort":50000,"startTime":1782658800,"status":"OK","version":"2"},"id":"i","oracle":{"compartmentid":"ocid1.compartment.a","vniccompartmentocid":"ocid1.compartment.a","vnicocid":"ocid1.vnic.a","vnicsubnetocid":"ocid1.subnet.a","tenantid":"ocid1.tenancy.a"},"source":"-","specversion":"1.0","time":"2026-06-28T15:00:00Z","type":"com.oraclecloud.vcn.flowlogs.DataEvent"}}"#,
        1,
    ),
];

/// What `sensor ARGUMENTS FILE` says, and its exit code.
fn sensor(arguments: &[&str], files: &[&Path]) -> (Option<i32>, String, String) {
    let output = program::sensor(arguments, files);
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn flows(text: &str) -> Vec<Map<String, Value>> {
    text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

#[test]
fn what_is_read_as_another_format_is_no_flow_and_a_failure_with_a_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    for (format, text, count) in SAMPLES {
        let file = directory.path().join(format);
        fs::write(&file, text).expect("written");
        for (other, ..) in SAMPLES {
            for verb in ["decode", "replay"] {
                let arguments = match verb {
                    "decode" => vec![verb, "--as", other, "--format", "json"],
                    _ => vec![verb, "--as", other, "--print", "flows"],
                };
                let (code, out, errors) = sensor(&arguments, &[&file]);
                let place = format!("{format} as {other}, {verb}: {out}{errors}");
                if other == format {
                    assert_eq!((code, out.lines().count()), (Some(0), count), "{place}");
                    continue;
                }
                assert_eq!((code, out.as_str()), (Some(1), ""), "{place}");
                // That all of them are errors is no fault of the account.
                assert!(!errors.contains("OUT OF BALANCE"), "{place}");
                let said = errors.split("no record became a flow (").nth(1);
                let reasons = said.and_then(|said| said.split(')').next()).expect(&place);
                assert!(reasons.starts_with(|first: char| first.is_ascii_digit()), "{place}");
                assert!(!errors.contains("NODATA") && !errors.contains("SKIPDATA"), "{place}");
            }
        }
    }
}

/// Fields that say who told of a flow, and when; names that follow from these; and flags that clouds do not tell, for which
/// the element has bits all the same.
const OF_THE_TELLER: [&str; 14] = [
    "flowrtime",
    "flowtype",
    "flowversion",
    "flowsrcname",
    "flowsrcip",
    "interface",
    "inputname",
    "outputname",
    "site",
    "tags",
    "tcpflags.cwr",
    "tcpflags.ece",
    "tcpflags.ns",
    "tcpflags.psh",
];

#[test]
fn what_is_exported_of_a_cloud_is_read_back_with_the_same_fields() {
    for (format, text, count) in SAMPLES {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("log"), text).expect("written");
        fs::write(path("sensor.toml"), "[ipfix_file]\ndirectory = 'ipfix'\n").expect("written");
        let config = path("sensor.toml").display().to_string();
        let (code, _, errors) = sensor(&["replay", "--config", &config], &[&path("log")]);
        assert_eq!(code, Some(0), "{format}: {errors}");
        let (_, told, _) = sensor(&["decode", "--format", "json"], &[&path("log")]);
        let entries = fs::read_dir(path("ipfix")).expect("files");
        let files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        let files: Vec<_> = files.iter().map(|file| file.as_path()).collect();
        let (code, read, errors) = sensor(&["decode", "--format", "json"], &files);
        assert_eq!(code, Some(0), "{format}: {errors}");
        let by_flow = |text: &str| {
            let flows = flows(text).into_iter().map(|mut flow| {
                let is_of_teller = |name: &str| {
                    OF_THE_TELLER.contains(&name) || matches!(name, "tcpflags.ack" | "tcpflags.urg")
                };
                flow.retain(|name, _| !is_of_teller(name));
                (format!("{} {} {}", flow["srcip"], flow["dstip"], flow["timestamp"]), flow)
            });
            flows.collect::<BTreeMap<_, _>>()
        };
        let (told, read) = (by_flow(&told), by_flow(&read));
        assert_eq!(told.len(), count, "{format}");
        assert_eq!(read, told, "{format}");
    }
}
