//! Whether files can be made and written to in a place, without a trace of the attempt.
//!
//! A file without a name (`O_TMPFILE`) tells: the kernel asks for the same permissions as for one with a name, and what has
//! no name needs no removal, not even after a crash. File systems that know no such files (NFS) get a hidden one, which is
//! removed at once.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use sensor_core::diagnostic::Finding;

use crate::{export::hits::spool, files, intake};

/// A place, by how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file that is appended to.
    Appended(PathBuf),
    /// One that is renamed when it is full, so that another takes its place.
    Rotated(PathBuf),
    /// A file that is read at the start, and replaced by a new one.
    Replaced(PathBuf),
    /// A directory in which files are made; it is made itself if need be.
    Directory(PathBuf),
    /// Such a directory, with the lock of a spool in it.
    Spool(PathBuf),
}

/// Symbolic links that are followed, as the kernel follows them (`MAXSYMLINKS`).
const LINKS: usize = 40;

/// Why a place cannot be used as it is to be.
pub fn fault(place: &Place) -> Option<Finding> {
    match place {
        Place::Appended(file) => cannot_write(file, append(file)),
        Place::Rotated(file) => cannot_write(file, append(file)).or_else(|| unrotatable(file)),
        Place::Replaced(file) => {
            let there = match files::open(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Trouble::from(error)),
                _ => replace(file),
            };
            cannot_write(file, there)
        }
        Place::Directory(directory) => unmakeable(directory),
        Place::Spool(directory) => {
            let lock = spool::lock_file(directory);
            unmakeable(directory).or_else(|| match fs::metadata(&lock) {
                Ok(_) => cannot_write(&lock, append(&lock)),
                Err(_) => None,
            })
        }
    }
}

/// Why not.
enum Trouble {
    System(io::Error),
    /// There is no such directory.
    Nowhere(PathBuf, io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

fn cannot_write(file: &Path, result: Result<(), Trouble>) -> Option<Finding> {
    let file = file.display();
    let message = match result.err()? {
        Trouble::System(error) => format!("cannot write to {file}: {error}"),
        Trouble::Nowhere(directory, error) => {
            let directory = directory.display();
            format!("cannot write to {file}: there is no directory {directory}: {error}")
        }
    };
    Some(Finding::error(message).of_file(file))
}

/// Whether a file can be appended to, or made.
fn append(file: &Path) -> Result<(), Trouble> {
    if file.as_os_str().as_bytes().ends_with(b"/") {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    match fs::metadata(file) {
        Ok(found) if found.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory).into()),
        // Opening a pipe waits for its reader.
        Ok(found) if !found.is_file() => Ok(()),
        Ok(_) => Ok(OpenOptions::new().append(true).open(file).map(drop)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(&followed(file)),
        Err(error) => Err(error.into()),
    }
}

/// Whether a file that is not there can be made.
fn make(file: &Path) -> Result<(), Trouble> {
    let directory = parent(file);
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => Ok(try_in(directory)?),
        Ok(_) => Err(io::Error::from(io::ErrorKind::NotADirectory).into()),
        Err(error) => Err(Trouble::Nowhere(directory.to_owned(), error)),
    }
}

/// Whether the new file that will take the place of `file` can be made.
fn replace(file: &Path) -> Result<(), Trouble> {
    let fresh = intake::fresh_state(file);
    match fs::symlink_metadata(&fresh) {
        Ok(_) => append(&fresh).and_then(|()| Ok(try_in(parent(file))?)),
        Err(_) => make(&fresh),
    }
}

/// Why a file that is there cannot make room for another.
fn unrotatable(file: &Path) -> Option<Finding> {
    if !fs::metadata(file).is_ok_and(|found| found.is_file()) {
        return None;
    }
    let directory = parent(file);
    let error = try_in(directory).err()?;
    let (file, directory) = (file.display(), directory.display());
    let message = format!("cannot rotate {file}: cannot create files in {directory}: {error}");
    Some(Finding::error(message).of_file(file))
}

/// Why a directory takes no files, or cannot be made.
fn unmakeable(directory: &Path) -> Option<Finding> {
    let shown = directory.display();
    let fault = |what, error| Finding::error(format!("{what} {shown}: {error}")).of_file(shown);
    for ancestor in directory.ancestors() {
        let ancestor = if ancestor == Path::new("") { Path::new(".") } else { ancestor };
        let error = match fs::metadata(ancestor) {
            Ok(found) if found.is_dir() => match try_in(ancestor) {
                Ok(()) => return None,
                Err(error) if ancestor == directory => {
                    return Some(fault("cannot create a file in", error));
                }
                Err(error) => error,
            },
            Ok(_) => io::Error::from(io::ErrorKind::NotADirectory),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && fs::symlink_metadata(ancestor).is_err() =>
            {
                continue;
            }
            // Among them links that lead nowhere.
            Err(error) => error,
        };
        return Some(fault("cannot create directory", error));
    }
    None
}

/// Makes a file in `directory` that nobody sees.
fn try_in(directory: &Path) -> io::Result<()> {
    let unnamed =
        OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).mode(0o600).open(directory);
    match unnamed {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
            let name = format!(".sensor-{}.probe", std::process::id());
            let probe = directory.join(name);
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe)?;
            fs::remove_file(probe)
        }
        made => made.map(drop),
    }
}

