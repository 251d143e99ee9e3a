//! `[[hits]]`: where hits of policies go, what goes there, and in which form.

use std::{path::PathBuf, time::Duration};

use globset::Glob;

use self::target::{Kind, Scheme, Target};
use sensor_core::{
    diagnostic::nearest,
    policy::alert::{EventKind, Severity},
    settings::{schema::Setting, value::ByteSize},
};

use super::{faults::Faults, overrides::Overrides, rotation, tls};
use crate::export::hits::{
    options::{
        Destination, FileOptions, OutputOptions, SpoolOptions, SyslogOptions, SyslogTransport,
        WebhookOptions,
    },
    render::{Format, syslog::FACILITIES},
    selection::{NamePatterns, Selection},
};
use crate::export::net::http::Credentials;
use crate::journal;
pub use keys::Hits;

mod keys;
mod target;
#[cfg(test)]
mod tests;

/// Where hits go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HitsConfig {
    /// Outputs of hits alone; at most one is stdout.
    pub outputs: Vec<OutputOptions>,
    /// What goes to the IPFIX collectors and files, where anything does.
    pub ipfix: Option<IpfixHits>,
}

impl HitsConfig {
    /// Whether hits go to stdout.
    pub fn prints(&self) -> bool {
        let stdout =
            |output: &OutputOptions| matches!(output.destination, Destination::Stdout { .. });
        self.outputs.iter().any(stdout)
    }
}

/// Hits as IPFIX records.
#[derive(Clone, Debug, PartialEq)]
pub struct IpfixHits {
    /// What is sent.
    pub selection: Selection,
    /// Private enterprise number of the elements.
    pub enterprise: u32,
    /// Events that may wait for one collector.
    pub queue: u64,
}

/// Judges every block, with `--print hits` as one more.
pub fn resolve(list: &[Setting<Hits>], overrides: &Overrides, faults: &mut Faults) -> HitsConfig {
    let mut config = HitsConfig::default();
    let mut seen: Vec<(Target, &Setting<_>)> = Vec::new();
    let mut spools: Vec<(PathBuf, &Setting<_>)> = Vec::new();
    for block in list {
        let Some(target) = target(block, faults) else { continue };
        let raw = &block.value;
        if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == target)
            && target.kind() != Kind::Webhook
        {
            let must = "must differ from the others";
            faults.repeated(&raw.url, first, "hits.url", must, "it appears twice");
        }
        misplaced(raw, &target, faults);
        let selection = selection(raw, faults);
        let queue = faults.in_range(&raw.queue, "hits.queue", 16..=1 << 20);
        let enterprises = 1..=u64::from(u32::MAX);
        let enterprise = faults.in_range(&raw.enterprise, "hits.enterprise", enterprises);
        // One that is too large was reported above.
        let enterprise = u32::try_from(enterprise).unwrap_or_default();
        let format = named(&raw.format, "hits.format", &Format::ALL.map(|f| (f.name(), f)), faults);
        seen.push((target.clone(), &raw.url));
        let Some(destination) = destination(raw, target, enterprise, faults) else {
            config.ipfix = Some(IpfixHits { selection, enterprise, queue });
            continue;
        };
        let spool = spool(raw, faults);
        if let Some(spool) = &spool {
            let first = spools.iter().find(|(directory, _)| *directory == spool.directory);
            if let Some((_, first)) = first {
                let (must, found) =
                    ("must not be shared with another output", "another output has it");
                faults.repeated(&raw.spool, first, "hits.spool", must, found);
            }
            spools.push((spool.directory.clone(), &raw.spool));
        }
        let format = format.unwrap_or_default();
        config.outputs.push(OutputOptions { destination, selection, format, queue, spool });
    }
    if overrides.print_hits && !seen.iter().any(|(target, _)| *target == Target::Stdout) {
        config.outputs.push(OutputOptions {
            destination: Destination::Stdout { verbose: overrides.verbose > 0 },
            selection: Selection::default(),
            format: Format::Json,
            queue: Hits::default().queue.value,
            spool: None,
        });
    }
    config
}

