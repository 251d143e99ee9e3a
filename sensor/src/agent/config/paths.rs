//! The files and directories that a configuration names, with the key of each and what is done with it: one table, of which the
//! sandbox is made, and where whoever reports a fault in one of them finds the key.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use sensor_core::{
    diagnostic::{Finding, Findings},
    settings::schema::{Origin, Table as _},
};

use super::{Config, cloud::Place, drop_ins};
use crate::{export::hits::options::Destination, files};

/// What is done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read: a file, or a directory and all that is below.
    Read,
    /// A directory whose names are read; of the files in it, those in use are named as well.
    List,
    /// A file that is written; others are made beside it and take its place.
    File,
    /// A directory in which files are made, and which is made itself if need be.
    Directory,
    /// The same, but it is there before anything else is, or is not needed.
    Present,
}

impl Access {
    /// Whether something is written there.
    pub fn writes(self) -> bool {
        match self {
            Self::Read | Self::List => false,
            Self::File | Self::Directory | Self::Present => true,
        }
    }
}

use Access::{Directory, File, List, Present, Read};

/// Every key that holds a path. Keys inside a table that is in several sections have a row for each.
const TABLE: [(&str, Access); 54] = [
    ("capture.pin_path", Present),
    ("collector.tls.ca", Read),
    ("collector.tls.certificate", Read),
    ("collector.tls.key", Read),
    ("ipfix_file.directory", Directory),
    ("store.folder", Directory),
    ("clickhouse.basic_auth_file", Read),
    ("clickhouse.tls.ca", Read),
    ("clickhouse.tls.certificate", Read),
    ("clickhouse.tls.key", Read),
    ("kafka.login_file", Read),
    ("kafka.tls.ca", Read),
    ("kafka.tls.certificate", Read),
    ("kafka.tls.key", Read),
    ("nats.login_file", Read),
    ("nats.credentials_file", Read),
    ("nats.tls.ca", Read),
    ("nats.tls.certificate", Read),
    ("nats.tls.key", Read),
    ("listen.certificate", Read),
    ("listen.key", Read),
    ("listen.ca", Read),
    ("intake.state_file", File),
    // Each object is looked at when it is its turn.
    ("cloud.folder", List),
    ("cloud.state", File),
    ("cloud.credentials_file", Read),
    ("cloud.push.token_file", Read),
    ("cloud.push.jwks_file", Read),
    ("ingest.certificate", Read),
    ("ingest.key", Read),
    ("policies.paths", Read),
    ("hits.basic_auth_file", Read),
    ("hits.bearer_file", Read),
    ("hits.spool", Directory),
    ("hits.tls.ca", Read),
    ("hits.tls.certificate", Read),
    ("hits.tls.key", Read),
    ("labels.files", Read),
    ("labels.cloud.files", Read),
    ("geo.country", Read),
    ("geo.asn", Read),
    ("geo.city", Read),
    ("reputation.file", Read),
    ("control.socket", File),
    ("console.token_file", Read),
    ("console.certificate", Read),
    ("console.key", Read),
    ("metrics.token_file", Read),
    ("metrics.certificate", Read),
    ("metrics.key", Read),
    ("log.flows", File),
    ("log.dns", File),
    ("lists", Read),
    // Not a path in itself: the path of a `file://` URL.
    ("hits.url", File),
];

/// What the file of the configuration and its drop-ins are called among the keys.
const CONFIGURATION: &str = "configuration";

/// A path and the key that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// The key, such as `log.flows`.
    pub key: String,
    /// The path.
    pub path: PathBuf,
    /// What is done with it.
    pub access: Access,
}

impl Config {
    /// What is read when the configuration is: its file, the directory of drop-ins, and those that are there now. None where there
    /// is no file, or one that can be read only once.
    pub fn own_paths(&self) -> Vec<NamedPath> {
        let path = self.written.path.as_deref().filter(|path| !files::is_inherited(path));
        let Some(path) = path else { return Vec::new() };
        let named = |path, access| NamedPath { key: CONFIGURATION.to_owned(), path, access };
        let mut all = vec![named(path.to_owned(), Read), named(drop_ins::directory(path), List)];
        // Why they cannot be listed is told when they are read.
        let files = drop_ins::find(path).unwrap_or_default();
        all.extend(files.into_iter().map(|file| named(file, Read)));
        all
    }

