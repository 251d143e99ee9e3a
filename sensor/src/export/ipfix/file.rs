//! IPFIX files (RFC 5655): a file is a session, its messages one behind the other, templates first.
//!
//! A file under way has a hidden temporary name in the same directory, `.NAME-TIME-NUMBER.ipfix.part`, and gets its
//! own when it is complete, so that whoever picks up `*.ipfix` never sees half a file.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{error::ExportError, options::FileOptions};
use crate::export::files::{
    self,
    retention::{Deleted, Retention},
    whole,
};

/// A file under way.
#[derive(Debug)]
pub struct IpfixFile {
    /// None once the file is complete.
    file: Option<File>,
    temporary: PathBuf,
    path: PathBuf,
    number: u32,
    octets: u64,
    rotate_octets: u64,
    ends_at: u64,
    deleted: Deleted,
}

impl IpfixFile {
    /// Makes a file that starts at `now` (milliseconds since the epoch), numbered `number` or, where there is such
    /// a file already, the next free number.
    pub fn create(options: &FileOptions, now: u64, number: u32) -> Result<Self, ExportError> {
        let directory = &options.directory;
        fs::create_dir_all(directory).map_err(error("create directory", directory))?;
        let mut deleted = Deleted::default();
        make_room(options, &mut deleted);
        let start = compact_time(now);
        for number in number.. {
            let name = format!("{}-{start}-{number:06}.ipfix", options.name);
            let (path, temporary) =
                (directory.join(&name), directory.join(format!(".{name}.part")));
            if path.exists() {
                continue;
            }
            match files::make(&temporary) {
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
                opened => {
                    return Ok(Self {
                        file: Some(opened.map_err(error("create", &temporary))?),
                        temporary,
                        path,
                        number,
                        octets: 0,
                        rotate_octets: options.rotate_octets,
                        ends_at: now.saturating_add(options.rotate_interval.as_millis() as u64),
                        deleted,
                    });
                }
            }
        }
        Err(error("create a file in", directory)(io::ErrorKind::AlreadyExists.into()))
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Octets of its messages.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// What was deleted to make room for it, when this is first asked.
    pub fn take_deleted(&mut self) -> Deleted {
        std::mem::take(&mut self.deleted)
    }

    /// When it is old enough, in milliseconds since the epoch.
    pub fn ends_at(&self) -> u64 {
        self.ends_at
    }

    /// True when it is old or large enough.
    pub fn is_complete(&self, now: u64) -> bool {
        now >= self.ends_at || self.octets >= self.rotate_octets
    }

    /// Appends a message. After an error the file ends with the last whole message and takes no more.
    pub fn write(&mut self, message: &[u8]) -> Result<(), ExportError> {
        let Some(file) = &mut self.file else {
            return Err(error("write", &self.temporary)(io::ErrorKind::NotFound.into()));
        };
        if let Err(failure) = whole::append(file, message) {
            let _ = self.complete();
            return Err(error("write", &self.path)(failure));
        }
        self.octets += message.len() as u64;
        Ok(())
    }

    /// Gives the file its name. A file without messages is removed.
    pub fn complete(&mut self) -> Result<(), ExportError> {
        if self.file.take().is_none() {
            return Ok(());
        }
        match self.octets {
            0 => fs::remove_file(&self.temporary).map_err(error("remove", &self.temporary)),
            _ => fs::rename(&self.temporary, &self.path)
                .map_err(error("rename the file to", &self.path)),
        }
    }
}

impl Drop for IpfixFile {
    fn drop(&mut self) {
        // What is written is good, also when the deadline of a stop has passed.
        let _ = self.complete();
    }
}

/// Deletes complete files that are too many once there is another. What cannot be deleted is told, and keeps nothing up.
fn make_room(options: &FileOptions, deleted: &mut Deleted) {
    if options.retention == Retention::default() {
        return;
    }
    let made = complete_files(options)
        .and_then(|files| options.retention.enforce(&files, options.rotate_octets, deleted));
    if let Err(error) = made {
        let directory = options.directory.display();
        tracing::error!(%directory, %error, "cannot delete surplus IPFIX files");
    }
}

/// Path and octets of all complete files, also of earlier runs, the youngest first.
fn complete_files(options: &FileOptions) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(&options.directory)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| is_ours(name, &options.name)) {
            files.push((entry.path(), entry.metadata()?.len()));
        }
    }
    // Names are of one length up to the number, and say when a file was made.
    files.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    Ok(files)
}

