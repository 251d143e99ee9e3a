//! The configuration, and the files that it names.

use crate::agent::{
    config::Config,
    inspect::{self, Contents},
    mode::Mode,
};

/// What came of reading them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// The configuration file, if there is one.
    pub path: Option<String>,
    /// Its drop-ins.
    pub drop_ins: usize,
    /// The messages of all faults.
    pub faults: Vec<String>,
    /// Warnings.
    pub warnings: usize,
}

/// Reads what `config` names, as a start would.
pub fn gather(config: &Config) -> (FileFacts, Option<Contents>) {
    let path = config.written.path.as_ref().map(|path| path.display().to_string());
    let drop_ins = config.written.drop_ins().len();
    match inspect::read(config, Mode::Live, config.policies.lenient) {
        Ok(contents) => {
            let warnings = contents.warnings.clone().into_iter().count();
            (FileFacts { path, drop_ins, warnings, faults: Vec::new() }, Some(contents))
        }
        Err(faults) => {
            let faults = faults.0.into_iter().map(|fault| fault.message).collect();
            (FileFacts { path, drop_ins, faults, warnings: 0 }, None)
        }
    }
}
