//! From what was written to what the agent runs on: every range, URL and pattern is checked, all faults at once.

use std::{path::Path, time::Duration};

use globset::Glob;
use sensor_core::diagnostic::nearest;
use sensor_kernel::watch::Missing;

use super::{
    CaptureConfig, CollectorConfig, Config, ExportConfig, FlowConfig, InterfacePattern,
    IpfixFileConfig, LogConfig, LogLevel, TlsConfig, Written, context,
    endpoint::{self, CollectorEndpoint, SourceConfig, Transport},
    exporter,
    faults::Faults,
    forward, hits, intake, interface, listen, lists,
    overrides::Overrides,
    policies, raw, rotation,
    schema::{Origin, Setting},
    value::{ByteSize, Quantity as _},
};
use crate::export::files::retention::Retention;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Judges the file with the flags laid over it.
pub fn resolve(mut raw: raw::Raw, overrides: &Overrides) -> Result<Config, Faults> {
    overrides.apply(&mut raw);
    let mut faults = Faults::default();
    let config = Config {
        capture: capture(&raw.capture.value, &raw.interface.value, &raw.listen.value, &mut faults),
        flow: flow(&raw.flow.value, &mut faults),
        export: export(&raw.export.value, &mut faults),
        collectors: collectors(&raw.collector.value, &mut faults),
        ipfix_file: ipfix_file(&raw.ipfix_file, &mut faults),
        listen: listen::resolve(&raw.listen.value, &mut faults),
        intake: intake::resolve(&raw.intake.value, &mut faults),
        exporters: exporter::resolve(&raw.exporter.value, &mut faults),
        forward: forward::resolve(&raw.forward.value, !raw.listen.value.is_empty(), &mut faults),
        policies: policies::resolve(&raw.policies.value),
        hits: hits::resolve(&raw.hits.value, overrides, &mut faults),
        context: context::resolve(&raw, &mut faults),
        log: log(&raw.log.value, overrides, &mut faults),
        lists: lists::resolve(&raw.lists.value, &mut faults),
        written: Written::default(),
    };
    if faults.is_empty() { Ok(config) } else { Err(faults) }
}

fn capture(
    raw: &raw::Capture,
    interface: &[Setting<interface::Interface>],
    listen: &[Setting<listen::Listen>],
    faults: &mut Faults,
) -> CaptureConfig {
    let listens = !listen.is_empty();
    let intervals = Duration::from_millis(100)..=MINUTE;
    let memory = ByteSize(4 << 20)..=ByteSize(64 << 30);
    let interfaces = interfaces(&raw.interfaces, listens, faults);
    let required = interface.iter().map(|interface| &interface.value.required);
    for required in required.filter(|required| required.value && interfaces.is_empty()) {
        let found = "`capture.interfaces` names none";
        faults.report(required, "interface.required", "applies only to captured interfaces", found);
    }
    CaptureConfig {
        interfaces,
        missing: match raw.interfaces.origin {
            Origin::Flag(_) => Missing::Refused,
            Origin::File(_) | Origin::Default => Missing::Awaited,
        },
        interval: faults.in_range(&raw.interval, "capture.interval", intervals),
        kernel_memory: faults.in_range(&raw.kernel_memory, "capture.kernel_memory", memory).0,
        hooks: interface::resolve(interface, raw.generic_xdp.value, faults),
    }
}

fn interfaces(
    list: &Setting<Vec<Setting<String>>>,
    listens: bool,
    faults: &mut Faults,
) -> Vec<InterfacePattern> {
    const PATH: &str = "capture.interfaces";
    if listens && !list.is_given() {
        // Whoever only wants to collect what routers send need not be able to load programs.
        return Vec::new();
    }
    if list.value.is_empty() && !listens {
        faults.report(
            list,
            PATH,
            "must name an interface",
            "`[\"auto\"]` selects the default route",
        );
    }
    let mut patterns = Vec::with_capacity(list.value.len());
    for (index, name) in list.value.iter().enumerate() {
        if list.value[..index].iter().any(|earlier| earlier.value == name.value) {
            faults.report(name, PATH, "must name an interface once", "named before");
        }
        match pattern(&name.value) {
            Ok(pattern) => patterns.push(pattern),
            Err(reason) => {
                faults.report(name, PATH, "must contain names, globs or `auto`", &reason);
            }
        }
    }
    patterns
}