fn target(block: &Setting<Hits>, faults: &mut Faults) -> Option<Target> {
    let url = &block.value.url;
    let Some(text) = &url.value else {
        if !url.is_given() {
            let found = "add url = \"syslog+udp://HOST\"";
            faults.report(block, "hits", "needs a `url`", found);
        }
        return None;
    };
    let must = "must be `stdout`, `journald`, `ipfix` or a URL such as `syslog+udp://HOST`";
    text.parse().map_err(|reason: String| faults.report(url, "hits.url", must, &reason)).ok()
}

/// Keys that say nothing about such an output.
fn misplaced(raw: &Hits, target: &Target, faults: &mut Faults) {
    use Kind::{File, Ipfix, Journal, Stdout, Syslog, Webhook};
    let kind = target.kind();
    macro_rules! only {
        ($($key:ident: $kinds:expr;)*) => {$(
            if raw.$key.is_given() && !$kinds.contains(&kind) {
                let path = concat!("hits.", stringify!($key));
                let kinds = $kinds.map(Kind::shown).join(", ");
                let found = format!("this output is {}", kind.shown());
                faults.report(&raw.$key, path, &format!("applies only to {kinds}"), &found);
            }
        )*};
    }
    only! {
        format: [Stdout, File, Syslog, Webhook];
        verbose: [Stdout];
        max_size: [File];
        max_age: [File];
        keep: [File];
        max_total: [File];
        facility: [Syslog];
        tag: [Syslog, Journal];
        enterprise: [Syslog, Ipfix];
        headers: [Webhook];
        basic_auth_file: [Webhook];
        bearer_file: [Webhook];
        batch: [Webhook];
        timeout: [Webhook];
        spool: [Syslog, Webhook];
        spool_size: [Syslog, Webhook];
    }
    if raw.tls.is_given() && !target.is_tls() {
        let found = "it does not use TLS";
        faults.report(&raw.tls, "hits.tls", "applies only to syslog+tls:// and https://", found);
    }
}

fn selection(raw: &Hits, faults: &mut Faults) -> Selection {
    let severities = Severity::ALL.map(|severity| (severity.name(), severity));
    let severity = named(&raw.severity, "hits.severity", &severities, faults);
    let kinds = raw.kinds.value.as_ref().map(|list| {
        if list.is_empty() {
            faults.report(&raw.kinds, "hits.kinds", "must name a kind", "this is empty");
        }
        let kinds = EventKind::ALL.map(|kind| (kind.name(), kind));
        list.iter().filter_map(|kind| named(kind, "hits.kinds", &kinds, faults)).collect()
    });
    Selection {
        severity: severity.unwrap_or(Severity::Low),
        policies: policies(raw, faults),
        kinds,
    }
}

fn policies(raw: &Hits, faults: &mut Faults) -> Option<NamePatterns> {
    let list = raw.policies.value.as_ref()?;
    if list.is_empty() {
        faults.report(&raw.policies, "hits.policies", "must name a policy", "this is empty");
    }
    let mut globs = Vec::with_capacity(list.len());
    for name in list {
        match Glob::new(&name.value) {
            Ok(glob) => globs.push(glob),
            Err(error) => {
                let found = format!("bad glob: {}", error.kind());
                faults.report(name, "hits.policies", "must contain names or globs", &found);
            }
        }
    }
    let report = |error: globset::Error| {
        faults.report(
            &raw.policies,
            "hits.policies",
            "must contain fewer or simpler globs",
            &error.to_string(),
        );
    };
    NamePatterns::new(globs).map_err(report).ok()
}