    /// Every path that is in use, those of the configuration itself first. What the process was started with (`/dev/stdin`) is
    /// none: it is read once.
    pub fn paths(&self) -> Vec<NamedPath> {
        let mut named = self.own_paths();
        let mut name = |key: &str, path: &Path, access| {
            if !files::is_inherited(path) {
                named.push(NamedPath { key: key.to_owned(), path: path.to_owned(), access });
            }
        };
        let captures = !self.capture.interfaces.is_empty();
        self.written.sections.paths_of_keys("", &mut |key, path, _| {
            let Some((_, access)) = TABLE.iter().find(|(own, _)| *own == key) else { return };
            let used = match key {
                "capture.pin_path" => captures,
                "control.socket" => self.control.socket.is_some(),
                // A flag may take its place, which is below.
                "log.flows" | "log.dns" => false,
                // It has a default, which is below as well.
                "cloud.state" => false,
                _ => true,
            };
            if used {
                name(key, path, *access);
            }
        });
        if let Some(path) = &self.log.flow_log {
            name("log.flows", path, File);
        }
        if let Some(path) = &self.log.dns_log {
            name("log.dns", path, File);
        }
        for cloud in &self.clouds {
            name("cloud.state", &cloud.state, File);
            if let Place::Store(store) = &cloud.place
                && store.credentials.is_none()
            {
                // They are in the environment, and are read again when they expire.
                let files = store.credential_files();
                files.iter().for_each(|path| name("cloud.credentials_file", path, Read));
            }
        }
        for output in &self.hits.outputs {
            if let Destination::File(file) = &output.destination {
                name("hits.url", &file.path, File);
            }
        }
        named
    }
}

impl Config {
    /// `findings`, those about a file that a key names and without a place in it with the place of the key.
    pub fn at_their_keys(&self, findings: Findings) -> Findings {
        let mut written: Vec<(PathBuf, Range<usize>)> = Vec::new();
        self.written.sections.paths_of_keys("", &mut |_, path, origin| {
            if let Origin::File(span) = origin {
                written.push((path.to_owned(), span.clone()));
            }
        });
        for output in &self.written.sections.hits.value {
            let url = &output.value.url;
            if let (Origin::File(span), Some(path)) =
                (&url.origin, url.value.as_deref().and_then(|url| url.strip_prefix("file://")))
            {
                written.push((path.into(), span.clone()));
            }
        }
        let place = |finding: &Finding| {
            let file = Path::new(finding.file.as_deref()?);
            if finding.line().is_some() {
                return None;
            }
            // What is made in a directory, or beside a file, is that key's as well.
            let named = written.iter().filter(|(path, _)| file.starts_with(path));
            let (_, span) = named.max_by_key(|(path, _)| path.as_os_str().len())?;
            self.written.files.local(span)
        };
        findings
            .into_iter()
            .map(|finding| match place(&finding) {
                Some(place) => finding.at(&place),
                None => finding,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sensor_core::settings::schema::Key;

    use super::*;
    use crate::agent::config::{load, overrides::Overrides, sections::Sections};

    fn keys(of: &[Key], below: &str, found: &mut Vec<String>) {
        for key in of {
            let path = format!("{below}{}", key.name);
            if key.is_path {
                found.push(path.clone());
            }
            keys(key.inner, &format!("{path}."), found);
        }
    }

    #[test]
    fn every_key_that_holds_a_path_has_a_row() {
        let mut found = Vec::new();
        keys(Sections::KEYS, "", &mut found);
        found.push("hits.url".to_owned());
        let mut rows = TABLE.map(|(key, _)| key.to_owned()).to_vec();
        found.sort();
        rows.sort();
        assert_eq!(rows, found);
    }

    #[test]
    fn paths_in_use_are_named_with_their_keys() {
        let text = "[capture]\ninterfaces = ['lo']\n[policies]\npaths = ['stock', 'p']\n\
            [[hits]]\nurl = 'file:///h/hits.json'\n[[hits]]\nurl = 'https://h/'\nspool = '/s'\n\
            [log]\nflows = '/l/flows'\n[control]\nenabled = false\n[lists]\na = '/a.txt'\n\
            [[collector]]\nurl = 'tls://c'\ntls.ca = '/ca.pem'\n[geo]\nasn = '/dev/stdin'\n";
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sensor.toml");
        let named = |text: &str| {
            fs::write(&file, text).unwrap();
            let config = load(Some(&file), &Overrides::default()).unwrap();
            let shown = |named: NamedPath| format!("{} {}", named.key, named.path.display());
            config.paths().into_iter().map(shown).collect::<Vec<_>>()
        };
        let configuration = format!("configuration {}", file.display());
        let drop_ins = format!("configuration {}", directory.path().join("conf.d").display());
        let policies = format!("policies.paths {}", directory.path().join("p").display());
        let expected = [
            configuration.as_str(),
            drop_ins.as_str(),
            "capture.pin_path /sys/fs/bpf/sensor",
            "collector.tls.ca /ca.pem",
            policies.as_str(),
            "hits.spool /s",
            "lists /a.txt",
            "log.flows /l/flows",
            "hits.url /h/hits.json",
        ];
        assert_eq!(named(text), expected);
        assert_eq!(
            named("[[listen]]\nurl = 'netflow://127.0.0.1:2055'"),
            [configuration.as_str(), drop_ins.as_str(), "control.socket /run/sensor/control.sock"]
        );
        fs::create_dir(directory.path().join("conf.d")).unwrap();
        fs::write(directory.path().join("conf.d/a.toml"), "[geo]\nasn = '/a.mmdb'\n").unwrap();
        let drop_in = format!("{drop_ins}/a.toml");
        assert_eq!(
            named("[[listen]]\nurl = 'netflow://127.0.0.1:2055'\n[control]\nenabled = false"),
            [configuration.as_str(), &drop_ins, &drop_in, "geo.asn /a.mmdb"]
        );
    }
}
