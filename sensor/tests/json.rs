//! What verbs print for programs: documents pinned by files, and `docs/json.md`, which must say of each key what is true.
//!
//! `UPDATE_EXPECT=1 cargo test -p sensor --test json` writes the golden files anew; read the difference before you commit it.

mod captured;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use maxminddb_writer::{Database, metadata::IpVersion, paths::IpAddrWithMask};
use sensor_core::flow::fields::FIELDS;
use serde_json::Value;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/json");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md");

/// One command line, and the file that has its document.
struct Case {
    golden: &'static str,
    /// As the section of the page is called.
    verb: &'static str,
    arguments: &'static [&'static str],
    code: i32,
}

const fn case(
    golden: &'static str,
    verb: &'static str,
    arguments: &'static [&'static str],
    code: i32,
) -> Case {
    Case { golden, verb, arguments, code }
}

const CASES: &[Case] = &[
    case("fields", "sensor fields", &[], 0),
    case("unpin", "sensor unpin", &["--config", "unpin.toml"], 0),
    case("unpin-absent", "sensor unpin", &["--path", "nothing-is-pinned-here"], 64),
    case("unpin-no-bpffs", "sensor unpin", &["--path", "policies"], 64),
    case("check-sound", "sensor check", &["--config", "sound.toml"], 0),
    case("check-against", "sensor check", &["--config", "sound.toml", "--against", "geo.toml"], 0),
    case("check-faulty", "sensor check", &["--config", "../config/many-faults.toml"], 64),
    case("check-missing", "sensor check", &["--config", "missing.toml"], 64),
    case("check-absent", "sensor check", &["--config", "absent.toml"], 64),
    case("policy-list", "sensor policy list", &["policies"], 0),
    case("policy-list-faulty", "sensor policy list", &["../policies/c-slip.toml"], 64),
    case("policy-check", "sensor policy check", &["policies", "warned.toml"], 0),
    case("policy-check-faulty", "sensor policy check", &["../policies"], 64),
    case("policy-check-absent", "sensor policy check", &["absent", "absent.toml"], 64),
    case("policy-test", "sensor policy test", &["policies"], 1),
    case("policy-test-faulty", "sensor policy test", &["faulty.test.toml"], 64),
    case("policy-explain-incident", "sensor policy explain", &["port_scan", "policies"], 0),
    case("policy-explain-hit", "sensor policy explain", &["telnet", "policies"], 0),
    case("policy-explain-label", "sensor policy explain", &["telnet_client", "policies"], 0),
    case(
        "policy-explain-overridden",
        "sensor policy explain",
        &["scan_slow", "--config", "../tuning/site.toml"],
        0,
    ),
    case(
        "policy-explain-source",
        "sensor policy explain",
        &["scan_slow", "--config", "../tuning/border.toml"],
        0,
    ),
    case(
        "policy-why-unmatched",
        "sensor policy why",
        &["telnet", "policies", "--flow", "srcip=10.0.0.1 dstport=22"],
        0,
    ),
    case(
        "policy-why-flows",
        "sensor policy why",
        &["telnet", "policies", "--flow", "flows.json"],
        0,
    ),
    case(
        "policy-why-key",
        "sensor policy why",
        &[
            "port_scan",
            "policies",
            "--flow",
            "srcip=10.0.0.1 dstport=22 protocol=tcp tcpflags.syn=true",
        ],
        0,
    ),
    case(
        "policy-why-source",
        "sensor policy why",
        &[
            "scan_slow",
            "--config",
            "../tuning/border.toml",
            "--flow",
            "flowtype=netflow flowsrcname=border-1 srcip=10.0.0.5 dstport=22 label.src.role=nessus",
        ],
        0,
    ),
    case(
        "policy-why-faulty",
        "sensor policy why",
        &["telnet", "policies", "--flow", "dstprt=22"],
        64,
    ),
    case("policy-suggest", "sensor policy suggest", &["dns.pcap"], 0),
    case("policy-suggest-none", "sensor policy suggest", &["empty.pcap"], 0),
    case("policy-suggest-absent", "sensor policy suggest", &["absent.pcap"], 1),
    case(
        "replay-why",
        "sensor replay --why",
        &["many_clients", "--config", "../tuning/why-site.toml", "dns.pcap"],
        0,
    ),
    case(
        "replay-why-source",
        "sensor replay --why",
        &["scan_slow", "--why", "telnet", "--config", "../tuning/border.toml", "dns.pcap"],
        0,
    ),
    case(
        "replay-why-unknown",
        "sensor replay --why",
        &["telnt", "--policies", "policies", "dns.pcap"],
        64,
    ),
    case("policy-explain-unknown", "sensor policy explain", &["telnt", "policies"], 64),
    case(
        "labels-show",
        "sensor labels show",
        &["192.0.2.7", "198.51.100.1", "8.8.8.8", "--config", "geo.toml"],
        0,
    ),
    case("labels-show-faulty", "sensor labels show", &["192.0.2.1", "--labels", "faulty.csv"], 0),
    case("decode-compare", "sensor decode --compare", &["differ.pcap"], 1),
    case("decode-compare-agree", "sensor decode --compare", &["agree.pcap"], 0),
    case("decode-compare-absent", "sensor decode --compare", &["absent.pcap"], 1),
    case("labels-check", "sensor labels check", &["labels.csv"], 0),
    case(
        "labels-check-faulty",
        "sensor labels check",
        &["labels.csv", "faulty.csv", "absent.csv"],
        64,
    ),
    case(
        "hunt-flows",
        "sensor hunt",
        &["--file", "dns.pcap", "--limit", "2", "--fields", "start,srcip,dstport,octets"],
        0,
    ),
    case(
        "hunt-groups",
        "sensor hunt",
        &[
            "protocol == udp",
            "--file",
            "dns.pcap",
            "--from",
            "2023-11-14",
            "--to",
            "2023-11-15",
            "--top",
            "2",
            "--by",
            "dstport",
            "--distinct",
            "srcip",
        ],
        0,
    ),
    case(
        "hunt-series",
        "sensor hunt",
        &["--file", "dns.pcap", "--every", "1m", "--by", "dstport", "--top", "1"],
        0,
    ),
    case(
        "hunt-shared",
        "sensor hunt",
        &["srcport == 53", "--also", "dstport == 53", "--file", "dns.pcap", "--by", "protocol"],
        0,
    ),
    case("hunt-faulty", "sensor hunt", &["dstprt == 53", "--file", "dns.pcap"], 64),
];

