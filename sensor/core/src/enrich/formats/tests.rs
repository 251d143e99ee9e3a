//! The forms of label files and lists, and what each says of faults.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::{
    diagnostic::render,
    enrich::{
        combine::Precedence,
        context::{Context, Limits},
        sources::FAULTS_TOLD,
    },
    flow::fields::Value,
};

fn labels(sources: Sources, address: &str) -> Vec<(String, Vec<String>)> {
    let context = Context::new(sources, Precedence::default(), Limits::default());
    let address: IpAddr = address.parse().expect("the test has an address");
    context.profiles().get(context.number(address)).labels.clone().into_iter().collect()
}

#[track_caller]
fn check(text: &str, form: Form, expected: &[(&str, &[&str])]) {
    let mut sources = Sources::default();
    let report = sources.labels("labels", text, form);
    assert_eq!(report.faults, []);
    let found = labels(sources, "10.0.0.5");
    let found: Vec<(&str, Vec<&str>)> = found
        .iter()
        .map(|(context, values)| (context.as_str(), values.iter().map(String::as_str).collect()))
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(context, values)| (*context, values.to_vec())).collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn check_faults(text: &str, form: Form, entries: usize, expected: &str) {
    let mut sources = Sources::default();
    let report = sources.labels("f", text, form);
    let shown = render("f", text, &report.faults);
    assert_eq!(shown, expected, "shown:\n{shown}");
    assert_eq!((report.entries, report.faulty), (entries, report.faults.len()));
}

#[test]
fn all_forms_say_the_same() {
    let expected: &[(&str, &[&str])] =
        &[("name", &["web 1"]), ("role", &["web", "pci, \"old\""]), ("site", &["berlin"])];
    check(
        "# ours\r\n10.0.0.0/8,Site,berlin\r\n\r\n 10.0.0.5 , role , web , \"pci, \"\"old\"\"\"\n10.0.0.5,name,web 1,,\n",
        Form::Csv,
        expected,
    );
    check(
        r#"{"10.0.0.0/8": {"site": "berlin"}, "10.0.0.5": {"role": ["web", "pci, \"old\""], "name": "web 1"}}"#,
        Form::Json,
        expected,
    );
    check(
        r#"[{"ip": "10.0.0.0/8", "context": "site", "labels": "berlin"},
            {"ip": "::ffff:10.0.0.5", "context": "role", "values": ["web", "pci, \"old\""]},
            {"ip": "10.0.0.5", "context": "NAME", "labels": ["web 1"]}]"#,
        Form::Json,
        expected,
    );
    check(
        "[\"10.0.0.0/8\"]\nsite = 'berlin'\n[\"10.0.0.5\"]\nrole = ['web', 'pci, \"old\"']\nname = 'web 1'\n",
        Form::Toml,
        expected,
    );
}

#[test]
fn forms_follow_from_names() {
    assert_eq!(Form::of("a.csv"), Form::Csv);
    assert_eq!(Form::of("a.JSON"), Form::Json);
    assert_eq!(Form::of("dir.json/a.toml"), Form::Toml);
    assert_eq!(Form::of("labels"), Form::Csv);
}

#[test]
fn ports_have_labels() {
    let mut sources = Sources::default();
    let text = "443/tcp,name,https\n53/17,name,dns\n443/TCP,role,web,https\n";
    assert_eq!(sources.labels("f", text, Form::Csv).faults, []);
    let context = Context::new(sources, Precedence::default(), Limits::default());
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    assert_eq!(context.ports().get(6, 443), Value::Texts(&texts(&["https", "web"])));
    assert_eq!(context.ports().get(17, 53), Value::Texts(&texts(&["dns"])));
}

#[test]
fn faults_of_csv_are_told_by_line_and_the_rest_holds() {
    check_faults(
        "ip,context,label\n10.0.0.1,role,web\n10.0.0.2,role\n10.0.0.3,my role,x\n10.0.0.4,\"role,x\n70000/tcp,name,x\n80/tpc,name,x\n10.0.0.5,role,\"a\" b\n10.0.0.6,role,\n",
        Form::Csv,
        1,
        "\
error: `ip` is not an address
 --> f:1:1
  |
1 | ip,context,label
  | ^^
  = help: an address such as 10.0.0.5, a prefix such as 10.0.0.0/8, or a port such as 443/tcp

error: a label needs at least three fields
 --> f:3:1
  |
3 | 10.0.0.2,role
  | ^^^^^^^^^^^^^
  = help: address,context,value such as 10.0.0.5,role,web

error: ` ` is not allowed in a context; queries could not reference it
 --> f:4:10
  |
4 | 10.0.0.3,my role,x
  |          ^^^^^^^

error: this quote is not closed on its line
 --> f:5:10
  |
5 | 10.0.0.4,\"role,x
  |          ^

error: port 70000 is above 65535
 --> f:6:1
  |
6 | 70000/tcp,name,x
  | ^^^^^^^^^

error: `tpc` is not a protocol
 --> f:7:1
  |
7 | 80/tpc,name,x
  | ^^^^^^
  = help: did you mean `tcp`?

error: a comma must follow the closing quote
 --> f:8:18
  |
8 | 10.0.0.5,role,\"a\" b
  |                  ^^

error: this is empty
 --> f:9:15
  |
9 | 10.0.0.6,role,
  |               ^
",
    );
}

