//! Entries of the journal: the message with its values behind it, as a line of the log has them, and each value once more in a field
//! of its own: `journalctl -u sensor SENSOR_INTERFACE=eth0`.

use std::{
    fmt::{self, Write as _},
    io,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::Mutex,
};

use sensor_core::sync::Unpoisoned as _;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use crate::journal::put;

/// Who writes the entries.
const IDENTIFIER: &str = "sensor";

/// Writes events to the journal. Nothing waits for it: what it does not take is counted, and told when it takes something again.
pub struct Journal {
    path: PathBuf,
    way: Mutex<Way>,
}

#[derive(Default)]
struct Way {
    /// None where the system has no descriptor.
    socket: Option<UnixDatagram>,
    lost: u64,
}

impl Journal {
    /// To the socket at `path`, which need not be there yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), way: Mutex::default() }
    }

    fn write(&self, entry: &[u8]) {
        let mut way = self.way.lock().unpoisoned();
        if way.lost > 0 {
            let text = format!(
                "{} entries before this one were lost: the journal did not take them",
                way.lost
            );
            let mut gap = entry_of(Level::WARN, module_path!());
            put(&mut gap, "MESSAGE", text.as_bytes());
            if way.send(&self.path, &gap).is_ok() {
                way.lost = 0;
            }
        }
        // No entry appears before the gap that it follows.
        if way.lost > 0 || way.send(&self.path, entry).is_err() {
            way.lost += 1;
        }
    }
}

impl Way {
    fn send(&mut self, path: &Path, entry: &[u8]) -> io::Result<usize> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket
            }
        };
        self.socket.insert(socket).send_to(entry, path)
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut entry = entry_of(*metadata.level(), metadata.target());
        put(&mut entry, "MESSAGE", format!("{}{}", fields.message, fields.behind).as_bytes());
        if let (Some(file), Some(line)) = (metadata.file(), metadata.line()) {
            put(&mut entry, "CODE_FILE", file.as_bytes());
            put(&mut entry, "CODE_LINE", line.to_string().as_bytes());
        }
        entry.extend_from_slice(&fields.own);
        self.write(&entry);
    }
}

fn entry_of(level: Level, target: &str) -> Vec<u8> {
    // syslog(3)
    let priority = match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    };
    let mut entry = Vec::new();
    put(&mut entry, "PRIORITY", priority.as_bytes());
    put(&mut entry, "SYSLOG_IDENTIFIER", IDENTIFIER.as_bytes());
    put(&mut entry, "TARGET", target.as_bytes());
    entry
}

/// What an event has.
#[derive(Default)]
struct Fields {
    message: String,
    /// ` name=value` of each.
    behind: String,
    /// Each as a field of the entry.
    own: Vec<u8>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, text: &str) {
        match field.name() {
            "message" => text.clone_into(&mut self.message),
            // What the `log` crate tells of its callers.
            name if name.starts_with("log.") => {}
            name => {
                // Writing to a `String` cannot fail.
                let _ = write!(self.behind, " {name}={text}");
                put(&mut self.own, &of_journal(name), text.as_bytes());
            }
        }
    }
}

/// The name of a field among those of the journal: capital letters, digits and underscores, 64 at most.
fn of_journal(name: &str) -> String {
    let plain = |letter: char| match letter.to_ascii_uppercase() {
        letter @ ('A'..='Z' | '0'..='9') => letter,
        _ => '_',
    };
    "SENSOR_".chars().chain(name.chars().map(plain)).take(64).collect()
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut entry = [0; 4096];
        let length = socket.recv(&mut entry).expect("an entry");
        String::from_utf8(entry[..length].to_vec()).expect("text")
    }

    #[test]
    fn an_entry_has_a_field_for_each_value() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let layer = Journal::new(&path);
        let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        tracing::warn!(interface = "eth0", unseen = 7, "packets passed unseen");
        let entry = received(&journal);
        for line in [
            "PRIORITY=4",
            "SYSLOG_IDENTIFIER=sensor",
            "MESSAGE=packets passed unseen interface=eth0 unseen=7",
            "SENSOR_INTERFACE=eth0",
            "SENSOR_UNSEEN=7",
        ] {
            assert!(entry.lines().any(|own| own == line), "{line} in {entry}");
        }
        tracing::info!("two\nlines");
        let entry = received(&journal);
        assert!(entry.contains("MESSAGE\n\u{9}\0\0\0\0\0\0\0two\nlines\n"), "{entry:?}");
    }

    #[test]
    fn what_the_journal_does_not_take_is_told_when_it_is_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let layer = Journal::new(&path);
        let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        tracing::info!("one");
        tracing::info!("two");
        let journal = UnixDatagram::bind(&path).unwrap();
        tracing::info!("three");
        assert!(received(&journal).contains("MESSAGE=2 entries before this one were lost"));
        assert!(received(&journal).contains("MESSAGE=three"));
    }

    #[test]
    fn names_are_those_of_the_journal() {
        assert_eq!(of_journal("rx-missed.é"), "SENSOR_RX_MISSED__");
        assert_eq!(of_journal(&"a".repeat(100)).len(), 64);
    }
}