/// Lists in documents of `sensor hunt` whose items are lines of a stream: their keys are described elsewhere.
const LINES: [&str; 4] = ["flows", "groups", "series", "shared"];

/// Flow fields that the golden file shows: the table changes, and `docs/nql-fields.md` pins all of it.
const SHOWN: [&str; 3] = ["srcip", "protocolint", "octets"];

struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A copy of the golden files with a database of countries beside them.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden-json");
        for name in ["json", "json/policies", "policies", "config", "tuning"] {
            fs::create_dir_all(copy.join(name)).expect("the directory can be made");
            for entry in fs::read_dir(Path::new(GOLDEN).join("..").join(name)).expect("it is there")
            {
                let path = entry.expect("the directory can be read").path();
                let file = path.file_name().filter(|_| path.is_file());
                if let Some(file) = file {
                    fs::copy(&path, copy.join(name).join(file)).expect("the file can be copied");
                }
            }
        }
        let mut database = Database::default();
        database.metadata.ip_version = IpVersion::V4;
        database.metadata.binary_format_major_version = 2;
        let record = serde_json::json!({ "country": { "iso_code": "DE" } });
        let record = database.insert_value(record).expect("the record can be written");
        let network = IpAddrWithMask::new("192.0.2.0".parse().expect("an address"), 24);
        database.insert_node(network, record);
        let bytes = database.write_to(Vec::new()).expect("memory takes everything");
        fs::write(copy.join("json/country.mmdb"), bytes).expect("it can be written");
        for (name, datagrams) in [
            ("agree.pcap", vec![captured::netflow5(), captured::netflow9(), captured::sflow()]),
            (
                "differ.pcap",
                vec![
                    captured::ipfix_with_an_empty_text(),
                    captured::netflow9_late(),
                    captured::ipfix()[..60].to_vec(),
                    captured::ipfix_with_all_flags(),
                ],
            ),
        ] {
            let capture = captured::capture(&datagrams);
            fs::write(copy.join("json").join(name), capture).expect("it can be written");
        }
        fs::write(copy.join("json/dns.pcap"), captured::dns()).expect("it can be written");
        fs::write(copy.join("json/empty.pcap"), captured::datagrams([]))
            .expect("it can be written");
        copy.join("json")
    })
}

