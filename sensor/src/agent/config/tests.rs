//! The whole way from text and flags to [`Config`] or faults.

use std::{path::PathBuf, time::Duration};

use sensor_core::{
    diagnostic::render,
    settings::schema::{Key, Setting, Table, Value as _},
};
use sensor_kernel::watch::Missing;
use toml::de::DeTable;

use super::{
    collector::{Collector, CollectorConfig},
    faults::Faults,
    ipfix_file::IpfixFile,
    overrides::Overrides,
    sections::{self, Sections},
    *,
};
use crate::export::ipfix::options::{Destination, Transport};

const EXAMPLE: &str = include_str!("../../../deploy/sensor.toml");

fn defaults() -> Config {
    from_text("", &Overrides::default()).expect("the defaults hold together")
}

#[track_caller]
fn faults(text: &str, overrides: &Overrides) -> Vec<String> {
    let faults = from_text(text, overrides).expect_err("the test expects faults");
    let shown = |message: String, label: Option<String>| match label {
        Some(label) => format!("{message}: {label}"),
        None => message,
    };
    let flags = faults.flags.into_iter().map(|fault| shown(fault.message, fault.label));
    let file =
        faults.file.into_iter().map(|fault| shown(fault.message, fault.label.map(String::from)));
    flags.chain(file).collect()
}

/// The example with its settings that are off by default switched on.
fn example_in_full() -> String {
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        _ => line,
    };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_the_default() {
    let example = from_text(EXAMPLE, &Overrides::default()).expect("the example has no fault");
    assert_eq!(format!("{example:?}"), format!("{:?}", defaults()));
}

#[test]
fn the_example_shows_every_key() {
    fn check(table: &DeTable<'_>, keys: &[Key], path: &str) {
        for key in keys {
            let found = table.get(key.name);
            let found = found.unwrap_or_else(|| panic!("{path}{} is not shown", key.name));
            let inner = found.get_ref().as_array().and_then(|list| list.first()).unwrap_or(found);
            if let Some(inner) = inner.get_ref().as_table() {
                check(inner, key.inner, &format!("{path}{}.", key.name));
            }
        }
    }
    let text = example_in_full();
    let document = DeTable::parse(&text).expect("the example is TOML");
    check(document.get_ref(), <Sections as Table>::KEYS, "");
}

/// Settings that are off by default, too: all of them but those that have none.
#[test]
fn the_example_shows_the_defaults() {
    let (raw, faults) = sections::parse(&example_in_full());
    assert_eq!(faults, []);
    let raw = raw.expect("there are no faults");
    let shown = &raw.collector.value.first().expect("a collector is shown").value;
    assert_eq!(shown.mtu.value, Collector::default().mtu.value);
    let shown = &raw.hits.value.first().expect("an output of hits is shown").value;
    let default = hits::Hits::default();
    macro_rules! equal {
        ($($key:ident)*) => { $(assert_eq!(shown.$key.value, default.$key.value);)* };
    }
    equal!(format severity queue verbose max_size keep facility tag enterprise batch timeout spool_size);
    let (shown, default) = (&raw.ipfix_file.value, IpfixFile::default());
    assert_eq!(shown.max_size.value, default.max_size.value);
    assert_eq!(shown.max_age.value, default.max_age.value);
    assert_eq!(shown.max_total.value, default.max_total.value);
    let (mut shown, default) = (raw.intake.value, Sections::default().intake.value);
    shown.state_file = default.state_file.clone();
    let values = |list: &[Setting<String>]| -> Vec<String> {
        list.iter().map(|setting| setting.value.clone()).collect()
    };
    assert_eq!(values(&shown.allow.value), values(&default.allow.value));
    shown.allow = default.allow.clone();
    let forget = |raw: &intake::Intake| resolve_intake(raw);
    assert_eq!(forget(&shown), forget(&default));
    let device = &raw.device.value.first().expect("a device is shown").value;
    assert_eq!((device.sample_rate.value, device.rate_limit.value), (0, 0));
}

fn resolve_intake(raw: &intake::Intake) -> String {
    let mut faults = Faults::default();
    let config = intake::resolve(raw, Vec::new(), Vec::new(), Vec::new(), &mut faults);
    assert_eq!(faults, Faults::default());
    format!("{config:?}")
}

