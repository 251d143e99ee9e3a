//! How many clients are served at once. One more is turned away with an answer that says so, and the log has a line of that from
//! time to time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Between two lines of the log.
const SELDOM: Duration = Duration::from_secs(60);

/// What a client reads that is turned away, whatever it has asked.
pub(super) const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-length: 47\r\n\r\ntoo many clients at once; try again in a second";

/// Clients of one listener.
pub(super) struct Limit {
    of: &'static str,
    most: usize,
    permits: Arc<Semaphore>,
    /// Turned away since the last line.
    turned_away: u64,
    logged: Option<Instant>,
}

impl Limit {
    /// At most `most` clients of what the configuration calls `of`.
    pub(super) fn new(of: &'static str, most: usize) -> Self {
        let permits = Arc::new(Semaphore::new(most));
        Self { of, most, permits, turned_away: 0, logged: None }
    }

    /// A place for one more client, as long as the permit lasts; none where all are taken.
    pub(super) fn admit(&mut self) -> Option<OwnedSemaphorePermit> {
        let permit = self.permits.clone().try_acquire_owned().ok();
        if permit.is_none() {
            self.turned_away += 1;
            if self.logged.is_none_or(|at| at.elapsed() >= SELDOM) {
                let turned_away = std::mem::take(&mut self.turned_away);
                tracing::warn!(key = self.of, most = self.most, turned_away, "too many clients");
                self.logged = Some(Instant::now());
            }
        }
        permit
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
        let mut limit = Limit::new("control.socket", 2);
        let first = limit.admit();
        let second = limit.admit();
        assert!(first.is_some() && second.is_some() && limit.admit().is_none());
        drop(first);
        assert!(limit.admit().is_some());
    }
}
