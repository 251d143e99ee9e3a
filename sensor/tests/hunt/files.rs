//! Answers in files, and questions about files.

use std::fs;

use crate::{
    captured,
    support::{Flow, RECORDS, sensor, store},
};

#[test]
fn flows_in_a_parquet_file_are_found_again() {
    let made = store();
    let file = made.path.with_file_name("ssh.parquet");
    let name = file.to_str().unwrap();
    let written = made.hunt(&["dstport == 22", "-o", name, "--limit", "100000"]).well();
    assert_eq!(written.stdout, "");
    let wanted: Vec<&Flow> = made.flows.iter().filter(|flow| flow.ports.1 == 22).collect();
    let question =
        ["--fields", "srcip,dstip,octets,packets", "--format", "csv", "--limit", "100000"];
    let again = sensor(&[&["hunt", "--file", name], &question[..]].concat()).well().stdout;
    assert_eq!(again.lines().count(), 1 + wanted.len());
    let mut expected: Vec<String> = wanted
        .iter()
        .map(|f| format!("{},{},{},{}", f.source, f.destination, f.octets, f.packets))
        .collect();
    let mut found: Vec<String> = again.lines().skip(1).map(str::to_owned).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    // The time of receipt is kept.
    let last = wanted.last().unwrap().received;
    let count = wanted.iter().filter(|flow| flow.received == last).count();
    let from = last.to_string();
    let outcome = sensor(&["hunt", "--file", name, "--from", &from, "--distinct", "srcip"]).well();
    assert_eq!(outcome.lines()[0]["flows"].as_u64(), Some(count as u64));
    let left = fs::read_dir(file.parent().unwrap()).unwrap().count();
    assert_eq!(left, 2, "nothing but the store and the file");
}

#[test]
fn files_of_text_are_whole() {
    let made = store();
    let file = made.path.with_file_name("top.csv");
    made.hunt(&["--top", "5", "--by", "dstport", "-o", file.to_str().unwrap()]).well();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("dstport,octets,packets,flows\n"), "{text}");
    assert_eq!(text.lines().count(), 6);
}

#[test]
fn segments_by_themselves_are_read_without_a_store() {
    let made = store();
    let segments = made.segments();
    let mut arguments = vec!["hunt", "--distinct", "srcip"];
    for segment in &segments {
        arguments.extend(["--file", segment.to_str().unwrap()]);
    }
    let sealed = sensor(&arguments).well().lines()[0]["flows"].as_u64().unwrap();
    assert!(sealed > RECORDS as u64 / 2 && sealed < RECORDS as u64, "{sealed}");
}

/// The same language, whatever the files are: what is found is what the verbs that read them show.
#[test]
fn files_of_others_are_asked_without_import() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, octets: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ask = |arguments: &[&str]| sensor(&[&["hunt"], arguments].concat());
    // Packets.
    let traffic = write("dns.pcap", &captured::dns());
    let all = ask(&["--file", &traffic, "--distinct", "srcip"]).well().lines();
    assert_eq!((all[0]["flows"].as_u64(), all[0]["distinct.srcip"].as_u64()), (Some(12), Some(7)));
    let asked = ask(&["dstport == 53", "--file", &traffic, "--fields", "srcip,octets"]).well();
    let replayed =
        sensor(&["replay", "--filter", "dstport == 53", "--columns", "srcip,octets", &traffic]);
    let sorted = |lines: Vec<String>| {
        let mut lines = lines;
        lines.sort();
        lines
    };
    let lines = asked.lines();
    let cell = |line: &serde_json::Value, key: &str| line[key].to_string().replace('"', "");
    let found =
        lines.iter().map(|line| format!("{},{}", cell(line, "srcip"), cell(line, "octets")));
    let expected = replayed.stdout.lines().skip(1).map(str::to_owned);
    assert_eq!(sorted(found.collect()), sorted(expected.collect()));
    assert_eq!(asked.lines().len(), 6);
    // What is known of addresses without a configuration.
    for query in ["srcinternal == true", "dstinternal == false", "bogondst == true"] {
        let asked = ask(&[query, "--file", &traffic, "--fields", "srcip"]).well().lines();
        let replayed = sensor(&["replay", "--filter", query, "--columns", "srcip", &traffic]);
        assert_eq!(asked.len(), replayed.stdout.lines().count().saturating_sub(1), "{query}");
    }
    let internal = ask(&["srcinternal == true", "--file", &traffic, "--fields", "srcip"]).well();
    assert!(!internal.lines().is_empty());
    // What routers sent.
    let exports = write("exports.pcap", &captured::capture(&[captured::netflow5()]));
    let found = ask(&["srcport == 12345", "--file", &exports, "--as", "exports"]).well().lines();
    assert_eq!(found[0]["srcip"], "10.0.0.1");
    let messages = write("flows.ipfix", &captured::ipfix());
    let found = ask(&["--file", &messages]).well().lines();
    assert_eq!(found[0]["srcip"], "2001:db8::1", "its first octets tell");
    // What a cloud logged.
    let heading = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";
    let line = "2 123456789012 eni-0a1b 10.0.0.9 192.0.2.7 50000 443 6 10 8400 1790000000 1790000060 ACCEPT OK\n";
    let log = write("flows.log", format!("{heading}{line}").as_bytes());
    let found =
        ask(&["dstport == 443", "--file", &log, "--top", "1", "--by", "srcip"]).well().lines();
    assert_eq!(
        (found[0]["srcip"].as_str(), found[0]["octets"].as_u64()),
        (Some("10.0.0.9"), Some(8400))
    );
    let none = ask(&["--file", &log, "--to", "2026-01-01", "--every", "1m"]).well();
    assert_eq!(none.stdout, "");
}

