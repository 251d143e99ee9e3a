//! Octets that can be read at any place, as the crate `parquet` wants them.

use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::Bytes;
use parquet::{
    errors::Result,
    file::reader::{ChunkReader, Length},
};

use super::{
    fault::Fault,
    limits::MOST_PAGE,
    thrift::{self, Found},
};

/// Octets that can be read at any place: a file, or what is in memory.
pub trait Seekable: Send + Sync {
    /// How many.
    fn length(&self) -> u64;

    /// Fills the buffer with those that begin at `at`.
    ///
    /// # Errors
    /// Where there are fewer, or they cannot be read.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl Seekable for Vec<u8> {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        copy(self, at, buffer)
    }
}

impl Seekable for Bytes {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        copy(self, at, buffer)
    }
}

fn copy(octets: &[u8], at: u64, buffer: &mut [u8]) -> io::Result<()> {
    let behind = usize::try_from(at).ok().and_then(|at| octets.get(at..));
    let there = behind.and_then(|behind| behind.get(..buffer.len()));
    buffer.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

/// The source of a file's pages.
pub struct Source(Arc<dyn Seekable>);

impl Source {
    /// Of these octets.
    pub fn new(octets: Arc<dyn Seekable>) -> Self {
        Self(octets)
    }
}

/// Whether the header that begins here can be read in as many steps as it has octets.
fn check_header(source: &dyn Seekable, start: u64) -> io::Result<()> {
    let left = source.length().saturating_sub(start).min(MOST_HEADER);
    let mut octets = Vec::new();
    // Most are short.
    for most in [256, 4096, MOST_HEADER] {
        octets.resize(left.min(most) as usize, 0);
        source.read_at(start, &mut octets)?;
        match thrift::find(&octets) {
            Found::Whole => return Ok(()),
            Found::Wrong => {
                let what = "the header of a page that cannot be skipped".to_owned();
                return Err(Fault::Malformed(what).into());
            }
            // The crate finds out where it ends for good.
            Found::Cut if octets.len() as u64 == left => return Ok(()),
            Found::Cut => {}
        }
    }
    Ok(())
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.0.length()
    }
}

impl ChunkReader for Source {
    type T = Header;

    /// What is read so are headers of pages. One that is known already is not: there, what begins here is a page.
    fn get_read(&self, start: u64) -> Result<Header> {
        let left = self.0.length().saturating_sub(start).min(MOST_HEADER);
        let octets = self.0.clone();
        let (buffer, is_checked) = ([0; _], false);
        Ok(Header { octets, at: start, left, is_checked, buffer, read: 0, filled: 0 })
    }

    /// What is read so are pages.
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let is_there = start.checked_add(length as u64).is_some_and(|end| end <= self.0.length());
        if !is_there {
            return Err(Fault::Cut.into());
        }
        if length > MOST_PAGE {
            return Err(Fault::Page(length as u64).into());
        }
        let mut page = vec![0; length];
        self.0.read_at(start, &mut page)?;
        Ok(page.into())
    }
}

/// Octets of the longest header of a page: with statistics they have some hundreds.
const MOST_HEADER: u64 = 64 << 10;

/// Reads a header, which is asked for octet by octet.
pub struct Header {
    octets: Arc<dyn Seekable>,
    at: u64,
    left: u64,
    is_checked: bool,
    buffer: [u8; 256],
    read: usize,
    filled: usize,
}

impl Read for Header {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.is_checked {
            self.is_checked = true;
            check_header(&*self.octets, self.at)?;
        }
        if self.read == self.filled {
            let more = self.buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.octets.read_at(self.at, &mut self.buffer[..more])?;
            (self.at, self.left) = (self.at + more as u64, self.left - more as u64);
            (self.read, self.filled) = (0, more);
        }
        let there = &self.buffer[self.read..self.filled];
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        self.read += count;
        Ok(count)
    }
}
