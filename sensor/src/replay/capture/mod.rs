//! Captured traffic, read frame by frame: pcap and pcapng, as every capture tool writes them.
//!
//! Reading is a function of bytes ([`CaptureReader::from_reader`]); only [`CaptureReader::open`] touches a file, `-` being
//! standard input, and looks through gzip and zstd. A capture is untrusted: memory is bounded by [`MAX_BLOCK`], and whatever is wrong becomes
//! an error that names file, thing and offset, after all whole frames before it were delivered.

use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

mod error;
mod frame;
pub mod input;
mod pcap;
mod pcapng;

#[cfg(test)]
mod tests;

pub use self::{
    error::{CaptureError, CaptureFault, MAX_BLOCK},
    frame::Frame,
};
use self::{frame::FrameRecord, input::Input};
use super::{meter::Meter, open};

/// Reads the frames of one capture in the order of the file.
pub struct CaptureReader<R = Box<dyn Read + Send>> {
    path: Option<PathBuf>,
    input: Input<R>,
    format: Format,
    ended: bool,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Pcap),
    PcapNg(pcapng::PcapNg),
}

impl CaptureReader {
    /// Opens a capture file; gzip and zstd are told by their first bytes.
    ///
    /// # Errors
    /// When it cannot be opened, or does not begin as a capture.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::open_metered(path, &Meter::default())
    }

    /// As [`Self::open`]; `meter` counts what is read.
    ///
    /// # Errors
    /// As those of [`Self::open`].
    pub fn open_metered(path: &Path, meter: &Meter) -> Result<Self, CaptureError> {
        let reader = open::open(path, meter).map_err(|source| CaptureError {
            path: Some(path.to_owned()),
            fault: CaptureFault::Open(source),
        })?;
        Self::of_file(path, reader)
    }

    /// Reads the uncompressed capture in `reader`, the file at `path`.
    pub(super) fn of_file(path: &Path, reader: Box<dyn Read + Send>) -> Result<Self, CaptureError> {
        let path = Some(path.to_owned());
        match Self::new(reader) {
            Ok(capture) => Ok(Self { path, ..capture }),
            Err(fault) => Err(CaptureError { path, fault }),
        }
    }
}

impl<R: Read> CaptureReader<R> {
    /// Reads an uncompressed capture from `reader`, in large pieces.
    pub fn from_reader(reader: R) -> Result<Self, CaptureError> {
        Self::new(reader).map_err(|fault| CaptureError { path: None, fault })
    }

    fn new(reader: R) -> Result<Self, CaptureFault> {
        let mut input = Input::new(reader);
        if !input.begin_block(MAGIC_LENGTH)? {
            return Err(CaptureFault::Empty);
        }
        let magic = [input.block()[0], input.block()[1], input.block()[2], input.block()[3]];
        let format = if magic == pcapng::MAGIC {
            Format::PcapNg(pcapng::PcapNg::begin(&mut input)?)
        } else if let Some(variant) = pcap::Variant::of(magic) {
            Format::Pcap(pcap::Pcap::begin(variant, &mut input)?)
        } else {
            return Err(CaptureFault::Foreign(magic));
        };
        Ok(Self { path: None, input, format, ended: false })
    }

    /// The next frame; `None` at the end. After an error there is nothing more.
    #[expect(clippy::should_implement_trait, reason = "the frame borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        let record = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.input),
            Format::PcapNg(pcapng) => pcapng.next(&mut self.input),
        };
        self.ended = !matches!(record, Ok(Some(_)));
        let record = record.map_err(|fault| CaptureError { path: self.path.clone(), fault })?;
        Ok(record.map(|FrameRecord { timestamp_ns, link_type, wire_length, data }| Frame {
            timestamp_ns,
            link_type,
            wire_length,
            data: self.input.block().get(data).unwrap_or_default(),
        }))
    }
}

impl<R> fmt::Debug for CaptureReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, format, .. } = self;
        f.debug_struct("CaptureReader").field("path", path).field("format", format).finish()
    }
}

const MAGIC_LENGTH: usize = 4;