fn pattern(name: &str) -> Result<InterfacePattern, String> {
    if name == "auto" {
        return Ok(InterfacePattern::Auto);
    }
    if name.contains(['*', '?', '[', '{']) {
        return Glob::new(name)
            .map(InterfacePattern::Glob)
            .map_err(|error| format!("bad glob: {}", error.kind()));
    }
    endpoint::interface_name(name)?;
    Ok(InterfacePattern::Name(name.to_owned()))
}

fn flow(raw: &raw::Flow, faults: &mut Faults) -> FlowConfig {
    let active_timeout = faults.in_range(&raw.active_timeout, "flow.active_timeout", SECOND..=DAY);
    let mut idle_timeout = faults.in_range(&raw.idle_timeout, "flow.idle_timeout", SECOND..=DAY);
    if idle_timeout > active_timeout {
        if raw.idle_timeout.is_given() {
            let must = format!("must not exceed the active timeout ({})", active_timeout.shown());
            let found = format!("this is {}", idle_timeout.shown());
            faults.report(&raw.idle_timeout, "flow.idle_timeout", &must, &found);
        } else {
            // Whoever asks for a short active timeout need not know that there is another one.
            idle_timeout = active_timeout;
        }
    }
    let lingers = Duration::ZERO..=MINUTE;
    FlowConfig {
        active_timeout,
        idle_timeout,
        end_linger: faults.in_range(&raw.end_linger, "flow.end_linger", lingers),
        max_flows: faults.in_range(&raw.max_flows, "flow.max_flows", 1024..=1 << 28),
    }
}

fn export(raw: &raw::Export, faults: &mut Faults) -> ExportConfig {
    let raw::Export { template_interval, template_messages, statistics_interval, queue, .. } = raw;
    let domains = 0..=u64::from(u32::MAX);
    let domain = faults.in_range(&raw.observation_domain, "export.observation_domain", domains);
    let path = "export.template_interval";
    let template_interval = faults.in_range(template_interval, path, SECOND..=DAY);
    let path = "export.template_messages";
    let template_messages = faults.in_range(template_messages, path, 1..=1 << 32);
    let path = "export.statistics_interval";
    let statistics_interval = faults.in_range(statistics_interval, path, SECOND..=DAY);
    ExportConfig {
        // One that is too large was reported above.
        observation_domain: u32::try_from(domain).unwrap_or_default(),
        template_interval,
        template_messages,
        statistics_interval,
        queue: faults.in_range(queue, "export.queue", 1024..=1 << 26),
    }
}

fn collectors(list: &[Setting<raw::Collector>], faults: &mut Faults) -> Vec<CollectorConfig> {
    let mut collectors: Vec<CollectorConfig> = Vec::with_capacity(list.len());
    for collector in list {
        let raw = &collector.value;
        let mtu = faults.in_range(&raw.mtu, "collector.mtu", 512..=65_535);
        let Some(url) = &raw.url.value else {
            if !raw.url.is_given() {
                let found = "add url = \"udp://HOST:4739\"";
                faults.report(collector, "collector", "needs a `url`", found);
            }
            continue;
        };
        let (endpoint, of_url) = match endpoint::with_source(url) {
            Ok(parts) => parts,
            Err(reason) => {
                let must = "must be a URL such as `udp://HOST:4739`";
                faults.report(&raw.url, "collector.url", must, &reason);
                continue;
            }
        };
        if collectors.iter().any(|earlier| earlier.endpoint == endpoint) {
            let found = format!("{endpoint} again");
            faults.report(&raw.url, "collector.url", "must differ from the others", &found);
        }
        let source = source(&raw.source, &endpoint, of_url, faults);
        let tls = tls(&raw.tls, endpoint.transport, faults);
        // One that is too large was reported above.
        let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
        collectors.push(CollectorConfig { endpoint, mtu, source, tls });
    }
    collectors
}

