//! The folder of the flow store: whether somebody writes there, whether this version can, and what the disk has left.

use sensor_store::{error::Error, folder::Folder, plan::Retention};

use crate::agent::config::{Config, store::StoreConfig};

/// The flow store of a configuration.
#[derive(Debug)]
pub struct StoreFacts {
    /// Its folder.
    pub folder: String,
    /// How long records are to be kept.
    pub retention: Retention,
    /// What came of looking into it.
    pub outcome: Result<StoreState, Error>,
}

/// What is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreState {
    /// A sensor writes there now.
    pub is_in_use: bool,
    /// Sealed files.
    pub files: usize,
    /// Their octets.
    pub octets: u64,
    /// Octets that are free on the disk.
    pub free: u64,
}

/// Looks into the folder, where there is one in the configuration. Nothing is made.
pub fn gather(config: &Config) -> Option<StoreFacts> {
    let StoreConfig { records, .. } = config.store.as_ref()?;
    let outcome = look(&Folder::new(&records.folder));
    let (folder, retention) = (records.folder.display().to_string(), records.store.retention);
    Some(StoreFacts { folder, retention, outcome })
}

fn look(folder: &Folder) -> Result<StoreState, Error> {
    folder.check_format()?;
    let segments = folder.segments()?;
    // What is not there yet will be on the disk of what is.
    let there = folder.path().ancestors().find(|path| path.is_dir());
    let disk = there.map_or_else(|| folder.clone(), Folder::new);
    Ok(StoreState {
        is_in_use: !folder.has_no_writer()?,
        files: segments.len(),
        octets: segments.iter().map(|(_, octets)| octets).sum(),
        free: disk.free()?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sensor_store::store::{self, Options};

    use super::*;

    #[test]
    fn a_folder_is_looked_into_and_left_as_it_is() {
        let directory = tempfile::tempdir().expect("a folder");
        let path = directory.path().join("a/store");
        let folder = Folder::new(&path);
        let found = look(&folder).expect("nothing yet");
        assert!(!found.is_in_use && found.free > 0 && !path.exists());
        let held = store::open(&path, Options::default()).expect("a store");
        assert!(look(&folder).expect("a store").is_in_use);
        drop(held);
        assert!(!look(&folder).expect("a store").is_in_use);
        fs::write(path.join("format"), "2\n").expect("written");
        assert!(matches!(look(&folder), Err(Error::Newer { .. })));
    }
}
