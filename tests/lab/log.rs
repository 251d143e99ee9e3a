//! What the sensor's library logs during a test.

use std::{
    io::{self, Write},
    sync::{Mutex, OnceLock},
};

use sensor_core::sync::Unpoisoned as _;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Keeps what is logged from now on. The tests of a program share it.
pub fn keep() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Sink).init());
}

/// The lines that contain all of `parts`.
pub fn lines(parts: &[&str]) -> Vec<String> {
    let text = LINES.lock().unpoisoned().clone();
    let text = String::from_utf8_lossy(&text);
    let wanted = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
    wanted.map(str::to_owned).collect()
}

struct Sink;

impl Write for Sink {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        LINES.lock().unpoisoned().extend(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
