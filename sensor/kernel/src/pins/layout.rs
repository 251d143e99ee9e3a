//! Where everything lies in a set of tables, field by field, in a form that agents of any build can read.
//!
//! An agent takes over tables if it would describe its own in the same words: then its programs and the ones at work may write
//! to them side by side. Tables that are described otherwise it still drains, by what the description says (`former.rs`).
//!
//! An entry of the description is a word: a tag, which never changes its meaning, and a number. A tag that a reader does not
//! know is passed over, and a field that is not described counts as 0, but for those without which nothing can be counted.

use std::mem::offset_of;

use sensor_common::{
    books::CpuBooks,
    key::{Common, Direction, KeyV4, KeyV6, V4_WORDS, V6_WORDS},
    layout::{GENERATIONS, Geometry, VERSION},
    ledger::{Count, Ledger},
    packet::Fragment,
    table::Slot,
};

use crate::{accounts::Counters, budget::Budget};

/// Bits of an entry's number.
const NUMBER: u32 = 48;

/// Tags of single numbers. Numbers of tags are for ever: those that come later get new ones.
mod tag {
    /// [`VERSION`](sensor_common::layout::VERSION).
    pub const VERSION: u16 = 1;
    pub const CPUS: u16 = 2;
    pub const GENERATIONS: u16 = 3;
    /// Octets of a CPU's books, octets in front of its ledgers there, octets of a ledger.
    pub const BOOKS: u16 = 10;
    pub const LEDGERS: u16 = 11;
    pub const LEDGER: u16 = 12;
    /// Places of packets in the ledger, in the order of [`Counters`](crate::accounts::Counters); octets are the word behind.
    pub const COUNTERS: u16 = 20;
    /// Places of the numbers of slots in use of each table.
    pub const USED: u16 = 30;
    /// First of each table's tags.
    pub const TABLES: [u16; 2] = [1000, 2000];
    /// Behind them: slots of a region, fold slots behind those, octets of a slot, octets of a list's entry.
    pub const SLOTS: u16 = 0;
    pub const FOLD_SLOTS: u16 = 1;
    pub const SLOT: u16 = 2;
    pub const ENTRY: u16 = 3;
    /// The places of a slot's fields follow.
    pub const FIELDS: u16 = 10;
}

/// Fields of a slot, by the order of their tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Field {
    Octets,
    Packets,
    Overhead,
    First,
    Last,
    TcpFlags,
    TtlMin,
    TtlMax,
    Macs0,
    Macs1,
    Macs2,
    SourcePort,
    DestinationPort,
    Interface,
    Protocol,
    Tos,
    Vlan,
    Direction,
    Fragment,
    Folded,
    /// Addresses by words, in packet order; IPv4 has one.
    Source0,
    Source1,
    Source2,
    Source3,
    Destination0,
    Destination1,
    Destination2,
    Destination3,
}

/// How many there are.
const FIELDS: usize = Field::Destination3 as usize + 1;

/// Words of the largest slot that can be read.
pub(super) const SLOT_WORDS: usize = 64;

/// Where a number lies: its first bit, and how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub bit: u64,
    pub width: u32,
}

impl Place {
    const fn of_octets(offset: usize, octets: usize) -> Self {
        Self { bit: offset as u64 * 8, width: octets as u32 * 8 }
    }

    const fn number(self) -> u64 {
        self.bit << 8 | self.width as u64
    }

    fn from_number(number: u64) -> Self {
        Self { bit: number >> 8, width: (number as u8).min(64).into() }
    }
}

/// A layout as it was described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub cpus: u32,
    pub generations: u32,
    /// Octets of a CPU's books.
    pub books: usize,
    /// Octets in front of the ledgers, of which each has `ledger` octets.
    pub ledgers: usize,
    pub ledger: usize,
    /// Packets by the order of [`Counters`].
    pub counters: [Place; 7],
    /// Slots in use of each table.
    pub used: [Place; 2],
    /// IPv4 and IPv6.
    pub tables: [TableLayout; 2],
}

/// That of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableLayout {
    /// Slots of a region, those for folded flows included.
    pub region: usize,
    /// Octets of a slot.
    pub slot: usize,
    /// Octets of an entry of the list of slots in use.
    pub entry: usize,
    fields: [Place; FIELDS],
}

