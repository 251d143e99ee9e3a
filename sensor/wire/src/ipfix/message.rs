//! Message header and set framing (RFC 7011 sections 3.1 to 3.3): a header read, and a buffer filled record by record.

use super::{MESSAGE_HEADER_LENGTH, SET_HEADER_LENGTH, VERSION};
use crate::octets::Octets;

/// A message's header, as it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version number.
    pub version: u16,
    /// Octets of the message.
    pub length: u16,
    /// Seconds since the epoch.
    pub export_time: u32,
    /// Number of data records that were sent before it.
    pub sequence: u32,
    /// Observation domain identifier.
    pub observation_domain: u32,
}

impl Header {
    /// Takes the header from the front of `octets`; none when it is cut off.
    pub fn take(octets: &mut Octets<'_>) -> Option<Self> {
        let mut header = Octets(octets.take(MESSAGE_HEADER_LENGTH)?);
        Some(Self {
            version: header.u16()?,
            length: header.u16()?,
            export_time: header.u32()?,
            sequence: header.u32()?,
            observation_domain: header.u32()?,
        })
    }
}

/// A message under construction. It never outgrows its limit, and what is put in is put in whole.
#[derive(Debug)]
pub struct MessageBuilder {
    buffer: Vec<u8>,
    limit: usize,
    /// Identifier and start of the set that is open.
    set: Option<(u16, usize)>,
    data_records: u32,
}

impl MessageBuilder {
    /// An empty message of at most `limit` octets.
    pub fn new(limit: u16) -> Self {
        let limit = usize::from(limit);
        let mut buffer = Vec::with_capacity(limit);
        buffer.resize(MESSAGE_HEADER_LENGTH, 0);
        Self { buffer, limit, set: None, data_records: 0 }
    }

    /// True while there is nothing but the header.
    pub fn is_empty(&self) -> bool {
        self.buffer.len() == MESSAGE_HEADER_LENGTH
    }

    /// Data records in it, those of options templates included.
    pub fn data_records(&self) -> u32 {
        self.data_records
    }

    /// Octets left for the contents of set `set`.
    pub fn room(&self, set: u16) -> usize {
        let header = if self.is_open(set) { 0 } else { SET_HEADER_LENGTH };
        self.limit.saturating_sub(self.buffer.len() + header)
    }

    /// Room for one template record in set `set`; None when the message is too full for it.
    pub fn template_record(&mut self, set: u16, length: usize) -> Option<&mut [u8]> {
        (self.room(set) >= length).then(|| self.extend(set, length))
    }

    /// Room for `count` data records of `length` octets in all; None when the message is too full for them.
    pub fn data_records_mut(&mut self, set: u16, length: usize, count: u32) -> Option<&mut [u8]> {
        if self.room(set) < length {
            return None;
        }
        self.data_records += count;
        Some(self.extend(set, length))
    }

    /// The finished message: `export_time` in seconds since the epoch, `sequence` counting the data records that
    /// were sent before it.
    pub fn finish(&mut self, export_time: u32, sequence: u32, observation_domain: u32) -> &[u8] {
        self.close_set();
        let length = self.buffer.len() as u16;
        for (offset, part) in [
            (0, &VERSION.to_be_bytes()[..]),
            (2, &length.to_be_bytes()),
            (4, &export_time.to_be_bytes()),
            (8, &sequence.to_be_bytes()),
            (12, &observation_domain.to_be_bytes()),
        ] {
            self.buffer[offset..offset + part.len()].copy_from_slice(part);
        }
        &self.buffer
    }

    /// Starts the next message in the same buffer.
    pub fn clear(&mut self) {
        self.buffer.truncate(MESSAGE_HEADER_LENGTH);
        self.set = None;
        self.data_records = 0;
    }

    fn is_open(&self, set: u16) -> bool {
        self.set.is_some_and(|(open, _)| open == set)
    }

    fn extend(&mut self, set: u16, length: usize) -> &mut [u8] {
        if !self.is_open(set) {
            self.close_set();
            self.set = Some((set, self.buffer.len()));
            self.buffer.extend(set.to_be_bytes());
            self.buffer.extend([0; 2]);
        }
        let start = self.buffer.len();
        self.buffer.resize(start + length, 0);
        &mut self.buffer[start..]
    }

    fn close_set(&mut self) {
        if let Some((_, start)) = self.set.take() {
            let length = (self.buffer.len() - start) as u16;
            self.buffer[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
}
