//! Logs of AWS as text: flows, hits, IPFIX and the account of every record.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    packed::gzip,
    program::{self, errors, lines, piped, sensor},
};

/// The fields of version 3 that policies ask for.
const HEADING: &str = "version account-id vpc-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags flow-direction log-status\n";
/// The first second of the logs.
const BEGIN: u64 = 1_790_000_000;

/// A record of TCP: addresses, ports, packets, octets, seconds after the beginning, flags.
fn record(ends: [&str; 2], ports: [u16; 2], packets: u64, after: u64, flags: &str) -> String {
    let [source, destination] = ends;
    let [from, to] = ports;
    let (start, end, octets) = (BEGIN + after, BEGIN + after + 20, packets * 60);
    format!(
        "3 123456789012 vpc-0a eni-01 {source} {destination} {from} {to} 6 {packets} {octets} {start} {end} ACCEPT {flags} ingress OK\n"
    )
}

/// A folder like that of a bucket, and a log in it of two gzip members, each with a heading.
fn bucket(records: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let day = folder.path().join("AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/09/21");
    fs::create_dir_all(&day).expect("a folder");
    let path = day.join("123456789012_vpcflowlogs_eu-west-1_fl-0c0ffee_20260921T1410Z_1a2b.log.gz");
    let (first, second) = records.split_at(records.find('\n').map_or(0, |end| end + 1));
    let members = [first, second].map(|part| gzip(&format!("{HEADING}{part}")));
    fs::write(&path, members.concat()).expect("a file");
    (folder, path)
}

/// Policies that fire on a log of these records, of the stock library and of the file `site`.
fn fired(records: &str, site: &str) -> BTreeSet<String> {
    let (folder, _) = bucket(records);
    let config = folder.path().join(".sensor.toml");
    let text = format!("[policies]\npaths = ['stock', '{site}']\n");
    fs::write(&config, text).expect("a file");
    let config = config.to_str().expect("a path in UTF-8");
    let output = sensor(
        &["replay", "--config", config, "--print", "hits", "--format", "json"],
        &[folder.path()],
    );
    program::fired(&output)
}

#[test]
fn a_bucket_a_file_and_standard_input_hold_the_same_flows() {
    let records = record(["198.51.100.7", "10.0.0.5"], [40_000, 443], 9, 0, "19")
        + &record(["10.0.0.5", "198.51.100.7"], [443, 40_000], 9, 0, "0")
        + "3 123456789012 vpc-0a eni-01 - - - - - - - 1790000000 1790000060 - - - NODATA\n"
        + "3 123456789012 vpc-0a eni-01 nonsense\n";
    let (folder, path) = bucket(&records);
    let whole = sensor(&["decode", "--format", "json"], &[folder.path()]);
    assert!(whole.status.success(), "{}", errors(&whole));
    let flows = lines(&whole);
    assert_eq!(flows.len(), 2);
    let first = &flows[0];
    for (key, value) in [
        ("flowtype", "aws"),
        ("flowsrcname", "123456789012/fl-0c0ffee"),
        ("accountid", "123456789012"),
        ("vpcid", "vpc-0a"),
        ("interfaceid", "eni-01"),
        ("inputname", "eni-01"),
        ("action", "accepted"),
        ("direction", "ingress"),
        ("datastatus", "OK"),
    ] {
        assert_eq!(first[key], value, "{key}");
    }
    assert_eq!((&first["tcpflagsint"], &first["tcpflags.ack"]), (&19.into(), &true.into()));
    for absent in ["tos", "icmptype", "fragment", "input", "ttlmin", "flowsrcip", "region", "rule"]
    {
        assert!(first.get(absent).is_none(), "{absent}");
    }
    assert!(
        flows[1].as_object().expect("an object").keys().all(|key| !key.starts_with("tcpflags")),
        "{}",
        flows[1]
    );
    let summary = errors(&whole);
    assert!(
        summary.contains(
            "1 file, 4 records of 1 log: 2 flows; 1 NODATA; 1 more or fewer values than fields"
        ),
        "{summary}"
    );

    let one = sensor(&["decode", "--format", "json"], &[&path]);
    assert_eq!(one.stdout, whole.stdout);
    let replayed =
        sensor(&["replay", "--format", "json", "--filter", "tcpflags.syn == true"], &[&path]);
    assert_eq!(lines(&replayed).len(), 1, "{}", errors(&replayed));

    // Nothing but the octets tell of standard input, so it has another name.
    let output = piped(
        &["decode", "--as", "cloud", "--format", "csv", "--columns", "srcip,dstport"],
        fs::read(&path).expect("readable"),
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "srcip,dstport\n198.51.100.7,443\n10.0.0.5,40000\n"
    );
}

