//! Records that are in a file whole or not at all. A full disk takes what has room and refuses the rest; half a record would
//! be glued to the next one.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom, Write},
};

/// What can be cut back.
pub trait Medium: Write {
    /// Octets in it.
    fn length(&self) -> io::Result<u64>;

    /// Takes away all behind `length`.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Medium for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }
}

/// Appends whole records. After an error none of them is there; if they cannot be taken back either, a reader finds half a
/// record, as after a power cut.
///
/// # Errors
/// When they cannot be written.
pub fn append(medium: &mut impl Medium, records: &[u8]) -> io::Result<()> {
    // Asked each time: somebody may have emptied the file meanwhile (`copytruncate`).
    let before = medium.length()?;
    let written = medium.write_all(records).and_then(|()| medium.flush());
    if written.is_err() {
        let _ = medium.cut(before);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many octets.
    struct Disk {
        content: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let count = octets.len().min(self.room - self.content.len());
            self.content.extend(&octets[..count]);
            match count {
                0 => Err(io::ErrorKind::StorageFull.into()),
                count => Ok(count),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Medium for Disk {
        fn length(&self) -> io::Result<u64> {
            Ok(self.content.len() as u64)
        }

        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.content.truncate(length as usize);
            Ok(())
        }
    }

    #[test]
    fn half_a_record_is_taken_back_and_the_next_begins_where_it_began() {
        let mut disk = Disk { content: Vec::new(), room: 8 };
        append(&mut disk, b"first\n").unwrap();
        let error = append(&mut disk, b"second\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.content, b"first\n");
        disk.room = 100;
        append(&mut disk, b"third\n").unwrap();
        assert_eq!(disk.content, b"first\nthird\n");
    }

    #[test]
    fn a_file_is_cut_back_where_the_next_write_goes_on() {
        let mut file = tempfile::tempfile().unwrap();
        append(&mut file, b"first\nhalf").unwrap();
        file.cut(6).unwrap();
        append(&mut file, b"next\n").unwrap();
        assert_eq!(file.length().unwrap(), 11);
    }
}