/// The program beside those files, so that messages show file names without a path.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
    command.args(arguments).current_dir(directory()).stdin(Stdio::null());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

fn outcome(command: &mut Command) -> Outcome {
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Outcome { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

impl Case {
    fn arguments(&self) -> Vec<&'static str> {
        let verb = self.verb.split(' ').skip(1);
        verb.chain(self.arguments.iter().copied()).collect()
    }

    /// The document; the program has said nothing else.
    fn document(&self, more: &[&str]) -> String {
        let arguments = [&self.arguments()[..], &["--json"], more].concat();
        let Outcome { code, stdout, stderr } = outcome(&mut command(&arguments));
        assert_eq!((code, stderr.as_str()), (Some(self.code), ""), "{arguments:?}: {stdout}");
        stdout
    }

    fn value(&self) -> Value {
        let document = self.document(&[]);
        serde_json::from_str(&document).unwrap_or_else(|error| panic!("{error}: {document}"))
    }
}

fn check_golden(name: &str, found: &str) {
    let path = PathBuf::from(GOLDEN).join(name);
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, found).expect("the golden file can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name}; found:\n{found}");
}

#[test]
fn documents_are_as_pinned() {
    for case in CASES {
        let mut document = case.document(&[]);
        if case.golden == "fields" {
            let mut value = case.value();
            let fields = value["fields"].as_array_mut().expect("a list");
            assert_eq!(fields.len(), FIELDS.len());
            fields.retain(|field| SHOWN.iter().any(|name| field["name"] == *name));
            document = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
        }
        check_golden(&format!("{}.json", case.golden), &document);
    }
}

#[test]
fn people_and_programs_get_the_same_exit_code_and_the_same_faults() {
    for case in CASES {
        let people = outcome(&mut command(&case.arguments()));
        assert_eq!(people.code, Some(case.code), "{}", case.golden);
        let document = case.value();
        let diagnostics = document["diagnostics"].as_array().expect("a list");
        for diagnostic in diagnostics {
            let message = diagnostic["message"].as_str().expect("a message");
            assert!(
                people.stderr.contains(message),
                "{}: {message}: {}",
                case.golden,
                people.stderr
            );
            if let Some(line) = diagnostic.get("line") {
                let file = diagnostic["file"].as_str().expect("a place is one of a file");
                let place = format!("--> {file}:{line}:{}\n", diagnostic["column"]);
                assert!(people.stderr.contains(&place), "{}: {place}", case.golden);
            }
        }
        let told = people.stderr.lines().filter(|line| {
            ["error:", "error[", "warning:", "warning["].iter().any(|word| line.starts_with(word))
        });
        let placed = diagnostics.iter().filter(|found| found.get("line").is_some()).count();
        assert!(told.count() >= placed, "{}", case.golden);
    }
}

#[test]
fn documents_have_no_colours() {
    for case in CASES {
        let document = case.document(&["--color", "always"]);
        assert_eq!(document, case.document(&[]), "{}", case.golden);
        assert!(!document.contains('\x1b'), "{}", case.golden);
    }
}