/// Whether [`IpfixFile::create`] could have made a file of this name.
fn is_ours(file: &str, name: &str) -> bool {
    let stem = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    let parts = stem.and_then(|stem| stem.strip_suffix(".ipfix")).and_then(|s| s.split_once('-'));
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    parts.is_some_and(|(time, number)| {
        let is_time = time.len() == "20231114T221320Z".len()
            && time.ends_with('Z')
            && time.split_once('T').is_some_and(|(day, rest)| digits(day) && digits(&rest[..6]));
        is_time && number.len() >= 6 && digits(number)
    })
}

fn error(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExportError {
    move |source| ExportError::File { attempt, path: path.to_owned(), source }
}

/// `20231114T221320Z` for milliseconds since the epoch.
fn compact_time(milliseconds: u64) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
    let time = humantime::format_rfc3339_seconds(time.unwrap_or(SystemTime::UNIX_EPOCH));
    time.to_string().replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn options(directory: &Path) -> FileOptions {
        FileOptions {
            rotate_octets: 10,
            rotate_interval: Duration::from_secs(5),
            ..FileOptions::new(directory.to_owned())
        }
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = IpfixFile::create(&options(directory.path()), NOW, 1).unwrap();
        file.write(b"message").unwrap();
        assert_eq!(names(directory.path()), [".flows-20231114T221320Z-000001.ipfix.part"]);
        file.complete().unwrap();
        assert_eq!(names(directory.path()), ["flows-20231114T221320Z-000001.ipfix"]);
    }

    #[test]
    fn a_file_never_takes_the_place_of_another() {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path());
        let (mut first, second) = (
            IpfixFile::create(&options, NOW, 1).unwrap(),
            IpfixFile::create(&options, NOW, 1).unwrap(),
        );
        assert_eq!((first.number(), second.number()), (1, 2));
        first.write(b"message").unwrap();
        drop(first);
        drop(second);
        assert_eq!(IpfixFile::create(&options, NOW, 1).unwrap().number(), 2);
        assert_eq!(
            names(directory.path()),
            ["flows-20231114T221320Z-000001.ipfix"],
            "no empty ones"
        );
    }

    #[test]
    fn size_and_age_make_it_complete() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = IpfixFile::create(&options(directory.path()), NOW, 1).unwrap();
        assert!(!file.is_complete(NOW + 4999));
        assert!(file.is_complete(NOW + 5000));
        file.write(&[0; 10]).unwrap();
        assert!(file.is_complete(NOW));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let blocked = directory.path().join("file");
        fs::write(&blocked, "").unwrap();
        let options = options(&blocked.join("inside"));
        let error = IpfixFile::create(&options, NOW, 1).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot create directory ") && error.contains("/file/inside"),
            "{error}"
        );
    }
    #[test]
    fn old_files_go_and_those_of_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let retention = Retention { keep: Some(2), max_total: None };
        let options = FileOptions { retention, ..options(directory.path()) };
        let others = [
            "flows-20231114T221320Z-1.ipfix",
            "flows-x-000001.ipfix",
            "flows-2023111XT221320Z-000001.ipfix",
        ];
        others.iter().for_each(|name| fs::write(directory.path().join(name), "theirs").unwrap());
        let mut deleted = Deleted::default();
        for minute in 0..5 {
            let mut file = IpfixFile::create(&options, NOW + minute * 60_000, 1).unwrap();
            deleted.add(file.take_deleted());
            file.write(b"message").unwrap();
        }
        assert_eq!(deleted, Deleted { files: 2, octets: 14 });
        let mut there = names(directory.path());
        there.retain(|name| !others.contains(&name.as_str()));
        assert_eq!(
            there,
            [
                "flows-20231114T221520Z-000001.ipfix",
                "flows-20231114T221620Z-000001.ipfix",
                "flows-20231114T221720Z-000001.ipfix"
            ],
            "the one under way became complete"
        );
        let total = Retention { keep: None, max_total: Some(10 + 8) };
        let options = FileOptions { retention: total, ..options };
        let mut file = IpfixFile::create(&options, NOW + 600_000, 1).unwrap();
        assert_eq!(file.take_deleted(), Deleted { files: 2, octets: 14 }, "one has room beside it");
    }
}
