//! What the command line asked for, laid over what the file says.
//!
//! Flags go in before the values are judged, so that a flag can mend a file and is held to the same rules as it.

use std::{path::PathBuf, time::Duration};

use super::{
    forward::Forward,
    interface::{self, Interface},
    listen::Listen,
    lists,
    raw::{Collector, Raw},
    schema::{Origin, Setting},
};

/// The flags that were given. A list that is not empty replaces the whole list of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--interface`: names, globs or `auto`.
    pub interfaces: Vec<String>,
    /// `--interval`
    pub interval: Option<Duration>,
    /// `--generic-xdp`; `None` leaves it to the file.
    pub generic_xdp: Option<bool>,
    /// `--ingress`: `[NAME=]WORD`.
    pub ingress: Vec<String>,
    /// `--listen`: URLs.
    pub listen: Vec<String>,
    /// `--allow`: networks.
    pub allow: Vec<String>,
    /// `--forward`: URLs.
    pub forward: Vec<String>,
    /// `--keep-source`: whether what `--forward` sends on keeps the exporter's address.
    pub keep_source: bool,
    /// `--active-timeout`
    pub active_timeout: Option<Duration>,
    /// `--idle-timeout`
    pub idle_timeout: Option<Duration>,
    /// `--observation-domain`
    pub observation_domain: Option<u32>,
    /// `--collector`: URLs.
    pub collectors: Vec<String>,
    /// `--ipfix-file`
    pub ipfix_file: Option<PathBuf>,
    /// `--policies`: files, directories, `stock`.
    pub policies: Vec<PathBuf>,
    /// `--lenient`: whether faulty policies are left out.
    pub lenient: bool,
    /// `--print`: whether flows go to stdout.
    pub print_flows: Option<bool>,
    /// `--print hits`: hits go to stdout, too.
    pub print_hits: bool,
    /// `--flow-log`
    pub flow_log: Option<PathBuf>,
    /// `--list`: names and files.
    pub lists: Vec<(String, PathBuf)>,
    /// How often `--verbose` was given; each is one level more than the file's.
    pub verbose: u8,
}

impl Overrides {
    /// Replaces what flags were given for. `print_flows`, `print_hits`, `flow_log` and `verbose` have no key of their own in the file
    /// and are taken up when the values are resolved.
    pub(super) fn apply(&self, raw: &mut Raw) {
        let capture = &mut raw.capture.value;
        let interfaces = self.interfaces.iter().cloned();
        let interfaces = interfaces.map(|name| from_flag("--interface", name)).collect();
        capture.interfaces.override_by("--interface", not_empty(interfaces));
        capture.interval.override_by("--interval", self.interval);
        capture.generic_xdp.override_by("--generic-xdp", self.generic_xdp);

        let ingress = self.ingress.iter().map(|flag| {
            let (name, word) = interface::split(flag);
            let name = from_flag("--ingress", Some(name.to_owned()));
            let ingress = from_flag("--ingress", word.to_owned());
            from_flag("--ingress", Interface { name, ingress, ..Interface::default() })
        });
        raw.interface.override_by("--ingress", not_empty(ingress.collect()));

        let listen = self.listen.iter().cloned().map(|url| {
            let url = from_flag("--listen", Some(url));
            from_flag("--listen", Listen { url, ..Listen::default() })
        });
        raw.listen.override_by("--listen", not_empty(listen.collect()));
        let allow = self.allow.iter().cloned().map(|net| from_flag("--allow", net)).collect();
        raw.intake.value.allow.override_by("--allow", not_empty(allow));
        let forward = self.forward.iter().cloned().map(|url| {
            let url = from_flag("--forward", Some(url));
            let keep_source = from_flag("--keep-source", self.keep_source);
            from_flag("--forward", Forward { url, keep_source, ..Forward::default() })
        });
        raw.forward.override_by("--forward", not_empty(forward.collect()));

        let flow = &mut raw.flow.value;
        flow.active_timeout.override_by("--active-timeout", self.active_timeout);
        flow.idle_timeout.override_by("--idle-timeout", self.idle_timeout);

        let domain = self.observation_domain.map(u64::from);
        raw.export.value.observation_domain.override_by("--observation-domain", domain);

        let collectors = self.collectors.iter().cloned().map(|url| {
            let url = from_flag("--collector", Some(url));
            from_flag("--collector", Collector { url, ..Collector::default() })
        });
        raw.collector.override_by("--collector", not_empty(collectors.collect()));

        let policies = self.policies.iter().cloned();
        let policies = policies.map(|path| from_flag("--policies", path)).collect();
        raw.policies.value.paths.override_by("--policies", not_empty(policies));
        raw.policies.value.lenient.override_by("--lenient", self.lenient.then_some(true));

        lists::override_by(&mut raw.lists.value, &self.lists);

        if let Some(directory) = &self.ipfix_file {
            let file = &mut raw.ipfix_file;
            file.origin = Origin::Flag("--ipfix-file");
            file.value.directory.override_by("--ipfix-file", Some(Some(directory.clone())));
        }
    }
}

fn from_flag<T>(flag: &'static str, value: T) -> Setting<T> {
    Setting { value, origin: Origin::Flag(flag) }
}

fn not_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
