//! What an agent must know of tables that it did not make: how far each row was drained, what became of what was taken out,
//! and where everything lies. It is kept in a map beside the tables, so that it lives as long as they do.
//!
//! ```text
//! word 0        MAGIC
//!      1        FORMAT
//!      2        number of this set of tables, unlike any other's
//!      3        rows
//!      4 ..     description (`layout.rs`): ENTRIES words, unused ones 0
//!      behind   a cell of the totals, then one for each row
//! ```
//!
//! A cell is a word that says which of the two copies behind it holds. A new value is written to the other copy first, then
//! the word is set: whenever the agent is killed, one whole value is there. Nothing outlives the kernel that this is in
//! memory of, so the order of stores is all that it takes.
//!
//! The law that this makes hold over any number of agents, in packets and in octets of frames:
//!
//! ```text
//! taken out of the tables = passed on to the outputs + lost with agents that were killed + in the memory of the one at work
//! ```
//!
//! What was taken out is no counter of its own: it follows from the ledgers of the drained rows ([`Counters::in_records`]).

use std::{
    io,
    os::fd::AsFd,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aya::maps::MapData;
use sensor_common::ledger::Count;

use crate::{
    accounts::{Counters, add},
    maps::Words,
    sys::objects,
};

/// Its name beside the tables.
pub(super) const NAME: &str = "state";

/// `flowpins`, as it lies in memory.
const MAGIC: u64 = u64::from_ne_bytes(*b"flowpins");
/// Of this structure. Agents of another format cannot read what is here.
const FORMAT: u64 = 1;
/// Words that the description may take.
const ENTRIES: usize = 160;
/// Where it begins.
const DESCRIPTION: usize = 4;
/// Where the cell of the totals begins.
const TOTALS: usize = DESCRIPTION + ENTRIES;
/// Words of the totals.
const TOTALS_WORDS: usize = 7;
/// Words of a row's counters.
const ROW_WORDS: usize = 14;
/// Where the cells of the rows begin.
const ROWS: usize = TOTALS + cell_words(TOTALS_WORDS);

const fn cell_words(value: usize) -> usize {
    1 + 2 * value
}

/// What became of what was taken out of the tables, since there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Taken out of tables that are no more.
    pub inherited: Count,
    /// Handed to the outputs.
    pub passed_on: Count,
    /// Lost in the memory of agents that were killed.
    pub lost: Count,
    /// The number of the set of tables that was added to `inherited` last.
    pub absorbed: u64,
}

/// The map.
#[derive(Debug)]
pub(crate) struct State {
    words: Words,
    rows: u32,
    /// Held while a cell is changed: the drain writes rows, and whoever gives to outputs the totals.
    writing: Mutex<()>,
}

impl State {
    /// A new one for `rows` rows, described by `description`; returns its map as well.
    pub(super) fn make(
        number: u64,
        rows: u32,
        description: &[u64],
    ) -> io::Result<(Self, impl AsFd + use<>)> {
        let words = words(rows);
        let map = objects::word_array("sensor_state", words as u32)?;
        let state =
            Self { words: Words::map(map.as_fd(), words)?, rows, writing: Mutex::default() };
        let header = [MAGIC, FORMAT, number, u64::from(rows)];
        assert!(description.len() <= ENTRIES, "{} entries describe the layout", description.len());
        for (index, &word) in header.iter().chain(description).enumerate() {
            state.words.set(index, word);
        }
        Ok((state, map))
    }

    /// That of a pinned map.
    ///
    /// # Errors
    /// When the map cannot be mapped, or is none of these.
    pub(super) fn of(map: &MapData) -> io::Result<Self> {
        let info = map.info().map_err(io::Error::other)?;
        let length = info.max_entries() as usize;
        if info.value_size() != 8 || length < ROWS {
            return Err(io::Error::other("not the state of flow tables"));
        }
        let words = Words::map(map.fd().as_fd(), length)?;
        let rows = u32::try_from(words.get(3)).unwrap_or(u32::MAX);
        match (words.get(0), words.get(1)) {
            (MAGIC, FORMAT) if length >= self::words(rows) => {}
            (MAGIC, format) => {
                return Err(io::Error::other(format!(
                    "its state has format {format}; this build reads format {FORMAT}"
                )));
            }
            _ => return Err(io::Error::other("not the state of flow tables")),
        }
        Ok(Self { words, rows, writing: Mutex::default() })
    }

    /// The number of the set of tables.
    pub(super) fn number(&self) -> u64 {
        self.words.get(2)
    }

    /// Where everything lies, as `layout.rs` has it.
    pub(super) fn description(&self) -> Vec<u64> {
        let entries = (DESCRIPTION..TOTALS).map(|index| self.words.get(index));
        entries.take_while(|&entry| entry != 0).collect()
    }

    /// The counters of row `row` when it was last drained.
    pub(crate) fn settled(&self, row: u32) -> Counters {
        let words: [u64; ROW_WORDS] = self.read(row_cell(row));
        Counters::in_order(|at| Count { packets: words[2 * at], octets: words[2 * at + 1] })
    }

    /// Row `row` has been drained up to `counters`.
    pub(crate) fn settle(&self, row: u32, counters: &Counters) {
        let mut words = [0; ROW_WORDS];
        for (pair, count) in words.chunks_exact_mut(2).zip(counters.ordered()) {
            pair.copy_from_slice(&[count.packets, count.octets]);
        }
        let _writing = self.lock();
        self.write(row_cell(row), words);
    }

    /// As it stands.
    pub(crate) fn totals(&self) -> Totals {
        let words: [u64; TOTALS_WORDS] = self.read(TOTALS);
        let count = |at: usize| Count { packets: words[at], octets: words[at + 1] };
        Totals { inherited: count(0), passed_on: count(2), lost: count(4), absorbed: words[6] }
    }

    /// Changes the totals, all of them at one moment.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Totals)) {
        let _writing = self.lock();
        let mut totals = self.totals();
        change(&mut totals);
        let Totals { inherited, passed_on, lost, absorbed } = totals;
        let [a, b, c] = [inherited, passed_on, lost];
        self.write(
            TOTALS,
            [a.packets, a.octets, b.packets, b.octets, c.packets, c.octets, absorbed],
        );
    }

    /// What agents have taken out of these tables, and of those before them.
    pub(super) fn taken(&self) -> Count {
        let mut taken = self.totals().inherited;
        for row in 0..self.rows {
            add(&mut taken, self.settled(row).in_records());
        }
        taken
    }

    /// A thread that panicked meanwhile leaves whole cells.
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<const N: usize>(&self, cell: usize) -> [u64; N] {
        let copy = self.words.get(cell) as usize & 1;
        std::array::from_fn(|index| self.words.get(cell + 1 + copy * N + index))
    }

    fn write<const N: usize>(&self, cell: usize, value: [u64; N]) {
        let copy = (self.words.get(cell) as usize & 1) ^ 1;
        for (index, word) in value.into_iter().enumerate() {
            self.words.set(cell + 1 + copy * N + index, word);
        }
        self.words.set(cell, copy as u64);
    }
}

/// Words of the map of a host with `rows` rows.
fn words(rows: u32) -> usize {
    ROWS + rows as usize * cell_words(ROW_WORDS)
}

fn row_cell(row: u32) -> usize {
    ROWS + row as usize * cell_words(ROW_WORDS)
}
