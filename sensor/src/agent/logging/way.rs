//! The way of entries to the journal, which may be missing, go away and come back: nothing is lost meanwhile, and nothing waits.
//!
//! What it does not take waits for it a moment, in order: a journal that is restarted gets all of it. If it stays away, or takes too
//! little, what has waited goes to standard error as lines of text, with what comes after, until it takes entries again. Both sides
//! say so.

use std::{
    collections::VecDeque,
    io,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tracing::Level;
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime as _, SystemTime},
};

use super::entry::notice;

/// How long entries wait for a journal that takes none.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Octets that wait for it at most.
const ROOM: usize = 1 << 20;

/// What takes lines of text: standard error.
pub type Aside = Box<dyn Fn(&[u8]) + Send>;

/// The way to the journal.
pub struct Way {
    path: PathBuf,
    aside: Aside,
    /// None where the system has no descriptor.
    socket: Option<UnixDatagram>,
    waiting: VecDeque<Waiting>,
    /// Of what is waiting.
    octets: usize,
    /// Since when the journal has taken nothing of it.
    since: Option<Instant>,
    /// Whether entries go to standard error instead.
    away: bool,
    /// How many have gone there since the journal took one.
    set_aside: u64,
}

/// An entry, and the same as a line of text.
struct Waiting {
    entry: Vec<u8>,
    line: Vec<u8>,
}

impl Way {
    /// To the socket at `path`, with a warning `aside` if nobody listens there.
    pub fn new(path: &Path, aside: Aside) -> Self {
        let mut way = Self {
            path: path.to_owned(),
            aside,
            socket: None,
            waiting: VecDeque::new(),
            octets: 0,
            since: None,
            away: false,
            set_aside: 0,
        };
        if let Err(error) = UnixDatagram::unbound().and_then(|socket| socket.connect(path)) {
            way.leave(&error);
        }
        way
    }

    /// Sends an entry, or lets it wait, or writes it aside as the `line`.
    pub fn write(&mut self, entry: Vec<u8>, line: impl FnOnce() -> Vec<u8>, now: Instant) {
        if self.away && !self.has_come_back() {
            self.set_aside += 1;
            return (self.aside)(&line());
        }
        let mut refused = self.resend(now);
        if refused.is_none() {
            match self.send(&entry) {
                Ok(()) => return,
                Err(error) if is_too_large(&error) => return (self.aside)(&line()),
                Err(error) => refused = Some(error),
            }
        }
        let waiting = Waiting { line: line(), entry };
        self.octets += waiting.octets();
        self.waiting.push_back(waiting);
        self.since.get_or_insert(now);
        if let Some(error) = refused {
            self.lose_patience(&error, now);
        }
    }

    /// Sends what waits, as far as the journal takes it. To be called every now and then.
    pub fn tick(&mut self, now: Instant) {
        if self.away {
            self.has_come_back();
        } else if let Some(error) = self.resend(now) {
            self.lose_patience(&error, now);
        }
    }

    /// Waits no longer.
    pub fn finish(&mut self, now: Instant) {
        if !self.away
            && let Some(error) = self.resend(now)
        {
            self.leave(&error);
        }
    }

    /// Sends what waits; why the rest of it still does.
    fn resend(&mut self, now: Instant) -> Option<io::Error> {
        while let Some(first) = self.waiting.pop_front() {
            match self.send(&first.entry) {
                Ok(()) => {}
                Err(error) if is_too_large(&error) => (self.aside)(&first.line),
                Err(error) => {
                    self.waiting.push_front(first);
                    return Some(error);
                }
            }
            self.octets -= first.octets();
            self.since = (!self.waiting.is_empty()).then_some(now);
        }
        None
    }

    fn lose_patience(&mut self, error: &io::Error, now: Instant) {
        let waits = self.since.map(|since| now.saturating_duration_since(since));
        if self.octets > ROOM || waits.is_some_and(|waits| waits >= PATIENCE) {
            self.leave(error);
        }
    }

    /// From here on writes aside, what has waited first.
    fn leave(&mut self, error: &io::Error) {
        (self.away, self.since, self.octets) = (true, None, 0);
        let path = self.path.display();
        let text = format!(
            "the journal takes no entries at {path} ({error}): the log goes to standard error as text until it does; \
             start systemd-journald, or set `log.format` to `text` or `json`"
        );
        (self.aside)(&line(Level::WARN, &text));
        for Waiting { line, .. } in self.waiting.drain(..) {
            self.set_aside += 1;
            (self.aside)(&line);
        }
    }

    /// Whether the journal takes entries again; the first says what it does not have.
    fn has_come_back(&mut self) -> bool {
        const AGAIN: &str = "the log goes to the journal again";
        let gap =
            format!("{AGAIN}; entries that went to standard error instead: {}", self.set_aside);
        self.away = self.send(&notice(Level::WARN, &gap)).is_err();
        if !self.away {
            self.set_aside = 0;
            (self.aside)(&line(Level::INFO, AGAIN));
        }
        !self.away
    }

    fn send(&mut self, entry: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket
            }
        };
        // By its path: who has bound it anew has another socket.
        self.socket.insert(socket).send_to(entry, &self.path).map(drop)
    }
}

impl Waiting {
    fn octets(&self) -> usize {
        self.entry.len() + self.line.len()
    }
}

/// Whether no journal would take such an entry, which is more than a datagram holds.
fn is_too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EMSGSIZE)
}

/// A line as the log has them as text.
fn line(level: Level, text: &str) -> Vec<u8> {
    let mut line = String::new();
    // Writing to a `String` cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut line));
    line.push_str(&format!(" {level:>5} {text}\n"));
    line.into_bytes()
}
