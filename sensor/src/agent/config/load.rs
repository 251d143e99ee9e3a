//! From files to configurations: at the start, and whenever the file is to be read again.

use std::path::Path;

use sensor_core::{
    diagnostic::Diagnostic,
    policy::load::PolicyFile,
    settings::{
        document,
        schema::{Origin, Value as _},
    },
};
use sensor_kernel::watch::Missing;

use super::{
    control::{self, ControlConfig},
    error::ConfigError,
    faults::Faults,
    overlay::lay_over,
    overrides::Overrides,
    resolve::{Config, resolve},
    sections::{self, Sections},
    written::Written,
};
use crate::{agent::text, files};

/// Reads the file, where there is one, and lays the flags over it; all faults at once.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let text = match path {
        Some(path) => text::read(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?,
        None => String::new(),
    };
    match read(&text, path.map(directory), overrides) {
        Ok((sections, mut config)) => {
            if path.is_none() {
                config.capture.missing = Missing::Refused;
            }
            let path = path.map(Path::to_owned);
            config.policies.tuning.file = PolicyFile {
                path: path.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
                text: text.clone(),
            };
            let written = Written { path, text, overrides: overrides.clone(), sections };
            Ok(Config { written, ..config })
        }
        Err(faults) => Err(ConfigError::Faulty { path: path.map(Path::to_owned), text, faults }),
    }
}

/// Reads `[control]` of a file, whatever is wrong with its other sections: an agent that runs with what the file said before
/// is reached all the same.
///
/// # Errors
/// As those of [`load`], where `[control]` itself cannot be known.
pub fn load_control(path: &Path) -> Result<ControlConfig, ConfigError> {
    let text =
        text::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let (sections, faults_of_form) = sections::parse(&text);
    let Some(mut sections) = sections else {
        let faults = Faults { file: faults_of_form, flags: Vec::new() };
        return Err(ConfigError::Faulty { path: Some(path.to_owned()), text, faults });
    };
    sections.anchor(directory(path));
    let control = &sections.control.value;
    let of_control = |fault: &Diagnostic| {
        let written = [&control.enabled.origin, &control.socket.origin];
        written.iter().any(|origin| matches!(origin, Origin::File(span) if *span == fault.span))
    };
    let file = faults_of_form.into_iter().filter(of_control).collect();
    let mut faults = Faults { file, flags: Vec::new() };
    let control = control::resolve(control, &mut faults);
    match faults.is_empty() {
        true => Ok(control),
        false => Err(ConfigError::Faulty { path: Some(path.to_owned()), text, faults }),
    }
}

impl Config {
    /// Reads the file again, with the same flags; none where there is no file, or one that can be read only once.
    ///
    /// # Errors
    /// As those of [`load`].
    pub fn reread(&self) -> Option<Result<Self, ConfigError>> {
        let path = self.written.path.as_deref().filter(|path| !files::is_inherited(path))?;
        Some(load(Some(path), &self.written.overrides))
    }
}

/// What relative paths in the file at `path` are relative to: its directory; for what has no place of its own, a pipe that
/// the process was started with, the working directory.
fn directory(path: &Path) -> &Path {
    if files::is_inherited(path) {
        return Path::new("");
    }
    path.parent().unwrap_or(Path::new(""))
}

/// What [`load`] does with the text of a file in the working directory.
pub fn from_text(text: &str, overrides: &Overrides) -> Result<Config, Faults> {
    read(text, None, overrides).map(|(_, config)| config)
}

/// Paths in the text are relative to `directory`, those of flags to the working directory.
fn read(
    text: &str,
    directory: Option<&Path>,
    overrides: &Overrides,
) -> Result<(Sections, Config), Faults> {
    let (sections, faults_of_form) = sections::parse(text);
    let mut faults = Faults { file: faults_of_form, flags: Vec::new() };
    let Some(mut sections) = sections else { return Err(faults) };
    if let Some(directory) = directory {
        sections.anchor(directory);
    }
    lay_over(overrides, &mut sections);
    match resolve(&sections, overrides) {
        Ok(config) if faults.is_empty() => Ok((sections, config)),
        Ok(_) => Err(faults),
        Err(more) => {
            document::add_to_sound_lines(&mut faults.file, more.file, text);
            faults.flags = more.flags;
            Err(faults)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_socket_is_known_whatever_else_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sensor.toml");
        let socket = |text: &str| {
            std::fs::write(&path, text).unwrap();
            load_control(&path).map(|control| control.socket)
        };
        let wrong = "[flow]\nidle_timeout = 'soon'\n[colector]\n[control]\nsocket = 'own.sock'\n";
        assert_eq!(socket(wrong).unwrap(), Some(directory.path().join("own.sock")));
        assert!(socket("[control]\nsocket = 7\n").is_err());
        assert!(socket("[control\nsocket = '/run/a.sock'\n").is_err());
    }
}
