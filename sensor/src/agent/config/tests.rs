//! The whole way from text and flags to [`Config`] or faults.

use std::time::Duration;

use sensor_core::diagnostic::render;
use toml::de::DeTable;

use super::{
    endpoint::Transport,
    raw::{self, Raw},
    schema::{Key, Setting, Table},
    *,
};

const EXAMPLE: &str = include_str!("../../../deploy/sensor.toml");

fn defaults() -> Config {
    from_text("", &Overrides::default()).expect("the defaults hold together")
}

#[track_caller]
fn faults(text: &str, overrides: &Overrides) -> Vec<String> {
    let faults = from_text(text, overrides).expect_err("the test expects faults");
    let label = |label: Option<String>| label.unwrap_or_default();
    let in_file =
        faults.file.into_iter().map(|fault| format!("{}: {}", fault.message, label(fault.label)));
    faults.flags.iter().cloned().chain(in_file).collect()
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
    assert_eq!(from_text(EXAMPLE, &Overrides::default()), Ok(defaults()));
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
    check(document.get_ref(), <Raw as Table>::KEYS, "");
}

/// Settings that are off by default, too: all of them but those that have none.
#[test]
fn the_example_shows_the_defaults() {
    let (raw, faults) = raw::parse(&example_in_full());
    assert_eq!(faults, []);
    let raw = raw.expect("there are no faults");
    let shown = &raw.collector.value.first().expect("a collector is shown").value;
    assert_eq!(shown.mtu.value, raw::Collector::default().mtu.value);
    let shown = &raw.hits.value.first().expect("an output of hits is shown").value;
    let default = hits::Hits::default();
    macro_rules! equal {
        ($($key:ident)*) => { $(assert_eq!(shown.$key.value, default.$key.value);)* };
    }
    equal!(format severity queue verbose max_size keep facility tag enterprise batch timeout spool_size);
    let (shown, default) = (&raw.ipfix_file.value, raw::IpfixFile::default());
    assert_eq!(shown.max_size.value, default.max_size.value);
    assert_eq!(shown.max_age.value, default.max_age.value);
    assert_eq!(shown.max_total.value, default.max_total.value);
    let (mut shown, default) = (raw.intake.value, Raw::default().intake.value);
    shown.state_file = default.state_file.clone();
    let values = |list: &[Setting<String>]| -> Vec<String> {
        list.iter().map(|setting| setting.value.clone()).collect()
    };
    assert_eq!(values(&shown.allow.value), values(&default.allow.value));
    shown.allow = default.allow.clone();
    let forget = |raw: &intake::Intake| resolve_intake(raw);
    assert_eq!(forget(&shown), forget(&default));
    let exporter = &raw.exporter.value.first().expect("an exporter is shown").value;
    assert_eq!((exporter.sample_rate.value, exporter.rate_limit.value), (0, 0));
}

fn resolve_intake(raw: &intake::Intake) -> IntakeConfig {
    let mut faults = Faults::default();
    let config = intake::resolve(raw, &mut faults);
    assert_eq!(faults, Faults::default());
    config
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
    assert_eq!((udp.endpoint.host.as_str(), udp.mtu, &udp.tls), ("::1", 512, &None));
    assert_eq!((tls.endpoint.transport, tls.endpoint.port), (Transport::Tls, 4740));
    assert!(tls.tls.as_ref().is_some_and(|tls| tls.identity.is_some()));
    assert_eq!(config.ipfix_file.map(|file| file.max_size), Some(64 << 20));
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
    let urls: Vec<_> = config.collectors.iter().map(|c| c.endpoint.to_string()).collect();
    assert_eq!(urls, ["tcp://b:1"]);
    assert_eq!(config.ipfix_file.map(|file| file.max_age), Some(Duration::from_mins(5)));
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
    assert_eq!(flow.idle_timeout, Duration::from_secs(5));
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
    let text = example_in_full();
    for at in (0..text.len()).step_by(3).filter(|&at| text.is_char_boundary(at)) {
        for mutilated in [text[..at].to_owned(), format!("{}\"{}", &text[..at], &text[at..])] {
            if let Err(faults) = from_text(&mutilated, &Overrides::default()) {
                assert!(!faults.is_empty());
                assert!(!render("f", &mutilated, &faults.file).is_empty());
            }
        }
    }
}