#[test]
fn faults_of_json_have_their_place() {
    check_faults(
        "{\"10.0.0.1\": {\"role\": 7, \"site\": \"berlin\"},\n \"10.0.0.256\": {\"role\": \"x\"},\n \"10.0.0.2\": \"web\"}",
        Form::Json,
        1,
        "\
error: must be a string or a list of strings
 --> f:1:23
  |
1 | {\"10.0.0.1\": {\"role\": 7, \"site\": \"berlin\"},
  |                       ^

error: `10.0.0.256` is not an address
 --> f:2:2
  |
2 |  \"10.0.0.256\": {\"role\": \"x\"},
  |  ^^^^^^^^^^^^
  = help: an address such as 10.0.0.5, a prefix such as 10.0.0.0/8, or a port such as 443/tcp

error: invalid type: string \"web\", expected an object
 --> f:3:18
  |
3 |  \"10.0.0.2\": \"web\"}
  |                  ^
  = help: an address has contexts: {\"role\": \"web\"}
",
    );
    let broken = "[{\"ip\": \"10.0.0.1\",\n  \"context\" \"role\"}]";
    let mut sources = Sources::default();
    let report = sources.labels("f", broken, Form::Json);
    assert_eq!((report.entries, report.faulty), (0, 1));
    assert!(render("f", broken, &report.faults).contains(" --> f:2:13\n"), "{report:?}");
}

#[test]
fn faults_of_toml_have_their_place() {
    check_faults(
        "role = 1\n[\"10.0.0.1\"]\nrole = 7\nsite = \"berlin\"\n",
        Form::Toml,
        1,
        "\
error: values are strings
 --> f:3:8
  |
3 | role = 7
  |        ^
  = help: put it in quotes

error: an address has a table of contexts
 --> f:1:8
  |
1 | role = 1
  |        ^
  = help: [\"10.0.0.5\"] on a line, and role = \"web\" below it
",
    );
}

#[test]
fn lists_of_reputation() {
    let mut sources = Sources::default();
    let plain = "# a list\n203.0.113.7\n198.51.100.0/24 ; SBL1\nnonsense\n";
    let report = sources.reputation("plain", plain, "spamsources");
    assert_eq!((report.entries, report.faulty), (2, 1));
    let csv = "203.0.113.7,botnets,scanners\n203.0.113.8,,\n";
    assert_eq!(sources.reputation("csv", csv, "reputation").entries, 2);
    let context = Context::new(sources, Precedence::default(), Limits::default());
    let categories = |address: [u8; 4]| {
        let number = context.number(address.into());
        context.profiles().get(number).reputation.clone().expect("there are lists")
    };
    assert_eq!(categories([203, 0, 113, 7]), ["spamsources", "botnets", "scanners"]);
    assert_eq!(categories([203, 0, 113, 8]), ["reputation"]);
    assert_eq!(categories([198, 51, 100, 9]), ["spamsources"]);
    assert_eq!(categories([192, 0, 2, 1]), [""; 0]);
}

#[test]
fn one_line_in_a_hundred_may_be_garbage() {
    let mut text = String::new();
    for number in 0..50_000_u32 {
        if number % 100 == 99 {
            text.push_str("\u{1b}]0;\"x,,\u{0}\n");
        } else {
            let address = Ipv4Addr::from(0x0a00_0000 + number);
            text.push_str(&format!("{address},name,host-{number}\n"));
        }
    }
    let mut sources = Sources::default();
    let report = sources.labels("f", &text, Form::Csv);
    assert_eq!((report.entries, report.faulty), (49_500, 500));
    assert_eq!(report.faults.len(), FAULTS_TOLD);
    assert_eq!(labels(sources, "10.0.0.98")[0].1, ["host-98"]);
}

proptest! {
    #[test]
    fn any_text_is_read(text in "(?s).{0,200}|([0-9./:,\"{}\\[\\] =#a-c\n]{0,200})") {
        for form in [Form::Csv, Form::Json, Form::Toml] {
            let mut sources = Sources::default();
            let report = sources.labels("f", &text, form);
            render("f", &text, &report.faults);
            sources.reputation("r", &text, "c");
        }
    }

    #[test]
    fn what_is_quoted_is_read_back(field in "[^\r\n]{1,20}") {
        let line = format!("10.0.0.1,c,{}", quote(field.trim()));
        let mut fields = Vec::new();
        csv::split(&line, 0, &mut fields).expect("the line is sound");
        prop_assert_eq!(&*fields[2].text, field.trim());
    }
}
