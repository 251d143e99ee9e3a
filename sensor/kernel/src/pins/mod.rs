//! Pins: programs and tables that go on counting while no agent runs, and how the next agent takes them over.
//!
//! Everything lies in one directory of a bpffs, which belongs to one agent at a time:
//!
//! ```text
//! links/…        the links by which programs are attached (`links.rs`)
//! tables-1/…     the maps that they fill, and the agent's own state of them (`tables.rs`, `state.rs`)
//! tables-2/…     while two sets are there: what an agent of another build, or with other sizes, goes on with
//! ```
//!
//! An agent starts thus:
//!
//! 1. It locks the directory, and looks for a set of tables that it would describe in the same words as its own
//!    (`layout.rs`). With such a set it goes on; else it makes another beside those that are there.
//! 2. It loads its programs upon that set, and puts them into the links that it finds, one by one: the kernel exchanges
//!    programs in one step, so each packet is counted once, by the one or the other. Programs of two agents may fill one set
//!    side by side: on one CPU, never at the same time.
//! 3. It takes off links that nobody wants any more.
//! 4. It waits for a grace period. Now all tables but the own ones are at rest for good, and the retired generation of the own
//!    ones is (`drain.rs`). It finishes the drain that an agent may have been killed in, drains all other sets by their
//!    description (`former.rs`), and removes those.
//!
//! Whenever an agent is killed, what it leaves is one of the states in which this sequence, or a drain, can be cut; the next
//! agent goes on from there, and nothing is counted twice. What was in the memory of the one that was killed is lost: it
//! is known how much that was (`state.rs`), and told.

mod directory;
mod former;
mod layout;
mod links;
mod state;
mod tables;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sensor_common::ledger::Count;

pub use self::directory::{PinError, check};
pub(super) use self::{
    directory::Directory,
    former::Former,
    links::{LinkPins, Pin, Place, Way},
    state::State,
    tables::{Plan, SHARED},
};
use super::{
    accounts::{Epoch, add},
    budget::Budget,
    error::KernelError,
};

/// A directory of pins, and the right to it.
#[derive(Debug)]
pub struct Pins {
    directory: Directory,
    links: LinkPins,
    keep: bool,
}

/// What stands in pins, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The directory.
    pub directory: PathBuf,
    /// Whether the tables of an agent before are in use.
    pub tables: bool,
    /// Sets of tables that were found and have been, or are about to be, drained.
    pub former: usize,
    /// Links that have gone on.
    pub links: usize,
}

/// What came of tables that agents before had filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// What was drained of them.
    pub epoch: Epoch,
    /// What was in the memory of agents that were killed: taken out of the tables, and not passed on to the outputs.
    pub lost: Count,
    /// Sets of tables that were drained and removed.
    pub former: usize,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Links and filters.
    pub links: usize,
    /// Sets of tables.
    pub tables: usize,
    /// Packets, and octets of frames, that these had counted and no agent has passed on.
    pub unaccounted: Count,
}

impl Pins {
    /// Opens the directory, which is made where it is not there, for an agent that is to leave its links and tables in it.
    ///
    /// # Errors
    /// When it is on no bpffs, not to be written, or another agent's.
    pub fn open(directory: &Path) -> Result<Self, PinError> {
        let directory = Directory::make(directory)?;
        let links = directory.path().join(LINKS);
        let links = LinkPins::open(links, true).map_err(|source| directory.failed(source))?;
        Ok(Self { directory, links, keep: true })
    }

    /// Opens what an agent before has left in the directory, for one that is to leave nothing; `None` where there is nothing.
    ///
    /// # Errors
    /// When it cannot be read, or is another agent's.
    pub fn left_in(directory: &Path) -> Result<Option<Self>, PinError> {
        let Some(directory) = Directory::existing(directory)? else { return Ok(None) };
        let links = directory.path().join(LINKS);
        let links = LinkPins::open(links, false).map_err(|source| directory.failed(source))?;
        Ok(Some(Self { directory, links, keep: false }))
    }

    /// What this agent is to load programs upon, if its tables are those of `budget`.
    pub(super) fn plan(&self, budget: &Budget) -> Result<Plan, KernelError> {
        Plan::new(self.directory.path(), self.keep, &layout::describe(budget)).map_err(|source| {
            KernelError::System { attempt: "read the pinned flow tables", source }
        })
    }

    /// The two parts of this: who holds the directory until it is dropped, and the links.
    pub(super) fn split(self) -> (Directory, LinkPins) {
        (self.directory, self.links)
    }

    /// Takes all programs off and removes all tables.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn remove(mut self) -> io::Result<Removed> {
        let mut removed = Removed { links: self.links.release(), ..Removed::default() };
        removed.links += self.links.release_filters();
        for (_, set) in tables::list(self.directory.path())? {
            if let Ok(former) = Former::open(&set) {
                add(&mut removed.unaccounted, former.unaccounted());
            }
            tables::remove(&set)?;
            removed.tables += 1;
        }
        // The directory itself stays: it may have been made for a service that could not make it.
        match fs::remove_dir(self.directory.path().join(LINKS)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(removed),
        }
    }
}

/// Where links are, in the directory.
const LINKS: &str = "links";

/// Tables of agents before, to be dealt with once no program of theirs is at work.
#[derive(Debug, Default)]
pub(super) struct Heritage {
    /// The tables that this agent goes on with: one generation may be drained in part.
    pub own: Option<Former>,
    /// All others.
    pub former: Vec<Former>,
}

/// Completes a plan once the maps are there: the state of the tables, and what is to be dealt with.
pub(super) fn begin(plan: Plan, budget: &Budget) -> Result<(State, Heritage), KernelError> {
    let failed =
        |source| KernelError::System { attempt: "make the state of the flow tables", source };
    let Plan { set, adopted, former } = plan;
    let state = match (&adopted, &set) {
        (Some(_), Some(set)) => tables::state(set).map_err(failed)?,
        _ => {
            let (state, map) = State::make(unlike_any(), budget.rows(), &layout::describe(budget))
                .map_err(failed)?;
            if let Some(set) = &set {
                tables::complete(set, &map).map_err(failed)?;
            }
            state
        }
    };
    Ok((state, Heritage { own: adopted, former }))
}

/// A number that no other set has.
fn unlike_any() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id()) | 1
}

/// What agents took out of `tables` and neither passed on nor told to be lost, as the states have it.
pub(super) fn untold<'t>(tables: impl Iterator<Item = &'t Former>) -> Count {
    let mut untold = Count::default();
    tables.for_each(|tables| add(&mut untold, tables.untold()));
    untold
}

/// Adds to `state` all that is known of tables that have been drained, in one step, and removes them.
pub(super) fn absorb(state: &State, former: &Former) {
    let theirs = former.state.totals();
    let taken = former.state.taken();
    state.change(|totals| {
        add(&mut totals.inherited, taken);
        add(&mut totals.passed_on, theirs.passed_on);
        add(&mut totals.lost, theirs.lost);
        totals.absorbed = former.state.number();
    });
    if let Err(error) = tables::remove(former.directory()) {
        tracing::warn!(path = %former.directory().display(), %error, "cannot remove drained flow tables");
    }
}
