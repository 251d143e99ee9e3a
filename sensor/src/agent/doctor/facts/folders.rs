//! Folders of flow logs that are followed: whether they can be read, and whether anything in them is a flow log.

use std::{io, path::Path};

use crate::{
    agent::{
        cloud::{Format, follow::folder::names},
        config::{
            Config,
            cloud::{CloudConfig, Place},
        },
    },
    files,
    replay::{
        folders::{self, Listing, Why},
        objects,
    },
};

/// Files of a folder that are looked into: those with the latest times in their names.
const LOOKED_AT: usize = 20;

/// A followed folder.
#[derive(Debug)]
pub struct FolderFacts {
    /// The name of the `[[cloud]]`.
    pub name: String,
    /// The folder.
    pub root: String,
    pub outcome: Outcome,
}

/// What came of looking into a folder.
#[derive(Debug)]
pub enum Outcome {
    /// It is not there, or cannot be read.
    Unreadable(io::Error),
    /// Something else has its name.
    NoFolder,
    Read(Holding),
}

/// What is in a folder.
#[derive(Debug, Default)]
pub struct Holding {
    /// Files that are not temporary.
    pub files: usize,
    /// Of these, how many were looked into.
    pub looked_at: usize,
    /// How many of them hold nothing so far.
    pub empty: usize,
    /// Of these, how many are flow logs.
    pub logs: usize,
    /// Formats that were found, each once.
    pub formats: Vec<&'static str>,
    /// Files and folders that cannot be read, and why the first cannot.
    pub unreadable: (usize, Option<(String, io::Error)>),
}

/// Looks into all of them.
pub fn gather(config: &Config) -> Vec<FolderFacts> {
    let folder = |cloud: &CloudConfig| {
        let Place::Folder { root, .. } = &cloud.place else { return None };
        let outcome = look(root, cloud.format);
        Some(FolderFacts { name: cloud.name.clone(), root: root.display().to_string(), outcome })
    };
    config.clouds.iter().filter_map(folder).collect()
}

/// Looks into a folder whose objects have this format, or those that their first octets tell.
fn look(root: &Path, format: Option<Format>) -> Outcome {
    match root.metadata() {
        Ok(metadata) if !metadata.is_dir() => return Outcome::NoFolder,
        Ok(_) => {}
        Err(error) => return Outcome::Unreadable(error),
    }
    let Listing { files, skipped, .. } = match folders::list(&[root]) {
        Ok(listing) => listing,
        Err((_, error)) => return Outcome::Unreadable(error),
    };
    let mut holding = Holding::default();
    let mut cannot = |path: &Path, error| {
        holding.unreadable.0 += 1;
        holding.unreadable.1.get_or_insert_with(|| (path.display().to_string(), error));
    };
    for skipped in skipped {
        if let Why::Unreadable(error) = skipped.why {
            cannot(&skipped.path, error);
        }
    }
    let is_temporary = |path: &Path| {
        path.file_name().is_some_and(|name| names::is_temporary(&name.to_string_lossy()))
    };
    let files = files.into_iter().map(|file| file.path).filter(|path| !is_temporary(path));
    let files: Vec<_> = files.collect();
    let newest = &files[files.len().saturating_sub(LOOKED_AT)..];
    let mut found = Vec::new();
    for path in newest {
        match files::open(path).and_then(|file| file.metadata()) {
            Err(error) => cannot(path, error),
            Ok(metadata) if metadata.len() == 0 => holding.empty += 1,
            Ok(_) => found.extend(format.or_else(|| objects::format(path))),
        }
    }
    (holding.files, holding.looked_at, holding.logs) = (files.len(), newest.len(), found.len());
    holding.formats = found.into_iter().map(Format::name).collect();
    holding.formats.sort_unstable();
    holding.formats.dedup();
    Outcome::Read(holding)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LINE: &str = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1431280876 1431280934 ACCEPT OK\n";

    fn held(outcome: Outcome) -> Holding {
        match outcome {
            Outcome::Read(holding) => holding,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_seen_whether_a_folder_is_there_and_what_it_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let missing = look(&at("missing"), None);
        assert!(
            matches!(&missing, Outcome::Unreadable(error) if error.kind() == io::ErrorKind::NotFound)
        );
        fs::write(at("file"), LINE).expect("a file");
        assert!(matches!(look(&at("file"), None), Outcome::NoFolder));
        fs::create_dir_all(at("logs/below")).expect("a folder");
        assert_eq!(held(look(&at("logs"), None)).files, 0);
        for (name, text) in [
            ("logs/README", "What lies here?\n"),
            ("logs/a.log.part", LINE),
            ("logs/.hidden", LINE),
            ("logs/below/empty", ""),
        ] {
            fs::write(at(name), text).expect("a file");
        }
        std::os::unix::fs::symlink("nowhere", at("logs/link")).expect("a link");
        let holding = held(look(&at("logs"), None));
        assert_eq!((holding.files, holding.looked_at, holding.empty, holding.logs), (2, 2, 1, 0));
        assert_eq!(holding.unreadable.0, 1);
        // What the configuration says is believed.
        assert_eq!(held(look(&at("logs"), Some(Format::Aws))).logs, 1);
        // Only the latest are looked into.
        for minute in 0..30 {
            let name = format!("logs/below/1_vpcflowlogs_r_fl-1_20260101T00{minute:02}Z_x.log");
            fs::write(at(&name), LINE).expect("a file");
        }
        let holding = held(look(&at("logs"), None));
        assert_eq!((holding.files, holding.looked_at, holding.logs), (32, LOOKED_AT, LOOKED_AT));
        assert_eq!(holding.formats, ["aws"]);
    }
}