#[test]
fn a_configuration_that_does_not_hold_is_no_configuration_here_either() {
    let (folder, path) = bucket(&record(["198.51.100.7", "10.0.0.5"], [40_000, 443], 9, 0, "19"));
    let config = folder.path().join(".sensor.toml");
    let decoded = || {
        let config = config.to_str().expect("a path in UTF-8");
        sensor(&["decode", "--format", "json", "--config", config], &[&path])
    };
    let absent = decoded();
    assert_eq!((absent.status.code(), absent.stdout.len()), (Some(64), 0));
    assert!(errors(&absent).contains("cannot read "), "{}", errors(&absent));
    fs::write(&config, "[[device]]\nsample_rat = 7\n").expect("a file");
    let faulty = decoded();
    assert_eq!((faulty.status.code(), faulty.stdout.len()), (Some(64), 0));
    assert!(errors(&faulty).contains(".sensor.toml:2:1"), "{}", errors(&faulty));
    fs::write(&config, "").expect("a file");
    let sound = decoded();
    assert!(sound.status.success() && lines(&sound).len() == 1, "{}", errors(&sound));
}

#[test]
fn the_ledger_accounts_for_every_record() {
    let (folder, path) = bucket(
        &(record(["198.51.100.7", "10.0.0.5"], [40_000, 443], 9, 0, "19")
            + "3 123456789012 vpc-0a eni-01 10.0.0.300 10.0.0.5 1 2 6 1 60 1790000000 1790000060 ACCEPT 2 ingress OK\n"
            + "3 123456789012 vpc-0a eni-01 - - - - - - - 1790000000 1790000060 - - - SKIPDATA\n"),
    );
    let output = sensor(&["decode", "--ledger"], &[folder.path()]);
    let expected = format!(
        "log 123456789012/fl-0c0ffee\n\
         \x20 read                                     3 records\n\
         \x20 = flows                                  1 records\n\
         \x20 + SKIPDATA                               1 records\n\
         \x20 + not an address                         1 records\n\
         total\n\
         \x20 read                                     3 records\n\
         \x20 = flows                                  1 records\n\
         \x20 + SKIPDATA                               1 records\n\
         \x20 + not an address                         1 records\n\
         \x20 {}:4: not an address: 10.0.0.300\n\
         balanced: every record is accounted for\n",
        path.display()
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn lines_that_nothing_names_need_a_layout() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("messages");
    fs::write(&path, "10.0.0.1 10.0.0.2 6 1790000060 eni-1 secret\n").expect("a file");
    let output = sensor(&["decode", "--as", "cloud"], &[&path]);
    assert!(
        !output.status.success() && errors(&output).contains("is no cloud flow log"),
        "{}",
        errors(&output)
    );
    let layout = "srcaddr dstaddr protocol end interface-id x";
    let output = sensor(&["decode", "--format", "json", "--layout", layout], &[&path]);
    assert_eq!(lines(&output).len(), 1, "{}", errors(&output));
    assert!(lines(&output)[0].get("packets").is_none());
    let output = sensor(&["decode", "--layout", "srcaddr dstaddr protocol"], &[&path]);
    assert_eq!(output.status.code(), Some(64));
    assert!(
        errors(&output).contains("the layout has no `start` and no `end`"),
        "{}",
        errors(&output)
    );
}

/// Connections of one client to many servers, ports or both, as ordinary traffic: each side's record has what AWS writes.
fn ordinary(client: &str, flags: [&str; 2]) -> String {
    let mut text = String::new();
    for number in 0..120_u16 {
        let server = format!("10.0.{}.{}", number / 100 + 1, number % 100 + 1);
        let (own, service) = (40_000 + number, 8000 + number);
        let after = u64::from(number);
        text += &record([client, &server], [own, service], 2, after, flags[0]);
        text += &record([&server, client], [service, own], 2, after, flags[1]);
    }
    text
}

/// A policy of the site beside the stock library, which fires wherever a SYN was seen.
fn site_policy() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("site.toml");
    let text = "[[policy]]\nname = 'syn_seen'\ngroup = 'x'\ndescription = 'x'\nmatch = 'tcpflags.syn == true'\nseverity = 'low'\n";
    fs::write(&path, text).expect("a file");
    let path = path.display().to_string();
    (folder, path)
}