/// A row of a table of the page.
struct Key {
    kind: String,
    always: bool,
}

/// The tables of the page: keys by their paths, by the heading above them.
fn tables() -> BTreeMap<String, BTreeMap<String, Key>> {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let mut tables: BTreeMap<String, BTreeMap<String, Key>> = BTreeMap::new();
    let mut heading = String::new();
    for line in page.lines() {
        if let Some(text) = line.strip_prefix("## ") {
            heading = text.trim_matches('`').to_owned();
        } else if let Some(row) = line.strip_prefix("| `") {
            let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
            let [path, kind, present, meaning] = cells[..] else { panic!("four cells: {line}") };
            assert!(!meaning.is_empty(), "{line}");
            let key = Key { kind: kind.to_owned(), always: present == "always" };
            let earlier = tables
                .entry(heading.clone())
                .or_default()
                .insert(path.trim_end_matches('`').to_owned(), key);
            assert!(earlier.is_none(), "{heading}: {path} stands there twice");
        }
    }
    tables
}

fn kind(value: &Value) -> String {
    match value {
        Value::String(_) => "string".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(number) if number.is_u64() => "integer".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::Object(_) => "object".to_owned(),
        Value::Null => "null".to_owned(),
        // The type of an empty list shows in another one.
        Value::Array(items) => items.first().map_or("[]".to_owned(), |item| kind(item) + "[]"),
    }
}

/// What was seen in the documents of a verb: of each object path the key sets, of each key path the kinds.
#[derive(Default)]
struct Seen {
    objects: BTreeMap<String, Vec<BTreeSet<String>>>,
    kinds: BTreeMap<String, BTreeSet<String>>,
}

impl Seen {
    fn value(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                let keys = members.keys().cloned().collect();
                self.objects.entry(path.to_owned()).or_default().push(keys);
                for (key, value) in members {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.kinds.entry(path.clone()).or_default().insert(kind(value));
                    self.value(&path, value);
                }
            }
            Value::Array(items) => {
                items.iter().for_each(|item| self.value(&format!("{path}[]"), item));
            }
            _ => {}
        }
    }

    /// Whether all of the objects that may have the key of this path have it, and whether one does.
    fn presence(&self, path: &str) -> (bool, bool) {
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        let objects = self.objects.get(parent).map(Vec::as_slice).unwrap_or_default();
        let has = |keys: &BTreeSet<String>| keys.contains(key);
        (objects.iter().all(has), objects.iter().any(has))
    }
}

/// In both directions: what is printed is described, and what is described is printed.
#[test]
fn the_page_describes_what_is_printed() {
    let tables = tables();
    let verbs: BTreeSet<&str> = CASES.iter().map(|case| case.verb).collect();
    let mut diagnostics = Seen::default();
    let mut common = Seen::default();
    let mut pages = BTreeSet::new();
    for verb in verbs {
        let mut seen = Seen::default();
        for case in CASES.iter().filter(|case| case.verb == verb) {
            let mut document = case.value();
            let members = document.as_object_mut().expect("an object");
            assert_eq!(members["schema"], 1);
            for name in LINES.iter().filter(|_| verb == "sensor hunt") {
                if let Some(Value::Array(items)) = members.get_mut(*name) {
                    items.iter_mut().for_each(|item| *item = Value::Object(Default::default()));
                }
            }
            for found in members["diagnostics"].as_array().expect("a list") {
                diagnostics.value("", found);
            }
            let shared = ["schema", "diagnostics"].map(|key| members.remove_entry(key));
            let shared: serde_json::Map<_, _> = shared.into_iter().flatten().collect();
            let shallow = shared.into_iter().map(|(key, value)| match value {
                Value::Array(items) => (
                    key,
                    items.into_iter().take(1).map(|_| Value::Object(Default::default())).collect(),
                ),
                value => (key, value),
            });
            common.value("", &Value::Object(shallow.collect()));
            // A verb that cannot answer has diagnostics alone.
            if document != serde_json::json!({}) {
                seen.value("", &document);
            } else {
                assert_ne!(case.code, 0, "{}", case.golden);
            }
        }
        compare(verb, &tables, &seen);
        pages.insert(verb.to_owned());
    }
    compare("Every document", &tables, &common);
    compare("Diagnostics", &tables, &diagnostics);
    pages.extend(["Every document", "Diagnostics"].map(str::to_owned));
    let described: BTreeSet<String> = tables.into_keys().collect();
    assert_eq!(described, pages, "the page has other tables than there are documents");
}