#[test]
fn who_listens_to_routers_only_watches_no_interface() {
    let listen = "listen = [{ url = 'netflow://0.0.0.0' }]";
    let interfaces = |text: &str| {
        let config = from_text(text, &Overrides::default()).expect("it has no fault");
        config.capture.interfaces.len()
    };
    assert_eq!(interfaces(listen), 0);
    assert_eq!(interfaces(&format!("{listen}\ncapture.interfaces = ['eth0']")), 1);
    assert_eq!(interfaces(&format!("{listen}\ncapture.interfaces = []")), 0);
    assert_eq!(interfaces(""), 1);
    assert_eq!(
        faults("capture.interfaces = []", &Overrides::default()),
        ["`capture.interfaces` must name an interface: `[\"auto\"]` selects the default route"]
    );
}

#[test]
fn what_a_file_names_may_come_later() {
    let missing = |text: &str, flags: &[&str]| {
        let interfaces = flags.iter().map(|&name| name.to_owned()).collect();
        let overrides = Overrides { interfaces, ..Overrides::default() };
        from_text(text, &overrides).expect("it has no fault").capture.missing
    };
    let named = "capture.interfaces = ['eth0']";
    assert_eq!(missing(named, &[]), Missing::Awaited);
    assert_eq!(missing("", &[]), Missing::Awaited);
    assert_eq!(missing(named, &["eth1"]), Missing::Refused);
    let without_a_file = load(None, &Overrides::default()).expect("it has no fault");
    assert_eq!(without_a_file.capture.missing, Missing::Refused);

    let required = "[[interface]]\nname = 'eth0'\nrequired = true";
    let config = from_text(required, &Overrides::default()).expect("it has no fault");
    assert!(config.capture.hooks[0].required);
    assert_eq!(
        faults(
            &format!("listen = [{{ url = 'netflow://[::]' }}]\n{required}"),
            &Overrides::default()
        ),
        [
            "`interface.required` applies only to captured interfaces: `capture.interfaces` names none"
        ]
    );
}

#[test]
fn a_file_with_everything() {
    let text = r#"
        [capture]
        interfaces = ["eth0", "veth*"]
        interval = "250ms"
        kernel_memory = "64MiB"
        [[collector]]
        url = "udp://[::1]:2055"
        mtu = 512
        [[collector]]
        url = "tls://c.example"
        tls = { ca = "ca.pem", certificate = "own.pem", key = "own.key" }
        [ipfix_file]
        directory = "/tmp/flows"
        [log]
        flows = "/tmp/flows.json"
    "#;
    let config = from_text(text, &Overrides::default()).expect("the text has no faults");
    assert_eq!(config.capture.interval, Duration::from_millis(250));
    assert_eq!(config.capture.kernel_memory, 64 << 20);
    assert_eq!(config.capture.interfaces[0], InterfacePattern::Name("eth0".to_owned()));
    let [udp, tls] = config.collectors.as_slice() else { panic!("two collectors") };
    assert_eq!((udp.options.host.as_str(), udp.mtu), ("::1", 512));
    assert_eq!(udp.options.transport, Transport::udp());
    assert_eq!(tls.options.port, 4740);
    let Transport::Tls(options) = &tls.options.transport else { panic!("TLS") };
    assert!(options.certificate.is_some() && options.key.is_some());
    assert_eq!(config.ipfix_file.map(|file| file.rotate_octets), Some(64 << 20));
    assert_eq!(config.log.flow_log, Some(PathBuf::from("/tmp/flows.json")));
}

#[test]
fn flags_win_over_the_file() {
    let text = "
        capture.interfaces = ['eth0']
        capture.interval = '1h'
        collector = [{ url = 'udp://a' }]
        log.level = 'warn'
        log.flows = 'stdout'
    ";
    let overrides = Overrides {
        interfaces: vec!["eth1".to_owned()],
        interval: Some(Duration::from_secs(2)),
        collectors: vec!["tcp://b:1".to_owned()],
        ipfix_file: Some(PathBuf::from("flows")),
        print_flows: Some(false),
        verbose: 2,
        ..Overrides::default()
    };
    let config = from_text(text, &overrides).expect("the flags mend the file");
    assert_eq!(config.capture.interfaces, [InterfacePattern::Name("eth1".to_owned())]);
    assert_eq!(config.capture.interval, Duration::from_secs(2));
    let url =
        |collector: &CollectorConfig| Destination::Collector(collector.options.clone()).to_string();
    assert_eq!(config.collectors.iter().map(url).collect::<Vec<_>>(), ["tcp://b:1"]);
    assert_eq!(config.ipfix_file.map(|file| file.rotate_interval), Some(Duration::from_mins(5)));
    assert!(!config.log.print_flows);
    assert_eq!(config.log.level, LogLevel::Debug);
}

