//! The agent's configuration: read from TOML, overridden by flags, checked, and then never looked up by name again.
//!
//! Three steps, each a pure function of the one before: text to [`raw::Raw`] (what was written), flags laid over it
//! ([`Overrides`]), and [`resolve::resolve`] to [`Config`] (what the agent runs on). Only [`load`] touches a file.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use globset::Glob;
pub use sensor_core::settings::value;
use sensor_core::{
    diagnostic::{Finding, Findings},
    nql::lists::Lists,
    policy::tags::TagRule,
    settings::document,
};
use sensor_kernel::watch::Missing;

pub mod context;
pub mod edits;
pub mod endpoint;
pub mod exporter;
pub mod faults;
pub mod forward;
pub mod hits;
pub mod intake;
pub mod interface;
pub mod listen;
pub mod lists;
pub mod overrides;
pub mod policies;
pub mod raw;
pub mod resolve;
pub mod rotation;
pub mod schema;
pub mod tag;

use self::{
    context::ContextConfig,
    endpoint::{CollectorEndpoint, SourceConfig},
    exporter::ExporterConfig,
    faults::Faults,
    forward::ForwardConfig,
    hits::HitsConfig,
    intake::IntakeConfig,
    interface::InterfaceConfig,
    listen::ListenConfig,
    lists::ListFiles,
    overrides::Overrides,
    policies::PoliciesConfig,
};
use crate::{
    agent::text,
    export::files::{retention::Retention, rotated::Rotation},
};

#[cfg(test)]
mod tests;

/// Everything the agent was told, checked and in its units.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What packets are taken from the kernel, and how.
    pub capture: CaptureConfig,
    /// When flows end.
    pub flow: FlowConfig,
    /// What holds for every collector.
    pub export: ExportConfig,
    /// Where IPFIX is sent; no endpoint twice.
    pub collectors: Vec<CollectorConfig>,
    /// IPFIX files, where they are wanted.
    pub ipfix_file: Option<IpfixFileConfig>,
    /// Where routers send their flows to.
    pub listen: Vec<ListenConfig>,
    /// What holds for everything that routers send.
    pub intake: IntakeConfig,
    /// What is known of routers beforehand.
    pub exporters: Vec<ExporterConfig>,
    /// Where received datagrams are sent on to.
    pub forward: Vec<ForwardConfig>,
    /// Which policies are asked.
    pub policies: PoliciesConfig,
    /// Where hits of policies go.
    pub hits: HitsConfig,
    /// What is known beside the flows themselves, and where from.
    pub context: ContextConfig,
    /// The agent's own log, and flows as lines.
    pub log: LogConfig,
    /// The lists that queries can name.
    pub lists: ListFiles,
    /// The file, for what is found to be wrong later.
    pub written: Written,
}

impl Config {
    /// Whether flows or hits go to stdout as they come.
    pub fn prints(&self) -> bool {
        self.log.print_flows || self.hits.prints()
    }
}

/// A configuration as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The file, where there is one.
    pub path: Option<PathBuf>,
    /// Its text.
    pub text: String,
}

/// `[capture]`
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureConfig {
    /// An interface that several match is watched once. None only where routers are listened to.
    pub interfaces: Vec<InterfacePattern>,
    /// What becomes of those that are not there at the start: who types a name wants it now, a configuration may be ahead of
    /// the interfaces of its host.
    pub missing: Missing,
    /// Time between two drains of the kernel tables, 100 ms to 60 s.
    pub interval: Duration,
    /// Bytes for the kernel's flow tables, over all CPUs.
    pub kernel_memory: u64,
    /// By which hooks interfaces are watched; the first that matches counts.
    pub hooks: Vec<InterfaceConfig>,
}

/// Which interfaces are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfacePattern {
    /// The devices of the default routes, of IPv4 and of IPv6.
    Auto,
    /// The interface of this name.
    Name(String),
    /// Every interface whose name matches.
    Glob(Glob),
}

/// `[flow]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowConfig {
    /// A flow that goes on is reported this often.
    pub active_timeout: Duration,
    /// A flow ends after so long without a packet; at most `active_timeout`.
    pub idle_timeout: Duration,
    /// How long a TCP flow is kept after its FIN or RST.
    pub end_linger: Duration,
    /// Active flows held at most.
    pub max_flows: u64,
}

/// `[export]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportConfig {
    /// Observation domain id (RFC 7011 section 3.1).
    pub observation_domain: u32,
    /// Time between two sendings of the templates over UDP.
    pub template_interval: Duration,
    /// Messages between two sendings of the templates over UDP.
    pub template_messages: u64,
    /// Time between two sendings of the statistics (RFC 7011 section 4).
    pub statistics_interval: Duration,
    /// Flow records that may wait for one collector.
    pub queue: u64,
}

/// `[[collector]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorConfig {
    /// Where it listens.
    pub endpoint: CollectorEndpoint,
    /// Bytes of one IPFIX message at most, 512 to 65,535.
    pub mtu: u16,
    /// The own address that messages leave from; `None`: as the route says.
    pub source: Option<SourceConfig>,
    /// Present exactly where the transport is TLS.
    pub tls: Option<TlsConfig>,
}