/// The output; `None` for IPFIX, which is not an output of its own.
fn destination(
    raw: &Hits,
    target: Target,
    enterprise: u32,
    faults: &mut Faults,
) -> Option<Destination> {
    Some(match target {
        Target::Ipfix => return None,
        Target::Stdout => Destination::Stdout { verbose: raw.verbose.value },
        Target::Journal => {
            Destination::Journal { socket: journal::SOCKET.into(), tag: tag(raw, faults) }
        }
        Target::File(path) => {
            let keys = rotation::Keys {
                section: "hits",
                max_size: &raw.max_size,
                max_age: &raw.max_age,
                keep: &raw.keep,
                max_total: &raw.max_total,
            };
            Destination::File(FileOptions { path, rotation: rotation::resolve(&keys, faults) })
        }
        Target::Syslog(scheme, peer) => {
            let facility = named(&raw.facility, "hits.facility", &FACILITIES, faults);
            let transport = match scheme {
                Scheme::Udp => SyslogTransport::Udp,
                Scheme::Tcp => SyslogTransport::Tcp,
                Scheme::Tls => SyslogTransport::Tls(tls::resolve(&raw.tls, "hits", faults)),
            };
            Destination::Syslog(SyslogOptions {
                transport,
                peer,
                facility: facility.unwrap_or_default(),
                tag: tag(raw, faults),
                enterprise,
            })
        }
        Target::Webhook(url) => {
            let tls = tls::resolve(&raw.tls, "hits", faults);
            let server_name = raw.tls.value.as_ref().map(|tls| &tls.server_name);
            if let Some(name) = server_name.filter(|name| name.is_given()) {
                let found = "the name in the url is used";
                faults.report(name, "hits.tls.server_name", "applies only to syslog+tls://", found);
            }
            let timeouts = Duration::from_millis(100)..=Duration::from_mins(5);
            Destination::Webhook(WebhookOptions {
                url,
                headers: headers(raw, faults),
                credentials: credentials(raw, faults),
                tls,
                batch: faults.in_range(&raw.batch, "hits.batch", 1..=1000) as usize,
                timeout: faults.in_range(&raw.timeout, "hits.timeout", timeouts),
            })
        }
    })
}

fn spool(raw: &Hits, faults: &mut Faults) -> Option<SpoolOptions> {
    let sizes = ByteSize(64 << 10)..=ByteSize(1 << 40);
    let max_size = faults.in_range(&raw.spool_size, "hits.spool_size", sizes).0;
    if raw.spool_size.is_given() && !raw.spool.is_given() {
        let found = "there is none";
        faults.report(&raw.spool_size, "hits.spool_size", "requires `spool`", found);
    }
    raw.spool.value.clone().map(|directory| SpoolOptions { directory, max_size })
}

/// APP-NAME of RFC 5424.
fn tag(raw: &Hits, faults: &mut Faults) -> String {
    let tag = &raw.tag;
    let bad = tag.value.chars().find(|c| !c.is_ascii_graphic());
    let found = match (tag.value.len(), bad) {
        (0, _) => "this is empty".to_owned(),
        (_, Some(bad)) => format!("`{bad}` is not allowed here"),
        (49.., None) => format!("{} characters", tag.value.len()),
        (..=48, None) => return tag.value.clone(),
    };
    faults.report(tag, "hits.tag", "must be 1 to 48 characters of ASCII without blanks", &found);
    String::new()
}

fn headers(raw: &Hits, faults: &mut Faults) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for header in &raw.headers.value {
        let must = "must contain headers such as `X-Key: value`";
        match header.value.split_once(':') {
            Some((name, _)) if name.trim().eq_ignore_ascii_case("authorization") => {
                let found = "put it in a `bearer_file` or `basic_auth_file`";
                faults.report(header, "hits.headers", must, found);
            }
            Some((name, value)) if !name.trim().is_empty() => {
                headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            _ => faults.report(header, "hits.headers", must, "the name before `:` is missing"),
        }
    }
    headers
}

fn credentials(raw: &Hits, faults: &mut Faults) -> Option<Credentials> {
    match (&raw.basic_auth_file.value, &raw.bearer_file.value) {
        (Some(_), Some(_)) => {
            let found = "`basic_auth_file` is set as well";
            faults.report(
                &raw.bearer_file,
                "hits.bearer_file",
                "cannot be combined with other credentials",
                found,
            );
            None
        }
        (Some(path), None) => Some(Credentials::Basic(path.clone())),
        (None, Some(path)) => Some(Credentials::Bearer(path.clone())),
        (None, None) => None,
    }
}

/// One of `names`, or a fault.
fn named<T: Copy>(
    setting: &Setting<String>,
    path: &str,
    names: &[(&'static str, T)],
    faults: &mut Faults,
) -> Option<T> {
    let text = setting.value.as_str();
    if let Some((_, value)) = names.iter().find(|(name, _)| *name == text) {
        return Some(*value);
    }
    let all: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let found = match nearest(text, all.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("`{text}` is none of them"),
    };
    faults.report(setting, path, &format!("must be one of {}", all.join(", ")), &found);
    None
}
