//! Octets that can be read at any place, as the crate `parquet` wants them.

use std::{
    io::{self, Cursor, Read},
    sync::Arc,
};

use bytes::Bytes;
use parquet::{
    errors::Result,
    file::reader::{ChunkReader, Length},
};

use super::{
    fault::Fault,
    limits::{MOST_PAGE, READS_PER_OCTET, SLACK},
    shapes::PAGE_HEADER,
    thrift::{self, Found},
    work::Work,
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

/// The source of a file's pages, which may be read some times each.
pub struct Source {
    octets: Arc<dyn Seekable>,
    work: Work,
}

impl Source {
    /// Of these octets.
    pub fn new(octets: Arc<dyn Seekable>) -> Self {
        let most = octets.length().saturating_mul(READS_PER_OCTET);
        Self { octets, work: Work::of(most.saturating_add(SLACK as u64)) }
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<()> {
        self.work.take(into.len() as u64)?;
        Ok(self.octets.read_at(at, into)?)
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.octets.length()
    }
}

impl ChunkReader for Source {
    type T = Header;

    /// What is read so are headers of pages. Of one that is known already nothing is read: there, what begins here is a page.
    fn get_read(&self, start: u64) -> Result<Header> {
        let source = Self { octets: self.octets.clone(), work: self.work.clone() };
        Ok(Header { source, start, octets: None })
    }

    /// What is read so are pages.
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let is_there = start.checked_add(length as u64).is_some_and(|end| end <= self.len());
        if !is_there {
            return Err(Fault::Cut.into());
        }
        if length > MOST_PAGE {
            return Err(Fault::Page(length as u64).into());
        }
        let mut page = vec![0; length];
        self.read(start, &mut page)?;
        Ok(page.into())
    }
}

/// Octets of the longest header of a page: with statistics they have some hundreds.
const MOST_HEADER: u64 = 64 << 10;

/// The header of a page: a whole one, which the crate can read in as many steps as it has octets.
pub struct Header {
    source: Source,
    start: u64,
    /// None before the first is read.
    octets: Option<Cursor<Vec<u8>>>,
}

impl Header {
    fn find(&self) -> Result<Cursor<Vec<u8>>> {
        let left = self.source.len().saturating_sub(self.start);
        let mut octets = Vec::new();
        // Most are short.
        for most in [256, 4096, MOST_HEADER] {
            octets.resize(left.min(most) as usize, 0);
            self.source.read(self.start, &mut octets)?;
            match thrift::find(&octets, PAGE_HEADER) {
                Found::Whole => return Ok(Cursor::new(octets)),
                Found::Cut if left > most => {}
                Found::Cut | Found::Wrong => break,
            }
        }
        Err(Fault::Malformed("the header of a page that cannot be read".to_owned()).into())
    }
}

impl Read for Header {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.octets.is_none() {
            self.octets = Some(self.find().map_err(Fault::from)?);
        }
        self.octets.as_mut().map_or(Ok(0), |octets| octets.read(into))
    }
}