#[test]
fn faults_of_flags_name_the_flag() {
    let overrides = Overrides {
        interfaces: vec!["a b".to_owned()],
        interval: Some(Duration::from_millis(5)),
        active_timeout: Some(Duration::from_secs(10)),
        collectors: vec!["udp://a".to_owned(), "udp://a:4739".to_owned(), "upd://b".to_owned()],
        ..Overrides::default()
    };
    assert_eq!(
        faults("flow.idle_timeout = '20s'", &overrides),
        [
            "`--interface` must contain names, globs or `auto`: ` ` is not allowed in a name",
            "`--interval` must lie between 100ms and 1m: this is 5ms",
            "`--collector` must differ from the others: udp://a:4739 again",
            "`--collector` must be a URL such as `udp://HOST:4739`: `upd` is not a transport, did you mean `udp`?",
            "`flow.idle_timeout` must not exceed the active timeout (10s): this is 20s",
        ]
    );
}

#[test]
fn a_short_active_timeout_shortens_the_idle_one() {
    let overrides =
        Overrides { active_timeout: Some(Duration::from_secs(5)), ..Overrides::default() };
    let flow = from_text("", &overrides).expect("no idle timeout was asked for").flow;
    assert_eq!(flow.idle_timeout, 5_000);
}

/// A value that cannot be read is reported once, and nothing is said to be missing because of it.
#[test]
fn one_fault_is_not_two() {
    let text = "collector = [{ url = 5 }]\nipfix_file.directory = ''\ncapture.interfaces = [1]";
    assert_eq!(
        faults(text, &Overrides::default()),
        [
            "`collector.url` must be a string: this is a whole number",
            "`ipfix_file.directory` must be a path: this is empty",
            "`capture.interfaces[0]` must be a string: this is a whole number",
        ]
    );
}

/// A file may come from anywhere; whatever it holds, it is read or refused.
#[test]
fn any_mutilation_of_the_example_is_read_or_refused() {
    // A mutation inside a comment is a longer or shorter comment, and most of the example is comments.
    let full = example_in_full();
    let settings = full.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let text = settings.collect::<Vec<_>>().join("\n");
    for at in (0..text.len()).filter(|&at| text.is_char_boundary(at)) {
        for mutilated in [text[..at].to_owned(), format!("{}\"{}", &text[..at], &text[at..])] {
            if let Err(faults) = from_text(&mutilated, &Overrides::default()) {
                assert!(!faults.is_empty());
                assert!(!render("f", &mutilated, &faults.file).is_empty());
            }
        }
    }
}

/// One rule for all files: paths in the configuration are relative to it, those of flags to the working directory.
#[test]
fn every_path_is_relative_to_the_file_that_names_it() {
    /// Puts a path that its key is told by where a path may stand; counts the tables.
    fn fill(table: &mut toml::Table, keys: &[Key], below: &str) {
        for key in keys {
            let name = format!("{below}{}", key.name);
            let value = if key.is_path {
                let path = toml::Value::String(format!("named/{name}"));
                // [lists] alone has names of its own choice as keys.
                match table.contains_key(key.name) {
                    true => toml::Table::from_iter([("n".to_owned(), path)]).into(),
                    false if key.is_list => vec![path].into(),
                    false => path,
                }
            } else if key.inner.is_empty() {
                continue;
            } else {
                let mut inner = toml::Table::new();
                fill(&mut inner, key.inner, &format!("{name}."));
                if key.is_list { vec![toml::Value::Table(inner)].into() } else { inner.into() }
            };
            table.insert(key.name.to_owned(), value);
        }
    }
    /// All texts that hold `named/`.
    fn named(text: &str, found: &mut Vec<String>) {
        found.extend(text.split('"').filter(|text| text.contains("named/")).map(str::to_owned));
    }
    let mut table: toml::Table = "lists = {}".parse().expect("it is TOML");
    fill(&mut table, <Sections as Table>::KEYS, "");
    let text = toml::to_string(&table).expect("TOML");
    let (sections, faults) = sections::parse(&text);
    assert_eq!(faults, []);
    let mut sections = sections.expect("it has no fault");
    let (mut before, mut after) = (Vec::new(), Vec::new());
    named(&format!("{sections:?}"), &mut before);
    sections.anchor("/etc/sensor".as_ref());
    named(&format!("{sections:?}"), &mut after);
    assert!(before.len() > 15, "{before:?}");
    let anchored: Vec<_> = before.iter().map(|path| format!("/etc/sensor/{path}")).collect();
    assert_eq!(after, anchored);
}

