//! Draining tables that other agents filled: those of another build or other sizes, whatever their layout, and what an agent
//! that was killed in the middle of a drain had left undone.
//!
//! It costs a multiple of what the drain of the own tables costs for each record, and happens once.

use std::{
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use aya::maps::MapData;
use sensor_common::{
    key::{Common, Direction, KeyV4, KeyV6},
    layout::names,
    ledger::Count,
    packet::Fragment,
};
use sensor_core::flow::delta::{DeltaSink, FlowDelta};

use super::{
    layout::{self, DESTINATION, Field, Layout, Place, SLOT_WORDS, SOURCE, TableLayout},
    state::{self, State},
};
use crate::{
    accounts::{Counters, Epoch, add},
    clock::JiffiesClock,
    maps::Words,
};

/// Tables that were found, at rest in the generations that are drained.
#[derive(Debug)]
pub(crate) struct Former {
    pub(super) state: State,
    layout: Layout,
    books: Words,
    tables: [Table; 2],
    directory: PathBuf,
}

#[derive(Debug)]
struct Table {
    slots: Words,
    used: Words,
    /// Entries of the list.
    entries: usize,
    layout: TableLayout,
}

/// A row: what one CPU counted in one generation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub cpu: u32,
    pub generation: u32,
}

impl Former {
    /// The tables that are pinned in `directory`.
    ///
    /// # Errors
    /// When they cannot be read, or say nothing of where what lies.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let map = |name: &str| MapData::from_pin(directory.join(name)).map_err(io::Error::other);
        let state = State::of(&map(state::NAME)?)?;
        let layout = layout::read(&state.description())
            .ok_or_else(|| io::Error::other("its layout is not described in full"))?;
        let table = |slots, used, layout: &TableLayout| {
            let (slots, _) = words(&map(slots)?)?;
            let (used, entries) = words(&map(used)?)?;
            Ok::<_, io::Error>(Table { slots, used, entries, layout: layout.clone() })
        };
        let [v4, v6] = &layout.tables;
        let tables = [
            table(names::FLOWS_V4, names::USED_V4, v4)?,
            table(names::FLOWS_V6, names::USED_V6, v6)?,
        ];
        let (books, _) = words(&map(names::BOOKS)?)?;
        Ok(Self { state, layout, books, tables, directory: directory.to_owned() })
    }

    /// Where they are pinned.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The rows of all CPUs: of one generation, or of all.
    pub(crate) fn rows(&self, generation: Option<u32>) -> Vec<Row> {
        let Layout { cpus, generations, .. } = self.layout;
        let all = (0..cpus)
            .flat_map(move |cpu| (0..generations).map(move |generation| Row { cpu, generation }));
        all.filter(|row| generation.is_none_or(|generation| generation == row.generation)).collect()
    }

    /// Drains a row, at which no program is at work, and closes its books. Returns what is missing there since an agent had
    /// taken it out when it was killed; `epoch` knows nothing of that.
    pub(crate) fn settle(
        &mut self,
        row: Row,
        clock: JiffiesClock,
        sink: &mut impl DeltaSink,
        epoch: &mut Epoch,
    ) -> Count {
        let (counters, number) = (self.counters(row), self.number(row));
        let since = counters.since(&self.state.settled(number));
        let mut remaining = Count::default();
        for family in 0..2 {
            let place = self.used_place(row, family);
            let used = bits(&self.books, place) as usize;
            if used == 0 {
                continue;
            }
            let records = self.tables[family].take(number as usize, used, |slot| {
                let delta = slot.delta(clock);
                remaining.add(delta.packets, delta.layer2_octets);
                match family {
                    0 => sink.v4(&slot.key_v4().pack(), &delta),
                    _ => sink.v6(&slot.key_v6().pack(), &delta),
                }
            });
            clear(&self.books, place);
            *[&mut epoch.records_v4, &mut epoch.records_v6][family] += records;
        }
        let missing = missing(since.in_records(), remaining);
        epoch.accounts.add_counters(&without(since, missing));
        add(&mut epoch.accounts.recorded, remaining);
        self.state.settle(number, &counters);
        missing
    }

    /// What agents took out of these tables and neither passed on nor told to be lost, as the state has it.
    pub(super) fn untold(&self) -> Count {
        let totals = self.state.totals();
        self.state.taken().since(&totals.passed_on).since(&totals.lost)
    }

    /// What has been counted and neither passed on nor told to be lost: what lies in the tables, and what an agent had taken
    /// from them when it was killed.
    pub(super) fn unaccounted(&self) -> Count {
        let mut count = self.untold();
        for row in self.rows(None) {
            let since = self.counters(row).since(&self.state.settled(self.number(row)));
            add(&mut count, since.in_records());
        }
        count
    }

    fn number(&self, Row { cpu, generation }: Row) -> u32 {
        cpu * self.layout.generations + generation
    }

    /// First bit of a row's ledger.
    fn ledger(&self, Row { cpu, generation }: Row) -> u64 {
        let Layout { books, ledgers, ledger, .. } = self.layout;
        let octets = cpu as usize * books + ledgers + generation as usize * ledger;
        octets as u64 * 8
    }

    fn counters(&self, row: Row) -> Counters {
        let ledger = self.ledger(row);
        Counters::in_order(|at| {
            let place = self.layout.counters[at];
            let packets = Place { bit: ledger + place.bit, ..place };
            let octets = Place { bit: packets.bit + 64, ..place };
            Count { packets: bits(&self.books, packets), octets: bits(&self.books, octets) }
        })
    }

    fn used_place(&self, row: Row, family: usize) -> Place {
        let place = self.layout.used[family];
        Place { bit: self.ledger(row) + place.bit, ..place }
    }
}

