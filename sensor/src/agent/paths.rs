//! Files and directories that a configuration names: whether they can be used, looked at before anything starts.
//!
//! `sensor check` and `sensor run` ask the same here, so that what one of them refuses the other does as well, in the same words.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{config::Config, policies};
use crate::export::hits::options::{Credentials, Destination, SyslogTransport};

/// What is missing.
#[derive(Debug, thiserror::Error)]
#[error("what the configuration names has faults\n\n{}", .0.join("\n"))]
pub struct Missing(pub Vec<String>);

/// Refuses a configuration of which something is missing.
///
/// # Errors
/// All that is missing.
pub fn all_there(config: &Config) -> Result<(), Missing> {
    let mut faults: Vec<String> = lists(config).chain(contents(config)).collect();
    faults.extend(others(config));
    if faults.is_empty() { Ok(()) } else { Err(Missing(faults)) }
}

fn lists(config: &Config) -> impl Iterator<Item = String> {
    let missing = |(name, file): (&String, &PathBuf)| {
        let error = crate::files::open(file).err()?;
        Some(format!("error: cannot read the list `{name}` from {}: {error}", file.display()))
    };
    config.lists.0.iter().filter_map(missing)
}

/// Files whose contents somebody else judges.
fn contents(config: &Config) -> impl Iterator<Item = String> {
    let context = &config.context;
    let reputation = context.reputation.iter().map(|(file, _)| file);
    let policies = config.policies.paths.iter().filter(|path| !policies::is_stock(path));
    let files = context.labels.iter().chain(reputation).chain(&context.databases);
    files.filter_map(|file| unreadable(file)).chain(policies.filter_map(|path| unlisted(path)))
}

/// What is wrong with everything else: secrets and certificates that are read, and places that are written to.
pub fn others(config: &Config) -> Vec<String> {
    let (mut read, mut written, mut made) = (Vec::new(), Vec::new(), Vec::new());
    let mut tls = |ca: &Option<PathBuf>, certificate: Option<&PathBuf>, key: Option<&PathBuf>| {
        read.extend(ca.iter().chain(certificate).chain(key).cloned());
    };
    for options in config.collectors.iter().filter_map(|collector| collector.tls.as_ref()) {
        let identity = options.identity.as_ref();
        tls(
            &options.ca,
            identity.map(|(certificate, _)| certificate),
            identity.map(|(_, key)| key),
        );
    }
    for options in config.listen.iter().filter_map(|listen| listen.tls.as_ref()) {
        tls(&options.ca, Some(&options.certificate), Some(&options.key));
    }
    let mut secrets = Vec::new();
    for output in &config.hits.outputs {
        match &output.destination {
            Destination::File(file) => written.push(file.path.clone()),
            Destination::Syslog(syslog) => {
                if let SyslogTransport::Tls(options) = &syslog.transport {
                    tls(&options.ca, options.certificate.as_ref(), options.key.as_ref());
                }
            }
            Destination::Webhook(webhook) => {
                tls(&webhook.tls.ca, webhook.tls.certificate.as_ref(), webhook.tls.key.as_ref());
                match &webhook.credentials {
                    Some(Credentials::Basic(file) | Credentials::Bearer(file)) => {
                        secrets.push(file.clone());
                    }
                    None => {}
                }
            }
            Destination::Stdout { .. } | Destination::Journal { .. } => {}
        }
        made.extend(output.spool.as_ref().map(|spool| spool.directory.clone()));
    }
    read.extend(secrets);
    written.extend(config.log.flow_log.clone());
    written.extend(config.intake.state_file.clone());
    made.extend(config.ipfix_file.as_ref().map(|files| files.directory.clone()));

    let mut faults: Vec<String> = read.iter().filter_map(|file| unreadable(file)).collect();
    faults.extend(written.iter().filter_map(|file| unwritable(file)));
    faults.extend(made.iter().filter_map(|directory| cannot_be_made(directory)));
    faults.sort();
    faults.dedup();
    faults
}

fn unreadable(file: &Path) -> Option<String> {
    let error = crate::files::open(file).err()?;
    Some(format!("error: cannot read {}: {error}", file.display()))
}

/// As [`unreadable`], for what may be a directory as well.
fn unlisted(path: &Path) -> Option<String> {
    if !path.is_dir() {
        return unreadable(path);
    }
    let error = fs::read_dir(path).err()?;
    Some(format!("error: cannot list {}: {error}", path.display()))
}

/// Why a file cannot be written to; none is made.
fn unwritable(file: &Path) -> Option<String> {
    let error = match fs::metadata(file) {
        Ok(found) if found.is_dir() => io::Error::from(io::ErrorKind::IsADirectory),
        // Opening a pipe waits for its reader.
        Ok(found) if !found.is_file() => return None,
        Ok(_) => fs::OpenOptions::new().append(true).open(file).err()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = match file.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            let found = fs::metadata(directory);
            match found {
                Ok(found) if found.is_dir() => return None,
                Ok(_) => io::Error::from(io::ErrorKind::NotADirectory),
                Err(error) => {
                    let directory = directory.display();
                    return Some(format!(
                        "error: cannot write to {}: there is no directory {directory}: {error}",
                        file.display()
                    ));
                }
            }
        }
        Err(error) => error,
    };
    Some(format!("error: cannot write to {}: {error}", file.display()))
}

/// Why a directory neither is there nor can be made.
fn cannot_be_made(directory: &Path) -> Option<String> {
    for ancestor in directory.ancestors().filter(|ancestor| *ancestor != Path::new("")) {
        let error = match fs::metadata(ancestor) {
            Ok(found) if found.is_dir() => return None,
            Ok(_) => io::Error::from(io::ErrorKind::NotADirectory),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => error,
        };
        return Some(format!("error: cannot make directory {}: {error}", directory.display()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_may_be_a_directory_and_other_files_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("file");
        fs::write(&file, "").expect("written");
        assert_eq!(unlisted(directory.path()), None);
        assert_eq!(unlisted(&file), None);
        assert!(unlisted(&directory.path().join("absent")).is_some());
        assert!(unreadable(directory.path()).is_some());
    }

    #[test]
    fn what_can_be_written_to_and_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "").expect("written");
        assert_eq!(unwritable(&path("file")), None);
        assert_eq!(unwritable(&path("new")), None);
        assert_eq!(unwritable(Path::new("new")), None);
        assert_eq!(unwritable(Path::new("/dev/null")), None);
        assert!(!path("new").exists(), "nothing is made");
        for (name, part) in [
            ("absent/new", "there is no directory /"),
            ("file/new", "ot a directory"),
            ("", "is a directory"),
        ] {
            let fault = unwritable(&path(name)).expect("a fault");
            assert!(
                fault.starts_with("error: cannot write to /") && fault.contains(part),
                "{fault}"
            );
        }
        assert_eq!(cannot_be_made(&path("a/b/c")), None);
        assert_eq!(cannot_be_made(Path::new("a/b/c")), None);
        let fault = cannot_be_made(&path("file/a/b")).expect("a fault");
        assert!(
            fault.starts_with("error: cannot make directory /") && fault.contains("ot a directory"),
            "{fault}"
        );
        assert!(!path("a").exists(), "nothing is made");
    }
}