impl TableLayout {
    /// Where a field lies; of no width where it is not described.
    pub(super) fn place(&self, field: Field) -> Place {
        self.fields[field as usize]
    }
}

/// Describes the tables of this build in the sizes of `budget`.
pub(super) fn describe(budget: &Budget) -> Vec<u64> {
    let mut entries = vec![
        entry(tag::VERSION, VERSION.into()),
        entry(tag::CPUS, budget.cpus.into()),
        entry(tag::GENERATIONS, GENERATIONS.into()),
        entry(tag::BOOKS, size_of::<CpuBooks>() as u64),
        entry(tag::LEDGERS, offset_of!(CpuBooks, ledgers) as u64),
        entry(tag::LEDGER, size_of::<Ledger>() as u64),
    ];
    let counters = [
        offset_of!(Ledger, seen),
        offset_of!(Ledger, segmented),
        offset_of!(Ledger, non_ip),
        offset_of!(Ledger, truncated),
        offset_of!(Ledger, malformed),
        offset_of!(Ledger, unattributed),
        offset_of!(Ledger, folded),
    ];
    const { assert!(offset_of!(Count, octets) == offset_of!(Count, packets) + 8) };
    for (tag, offset) in (tag::COUNTERS..).zip(counters) {
        entries.push(entry(tag, Place::of_octets(offset, 8).number()));
    }
    for (tag, table) in (tag::USED..).zip(0..2) {
        let offset = offset_of!(Ledger, used) + 4 * table;
        entries.push(entry(tag, Place::of_octets(offset, 4).number()));
    }
    describe_table::<V4_WORDS>(tag::TABLES[0], budget.v4, &v4_key_fields(), &mut entries);
    describe_table::<V6_WORDS>(tag::TABLES[1], budget.v6, &v6_key_fields(), &mut entries);
    entries
}

fn entry(tag: u16, number: u64) -> u64 {
    u64::from(tag) << NUMBER | number & ((1 << NUMBER) - 1)
}

fn describe_table<const N: usize>(
    first: u16,
    geometry: Geometry,
    keys: &[(Field, [u64; N])],
    entries: &mut Vec<u64>,
) {
    let mut add = |tag, number| entries.push(entry(first + tag, number));
    add(tag::SLOTS, geometry.slots.into());
    add(tag::FOLD_SLOTS, geometry.fold_slots.into());
    add(tag::SLOT, size_of::<Slot<N>>() as u64);
    add(tag::ENTRY, 8);
    let mut place = |field, place: Place| add(tag::FIELDS + field as u16, place.number());
    let macs = offset_of!(Slot<N>, macs);
    for (field, offset, octets) in [
        (Field::Octets, offset_of!(Slot<N>, octets), 8),
        (Field::Packets, offset_of!(Slot<N>, packets), 4),
        (Field::Overhead, offset_of!(Slot<N>, overhead), 4),
        (Field::First, offset_of!(Slot<N>, first), 4),
        (Field::Last, offset_of!(Slot<N>, last), 4),
        (Field::TcpFlags, offset_of!(Slot<N>, tcp_flags), 2),
        (Field::TtlMin, offset_of!(Slot<N>, ttl_min), 1),
        (Field::TtlMax, offset_of!(Slot<N>, ttl_max), 1),
        (Field::Macs0, macs, 4),
        (Field::Macs1, macs + 4, 4),
        (Field::Macs2, macs + 8, 4),
    ] {
        place(field, Place::of_octets(offset, octets));
    }
    let key = offset_of!(Slot<N>, key) as u64 * 8;
    for (field, words) in keys {
        let found = set_bits(words);
        place(*field, Place { bit: key + found.bit, ..found });
    }
}

/// Where the bits lie that are set in `words`, without a gap.
fn set_bits(words: &[u64]) -> Place {
    let bits = || {
        (0..words.len() as u64 * 64).filter(|bit| words[*bit as usize / 64] >> (bit % 64) & 1 != 0)
    };
    Place { bit: bits().next().unwrap_or(0), width: bits().count() as u32 }
}

