//! Query logs of clouds through the binary: `sensor decode`, `sensor replay`, and an agent that follows them. Made logs, as buckets
//! have them.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

/// Looks until something is so; two minutes are longer than anything takes.
const LOOKS: u32 = 2400;
const PAUSE: Duration = Duration::from_millis(50);

fn query(client: &str, name: &str, code: &str) -> Value {
    let answers = if code == "NOERROR" {
        json!([{"Rdata": "cdn.example.net.", "Type": "CNAME", "Class": "IN"}, {"Rdata": "192.0.2.9", "Type": "A", "Class": "IN"}])
    } else {
        json!([])
    };
    json!({
        "version": "1.100000", "account_id": "123456789012", "region": "eu-central-1", "vpc_id": "vpc-0a",
        "query_timestamp": "2026-09-21T14:13:20Z", "query_name": name, "query_type": "A", "query_class": "IN", "rcode": code,
        "answers": answers, "srcaddr": client, "srcport": "5353", "transport": "UDP", "srcids": {"instance": "i-1"},
    })
}

fn entry(name: &str) -> Value {
    json!({
        "insertId": "1", "timestamp": "2026-09-21T14:13:21.618334505Z", "receiveTimestamp": "2026-09-21T14:13:22Z",
        "logName": "projects/shop/logs/dns.googleapis.com%2Fdns_queries",
        "jsonPayload": {"queryName": name, "queryType": "AAAA", "responseCode": "NXDOMAIN", "sourceIP": "2001:db8::7",
            "protocol": "TCP", "vmInstanceName": "1.web-1", "vmZoneName": "europe-west1-b", "sourceNetwork": "default"},
    })
}

/// Port 22, accepted.
const FLOW: &str =
    "2 123456789012 eni-1 10.0.0.1 10.0.0.2 40000 22 6 20 4249 1790000000 1790000010 ACCEPT OK\n";

fn lines_of(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

fn write(path: &Path, text: &str) {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(text.as_bytes()).expect("memory");
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let part = path.with_extension("part");
    fs::write(&part, out.finish().expect("memory")).expect("a file");
    // As tools do that keep the time of the object in the bucket: nobody has written to it for long.
    let file = fs::OpenOptions::new().append(true).open(&part).expect("a file");
    file.set_modified(SystemTime::now() - Duration::from_secs(120)).expect("its time is set");
    fs::rename(part, path).expect("renamed");
}

/// A copy of a bucket: three queries to the resolver of AWS, one to that of Google Cloud, and a flow.
fn bucket(folder: &Path) {
    let name = "vpc-0a_vpcdnsquerylogs_123456789012_20260921T1410Z_1f.log.gz";
    write(
        &folder.join("AWSLogs/123456789012/vpcdnsquerylogs/vpc-0a/2026/09/21").join(name),
        &lines_of(&[
            query("10.0.0.1", "Www.Shop.example.", "NOERROR"),
            query("10.0.0.2", "kq3v9z7x.evil.example.", "NXDOMAIN"),
            query("10.0.0", "broken.example.", "NOERROR"),
        ]),
    );
    write(&folder.join("dns_queries/2026/09/21/14.json.gz"), &lines_of(&[entry("a.b.example.")]));
    write(&folder.join("vpcflowlogs/flows.log.gz"), FLOW);
}

fn sensor(arguments: &[&str], files: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(arguments)
        .args(files)
        .env_remove("SENSOR_LOG")
        .output()
        .expect("it runs")
}

#[track_caller]
fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["query.name"].as_str()).collect()
}

#[test]
fn a_bucket_holds_queries_and_flows_that_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    bucket(folder.path());
    let output = sensor(&["decode"], &[folder.path()]);
    let rows = json_lines(&text(&output));
    let (queries, flows): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row["record"] == "dns");
    assert_eq!(
        (flows.len(), flows[0]["dstport"].as_u64(), flows[0].get("record")),
        (1, Some(22), None)
    );
    assert_eq!(names(&queries), ["a.b.example", "www.shop.example", "kq3v9z7x.evil.example"]);
    let google = json!({
        "record": "dns", "id": "1", "timestamp": 1_790_000_001, "timestampms": 1_790_000_001_618_u64, "rtime": "2026-09-21T14:13:22Z", "srcip": "2001:db8::7",
        "protocol": "tcp", "query.name": "a.b.example", "query.host": "a", "query.domain": "b.example", "query.tld": "example",
        "query.publicsuffix": "example", "query.type": "AAAA", "query.depth": 3, "query.complexity": 1.0, "rcode": "NXDOMAIN",
        "type": "response", "datasrc": "gcp-dns", "flowsrcname": "shop/dns_queries", "accountid": "shop",
        "instanceid": "web-1", "vpcid": "default", "region": "europe-west1", "zone": "europe-west1-b",
    });
    assert_eq!(queries[0], google);
    let answers = json!([
        {"type": "CNAME", "class": "IN", "rdata": "cdn.example.net"}, {"type": "A", "class": "IN", "rdata": "192.0.2.9"},
    ]);
    assert_eq!((&queries[1]["answers"], &queries[1]["answercount"]), (&answers, &json!(2)));
    assert_eq!(queries[1]["flowsrcname"], "123456789012/route53/vpc-0a");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("3 files, 5 records of 3 logs: 1 flow, 3 DNS records; 1 not an address"),
        "{said}"
    );

    let ledger = text(&sensor(&["decode", "--ledger"], &[folder.path()]));
    for line in [
        "log 123456789012/route53/vpc-0a\n  read                                     3 records\n  = DNS records                            2 records\n",
        "log shop/dns_queries\n  read                                     1 records\n  = DNS records                            1 records\n",
        "balanced: every record is accounted for\n",
    ] {
        assert!(ledger.contains(line), "{ledger}");
    }
}

