//! Reads hits, also while another process appends.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::Path,
};

use super::{compressed, folder, open_name, open_of, writer::names};
use crate::{error::Error, folder::Folder, plan::superseded};

/// Octets of the longest line that is read.
const MOST_LINE: u64 = 16 << 20;

/// Gives the lines of the hits that may have come from `from` on and before `to` (milliseconds since the epoch), the oldest first, each
/// once, until `take` wants no more. Whether a line itself came in that time is for `take` to see.
///
/// # Errors
/// When a file cannot be read, or a later version wrote them.
pub fn read(
    path: &Path,
    (from, to): (u64, u64),
    mut take: impl FnMut(&[u8]) -> bool,
) -> Result<(), Error> {
    let folder = Folder::new(&folder(path));
    folder.check_format()?;
    // Those under way first: one that is compressed meanwhile is open already, and is left out where it is found again.
    let mut open = Vec::new();
    for (first, begun) in folder.entries()?.iter().filter_map(|name| open_of(name)) {
        let path = folder.path().join(open_name(first, begun));
        match File::open(&path).map_err(Error::system("open", &path)) {
            Err(error) if error.is_gone() => {}
            file => open.push((first, begun, file?, path)),
        }
    }
    open.sort_unstable_by_key(|(first, ..)| *first);
    let mut all = names(&folder)?;
    let left_out = superseded(&all);
    all.retain(|own| !left_out.contains(own));
    all.sort_unstable();
    let behind = all.iter().map(|own| own.last + 1).max().unwrap_or(0);
    for own in all.iter().filter(|own| own.overlaps(from, to)) {
        let path = folder.path().join(compressed(own));
        let file = match File::open(&path).map_err(Error::system("open", &path)) {
            // It has expired since.
            Err(error) if error.is_gone() => continue,
            file => file?,
        };
        let text = zstd::stream::Decoder::new(file).map_err(Error::system("read", &path))?;
        if !lines(text, &path, &mut take)? {
            return Ok(());
        }
    }
    for (first, begun, file, path) in open {
        if first >= behind && begun < to && !lines(file, &path, &mut take)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Gives the whole lines of a text; false once no more are wanted.
fn lines(
    text: impl Read,
    path: &Path,
    take: &mut impl FnMut(&[u8]) -> bool,
) -> Result<bool, Error> {
    let mut text = BufReader::new(text);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut text).take(MOST_LINE).read_until(b'\n', &mut line);
        read.map_err(Error::system("read", path))?;
        let Some(whole) = line.strip_suffix(b"\n") else { return Ok(true) };
        if !take(whole) {
            return Ok(false);
        }
    }
}
