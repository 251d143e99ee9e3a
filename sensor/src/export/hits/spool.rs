//! Messages on disk, in order, until they have been delivered: a process that ends, or is killed, loses none.
//!
//! A directory of numbered segments, each of lines, one message a line; a file `position` says which of them have been
//! delivered. After a crash a message may be delivered twice, and one that was half written is dropped and counted.
//! Messages are forced to the disk together ([`Spool::force`]), so that a power cut loses none that was; what has been
//! delivered is not.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// Octets of a segment at most, unless one message has more.
const SEGMENT: u64 = 1 << 20;

/// A spool of this process alone.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    limit: u64,
    segments: VecDeque<Segment>,
    /// The last segment, open for more; none before the first message.
    end: Option<File>,
    /// Whether it has what is not on the disk yet, and whether its name is not.
    unforced: bool,
    unnamed: bool,
    /// How much of the first segment is delivered.
    delivered: u64,
    /// The number of the next segment; none is given twice, since `position` speaks of numbers.
    next: u64,
    waiting: u64,
    torn: u64,
    _lock: File,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    octets: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is in the spool; on the disk for sure once it is forced there.
    Yes,
    /// There is no room for it.
    Full,
}

/// The file in `directory` by whose lock a process has the spool for itself.
pub fn lock_file(directory: &Path) -> PathBuf {
    directory.join("lock")
}

