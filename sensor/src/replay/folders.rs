//! Folders of objects: which files they stand for, each of them once, and what of them is not read.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    fs::Metadata,
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use super::open::{self, STDIN};

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it lies.
    pub path: PathBuf,
    /// Nobody named it: it lies in a folder that somebody named.
    pub of_folder: bool,
}

impl AsRef<Path> for Found {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// Why something in a folder was not read, or not to its end.
#[derive(Debug)]
pub enum Why {
    /// A pipe, socket or device: nobody knows whether, and how long, it would have to be waited for.
    Special(&'static str),
    /// It holds nothing.
    Empty,
    /// Nothing that is decoded begins so.
    Foreign,
    /// The system, or its compression, says so. It may have been a log.
    Unreadable(io::Error),
}

impl Why {
    /// Its kind, as ledgers count it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Special(_) => "not a regular file",
            Self::Empty => "empty",
            Self::Foreign => "not a cloud flow log",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// Whether records may be missing for it.
    pub fn may_be_log(&self) -> bool {
        matches!(self, Self::Unreadable(_))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Special(kind) => write!(f, "{kind}"),
            Self::Empty => f.write_str("empty"),
            Self::Foreign => f.write_str("not a cloud flow log that is known here"),
            Self::Unreadable(error) => write!(f, "cannot be read to its end: {error}"),
        }
    }
}

/// What was passed over, or given up.
#[derive(Debug)]
pub struct Skipped {
    /// Where it lies.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// What paths stand for.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files to read, in the order of the times in their names.
    pub files: Vec<Found>,
    /// What cannot be read of the folders.
    pub skipped: Vec<Skipped>,
    /// The folders among the paths.
    pub folders: Vec<PathBuf>,
}

/// The files that `paths` name, folders standing for the files in them. Of what lies in a folder, nothing comes twice, however
/// many links lead there; of several names, the one is taken that is no symbolic link.
///
/// # Errors
/// The first of `paths` that is a folder and cannot be read.
pub fn list(paths: &[impl AsRef<Path>]) -> Result<Listing, (PathBuf, io::Error)> {
    let mut walk = Walk::default();
    for path in paths.iter().map(AsRef::as_ref).filter(|path| *path != Path::new(STDIN)) {
        // What is named itself is read as it is named, and not once more where it lies in a folder.
        if let Some(file) = path.metadata().ok().filter(|metadata| !metadata.is_dir()) {
            walk.seen.insert(identity(&file));
        }
    }
    for path in paths.iter().map(AsRef::as_ref) {
        if path == Path::new(STDIN) || !path.is_dir() {
            walk.listing.files.push(Found { path: path.to_owned(), of_folder: false });
            continue;
        }
        walk.listing.folders.push(path.to_owned());
        let failed = |error| (path.to_owned(), error);
        let folder = path.metadata().map_err(failed)?;
        if walk.seen.insert(identity(&folder)) {
            let entries = open::entries(path).map_err(failed)?;
            walk.walk(entries);
        }
    }
    // Links come last, so that none of them is in place of what it leads to.
    while let Some(link) = walk.links.pop_front() {
        walk.follow(link);
    }
    let mut listing = walk.listing;
    // Folders are by account and region, and time has to pass for all of them alike.
    listing.files.sort_by_cached_key(|file| time(&file.path).unwrap_or_default());
    Ok(listing)
}

/// What one file is, whatever it is called.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[derive(Default)]
struct Walk {
    seen: HashSet<(u64, u64)>,
    links: VecDeque<PathBuf>,
    listing: Listing,
}

impl Walk {
    /// Goes through entries of a folder and what lies below.
    fn walk(&mut self, mut entries: Vec<PathBuf>) {
        // The next one is at the end.
        entries.reverse();
        while let Some(path) = entries.pop() {
            // What tools for buckets keep beside the objects.
            if path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.') {
                continue;
            }
            match path.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => self.links.push_back(path),
                Ok(metadata) => entries.extend(self.enter(path, &metadata).into_iter().rev()),
                Err(error) => self.skip(path, Why::Unreadable(error)),
            }
        }
    }

    fn follow(&mut self, link: PathBuf) {
        match link.metadata() {
            Ok(metadata) => {
                let entries = self.enter(link, &metadata);
                self.walk(entries);
            }
            Err(error) => self.skip(link, Why::Unreadable(error)),
        }
    }

    /// Takes a file, or tells the entries of a folder.
    fn enter(&mut self, path: PathBuf, metadata: &Metadata) -> Vec<PathBuf> {
        if !self.seen.insert(identity(metadata)) {
            return Vec::new();
        }
        if metadata.is_dir() {
            return open::entries(&path).unwrap_or_else(|error| {
                self.skip(path, Why::Unreadable(error));
                Vec::new()
            });
        }
        match special(metadata) {
            Some(kind) => self.skip(path, Why::Special(kind)),
            None => self.listing.files.push(Found { path, of_folder: true }),
        }
        Vec::new()
    }

    fn skip(&mut self, path: PathBuf, why: Why) {
        self.listing.skipped.push(Skipped { path, why });
    }
}