/// Policies that take flags which were not set for flags that no packet had.
const OF_FLAGS: [&str; 12] = [
    "tcp_null_scan",
    "tcp_fin_scan",
    "tcp_rst_scan",
    "tcp_syn_fin",
    "tcp_xmas_scan",
    "nmap_fingerprint",
    "syn_flood",
    "rst_fin_flood",
    "scan_horizontal_internal",
    "scan_horizontal_inbound",
    "scan_vertical",
    "scan_slow",
];

#[test]
fn flags_that_aws_leaves_out_are_no_flags_that_were_not_set() {
    // The middle of connections, whole short ones, the end of long ones, and such that were reset.
    for flags in [["0", "0"], ["-", "-"], ["3", "19"], ["1", "1"], ["2", "18"], ["4", "4"]] {
        for client in ["10.0.0.9", "198.51.100.7"] {
            let (_folder, site) = site_policy();
            let fired = fired(&ordinary(client, flags), &site);
            let has_syn = matches!(flags[0], "2" | "3");
            assert_eq!(fired.contains("syn_seen"), has_syn, "{flags:?}: {fired:?}");
            let wrong: Vec<_> = OF_FLAGS.iter().filter(|name| fired.contains(**name)).collect();
            assert!(wrong.is_empty(), "{client} {flags:?}: {wrong:?}");
        }
    }
}

#[test]
fn the_two_queries_that_the_language_is_introduced_with_find_what_they_should() {
    let folder = tempfile::tempdir().expect("a folder");
    let labels = folder.path().join("labels.csv");
    fs::write(
        &labels,
        "10.0.0.1,securitygroup,production\n10.0.0.2,securitygroup,development\n10.0.0.3,securitygroup,production\n",
    )
    .expect("a file");
    let config = folder.path().join("sensor.toml");
    let text = format!("[labels]\nfiles = ['{}']\n", labels.display());
    fs::write(&config, text).expect("a file");
    let records = record(["10.0.0.1", "10.0.0.2"], [40_000, 5432], 9, 0, "19")
        + &record(["10.0.0.1", "10.0.0.3"], [40_001, 5432], 9, 1, "19")
        + &record(["10.0.0.2", "10.0.0.1"], [5432, 40_000], 9, 2, "0")
        + &record(["10.0.0.3", "10.0.0.7"], [700, 800], 9, 3, "19")
        + &record(["10.0.0.3", "10.0.0.7"], [123, 800], 9, 4, "19");
    let (bucket, _) = bucket(&records);
    let found = |query: &str| {
        let config = config.to_str().expect("a path in UTF-8");
        let output = sensor(
            &["replay", "--config", config, "--format", "json", "--filter", query],
            &[bucket.path()],
        );
        assert!(output.status.success(), "{}", errors(&output));
        let mut found = String::new();
        for flow in lines(&output) {
            let _ = write!(found, "{}>{} ", flow["srcport"], flow["dstport"]);
        }
        found
    };
    let groups = "label.ip.securitygroup == production && label.ip.securitygroup == development";
    assert_eq!(found(groups), "40000>5432 5432>40000 ");
    let ports = "((protocol == tcp || protocol == udp) && srcport < 1024 && dstport < 1024 && \
        !(srcport == 0 || dstport == 0 || srcport == 123 || dstport == 123 || (srcport == 67 && dstport == 68) || \
        (srcport == 68 && dstport == 67) || (srcport == 67 && dstport == 67) || srcport == 137 || dstport == 137 || \
        srcport == 138 || dstport == 138 || (srcport == 53 || dstport == 53) || (srcport == 514 || dstport == 514)))";
    assert_eq!(found(ports), "700>800 ");
    assert_eq!(
        found("vpcid == vpc-0a && accountid == 123456789012 && dstport == 5432"),
        "40000>5432 40001>5432 "
    );
    assert_eq!(found("vpcid != vpc-0a"), "");
}

