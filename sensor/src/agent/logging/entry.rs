//! Entries of the journal, as they all begin.

use tracing::Level;

use crate::journal::put;

/// Who writes the entries.
const IDENTIFIER: &str = "sensor";

/// An entry about the log itself.
pub fn notice(level: Level, text: &str) -> Vec<u8> {
    let mut entry = entry_of(level, module_path!());
    put(&mut entry, "MESSAGE", text.as_bytes());
    entry
}

/// The beginning of an entry; `target` is the part of the program that writes it.
pub fn entry_of(level: Level, target: &str) -> Vec<u8> {
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
