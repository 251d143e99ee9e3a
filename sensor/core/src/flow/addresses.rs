//! The addresses of a batch's flows, which are all of one family.

use super::columns::Stored as _;

/// Address columns, as numbers in host order (`u32::from(Ipv4Addr)`).
#[derive(Clone, Debug)]
pub enum Addresses {
    /// IPv4.
    V4 {
        /// Source.
        source: Vec<u32>,
        /// Destination.
        destination: Vec<u32>,
    },
    /// IPv6.
    V6 {
        /// Source.
        source: Vec<u128>,
        /// Destination.
        destination: Vec<u128>,
    },
}

impl Addresses {
    pub(super) fn clear(&mut self) {
        match self {
            Self::V4 { source, destination } => {
                source.clear();
                destination.clear();
            }
            Self::V6 { source, destination } => {
                source.clear();
                destination.clear();
            }
        }
    }

    /// Makes those of one side, or of both, the ones of others of the same family: all of them, or those in `rows`.
    pub(super) fn copy(&mut self, from: &Self, sides: (bool, bool), rows: Option<&[u32]>) {
        fn copy<T: super::columns::Packed>(
            (to, to_other): (&mut Vec<T>, &mut Vec<T>),
            (from, from_other): (&Vec<T>, &Vec<T>),
            sides: (bool, bool),
            rows: Option<&[u32]>,
        ) {
            if sides.0 {
                super::columns::Stored::copy(to, from, rows);
            }
            if sides.1 {
                super::columns::Stored::copy(to_other, from_other, rows);
            }
        }
        match (self, from) {
            (
                Self::V4 { source, destination },
                Self::V4 { source: from, destination: from_other },
            ) => copy((source, destination), (from, from_other), sides, rows),
            (
                Self::V6 { source, destination },
                Self::V6 { source: from, destination: from_other },
            ) => copy((source, destination), (from, from_other), sides, rows),
            _ => debug_assert!(false, "addresses of another family"),
        }
    }

    /// Addresses of the same family, none yet.
    pub(super) fn without_rows(&self) -> Self {
        match self {
            Self::V4 { .. } => Self::V4 { source: Vec::new(), destination: Vec::new() },
            Self::V6 { .. } => Self::V6 { source: Vec::new(), destination: Vec::new() },
        }
    }

    /// Appends a row of this family that was written by `flow/packed.rs`.
    pub(super) fn unpack(&mut self, octets: &mut &[u8]) {
        match self {
            Self::V4 { source, destination } => {
                source.unpack(octets);
                destination.unpack(octets);
            }
            Self::V6 { source, destination } => {
                source.unpack(octets);
                destination.unpack(octets);
            }
        }
    }

    pub(super) fn keep(&mut self, rows: &[usize]) {
        match self {
            Self::V4 { source, destination } => {
                source.keep(rows);
                destination.keep(rows);
            }
            Self::V6 { source, destination } => {
                source.keep(rows);
                destination.keep(rows);
            }
        }
    }
}