#[test]
fn files_that_cannot_be_asked_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nfcapd.202611300000");
    fs::write(&path, [0x0c, 0xa5, 1, 0, 0, 0, 0, 0]).unwrap();
    let outcome = sensor(&["hunt", "--file", path.to_str().unwrap()]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert!(outcome.stderr.contains("is a file of nfcapd"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("`nfreplay -r "), "{}", outcome.stderr);
    let outcome = sensor(&["hunt", "--file", folder.path().join("absent").to_str().unwrap()]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("cannot read "), "{}", outcome.stderr);
    let made = store();
    let segment = made.segments()[0].to_str().unwrap().to_owned();
    let outcome = sensor(&["hunt", "--file", &segment, "--file", path.to_str().unwrap()]);
    assert_eq!(outcome.code, Some(64), "{}", outcome.stderr);
    let outcome = sensor(&["hunt", "--file", made.path.to_str().unwrap()]);
    assert_eq!(outcome.code, Some(64), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("is a flow store: name it with --store"), "{}", outcome.stderr);
}

#[test]
fn exports_have_every_flow_in_order() {
    let made = store();
    let path = made.path.to_str().unwrap();
    let export = |arguments: &[&str]| {
        sensor(&[&["store", "export", "--store", path], arguments].concat()).well()
    };
    let wanted: Vec<&Flow> = made.flows.iter().filter(|flow| flow.protocol == 17).collect();
    let csv = export(&["protocol == udp", "--format", "csv", "--fields", "srcip,octets"]);
    let lines: Vec<String> =
        wanted.iter().map(|flow| format!("{},{}", flow.source, flow.octets)).collect();
    assert_eq!(csv.stdout.lines().skip(1).collect::<Vec<_>>(), lines);
    assert!(csv.stderr.contains(" records exported in "), "{}", csv.stderr);
    let json = export(&["protocol == udp"]);
    let asked = made.hunt(&["protocol == udp", "--limit", "100000"]).well();
    assert_eq!(json.stdout, asked.stdout, "the keys of the flow log");
    // What was exported as IPFIX is read back.
    let folder = made.path.with_file_name("ipfix");
    export(&["protocol == udp", "--format", "ipfix", "-o", folder.to_str().unwrap()]);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    let mut arguments = vec!["hunt", "--distinct", "srcip"];
    files.iter().for_each(|file| arguments.extend(["--file", file.to_str().unwrap()]));
    let found = sensor(&arguments).well().lines();
    assert_eq!(found[0]["flows"].as_u64(), Some(wanted.len() as u64));
    let octets: u64 = wanted.iter().map(|flow| flow.octets).sum();
    assert_eq!(found[0]["octets"].as_u64(), Some(octets));
    // A segment is a store's file.
    let file = made.path.with_file_name("udp.parquet");
    export(&["protocol == udp", "--format", "parquet", "-o", file.to_str().unwrap()]);
    let found = sensor(&["hunt", "--file", file.to_str().unwrap(), "--distinct", "srcip"]).well();
    assert_eq!(found.lines()[0]["flows"].as_u64(), Some(wanted.len() as u64));
}

/// What stands before the end of a file that is cut off is found, and the exit code says that it is not all.
#[test]
fn a_file_that_is_cut_off_is_answered_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pcap");
    let capture = captured::dns();
    fs::write(&path, &capture[..capture.len() - 40]).unwrap();
    let outcome = sensor(&["hunt", "--file", path.to_str().unwrap(), "--distinct", "srcip"]);
    assert_eq!(outcome.code, Some(75), "{}", outcome.stderr);
    assert_eq!(outcome.lines()[0]["flows"].as_u64(), Some(11), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("capture ends early"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("the answer is partial"), "{}", outcome.stderr);
    let document = sensor(&["hunt", "--file", path.to_str().unwrap(), "--json"]);
    assert_eq!((document.code, document.stderr.as_str()), (Some(75), ""));
    assert_eq!(document.document()["cost"]["partial"], true);
}

/// The others are read, whatever kind they are of and whoever reads them, and the end says which could not be.
#[test]
fn a_file_that_is_cut_off_keeps_nobody_from_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, octets: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cut = |octets: &[u8]| octets[..octets.len() - 10].to_vec();
    let ends = ([10, 9, 9, 9], [192, 0, 2, 1]);
    let traffic = [
        write("cut.pcap", &cut(&captured::dns())),
        write("whole.pcap", &captured::datagrams([(ends, [40_000, 53], &[0; 30][..])])),
    ];
    let exports = [
        write("cut-exports.pcap", &cut(&captured::capture(&vec![captured::netflow5(); 2]))),
        write("exports.pcap", &captured::capture(&[captured::ipfix()])),
    ];
    let heading = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";
    let line = "2 123456789012 eni-0a1b 10.9.9.9 192.0.2.7 50000 443 6 10 8400 1790000000 1790000060 ACCEPT OK\n";
    let logs = [
        write("cut.log.gz", b"\x1f\x8b\x08\x00 and no more of gzip"),
        write("flows.log", format!("{heading}{line}").as_bytes()),
    ];
    let kinds = [
        (&traffic, &[][..], "10.9.9.9", 12),
        (&exports, &["--as", "exports"], "2001:db8::1", 2),
        (&logs, &["--as", "aws"], "10.9.9.9", 1),
    ];
    for (files, content, last, flows) in kinds {
        let [broken, whole] = [files[0].as_str(), files[1].as_str()];
        let told = |text: &str| {
            let message = "1 of 2 files could not be read to their end, the others were read: ";
            assert!(text.contains(message) && text.contains(broken), "{text}");
        };
        let hunt =
            [&["hunt", "--fields", "srcip", "--file", broken, "--file", whole], content].concat();
        let hunted = sensor(&hunt);
        assert_eq!(hunted.code, Some(75), "{}", hunted.stderr);
        told(&hunted.stderr);
        let lines = hunted.lines();
        assert_eq!(lines.len(), flows, "{}", hunted.stdout);
        assert!(lines.iter().any(|line| line["srcip"] == last), "{}", hunted.stdout);
        let document = sensor(&[&hunt[..], &["--json"]].concat());
        assert_eq!((document.code, document.stderr.as_str()), (Some(75), ""));
        told(&document.document()["diagnostics"].to_string());
        let replay = [&["replay", "--columns", "srcip"], content, &[broken, whole]].concat();
        let replayed = sensor(&replay);
        assert_eq!(replayed.code, Some(75), "{}", replayed.stderr);
        told(&replayed.stderr);
        assert!(replayed.stdout.lines().any(|line| line == last), "{}", replayed.stdout);
        // Where there is no other, it is an error as it was.
        let alone = sensor(&[&["replay"], content, &[broken]].concat());
        assert_eq!(alone.code, Some(1), "{}", alone.stderr);
        let both = sensor(&[&["replay"], content, &[broken, broken]].concat());
        assert_eq!(both.code, Some(1), "{}", both.stderr);
        assert!(
            both.stderr.contains("none of 2 files could be read to its end"),
            "{}",
            both.stderr
        );
    }
    let decoded = sensor(&["decode", &exports[0], &exports[1]]);
    assert_eq!(decoded.code, Some(75), "{}", decoded.stderr);
    assert!(decoded.stdout.contains("2001:db8::1"), "{}", decoded.stdout);
}

