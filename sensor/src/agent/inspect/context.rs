//! Reads the files that the context comes from, and puts a context in force.
//!
//! It is all or nothing: an agent does not start with files that are missing or have faults, and such a file refuses a reload;
//! a label file that is just being replaced must not take its labels away from running policies. Verbs that only look
//! something up ([`load`]) go by what can be read, and tell the rest.

use std::{net::IpAddr, path::Path};

use sensor_core::{
    diagnostic::{Finding, Findings},
    enrich::{
        context::{Context, Limits},
        formats::Form,
        import::{self, Printed},
        sources::{Report, Sources},
    },
    flow::networks::Networks,
};
use sensor_kernel::addresses;

use crate::{
    agent::{
        config::{context::ContextConfig, labels::Inventory},
        mode::Mode,
        text,
    },
    files::{self, Limit},
};

/// The addresses of this host, where flows are its own.
pub fn local(mode: Mode) -> Option<Vec<IpAddr>> {
    if mode == Mode::Files {
        return None;
    }
    match addresses::list() {
        Ok(addresses) => Some(addresses),
        Err(error) => {
            tracing::warn!("{error}: srclocal and dstlocal are unknown");
            None
        }
    }
}

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct FileReport {
    /// Its path.
    pub path: String,
    /// Entries that hold.
    pub entries: usize,
    /// Entries that do not.
    pub faulty: usize,
    /// Whether nothing of it could be read.
    pub unreadable: bool,
    /// What is wrong.
    pub faults: Findings,
}

impl FileReport {
    fn of(path: &str, text: &str, report: &Report) -> Self {
        let mut faults = Findings::located(path, text, &report.faults);
        let untold = report.faulty - report.faults.len();
        if untold > 0 {
            let more = format!("{path}: {untold} more invalid entries");
            faults.push(Finding::error(more).of_file(path));
        }
        Self {
            path: path.to_owned(),
            entries: report.entries,
            faulty: report.faulty,
            unreadable: false,
            faults,
        }
    }

    /// Whether all of it holds.
    pub fn is_sound(&self) -> bool {
        !self.unreadable && self.faulty == 0
    }

    fn unreadable(path: &str, reason: &dyn std::fmt::Display) -> Self {
        Self {
            path: path.to_owned(),
            entries: 0,
            faulty: 0,
            unreadable: true,
            faults: [Finding::error(format!("cannot read {path}: {reason}")).of_file(path)]
                .into_iter()
                .collect(),
        }
    }
}

/// What `[networks]` says of prefixes.
fn networks(sources: &mut Sources, config: &ContextConfig) {
    if config.private || !config.internal.is_empty() || !config.internal_as.is_empty() {
        sources.own_networks();
    }
    if config.private {
        sources.private_networks();
    }
    let source = sources.source("[networks] of the configuration");
    sources.internal(source, &config.internal, true);
    sources.internal(source, &config.external, false);
}

/// The networks that `[networks]` calls internal, for those who have flows before anybody looks their addresses up. Internal AS
/// are not among them: which addresses these have only a file tells.
pub fn internal_networks(config: &ContextConfig) -> Networks {
    let mut sources = Sources::default();
    networks(&mut sources, config);
    Networks::of(sources.internal_networks())
}

