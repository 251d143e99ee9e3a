//! From files to configurations: at the start, and whenever the file is to be read again.

use std::{
    io,
    path::{Path, PathBuf},
};

use sensor_core::{
    diagnostic::{Diagnostic, SourceMap},
    settings::{
        document,
        schema::{Origin, Value as _},
    },
};
use sensor_kernel::watch::Missing;

use super::{
    control::{self, ControlConfig},
    drop_ins,
    error::ConfigError,
    faults::Faults,
    overlay::lay_over,
    overrides::Overrides,
    resolve::{Config, resolve},
    sections::{self, Sections},
    written::Written,
};
use crate::{
    agent::text,
    files::{self, Limit},
};

/// Reads the file, where there is one, and its drop-ins, and lays the flags over them; all faults at once.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let read = path.map(read).transpose()?.unwrap_or_default();
    let parsed = parse(&read);
    let files = parsed.files.clone();
    match judge(parsed, overrides) {
        Ok((sections, mut config)) => {
            if path.is_none() {
                config.capture.missing = Missing::Refused;
            }
            config.policies.tuning.files = files.clone();
            let path = path.map(Path::to_owned);
            let written = Written { path, files, overrides: overrides.clone(), sections };
            Ok(Config { written, ..config })
        }
        Err(faults) => Err(ConfigError::Faulty { files, faults }),
    }
}

/// Reads `[control]` of a file and its drop-ins, whatever is wrong with their other sections: an agent that runs with what they
/// said before is reached all the same.
///
/// # Errors
/// As those of [`load`], where `[control]` itself cannot be known.
pub fn load_control(path: &Path) -> Result<ControlConfig, ConfigError> {
    let mut read = read(path)?;
    let mut parsed = parse(&read);
    if parsed.sections.is_none() && read.iter_mut().all(Read::leave_control) {
        parsed = parse(&read);
    }
    let Parsed { files, sections, faults: faults_of_form } = parsed;
    let Some(sections) = sections else {
        let faults = Faults { file: faults_of_form, flags: Vec::new() };
        return Err(ConfigError::Faulty { files, faults });
    };
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
        false => Err(ConfigError::Faulty { files, faults }),
    }
}

impl Config {
    /// Reads the file and its drop-ins again, with the same flags; none where there is no file, or one that can be read only once.
    ///
    /// # Errors
    /// As those of [`load`].
    pub fn reread(&self) -> Option<Result<Self, ConfigError>> {
        let path = self.written.path.as_deref().filter(|path| !files::is_inherited(path))?;
        Some(load(Some(path), &self.written.overrides))
    }
}

/// A file that was read.
struct Read {
    path: PathBuf,
    text: String,
}

impl Read {
    /// Leaves of a text that is broken what it says of `[control]`, at its place; whether that can be known.
    fn leave_control(&mut self) -> bool {
        if sections::parse(&self.text).0.is_some() {
            return true;
        }
        let mut left = String::new();
        let (mut is_control, mut sections) = (false, 0);
        for line in self.text.split_inclusive('\n') {
            let bare = line.split('#').next().unwrap_or_default().trim();
            if bare.starts_with('[') {
                is_control = bare == "[control]";
                sections += u32::from(is_control);
            }
            if is_control {
                left.push_str(line);
            } else if bare.contains("control") {
                // It may say so in another form, or stand in a text of several lines.
                return false;
            } else {
                left.extend(line.bytes().map(|octet| if octet == b'\n' { '\n' } else { ' ' }));
            }
        }
        self.text = left;
        let (parsed, faults) = sections::parse(&self.text);
        sections <= 1 && parsed.is_some() && faults.is_empty()
    }
}