/// Where a file would be made: behind symbolic links that lead to no file.
fn followed(file: &Path) -> PathBuf {
    let mut file = file.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&file) {
            Ok(target) => file = parent(&file).join(target),
            Err(_) => break,
        }
    }
    file
}

fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory").flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_left_behind_or_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "old").expect("written");
        fs::write(path("file.new"), "half").expect("written");
        symlink(path("behind"), path("link")).expect("a link");
        let before =
            (names(directory.path()), fs::metadata(path("file")).unwrap().modified().unwrap());
        for place in [
            Place::Appended(path("file")),
            Place::Appended(path("new")),
            Place::Appended("new".into()),
            Place::Appended("/dev/null".into()),
            Place::Rotated(path("file")),
            Place::Rotated(path("new")),
            Place::Rotated(path("link")),
            Place::Rotated("/dev/null".into()),
            Place::Replaced(path("file")),
            Place::Replaced(path("new")),
            Place::Directory(path("a/b/c")),
            Place::Directory("a/b/c".into()),
            Place::Directory(directory.path().to_owned()),
            Place::Spool(path("spool")),
            Place::Spool(directory.path().to_owned()),
        ] {
            assert_eq!(fault(&place), None, "{place:?}");
        }
        let after =
            (names(directory.path()), fs::metadata(path("file")).unwrap().modified().unwrap());
        assert_eq!(after, before);
        assert_eq!(fs::read_to_string(path("file")).unwrap(), "old");
        assert_eq!(fs::read_to_string(path("file.new")).unwrap(), "half");
    }

    /// In sysfs nobody makes files, not even root.
    #[test]
    fn what_cannot_be_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "").expect("written");
        symlink(path("absent/behind"), path("link")).expect("a link");
        symlink(path("nowhere"), path("dangling")).expect("a link");
        fs::create_dir(path("state.new")).expect("made");
        fs::create_dir_all(path("spool/lock")).expect("made");
        let sys = |name: &str| PathBuf::from(format!("/sys/{name}"));
        for (place, parts) in [
            (Place::Appended(path("absent/new")), ["cannot write to /", "there is no directory /"]),
            (Place::Appended(path("link")), ["cannot write to /", "there is no directory /"]),
            (Place::Appended(path("file/new")), ["cannot write to /", "ot a directory"]),
            (Place::Appended(path("")), ["cannot write to /", "is a directory"]),
            (Place::Appended(path("new/")), ["cannot write to /", "is a directory"]),
            (Place::Appended(sys("new")), ["cannot write to /sys/new: ", "os error"]),
            (Place::Rotated(sys("new")), ["cannot write to /sys/new: ", "os error"]),
            (Place::Replaced(sys("new")), ["cannot write to /sys/new: ", "os error"]),
            (Place::Replaced(path("state")), ["cannot write to /", "is a directory"]),
            (Place::Replaced(path("")), ["cannot write to /", "it is a directory"]),
            (
                Place::Directory(sys("new/deep")),
                ["cannot create directory /sys/new/deep: ", "os error"],
            ),
            (Place::Directory(sys("")), ["cannot create a file in /sys/: ", "os error"]),
            (Place::Directory(path("file/a/b")), ["cannot create directory /", "ot a directory"]),
            (Place::Directory(path("file")), ["cannot create directory /", "ot a directory"]),
            (Place::Directory(path("dangling/a")), ["cannot create directory /", "No such file"]),
            (Place::Spool(path("file")), ["cannot create directory /", "ot a directory"]),
            (Place::Spool(path("spool")), ["cannot write to /", "is a directory"]),
        ] {
            let fault = fault(&place).unwrap_or_else(|| panic!("{place:?} has a fault"));
            assert!(
                parts.iter().all(|part| fault.message.contains(part)),
                "{place:?}: {}",
                fault.message
            );
        }
    }
}
