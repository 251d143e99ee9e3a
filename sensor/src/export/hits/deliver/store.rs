//! The folder of the flow store: hits stay beside the flows that they are about.

use std::time::Duration;

use sensor_store::{error::Error, hits::writer::HitWriter};
use tokio::{sync::Notify, time::timeout};

use super::outcome::{Failure, Message};
use crate::{
    clock,
    export::{
        files::retention::Deleted,
        hits::error::HitsError,
        store::{options::StoredHitsOptions, trouble},
    },
};

/// After so long it is looked whether what is there is old.
const LOOK: Duration = Duration::from_mins(1);

/// Hits that are being kept.
pub struct StoredHits {
    writer: HitWriter,
}

impl StoredHits {
    /// Opens what is there, to append to it; makes it if need be.
    pub fn open(options: &StoredHitsOptions) -> Result<Self, HitsError> {
        let writer = HitWriter::open(&options.folder, options.hits);
        writer
            .map(|writer| Self { writer })
            .map_err(|source| HitsError::Store { folder: options.folder.clone(), source })
    }

    /// Appends the batch, and makes it outlast a failure of the machine.
    pub fn deliver(&mut self, batch: &[Message]) -> Result<usize, Failure> {
        for (delivered, message) in batch.iter().enumerate() {
            let appended = self.writer.append(message, clock::now());
            appended.map_err(|error| failure(delivered, &error))?;
        }
        // They are there: to append them again would double them.
        self.writer.sync().map_err(|error| failure(batch.len(), &error))?;
        Ok(batch.iter().map(|message| message.len() + 1).sum())
    }

    /// Waits for more, and meanwhile deletes what is old.
    pub async fn idle(&mut self, arrived: &Notify) {
        while timeout(LOOK, arrived.notified()).await.is_err() {
            if let Err(error) = self.writer.tick(clock::now()) {
                let error = trouble::text(&error);
                tracing::warn!(folder = %self.writer.path().display(), error, "cannot compress or delete hits; it is tried again");
            }
        }
    }

    /// What has been deleted since this was last asked, to make room for others.
    pub fn take_deleted(&mut self) -> Deleted {
        let expired = self.writer.take_expired();
        Deleted { files: expired.files, octets: expired.octets }
    }
}

fn failure(delivered: usize, error: &Error) -> Failure {
    Failure::retry(delivered, &trouble::text(error))
}

#[cfg(test)]
mod tests {
    use sensor_store::hits::{reader, writer};

    use super::*;

    #[test]
    fn what_is_delivered_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = StoredHitsOptions {
            folder: folder.path().to_owned(),
            hits: writer::Options::default(),
        };
        let mut hits = StoredHits::open(&options).expect("opened");
        let batch = [b"{\"a\":1}".to_vec(), b"{\"a\":2}".to_vec()];
        assert_eq!(hits.deliver(&batch).expect("kept"), 16);
        let mut found = Vec::new();
        let read = reader::read(folder.path(), (0, u64::MAX), |line| {
            found.push(line.to_vec());
            true
        });
        read.expect("readable");
        assert_eq!(found, batch);
        let refused = StoredHits::open(&options).map(drop).expect_err("taken");
        assert!(refused.to_string().contains("another writer"), "{refused}");
    }
}