fn compare(heading: &str, tables: &BTreeMap<String, BTreeMap<String, Key>>, seen: &Seen) {
    let empty = BTreeMap::new();
    let table = tables.get(heading).unwrap_or(&empty);
    for (path, kinds) in &seen.kinds {
        let key = table.get(path).unwrap_or_else(|| panic!("{heading}: `{path}` is not described"));
        let ends = |kind: &String| {
            *kind == key.kind
                || kind.ends_with("[]") && kind.starts_with("[]") && key.kind.ends_with("[]")
        };
        assert!(
            kinds.iter().all(ends),
            "{heading}: `{path}` is {kinds:?}, described as {}",
            key.kind
        );
        let (always, _) = seen.presence(path);
        assert_eq!(always, key.always, "{heading}: whether `{path}` is always there");
    }
    for path in table.keys() {
        assert!(seen.presence(path).1, "{heading}: no document has `{path}`");
    }
}

/// The example of the page is what is printed.
#[test]
fn the_example_of_the_page_is_real() {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let golden = fs::read_to_string(Path::new(GOLDEN).join("policy-list-faulty.json"));
    assert_eq!(example, golden.ok().as_deref());
}

/// `policy check` of files with faults, as on a terminal.
#[test]
fn people_get_colours_where_they_want_them() {
    let arguments = ["policy", "check", "../policies"];
    let plain = outcome(&mut command(&arguments));
    assert!(!plain.stderr.contains('\x1b'), "a pipe is no terminal");
    let always = outcome(command(&arguments).args(["--color", "always"]));
    check_golden("policy-check-faulty.colour", &always.stderr);
    assert_eq!(anstream::adapter::strip_str(&always.stderr).to_string(), plain.stderr);
    for (variables, flag, colours) in [
        (&[("CLICOLOR_FORCE", "1")][..], None, true),
        (&[("CLICOLOR_FORCE", "")], None, false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], None, false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], None, true),
        (&[("NO_COLOR", "1")], Some("always"), true),
        (&[("CLICOLOR_FORCE", "1")], Some("never"), false),
        (&[("CLICOLOR_FORCE", "1")], Some("auto"), true),
    ] {
        let flag = flag.map(|flag| ["--color", flag]);
        let more: Vec<&str> = flag.into_iter().flatten().collect();
        let mut faulty = command(&[&arguments[..], &more].concat());
        let outcome_of = outcome(faulty.envs(variables.iter().copied()));
        assert_eq!(outcome_of.code, Some(64));
        let expected = if colours { &always.stderr } else { &plain.stderr };
        assert_eq!(outcome_of.stderr, *expected, "{variables:?} {more:?}");
        // Help, and what is said of a command line that cannot be understood.
        for arguments in [&["policy", "--help"][..], &["policy", "chekc"], &["--no-such-flag"]] {
            let arguments = [&more[..], arguments].concat();
            let shown = outcome(command(&arguments).envs(variables.iter().copied()));
            let text = shown.stdout + &shown.stderr;
            assert_eq!(text.contains('\x1b'), colours, "{variables:?} {arguments:?}: {text}");
        }
        let listed = outcome(command(&["fields"]).args(&more).envs(variables.iter().copied()));
        assert_eq!(listed.stdout.contains('\x1b'), colours, "{variables:?} {more:?}");
    }
}