/// What an agent took and did not live to tell of: what should be in records, but for what remains. Where more remains than
/// should be there, nothing is: the books are then out of balance, and are to show it.
fn missing(expected: Count, remaining: Count) -> Count {
    if remaining.packets > expected.packets || remaining.octets > expected.octets {
        return Count::default();
    }
    expected.since(&remaining)
}

/// Counters as if `missing` had never been seen, so that the law holds for the rest. Segments of super-packets go first:
/// they are part of what is in records, not of what was seen.
fn without(counters: Counters, missing: Count) -> Counters {
    let segmented = Count {
        packets: missing.packets.min(counters.segmented.packets),
        octets: missing.octets.min(counters.segmented.octets),
    };
    Counters {
        seen: counters.seen.since(&missing.since(&segmented)),
        segmented: counters.segmented.since(&segmented),
        ..counters
    }
}

impl Table {
    /// Hands the first `used` listed slots of region `row` to `each`, but for those that have been taken already, and frees
    /// them. Returns how many there were.
    fn take(&self, row: usize, used: usize, mut each: impl FnMut(&Slot<'_>)) -> u64 {
        let TableLayout { region, slot, entry, .. } = self.layout;
        let base = row.saturating_mul(region);
        let mut taken = 0;
        for position in 0..used.min(region).min(self.entries) {
            let offset = self.used.get((base + position) * (entry / 8)) as usize;
            let first = (base + offset.min(region - 1)).saturating_mul(slot);
            let packets = self.layout.place(Field::Packets);
            let slot = Slot {
                words: std::array::from_fn(|word| match word < slot / 8 {
                    true => self.slots.get(first / 8 + word),
                    false => 0,
                }),
                layout: &self.layout,
            };
            if slot.read(Field::Packets) == 0 {
                continue;
            }
            // Before anything is done with the copy, as in the drain of the own tables.
            clear(&self.slots, Place { bit: first as u64 * 8 + packets.bit, ..packets });
            each(&slot);
            taken += 1;
        }
        taken
    }
}

/// A copy of a slot, whatever its layout.
struct Slot<'a> {
    words: [u64; SLOT_WORDS],
    layout: &'a TableLayout,
}

impl Slot<'_> {
    fn read(&self, field: Field) -> u64 {
        number(|word| self.words.get(word).copied().unwrap_or(0), self.layout.place(field))
    }

    fn delta(&self, clock: JiffiesClock) -> FlowDelta {
        let octets = self.read(Field::Octets);
        FlowDelta {
            octets,
            packets: self.read(Field::Packets),
            layer2_octets: octets.wrapping_add(self.read(Field::Overhead)),
            start: clock.time_of(self.read(Field::First) as u32),
            end: clock.time_of(self.read(Field::Last) as u32),
            tcp_flags: self.read(Field::TcpFlags) as u16,
            ttl_min: self.read(Field::TtlMin) as u8,
            ttl_max: self.read(Field::TtlMax) as u8,
            macs: [Field::Macs0, Field::Macs1, Field::Macs2].map(|field| self.read(field) as u32),
        }
    }

    fn key_v4(&self) -> KeyV4 {
        let [source, destination] =
            [Field::Source0, Field::Destination0].map(|field| self.read(field) as u32);
        KeyV4 { source, destination, common: self.common() }
    }

    fn key_v6(&self) -> KeyV6 {
        let [source, destination] =
            [SOURCE, DESTINATION].map(|words| words.map(|field| self.read(field) as u32));
        KeyV6 { source, destination, common: self.common() }
    }

    fn common(&self) -> Common {
        Common {
            source_port: self.read(Field::SourcePort) as u16,
            destination_port: self.read(Field::DestinationPort) as u16,
            interface: self.read(Field::Interface) as u32,
            protocol: self.read(Field::Protocol) as u8,
            tos: self.read(Field::Tos) as u8,
            vlan: self.read(Field::Vlan) as u16,
            direction: match self.read(Field::Direction) {
                0 => Direction::Ingress,
                _ => Direction::Egress,
            },
            fragment: match self.read(Field::Fragment) {
                0 => Fragment::None,
                1 => Fragment::First,
                _ => Fragment::Later,
            },
            folded: self.read(Field::Folded) != 0,
        }
    }
}

