//! Entries of the journal: the message with its values behind it, as a line of the log has them, and each value once more in a field
//! of its own: `journalctl -u sensor SENSOR_INTERFACE=eth0`.

use std::{
    fmt::{Debug, Write as _},
    io,
    sync::{Arc, Mutex},
    time::Instant,
};

use sensor_core::sync::Unpoisoned as _;
use tracing::{
    Event,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Registry,
    fmt::MakeWriter,
    layer::{Context, Layer},
};

use super::{entry::entry_of, way::Way};
use crate::journal::put;

/// Writes events to the journal, and as lines of text where it cannot.
pub struct Journal {
    way: Arc<Mutex<Way>>,
    text: Box<dyn Layer<Registry> + Send + Sync>,
    line: Line,
    now: fn() -> Instant,
}

impl Journal {
    /// By `way`, at what is `now`; `text` makes a layer that writes lines of text to what it is given.
    pub fn new(
        way: Arc<Mutex<Way>>,
        text: impl FnOnce(Line) -> Box<dyn Layer<Registry> + Send + Sync>,
        now: fn() -> Instant,
    ) -> Self {
        let line = Line::default();
        Self { way, text: text(line.clone()), line, now }
    }
}

impl Layer<Registry> for Journal {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, Registry>) {
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
        let line = || {
            self.text.on_event(event, context);
            self.line.take()
        };
        self.way.lock().unpoisoned().write(entry, line, (self.now)());
    }
}

/// The line of text that was written last.
#[derive(Clone, Default)]
pub struct Line(Arc<Mutex<Vec<u8>>>);

impl Line {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unpoisoned())
    }
}