/// The key without any bit set.
const ZERO: Common = Common {
    source_port: 0,
    destination_port: 0,
    interface: 0,
    protocol: 0,
    tos: 0,
    vlan: 0,
    direction: Direction::Ingress,
    fragment: Fragment::None,
    folded: false,
};

/// Keys with all bits of one field set: packing them shows where it lies, so no second list has to know.
fn common_keys() -> [(Field, Common); 10] {
    [
        (Field::SourcePort, Common { source_port: u16::MAX, ..ZERO }),
        (Field::DestinationPort, Common { destination_port: u16::MAX, ..ZERO }),
        (Field::Interface, Common { interface: u32::MAX, ..ZERO }),
        (Field::Protocol, Common { protocol: u8::MAX, ..ZERO }),
        (Field::Tos, Common { tos: u8::MAX, ..ZERO }),
        (Field::Vlan, Common { vlan: u16::MAX, ..ZERO }),
        (Field::Direction, Common { direction: Direction::Egress, ..ZERO }),
        (Field::Fragment, Common { fragment: Fragment::First, ..ZERO }),
        (Field::Fragment, Common { fragment: Fragment::Later, ..ZERO }),
        (Field::Folded, Common { folded: true, ..ZERO }),
    ]
}

/// Fields with the bits that they set, those of one field together.
fn merged<const N: usize>(
    packed: impl Iterator<Item = (Field, [u64; N])>,
) -> Vec<(Field, [u64; N])> {
    let mut all: Vec<(Field, [u64; N])> = Vec::new();
    for (field, words) in packed {
        match all.last_mut() {
            Some((last, sum)) if *last == field => {
                sum.iter_mut().zip(words).for_each(|(sum, word)| *sum |= word);
            }
            _ => all.push((field, words)),
        }
    }
    all
}

fn v4_key_fields() -> Vec<(Field, [u64; V4_WORDS])> {
    let key = |source, destination, common| KeyV4 { source, destination, common }.pack();
    let common = common_keys().map(|(field, common)| (field, key(0, 0, common)));
    let addresses =
        [(Field::Source0, key(u32::MAX, 0, ZERO)), (Field::Destination0, key(0, u32::MAX, ZERO))];
    merged(common.into_iter().chain(addresses))
}

fn v6_key_fields() -> Vec<(Field, [u64; V6_WORDS])> {
    let key = |source, destination, common| KeyV6 { source, destination, common }.pack();
    let word = |index: usize| std::array::from_fn(|at| if at == index { u32::MAX } else { 0 });
    let common = common_keys().map(|(field, common)| (field, key([0; 4], [0; 4], common)));
    let sources = SOURCE.into_iter().enumerate();
    let sources = sources.map(|(index, field)| (field, key(word(index), [0; 4], ZERO)));
    let destinations = DESTINATION.into_iter().enumerate();
    let destinations = destinations.map(|(index, field)| (field, key([0; 4], word(index), ZERO)));
    merged(common.into_iter().chain(sources).chain(destinations))
}

/// The words of addresses.
pub(super) const SOURCE: [Field; 4] =
    [Field::Source0, Field::Source1, Field::Source2, Field::Source3];
/// As above.
pub(super) const DESTINATION: [Field; 4] =
    [Field::Destination0, Field::Destination1, Field::Destination2, Field::Destination3];

