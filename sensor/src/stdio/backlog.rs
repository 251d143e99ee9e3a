//! What waits for the reader of standard error: bounded, and its end is waited for only as long as the caller wants.
//!
//! A terminal that is stopped or a log pipe that nobody empties blocks whoever writes to it. Here that is a thread that has
//! nothing else to do.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{Condvar, Mutex, MutexGuard},
    time::Duration,
};

use sensor_core::sync::Unpoisoned as _;

/// Octets that may wait.
const LIMIT: usize = 1 << 20;

/// Texts on their way.
#[derive(Default)]
pub struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    /// Of all that waits.
    octets: usize,
    /// Texts for which there was no room, since this was last told.
    lost: u64,
    /// Whether one is being written.
    writing: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.lost == 0 && !self.writing
    }

    /// What to write next: behind all that had room, how much had none.
    fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(text) = self.waiting.pop_front() {
            self.octets -= text.len();
            return Some(text);
        }
        match std::mem::take(&mut self.lost) {
            0 => None,
            lost => Some(
                format!("{lost} messages were lost here: standard error was not read\n")
                    .into_bytes(),
            ),
        }
    }
}

impl Backlog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unpoisoned()
    }

    /// Lets a text wait, or counts it as lost.
    pub fn push(&self, text: Vec<u8>) {
        let mut state = self.state();
        // Once something is lost, the rest is, until that has been told: no text appears before its gap.
        if state.lost > 0 || state.octets + text.len() > LIMIT {
            state.lost += 1;
        } else {
            state.octets += text.len();
            state.waiting.push_back(text);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Writes what comes, for ever. A writer that fails is tried again with the next text.
    pub fn write_to(&self, mut writer: impl Write) {
        let mut state = self.state();
        loop {
            match state.next() {
                Some(text) => {
                    state.writing = true;
                    drop(state);
                    let _ = writer.write_all(&text);
                    state = self.state();
                    state.writing = false;
                    self.changed.notify_all();
                }
                None => state = self.changed.wait(state).unpoisoned(),
            }
        }
    }

    /// Waits until all is written, at most so long; whether it is.
    pub fn drained(&self, within: Duration) -> bool {
        let waited =
            self.changed.wait_timeout_while(self.state(), within, |state| !state.is_idle());
        !waited.unpoisoned().1.timed_out()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Read as _},
        sync::Arc,
        thread,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn started(writer: impl Write + Send + 'static) -> Arc<Backlog> {
        let backlog = Arc::new(Backlog::default());
        let thread = backlog.clone();
        thread::spawn(move || thread.write_to(writer));
        backlog
    }

    #[test]
    fn texts_come_in_their_order_and_gaps_are_told() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let backlog = started(writer);
        // More than pipe and backlog hold, and nobody reads: the caller is not held up.
        let line = |n: usize| format!("{n:09}\n").into_bytes();
        let texts = LIMIT / 10 + 100_000;
        for n in 0..texts {
            backlog.push(line(n));
        }
        assert!(!backlog.drained(Duration::from_millis(1)));
        let reading = thread::spawn(move || {
            let mut text = Vec::new();
            let mut octets = [0; 1 << 16];
            while !text.ends_with(b"not read\n") {
                let length = reader.read(&mut octets).expect("it can be read");
                text.extend_from_slice(&octets[..length]);
            }
            (reader, String::from_utf8(text).expect("text"))
        });
        let (_reader, text) = reading.join().expect("the reader ends");
        assert!(backlog.drained(LONG));
        let lines: Vec<&str> = text.lines().collect();
        let (gap, kept) = lines.split_last().expect("lines");
        assert!(kept.iter().enumerate().all(|(n, kept)| *kept == format!("{n:09}")));
        let lost = texts - kept.len();
        assert_eq!(*gap, format!("{lost} messages were lost here: standard error was not read"));
        assert!(kept.len() >= LIMIT / 10, "{}", kept.len());
    }

    #[test]
    fn a_reader_that_is_gone_holds_nobody_up() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let backlog = started(writer);
        for _ in 0..10 {
            backlog.push(b"lost\n".to_vec());
        }
        assert!(backlog.drained(LONG));
    }
}