impl Spool {
    /// Opens the spool in `directory`, which is made if need be, for at most `limit` octets.
    ///
    /// # Errors
    /// When the files cannot be read or made, or another process has the spool.
    pub fn open(directory: &Path, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock_file(directory))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another output or process uses it"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut spool = Self {
            directory: directory.to_owned(),
            limit,
            segments: VecDeque::new(),
            end: None,
            unforced: false,
            unnamed: false,
            delivered: 0,
            next: 1,
            waiting: 0,
            torn: 0,
            _lock: lock,
        };
        spool.recover()?;
        Ok(spool)
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Messages that wait.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Messages that were found half written.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// Appends `message`, which has no line end in it.
    ///
    /// # Errors
    /// When it cannot be written; the spool is then as before.
    pub fn append(&mut self, message: &[u8]) -> io::Result<Kept> {
        let length = message.len() as u64 + 1;
        let octets: u64 = self.segments.iter().map(|segment| segment.octets).sum();
        if octets + length > self.limit {
            return Ok(Kept::Full);
        }
        let full = self.segments.back().is_none_or(|last| {
            last.octets > 0 && last.octets + length > SEGMENT.min(self.limit / 4)
        });
        if self.end.is_none() || full {
            self.begin_segment()?;
        }
        let (Some(file), Some(segment)) = (&mut self.end, self.segments.back_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut line = Vec::with_capacity(message.len() + 1);
        line.extend_from_slice(message);
        line.push(b'\n');
        if let Err(error) = file.write_all(&line) {
            // If even this fails, the half message is found and dropped at the next start.
            let _ = file.set_len(segment.octets).and_then(|()| file.sync_data());
            let is_empty = segment.octets == 0;
            self.end = None;
            if is_empty {
                // Else a full disk gets a file for each message that it has no room for.
                self.take_back_segment();
            }
            return Err(error);
        }
        segment.octets += length;
        self.waiting += 1;
        self.unforced = true;
        Ok(Kept::Yes)
    }

    /// Forces all that was appended to the disk: one wait for however many messages.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn force(&mut self) -> io::Result<()> {
        if let Some(file) = self.end.as_ref().filter(|_| self.unforced) {
            file.sync_data()?;
        }
        self.unforced = false;
        if self.unnamed {
            File::open(&self.directory)?.sync_all()?;
            self.unnamed = false;
        }
        Ok(())
    }

    /// The first messages that wait, at most `count`; those of one segment.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn peek(&mut self, count: usize) -> io::Result<Vec<Vec<u8>>> {
        while let Some(first) = self.segments.front() {
            if self.delivered < first.octets {
                let mut file = File::open(self.path(first.number))?;
                file.seek(SeekFrom::Start(self.delivered))?;
                let rest = BufReader::new(file.take(first.octets - self.delivered));
                return rest.split(b'\n').take(count).collect();
            }
            if self.segments.len() == 1 {
                break;
            }
            self.drop_first()?;
        }
        Ok(Vec::new())
    }

    /// The first `messages` have been delivered, or given up.
    ///
    /// # Errors
    /// When that cannot be noted: after a crash they will be delivered again.
    pub fn advance(&mut self, messages: &[Vec<u8>]) -> io::Result<()> {
        self.delivered += messages.iter().map(|message| message.len() as u64 + 1).sum::<u64>();
        self.waiting -= messages.len() as u64;
        if self.waiting == 0 {
            self.end = None;
            while !self.segments.is_empty() {
                self.drop_first()?;
            }
            return Ok(());
        }
        self.note_position()
    }

    /// Gives up the rest of the first segment, which cannot be read: returns how many messages remain.
    pub fn skip_segment(&mut self) -> u64 {
        if self.segments.len() == 1 {
            self.end = None;
        }
        // What cannot be removed is found again at the next start.
        let _ = self.drop_first();
        let lines = |segment: &Segment| count(&self.path(segment.number), 0).map_or(0, |(n, _)| n);
        self.waiting = self.segments.iter().map(lines).sum();
        self.waiting
    }

    fn drop_first(&mut self) -> io::Result<()> {
        self.delivered = 0;
        if let Some(first) = self.segments.pop_front() {
            fs::remove_file(self.path(first.number))?;
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        self.force()?;
        let number = self.next;
        let path = self.path(number);
        self.end = Some(OpenOptions::new().create_new(true).append(true).open(path)?);
        self.unnamed = true;
        self.next += 1;
        self.segments.push_back(Segment { number, octets: 0 });
        Ok(())
    }

    /// Removes the last segment, which has never had a message.
    fn take_back_segment(&mut self) {
        if let Some(last) = self.segments.pop_back() {
            // What cannot be removed is found at the next start, and removed then.
            let _ = fs::remove_file(self.path(last.number));
        }
    }

    fn note_position(&self) -> io::Result<()> {
        let Some(first) = self.segments.front() else { return Ok(()) };
        let temporary = self.directory.join(".position");
        fs::write(&temporary, format!("{} {}\n", first.number, self.delivered))?;
        fs::rename(temporary, self.directory.join("position"))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:010}.spool"))
    }

    /// Finds what an earlier process left.
    fn recover(&mut self) -> io::Result<()> {
        let mut numbers: Vec<u64> = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".spool"));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        let position = fs::read_to_string(self.directory.join("position")).unwrap_or_default();
        let mut position = position.split_whitespace().map(|part| part.parse::<u64>().ok());
        let (first, offset) =
            (position.next().flatten().unwrap_or(0), position.next().flatten().unwrap_or(0));
        self.next = first.max(numbers.last().copied().unwrap_or(0)) + 1;
        for number in numbers {
            let path = self.path(number);
            if number < first {
                fs::remove_file(path)?;
                continue;
            }
            let start = if number == first { offset } else { 0 };
            let (lines, octets) = count(&path, start)?;
            if octets < fs::metadata(&path)?.len() {
                self.torn += 1;
                OpenOptions::new().write(true).open(&path)?.set_len(octets)?;
            }
            if lines == 0 {
                fs::remove_file(path)?;
                continue;
            }
            if self.segments.is_empty() {
                self.delivered = start;
            }
            self.segments.push_back(Segment { number, octets });
            self.waiting += lines;
        }
        Ok(())
    }
}