/// Records of devices that go on where an earlier one was cut are marked, as where the agent reads them.
#[test]
fn a_record_of_a_device_that_goes_on_is_marked() {
    let record = |first: u32, last: u32| {
        let mut datagram = captured::netflow5();
        // The uptime of the device, and between which times of it the flow was.
        for (at, time) in [(4, 100_000), (48, first), (52, last)] {
            datagram[at..at + 4].copy_from_slice(&time.to_be_bytes());
        }
        datagram
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exports.pcap");
    let exports = captured::capture(&[record(1000, 31_000), record(31_500, 60_000)]);
    fs::write(&path, exports).unwrap();
    let path = path.to_str().unwrap();
    let asked = ["hunt", "--file", path, "--as", "exports", "--fields", "start,continued"];
    let found = sensor(&[&asked[..], &["--order", "oldest"]].concat()).well().lines();
    let found: Vec<_> = found.iter().map(|line| line["continued"].as_bool()).collect();
    assert_eq!(found, [Some(false), Some(true)]);
    let selected = sensor(&[&asked[..], &["continued == true"]].concat()).well().lines();
    assert_eq!(selected.len(), 1);
    let replayed = sensor(&["replay", "--as", "exports", "--columns", "continued", path]).well();
    assert_eq!(replayed.stdout.lines().skip(1).collect::<Vec<_>>(), ["false", "true"]);
}