/// The file at `path` and its drop-ins; a pipe that the process was started with has none beside it.
fn read(path: &Path) -> Result<Vec<Read>, ConfigError> {
    let (mut read, mut unreadable) = (Vec::new(), Vec::new());
    let mut paths = vec![path.to_owned()];
    if !files::is_inherited(path) {
        match drop_ins::find(path) {
            Ok(found) => paths.extend(found),
            Err(error) => unreadable.push(error),
        }
    }
    // All together are as much work as one file.
    let mut left = Limit::TEXT;
    for path in paths {
        let text = text::read(&path, left).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge if left < Limit::TEXT => {
                let used = Limit::TEXT.0 - left.0;
                let all = "is the limit of a configuration with its drop-ins";
                let message = format!(
                    "{error}: {} {all}, and those before it have {used} bytes",
                    Limit::TEXT
                );
                io::Error::new(error.kind(), message)
            }
            _ => error,
        });
        match text {
            Ok(text) => {
                left.0 -= (text.len() as u64).min(left.0);
                read.push(Read { path, text });
            }
            Err(error) => unreadable.push((path, error)),
        }
    }
    if unreadable.is_empty() { Ok(read) } else { Err(ConfigError::Read(unreadable)) }
}

/// What relative paths in the file at `path` are relative to: its directory; for what has no place of its own, a pipe that
/// the process was started with, the working directory.
fn directory(path: &Path) -> &Path {
    if files::is_inherited(path) {
        return Path::new("");
    }
    path.parent().unwrap_or(Path::new(""))
}

/// Files that are read as one.
#[derive(Default)]
struct Parsed {
    files: SourceMap,
    /// Each laid over those before it; none where the text of one is broken, see [`sections::parse`].
    sections: Option<Sections>,
    /// Faults of form, in the order of the texts.
    faults: Vec<Diagnostic>,
}

/// Lays each file over those before it. Relative paths are relative to the file that names them.
fn parse(read: &[Read]) -> Parsed {
    let mut all = Parsed { sections: Some(Sections::default()), ..Parsed::default() };
    for Read { path, text } in read {
        let start = all.files.push(path.display().to_string(), text);
        let (sections, faults) = sections::parse(text);
        all.faults.extend(faults.into_iter().map(|fault| fault.shift(start)));
        all.sections = all.sections.zip(sections).map(|(mut earlier, mut sections)| {
            sections.shift(start);
            sections.anchor(directory(path));
            earlier.lay_over(sections);
            earlier
        });
    }
    all
}

/// What [`load`] does with the text of a file in the working directory.
pub fn from_text(text: &str, overrides: &Overrides) -> Result<Config, Faults> {
    let read = Read { path: PathBuf::new(), text: text.to_owned() };
    judge(parse(&[read]), overrides).map(|(_, config)| config)
}

/// Lays the flags over the files; paths of flags are relative to the working directory.
fn judge(parsed: Parsed, overrides: &Overrides) -> Result<(Sections, Config), Faults> {
    let mut faults = Faults { file: parsed.faults, flags: Vec::new() };
    let Some(mut sections) = parsed.sections else { return Err(faults) };
    lay_over(overrides, &mut sections);
    match resolve(&sections, overrides) {
        Ok(config) if faults.is_empty() => Ok((sections, config)),
        Ok(_) => Err(faults),
        Err(more) => {
            document::add_to_sound_lines(&mut faults.file, more.file, parsed.files.text());
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
        // A text that is broken elsewhere, or here.
        let own = Some(directory.path().join("own.sock"));
        let broken =
            "[flow\nidle_timeout = \n[control]\nsocket = 'own.sock' # é\n[log]\nlevel = 'é\n";
        assert_eq!(socket(broken).unwrap(), own);
        assert_eq!(socket("[flow\nidle_timeout =").unwrap(), Some(PathBuf::from(control::SOCKET)));
        for unknown in [
            "[flow\n[control]\nsocket = 'own.sock\n",
            "[flow\ncontrol.socket = 'own.sock'\n",
            "control = { socket = 'own.sock' }\n[flow\n",
            "[flow\n[control]\n[control]\nsocket = 'own.sock'\n",
        ] {
            assert!(socket(unknown).is_err(), "{unknown}");
        }
    }
}