#[test]
fn words_and_flags_are_no_paths_of_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("sensor.toml");
    let text = "policies.paths = ['stock', 'own']\nlog.flows = 'stdout'\nlabels.files = ['/a', 'b']\n[lists]\nhosts = 'h'";
    std::fs::write(&file, text).expect("written");
    let lists = vec![("ports".to_owned(), "p".into())];
    let config = load(Some(&file), &Overrides { lists, ..Overrides::default() }).expect("no fault");
    let own = |name: &str| directory.path().join(name);
    assert_eq!(config.policies.paths, ["stock".into(), own("own")]);
    assert_eq!(config.context.labels, ["/a".into(), own("b")]);
    assert!(config.log.print_flows);
    assert_eq!([&config.lists.0["hosts"], &config.lists.0["ports"]], [&own("h"), &"p".into()]);
    let read = |text: &str| std::fs::write(&file, text).map(|()| config.reread().expect("a file"));
    assert!(read("[flow").expect("written").is_err());
    assert_eq!(
        read("lists = { hosts = 'i' }").expect("written").expect("no fault").lists.0["hosts"],
        own("i")
    );
    assert!(defaults().reread().is_none());
}

/// Who used flags reads of flags, and who wrote a file of its keys.
#[test]
fn faults_speak_of_what_was_written() {
    let flags = |overrides| faults("", &overrides);
    let forward = Overrides { forward: vec!["udp://a".to_owned()], ..Overrides::default() };
    assert_eq!(flags(forward), ["`--forward` needs a `--listen`: nothing is received without one"]);
    assert_eq!(
        faults("forward = [{ url = 'udp://a' }]", &Overrides::default()),
        ["`forward` needs a `[[listen]]`: nothing is received without one"]
    );
    let tls = Overrides { listen: vec!["tls://[::]".to_owned()], ..Overrides::default() };
    assert_eq!(
        flags(tls),
        [
            "`--listen` cannot give tls:// its certificate and key: name them in a [[listen]] table of a configuration \
             file"
        ]
    );
    let captures = Overrides {
        listen: vec!["netflow://[::]".to_owned()],
        ingress: vec!["eth0=tc".to_owned()],
        interval: Some(Duration::from_secs(1)),
        generic_xdp: Some(true),
        ..Overrides::default()
    };
    let without = |flag: &str| {
        format!("`{flag}` applies only to captured interfaces: there is none: add -i NAME")
    };
    assert_eq!(flags(captures), ["--ingress", "--interval", "--generic-xdp"].map(without));
}

/// A fault of a flag shows its text.
#[test]
fn faults_of_flags_point_at_their_text() {
    let overrides = Overrides { collectors: vec!["upd://b".to_owned()], ..Overrides::default() };
    let error = load(None, &overrides).expect_err("it has a fault");
    assert_eq!(
        error.findings().to_string(),
        "error: `--collector` must be a URL such as `udp://HOST:4739`\n --> --collector:1:1\n  |\n1 | upd://b\n  \
         | ^^^^^^^ `upd` is not a transport, did you mean `udp`?\n"
    );
}

/// A name behind a flag is wanted now; one in a file, or a glob, may come later.
#[test]
fn an_interface_that_a_flag_names_is_required() {
    let required = |text: &str, ingress: &[&str]| -> Vec<String> {
        let ingress = ingress.iter().map(|&flag| flag.to_owned()).collect();
        let overrides = Overrides { ingress, ..Overrides::default() };
        let config = from_text(text, &overrides).expect("it has no fault");
        config.capture.hooks.iter().filter_map(|hook| hook.required()).map(|r| r.by).collect()
    };
    assert_eq!(required("", &["eth9=tc", "eth*=xdp", "tc"]), ["`--ingress eth9=tc`"]);
    let block = "[[interface]]\nname = 'eth9'\n";
    assert!(required(block, &[]).is_empty());
    assert_eq!(
        required(&format!("{block}required = true"), &[]),
        ["`[[interface]] required = true`"]
    );
}