/// Whole lines of the file from `start` on, and where the last of them ends.
fn count(path: &Path, start: u64) -> io::Result<(u64, u64)> {
    let mut file = File::open(path)?;
    let start = start.min(file.metadata()?.len());
    file.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::new(file);
    let (mut lines, mut end, mut line) = (0, start, Vec::new());
    loop {
        line.clear();
        let octets = reader.read_until(b'\n', &mut line)? as u64;
        if !line.ends_with(b"\n") {
            return Ok((lines, end));
        }
        lines += 1;
        end += octets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: usize) -> Vec<u8> {
        format!("message {number:06}").into_bytes()
    }

    fn drain(spool: &mut Spool) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let messages = spool.peek(7).unwrap();
            if messages.is_empty() {
                return all;
            }
            spool.advance(&messages).unwrap();
            all.extend(messages);
        }
    }

    #[test]
    fn what_goes_in_comes_out_in_order_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        let messages: Vec<_> = (0..200).map(message).collect();
        for message in &messages {
            assert_eq!(spool.append(message).unwrap(), Kept::Yes);
        }
        assert_eq!(spool.waiting(), 200);
        assert!(spool.segments.len() > 2, "segments");
        assert_eq!(drain(&mut spool), messages);
        assert_eq!(spool.waiting(), 0);
        assert!(spool.segments.is_empty());
        spool.append(b"more").unwrap();
        assert_eq!(drain(&mut spool), [b"more"]);
    }

    #[test]
    fn another_process_goes_on_where_the_first_ended() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        for number in 0..150 {
            spool.append(&message(number)).unwrap();
        }
        for _ in 0..9 {
            let messages = spool.peek(7).unwrap();
            spool.advance(&messages).unwrap();
        }
        let left = spool.waiting();
        drop(spool);
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        assert_eq!((spool.waiting(), spool.torn()), (left, 0));
        spool.append(&message(150)).unwrap();
        let first = 151 - left as usize - 1;
        assert_eq!(drain(&mut spool), (first..151).map(message).collect::<Vec<_>>());
        // What is put in when all before has been delivered is not taken for delivered.
        spool.append(b"late").unwrap();
        drop(spool);
        assert_eq!(drain(&mut Spool::open(directory.path(), 4096).unwrap()), [b"late"]);
    }

    #[test]
    fn half_a_message_is_dropped_and_counted() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        spool.append(b"whole").unwrap();
        let path = spool.path(1);
        drop(spool);
        OpenOptions::new().append(true).open(path).unwrap().write_all(b"ha").unwrap();
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        assert_eq!((spool.waiting(), spool.torn()), (1, 1));
        spool.append(b"next").unwrap();
        assert_eq!(drain(&mut spool), [&b"whole"[..], b"next"]);
    }

    #[test]
    fn a_full_spool_says_so_and_takes_more_when_there_is_room() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), 100).unwrap();
        let kept = (0..10).filter(|n| spool.append(&message(*n)).unwrap() == Kept::Yes).count();
        assert_eq!(kept, 100 / 15);
        assert_eq!(drain(&mut spool).len(), kept);
        assert_eq!(spool.append(b"x").unwrap(), Kept::Yes);
    }

    #[test]
    fn a_full_disk_gets_no_files_without_messages() {
        let directory = tempfile::tempdir().unwrap();
        let files = || {
            let names = fs::read_dir(directory.path()).unwrap();
            names.filter(|entry| entry.as_ref().unwrap().path().extension().is_some()).count()
        };
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        for kept in [0, 1] {
            for number in 0..3 {
                spool.begin_segment().unwrap();
                spool.end = Some(full());
                let error = spool.append(&message(number)).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::StorageFull);
                assert_eq!((files(), spool.segments.len()), (kept, kept));
            }
            spool.append(&message(7)).unwrap();
        }
        assert_eq!(drain(&mut spool), [message(7), message(7)]);
    }

    #[test]
    fn whatever_there_is_can_be_forced_to_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        spool.force().unwrap();
        for number in 0..150 {
            spool.append(&message(number)).unwrap();
        }
        assert!(spool.unforced && spool.unnamed);
        spool.force().unwrap();
        assert!(!spool.unforced && !spool.unnamed);
        spool.append(b"delivered before it was forced").unwrap();
        drain(&mut spool);
        spool.force().unwrap();
        assert_eq!(spool.append(b"more").unwrap(), Kept::Yes);
        spool.force().unwrap();
        assert_eq!(drain(&mut spool), [b"more"]);
    }

    #[test]
    fn one_process_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let _first = Spool::open(directory.path(), 100).unwrap();
        let error = Spool::open(directory.path(), 100).unwrap_err().to_string();
        assert_eq!(error, "another output or process uses it");
    }
}