/// `[collector.tls]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM file of the authorities to trust; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// PEM files of the sensor's own certificate chain and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Name that the collector's certificate must carry; `None`: the host of the endpoint.
    pub server_name: Option<String>,
}

/// `[ipfix_file]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpfixFileConfig {
    /// Where the files are written.
    pub directory: PathBuf,
    /// Bytes at which a file is finished.
    pub max_size: u64,
    /// Age at which a file is finished.
    pub max_age: Duration,
    /// How many finished ones are kept.
    pub retention: Retention,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// What of the agent's own log is shown.
    pub level: LogLevel,
    /// Whether flows go to stdout.
    pub print_flows: bool,
    /// File that flows are appended to as JSON lines.
    pub flow_log: Option<PathBuf>,
    /// When another file takes the place of that one, and how many are kept.
    pub rotation: Rotation,
}

/// Levels of the agent's log, the quietest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What stops the agent or a part of it.
    Error,
    /// What an operator should look at.
    Warn,
    /// Starts, stops, changes of state.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// From quiet to verbose.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// As the file and the `tracing` crate spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// `steps` levels up, as far as there are any.
    fn more_verbose(self, steps: u8) -> Self {
        let louder = Self::ALL.into_iter().filter(|&level| level >= self);
        louder.take(usize::from(steps) + 1).last().unwrap_or(self)
    }
}

/// Why there is no [`Config`].
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file or the flags have faults; shown in full, over several lines.
    #[error("{}\n\n{}", headline(faults), findings(written, faults).to_string().trim_end())]
    Faulty {
        /// What they are found in.
        written: Written,
        /// All that is wrong.
        faults: Faults,
    },
}

impl ConfigError {
    /// All that is wrong.
    pub fn findings(&self) -> Findings {
        match self {
            Self::Faulty { written, faults } => findings(written, faults),
            Self::Read { path, source } => {
                let fault = Finding::error(format!("{self}: {source}"));
                [fault.of_file(path.display())].into_iter().collect()
            }
        }
    }
}

fn headline(faults: &Faults) -> String {
    match faults.len() {
        1 => "the configuration has 1 fault".to_owned(),
        n => format!("the configuration has {n} faults"),
    }
}

fn findings(Written { path, text }: &Written, faults: &Faults) -> Findings {
    let mut findings: Findings = faults.flags.iter().map(Finding::error).collect();
    if let Some(path) = path {
        findings.extend(Findings::located(&path.display().to_string(), text, &faults.file));
    }
    findings
}

/// Reads the file, where there is one, and lays the flags over it; all faults at once.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let text = match path {
        Some(path) => text::read(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?,
        None => String::new(),
    };
    let written = Written { path: path.map(Path::to_owned), text };
    match from_text(&written.text, overrides) {
        Ok(mut config) => {
            if path.is_none() {
                config.capture.missing = Missing::Refused;
            }
            Ok(Config { written, ..config })
        }
        Err(faults) => Err(ConfigError::Faulty { written, faults }),
    }
}

impl Config {
    /// What a reload should say of the file itself, which is read at the start only: nothing where it is as it was.
    pub fn edited(&self) -> Option<String> {
        let path = self.written.path.as_ref()?;
        let file = path.display();
        let sections = match text::read(path) {
            Ok(text) => edits::between(&self.written.text, &text),
            Err(error) => {
                return Some(format!(
                    "{file} cannot be read: {error}; the sensor continues with the configuration it started with"
                ));
            }
        };
        match sections {
            Ok(sections) if sections.is_empty() => None,
            Ok(sections) => Some(format!(
                "{file} has changed in {}; restart the sensor to apply it",
                sections.join(", ")
            )),
            Err(_) => Some(format!(
                "{file} has changed and is invalid: run `sensor check --config {file}`; changes take effect only after a restart"
            )),
        }
    }

    /// The rules of flow tags, whose queries may name `lists`.
    ///
    /// # Errors
    /// All faults of the queries.
    pub fn tags(&self, lists: &Lists) -> Result<Vec<TagRule>, ConfigError> {
        tag::compile(&self.context.tags, lists).map_err(|file| ConfigError::Faulty {
            written: self.written.clone(),
            faults: Faults { file, flags: Vec::new() },
        })
    }
}

/// What [`load`] does with the text of the file.
pub fn from_text(text: &str, overrides: &Overrides) -> Result<Config, Faults> {
    let (raw, faults_of_form) = raw::parse(text);
    let mut faults = Faults { file: faults_of_form, flags: Vec::new() };
    let Some(raw) = raw else { return Err(faults) };
    match resolve::resolve(raw, overrides) {
        Ok(config) if faults.is_empty() => Ok(config),
        Ok(_) => Err(faults),
        Err(more) => {
            document::add_to_sound_lines(&mut faults.file, more.file, text);
            faults.flags = more.flags;
            Err(faults)
        }
    }
}
