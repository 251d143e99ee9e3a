//! Text files as editors of all systems leave them.

use std::{io, path::Path};

use crate::files::{self, Limit};

/// What some editors put before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The octets of a file, without a byte order mark.
///
/// # Errors
/// When it cannot be read, holds more than `limit`, or is UTF-16, in which every line would be faulty.
pub fn octets(path: &Path, limit: Limit) -> io::Result<Vec<u8>> {
    let mut octets = files::read(path, limit)?;
    if octets.starts_with(b"\xff\xfe") || octets.starts_with(b"\xfe\xff") {
        return Err(io::Error::other("it is UTF-16; save it as UTF-8"));
    }
    if octets.starts_with(MARK) {
        octets.drain(..MARK.len());
    }
    Ok(octets)
}

/// The text of a file, without a byte order mark.
///
/// # Errors
/// As those of [`octets`], and when it is not UTF-8.
pub fn read(path: &Path, limit: Limit) -> io::Result<String> {
    String::from_utf8(octets(path, limit)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn marks_are_no_text() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        let check = |octets: &[u8]| {
            fs::write(&path, octets).expect("written");
            read(&path, Limit::TEXT).map_err(|error| error.to_string())
        };
        assert_eq!(check(b"\xef\xbb\xbf22\r\n").as_deref(), Ok("22\r\n"));
        assert_eq!(check(b"22\n").as_deref(), Ok("22\n"));
        assert_eq!(check(b"\xff\xfe2\0").unwrap_err(), "it is UTF-16; save it as UTF-8");
        assert_eq!(check(b"\xff").unwrap_err(), "it is not UTF-8");
    }
}