#[test]
fn queries_are_shown_as_lines_and_columns_and_as_far_as_they_fulfil_a_filter() {
    let folder = tempfile::tempdir().expect("a folder");
    bucket(folder.path());
    let dns = folder.path().join("AWSLogs");
    let lines = text(&sensor(&["decode", "--format", "text"], &[&dns]));
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("ASKED ") && lines[1].contains(" www.shop.example "), "{lines:?}");
    let csv = text(&sensor(&["decode", "--columns", "srcip,query.domain,rcode,dstport"], &[&dns]));
    assert_eq!(
        csv,
        "srcip,query.domain,rcode,dstport\n10.0.0.1,shop.example,NOERROR,\n10.0.0.2,evil.example,NXDOMAIN,\n"
    );
    let filtered = |filter: &str| {
        let output = sensor(&["decode", "--dns-filter", filter, "--format", "json"], &[&dns]);
        names(&json_lines(&text(&output))).join(" ")
    };
    assert_eq!(filtered("rcode == nxdomain && srcip == 10.0.0.0/8"), "kq3v9z7x.evil.example");
    assert_eq!(filtered("answers.rdata == 192.0.2.9"), "www.shop.example");
    assert_eq!(
        filtered("query.name =~ *.example && query.complexity > 3"),
        "kq3v9z7x.evil.example"
    );
    let wrong = sensor(&["decode", "--dns-filter", "dstport == 53"], &[&dns]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        wrong.status.code() == Some(64) && said.contains("the dns context has no field `dstport`"),
        "{said}"
    );
    // What a query of `sensor nql filter` finds in the lines is the same.
    let all = text(&sensor(&["decode"], &[&dns]));
    let file = folder.path().join("dns.json");
    fs::write(&file, all).expect("a file");
    let found = sensor(&["nql", "filter", "--context", "dns", "rcode == nxdomain"], &[&file]);
    assert_eq!(names(&json_lines(&text(&found))), ["kq3v9z7x.evil.example"]);
    for (format, name) in [("route53", "AWSLogs"), ("gcp-dns", "dns_queries"), ("cloud", "AWSLogs")]
    {
        let output = sensor(&["decode", "--as", format], &[&folder.path().join(name)]);
        assert!(text(&output).contains("\"record\":\"dns\""), "{format}");
    }
    let fields = text(&sensor(&["fields", "--context", "dns"], &[]));
    assert!(fields.contains("\nquery.name ") && !fields.contains("\ndstport "), "{fields}");
    assert!(
        fields.lines().any(|line| line.starts_with("rcode ") && line.contains(" yes ")),
        "{fields}"
    );
    assert!(
        fields.lines().any(|line| line.starts_with("internal ") && line.contains(" - ")),
        "{fields}"
    );
}

#[test]
fn a_replay_hands_queries_to_outputs_of_their_own_and_to_no_policy() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    bucket(&at("bucket"));
    // What clients of queries would fulfil as well.
    let policy = "[[policy]]\nname = \"all\"\ndescription = \"x\"\nseverity = \"low\"\nmatch = \"srcip == 10.0.0.0/8\"\n";
    fs::write(at("all.toml"), policy).expect("a file");
    let (dns, flows) = (at("dns.json"), at("flows.json"));
    let policies = at("all.toml");
    let arguments = [
        "replay",
        "--print",
        "hits",
        "--policies",
        policies.to_str().expect("text"),
        "--dns-log",
        dns.to_str().expect("text"),
        "--flow-log",
        flows.to_str().expect("text"),
        "--dns-filter",
        "datasrc == route53",
        "--filter",
        "dstport == 22",
    ];
    let output = sensor(&arguments, &[&at("bucket")]);
    let hits = json_lines(&text(&output));
    assert_eq!(hits.len(), 1, "{hits:?}");
    let read = |path: &Path| json_lines(&fs::read_to_string(path).expect("a log"));
    assert_eq!(names(&read(&dns)), ["www.shop.example", "kq3v9z7x.evil.example"]);
    let flows = read(&flows);
    assert_eq!((flows.len(), names(&flows).len()), (1, 0));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("dns.json: 2 DNS records sent, 0 not sent"), "{said}");
    assert!(said.contains("1 DNS records did not match the filter"), "{said}");
    // Without any choice both are printed.
    let both = json_lines(&text(&sensor(&["replay", "--format", "json"], &[&at("bucket")])));
    assert_eq!((both.len(), names(&both).len()), (4, 3));
    let only = json_lines(&text(&sensor(
        &["replay", "--print", "dns", "--format", "json"],
        &[&at("bucket")],
    )));
    assert_eq!((only.len(), names(&only).len()), (3, 3));
}

