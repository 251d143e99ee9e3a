//! Objects that are read at any place, as Parquet files are: on disk as they lie there, and whatever comes as a stream in memory.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
};

use sensor_wire::cloud::decoder::Seekable;

use super::{
    meter::Meter,
    open::{self, STDIN},
};

/// Octets of the largest object that is read into memory. AWS writes objects of 75 MB at most.
const MOST: usize = 128 << 20;

/// Where it is not: what is too large for that.
fn too_large() -> io::Error {
    let what = format!(
        "a Parquet file of more than {} MiB is read only where it lies as a file on disk, not compressed as a whole",
        MOST >> 20
    );
    io::Error::new(io::ErrorKind::FileTooLarge, what)
}

/// The octets of the object at `path`, of which a stream gave `begun` and gives `rest`.
///
/// # Errors
/// Where they cannot be read, or come as a stream and are too many.
pub fn seekable(
    path: &Path,
    begun: &[u8],
    rest: impl Read,
    meter: &Meter,
) -> io::Result<Arc<dyn Seekable>> {
    if path != Path::new(STDIN)
        && let Some(length) = open::size(path)
    {
        let file = File::open(path)?;
        let mut begin = vec![0; begun.len().min(16)];
        // Otherwise it is compressed as a whole.
        if file.read_exact_at(&mut begin, 0).is_ok() && begun.starts_with(&begin) {
            return Ok(on_disk(file.into(), length, meter.clone()));
        }
    }
    in_memory(begun, rest)
}

/// The first octets of a file, as many as `length`; `meter` counts what is read.
pub fn on_disk(file: Arc<File>, length: u64, meter: Meter) -> Arc<dyn Seekable> {
    Arc::new(OnDisk { file, length, meter })
}

/// What a stream gave, `begun`, and gives still.
///
/// # Errors
/// Where it cannot be read, or is too much.
pub fn in_memory(begun: &[u8], rest: impl Read) -> io::Result<Arc<dyn Seekable>> {
    let mut octets = begun.to_vec();
    let room = (MOST + 1).saturating_sub(octets.len());
    rest.take(room as u64).read_to_end(&mut octets)?;
    if octets.len() > MOST {
        return Err(too_large());
    }
    Ok(Arc::new(octets))
}

/// A file as it lies on disk.
struct OnDisk {
    file: Arc<File>,
    length: u64,
    meter: Meter,
}

impl Seekable for OnDisk {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.meter.add(buffer.len() as u64);
        self.file.read_exact_at(buffer, at)
    }
}