#[test]
fn labels_in_records_are_labels_like_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let (labels, config, log) = (
        folder.path().join("labels.csv"),
        folder.path().join("sensor.toml"),
        folder.path().join("log"),
    );
    fs::write(&labels, "10.0.0.1,ecsservice,old\n").expect("a file");
    fs::write(&config, format!("[labels]\nfiles = ['{}']\n", labels.display())).expect("a file");
    let heading =
        "srcaddr dstaddr srcport protocol end flow-direction ecs-service-name pkt-dst-aws-service";
    let lines_of = "10.0.0.1 10.0.0.2 1 6 1790000060 egress web S3\n10.0.0.1 10.0.0.2 2 6 1790000060 egress - -\n\
                    10.0.0.1 10.0.0.2 3 6 1790000060 ingress web -\n";
    fs::write(&log, format!("{heading}\n{lines_of}")).expect("a file");
    let config = config.to_str().expect("a path in UTF-8");
    for (query, ports) in [
        ("label.src.ecsservice == web", vec![1]),
        ("label.src.ecsservice == old", vec![1, 2, 3]),
        ("label.dst.ecsservice == web", vec![3]),
        ("label.dst.awsservice == S3", vec![1]),
    ] {
        let output =
            sensor(&["replay", "--config", config, "--format", "json", "--filter", query], &[&log]);
        let found: Vec<_> =
            lines(&output).iter().filter_map(|flow| flow["srcport"].as_u64()).collect();
        assert_eq!(found, ports, "{query}: {}", errors(&output));
    }
}