/// Killed when dropped.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path) -> Agent {
    let stderr = fs::OpenOptions::new().create(true).append(true).open(folder.join("stderr"));
    let child = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(["run", "--config"])
        .arg(folder.join("sensor.toml"))
        .env_remove("SENSOR_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr.expect("a file"))
        .spawn();
    Agent(child.expect("the binary runs"))
}

#[test]
fn an_agent_logs_followed_queries_once_also_after_a_kill() {
    const OBJECTS: usize = 60;
    const EACH: usize = 500;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let dns = at("dns.json");
    let found = || -> Vec<String> {
        let text = fs::read_to_string(&dns).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let rows = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line"));
        rows.map(|row| row["query.name"].as_str().expect("a name").to_owned()).collect()
    };
    let wait_until = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        for _ in 0..LOOKS {
            if is_so() {
                return;
            }
            thread::sleep(PAUSE);
        }
        let said = fs::read_to_string(at("stderr")).unwrap_or_default();
        panic!("waited in vain: {what}; {} lines; {said}", found().len());
    };
    fs::create_dir(at("logs")).expect("a folder");
    fs::write(
        at("sensor.toml"),
        "[control]\nsocket = 'control.sock'\n[log]\nflows = 'flows.json'\ndns = 'dns.json'\n\
         [[cloud]]\nname = 'test'\nfolder = 'logs'\nstate = 'test.state'\npoll = '1s'\nbegin = 'all'\n",
    )
    .expect("the configuration is written");
    for object in 0..OBJECTS {
        let names = (0..EACH)
            .map(|at| query("10.0.0.1", &format!("n{}.example.", object * EACH + at), "NXDOMAIN"));
        let text = lines_of(&names.collect::<Vec<_>>());
        write(&at("logs").join(format!("{object}.log.gz")), &text);
    }
    write(&at("logs/flow.log.gz"), FLOW);
    let mut agent = start(folder.path());
    wait_until("some records", &mut || found().len() > EACH);
    agent.0.kill().expect("killed");
    agent.0.wait().expect("it ends");
    let agent = start(folder.path());
    wait_until("all records", &mut || found().len() >= OBJECTS * EACH);
    let flows = at("flows.json");
    wait_until("the flow", &mut || fs::metadata(&flows).is_ok_and(|file| file.len() > 0));
    let status = || {
        let output = sensor(&["status", "--json", "--socket"], &[&at("control.sock")]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()
    };
    wait_until("the status", &mut || status()["clouds"][0]["waiting"] == 0);
    let status = status();
    let sinks = status["dns_sinks"].as_array().expect("the DNS log");
    assert!(sinks.len() == 1 && sinks[0]["not_sent"] == 0, "{status}");
    let logs = status["clouds"][0]["logs"]["top"].as_array().expect("its logs");
    let dns_log =
        logs.iter().find(|log| log["id"] == "123456789012/route53/vpc-0a").expect("the log");
    assert!(
        dns_log["records"] == dns_log["dns_records"] && dns_log["flow_records"] == 0,
        "{dns_log}"
    );
    drop(agent);
    let mut found = found();
    found.sort_unstable();
    let count = found.len();
    found.dedup();
    assert_eq!((count, found.len()), (OBJECTS * EACH, OBJECTS * EACH));
    assert_eq!(fs::read_to_string(&flows).expect("a log").lines().count(), 1);
}

#[test]
fn flows_and_queries_must_not_share_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("sensor.toml");
    fs::write(&config, "[log]\nflows = '/tmp/records'\ndns = '/tmp/records'\n").expect("a file");
    let output = sensor(&["check", "--config"], &[&config]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(64) && said.contains("`log.dns` must be another file"),
        "{said}"
    );
}

/// Flows would be printed as well, and none of them ever finds out that nobody reads.
#[test]
fn a_replay_of_queries_ends_when_nobody_reads_them() {
    const OBJECTS: usize = 3000;
    let folder = tempfile::tempdir().expect("a folder");
    for object in 0..OBJECTS {
        let text = query("10.0.0.1", "a.example.", "NXDOMAIN").to_string();
        fs::write(folder.path().join(format!("{object}.log")), text).expect("a file");
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(["replay", "--format", "json"])
        .arg(folder.path())
        .env_remove("SENSOR_LOG")
        .stdout(writer)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let read = said.lines().find_map(|line| line.split_once(" files, ")?.0.parse::<usize>().ok());
    // One file is `1 file`.
    assert!(read.unwrap_or(1) < OBJECTS, "{said}");
}
