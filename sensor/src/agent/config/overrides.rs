//! What the command line asked for.

use std::{path::PathBuf, time::Duration};

use crate::agent::logging::format::LogFormat;

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
    /// `--console`: where it listens.
    pub console: Option<String>,
    /// `--keep-source`: whether what `--forward` sends on keeps the device's address.
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
    /// `--store`
    pub store: Option<PathBuf>,
    /// `--flow-log`
    pub flow_log: Option<PathBuf>,
    /// `--print`: whether DNS records go to stdout.
    pub print_dns: Option<bool>,
    /// `--dns-log`
    pub dns_log: Option<PathBuf>,
    /// `--list`: names and files.
    pub lists: Vec<(String, PathBuf)>,
    /// `--log-format`
    pub log_format: Option<LogFormat>,
    /// How often `--verbose` was given; each is one level more than the file's.
    pub verbose: u8,
}
