//! Octets as senders pack them.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

/// A member of a file in gzip.
pub fn gzip(octets: &(impl AsRef<[u8]> + ?Sized)) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(octets.as_ref()).expect("memory");
    out.finish().expect("memory")
}
