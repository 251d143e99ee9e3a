//! Where the records of a set lie, and how one field is read from all of them.

use std::net::IpAddr;

use crate::{
    octets,
    template::fills::{Place, Span},
};

/// Some records of a set.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    set: &'a [u8],
    which: Which<'a>,
    len: usize,
    /// True for up to [`FEW`] records.
    few: bool,
}

/// Which records, and where they start.
#[derive(Clone, Copy, Debug)]
enum Which<'a> {
    /// All, one behind the other.
    Every {
        /// Octets of a record.
        stride: usize,
    },
    /// Those listed: for each, where its runs start and where it ends.
    Listed {
        /// Positions in the set, `width` for each record.
        anchors: &'a [u32],
        /// Runs of a record and one.
        width: usize,
    },
}

/// One record of a set.
pub struct Record<'a> {
    set: &'a [u8],
    /// Where its runs start.
    starts: &'a [u32],
}

impl<'a> Record<'a> {
    /// The octets from the start of a run on.
    #[inline]
    pub fn run(&self, run: u16) -> &'a [u8] {
        let start = self.starts.get(usize::from(run)).map_or(usize::MAX, |start| *start as usize);
        self.set.get(start..).unwrap_or_default()
    }
}

/// Records that are read one by one.
const FEW: usize = 3;

impl<'a> Rows<'a> {
    /// All whole records of `set`, of `stride` octets each, one behind the other.
    pub fn every(set: &'a [u8], stride: usize) -> Self {
        let len = set.len() / stride;
        Self { set, which: Which::Every { stride }, len, few: len <= FEW }
    }

    /// Records of `set` of which `anchors` say, for each, where its runs start and where it ends: `width` positions.
    pub fn listed(set: &'a [u8], anchors: &'a [u32], width: usize) -> Self {
        let few = anchors.len() <= FEW * width;
        Self { set, which: Which::Listed { anchors, width }, len: anchors.len() / width, few }
    }

    /// The first `len` of them, which are no more than there are.
    pub fn first(self, len: usize) -> Self {
        let len = len.min(self.len);
        let which = match self.which {
            Which::Every { .. } => self.which,
            Which::Listed { anchors, width } => {
                Which::Listed { anchors: &anchors[..len * width], width }
            }
        };
        Self { which, len, few: len <= FEW, ..self }
    }

    /// The set's octets.
    pub fn set(&self) -> &'a [u8] {
        self.set
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Octets of all of them.
    pub fn octets(&self) -> usize {
        match self.which {
            Which::Every { stride } => stride * self.len,
            Which::Listed { .. } => {
                let length = |(start, end)| end - start;
                (0..self.len).map(|row| length(self.bounds(row))).sum()
            }
        }
    }

    /// True without records.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Position of `place` in record `row`.
    #[inline]
    fn position(&self, place: Place, row: usize) -> usize {
        let start = match self.which {
            Which::Every { stride } => row * stride,
            Which::Listed { anchors, width } => {
                anchors[row * width + usize::from(place.run)] as usize
            }
        };
        start + usize::from(place.offset)
    }

    /// Record `row`; `own` is memory for where it starts.
    #[inline(always)]
    pub fn record<'r>(&'r self, row: usize, own: &'r mut [u32; 1]) -> Record<'r> {
        let starts = match self.which {
            Which::Every { stride } => {
                *own = [(row * stride) as u32];
                &own[..]
            }
            Which::Listed { anchors, width } => &anchors[row * width..(row + 1) * width],
        };
        Record { set: self.set, starts }
    }

