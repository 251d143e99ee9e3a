//! Why a capture cannot be read.

use std::{error::Error, fmt, io, path::PathBuf};

use crate::replay::foreign;

/// Bytes of the largest block that is read. Real ones are a packet (256 KiB at most in libpcap) and a header.
pub const MAX_BLOCK: usize = 16 << 20;

/// What a file may be that begins with these bytes, and what to do about it.
fn hint(magic: [u8; 4]) -> String {
    if let Some(known) = foreign::hint(&magic) {
        return format!("; {known}");
    }
    let is_text = |octet: &u8| matches!(octet, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    match &magic {
        b"PAR1" => {
            "; it is a Parquet file, and flow logs of AWS are read from such: add `--as aws`"
        }
        magic if magic.iter().all(is_text) || magic.starts_with(b"\xef\xbb\xbf") => {
            "; of text, flow logs of AWS are read: add `--as aws`, and `--layout` where no line names the fields"
        }
        _ => "",
    }
    .to_owned()
}

/// Why a capture cannot be read, or not further.
#[derive(Debug)]
pub struct CaptureError {
    /// The file, where there is one.
    pub path: Option<PathBuf>,
    /// What is wrong with it.
    pub fault: CaptureFault,
}

/// What is wrong with a capture. Offsets are bytes from its start, after decompression.
#[derive(Debug, thiserror::Error)]
pub enum CaptureFault {
    /// The file cannot be opened.
    #[error("cannot be opened")]
    Open(#[source] io::Error),
    /// There is nothing in it.
    #[error("is empty, not a capture")]
    Empty,
    /// It is something else.
    #[error("is not a pcap or pcapng capture: it begins with the bytes {0:02x?}{hint}", hint = hint(*.0))]
    Foreign([u8; 4]),
    /// The system or the decompressor refuses.
    #[error("cannot be read at offset {offset}")]
    Read {
        /// Of the first byte that was not read.
        offset: u64,
        /// What it says.
        source: io::Error,
    },
    /// It ends too early.
    #[error("is cut short: the block at offset {offset} has {needs} bytes, {has} are present")]
    Truncated {
        /// Where the block begins.
        offset: u64,
        /// Bytes that the block must have, as far as known.
        needs: usize,
        /// Bytes of it that there are.
        has: usize,
    },
    /// A block is larger than any real one.
    #[error(
        "has a block of {length} bytes at offset {offset}: more than {} are not read",
        MAX_BLOCK
    )]
    TooLarge {
        /// Where the block begins.
        offset: u64,
        /// Its claimed bytes.
        length: u64,
    },
    /// A block contradicts itself or the format.
    #[error("is malformed at offset {offset}: {what}")]
    Malformed {
        /// Where the block begins.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, fault } = self;
        match path {
            Some(path) => write!(f, "{} {fault}", path.display()),
            None => write!(f, "the capture {fault}"),
        }
    }
}

impl Error for CaptureError {
    /// The fault is in the message already; behind it is what the system said.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.fault.source()
    }
}
