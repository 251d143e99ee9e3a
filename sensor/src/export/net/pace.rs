//! How fast datagrams go out: in bursts that a receiver with the usual buffer can take.

use std::time::Duration;

use tokio::time::sleep;

/// Datagrams that go out in one go. The receive buffer that a collector has by default (212,992 octets on Linux, of
/// which a datagram of 1,400 octets takes 2,304) holds almost three of these, so that it may fall behind for a while.
const BURST: u32 = 32;
/// The pause after a burst.
const PAUSE: Duration = Duration::from_millis(1);

/// The datagrams since the last pause.
#[derive(Debug, Default)]
pub struct Pace(u32);

impl Pace {
    /// Waits until another datagram may go.
    pub async fn turn(&mut self) {
        if self.0 == BURST {
            self.0 = 0;
            sleep(PAUSE).await;
        }
        self.0 += 1;
    }
}
