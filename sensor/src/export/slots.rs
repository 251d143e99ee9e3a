//! How far an output has come in the lot of each source that is read again after a crash (`sensor_core::flow::lot`).
//!
//! A small file beside the output has a slot for each source. Before the records of a batch are appended, its slot says where they are
//! going to be. Nothing else is appended meanwhile, so after a crash the output itself tells whether they are there.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use sensor_core::flow::lot::LotPart;

/// Octets of the longest name of a source.
const NAME: usize = 64;
/// Octets of a slot: the name, its numbers, a checksum.
const SLOT: usize = NAME + NUMBERS * 8 + 4;
const NUMBERS: usize = 10;
/// Sources.
const MOST: usize = 1024;

/// Where records are going to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Device and inode of the file, where that may be another one later.
    pub file: (u64, u64),
    /// What was there before: its octets, or the number of the next record.
    pub before: u64,
    /// What is to be appended, in the same unit.
    pub amount: u64,
}

/// Where the last records of a lot were going to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Intent {
    /// Row behind the last, and the address family.
    end: u64,
    family: u64,
    place: Place,
}

/// How far the lot of a source has come.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    source: String,
    lot: (u64, u64),
    /// Rows that are there, by address family.
    rows: [u64; 2],
    intent: Intent,
}

impl Slot {
    fn encode(&self) -> Vec<u8> {
        let mut octets = vec![0; NAME];
        octets[..self.source.len()].copy_from_slice(self.source.as_bytes());
        let Intent { end, family, place: Place { file: (device, inode), before, amount } } =
            self.intent;
        let numbers = [
            self.lot.0,
            self.lot.1,
            self.rows[0],
            self.rows[1],
            end,
            family,
            device,
            inode,
            before,
            amount,
        ];
        octets.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        octets.extend(crc32fast::hash(&octets).to_le_bytes());
        octets
    }

    fn decode(octets: &[u8]) -> Option<Self> {
        let (data, checksum) = octets.split_at_checked(SLOT - 4)?;
        if crc32fast::hash(data).to_le_bytes() != *checksum {
            return None;
        }
        let (name, numbers) = data.split_at(NAME);
        let end = name.iter().position(|octet| *octet == 0).unwrap_or(NAME);
        let source = String::from_utf8(name[..end].to_vec()).ok()?;
        let numbers: Vec<u64> =
            numbers.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let [run, lot, v4, v6, end, family, device, inode, before, amount] = numbers[..] else {
            return None;
        };
        let place = Place { file: (device, inode), before, amount };
        let intent = Intent { end, family: family & 1, place };
        Some(Self { source, lot: (run, lot), rows: [v4, v6], intent })
    }
}

/// The slots of an output.
#[derive(Debug)]
pub(super) struct Slots {
    path: PathBuf,
    /// What messages call the output.
    what: &'static str,
    /// Opened when there is something to note.
    file: Option<File>,
    slots: Vec<Slot>,
    /// It could not be written, and that was told.
    failing: bool,
}

impl Slots {
    /// Those in the file at `path`. `is_there` says whether what was to be appended when its writer ended is there.
    pub fn open(path: PathBuf, what: &'static str, is_there: impl Fn(&Place) -> bool) -> Self {
        let octets = fs::read(&path).unwrap_or_default();
        let mut slots: Vec<Slot> = octets.chunks(SLOT).map_while(Slot::decode).collect();
        for slot in &mut slots {
            let Intent { end, family, .. } = slot.intent;
            if is_there(&slot.intent.place) {
                slot.rows[family as usize] = slot.rows[family as usize].max(end);
            }
            // What others append from now on is not of this intent.
            slot.intent = Intent::default();
        }
        let mut slots = Self { path, what, file: None, slots, failing: false };
        (0..slots.slots.len()).for_each(|at| slots.write(at));
        slots
    }

    /// Whether the rows of `part` are there.
    pub fn has(&self, part: &LotPart) -> bool {
        let slot = self.slots.iter().find(|slot| slot.source == *part.source);
        slot.is_some_and(|slot| {
            slot.lot == part.lot && part.end() <= slot.rows[usize::from(part.v6)]
        })
    }

    /// The rows of `part` are about to be appended there.
    pub fn intend(&mut self, part: &LotPart, place: Place) {
        if part.source.len() > NAME {
            return;
        }
        let known = self.slots.iter().position(|slot| slot.source == *part.source);
        let at = match known {
            Some(at) => at,
            None if self.slots.len() >= MOST => return,
            None => {
                let (source, intent) = (part.source.to_string(), Intent::default());
                self.slots.push(Slot { source, lot: part.lot, rows: [0; 2], intent });
                self.slots.len() - 1
            }
        };
        let slot = &mut self.slots[at];
        if slot.lot != part.lot {
            (slot.lot, slot.rows) = (part.lot, [0; 2]);
        }
        slot.intent = Intent { end: part.end(), family: part.v6.into(), place };
        self.write(at);
    }

    fn write(&mut self, at: usize) {
        let encoded = self.slots[at].encode();
        let written = self.file().and_then(|file| file.write_all_at(&encoded, (at * SLOT) as u64));
        match written {
            Ok(()) => self.failing = false,
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                let (path, what) = (self.path.display(), self.what);
                tracing::warn!(
                    "cannot write {path}: {error}; if the sensor is killed, {what} may have records twice"
                );
            }
            Err(_) => {}
        }
    }

    /// They are appended.
    pub fn done(&mut self, part: &LotPart) {
        let slot = self.slots.iter_mut().find(|slot| slot.source == *part.source);
        if let Some(slot) = slot.filter(|slot| slot.lot == part.lot) {
            slot.rows[usize::from(part.v6)] = part.end();
        }
    }

    fn file(&mut self) -> io::Result<&File> {
        Ok(match &mut self.file {
            Some(file) => file,
            none => none.insert(
                OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .mode(0o640)
                    .custom_flags(libc::O_NONBLOCK)
                    .open(&self.path)?,
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_with_another_checksum_are_none() {
        let slot = Slot {
            source: "x".repeat(NAME),
            lot: (1, 2),
            rows: [3, 4],
            intent: Intent {
                end: 5,
                family: 1,
                place: Place { file: (6, 7), before: 8, amount: 9 },
            },
        };
        let octets = slot.encode();
        assert_eq!((octets.len(), Slot::decode(&octets)), (SLOT, Some(slot)));
        for at in 0..SLOT {
            let mut other = octets.clone();
            other[at] ^= 1;
            assert_eq!(Slot::decode(&other), None, "{at}");
        }
        assert_eq!(Slot::decode(&octets[..SLOT - 1]), None);
    }
}
