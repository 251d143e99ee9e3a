//! What every kind of column can do, and how its rows are reached without knowing its name.

use super::Lists;

/// The rows of a column of a batch `B`, by what they are stored as.
pub enum Reader<B> {
    /// Numbers of 8 bits.
    U8(fn(&B) -> &[u8]),
    /// Numbers of 16 bits.
    U16(fn(&B) -> &[u16]),
    /// Numbers of 32 bits.
    U32(fn(&B) -> &[u32]),
    /// Numbers of 64 bits.
    U64(fn(&B) -> &[u64]),
    /// Numbers of 128 bits.
    U128(fn(&B) -> &[u128]),
    /// MAC addresses.
    Mac(fn(&B) -> &[[u8; 6]]),
    /// Lists of numbers of 32 bits.
    Lists(fn(&B) -> &Lists),
}

/// Where the values of a column stand in a row of octets (`flow/packed.rs`): those of one width side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Of 64 bits.
    U64,
    /// Of 32 bits.
    U32,
    /// Of 16 bits.
    U16,
    /// Of 8 bits.
    U8,
    /// Of 128 bits.
    U128,
    /// MAC addresses.
    Mac,
    /// Lists, the only ones whose length differs.
    Lists,
}

impl Place {
    /// All, in the order in which they stand.
    pub const ALL: [Self; 7] =
        [Self::U64, Self::U32, Self::U16, Self::U8, Self::U128, Self::Mac, Self::Lists];

    /// That of a column.
    pub fn of<B>(reader: &Reader<B>) -> Self {
        match reader {
            Reader::U8(_) => Self::U8,
            Reader::U16(_) => Self::U16,
            Reader::U32(_) => Self::U32,
            Reader::U64(_) => Self::U64,
            Reader::U128(_) => Self::U128,
            Reader::Mac(_) => Self::Mac,
            Reader::Lists(_) => Self::Lists,
        }
    }
}

/// Work on one column, whatever numbers or addresses it holds. Columns of other types are left as they are.
pub trait Visitor {
    /// Numbers of 8 bits.
    fn unsigned8(self, column: &mut Vec<u8>);
    /// Numbers of 16 bits.
    fn unsigned16(self, column: &mut Vec<u16>);
    /// Numbers of 32 bits.
    fn unsigned32(self, column: &mut Vec<u32>);
    /// Numbers of 64 bits.
    fn unsigned64(self, column: &mut Vec<u64>);
    /// IPv4 addresses, numbers in host order.
    fn ipv4_address(self, column: &mut Vec<u32>);
    /// IPv6 addresses.
    fn ipv6_address(self, column: &mut Vec<u128>);
    /// MAC addresses.
    fn mac_address(self, column: &mut Vec<[u8; 6]>);
}

/// A look at the rows of one column, whatever numbers or addresses it holds. Columns of other types are not shown.
pub trait Inspector {
    /// Numbers of 8 bits.
    fn unsigned8(self, column: &[u8]);
    /// Numbers of 16 bits.
    fn unsigned16(self, column: &[u16]);
    /// Numbers of 32 bits.
    fn unsigned32(self, column: &[u32]);
    /// Numbers of 64 bits; milliseconds too.
    fn unsigned64(self, column: &[u64]);
    /// IPv4 addresses, numbers in host order.
    fn ipv4_address(self, column: &[u32]);
    /// IPv6 addresses.
    fn ipv6_address(self, column: &[u128]);
    /// MAC addresses.
    fn mac_address(self, column: &[[u8; 6]]);
}

/// Abstract data type of a column's values (RFC 7012 section 3.1), from which follows how whoever keeps records stores them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// `unsigned8`
    Unsigned8,
    /// `unsigned16`
    Unsigned16,
    /// `unsigned32`
    Unsigned32,
    /// `unsigned64`
    Unsigned64,
    /// `dateTimeMilliseconds`, since the epoch of Unix.
    Milliseconds,
    /// `ipv4Address`
    Ipv4Address,
    /// `ipv6Address`
    Ipv6Address,
    /// `macAddress`
    MacAddress,
    /// `octetArray` of an application ([`crate::flow::application`]).
    Application,
    /// `basicList` of `unsigned32`.
    Lists,
}