    /// The field at `place` in record `row`, as a number.
    #[inline(never)]
    pub fn number(&self, place: Place, row: usize) -> u64 {
        let start = self.position(place, row);
        let length = usize::from(place.length);
        // Eight octets are read, and what does not belong to the field is shifted out: no branch depends on its length.
        if (1..=8).contains(&length)
            && let Some(word) = self.set.get(start..).and_then(<[u8]>::first_chunk)
        {
            return u64::from_be_bytes(*word) >> (64 - 8 * length);
        }
        let field = self.set.get(start..start + length).unwrap_or_default();
        match *field {
            [octet] => octet.into(),
            [a, b] => u16::from_be_bytes([a, b]).into(),
            [a, b, c, d] => u32::from_be_bytes([a, b, c, d]).into(),
            [a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => octets::number(field),
        }
    }

    /// The address of record `row` at the first of `places`, for IPv4 and IPv6, where it is not all zeros.
    pub fn address(&self, places: [Option<Place>; 2], row: usize) -> Option<IpAddr> {
        places.into_iter().flatten().find_map(|place| {
            let field = self.field(Span::Fixed(place), row);
            let v4 = || Some(IpAddr::from(<[u8; 4]>::try_from(field).ok()?));
            let v6 = || Some(IpAddr::from(<[u8; 16]>::try_from(field).ok()?).to_canonical());
            v4().or_else(v6).filter(|address| !address.is_unspecified())
        })
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
            Which::Every { stride } => (row * stride, (row + 1) * stride),
            Which::Listed { anchors, width } => {
                let record = &anchors[row * width..(row + 1) * width];
                (record[0] as usize, record[width - 1] as usize)
            }
        }
    }

    /// Appends where the runs of record `row` start and where it ends: an entry of a `Which::Listed`.
    pub fn list(&self, row: usize, anchors: &mut Vec<u32>) {
        match self.which {
            Which::Every { stride } => {
                anchors.extend([(row * stride) as u32, ((row + 1) * stride) as u32]);
            }
            Which::Listed { anchors: all, width } => {
                anchors.extend_from_slice(&all[row * width..(row + 1) * width]);
            }
        }
    }

    /// True where reading record by record costs less than field by field.
    #[inline]
    pub fn are_few(&self) -> bool {
        self.few
    }

    /// Appends to `column` what `read` makes of the `N` octets at `place` in each record.
    #[inline(always)]
    pub fn extend<const N: usize, T: Copy + Default>(
        &self,
        place: Place,
        column: &mut Vec<T>,
        read: impl Fn([u8; N]) -> T,
    ) {
        let offset = usize::from(place.offset);
        let base = column.len();
        column.resize(base + self.len, T::default());
        let column = &mut column[base..];
        match self.which {
            // Asked once, in the form from which the compiler sees that no record needs asking. No plan has a field that
            // reaches beyond its record.
            Which::Every { stride } if stride.checked_sub(offset).is_some_and(|rest| rest >= N) => {
                for (row, record) in column.iter_mut().zip(self.set.chunks_exact(stride)) {
                    *row = value(record, offset, &read);
                }
            }
            Which::Every { .. } => {}
            Which::Listed { anchors, width } => {
                let run = usize::from(place.run);
                for (row, record) in column.iter_mut().zip(anchors.chunks_exact(width)) {
                    *row = value(self.set, record[run] as usize + offset, &read);
                }
            }
        }
    }

    /// As [`Rows::extend`], for numbers of one to eight octets.
    #[inline(never)]
    pub fn extend_numbers<T: Copy + Default>(
        &self,
        place: Place,
        column: &mut Vec<T>,
        read: impl Fn(u64) -> T,
    ) {
        match place.length {
            1 => self.extend(place, column, |[octet]| read(octet.into())),
            2 => self.extend(place, column, |octets| read(u16::from_be_bytes(octets).into())),
            4 => self.extend(place, column, |octets| read(u32::from_be_bytes(octets).into())),
            8 => self.extend(place, column, |octets| read(u64::from_be_bytes(octets))),
            _ => column.extend((0..self.len).map(|row| read(self.number(place, row)))),
        }
    }
}

/// What `read` makes of the `N` octets from `at`; of zeros where the set ends first, which no plan asks for. It is called
/// in either case: octets chosen before it would be read one at a time.
#[inline(always)]
fn value<const N: usize, T>(set: &[u8], at: usize, read: &impl Fn([u8; N]) -> T) -> T {
    match set.get(at..).and_then(<[u8]>::first_chunk) {
        Some(octets) => read(*octets),
        None => read([0; N]),
    }
}
