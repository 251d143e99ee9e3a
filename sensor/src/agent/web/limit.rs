//! How many clients are served at once. One more is turned away with an answer that says so.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a client reads that is turned away, whatever it has asked.
pub const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-length: 47\r\n\r\ntoo many clients at once; try again in a second";

/// Clients of one listener.
pub struct Limit {
    of: &'static str,
    most: usize,
    permits: Arc<Semaphore>,
    leaving: Arc<Semaphore>,
}

/// The place of a client that is served; it is free again when this goes.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    leaving: Arc<Semaphore>,
}

impl Place {
    /// Frees the place of a client that has its answer, and gives it one among as many that are leaving; none where all are taken.
    pub fn leave(self) -> Option<OwnedSemaphorePermit> {
        self.leaving.try_acquire_owned().ok()
    }
}

impl Limit {
    /// At most `most` clients of what the configuration calls `of`.
    pub fn new(of: &'static str, most: usize) -> Self {
        let places = || Arc::new(Semaphore::new(most));
        Self { of, most, permits: places(), leaving: places() }
    }

    /// A place for one more client; none where all are taken.
    pub fn admit(&self) -> Option<Place> {
        let permit = self.permits.clone().try_acquire_owned().ok();
        if permit.is_none() {
            tracing::warn!(key = self.of, most = self.most, "too many clients: one is turned away");
        }
        permit.map(|permit| Place { _permit: permit, leaving: self.leaving.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_turned_away_reads_the_whole_answer() {
        let text = std::str::from_utf8(BUSY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
    }

    #[test]
    fn a_place_is_free_again_once_its_client_has_gone() {
        let limit = Limit::new("control.socket", 2);
        let first = limit.admit();
        let second = limit.admit();
        assert!(first.is_some() && second.is_some() && limit.admit().is_none());
        drop(first);
        assert!(limit.admit().is_some());
        // Who leaves makes room, though it is not gone; as many as are served may do so.
        let leaving = second.and_then(Place::leave);
        let more = limit.admit().and_then(Place::leave);
        assert!(leaving.is_some() && more.is_some());
        assert!(limit.admit().and_then(Place::leave).is_none());
        assert!(limit.admit().is_some());
    }
}