/// The own address of a collector: of its key, or `of_url`.
fn source(
    raw: &Setting<Option<String>>,
    endpoint: &CollectorEndpoint,
    of_url: Option<SourceConfig>,
    faults: &mut Faults,
) -> Option<SourceConfig> {
    const PATH: &str = "collector.source";
    let Some(text) = &raw.value else { return of_url };
    if of_url.is_some() {
        faults.report(raw, PATH, "must be given once", "the url has one after `?`");
    }
    let source = text.parse::<SourceConfig>().and_then(|source| {
        source.check(endpoint)?;
        Ok(source)
    });
    let must = "must be an address of this host, or the name of an interface";
    source.map_err(|reason| faults.report(raw, PATH, must, &reason)).ok()
}

fn tls(
    raw: &Setting<Option<raw::Tls>>,
    transport: Transport,
    faults: &mut Faults,
) -> Option<TlsConfig> {
    if transport != Transport::Tls {
        if raw.is_given() {
            let found = format!("the url says {}", transport.scheme());
            faults.report(raw, "collector.tls", "applies only to tls:// collectors", &found);
        }
        return None;
    }
    let tls = raw.value.clone().unwrap_or_default();
    match (tls.certificate.is_given(), tls.key.is_given()) {
        (true, false) => {
            let path = "collector.tls.certificate";
            faults.report(&tls.certificate, path, "requires `key`", "there is none");
        }
        (false, true) => {
            let path = "collector.tls.key";
            faults.report(&tls.key, path, "requires `certificate`", "there is none");
        }
        _ => {}
    }
    Some(TlsConfig {
        ca: tls.ca.value,
        identity: tls.certificate.value.zip(tls.key.value),
        server_name: tls.server_name.value,
    })
}

fn ipfix_file(section: &Setting<raw::IpfixFile>, faults: &mut Faults) -> Option<IpfixFileConfig> {
    let raw = &section.value;
    let ages = SECOND..=DAY * 7;
    let max_size = faults.in_range(&raw.max_size, "ipfix_file.max_size", rotation::SIZES).0;
    let max_age = faults.in_range(&raw.max_age, "ipfix_file.max_age", ages);
    let keep = rotation::given(&raw.keep)
        .map(|keep| faults.in_range(&keep, "ipfix_file.keep", 0..=1_000_000));
    let total = &raw.max_total;
    let max_total = Some(rotation::max_total(total, "ipfix_file.max_total", max_size, faults));
    let retention = Retention { keep, max_total };
    let Some(directory) = raw.directory.value.clone() else {
        if section.is_given() && !raw.directory.is_given() {
            faults.report(section, "ipfix_file", "needs a `directory`", "there is none");
        }
        return None;
    };
    Some(IpfixFileConfig { directory, max_size, max_age, retention })
}

fn log(raw: &raw::Log, overrides: &Overrides, faults: &mut Faults) -> LogConfig {
    let name = raw.level.value.as_str();
    let level = LogLevel::ALL.into_iter().find(|level| level.name() == name);
    if level.is_none() {
        let names = LogLevel::ALL.map(LogLevel::name);
        let found = match nearest(name, names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("`{name}` is not a level"),
        };
        let must = format!("must be one of {}", names.join(", "));
        faults.report(&raw.level, "log.level", &must, &found);
    }
    let (print_flows, flow_log) = match raw.flows.value.as_str() {
        "" => {
            let must = "must be `none`, `stdout` or a path";
            faults.report(&raw.flows, "log.flows", must, "this is empty");
            (false, None)
        }
        "none" => (false, None),
        "stdout" => (true, None),
        path => (false, Some(Path::new(path).to_owned())),
    };
    let keys = rotation::Keys {
        section: "log",
        max_size: &raw.max_size,
        max_age: &raw.max_age,
        keep: &raw.keep,
        max_total: &raw.max_total,
    };
    LogConfig {
        level: level.unwrap_or(LogLevel::Info).more_verbose(overrides.verbose),
        print_flows: overrides.print_flows.unwrap_or(print_flows),
        flow_log: overrides.flow_log.clone().or(flow_log),
        rotation: rotation::resolve(&keys, faults),
    }
}
