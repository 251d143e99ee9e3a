//! Logs whose records tell both directions of a flow: Azure and IBM Cloud.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

use crate::{
    packed::gzip,
    program::{self, errors, lines, piped, sensor},
};

/// When the first hour of the logs begins, milliseconds since the epoch: 2026-06-28T15:00:00Z.
const BEGIN: u64 = 1_782_658_800_000;

/// A record of an Azure virtual network.
fn vnet(tuples: &[String]) -> String {
    format!(
        r#"{{"time":"2026-06-28T15:00:51Z","flowLogVersion":4,"macAddress":"00224871C205","flowLogResourceID":"/SUBSCRIPTIONS/0A-1B/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_EASTUS/FLOWLOGS/FLOWS","targetResourceID":"/subscriptions/0a-1b/resourceGroups/Web/providers/Microsoft.Network/virtualNetworks/Prod","flowRecords":{{"flows":[{{"aclID":"00aa","flowGroups":[{{"rule":"Web","flowTuples":["{}"]}}]}}]}}}}"#,
        tuples.join(r#"",""#)
    )
}

fn blob(records: &[String]) -> String {
    format!("{{\"records\":[{}]}}", records.join(","))
}

/// A container with the blobs of two hours, which lie in folders by time: the connection that begins in the first one ends in the
/// second.
fn container() -> (tempfile::TempDir, [PathBuf; 2]) {
    let folder = tempfile::tempdir().expect("a folder");
    let log =
        "flowLogResourceID=/0A-1B_NETWORKWATCHERRG/NETWORKWATCHER_EASTUS_FLOWS/y=2026/m=06/d=28";
    let tuple = |after: u64, port: u16, end: &str| {
        format!("{},198.51.100.7,10.0.0.4,{port},443,6,I,{end}", BEGIN + after)
    };
    let first = blob(&[
        vnet(&[tuple(0, 40_000, "B,NX,0,0,0,0"), tuple(1000, 22, "D,NX,0,0,0,0")]),
        vnet(&[tuple(300_000, 40_000, "C,NX,10,600,20,24000")]),
    ]);
    let second = blob(&[vnet(&[tuple(3_900_000, 40_000, "E,NX,5,300,0,0"), "x".to_owned()])]);
    let paths = [("15", first), ("16", second)].map(|(hour, text)| {
        let path = folder.path().join(log).join(format!("h={hour}/m=00/macAddress=00224871C205"));
        fs::create_dir_all(&path).expect("a folder");
        let path = path.join("PT1H.json");
        fs::write(&path, text).expect("a file");
        path
    });
    (folder, paths)
}

#[test]
fn a_connection_goes_on_from_blob_to_blob() {
    let (folder, paths) = container();
    let whole = sensor(&["decode", "--format", "json"], &[folder.path()]);
    assert!(whole.status.success(), "{}", errors(&whole));
    let mut shown = String::new();
    for flow in lines(&whole) {
        let start =
            flow["start"].as_u64().map_or("-".to_owned(), |start| (start - BEGIN).to_string());
        let end = flow["end"].as_u64().expect("an end") - BEGIN;
        let [source, packets, action] =
            ["srcip", "packets", "action"].map(|key| flow[key].to_string());
        let _ = writeln!(shown, "{source} {packets} {action} {start} {end}");
        assert_eq!(
            (&flow["flowtype"], &flow["vpcid"], &flow["interfaceid"], &flow["clientip"]),
            (&"azure-vnet".into(), &"prod".into(), &"00224871C205".into(), &"198.51.100.7".into())
        );
    }
    let expected = "\"198.51.100.7\" 0 \"rejected\" - 1000\n\
        \"198.51.100.7\" 10 \"accepted\" 0 300000\n\
        \"10.0.0.4\" 20 \"accepted\" 0 300000\n\
        \"198.51.100.7\" 5 \"accepted\" 300000 3900000\n";
    assert_eq!(shown, expected);
    // The later blob first: nothing is known then of what was told before.
    let [first, second] = &paths;
    let turned = sensor(&["decode", "--as", "azure", "--format", "json"], &[second, first]);
    assert!(lines(&turned)[0].get("start").is_none(), "{}", errors(&turned));
}

#[test]
fn the_ledger_accounts_for_every_tuple() {
    let (folder, paths) = container();
    let output = sensor(&["decode", "--ledger"], &[folder.path()]);
    let expected = format!(
        "log 0a-1b/networkwatcher_eastus/flows\n\
         \x20 read                                     5 records\n\
         \x20 = flows                                  3 records\n\
         \x20 + begin or end, no packets               1 records\n\
         \x20 + no plausible time                      1 records\n\
         \x20 4 flows in one direction each\n\
         total\n\
         \x20 read                                     5 records\n\
         \x20 = flows                                  3 records\n\
         \x20 + begin or end, no packets               1 records\n\
         \x20 + no plausible time                      1 records\n\
         \x20 4 flows in one direction each\n\
         \x20 {}:2: no plausible time: x\n\
         balanced: every record is accounted for\n",
        paths[1].display()
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    let summary =
        "2 files, 5 records of 1 log: 4 flows; 1 begin or end, no packets; 1 no plausible time";
    assert!(errors(&output).contains(summary), "{}", errors(&output));
}

#[test]
fn queries_find_what_the_logs_tell() {
    let (folder, _) = container();
    for (query, count) in [
        ("flowtype == azure-vnet", 4),
        ("action == rejected && dstport == 443", 1),
        ("rule == Web && accountid == 0a-1b", 4),
        ("encryption == NX && flowstate == end", 1),
        ("initiator == dst", 1),
        ("region == eastus && direction == egress", 1),
    ] {
        let output = sensor(&["replay", "--format", "json", "--filter", query], &[folder.path()]);
        assert_eq!(lines(&output).len(), count, "{query}: {}", errors(&output));
    }
}

/// An object of IBM Cloud.
fn ibm(state: &str, announced: u64, entries: u64) -> String {
    let entries: Vec<_> = (0..entries)
        .map(|entry| {
            format!(
                r#"{{"start_time":"2026-06-28T15:00:34Z","end_time":"2026-06-28T15:00:49Z","connection_start_time":"2026-06-28T15:00:34Z","direction":"O","action":"accepted","initiator_ip":"10.240.128.4","target_ip":"161.26.0.10","initiator_port":{},"target_port":53,"transport_protocol":17,"ether_type":"IPv4","was_initiated":true,"was_terminated":false,"bytes_from_initiator":288,"packets_from_initiator":4,"bytes_from_target":441,"packets_from_target":3,"cumulative_bytes_from_initiator":288,"cumulative_packets_from_initiator":4,"cumulative_bytes_from_target":441,"cumulative_packets_from_target":3}}"#,
                40_000 + entry
            )
        })
        .collect();
    format!(
        r#"{{"version":"0.0.1","collector_crn":"crn:v1:bluemix:public:is:us-south:a/0a1b::flow-log-collector:r006-c","network_interface_id":"0727-n","instance_crn":"crn:v1:bluemix:public:is:us-south-2:a/0a1b::instance:0727_i","vpc_crn":"crn:v1:bluemix:public:is:us-south:a/0a1b::vpc:r006-v","capture_start_time":"2026-06-28T15:00:18Z","capture_end_time":"2026-06-28T15:05:18Z","state":"{state}","number_of_flow_logs":{announced},"flow_logs":[{}]}}"#,
        entries.join(",")
    )
}

#[test]
fn an_object_of_ibm_that_lacks_entries_says_how_many() {
    let folder = tempfile::tempdir().expect("a folder");
    let hour = folder.path().join("ibm_vpc_flowlogs_v1/account=0a1b/region=us-south/vpc-id=crn%3Av1%3Abluemix%3Apublic%3Ais%3Aus-south%3Aa%2F0a1b%3A%3Avpc%3Ar006-v/record-type=all/year=2026/month=06/day=28/hour=15");
    fs::create_dir_all(&hour).expect("a folder");
    for (name, text) in [("00000001.gz", ibm("ok", 3, 1)), ("00000002.gz", ibm("skip data", 0, 0))]
    {
        fs::write(hour.join(name), gzip(&text)).expect("a file");
    }
    let output = sensor(&["decode", "--ledger"], &[folder.path()]);
    let expected = format!(
        "log 0a1b/r006-c\n\
         \x20 read                                     4 records\n\
         \x20 = flows                                  1 records\n\
         \x20 + SKIPDATA                               1 records\n\
         \x20 + announced, but not there               2 records\n\
         \x20 2 flows in one direction each\n\
         total\n\
         \x20 read                                     4 records\n\
         \x20 = flows                                  1 records\n\
         \x20 + SKIPDATA                               1 records\n\
         \x20 + announced, but not there               2 records\n\
         \x20 2 flows in one direction each\n\
         \x20 {}:1: announced, but not there: 2 of 3\n\
         balanced: every record is accounted for\n",
        hour.join("00000001.gz").display()
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    let summary = "2 flows; 1 SKIPDATA; 2 announced, but not there";
    assert!(errors(&output).contains(summary), "{}", errors(&output));
    let flows = lines(&sensor(&["decode", "--format", "json"], &[folder.path()]));
    assert_eq!((&flows[1]["flowtype"], &flows[1]["srcip"]), (&"ibm".into(), &"161.26.0.10".into()));
    assert_eq!((&flows[1]["packets"], &flows[1]["initiator"]), (&3.into(), &"dst".into()));
}

#[test]
fn standard_input_needs_the_name_of_the_format() {
    for (name, text, rows) in [
        ("azure", blob(&[vnet(&[format!("{BEGIN},10.0.0.4,10.0.0.5,1,2,6,O,E,NX,1,40,1,40")])]), 2),
        ("ibm", ibm("ok", 1, 1), 2),
    ] {
        for named in [name, "cloud"] {
            let output = piped(&["decode", "--as", named, "--format", "json"], &text);
            assert_eq!(lines(&output).len(), rows, "{name}: {}", errors(&output));
        }
    }
}

/// Policies of the stock library that fire on a blob.
fn fired(text: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("PT1H.json");
    fs::write(&path, text).expect("a file");
    let output =
        sensor(&["replay", "--policies", "stock", "--print", "hits", "--format", "json"], &[&path]);
    program::fired(&output)
}

#[test]
fn ordinary_connections_fire_no_policy_of_flags_or_floods() {
    // One client, many servers and ports, each connection whole and answered, or denied.
    for end in ["E,NX,12,3000,10,9000", "C,NX,12,3000,10,9000", "D,NX,0,0,0,0"] {
        let tuple = |number: u64| {
            let server = format!("10.0.{}.{}", number / 100 + 1, number % 100 + 1);
            let (time, port) = (BEGIN + number * 100, 40_000 + number);
            format!("{time},203.0.114.7,{server},{port},{},6,I,{end}", 8000 + number % 3)
        };
        let fired = fired(&blob(&[vnet(&(0..400).map(tuple).collect::<Vec<_>>())]));
        let flags = ["tcp_null_scan", "tcp_fin_scan", "tcp_xmas_scan", "tcp_syn_fin", "syn_flood"];
        let wrong: Vec<_> = flags.iter().filter(|name| fired.contains(**name)).collect();
        assert!(wrong.is_empty(), "{end}: {wrong:?} of {fired:?}");
    }
}