/// Reads a description; `None` when it lacks what it takes to count packets and octets.
pub(super) fn read(entries: &[u64]) -> Option<Layout> {
    let number = |tag: u16| {
        let found = entries.iter().find(|entry| **entry >> NUMBER == u64::from(tag))?;
        Some(found & ((1 << NUMBER) - 1))
    };
    let size = |tag| number(tag).and_then(|number| u32::try_from(number).ok());
    let octets = |tag| size(tag).map(|octets| octets as usize);
    // Those that count rows and counters are followed by loops.
    let few = |tag| size(tag).filter(|&number| number <= 1 << 16);
    let counters = (0..size_of::<Counters>() / size_of::<Count>())
        .map(|row| number(tag::COUNTERS + row as u16));
    let counters: Vec<_> = counters.map(|number| Place::from_number(number.unwrap_or(0))).collect();
    let table = |first: u16| {
        let place = |field: u16| number(first + tag::FIELDS + field).unwrap_or(0);
        let table = TableLayout {
            region: octets(first + tag::SLOTS)?.checked_add(octets(first + tag::FOLD_SLOTS)?)?,
            slot: octets(first + tag::SLOT)?,
            entry: octets(first + tag::ENTRY)?,
            fields: std::array::from_fn(|field| Place::from_number(place(field as u16))),
        };
        let countable = [Field::Packets, Field::Octets, Field::Overhead];
        let whole = |octets: usize| octets.is_multiple_of(8) && octets > 0;
        let whole = whole(table.slot) && whole(table.entry) && table.region > 0;
        (whole
            && table.slot <= 8 * SLOT_WORDS
            && countable.iter().all(|&field| table.place(field).width > 0))
        .then_some(table)
    };
    let layout = Layout {
        cpus: few(tag::CPUS)?,
        generations: few(tag::GENERATIONS)?,
        books: octets(tag::BOOKS).filter(|octets| octets.is_multiple_of(8))?,
        ledgers: octets(tag::LEDGERS)?,
        ledger: octets(tag::LEDGER)?,
        counters: counters.try_into().ok()?,
        used: [0, 1].map(|family| Place::from_number(number(tag::USED + family).unwrap_or(0))),
        tables: [table(tag::TABLES[0])?, table(tag::TABLES[1])?],
    };
    (layout.counters[0].width > 0 && layout.used.iter().all(|used| used.width > 0))
        .then_some(layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_as_it_was_meant() {
        let budget = Budget::new(0, 3);
        let layout = read(&describe(&budget)).expect("it describes all");
        assert_eq!((layout.cpus, layout.generations), (3, 2));
        assert_eq!(layout.books, size_of::<CpuBooks>());
        let [v4, v6] = &layout.tables;
        assert_eq!((v4.slot, v6.slot, v4.entry), (64, 128, 8));
        assert_eq!(v4.region, budget.v4.region() as usize);
        // Every field lies somewhere, and none where another does.
        for table in [v4, v6] {
            let described = table.fields.iter().filter(|place| place.width > 0);
            let mut bits: Vec<u64> =
                described.flat_map(|place| place.bit..place.bit + u64::from(place.width)).collect();
            let all = bits.len();
            bits.sort_unstable();
            bits.dedup();
            assert_eq!(bits.len(), all, "no two share a bit");
            assert!(bits.last().is_some_and(|&last| last < 8 * table.slot as u64));
        }
        assert_eq!(v4.place(Field::Source1).width, 0, "one word has an IPv4 address");
        assert_eq!(v6.place(Field::Destination3).width, 32);
        assert_eq!(v4.place(Field::Fragment).width, 2);
    }

    #[test]
    fn other_sizes_and_versions_are_other_words() {
        let of = |memory, cpus| describe(&Budget::new(memory, cpus));
        assert_eq!(of(0, 2), of(0, 2));
        assert_ne!(of(0, 2), of(64 << 20, 2));
        assert_ne!(of(0, 2), of(0, 4));
    }

    #[test]
    fn what_cannot_be_counted_is_not_read_and_what_is_unknown_is_passed_over() {
        let whole = describe(&Budget::new(0, 2));
        for tag in [
            tag::CPUS,
            tag::BOOKS,
            tag::LEDGER,
            tag::COUNTERS,
            tag::USED,
            tag::TABLES[1] + tag::SLOTS,
            tag::TABLES[0] + tag::FIELDS + Field::Packets as u16,
        ] {
            let lacking: Vec<u64> =
                whole.iter().copied().filter(|entry| entry >> NUMBER != u64::from(tag)).collect();
            assert_eq!(lacking.len() + 1, whole.len(), "{tag} is described once");
            assert_eq!(read(&lacking), None, "without {tag}");
        }
        let mut more = whole.clone();
        more.insert(0, entry(999, 7));
        assert_eq!(read(&more), read(&whole));
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn any_words_are_read_without_a_panic() {
        let mut word = 1u64;
        for _ in 0..2000 {
            let words: Vec<u64> = describe(&Budget::new(0, 1))
                .into_iter()
                .map(|entry| {
                    word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if word >> 60 == 0 { entry ^ (word & ((1 << NUMBER) - 1)) } else { entry }
                })
                .collect();
            let _ = read(&words);
        }
    }
}
