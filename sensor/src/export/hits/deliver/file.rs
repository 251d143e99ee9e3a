//! A file that another takes the place of when it is full.

use std::{sync::Arc, time::SystemTime};

use super::outcome::{Failure, Message};
use crate::{
    export::{
        files::{Reopen, retention::Deleted, rotated::RotatedFile},
        hits::{error::HitsError, options::FileOptions},
    },
    files,
};

/// The file under way.
pub struct HitFile {
    file: RotatedFile,
    text: Vec<u8>,
}

impl HitFile {
    /// Opens the file to append to it; makes it if need be.
    pub fn open(options: FileOptions, reopen: Arc<Reopen>) -> Result<Self, HitsError> {
        let FileOptions { path, rotation } = options;
        let file = RotatedFile::open(path.clone(), Some(rotation), reopen)
            .map_err(|source| HitsError::File { path, source })?;
        Ok(Self { file, text: Vec::new() })
    }

    /// Writes the batch, a line end behind each message.
    pub fn deliver(&mut self, batch: &[Message]) -> Result<usize, Failure> {
        let mut octets = 0;
        for (delivered, message) in batch.iter().enumerate() {
            self.text.clear();
            self.text.extend_from_slice(message);
            self.text.push(b'\n');
            self.file.append(&self.text, SystemTime::now()).map_err(|error| {
                let path = self.file.path().display();
                let remedy = files::remedy(&error);
                Failure::retry(delivered, &format!("cannot write {path}: {error}{remedy}"))
            })?;
            octets += self.text.len();
        }
        Ok(octets)
    }

    /// What has been deleted since this was last asked, to make room for others.
    pub fn take_deleted(&mut self) -> Deleted {
        self.file.take_deleted()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};
    use crate::export::files::rotated::Rotation;

    const ROTATION: Rotation = Rotation { max_size: 20, max_age: None, keep: 2, max_total: None };

    #[test]
    fn a_line_each_and_what_rotation_deletes_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hits");
        let options = FileOptions { path: path.clone(), rotation: ROTATION };
        let mut file = HitFile::open(options, Arc::default()).unwrap();
        let batch: Vec<_> = (0..8).map(|number| format!("message{number}").into_bytes()).collect();
        assert_eq!(file.deliver(&batch).unwrap(), 8 * 9);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "message6\nmessage7\n");
        assert_eq!(file.take_deleted(), Deleted { files: 1, octets: 18 });
    }

    #[test]
    fn a_file_that_cannot_be_written_is_tried_again() {
        let options = FileOptions { path: "/dev/full".into(), rotation: ROTATION };
        let mut file = HitFile::open(options, Arc::default()).unwrap();
        let failure = file.deliver(&[b"a".to_vec()]).unwrap_err();
        assert_eq!(failure.verdict, Verdict::Retry { after: None });
        assert!(failure.error.starts_with("cannot write /dev/full: No space"), "{}", failure.error);
    }
}