/// The map's elements as words, and how many elements there are.
fn words(map: &MapData) -> io::Result<(Words, usize)> {
    let info = map.info().map_err(io::Error::other)?;
    let entries = info.max_entries() as usize;
    let words = entries.saturating_mul(info.value_size().div_ceil(8) as usize);
    Ok((Words::map(map.fd().as_fd(), words)?, entries))
}

fn bits(words: &Words, place: Place) -> u64 {
    number(|word| words.get(word), place)
}

/// The number at a place of some words.
fn number(words: impl Fn(usize) -> u64, Place { bit, width }: Place) -> u64 {
    if width == 0 {
        return 0;
    }
    let (word, shift) = ((bit / 64) as usize, (bit % 64) as u32);
    let pair = u128::from(words(word)) | u128::from(words(word.saturating_add(1))) << 64;
    (pair >> shift) as u64 & (u64::MAX >> (64 - width))
}

/// Writes 0 to a place within one word.
fn clear(words: &Words, Place { bit, width }: Place) {
    let (word, shift) = ((bit / 64) as usize, (bit % 64) as u32);
    let mask = (u64::MAX >> (64 - width.clamp(1, 64))) << shift;
    words.set(word, words.get(word) & !mask);
}

#[cfg(test)]
mod tests {
    use sensor_common::{key::V6_WORDS, table};

    use super::*;
    use crate::{budget::Budget, drain};

    #[test]
    fn numbers_are_read_across_words() {
        let words = [0xfedc_ba98_7654_3210, 0x0123_4567_89ab_cdef];
        let read =
            |bit, width| number(|word| words.get(word).copied().unwrap_or(0), Place { bit, width });
        assert_eq!((read(0, 64), read(64, 64)), (words[0], words[1]));
        assert_eq!((read(4, 8), read(60, 8), read(127, 1)), (0x21, 0xff, 0));
        assert_eq!((read(3, 0), read(128, 64), read(1 << 50, 7)), (0, 0, 0));
    }

    /// Words of an IPv6 slot.
    const V6_SLOT: usize = size_of::<table::Slot<V6_WORDS>>() / 8;

    /// The layout of a build in which the words of IPv6 slots lie the other way round.
    fn another_build(entries: &mut [u64]) {
        // Tags of the fields of IPv6 slots, and the bits of a place in their entries.
        for entry in entries.iter_mut().filter(|entry| (2010..3000).contains(&(**entry >> 48))) {
            let (tag, bit, width) = (*entry >> 48, *entry >> 8 & 0xff_ffff_ffff, *entry & 0xff);
            let word = V6_SLOT as u64 - 1 - bit / 64;
            *entry = tag << 48 | (word * 64 + bit % 64) << 8 | width;
        }
    }

    #[test]
    fn a_slot_is_read_by_its_description_whatever_that_is() {
        let clock = JiffiesClock::new(5_000, 1_700_000_000_000, 250);
        let common = Common {
            source_port: 0x1234,
            destination_port: 0xfedc,
            interface: 0x8765_4321,
            protocol: 17,
            tos: 0xb8,
            vlan: 4094,
            direction: Direction::Egress,
            fragment: Fragment::Later,
            folded: true,
        };
        let key = KeyV6 { source: [1, 2, 3, 4], destination: [5, 6, 7, 0xffff_ffff], common };
        let slot = table::Slot::<V6_WORDS> {
            key: key.pack(),
            octets: 1 << 40,
            packets: 77,
            overhead: 99,
            first: 4_000,
            last: 6_000,
            macs: [11, 12, 13],
            tcp_flags: 0x1ff,
            ttl_min: 3,
            ttl_max: 200,
        };
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let rest = u64::from(slot.macs[2]) | u64::from(slot.tcp_flags) << 32 | 3 << 48 | 200 << 56;
        let counts = [
            slot.octets,
            pair(slot.packets, slot.overhead),
            pair(slot.first, slot.last),
            pair(slot.macs[0], slot.macs[1]),
            rest,
        ];
        let mut words = [0; SLOT_WORDS];
        for (word, value) in words.iter_mut().zip(slot.key.into_iter().chain(counts)) {
            *word = value;
        }
        let mut description = layout::describe(&Budget::new(0, 2));
        for other in [false, true] {
            if other {
                another_build(&mut description);
                words[..V6_SLOT].reverse();
            }
            let layout = layout::read(&description).expect("all is described");
            let read = Slot { words, layout: &layout.tables[1] };
            assert_eq!(read.key_v6(), key, "another build: {other}");
            assert_eq!(read.delta(clock), drain::delta(&slot, clock), "another build: {other}");
        }
    }

    #[test]
    fn what_is_missing_leaves_the_rest_in_balance() {
        let count = |packets, octets| Count { packets, octets };
        let counters = Counters {
            seen: count(3, 300),
            segmented: count(40, 4000),
            non_ip: count(1, 60),
            ..Counters::default()
        };
        let remaining = count(2, 140);
        let missing = missing(counters.in_records(), remaining);
        assert_eq!(missing, count(40, 4100));
        assert_eq!(without(counters, missing).in_records(), remaining);
        assert_eq!(super::missing(remaining, count(3, 10)), Count::default(), "more than expected");
    }
}
