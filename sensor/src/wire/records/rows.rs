//! Where the records of a set lie, and how one field is read from all of them.

use crate::wire::{
    octets,
    template::compile::{Place, Span},
};

/// Some records of a set.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The set's octets.
    pub set: &'a [u8],
    /// Which of them.
    pub which: Which<'a>,
}

/// Which records, and where they start.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// All, one behind the other.
    Every {
        /// Octets of a record.
        stride: usize,
        /// Number of records.
        count: usize,
    },
    /// Those listed: for each, where its runs start and where it ends.
    Listed {
        /// Positions in the set, `width` for each record.
        anchors: &'a [u32],
        /// Runs of a record and one.
        width: usize,
    },
}

impl<'a> Rows<'a> {
    /// Number of records.
    pub fn len(&self) -> usize {
        match self.which {
            Which::Every { count, .. } => count,
            Which::Listed { anchors, width } => anchors.len() / width,
        }
    }

    /// True without records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Position of `place` in record `row`.
    fn position(&self, place: Place, row: usize) -> usize {
        let start = match self.which {
            Which::Every { stride, .. } => row * stride,
            Which::Listed { anchors, width } => {
                anchors[row * width + usize::from(place.run)] as usize
            }
        };
        start + usize::from(place.offset)
    }

    /// The field at `place` in record `row`, as a number.
    pub fn number(&self, place: Place, row: usize) -> u64 {
        let start = self.position(place, row);
        octets::number(self.set.get(start..start + usize::from(place.length)).unwrap_or_default())
    }

    /// The octets of the field at `span` in record `row`.
    pub fn field(&self, span: Span, row: usize) -> &'a [u8] {
        match span {
            Span::Fixed(place) => {
                let start = self.position(place, row);
                self.set.get(start..start + usize::from(place.length)).unwrap_or_default()
            }
            Span::Variable { run, offset } => {
                let start = self.position(Place { run, offset, length: 0 }, row);
                let mut rest = octets::Octets(self.set.get(start..).unwrap_or_default());
                rest.length().and_then(|length| rest.take(length)).unwrap_or_default()
            }
        }
    }

    /// Where record `row` starts and ends.
    pub fn bounds(&self, row: usize) -> (usize, usize) {
        match self.which {
            Which::Every { stride, .. } => (row * stride, (row + 1) * stride),
            Which::Listed { anchors, width } => {
                let record = &anchors[row * width..(row + 1) * width];
                (record[0] as usize, record[width - 1] as usize)
            }
        }
    }

    /// Appends where the runs of record `row` start and where it ends: an entry of a [`Which::Listed`].
    pub fn list(&self, row: usize, anchors: &mut Vec<u32>) {
        match self.which {
            Which::Every { stride, .. } => {
                anchors.extend([(row * stride) as u32, ((row + 1) * stride) as u32]);
            }
            Which::Listed { anchors: all, width } => {
                anchors.extend_from_slice(&all[row * width..(row + 1) * width]);
            }
        }
    }

    /// Appends to `column` what `read` makes of the `N` octets at `place` in each record.
    #[inline(always)]
    pub fn extend<const N: usize, T>(
        &self,
        place: Place,
        column: &mut Vec<T>,
        read: impl Fn([u8; N]) -> T,
    ) {
        let offset = usize::from(place.offset);
        match self.which {
            // Many devices send a record a datagram: then the setting up costs more than the reading.
            Which::Every { count: 1, .. } => column.push(read(chunk(self.set, offset))),
            Which::Every { stride, count } => {
                let set = self.set.get(offset..).unwrap_or_default();
                column.extend((0..count).map(|row| read(chunk(set, row * stride))));
            }
            Which::Listed { anchors, width } => {
                let run = usize::from(place.run);
                column.extend(
                    anchors
                        .chunks_exact(width)
                        .map(|record| read(chunk(self.set, record[run] as usize + offset))),
                );
            }
        }
    }

    /// As [`Rows::extend`], for numbers of one to eight octets.
    #[inline(always)]
    pub fn extend_numbers<T>(&self, place: Place, column: &mut Vec<T>, read: impl Fn(u64) -> T) {
        match place.length {
            1 => self.extend(place, column, |[octet]| read(octet.into())),
            2 => self.extend(place, column, |octets| read(u16::from_be_bytes(octets).into())),
            4 => self.extend(place, column, |octets| read(u32::from_be_bytes(octets).into())),
            8 => self.extend(place, column, |octets| read(u64::from_be_bytes(octets))),
            _ => column.extend((0..self.len()).map(|row| read(self.number(place, row)))),
        }
    }
}

/// `N` octets from `at`; zeros where the set ends first, which no plan asks for.
#[inline(always)]
fn chunk<const N: usize>(set: &[u8], at: usize) -> [u8; N] {
    set.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}
