//! Everything that a configuration names, read once and judged: all that is wrong at once, or what to start with.
//!
//! `sensor check` wants the judgement, `sensor run` and `sensor replay` start with what was read; so a fault is told in the
//! same words, and ends with the same exit code, whoever meets it.
//!
//! * [`mod@context`]: what is known about addresses, read from files. [`policies`]: files of policies; [`asked`]: they
//!   and tags, compiled.
//! * [`advice`]: what has no fault, and is probably not meant.
//! * [`paths`]: secrets, certificates and places to write to; [`writable`]: whether these can be written to.
//! * [`source_addresses`]: own addresses that messages leave from.

pub mod advice;
pub mod asked;
pub mod context;
pub mod paths;
pub mod policies;
pub mod source_addresses;
#[expect(clippy::disallowed_types, reason = "edge: tries whether files can be made")]
pub mod writable;

use std::sync::Arc;

use sensor_core::{
    diagnostic::{Finding, Findings},
    enrich::sources::Sources,
    nql::lists::{ListValues, Lists},
    policy::model::Policy,
};

use self::{asked::EvaluationRules, context::local, policies::UnreadablePolicies};
use super::{config::Config, mode::Mode};

/// What was read, without a fault.
pub struct Contents {
    /// The lists of the configuration.
    pub lists: Lists,
    /// Context, tags and policies.
    pub named: NamedFiles,
    /// What is to be told of policies all the same.
    pub warnings: Findings,
}

impl Contents {
    /// What has no fault, and is probably not meant.
    pub fn advice(&self, config: &Config) -> Findings {
        let NamedFiles { sources, asked } = &self.named;
        advice::advice(config, sources, asked.rules.policies())
    }
}

/// Context, tags and policies, as they were read.
pub struct NamedFiles {
    pub(in crate::agent) sources: Sources,
    pub(in crate::agent) asked: EvaluationRules,
}

impl NamedFiles {
    /// The enabled policies.
    pub fn policies(&self) -> &[Arc<Policy>] {
        self.asked.rules.policies()
    }
}

/// What is wrong with the files and places that a configuration names.
#[derive(Debug, thiserror::Error)]
#[error("files referenced by the configuration are invalid\n\n{}", .0.to_string().trim_end())]
pub struct NamedFaults(pub Findings);

/// Reads what `config` names, for flows of `mode`. `lenient`: policies with faults are left out, and told as warnings are.
///
/// # Errors
/// All faults.
pub fn read(config: &Config, mode: Mode, lenient: bool) -> Result<Contents, NamedFaults> {
    let mut faults = Findings::default();
    let (mut lists, result) = config.lists.read_each();
    if let Err(error) = result {
        // That queries name them is no fault as well.
        error.0.iter().for_each(|list| lists.set(&list.name, ListValues::default()));
        faults.extend(error.findings());
    }
    let (sources, reports) = context::sources(&config.context, local(mode).as_deref());
    faults.extend(reports.into_iter().flat_map(|report| report.faults));
    let mut warnings = Findings::default();
    let asked = ask(config, &lists, lenient, &mut faults, &mut warnings);
    faults.extend(paths::faults(config, mode));
    faults.extend(source_addresses::faults(config, mode));
    match asked {
        Some(asked) if faults.is_empty() => {
            warnings.extend(without_policies(config));
            warnings.extend(paths::absent_folders(config, mode));
            let warnings = config.at_their_keys(warnings);
            Ok(Contents { lists, named: NamedFiles { sources, asked }, warnings })
        }
        _ => {
            faults.extend(warnings);
            Err(NamedFaults(config.at_their_keys(faults)))
        }
    }
}

/// Reads what `config` names about addresses, for flows of `mode`.
///
/// # Errors
/// All faults.
pub fn context(config: &Config, mode: Mode) -> Result<Sources, NamedFaults> {
    let (sources, reports) = context::sources(&config.context, local(mode).as_deref());
    let faults: Findings = reports.into_iter().flat_map(|report| report.faults).collect();
    if faults.is_empty() { Ok(sources) } else { Err(NamedFaults(config.at_their_keys(faults))) }
}

/// What has been asked for and comes to nothing without policies.
fn without_policies(config: &Config) -> Findings {
    let flags = &config.written.overrides;
    let help = |by_flag| match by_flag {
        true => "name policies, such as --policies stock",
        false => "name policies, such as policies.paths = [\"stock\"]",
    };
    let mut warnings = Findings::default();
    if config.policies.paths.is_empty() {
        if !config.hits.outputs.is_empty() {
            let message = "no policies: no hit will be written";
            warnings.push(Finding::warning(message, help(flags.print_hits)));
        }
        if config.policies.lenient {
            let name = if flags.lenient { "--lenient" } else { "policies.lenient" };
            let message = format!("no policies: `{name}` has no effect");
            warnings.push(Finding::warning(message, help(flags.lenient)));
        }
    }
    warnings
}

/// Tags and policies, which may name `lists`.
fn ask(
    config: &Config,
    lists: &Lists,
    lenient: bool,
    faults: &mut Findings,
    warnings: &mut Findings,
) -> Option<EvaluationRules> {
    let paths = &config.policies.paths;
    let mut read = || -> Result<Option<EvaluationRules>, UnreadablePolicies> {
        let lists = policies::lists(paths, lists)?;
        let tags = config.tags(&lists);
        let loaded = policies::load_all(paths, &lists, &config.policies.tuning)?;
        let sound = lenient || loaded.errors() == 0;
        if sound { &mut *warnings } else { &mut *faults }.extend(loaded.findings());
        match tags {
            Ok((tags, told)) => {
                warnings.extend(told);
                Ok(sound.then(|| EvaluationRules::new(tags, loaded.policies)))
            }
            Err(error) => {
                faults.extend(error.findings());
                Ok(None)
            }
        }
    };
    match read() {
        Ok(asked) => asked,
        Err(error) => {
            faults.extend(error.findings());
            None
        }
    }
}