impl MakeWriter<'_> for Line {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl io::Write for Line {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unpoisoned().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
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
    use std::{os::unix::net::UnixDatagram, path::Path, sync::LazyLock, time::Duration};

    use tempfile::TempDir;
    use tracing::subscriber::DefaultGuard;
    use tracing_subscriber::{fmt, layer::SubscriberExt as _};

    use super::*;
    use crate::agent::logging::way::PATIENCE;

    /// No time passes but what [`Log::tick`] is told.
    fn still() -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START
    }

    /// A log of this thread to a journal in a directory of its own, and what goes to standard error.
    struct Log {
        directory: TempDir,
        way: Arc<Mutex<Way>>,
        aside: Arc<Mutex<String>>,
        _guard: DefaultGuard,
    }

    impl Log {
        fn start(journal: bool) -> (Self, Option<UnixDatagram>) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("socket");
            let journal = journal.then(|| bind(&path));
            let aside = Arc::new(Mutex::new(String::new()));
            let lines = aside.clone();
            let aside_too = move |line: &[u8]| {
                lines.lock().unwrap().push_str(std::str::from_utf8(line).unwrap());
            };
            let way = Arc::new(Mutex::new(Way::new(&path, Box::new(aside_too))));
            let text =
                |line| fmt::layer().with_writer(line).with_ansi(false).with_target(false).boxed();
            let layer = Journal::new(way.clone(), text, still);
            let subscriber = tracing_subscriber::registry().with(layer);
            let _guard = tracing::subscriber::set_default(subscriber);
            (Self { directory, way, aside, _guard }, journal)
        }

        /// A journal that is started where there was another, or none.
        fn restarted(&self) -> UnixDatagram {
            let path = self.directory.path().join("socket");
            let _ = std::fs::remove_file(&path);
            bind(&path)
        }

        fn tick(&self, after: Duration) {
            self.way.lock().unwrap().tick(still() + after);
        }

        /// Lines on standard error without their times.
        fn aside(&self) -> Vec<String> {
            let text = std::mem::take(&mut *self.aside.lock().unwrap());
            let without_time = |line: &str| line.split_once(' ').unwrap().1.trim_start().to_owned();
            text.lines().map(without_time).collect()
        }
    }

    fn bind(path: &Path) -> UnixDatagram {
        let journal = UnixDatagram::bind(path).unwrap();
        journal.set_nonblocking(true).unwrap();
        journal
    }

    fn entry(journal: &UnixDatagram) -> Option<String> {
        let mut entry = vec![0; 1 << 20];
        let length = journal.recv(&mut entry).ok()?;
        Some(String::from_utf8(entry[..length].to_vec()).expect("text"))
    }

    /// The messages of all entries.
    fn messages(journal: &UnixDatagram) -> Vec<String> {
        let message = |entry: String| {
            entry.lines().find_map(|line| line.strip_prefix("MESSAGE=").map(str::to_owned))
        };
        std::iter::from_fn(|| entry(journal)).map(|entry| message(entry).unwrap()).collect()
    }

    #[test]
    fn an_entry_has_a_field_for_each_value() {
        let (log, journal) = Log::start(true);
        let journal = journal.unwrap();
        tracing::warn!(interface = "eth0", unseen = 7, "packets passed unseen");
        let found = entry(&journal).unwrap();
        for line in [
            "PRIORITY=4",
            "SYSLOG_IDENTIFIER=sensor",
            "MESSAGE=packets passed unseen interface=eth0 unseen=7",
            "SENSOR_INTERFACE=eth0",
            "SENSOR_UNSEEN=7",
        ] {
            assert!(found.lines().any(|own| own == line), "{line} in {found}");
        }
        tracing::info!("two\nlines");
        let found = entry(&journal).unwrap();
        assert!(found.contains("MESSAGE\n\u{9}\0\0\0\0\0\0\0two\nlines\n"), "{found:?}");
        assert_eq!(log.aside(), [""; 0]);
    }

    #[test]
    fn a_journal_that_is_restarted_gets_everything_in_order() {
        let (log, journal) = Log::start(true);
        let journal = journal.unwrap();
        tracing::info!("one");
        assert_eq!(messages(&journal), ["one"]);
        drop(journal);
        tracing::info!("two");
        log.tick(Duration::ZERO);
        tracing::info!("three");
        let journal = log.restarted();
        tracing::info!("four");
        assert_eq!(messages(&journal), ["two", "three", "four"]);
        assert_eq!(log.aside(), [""; 0]);

        // Nothing more is said, and the next tick brings what waits.
        drop(journal);
        tracing::info!("five");
        let journal = log.restarted();
        log.tick(Duration::ZERO);
        assert_eq!(messages(&journal), ["five"]);
    }

    #[test]
    fn without_a_journal_the_log_goes_to_standard_error_and_says_so_once() {
        let (log, _) = Log::start(false);
        let path = log.directory.path().join("socket");
        let expected = format!(
            "WARN the journal takes no entries at {} (No such file or directory (os error 2)): the log goes to standard \
             error as text until it does; start systemd-journald, or set `log.format` to `text` or `json`",
            path.display()
        );
        assert_eq!(log.aside(), [expected]);
        tracing::warn!(interface = "eth0", "one");
        tracing::info!("two");
        log.tick(PATIENCE);
        assert_eq!(log.aside(), ["WARN one interface=\"eth0\"", "INFO two"]);

        let journal = log.restarted();
        tracing::info!("three");
        let again = "the log goes to the journal again";
        let gap = format!("{again}; entries that went to standard error instead: 2");
        assert_eq!(messages(&journal), [gap, "three".to_owned()]);
        assert_eq!(log.aside(), [format!("INFO {again}")]);
    }

    #[test]
    fn a_journal_that_stays_away_is_waited_for_a_moment() {
        let (log, journal) = Log::start(true);
        drop(journal);
        tracing::info!("one");
        tracing::info!("two");
        log.tick(PATIENCE / 2);
        assert_eq!(log.aside(), [""; 0]);
        log.tick(PATIENCE * 2);
        let aside = log.aside();
        assert!(aside[0].contains("Connection refused"), "{aside:?}");
        assert_eq!(aside[1..], ["INFO one", "INFO two"]);
        tracing::info!("three");
        assert_eq!(log.aside(), ["INFO three"]);
        let journal = log.restarted();
        log.tick(Duration::ZERO);
        assert!(messages(&journal)[0].ends_with("instead: 3"));

        // At the end nobody waits.
        drop(journal);
        tracing::info!("last");
        log.way.lock().unwrap().finish(still());
        assert_eq!(log.aside().last().unwrap(), "INFO last");
    }

    #[test]
    fn what_a_slow_journal_does_not_take_waits_within_bounds() {
        let (log, journal) = Log::start(true);
        let journal = journal.unwrap();
        // More than the queue of its socket holds (net.unix.max_dgram_qlen).
        let text = "x".repeat(1000);
        let most = 2000;
        let said = (0..most).take_while(|number| {
            tracing::info!("{number} {text}");
            log.aside.lock().unwrap().is_empty()
        });
        let said = said.count();
        assert!(said < most, "what waits is bounded");
        let aside = log.aside();
        assert!(aside[0].contains("Resource temporarily unavailable"), "{}", aside[0]);
        let number = |text: &str| -> usize {
            text.trim_start_matches("INFO ").split(' ').next().unwrap().parse().unwrap()
        };
        let mut all: Vec<usize> = messages(&journal).iter().map(|text| number(text)).collect();
        all.extend(aside[1..].iter().map(|line| number(line)));
        assert_eq!(all, (0..=said).collect::<Vec<_>>(), "each once and in order");
    }

    #[test]
    fn an_entry_that_no_datagram_holds_goes_to_standard_error() {
        let (log, journal) = Log::start(true);
        let text = "x".repeat(8 << 20);
        tracing::info!("{text}");
        tracing::info!("small");
        assert_eq!(messages(&journal.unwrap()), ["small"]);
        assert_eq!(log.aside(), [format!("INFO {text}")]);
    }

    #[test]
    fn names_are_those_of_the_journal() {
        assert_eq!(of_journal("rx-missed.é"), "SENSOR_RX_MISSED__");
        assert_eq!(of_journal(&"a".repeat(100)).len(), 64);
    }
}
