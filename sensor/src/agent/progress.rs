//! Progress on a terminal: one line on stderr, written over and over while files are read.

use std::time::{Duration, Instant};

use crate::{export::log::line::octets, replay::meter::Meter, stdio};

/// How often the line changes, at most.
const PACE: Duration = Duration::from_millis(200);
/// Calls of [`Progress::count`] between two looks at the clock.
const STRIDE: u64 = 4096;

/// Whether progress can be shown: people read stderr, and what is `printed` does not run into it.
pub fn is_wanted(printed: bool) -> bool {
    stdio::error_is_terminal() && !(printed && stdio::output_is_terminal())
}

/// The line; nothing where nobody would see it, or where it would run into what is printed.
#[derive(Debug)]
pub struct Progress {
    line: Option<Line>,
    count: u64,
}

#[derive(Debug)]
struct Line {
    meter: Meter,
    /// What is counted, in the plural.
    what: &'static str,
    begun: Instant,
    shown: Instant,
}

impl Progress {
    /// Progress of reading what `meter` measures; `what` is counted, in the plural. `wanted`
    /// comes from [`is_wanted`].
    pub fn new(meter: &Meter, what: &'static str, wanted: bool) -> Self {
        let now = Instant::now();
        let line = wanted.then(|| Line { meter: meter.clone(), what, begun: now, shown: now });
        Self { line, count: 0 }
    }

    /// One more has been read.
    #[inline]
    pub fn count(&mut self) {
        self.count += 1;
        if self.count.is_multiple_of(STRIDE) {
            self.look();
        }
    }

    fn look(&mut self) {
        let count = self.count;
        let Some(line) = self.line.as_mut().filter(|line| line.shown.elapsed() >= PACE) else {
            return;
        };
        line.shown = Instant::now();
        let text = text(&line.meter, count, line.what, line.begun.elapsed());
        stdio::progress(format_args!("\r\x1b[K{text}"));
    }

    /// Takes the line away, to make room for something that stays.
    pub fn clear(&self) {
        if self.line.is_some() {
            stdio::progress("\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `42 %, 1.26 GB of 3.00 GB, 9.70 M packets, 1.21 M packets/s, 00:12 left`.
fn text(meter: &Meter, count: u64, what: &str, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = count as f64 / seconds.max(1e-3);
    let counted = format!("{} {what}, {} {what}/s", octets(count), octets(rate as u64));
    let read = meter.read();
    let Some(size) = meter.size().filter(|size| *size > 0) else {
        return format!("{}B, {counted}", octets(read));
    };
    let part = (read as f64 / size as f64).min(1.0);
    let left = if part > 0.0 { (seconds * (1.0 - part) / part).ceil() as u64 } else { 0 };
    format!(
        "{:.0} %, {}B of {}B, {counted}, {:02}:{:02} left",
        part * 100.0,
        octets(read),
        octets(size),
        left / 60,
        left % 60
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn it_tells_part_rate_and_time_left() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, vec![0; 200_000]).unwrap();
        let meter = Meter::of(&[&file]);
        let mut half = vec![0; 50_000];
        meter.watch(&half.clone()[..]).read_exact(&mut half).unwrap();
        let shown = text(&meter, 30_000, "packets", Duration::from_secs(30));
        assert_eq!(shown, "25 %, 50.0 kB of 200 kB, 30.0 k packets, 1000 packets/s, 01:30 left");
        let unknown = text(&Meter::default(), 7, "lines", Duration::from_secs(1));
        assert_eq!(unknown, "0B, 7 lines, 7 lines/s");
    }
}