#[test]
fn flows_of_clouds_become_ipfix_and_are_read_again() {
    let records = record(["198.51.100.7", "10.0.0.5"], [40_000, 443], 9, 0, "19")
        + &record(["10.0.0.5", "198.51.100.7"], [443, 40_000], 7, 0, "0");
    let (bucket, _) = bucket(&records);
    let out = tempfile::tempdir().expect("a folder");
    let directory = out.path().to_str().expect("a path in UTF-8");
    let output =
        sensor(&["replay", "--print", "none", "--ipfix-file", directory], &[bucket.path()]);
    assert!(output.status.success(), "{}", errors(&output));
    let files: Vec<PathBuf> = fs::read_dir(out.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let again = lines(&sensor(&["decode", "--as", "exports", "--format", "json"], &files));
    let packets: Vec<_> = again.iter().map(|flow| flow["packets"].as_u64()).collect();
    assert_eq!(packets, [Some(9), Some(7)]);
    assert_eq!(again[0]["action"], "accepted");
    let options = sensor(&["decode", "--as", "exports", "--options"], &files);
    let options = String::from_utf8_lossy(&options.stdout).into_owned();
    for text in ["eni-01", "vpc-0a"] {
        assert!(options.contains(text), "{options}");
    }
}

/// Two low ports with each other, from the documentation of NQL.
const LOW_PORTS: &str = "((protocol == tcp || protocol == udp) && srcport < 1024 && dstport < 1024 && \
    !(srcport == 0 || dstport == 0 || srcport == 123 || dstport == 123 || (srcport == 67 && dstport == 68) || \
    (srcport == 68 && dstport == 67) || (srcport == 67 && dstport == 67) || srcport == 137 || dstport == 137 || \
    srcport == 138 || dstport == 138 || (srcport == 53 || dstport == 53) || (srcport == 514 || dstport == 514)))";

#[test]
fn a_format_without_ports_is_no_case_of_low_ports() {
    let ports = [(22, 23), (1023, 0), (443, 50_000), (1023, 1022), (53, 54), (67, 68)];
    let found = |names: &[&str], query: &str| -> Vec<String> {
        let log = tempfile::NamedTempFile::with_suffix(".log").expect("a file");
        let mut text = format!("srcaddr dstaddr protocol end interface-id {}", names.join(" "));
        for (host, (source, destination)) in ports.iter().enumerate() {
            let own = |name: &&str| if *name == "srcport" { *source } else { *destination };
            let values: Vec<String> = names.iter().map(|name| own(name).to_string()).collect();
            let values = values.join(" ");
            text = text.trim_end().to_owned();
            text += &format!("\n10.0.0.9 10.0.0.{host} 6 1718530070 eni-1 {values}");
        }
        fs::write(log.path(), text.trim_end().to_owned() + "\n").expect("room");
        let output = sensor(&["replay", "--format", "json", "--filter", query], &[log.path()]);
        assert!(output.status.success(), "{}", errors(&output));
        let address = |flow: &Value| flow["dstip"].as_str().expect("an address").to_owned();
        lines(&output).iter().map(address).collect()
    };
    assert_eq!(found(&["srcport", "dstport"], LOW_PORTS), ["10.0.0.0", "10.0.0.3"]);
    for names in [&[][..], &["srcport"], &["dstport"]] {
        assert!(found(names, LOW_PORTS).is_empty(), "{names:?}");
    }
    assert!(found(&[], "srcport < 1024 && dstport < 1024").is_empty());
    assert_eq!(found(&[], "not dstport in (0..65535)").len(), 6);
}

#[test]
fn what_is_logged_twice_is_left_out_where_somebody_asks() {
    let from = |ends, way: &str, interface: &str| {
        record(ends, [50_000, 443], 4, 0, "2")
            .replace(" ingress ", &format!(" {way} "))
            .replace(" eni-01 ", &format!(" {interface} "))
    };
    let (inside, outside) = (["10.0.0.5", "10.0.1.80"], ["198.51.100.7", "10.0.1.80"]);
    let text = [
        HEADING.to_owned(),
        from(inside, "egress", "eni-05"),
        from(inside, "ingress", "eni-80"),
        from(outside, "ingress", "eni-80"),
    ]
    .concat();
    let (_folder, log) = bucket(&text);
    let interfaces = |arguments: &[&str], files: &[&Path]| -> Vec<String> {
        let output = sensor(arguments, files);
        assert!(output.status.success(), "{}", errors(&output));
        let name = |flow: &Value| flow["interfaceid"].as_str().expect("a name").to_owned();
        lines(&output).iter().map(name).collect()
    };
    let all = ["eni-05", "eni-80", "eni-80"];
    let configuration = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    fs::write(configuration.path(), "networks.external = ['10.0.0.0/24']\n").expect("room");
    let configured = configuration.path().to_str().expect("UTF-8");
    for verb in ["decode", "replay"] {
        let files = [log.as_path()];
        assert_eq!(interfaces(&[verb], &files), all);
        assert_eq!(interfaces(&[verb, "--double", "keep"], &files), all);
        for mode in ["one-side", "match"] {
            assert_eq!(interfaces(&[verb, "--double", mode], &files), ["eni-05", "eni-80"]);
        }
        let outside = ["--double", "one-side", "--config", configured];
        let printed = if verb == "replay" { &["--print", "flows"][..] } else { &[] };
        assert_eq!(interfaces(&[&[verb], &outside[..], printed].concat(), &files), all);
    }
    // Read twice: half of what one file keeps.
    let copy = tempfile::NamedTempFile::with_suffix(".log").expect("a file");
    fs::write(copy.path(), &text).expect("room");
    let twice = [copy.path(), copy.path()];
    assert_eq!(interfaces(&["decode", "--double", "match"], &twice).len(), 2);
    let ledger = sensor(&["decode", "--ledger", "--double", "match"], &twice);
    let text = String::from_utf8_lossy(&ledger.stdout);
    for line in [
        "= flows                                  2 records",
        "+ duplicates                             4 records",
        "2 flows in one direction each; 4 left out, as logged twice",
        "balanced",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let capture = sensor(&["replay", "--as", "traffic", "--double", "match"], &[copy.path()]);
    assert_eq!(capture.status.code(), Some(64));
    assert!(errors(&capture).contains("--double applies to flow logs of clouds"));
}

#[test]
fn what_is_no_log_in_a_folder_is_named_and_counted_and_the_rest_is_read() {
    let (folder, path) = bucket(&record(["198.51.100.7", "10.0.0.5"], [40_000, 443], 9, 0, "19"));
    let at = |name: &str| folder.path().join(name);
    fs::write(at("AWSLogs/README.txt"), "What lies here?\n").expect("a file");
    fs::write(at("zzz.log"), "").expect("a file");
    fs::write(at("0.log"), "").expect("a file");
    assert!(Command::new("mkfifo").arg(at("pipe")).status().expect("it runs").success());
    std::os::unix::fs::symlink(".", at("loop")).expect("a link");
    let (root, empty) = (folder.path(), at("0.log"));
    for arguments in [&["decode", "--ledger"][..], &["decode", "--ledger", "--as", "cloud"]] {
        for files in [&[root][..], &[&empty, root]] {
            let output = sensor(arguments, files);
            assert!(output.status.success(), "{}", errors(&output));
            let (text, told) = (String::from_utf8_lossy(&output.stdout), errors(&output));
            let rows = [
                "= flows                                  1 records\n",
                "skipped, not a cloud flow log               1 files\n",
                "skipped, not a regular file               1 files\n",
            ];
            rows.iter().for_each(|row| assert!(text.contains(row), "{row} in {text}"));
            let warnings = [
                (at("AWSLogs/README.txt"), "not a cloud flow log that is known here; skipped\n"),
                (at("pipe"), "a named pipe; skipped\n"),
                (at("zzz.log"), "empty; skipped\n"),
            ];
            for (path, why) in warnings {
                let warning = format!("warning: {}: {why}", path.display());
                assert!(told.contains(&warning), "{warning} in {told}");
            }
        }
    }
    let whole = sensor(&["decode", "--as", "aws", "--format", "json"], &[root]);
    assert_eq!(lines(&whole).len(), 1, "{}", errors(&whole));

    // A log that cannot be read to its end: the others are read, and the exit code tells.
    let good = fs::read(&path).expect("readable");
    fs::write(at("AWSLogs/0-cut.log.gz"), &good[..good.len() - 9]).expect("a file");
    std::os::unix::fs::symlink("absent", at("dangling.log.gz")).expect("a link");
    let output = sensor(&["replay", "--format", "json"], &[root]);
    assert_eq!(output.status.code(), Some(1));
    assert!(lines(&output).len() >= 2, "{}", errors(&output));
    let told = errors(&output);
    for part in [
        "0-cut.log.gz: cannot be read to its end: ",
        "dangling.log.gz: cannot be read",
        "2 unreadable",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn a_folder_without_logs_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    for foreign in [false, true] {
        if foreign {
            fs::write(folder.path().join("README"), "text\n").expect("a file");
        }
        for command in ["decode", "replay"] {
            let output = sensor(&[command], &[folder.path()]);
            assert_eq!(output.status.code(), Some(1));
            let expected = format!(
                "{} holds no cloud flow log that is known here (aws, ",
                folder.path().display()
            );
            assert!(errors(&output).contains(&expected), "{}", errors(&output));
        }
    }
}

#[test]
fn lines_for_people_name_the_interface_and_say_what_was_rejected() {
    let refused = record(["198.51.100.7", "10.0.0.5"], [40_000, 22], 9, 0, "2");
    let accepted = record(["198.51.100.7", "10.0.0.5"], [40_001, 443], 9, 0, "19");
    let (_folder, path) = bucket(&(refused.replace("ACCEPT", "REJECT") + &accepted));
    let output = sensor(&["decode", "--format", "text"], &[&path]);
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |port: &str| text.lines().find(|line| line.contains(port)).expect(port).trim_end();
    for port in [":40000 ", ":40001 "] {
        assert!(line(port).contains(" <eni-01     tcp "), "{text}");
    }
    assert!(line(":40000 ").ends_with(" rejected"), "{text}");
    assert!(!line(":40001 ").contains("rejected"), "{text}");
}
