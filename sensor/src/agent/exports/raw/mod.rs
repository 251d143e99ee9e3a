//! `sensor decode --raw`: datagrams as another decoder sees them, a second opinion on a router that ours does not understand.
//!
//! * `adapter`: the crate netflow_parser, within `guarded`. `document`: what it finds. `text`: that, for people.
//! * `values`: values of fields as JSON.
//! * [`compare`]: where it differs from our decoder.

mod adapter;
pub mod compare;
mod document;
mod guarded;
mod text;
mod values;

pub use adapter::ReferenceDecoder;

use std::{
    io::{BufWriter, Write as _},
    ops::ControlFlow,
    path::Path,
};

use self::document::Document;
use super::ledger;
use crate::{
    agent::progress::{self, Progress},
    replay::{
        exports::{self, Counts, Datagram},
        meter::Meter,
    },
    stdio,
};

/// Appends what `decoder` sees in a datagram to `out`, as text or, with `json`, as a line of JSON. Returns whether it was
/// decoded to its end.
pub fn write(
    decoder: &mut ReferenceDecoder,
    datagram: &Datagram<'_>,
    json: bool,
    out: &mut String,
) -> bool {
    let Datagram { from, to, received, octets } = *datagram;
    let reading = decoder.read(from.ip(), octets);
    let whole = reading.fault.is_none() && reading.undecoded_octets == 0;
    let document = Document { received_ms: received, from, to, octets: octets.len(), reading };
    if json {
        // Keys are texts and numbers are finite, so that every document has a form.
        out.push_str(&serde_json::to_string(&document).unwrap_or_default());
        out.push('\n');
    } else {
        text::write(out, &document);
    }
    whole
}

/// Prints every datagram of `files` on stdout, as text or, with `json`, as JSON lines, and a summary on stderr.
///
/// # Errors
/// The first file that cannot be read to its end; what was read of it is printed all the same.
pub fn print(files: &[impl AsRef<Path>], json: bool) -> anyhow::Result<()> {
    let mut decoder = ReferenceDecoder::new()?;
    let mut out = BufWriter::with_capacity(1 << 16, stdio::output());
    let mut written = Ok(());
    let mut counts = Counts::default();
    let mut read = Ok(());
    let mut line = String::new();
    let mut unread = 0;
    let meter = Meter::of(files);
    let mut progress = Progress::new(&meter, "datagrams", progress::is_wanted(true));
    for path in files {
        read = exports::read(path.as_ref(), &meter, &mut counts, &mut |datagram: Datagram<'_>| {
            progress.count();
            line.clear();
            unread += u64::from(!write(&mut decoder, &datagram, json, &mut line));
            written = out.write_all(line.as_bytes());
            if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if read.is_err() || written.is_err() {
            break;
        }
    }
    drop(progress);
    match written.and_then(|()| out.flush()) {
        // Nobody reads on.
        Err(error) if stdio::is_closed_output(&error) => return Ok(()),
        written => written?,
    }
    let line = ledger::line_without_ledger(&counts, unread);
    ledger::losses_without_ledger(&counts, unread).print(line);
    Ok(read?)
}
