//! An object that has been opened, behind its compression: read piece by piece, or, as a Parquet file, at any place.

use std::{
    io::{self, Cursor, Read},
    sync::Arc,
};

use sensor_wire::cloud::{
    decoder::{Decoder, Seekable, Table},
    flows::{Flows, Mark},
};

use super::{figures::Figures, seam::Content};
use crate::replay::{
    meter::Meter,
    objects::{PIECE, fill},
    open::{decompress, is_compressed},
    seek,
};

/// Who decodes it.
pub enum Form {
    /// Octets as they come.
    Stream(Decoder),
    /// What is read from its end: rows, of as many octets in all as they are stored.
    Table(Box<Table>, u64),
}

/// An object that has been opened.
pub struct Opened {
    /// Its octets, from the beginning on.
    pub reader: Box<dyn Read + Send>,
    /// Octets that were read, as they are stored.
    pub stored: Meter,
    /// They are not what it holds.
    pub compressed: bool,
    /// Who decodes it, once that is known, and the place of its cloud.
    pub form: Option<(Form, usize)>,
    /// The accounts before it, until the part that was read before has been passed.
    pub mark: Option<Mark>,
    /// The octets that were read last.
    pub piece: Vec<u8>,
    /// Octets decoded.
    pub fed: u64,
    /// Octets that were counted in the figures.
    pub counted: u64,
}

impl Opened {
    /// Opens an object.
    ///
    /// # Errors
    /// What its source says.
    pub fn new(content: &mut Content) -> io::Result<Self> {
        let stored = Meter::default();
        let mut raw = stored.watch(content.open(0)?);
        let mut begin = [0; 4];
        let length = fill(&mut raw, &mut begin)?;
        let compressed = is_compressed(&begin[..length]);
        let reader = decompress(Cursor::new(begin).take(length as u64).chain(raw))?;
        Ok(Self {
            reader,
            stored,
            compressed,
            form: None,
            mark: None,
            piece: vec![0; PIECE],
            fed: 0,
            counted: 0,
        })
    }

    /// Turns out to be a table called `object`, of which the first `length` octets have been read and as many rows as `told` are known.
    ///
    /// # Errors
    /// Where it cannot be read at all, or would have to be held in memory and is too large.
    pub fn table(
        &mut self,
        content: &Content,
        object: &str,
        length: usize,
        told: u64,
        flows: &mut Flows,
    ) -> io::Result<Form> {
        let octets: Arc<dyn Seekable> = match content {
            Content::File(file, end) if !self.compressed => {
                seek::on_disk(file.clone(), *end, self.stored.clone())
            }
            Content::Octets(octets) if !self.compressed => Arc::new(octets.clone()),
            _ => seek::in_memory(&self.piece[..length], &mut self.reader)?,
        };
        let stored = if self.compressed { self.stored.read() } else { octets.length() };
        let table = Table::reopen(octets, object, told, flows)?;
        Ok(Form::Table(Box::new(table), stored))
    }

    /// Counts what was read since this was last called.
    pub fn count(&mut self, figures: &Figures) {
        let stored = self.stored.read();
        figures.change(|report| report.octets += stored - self.counted);
        self.counted = stored;
    }

    /// What is told for good: octets, rows of a table.
    pub fn up_to(&self) -> u64 {
        match &self.form {
            Some((Form::Table(table, _), _)) => table.rows(),
            Some((Form::Stream(decoder), _)) => decoder.resume_at().unwrap_or(self.fed),
            None => self.fed,
        }
    }

    /// Octets as they are stored that make up the first `octets` of what it holds.
    pub fn stored(&self, octets: u64) -> u64 {
        match &self.form {
            Some((Form::Table(_, stored), _)) => *stored,
            _ if self.compressed => self.stored.read(),
            _ => octets,
        }
    }
}
