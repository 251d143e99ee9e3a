//! Files under way that a process left behind when it was killed: what is whole of them is finished.
//!
//! A process that lives holds a lock on its file under way, which the kernel lets go of when it ends, however it ends.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, Read as _},
    path::Path,
};

use super::{file::is_ours, options::FileOptions};
use crate::wire::ipfix::{MESSAGE_HEADER_LENGTH, VERSION};

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It has its own name, without so many octets at its end.
    Finished { cut: u64 },
    /// It had no whole message: its octets.
    Removed(u64),
    /// It belongs to a process that lives, or has just been finished.
    Left,
}

/// Finishes the files that killed processes left in the directory. What cannot be is told, and keeps nothing up.
pub fn finish(options: &FileOptions) {
    let Ok(entries) = fs::read_dir(&options.directory) else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let hidden = file_name.to_str().and_then(|name| name.strip_prefix('.'));
        let Some(name) = hidden.and_then(|name| name.strip_suffix(".part")) else { continue };
        if !is_ours(name, &options.name) {
            continue;
        }
        let (part, path) = (entry.path(), options.directory.join(name));
        let file = part.display();
        match finish_one(&part, &path) {
            Ok(Outcome::Left) => {}
            Ok(Outcome::Finished { cut }) => {
                let name = path.display();
                tracing::warn!(%file, %name, cut, "finished: a process that was killed had left it");
            }
            Ok(Outcome::Removed(octets)) => {
                tracing::warn!(
                    %file,
                    octets,
                    "removed: a process that was killed had left it without a whole message"
                );
            }
            Err(error) => {
                tracing::error!(%file, %error, "cannot finish what a killed process has left");
            }
        }
    }
}

fn finish_one(part: &Path, path: &Path) -> io::Result<Outcome> {
    // No link is followed, and no FIFO waited for.
    if !fs::symlink_metadata(part)?.is_file() {
        return Ok(Outcome::Left);
    }
    let file = OpenOptions::new().read(true).write(true).open(part)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(Outcome::Left),
        // Where nothing can be locked, nobody can tell whether its process lives.
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    if !part.exists() || path.exists() {
        return Ok(Outcome::Left);
    }
    let (octets, whole) = (file.metadata()?.len(), whole_messages(&file)?);
    if whole == 0 {
        fs::remove_file(part)?;
        return Ok(Outcome::Removed(octets));
    }
    file.set_len(whole)?;
    fs::rename(part, path)?;
    Ok(Outcome::Finished { cut: octets - whole })
}

/// Octets of the whole messages at the beginning of `file`.
fn whole_messages(file: &File) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    let mut whole = 0;
    loop {
        let mut start = [0; 4];
        match reader.read_exact(&mut start) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(whole),
            read => read?,
        }
        let [version, length] =
            [[start[0], start[1]], [start[2], start[3]]].map(u16::from_be_bytes);
        let length = u64::from(length);
        if version != VERSION || length < MESSAGE_HEADER_LENGTH as u64 {
            return Ok(whole);
        }
        let rest = length - 4;
        if io::copy(&mut reader.by_ref().take(rest), &mut io::sink())? < rest {
            return Ok(whole);
        }
        whole += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{files::retention::Retention, ipfix::file::IpfixFile};

    const NOW: u64 = 1_700_000_000_000;

    fn message(octets: u16) -> Vec<u8> {
        let mut message = vec![0, 10];
        message.extend(octets.to_be_bytes());
        message.resize(octets.into(), 7);
        message
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn whole_messages_of_a_killed_process_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let options = FileOptions::new(directory.path().to_owned());
        let write = |name: &str, content: &[u8]| {
            fs::write(directory.path().join(name), content).unwrap();
        };
        let (one, two) = (message(400), message(20));
        let half = [&one[..], &two, &one[..399]].concat();
        write(".flows-20231114T221320Z-000001.ipfix.part", &half);
        write(".flows-20231114T221320Z-000002.ipfix.part", &[&two[..], &two].concat());
        // Nothing, half a message, and what a power cut leaves.
        write(".flows-20231114T221320Z-000003.ipfix.part", &[]);
        write(".flows-20231114T221320Z-000004.ipfix.part", &one[..399]);
        write(".flows-20231114T221320Z-000005.ipfix.part", &[&one[..], &[0; 4096]].concat());
        // Others'.
        write(".flows-x-000001.ipfix.part", b"theirs");
        write("flows-20231114T221320Z-000006.ipfix.part", b"theirs");
        finish(&options);
        assert_eq!(
            names(directory.path()),
            [
                ".flows-x-000001.ipfix.part",
                "flows-20231114T221320Z-000001.ipfix",
                "flows-20231114T221320Z-000002.ipfix",
                "flows-20231114T221320Z-000005.ipfix",
                "flows-20231114T221320Z-000006.ipfix.part",
            ]
        );
        let read = |number: u32| {
            let name = format!("flows-20231114T221320Z-{number:06}.ipfix");
            fs::read(directory.path().join(name)).unwrap()
        };
        assert_eq!(read(1), half[..420]);
        assert_eq!(read(2).len(), 40);
        assert_eq!(read(5), one);
    }

    #[test]
    fn the_file_of_a_process_that_lives_is_left_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let options = FileOptions::new(directory.path().to_owned());
        let mut file = IpfixFile::create(&options, NOW, 1).unwrap();
        file.write(&message(20)).unwrap();
        finish(&options);
        assert_eq!(names(directory.path()), [".flows-20231114T221320Z-000001.ipfix.part"]);
        file.write(&message(20)).unwrap();
        file.complete().unwrap();
        assert_eq!(names(directory.path()), ["flows-20231114T221320Z-000001.ipfix"]);
    }

    #[test]
    fn what_was_finished_counts_in_what_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let retention = Retention { keep: Some(1), max_total: None };
        let options = FileOptions { retention, ..FileOptions::new(directory.path().to_owned()) };
        for number in 1..=3 {
            let name = format!(".flows-20231114T221320Z-{number:06}.ipfix.part");
            fs::write(directory.path().join(name), message(20)).unwrap();
        }
        finish(&options);
        let mut file = IpfixFile::create(&options, NOW + 60_000, 1).unwrap();
        assert_eq!(file.take_deleted().files, 2);
    }
}
