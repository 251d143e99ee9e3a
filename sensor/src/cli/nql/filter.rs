//! `sensor nql filter`: JSON lines in, those that fulfil the query out, byte for byte.
//!
//! A line that is no record is neither: it is counted, the first few are named, and the rest goes on.

use std::{
    io::{self, BufRead, BufReader, BufWriter, Read as _, Write},
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use sensor_core::{
    enrich,
    flow::{ports::PortLabels, profile::Profile},
    nql::{
        Filter,
        json::{Lookup, RecordReader},
    },
};

use super::{
    args::FilterArgs,
    query::{compile, read_lists},
};
use crate::{
    agent::{
        config::{self, overrides::Overrides},
        inspect::context,
        progress::{self, Progress},
    },
    replay::{meter::Meter, open},
    stdio,
};

/// Longest line that can be a record, bytes.
const LINE_BYTES: usize = 4 << 20;
/// Malformed lines that are named one by one.
const NAMED: u64 = 10;

/// Filters a file, or stdin.
///
/// # Errors
/// When something cannot be read or written, and when no line at all is a record.
pub fn filter(arguments: &FilterArgs) -> anyhow::Result<()> {
    let lists = read_lists(&arguments.query)?;
    let filter = compile(&arguments.query, &lists)?;
    let known = known(arguments)?;
    let path = arguments.file.as_deref().unwrap_or(Path::new(open::STDIN));
    let meter = Meter::of(&[path]);
    let input =
        open::open(path, &meter).with_context(|| format!("cannot open {}", path.display()))?;
    let mut output = BufWriter::new(stdio::output());
    let mut run = Run {
        reader: RecordReader::new(&filter.typed),
        filter: &filter,
        known,
        // On a terminal the lines themselves are progress enough.
        progress: Progress::new(&meter, "lines", progress::is_wanted(true)),
        counts: Counts::default(),
    };
    run.lines(BufReader::with_capacity(256 << 10, input), &mut output)?;
    output.flush()?;
    let Run { counts: Counts { lines, malformed, records }, progress, .. } = run;
    drop(progress);
    if malformed > 0 && records == 0 {
        bail!(
            "none of {lines} lines is a record; expected one JSON object per line with the keys of `sensor fields`"
        );
    }
    match malformed {
        0 => {}
        1 => {
            stdio::to_stderr(format_args!(
                "sensor: 1 of {lines} lines is not a record and was skipped"
            ));
        }
        _ => stdio::to_stderr(format_args!(
            "sensor: {malformed} of {lines} lines are not records and were skipped"
        )),
    }
    Ok(())
}

/// What is known of addresses and ports, where a configuration or a file of labels is named. Faults of the files go to
/// stderr.
fn known(arguments: &FilterArgs) -> anyhow::Result<Option<Known>> {
    if arguments.config.is_none() && arguments.labels.is_empty() {
        return Ok(None);
    }
    let mut config = config::load(arguments.config.as_deref(), &Overrides::default())?.context;
    config.labels.extend(arguments.labels.iter().cloned());
    // The records may be of any host: none of their addresses is local.
    let (context, reports) = context::load(&config, None);
    for report in &reports {
        stdio::to_stderr(report.faults.styled());
    }
    Ok(Some(Known(context)))
}

/// Answers by a context.
pub struct Known(pub enrich::context::Context);

impl Lookup for Known {
    fn profile(&self, address: IpAddr) -> Arc<Profile> {
        self.0.profiles().shared(self.0.number(address)).clone()
    }

    fn ports(&self) -> &PortLabels {
        self.0.ports()
    }
}

#[derive(Default)]
struct Counts {
    lines: u64,
    records: u64,
    malformed: u64,
}

struct Run<'f> {
    reader: RecordReader,
    filter: &'f Filter,
    known: Option<Known>,
    progress: Progress,
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
            self.counts.lines += 1;
            if length > LINE_BYTES {
                self.malformed(format_args!("longer than {LINE_BYTES} bytes"));
                skip_line(&mut input).context("cannot read the records")?;
            } else if !line.trim_ascii().is_empty() {
                self.line(&line, output)?;
            }
            self.progress.count();
        }
    }

    fn line(&mut self, line: &[u8], output: &mut impl Write) -> anyhow::Result<()> {
        // A byte order mark is none of JSON's.
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let known = self.known.as_ref().map(|known| known as &dyn Lookup);
        match self.reader.read_with(text, known) {
            Ok(record) => {
                self.counts.records += 1;
                if self.filter.matches(&record) {
                    output.write_all(text)?;
                }
            }
            Err(error) => self.malformed(format_args!("{error}")),
        }
        Ok(())
    }

    fn malformed(&mut self, why: std::fmt::Arguments<'_>) {
        self.counts.malformed += 1;
        if self.counts.malformed <= NAMED {
            self.progress.clear();
            stdio::to_stderr(format_args!("sensor: line {}: {why}", self.counts.lines));
        }
    }
}

/// Passes the rest of a line without keeping it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (length, done) = match buffer.iter().position(|&byte| byte == b'\n') {
            Some(newline) => (newline + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(length);
        if done {
            return Ok(());
        }
    }
}