impl DataType {
    /// Octets of a value; none where they differ.
    pub const fn octets(self) -> Option<u16> {
        match self {
            Self::Unsigned8 => Some(1),
            Self::Unsigned16 => Some(2),
            Self::Unsigned32 | Self::Ipv4Address => Some(4),
            Self::Unsigned64 | Self::Milliseconds => Some(8),
            Self::MacAddress => Some(6),
            Self::Ipv6Address => Some(16),
            Self::Application | Self::Lists => None,
        }
    }

    /// Whether a field of `length` octets can hold a value. Those of numbers may be shorter than the type or longer
    /// (RFC 7011 section 6.2).
    pub fn fits(self, length: u16) -> bool {
        match self {
            Self::Ipv4Address | Self::Ipv6Address | Self::MacAddress => {
                self.octets() == Some(length)
            }
            Self::Unsigned8
            | Self::Unsigned16
            | Self::Unsigned32
            | Self::Unsigned64
            | Self::Milliseconds => (1..=8).contains(&length),
            Self::Application | Self::Lists => false,
        }
    }
}

/// A column as a whole.
pub trait Stored {
    /// What a row holds.
    type Value: Copy;

    /// Takes all rows out, and keeps the memory.
    fn clear(&mut self);

    /// Keeps only `rows`, which ascend; a column without rows stays so.
    fn keep(&mut self, rows: &[usize]);

    /// Makes it a copy of another, or of some of its rows; a column without rows has none of them.
    fn copy(&mut self, from: &Self, rows: Option<&[u32]>);

    /// Makes the column `rows` long, with `unknown` in the rows that it lacks; one without rows stays so unless `required`.
    fn level(&mut self, rows: usize, unknown: Self::Value, required: bool);

    /// Appends a row whose octets `flow/packed.rs` wrote, and takes these from the front.
    fn unpack(&mut self, octets: &mut &[u8]);
}

/// A value of which each row of a column holds one.
pub trait Packed: Copy {
    /// Reads it from the front; none where too little is there.
    fn unpack(octets: &mut &[u8]) -> Option<Self>;
}

macro_rules! packed {
    ($($number:ty),*) => {$(
        impl Packed for $number {
            fn unpack(octets: &mut &[u8]) -> Option<Self> {
                let (own, rest) = octets.split_first_chunk()?;
                *octets = rest;
                Some(Self::from_ne_bytes(*own))
            }
        }
    )*};
}

packed!(u8, u16, u32, u64, u128);

impl Packed for [u8; 6] {
    fn unpack(octets: &mut &[u8]) -> Option<Self> {
        let (own, rest) = octets.split_first_chunk()?;
        *octets = rest;
        Some(*own)
    }
}

impl<T: Packed> Stored for Vec<T> {
    type Value = T;

    #[inline]
    fn clear(&mut self) {
        self.clear();
    }

    fn keep(&mut self, rows: &[usize]) {
        if self.is_empty() {
            return;
        }
        for (to, &from) in rows.iter().enumerate() {
            self[to] = self[from];
        }
        self.truncate(rows.len());
    }

    fn copy(&mut self, from: &Self, rows: Option<&[u32]>) {
        match rows {
            Some(rows) if !from.is_empty() => {
                self.clear();
                self.extend(rows.iter().map(|row| from[*row as usize]));
            }
            _ => self.clone_from(from),
        }
    }

    #[inline]
    fn level(&mut self, rows: usize, unknown: T, required: bool) {
        if self.len() != rows && (required || !self.is_empty()) {
            self.resize(rows, unknown);
        }
    }

    fn unpack(&mut self, octets: &mut &[u8]) {
        self.extend(T::unpack(octets));
    }
}

impl Stored for Lists {
    /// A row without a list has an empty one.
    type Value = ();

    #[inline]
    fn clear(&mut self) {
        self.clear();
    }

    fn keep(&mut self, rows: &[usize]) {
        self.keep(rows);
    }

    fn copy(&mut self, from: &Self, rows: Option<&[u32]>) {
        self.clone_from(from);
        if let Some(rows) = rows {
            let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
            self.keep(&rows);
        }
    }

    #[inline]
    fn level(&mut self, rows: usize, (): (), required: bool) {
        if required || !self.is_empty() {
            self.fill_up(rows);
        }
    }

    fn unpack(&mut self, octets: &mut &[u8]) {
        let count = u32::unpack(octets).unwrap_or(0);
        let values: Vec<u32> = (0..count).map_while(|_| u32::unpack(octets)).collect();
        self.put(self.rows(), values.into_iter());
    }
}
