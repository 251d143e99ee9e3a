//! Bytes taken from a reader block by block, with the offset of each block, and never more of them than a block may have.

use std::io::{self, BufRead as _, BufReader, Read};

use super::error::{CaptureFault, MAX_BLOCK};

/// A reader and the block that is being looked at.
pub struct Input<R> {
    reader: BufReader<R>,
    /// Grows to the largest block and is reused; the block is the first `filled` bytes.
    buffer: Vec<u8>,
    filled: usize,
    /// Of the start of the block.
    offset: u64,
}

impl<R: Read> Input<R> {
    /// At the start of `reader`, with an empty block.
    pub fn new(reader: R) -> Self {
        let reader = BufReader::with_capacity(1 << 16, reader);
        Self { reader, buffer: Vec::new(), filled: 0, offset: 0 }
    }

    /// Leaves the current block and reads the first `length` bytes of the next; false where the input ends instead.
    pub fn begin_block(&mut self, length: usize) -> Result<bool, CaptureFault> {
        self.offset += self.filled as u64;
        self.filled = 0;
        let at_end = loop {
            match self.reader.fill_buf() {
                Ok(rest) => break rest.is_empty(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error, length)),
            }
        };
        if at_end {
            return Ok(false);
        }
        self.fill(length)?;
        Ok(true)
    }

    /// Reads on until the block has `length` bytes.
    pub fn fill(&mut self, length: usize) -> Result<(), CaptureFault> {
        if length > MAX_BLOCK {
            return Err(CaptureFault::TooLarge { offset: self.offset, length: length as u64 });
        }
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        while self.filled < length {
            match self.reader.read(&mut self.buffer[self.filled..length]) {
                Ok(0) => return Err(self.truncated(length)),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error, length)),
            }
        }
        Ok(())
    }

    /// What was read of the current block.
    pub fn block(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// The current block is not as the format wants it.
    pub fn malformed(&self, what: &'static str) -> CaptureFault {
        CaptureFault::Malformed { offset: self.offset, what }
    }

    fn truncated(&self, needs: usize) -> CaptureFault {
        CaptureFault::Truncated { offset: self.offset, needs, has: self.filled }
    }

    /// A decompressor whose input is cut short calls that an error of reading.
    fn failed(&self, error: io::Error, needs: usize) -> CaptureFault {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated(needs),
            _ => CaptureFault::Read { offset: self.offset + self.filled as u64, source: error },
        }
    }
}
