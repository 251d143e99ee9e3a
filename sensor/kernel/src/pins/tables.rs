//! Sets of tables in bpffs: a directory each, `tables-1` and so on, with the maps and, pinned last, the state that belongs to
//! them. A set without its state was never at work.

use std::{
    fs::{self, DirBuilder},
    io,
    os::{fd::AsFd, unix::fs::DirBuilderExt as _},
    path::{Path, PathBuf},
};

use aya::maps::MapData;
use sensor_common::layout::names;

use super::{
    former::Former,
    state::{self, State},
};
use crate::sys::objects;

/// The maps that programs of two agents share, and those that a handover between them needs.
pub(crate) const SHARED: [&str; 7] = [
    names::FLOWS_V4,
    names::FLOWS_V6,
    names::USED_V4,
    names::USED_V6,
    names::BOOKS,
    names::HANDOVER,
    names::TAKEN_OVER,
];

/// What the name of a set begins with; its number follows.
const PREFIX: &str = "tables-";

/// The sets in `directory`, the newest first.
pub(super) fn list(directory: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut sets = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        if let Some(number) = number {
            sets.push((number, entry.path()));
        }
    }
    sets.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    Ok(sets)
}

/// Makes the directory of set `number`.
pub(super) fn make(directory: &Path, number: u32) -> io::Result<PathBuf> {
    let set = directory.join(format!("{PREFIX}{number}"));
    DirBuilder::new().mode(0o700).create(&set)?;
    Ok(set)
}

/// The state of the set in `set`.
pub(super) fn state(set: &Path) -> io::Result<State> {
    State::of(&MapData::from_pin(set.join(state::NAME)).map_err(io::Error::other)?)
}

/// Makes the set in `set`, whose maps are pinned, one that counts.
pub(super) fn complete(set: &Path, state: &impl AsFd) -> io::Result<()> {
    objects::pin(state.as_fd(), &set.join(state::NAME))
}

/// Unlinks a set; the maps go with the last program that has them.
pub(super) fn remove(set: &Path) -> io::Result<()> {
    // The state first: what is left of a set that is half removed is not drained again.
    match fs::remove_file(set.join(state::NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    for entry in fs::read_dir(set)? {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(set)
}

/// What to load programs upon, and what else was found.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Where maps are pinned, or will be; `None` where nothing is to be pinned.
    pub set: Option<PathBuf>,
    /// The tables in it, where an agent was at work before.
    pub adopted: Option<Former>,
    /// Tables that this agent cannot go on with.
    pub former: Vec<Former>,
}

impl Plan {
    /// Judges the sets in `directory`: an agent that pins its own goes on with the newest that is described by
    /// `description`, or begins another.
    pub(super) fn new(directory: &Path, pinned: bool, description: &[u64]) -> io::Result<Self> {
        let mut plan = Self::default();
        let sets = list(directory)?;
        let next = sets.first().map_or(1, |(number, _)| number.saturating_add(1));
        let mut absorbed = 0;
        for (_, set) in sets {
            let former = match Former::open(&set) {
                Ok(former) => former,
                Err(_) if !set.join(state::NAME).exists() => {
                    remove(&set)?;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(
                        path = %set.display(),
                        %error,
                        "flow tables of another build cannot be read: what they counted is lost"
                    );
                    remove(&set)?;
                    continue;
                }
            };
            if pinned && plan.set.is_none() && former.state.description() == description {
                absorbed = former.state.totals().absorbed;
                plan.set = Some(set);
                plan.adopted = Some(former);
            } else if former.state.number() == absorbed {
                // An agent was killed after it had taken over what these counted, and before it removed them.
                remove(&set)?;
            } else {
                plan.former.push(former);
            }
        }
        if pinned && plan.set.is_none() {
            plan.set = Some(make(directory, next)?);
        }
        Ok(plan)
    }
}
