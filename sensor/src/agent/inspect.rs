//! Everything that a configuration names, read once and judged: all that is wrong at once, or what to start with.
//!
//! `sensor check` wants the judgement, `sensor run` and `sensor replay` start with what was read; so a fault is told in the
//! same words, and ends with the same exit code, whoever meets it.

use super::{
    analysis::{Asked, Origin, local},
    config::Config,
    context, paths, policies,
};
use crate::{
    enrich::sources::Sources,
    nql::lists::{ListValues, Lists},
    stdio,
};

/// What was read, without a fault.
pub struct Contents {
    /// The lists of the configuration.
    pub lists: Lists,
    /// Context, tags and policies.
    pub named: Named,
}

/// Context, tags and policies, as they were read.
pub struct Named {
    pub(super) sources: Sources,
    pub(super) asked: Asked,
}

/// What is wrong with the files and places that a configuration names, a text each, for people.
#[derive(Debug, thiserror::Error)]
#[error("what the configuration names has faults\n\n{}", .0.join("\n\n"))]
pub struct NamedFaults(pub Vec<String>);

/// Reads what `config` names, for flows of `origin`. `lenient`: policies with faults are told and left out. Warnings about
/// sound policies go to stderr.
///
/// # Errors
/// All faults.
pub fn read(config: &Config, origin: Origin, lenient: bool) -> Result<Contents, NamedFaults> {
    let mut faults = Vec::new();
    let (mut lists, result) = config.lists.reread(&Lists::default());
    if let Err(error) = result {
        // That queries name them is no fault as well.
        error.0.iter().for_each(|list| lists.set(&list.name, ListValues::default()));
        faults.extend(error.to_string().lines().map(|line| format!("error: {line}")));
    }
    let (sources, reports) = context::sources(&config.context, local(origin).as_deref());
    faults.extend(reports.into_iter().map(|report| report.faults));
    let asked = ask(config, &lists, lenient, &mut faults);
    faults.extend(paths::faults(config, origin));
    faults.retain(|fault| !fault.trim().is_empty());
    match asked {
        Some(asked) if faults.is_empty() => Ok(Contents { lists, named: Named { sources, asked } }),
        _ => Err(NamedFaults(faults.iter().map(|fault| fault.trim_end().to_owned()).collect())),
    }
}

/// Tags and policies, which may name `lists`.
fn ask(config: &Config, lists: &Lists, lenient: bool, faults: &mut Vec<String>) -> Option<Asked> {
    let paths = &config.policies.paths;
    let mut read = || -> anyhow::Result<Option<Asked>> {
        let lists = policies::lists(paths, lists)?;
        let tags = config.tags(&lists);
        let loaded = policies::load_all(paths, &lists)?;
        let sound = lenient || loaded.errors() == 0;
        match sound {
            true => stdio::tell(loaded.report()),
            false => faults.push(loaded.report()),
        }
        match tags {
            Ok(tags) => Ok(sound.then(|| Asked::new(tags, loaded.policies))),
            Err(error) => {
                faults.push(error.to_string());
                Ok(None)
            }
        }
    };
    match read() {
        Ok(asked) => asked,
        Err(error) => {
            faults.push(format!("error: {error:#}"));
            None
        }
    }
}
