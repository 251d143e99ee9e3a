//! The one place of this room that touches files: opens one, `-` being standard input, and looks through its compression.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use super::meter::Meter;

/// RFC 1952 section 2.3.1.
pub const GZIP: [u8; 2] = [0x1f, 0x8b];
/// RFC 8878 section 3.1.1.
pub const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Stands for standard input.
pub const STDIN: &str = "-";

/// The bytes of the file, decompressed while they are read; `meter` counts those before decompression.
///
/// # Errors
/// When the file cannot be opened or its first bytes cannot be read.
pub fn open(path: &Path, meter: &Meter) -> io::Result<Box<dyn Read + Send>> {
    if path == Path::new(STDIN) {
        decompress(meter.watch(io::stdin()))
    } else {
        decompress(meter.watch(File::open(path)?))
    }
}

/// What a folder holds, by name.
///
/// # Errors
/// When it cannot be read.
pub fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = folder.read_dir()?;
    let mut entries: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    Ok(entries)
}

/// Octets of a file as it lies on disk; `None` of what has no size, as standard input and pipes.
pub fn size(path: &Path) -> Option<u64> {
    let metadata = path.metadata().ok().filter(|metadata| metadata.is_file())?;
    Some(metadata.len())
}

/// Whether what begins with these octets is compressed.
pub fn is_compressed(begin: &[u8]) -> bool {
    begin.starts_with(&GZIP) || begin.starts_with(&ZSTD)
}

/// What `file` holds, through its compression.
///
/// # Errors
/// When its first bytes cannot be read.
pub fn decompress(mut file: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(ZSTD.len());
    file.by_ref().take(ZSTD.len() as u64).read_to_end(&mut magic)?;
    let gzip = magic.starts_with(&GZIP);
    let zstd = magic.starts_with(&ZSTD);
    let whole = io::Cursor::new(magic).chain(file);
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(io::BufReader::new(whole)))
    } else if zstd {
        Box::new(zstd::Decoder::new(whole)?)
    } else {
        Box::new(whole)
    })
}
