//! `sensor hunt --on` and `sensor store init`: what is asked of ClickHouse, and what becomes of its answers. Whether the statements
//! select the right records is held against the engine itself (`cargo xtask test agreement`).

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread::{self, JoinHandle},
};

use serde_json::json;

use crate::support::{Outcome, sensor};

/// What a server was asked: the headers, and the statement.
struct Asked {
    head: String,
    statement: String,
}

/// A server that gives these answers, one for each request, each with a status and a body.
struct Server {
    url: String,
    thread: JoinHandle<Vec<Asked>>,
}

impl Server {
    fn start(answers: &[(&str, &str)]) -> Self {
        // Only this port is spoken to without TLS.
        let address = loopback();
        let listener = TcpListener::bind((address.as_str(), 8123)).expect("an address of its own");
        let answers: Vec<_> =
            answers.iter().map(|(s, b)| ((*s).to_owned(), (*b).to_owned())).collect();
        let thread = thread::spawn(move || {
            let serve = |(status, body): (String, String)| {
                let (mut stream, _) = listener.accept().expect("a connection");
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut octet = [0];
                    stream.read_exact(&mut octet).expect("a head");
                    head.push(octet[0]);
                }
                let head = String::from_utf8(head).expect("text");
                let length = head.lines().find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
                });
                let mut statement = vec![0; length.expect("a length")];
                stream.read_exact(&mut statement).expect("a statement");
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                )
                .expect("answered");
                Asked { head, statement: String::from_utf8(statement).expect("text") }
            };
            answers.into_iter().map(serve).collect()
        });
        Self { url: format!("clickhouse://{address}:8123/security"), thread }
    }

    fn hunt(&self, arguments: &[&str]) -> Outcome {
        sensor(&[&["hunt", "--on", &self.url], arguments].concat())
    }

    /// What it was asked; all of its answers must have been fetched.
    fn asked(self) -> Vec<Asked> {
        self.thread.join().expect("all was asked")
    }
}

