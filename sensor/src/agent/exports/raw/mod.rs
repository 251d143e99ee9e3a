//! `sensor decode --raw`: datagrams as another decoder sees them, a second opinion on a router that ours does not understand.
//!
//! * `adapter`: the crate netflow_parser. `document`: what it finds. `text`: that, for people.

mod adapter;
mod document;
mod text;

use std::{
    io::{BufWriter, Write as _},
    ops::ControlFlow,
    path::Path,
};

use self::{adapter::Decoder, document::Document};
use crate::{
    agent::progress::{self, Progress},
    replay::{
        exports::{self, Counts, Datagram},
        meter::Meter,
    },
    stdio,
};

/// Prints every datagram of `files` on stdout, as text or, with `json`, as JSON lines.
///
/// # Errors
/// The first file that cannot be read to its end; what was read of it is printed all the same.
pub fn print(files: &[impl AsRef<Path>], json: bool) -> anyhow::Result<()> {
    let mut decoder = Decoder::new()?;
    let mut out = BufWriter::with_capacity(1 << 16, stdio::output());
    let mut written = Ok(());
    let mut counts = Counts::default();
    let mut read = Ok(());
    let mut line = String::new();
    let meter = Meter::of(files);
    let mut progress = Progress::new(&meter, "datagrams", progress::is_wanted(true));
    for path in files {
        read = exports::read(path.as_ref(), &meter, &mut counts, &mut |datagram: Datagram<'_>| {
            progress.count();
            let Datagram { from, to, received, octets } = datagram;
            let reading = decoder.read(from.ip(), octets);
            let document =
                Document { received_ms: received, from, to, octets: octets.len(), reading };
            line.clear();
            written = if json {
                serde_json::to_writer(&mut out, &document)
                    .map_err(Into::into)
                    .and_then(|()| out.write_all(b"\n"))
            } else {
                text::write(&mut line, &document);
                out.write_all(line.as_bytes())
            };
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
    Ok(read?)
}