/// Everything that the configuration names, read; and what became of each file. `local` are the addresses of this host,
/// where the flows are its own.
pub fn sources(config: &ContextConfig, local: Option<&[IpAddr]>) -> (Sources, Vec<FileReport>) {
    let mut sources = Sources::default();
    let mut reports = Vec::new();
    sources.bogons();
    networks(&mut sources, config);
    sources.internal_as.clone_from(&config.internal_as);
    if let Some(local) = local {
        sources.local(local.iter().copied());
    }
    for path in &config.labels {
        reports.push(read_labels(&mut sources, path));
    }
    for inventory in &config.inventories {
        reports.extend(read_inventory(&mut sources, inventory));
    }
    for (path, category) in &config.reputation {
        reports.push(read_text(path, |name, text| sources.reputation(name, text, category)));
    }
    for path in &config.databases {
        let name = path.display().to_string();
        let database = match files::read(path, Limit::DATABASE) {
            Ok(bytes) => sources.database(&name, bytes).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = database {
            reports.push(FileReport::unreadable(&name, &reason));
        }
    }
    (sources, reports)
}

/// Reads a file of labels.
pub fn read_labels(sources: &mut Sources, path: &Path) -> FileReport {
    read_text(path, |name, text| sources.labels(name, text, Form::of(name)))
}

/// Reads the files of an inventory, which are read together.
fn read_inventory(sources: &mut Sources, inventory: &Inventory) -> Vec<FileReport> {
    let Inventory { provider, files } = inventory;
    let mut printed = Vec::with_capacity(files.len());
    let mut reports = Vec::with_capacity(files.len());
    for path in files {
        let name = path.display().to_string();
        match text::read(path, Limit::DATA) {
            Ok(text) => {
                let mut report = Report::default();
                match Printed::parse(&text) {
                    Ok(file) => printed.push(file),
                    Err(fault) => report.fault(fault),
                }
                reports.push(FileReport::of(&name, &text, &report));
            }
            Err(error) => reports.push(FileReport::unreadable(&name, &error)),
        }
    }
    let found = import::import(*provider, &printed);
    let first = files.first().map(|file| file.display().to_string()).unwrap_or_default();
    match reports.first_mut() {
        Some(report) if found.addresses() == 0 && report.is_sound() => {
            let advice = import::advice(*provider, &printed);
            let text = format!("{first} contains no address of {}; {advice}", provider.name());
            report.faulty += 1;
            report.faults.push(Finding::error(text).of_file(&first));
        }
        Some(report) => report.entries = found.addresses(),
        None => {}
    }
    found.state(sources, &first);
    reports
}

/// Bytes that are no UTF-8 spoil their line and not the file.
fn read_text(path: &Path, read: impl FnOnce(&str, &str) -> Report) -> FileReport {
    let name = path.display().to_string();
    match text::octets(path, Limit::DATA) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let report = read(&name, &text);
            FileReport::of(&name, &text, &report)
        }
        Err(error) => FileReport::unreadable(&name, &error),
    }
}

/// The context of a configuration; what cannot be read is left out and told.
pub fn load(config: &ContextConfig, local: Option<&[IpAddr]>) -> (Context, Vec<FileReport>) {
    let (sources, reports) = sources(config, local);
    (Context::new(sources, config.precedence, Limits::default()), reports)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_told_and_the_rest_of_it_can_be_looked_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("labels.csv");
        let config =
            ContextConfig { labels: vec![path.clone()], private: true, ..ContextConfig::default() };
        let role = |context: &Context| {
            let profile = context.profiles().get(context.number([10, 0, 0, 5].into())).clone();
            assert_eq!(profile.internal, Some(true));
            profile.labels.get("role").cloned().unwrap_or_default()
        };

        let (context, reports) = load(&config, None);
        assert!(
            reports[0].unreadable && reports[0].faults.to_string().contains("No such file"),
            "{reports:?}"
        );
        assert_eq!(role(&context), [""; 0]);

        fs::write(&path, "10.0.0.5,role,web\n").expect("the file is written");
        let (context, reports) = load(&config, None);
        assert!(reports[0].is_sound());
        assert_eq!(role(&context), ["web"]);

        fs::write(&path, b"10.0.0.5,role,web\n\xff\xff,role,x\n").expect("the file is written");
        let (context, reports) = load(&config, None);
        assert_eq!((reports[0].entries, reports[0].faulty), (1, 1));
        assert!(reports[0].faults.to_string().contains("labels.csv:2:1"), "{}", reports[0].faults);
        assert!(!reports[0].is_sound());
        assert_eq!(role(&context), ["web"], "who only looks goes by what can be read");

        fs::remove_file(&path).expect("the file is removed");
        let (_, reports) = load(&config, None);
        assert!(reports[0].unreadable && !reports[0].is_sound());
    }
}
