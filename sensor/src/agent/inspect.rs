//! Everything that a configuration names, read as at the start, and nothing done with it: all that is wrong, at once.

use super::{config::Config, context, paths, policies};
use crate::{
    nql::lists::{ListValues, Lists},
    stdio,
};

/// What is wrong with the files that `config` names, a text each, for people. Warnings about sound policies go to stderr.
pub fn faults(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut lists, result) = config.lists.reread(&Lists::default());
    if let Err(error) = result {
        // That queries name them is no fault as well.
        error.0.iter().for_each(|list| lists.set(&list.name, ListValues::default()));
        faults.extend(error.to_string().lines().map(|line| format!("error: {line}")));
    }
    let (_, reports) = context::sources(&config.context, None);
    faults.extend(reports.into_iter().map(|report| report.faults));
    let paths = &config.policies.paths;
    match policies::lists(paths, &lists) {
        Ok(lists) => {
            faults.extend(config.tags(&lists).err().map(|error| error.to_string()));
            match policies::load_all(paths, &lists) {
                Ok(loaded) if loaded.errors() == 0 => stdio::tell(loaded.report()),
                Ok(loaded) => faults.push(loaded.report()),
                Err(error) => faults.push(format!("error: {error:#}")),
            }
        }
        Err(error) => faults.push(format!("error: {error:#}")),
    }
    faults.extend(paths::others(config));
    faults.retain(|fault| !fault.is_empty());
    faults
}
