//! From text to outputs or faults.

use super::{super::from_text, *};

fn config(text: &str) -> HitsConfig {
    match from_text(text, &Overrides::default()) {
        Ok(config) => config.hits,
        Err(faults) => panic!("{faults:?}"),
    }
}

#[track_caller]
fn check_faults(text: &str, expected: &[&str]) {
    let faults = from_text(text, &Overrides::default()).expect_err("the test expects faults");
    let found: Vec<String> = faults
        .file
        .into_iter()
        .map(|fault| format!("{}: {}", fault.message, fault.label.unwrap_or_default()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_kind_of_output() {
    let config = config(
        r#"
        [[hits]]
        url = "stdout"
        verbose = true
        [[hits]]
        url = "file:///var/log/hits.cef"
        format = "cef"
        max_age = "1h"
        keep = 0
        [[hits]]
        url = "journald"
        severity = "high"
        [[hits]]
        url = "syslog+tls://log.example"
        facility = "local3"
        tag = "fw"
        policies = ["scan_*", "ssh"]
        kinds = ["start", "hit"]
        tls = { ca = "ca.pem", server_name = "other" }
        [[hits]]
        url = "https://h.example/x"
        headers = ["X-Key: a:b"]
        bearer_file = "token"
        batch = 50
        spool = "/var/lib/sensor/hits"
        [[hits]]
        url = "ipfix"
        enterprise = 9
        "#,
    );
    let [stdout, file, journal, syslog, webhook] = config.outputs.as_slice() else {
        panic!("five outputs")
    };
    assert_eq!(stdout.destination, Destination::Stdout { verbose: true });
    let Destination::File(options) = &file.destination else { panic!("a file") };
    assert_eq!(
        (options.rotation.keep, options.rotation.max_age),
        (0, Some(Duration::from_hours(1)))
    );
    assert_eq!((file.format, journal.selection.severity), (Format::Cef, Severity::High));
    let Destination::Syslog(options) = &syslog.destination else { panic!("syslog") };
    assert_eq!((options.facility, options.tag.as_str(), options.peer.port), (19, "fw", 6514));
    assert_eq!(syslog.selection.kinds, Some(vec![EventKind::Start, EventKind::Hit]));
    assert!(syslog.selection.policies.is_some());
    let Destination::Webhook(options) = &webhook.destination else { panic!("a webhook") };
    assert_eq!(options.headers, [("X-Key".to_owned(), "a:b".to_owned())]);
    assert_eq!((options.batch, webhook.queue), (50, 10_000));
    assert_eq!(webhook.spool.as_ref().map(|spool| spool.max_size), Some(64 << 20));
    assert_eq!(config.ipfix.map(|ipfix| ipfix.enterprise), Some(9));
}

#[test]
fn all_faults_at_once() {
    check_faults(
        r#"
        [[hits]]
        severity = "low"
        [[hits]]
        url = "syslog+udp://a"
        severity = "hgih"
        kinds = ["begin"]
        policies = ["a[", "b"]
        facility = "local9"
        tag = "a b"
        keep = 3
        spool_size = "1MiB"
        [[hits]]
        url = "syslog+udp://a:514"
        tls = { ca = "x" }
        [[hits]]
        url = "https://a"
        headers = ["no", "Authorization: x"]
        basic_auth_file = "a"
        bearer_file = "b"
        batch = 0
        spool = "/s"
        [[hits]]
        url = "https://b"
        spool = "/s"
        tls = { key = "k", server_name = "n" }
        "#,
        &[
            "`hits` needs a `url`: add url = \"syslog+udp://HOST\"",
            "`hits.severity` must be one of low, medium, high: did you mean `high`?",
            "`hits.kinds` must be one of start, ongoing, end, hit: `begin` is none of them",
            "`hits.policies` must contain names or globs: bad glob: unclosed character class; missing ']'",
            "`hits.facility` must be one of kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, \
             local0, local1, local2, local3, local4, local5, local6, local7: did you mean `local0`?",
            "`hits.tag` must be 1 to 48 characters of ASCII without blanks: ` ` is not allowed here",
            "`hits.keep` applies only to file://: this output is syslog",
            "`hits.spool_size` requires `spool`: there is none",
            "`hits.url` must differ from the others: it appears twice",
            "`hits.tls` applies only to syslog+tls:// and https://: it does not use TLS",
            "`hits.headers` must contain headers such as `X-Key: value`: the name before `:` is missing",
            "`hits.headers` must contain headers such as `X-Key: value`: put it in a `bearer_file` or `basic_auth_file`",
            "`hits.bearer_file` cannot be combined with other credentials: `basic_auth_file` is set as well",
            "`hits.batch` must lie between 1 and 1000: this is 0",
            "`hits.spool` must not be shared with another output: another output has it",
            "`hits.tls.key` requires `certificate`: there is none",
            "`hits.tls.server_name` applies only to syslog+tls://: the name in the url is used",
        ],
    );
}

#[test]
fn print_adds_an_output_where_there_is_none() {
    let print = Overrides { print_hits: true, verbose: 1, ..Overrides::default() };
    let outputs = |text| from_text(text, &print).unwrap().hits.outputs;
    assert_eq!(outputs("").len(), 1);
    assert_eq!(outputs("")[0].destination, Destination::Stdout { verbose: true });
    assert_eq!(outputs("hits = [{ url = 'stdout', format = 'cef' }]")[0].format, Format::Cef);
    assert_eq!(outputs("hits = [{ url = 'stdout' }]").len(), 1);
}
