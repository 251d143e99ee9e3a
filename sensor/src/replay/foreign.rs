//! What a file may be that nobody here reads, by its first octets, and what to do about it.

/// First octets, what they are of, and what makes something of it that is read.
const KNOWN: [(&[u8], &str); 8] = [
    (b"BZh", "it is compressed by bzip2: `bzip2 -d` decompresses it"),
    (b"\xfd7zXZ", "it is compressed by xz: `xz -d` decompresses it"),
    (b"\x04\x22\x4d\x18", "it is compressed by lz4: `lz4 -d` decompresses it"),
    (b"7z\xbc\xaf", "it is an archive of 7-Zip: unpack it"),
    (b"PK\x03\x04", "it is a ZIP archive: unpack it"),
    (b"\x1f\x8b", "it is compressed by gzip more than once: decompress it with `gzip -d`"),
    (b"\xff\xfe", "it is text in UTF-16: `iconv -f UTF-16 -t UTF-8` makes text of it that is read"),
    (b"\xfe\xff", "it is text in UTF-16: `iconv -f UTF-16 -t UTF-8` makes text of it that is read"),
];

/// What a file is that begins so; none where nobody knows.
pub fn hint(begin: &[u8]) -> Option<&'static str> {
    // The bytes may be all that is left of the beginning.
    let is = |magic: &[u8]| {
        begin.len() >= 2 && begin.starts_with(&magic[..magic.len().min(begin.len())])
    };
    KNOWN.iter().find(|(magic, _)| is(magic)).map(|(_, hint)| *hint)
}
