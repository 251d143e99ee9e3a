//! `sensor nql filter`: JSON lines in, those that fulfil the query out, byte for byte.
//!
//! A line that is no record is neither: it is counted, the first few are named, and the rest goes on.

#![expect(clippy::disallowed_types, reason = "edge: reads the file that the command line names")]

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read as _, Write},
    path::Path,
};

use anyhow::Context as _;

use super::{args::FilterArgs, compile, read_lists};
use crate::{
    nql::{Filter, json::RecordReader},
    stdio,
};

/// Longest line that can be a record, bytes.
const LINE_BYTES: usize = 4 << 20;
/// Malformed lines that are named one by one.
const NAMED: u64 = 10;
/// Progress is shown each time so many bytes have been read.
const PROGRESS_BYTES: u64 = 8 << 20;

/// Filters a file, or stdin.
pub fn filter(arguments: &FilterArgs) -> anyhow::Result<()> {
    let lists = read_lists(&arguments.query)?;
    let filter = compile(&arguments.query, &lists)?;
    let mut output = BufWriter::new(stdio::output());
    let (input, size): (Box<dyn BufRead>, _) = match &arguments.file {
        Some(path) => open(path)?,
        None => (Box::new(io::stdin().lock()), None),
    };
    // On a terminal the lines themselves are progress enough.
    let watched = stdio::error_is_terminal() && !stdio::output_is_terminal();
    let mut run = Run {
        reader: RecordReader::new(&filter.typed),
        filter: &filter,
        progress: watched.then_some(Progress { size, next: PROGRESS_BYTES }),
        counts: Counts::default(),
    };
    run.lines(input, &mut output)?;
    output.flush()?;
    if run.progress.is_some() {
        stdio::progress("\r\x1b[K");
    }
    let Counts { lines, malformed, .. } = run.counts;
    match malformed {
        0 => {}
        1 => stdio::tell(format_args!("sensor: 1 of {lines} lines is no record, and was left out")),
        _ => stdio::tell(format_args!(
            "sensor: {malformed} of {lines} lines are no records, and were left out"
        )),
    }
    Ok(())
}

fn open(path: &Path) -> anyhow::Result<(Box<dyn BufRead>, Option<u64>)> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let size = file.metadata().ok().map(|metadata| metadata.len()).filter(|&size| size > 0);
    Ok((Box::new(BufReader::with_capacity(256 << 10, file)), size))
}

#[derive(Default)]
struct Counts {
    lines: u64,
    bytes: u64,
    matched: u64,
    malformed: u64,
}

struct Progress {
    /// Bytes of the input, where known.
    size: Option<u64>,
    /// Bytes after which to show it again.
    next: u64,
}

struct Run<'f> {
    reader: RecordReader,
    filter: &'f Filter,
    progress: Option<Progress>,
    counts: Counts,
}

impl Run<'_> {
    fn lines(&mut self, mut input: impl BufRead, output: &mut impl Write) -> anyhow::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let limit = LINE_BYTES as u64 + 1;
            let length = (&mut input)
                .take(limit)
                .read_until(b'\n', &mut line)
                .context("cannot read the records")?;
            if length == 0 {
                return Ok(());
            }
            self.counts.bytes += length as u64;
            self.counts.lines += 1;
            if length > LINE_BYTES {
                self.malformed(format_args!("longer than {LINE_BYTES} bytes"));
                self.counts.bytes += skip_line(&mut input).context("cannot read the records")?;
            } else if !line.trim_ascii().is_empty() {
                self.line(&line, output)?;
            }
            self.show_progress();
        }
    }

    fn line(&mut self, line: &[u8], output: &mut impl Write) -> anyhow::Result<()> {
        match self.reader.read(line) {
            Ok(record) if self.filter.matches(&record) => {
                self.counts.matched += 1;
                output.write_all(line)?;
            }
            Ok(_) => {}
            Err(error) => self.malformed(format_args!("{error}")),
        }
        Ok(())
    }

    fn malformed(&mut self, why: std::fmt::Arguments<'_>) {
        self.counts.malformed += 1;
        if self.counts.malformed <= NAMED {
            let clear = if self.progress.is_some() { "\r\x1b[K" } else { "" };
            stdio::tell(format_args!("{clear}sensor: line {}: {why}", self.counts.lines));
        }
    }

    fn show_progress(&mut self) {
        let Counts { lines, bytes, matched, .. } = self.counts;
        let Some(progress) = self.progress.as_mut().filter(|progress| bytes >= progress.next)
        else {
            return;
        };
        progress.next = bytes + PROGRESS_BYTES;
        let part = match progress.size {
            Some(size) => format!("{:3} %, ", (bytes.saturating_mul(100) / size).min(100)),
            None => String::new(),
        };
        stdio::progress(format_args!("\r\x1b[K{part}{lines} lines read, {matched} matched"));
    }
}

/// Passes the rest of a line without keeping it; returns its length.
fn skip_line(input: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        let (length, done) = match buffer.iter().position(|&byte| byte == b'\n') {
            Some(newline) => (newline + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(length);
        skipped += length as u64;
        if done {
            return Ok(skipped);
        }
    }
}
