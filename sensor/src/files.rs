//! Files that are read, or made, without waiting for anybody: opening a FIFO waits for its other end, a terminal waits for
//! its user, and some devices never end. What is no regular file is an error that says what it is.

use std::{
    ffi::OsStr,
    fmt,
    fs::{File, FileType, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Component, Path},
};

/// What somebody can do about an error of writing, to stand behind it; empty where the error says all.
pub fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; free some space there",
        io::ErrorKind::QuotaExceeded => "; free some space there, or raise the quota",
        io::ErrorKind::ReadOnlyFilesystem => "; mount it read-write",
        // The sandbox knows directories by what they were at the start.
        io::ErrorKind::PermissionDenied => {
            "; check the owner and the mode of its directory, and restart the sensor if that was replaced"
        }
        _ => "",
    }
}

/// The most that a file of some kind may hold, octets. A sparse file, or a pipe that never ends, must not take all memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit(pub u64);

impl Limit {
    /// What people write: configuration, policies, certificates, secrets.
    pub const TEXT: Self = Self(4 << 20);
    /// What programs write for the sensor: labels, lists, inventories.
    pub const DATA: Self = Self(512 << 20);
    /// Databases of locations.
    pub const DATABASE: Self = Self(2 << 30);
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            octets if octets % (1 << 20) == 0 => write!(f, "{} MiB", octets >> 20),
            octets => write!(f, "{octets} bytes"),
        }
    }
}

/// The error of a file that holds `size` octets, or more than the limit where that is not known.
fn too_large(size: Option<u64>, limit: Limit) -> io::Error {
    let size = size.map_or_else(|| format!("more than {}", limit.0), |size| size.to_string());
    let message = format!("it has {size} bytes, and the limit is {limit}");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

/// Opens the file at `path` to be read.
///
/// What the process was started with (`/dev/stdin`, `/dev/fd/N`) may be a pipe, and `/dev/null` is an empty file.
///
/// # Errors
/// What the system says; a directory, a FIFO, a device, a socket.
pub fn open(path: &Path) -> io::Result<File> {
    if is_inherited(path) {
        return File::open(path);
    }
    // On a regular file the flag changes nothing.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if is_null(&metadata) { Ok(file) } else { regular(file, &metadata) }
}

/// The octets of the file at `path`, which may be as many as `limit`.
///
/// # Errors
/// As [`open`]; more octets than that.
pub fn read(path: &Path, limit: Limit) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let size = file.metadata()?.len();
    if size > limit.0 {
        return Err(too_large(Some(size), limit));
    }
    // A pipe has no size, a file may grow, and those of /proc say 0.
    let mut octets = Vec::new();
    file.take(limit.0.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() as u64 > limit.0 { Err(too_large(None, limit)) } else { Ok(octets) }
}

/// Makes the file at `path`, or empties it, to be written.
///
/// # Errors
/// As [`open`].
pub fn create(path: &Path) -> io::Result<File> {
    // Emptied once it is known what it is.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ENXIO) => wrong("a FIFO or a socket"),
            _ => error,
        })?;
    let metadata = file.metadata()?;
    let file = regular(file, &metadata)?;
    file.set_len(0)?;
    Ok(file)
}

fn regular(file: File, metadata: &Metadata) -> io::Result<File> {
    if metadata.is_file() { Ok(file) } else { Err(wrong(kind(metadata.file_type()))) }
}

fn wrong(kind: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}, not a regular file"))
}

fn kind(of: FileType) -> &'static str {
    match of {
        of if of.is_dir() => "a directory",
        of if of.is_fifo() => "a FIFO",
        of if of.is_socket() => "a socket",
        _ => "a device",
    }
}

/// Whether it is `/dev/null`: device 1, 3 of Linux (Documentation/admin-guide/devices.txt).
fn is_null(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == libc::makedev(1, 3)
}

/// Whether the path is that of an open file of this process.
pub fn is_inherited(path: &Path) -> bool {
    let mut parts = path.components();
    if parts.next() != Some(Component::RootDir) {
        return false;
    }
    let names: Vec<&OsStr> = parts.map(Component::as_os_str).collect();
    let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    matches!(*names, ["dev", "stdin"] | ["dev", "fd", _] | ["proc", "self", "fd", _])
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _, os::fd::AsRawFd as _, os::unix::net::UnixListener};

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let status = std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap();
        assert!(status.success());
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let zero = Path::new("/dev/zero").to_owned();
        for (path, what) in [
            (at("fifo"), "a FIFO"),
            (directory.path().to_owned(), "a directory"),
            (zero, "a device"),
        ] {
            let error = read(&path, Limit::TEXT).unwrap_err().to_string();
            assert_eq!(error, format!("it is {what}, not a regular file"));
        }
        assert!(read(&at("socket"), Limit::TEXT).is_err());
        for path in [at("fifo"), at("socket"), directory.path().to_owned()] {
            assert!(create(&path).is_err(), "{}", path.display());
        }
        // Somebody reads from it: it can be opened, and is none all the same.
        let reader = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(at("fifo"));
        let reader = reader.unwrap();
        assert_eq!(
            create(&at("fifo")).unwrap_err().to_string(),
            "it is a FIFO, not a regular file"
        );
        drop(reader);
        assert_eq!(read(&at("none"), Limit::TEXT).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn files_and_what_was_handed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "something long").unwrap();
        create(&path).unwrap().write_all(b"text").unwrap();
        assert_eq!(read(&path, Limit::TEXT).unwrap(), b"text");
        assert_eq!(read(Path::new("/dev/null"), Limit::TEXT).unwrap(), b"");
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"piped").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read(Path::new(&path), Limit::TEXT).unwrap(), b"piped");
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sparse");
        File::create(&path).unwrap().set_len(4 << 30).unwrap();
        for limit in [Limit::TEXT, Limit::DATA, Limit::DATABASE] {
            let error = read(&path, limit).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
            let expected = format!("it has 4294967296 bytes, and the limit is {limit}");
            assert_eq!(error.to_string(), expected);
        }
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, Limit(5)).unwrap(), b"12345");
        let error = read(&path, Limit(4)).unwrap_err().to_string();
        assert_eq!(error, "it has 5 bytes, and the limit is 4 bytes");
        assert_eq!(Limit::TEXT.to_string(), "4 MiB");
    }

    #[test]
    fn what_says_no_size_is_read_up_to_the_limit() {
        let status = Path::new("/proc/self/status");
        assert_eq!(fs::metadata(status).unwrap().len(), 0, "it lies");
        assert!(read(status, Limit::TEXT).unwrap().starts_with(b"Name:"));
        let error = read(status, Limit(16)).unwrap_err().to_string();
        assert_eq!(error, "it has more than 16 bytes, and the limit is 16 bytes");
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"12345").unwrap();
        // It is still open: who read on would wait.
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert!(read(Path::new(&path), Limit(4)).is_err());
    }
}