/// An address of the loopback network that no other test of this process has, nor another process with any likelihood.
fn loopback() -> String {
    use std::sync::atomic::{AtomicU8, Ordering};
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [low, high, ..] = std::process::id().to_le_bytes();
    format!("127.{high}.{low}.{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The lines of a statement.
fn lines(statement: &str) -> Vec<&str> {
    statement.lines().collect()
}

#[test]
fn flows_are_asked_for_and_shown_in_each_form() {
    let answer = "[\"7\",\"1796047200000\",\"1796047199635\",\"::ffff:10.0.6.56\",\"tcp\",\"579840\",true]\n\
                  [8,1796047200001,null,\"2001:db8::1\",\"udp\",null,null]\n";
    let fields = ["--fields", "end,srcip,protocol,octets,tcpflags.syn", "--limit", "3"];
    let shown = |form: &str| {
        let server = Server::start(&[("200 OK", answer)]);
        let query =
            ["dstport == 22", "--order", "newest", "--from", "1796047200", "--format", form];
        let outcome = server.hunt(&[&query[..], &fields[..]].concat()).well();
        (outcome, server.asked().remove(0))
    };
    let (outcome, asked) = shown("json");
    assert_eq!(
        outcome.lines(),
        [
            json!({"end": 1_796_047_199_635_u64, "srcip": "10.0.6.56", "protocol": "tcp", "octets": 579_840,
                   "tcpflags.syn": true}),
            json!({"srcip": "2001:db8::1", "protocol": "udp"}),
        ]
    );
    assert!(!outcome.stderr.contains("there may be more"), "{}", outcome.stderr);
    assert!(asked.head.starts_with("POST /?wait_end_of_query=1 "), "{}", asked.head);
    assert!(!asked.head.to_ascii_lowercase().contains("authorization"));
    let statement = lines(&asked.statement);
    assert_eq!(statement[1], "FROM \"security\".\"flows\"");
    assert_eq!(
        statement[2],
        "WHERE time_received >= fromUnixTimestamp64Milli(1796047200000, 'UTC') AND (isNotNull(dstport) AND (dstport = 22))"
    );
    assert_eq!(
        statement[3..],
        ["ORDER BY time_received DESC, sequence DESC", "LIMIT 3", "FORMAT JSONCompactEachRow"]
    );
    assert_eq!(
        shown("csv").0.stdout,
        "end,srcip,protocol,octets,tcpflags.syn\n1796047199635,10.0.6.56,tcp,579840,true\n,2001:db8::1,udp,,\n"
    );
    assert_eq!(
        shown("table").0.stdout,
        "          END  SRCIP        PROTOCOL  OCTETS  TCPFLAGS.SYN\n\
         1796047199635  10.0.6.56    tcp       579840  true\n            -  2001:db8::1  udp            -  -\n"
    );
}

#[test]
fn as_many_flows_as_were_asked_for_may_not_be_all() {
    let server = Server::start(&[("200 OK", "[1,2,22]\n")]);
    let outcome = server.hunt(&["--fields", "dstport", "--limit", "1", "--format", "json"]).well();
    assert!(outcome.stderr.contains("there may be more: raise --limit"), "{}", outcome.stderr);
    server.asked();
}

#[test]
fn people_see_a_few_fields_and_times_as_times() {
    let answer = "[1,2,1796047199635,1500,\"r1\",\"tcp\",\"::ffff:10.0.0.1\",40000,\"::ffff:10.0.0.2\",22,3,999,\"netflow\"]\n";
    let server = Server::start(&[("200 OK", answer)]);
    let outcome = server.hunt(&["--format", "table"]).well();
    let row = outcome.stdout.lines().nth(1).expect("a row");
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(
        cells,
        [
            "2026-11-30",
            "13:59:59.635",
            "1500",
            "r1",
            "tcp",
            "10.0.0.1",
            "40000",
            "10.0.0.2",
            "22",
            "3",
            "999",
            "netflow"
        ]
    );
    server.asked();
}

#[test]
fn the_largest_groups_have_their_share_of_all() {
    let answers = [
        ("200 OK", "[\"::ffff:10.0.0.0\",\"2\",\"750\",\"3\",\"2\"]\n"),
        ("200 OK", "[\"5\",\"1000\",\"9\",\"5\"]\n"),
        ("200 OK", "[\"4\"]\n"),
    ];
    let server = Server::start(&answers);
    let question = ["--top", "1", "--by", "srcip/24", "--format", "table"];
    let outcome = server.hunt(&question).well();
    assert_eq!(
        outcome.stdout,
        "SRCIP         FLOWS  PACKETS  OCTETS    SHARE\n10.0.0.0/24       2        3     750   75.0 %\n\
         all 4 groups      5        9    1000  100.0 %\n"
    );
    let asked = server.asked();
    assert!(asked[0].statement.contains("\nGROUP BY by_0\n"), "{}", asked[0].statement);
    assert!(!asked[1].statement.contains("GROUP BY"), "{}", asked[1].statement);
    assert!(
        asked[2].statement.starts_with("SELECT count(*)\nFROM (SELECT "),
        "{}",
        asked[2].statement
    );
    let document = Server::start(&answers);
    let outcome = document.hunt(&["--top", "1", "--by", "srcip/24", "--json"]).well();
    let told = outcome.document();
    assert_eq!(told["groups_in_all"], 4);
    assert_eq!(
        told["groups"],
        json!([{"srcip": "10.0.0.0/24", "octets": 750, "packets": 3, "flows": 2}])
    );
    assert!(told.get("cost").is_none());
    document.asked();
}

#[test]
fn what_selects_nothing_has_no_groups_and_sums_of_nothing() {
    let answers =
        [("200 OK", ""), ("200 OK", "[\"0\",null,null,\"0\"]\n"), ("200 OK", "[\"0\"]\n")];
    let server = Server::start(&answers);
    let outcome = server.hunt(&["dstport == 9", "--top", "3", "--json"]).well();
    let told = outcome.document();
    assert_eq!((&told["groups"], &told["groups_in_all"]), (&json!([]), &json!(0)));
    server.asked();
}

#[test]
fn an_answer_to_something_else_is_named_with_its_line() {
    let server = Server::start(&[("200 OK", "[\"0\",null,null,\"0\"]\n")]);
    let outcome = server.hunt(&["--every", "1m", "--format", "json"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    let said = "cannot read what it answers: line 1 of the answer is no row of 5 cells";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    server.asked();
}

#[test]
fn sums_over_time_have_a_line_for_each_period() {
    let answer = "[\"1796047200000\",\"tcp\",\"2\",\"750\",\"3\",\"2\"]\n[\"1796047320000\",\"udp\",1,\"50\",\"1\",\"1\"]\n";
    let server = Server::start(&[("200 OK", answer)]);
    let outcome = server.hunt(&["--every", "1m", "--by", "protocol", "--format", "table"]).well();
    assert_eq!(
        outcome.stdout,
        "TIME (UTC)           tcp  udp  ALL OCTETS\n2026-11-30 14:00:00  750    0         750\n\
         2026-11-30 14:01:00    0    0           0\n2026-11-30 14:02:00    0   50          50\n"
    );
    let asked = server.asked();
    assert!(asked[0].statement.ends_with("\nLIMIT 1000001\nFORMAT JSONCompactEachRow"));
}

#[test]
fn the_statement_is_shown_and_nobody_is_asked() {
    let outcome = sensor(&[
        "hunt",
        "dstport == 22",
        "--on",
        "clickhouse://nowhere.invalid:8123/d/t",
        "--fields",
        "srcip",
        "--explain",
    ])
    .well();
    assert_eq!(
        lines(&outcome.stdout)[1..],
        [
            "FROM \"d\".\"t\"",
            "WHERE (isNotNull(dstport) AND (dstport = 22))",
            "ORDER BY time_received ASC, sequence ASC",
            "LIMIT 1000;"
        ]
    );
}

#[test]
fn what_cannot_be_said_or_is_none_of_these_is_a_mistake_in_the_question() {
    let place = "clickhouse://nowhere.invalid:8123/d";
    for (arguments, said) in [
        (vec!["dstport == 22 && label.port.tcp == ssh"], "`label.port.tcp"),
        (vec!["--policy", "port_scan"], "--policy"),
        (vec!["--top", "3", "--distinct", "dstip"], "--distinct"),
        (vec!["--after", "1.2"], "--after"),
        (vec!["--store", "/x"], "--store"),
        (vec!["--format", "parquet", "-o", "/nowhere/x.parquet"], "--format json or csv"),
        (vec!["dstprt == 22"], "dstprt"),
    ] {
        let outcome = sensor(&[&["hunt", "--on", place][..], &arguments[..]].concat());
        assert_eq!(outcome.code, Some(64), "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(said), "{arguments:?}: {}", outcome.stderr);
    }
    for (place, said) in [
        ("http://h/d", "must begin with `clickhouse://`"),
        ("clickhouse://u:p@h/d", "put `user:password` into a file"),
        ("clickhouse://h", "/DATABASE"),
    ] {
        let outcome = sensor(&["hunt", "--on", place]);
        assert_eq!(outcome.code, Some(64), "{place}");
        assert!(outcome.stderr.contains(said), "{place}: {}", outcome.stderr);
    }
}

#[test]
fn what_the_server_says_against_it_is_told() {
    let server = Server::start(&[(
        "404 Not Found",
        "Code: 60. DB::Exception: Unknown table security.flows",
    )]);
    let outcome = server.hunt(&["--format", "json"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert!(outcome.stderr.contains("Unknown table security.flows"), "{}", outcome.stderr);
    server.asked();
}

#[test]
fn a_table_is_made_as_whoever_stands_in_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "writer:pass word\n").expect("written");
    let server = Server::start(&[("200 OK", "")]);
    let arguments = ["store", "init", "--on", &server.url, "--keep", "14d"];
    let auth = ["--on-auth-file", secret.to_str().expect("a name")];
    let outcome = sensor(&[&arguments[..], &auth[..]].concat()).well();
    assert!(outcome.stderr.contains("has the table \"security\".\"flows\""), "{}", outcome.stderr);
    let printed = sensor(&[&arguments[..], &["--print"]].concat()).well().stdout;
    let asked = server.asked().remove(0);
    assert_eq!(printed, format!("{};\n", asked.statement));
    assert!(
        printed.starts_with("CREATE TABLE IF NOT EXISTS \"security\".\"flows\"\n"),
        "{printed}"
    );
    assert!(printed.contains("TTL toDateTime(time_received) + INTERVAL 14 DAY\n"), "{printed}");
    // `writer:pass word` in base64.
    assert!(asked.head.contains("Basic d3JpdGVyOnBhc3Mgd29yZA==\r\n"), "{}", asked.head);
    for keep in ["36h", "0d", "x"] {
        let outcome = sensor(&["store", "init", "--on", "clickhouse://h/d", "--keep", keep]);
        assert_eq!(outcome.code, Some(64), "{keep}: {}", outcome.stderr);
    }
}