/// What it is that has no end to read to; none for a regular file.
fn special(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        None
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

/// The time in the name of an object in S3: `20260130T1250Z` between underscores.
pub fn time(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let is_time = |part: &&str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        part.len() == 14 && digits == 12 && part.as_bytes()[8] == b'T' && part.ends_with('Z')
    };
    name.split('_').find(is_time).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::{fs::symlink, net::UnixListener},
        process::Command,
    };

    use super::*;

    fn names(listing: &Listing) -> Vec<String> {
        let path = |found: &Found| found.path.clone();
        let shown = |path: PathBuf| path.file_name().expect("a name").to_string_lossy().into();
        listing.files.iter().map(path).map(shown).collect()
    }

    fn skipped(listing: &Listing) -> Vec<(String, String)> {
        let shown = |skipped: &Skipped| {
            let name = skipped.path.file_name().expect("a name").to_string_lossy().into_owned();
            let why = match &skipped.why {
                Why::Special(kind) => (*kind).to_owned(),
                Why::Unreadable(error) => error.kind().to_string(),
                other => format!("{other:?}"),
            };
            (name, why)
        };
        listing.skipped.iter().map(shown).collect()
    }

    #[test]
    fn only_regular_files_of_a_folder_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.log"), "x").expect("a file");
        assert!(Command::new("mkfifo").arg(at("pipe")).status().expect("it runs").success());
        let _socket = UnixListener::bind(at("socket")).expect("a socket");
        symlink("/dev/null", at("zero")).expect("a link");
        symlink("absent", at("dangling")).expect("a link");
        fs::write(at(".state"), "x").expect("a file");
        let listing = list(&[folder.path()]).expect("readable");
        assert_eq!(names(&listing), ["a.log"]);
        let expected = [
            ("pipe", "a named pipe"),
            ("socket", "a socket"),
            ("dangling", "entity not found"),
            ("zero", "a device"),
        ];
        assert_eq!(skipped(&listing), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        // Who names a pipe wants it read: so do shells, for `<(zcat ...)`.
        let listing = list(&[at("pipe")]).expect("no folder");
        assert_eq!((names(&listing), skipped(&listing)), (vec!["pipe".to_owned()], vec![]));
    }

    #[test]
    fn no_file_of_a_folder_comes_twice() {
        let (folder, other) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("day")).expect("a folder");
        fs::write(at("day/b.log"), "x").expect("a file");
        fs::write(at("c.log"), "x").expect("a file");
        fs::write(other.path().join("d.log"), "x").expect("a file");
        symlink(".", at("day/loop")).expect("a link");
        symlink("..", at("day/up")).expect("a link");
        symlink("day", at("a-link")).expect("a link");
        symlink("day/b.log", at("a.log")).expect("a link");
        fs::hard_link(at("c.log"), at("hard.log")).expect("a link");
        // Links lead out of the folder as well, and are followed once.
        symlink(other.path(), at("other")).expect("a link");
        symlink(other.path(), at("other-again")).expect("a link");
        let listing = list(&[folder.path()]).expect("readable");
        assert_eq!(names(&listing), ["c.log", "b.log", "d.log"]);
        assert_eq!(skipped(&listing), []);
        // The folder twice, one of its folders, and one of its files.
        let paths = [folder.path().to_owned(), at("day"), at("c.log"), folder.path().to_owned()];
        assert_eq!(names(&list(&paths).expect("readable")), ["b.log", "c.log", "d.log"]);
    }

    #[test]
    fn a_folder_in_a_folder_that_cannot_be_read_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut deep = folder.path().to_owned();
        fs::write(folder.path().join("a.log"), "x").expect("a file");
        symlink(folder.path().join("self"), folder.path().join("self")).expect("a link");
        let listing = list(&[folder.path()]).expect("readable");
        assert_eq!(names(&listing), ["a.log"]);
        assert_eq!(listing.skipped.len(), 1, "a link that leads to itself");
        deep.push("absent");
        assert_eq!(names(&list(&[&deep]).expect("no folder")), ["absent"]);
    }
}
