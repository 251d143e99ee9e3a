//! `[log]`: the agent's own log, and flows and DNS records as JSON lines.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_core::{
    diagnostic::{Diagnostic, nearest},
    settings::{
        schema::{Key, Origin, Setting, Table, Value, table},
        value::{ByteSize, from_text},
    },
};
use toml::{Spanned, de::DeValue};

use super::{faults::Faults, overrides::Overrides, rotation};
use crate::{agent::logging::format::LogFormat, export::files::rotated::Rotation};

table! {
    /// `[log]`
    Log {
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: String = "info".to_owned();
        /// `text`, `json` or `journal`; without it, `journal` where stderr leads there, else `text`.
        format: Option<String> = None;
        /// Flows as JSON lines: `none`, `stdout`, or the path of a file.
        flows: Flows = Flows::Nowhere;
        /// DNS records as JSON lines: `none`, `stdout`, or the path of a file, another one than that of the flows.
        dns: Flows = Flows::Nowhere;
        /// Records in a file: it is full at this size.
        max_size: ByteSize = ByteSize(256 << 20);
        /// Records in a file: it is full at this age; without it, at no age.
        max_age: Option<Duration> = None;
        /// Records in a file: so many full ones are kept.
        keep: u64 = 10;
        /// Records in a file: so many bytes in all at most; without it, any number.
        max_total: Option<ByteSize> = None;
    }
}

/// Where flows, or DNS records, go as JSON lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flows {
    /// Nowhere.
    Nowhere,
    /// To the standard output.
    Stdout,
    /// Into a file.
    File(PathBuf),
}

impl Value for Flows {
    const KIND: &'static str = "`none`, `stdout` or a path";
    const IS_PATH: bool = true;

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        from_text(found, path, faults, |text| match text {
            "" => Err("this is empty".to_owned()),
            "none" => Ok(Self::Nowhere),
            "stdout" => Ok(Self::Stdout),
            path => Ok(Self::File(path.into())),
        })
    }

    fn anchor(&mut self, directory: &Path) {
        if let Self::File(path) = self {
            path.anchor(directory);
        }
    }

    fn paths(&self, key: &str, show: &mut dyn FnMut(&str, &Path, &Origin)) {
        if let Self::File(path) = self {
            show(key, path, &Origin::Default);
        }
    }
}

/// `[log]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// What of the agent's own log is shown.
    pub level: LogLevel,
    /// In which form; `None` where nobody chose one, so that it follows from where the agent runs.
    pub format: Option<LogFormat>,
    /// Whether flows go to stdout.
    pub print_flows: bool,
    /// File that flows are appended to as JSON lines.
    pub flow_log: Option<PathBuf>,
    /// Whether DNS records go to stdout.
    pub print_dns: bool,
    /// File that they are appended to as JSON lines.
    pub dns_log: Option<PathBuf>,
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

/// Judges `[log]`.
pub(super) fn resolve(raw: &Log, overrides: &Overrides, faults: &mut Faults) -> LogConfig {
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
    let of_file = raw.format.value.as_deref().and_then(|name| {
        let format = LogFormat::ALL.into_iter().find(|own| own.name() == name);
        // A flag in its place mends it.
        if format.is_none() && overrides.log_format.is_none() {
            let names = LogFormat::ALL.map(LogFormat::name);
            let found = match nearest(name, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("`{name}` is not a format"),
            };
            let must = format!("must be one of {}", names.join(", "));
            faults.report(&raw.format, "log.format", &must, &found);
        }
        format
    });
    let to = |written: &Flows| match written {
        Flows::Nowhere => (false, None),
        Flows::Stdout => (true, None),
        Flows::File(path) => (false, Some(path.clone())),
    };
    let (print_flows, flow_log) = to(&raw.flows.value);
    let (print_dns, dns_log) = to(&raw.dns.value);
    let flow_log = overrides.flow_log.clone().or(flow_log);
    let dns_log = overrides.dns_log.clone().or(dns_log);
    if dns_log.is_some() && dns_log == flow_log {
        // Each notes beside its file how far it has come.
        let must = "must be another file than that of the flows";
        faults.report(&raw.dns, "log.dns", must, "`log.flows` names the same one");
    }
    let keys = rotation::Keys {
        section: "log",
        max_size: &raw.max_size,
        max_age: &raw.max_age,
        keep: &raw.keep,
        max_total: &raw.max_total,
    };
    LogConfig {
        format: overrides.log_format.or(of_file),
        level: level.unwrap_or(LogLevel::Info).more_verbose(overrides.verbose),
        print_flows: overrides.print_flows.unwrap_or(print_flows),
        flow_log,
        print_dns: overrides.print_dns.unwrap_or(print_dns),
        dns_log,
        rotation: rotation::resolve(&keys, faults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::from_text;

    #[test]
    fn the_format_is_what_was_chosen_and_nothing_else() {
        let format = |text: &str, flag| {
            let overrides = Overrides { log_format: flag, ..Overrides::default() };
            let format = from_text(text, &overrides).map(|config| config.log.format);
            format.map_err(|faults| faults.file[0].label.as_deref().unwrap_or_default().to_owned())
        };
        assert_eq!(format("", None), Ok(None), "where the agent runs is for others to know");
        assert_eq!(format("log.format = 'journal'", None), Ok(Some(LogFormat::Journal)));
        let flag = Some(LogFormat::Json);
        assert_eq!(format("log.format = 'journal'", flag), Ok(flag));
        assert_eq!(format("log.format = 'jounal'", flag), Ok(flag), "a flag mends the file");
        let meant = "did you mean `journal`?".to_owned();
        assert_eq!(format("log.format = 'jounal'", None), Err(meant));
    }
}
