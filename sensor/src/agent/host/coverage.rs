//! Compares what interfaces count with what the programs saw, all the time, and keeps what is to be said at the end.

use std::{
    collections::BTreeMap,
    fmt, io,
    time::{Duration, Instant},
};

use anyhow::ensure;
use sensor_common::{
    crossing::{self, Crossing},
    key::Direction,
};
use sensor_kernel::{
    counters::{InterfaceCounters, LinkCounters},
    coverage::{Rule, Track},
    links::{AUTO, Link},
};
use serde::{Serialize, Serializer};

/// How often a shortfall that grows is told.
const AGAIN: Duration = Duration::from_mins(1);

/// Both directions, in the order of their numbers.
const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// All interfaces that are watched.
pub struct Coverage {
    counters: InterfaceCounters,
    groups: BTreeMap<usize, Group>,
    /// Shortfalls of groups that are no more.
    past: Vec<Passed>,
    /// Interfaces that ever were watched.
    interfaces: usize,
}

/// Shortfalls that are remembered one by one; interfaces may come and go without end.
const REMEMBERED: usize = 100;

/// Interfaces that share a slot, nearly always one.
#[derive(Default)]
struct Group {
    members: BTreeMap<u32, Member>,
    tracks: [Option<Followed>; 2],
}

struct Member {
    name: String,
    kind: String,
    /// What it counted at the last look.
    counters: LinkCounters,
}

struct Followed {
    track: Track,
    /// What had been seen at the first look.
    first_seen: u64,
    last_seen: u64,
    told: Option<Instant>,
}

/// Packets that passed an interface, and those of them that passed unseen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// Name of the interface, or of those whose packets are counted together.
    pub interface: String,
    /// Of received or of sent packets.
    #[serde(serialize_with = "as_word")]
    pub direction: Direction,
    /// Packets that the programs saw.
    pub seen: u64,
    /// Packets that the interface counted.
    pub counted: u64,
    /// How many have passed unseen, at least.
    pub unseen: u64,
}

/// What is to be said at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Interfaces that were watched.
    pub interfaces: usize,
    /// What passes those that are watched now, as far as they count it themselves; since the last change of the interfaces
    /// that are counted together.
    pub current: Vec<Passed>,
    /// What passed unseen.
    pub shortfalls: Vec<Passed>,
    /// Programs that had been taken off or put behind others, and were put back.
    pub restored: u64,
    /// Names that are to be watched and under which no interface is there.
    pub absent: Vec<Absent>,
}

/// A name under which no interface is there, or [`AUTO`] without a default route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// The name.
    pub name: String,
    /// Whether there was one.
    pub was_there: bool,
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.as_str(), self.was_there) {
            (AUTO, false) => f.write_str("there was never a default route"),
            (AUTO, true) => f.write_str("the default route's interface is gone"),
            (name, false) => write!(f, "no interface named {name} has appeared"),
            (name, true) => write!(f, "the interface named {name} is gone"),
        }
    }
}

impl Report {
    /// That no packet is known to have passed unseen.
    ///
    /// # Errors
    /// Where some have.
    pub fn check(&self) -> anyhow::Result<()> {
        let unseen: u64 = self.shortfalls.iter().map(|shortfall| shortfall.unseen).sum();
        ensure!(unseen == 0, "at least {unseen} packets on the interfaces were missed");
        Ok(())
    }
}

impl Coverage {
    /// Of the interfaces in this thread's network namespace.
    ///
    /// # Errors
    /// When rtnetlink cannot be asked.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            counters: InterfaceCounters::open()?,
            groups: BTreeMap::new(),
            past: Vec::new(),
            interfaces: 0,
        })
    }

    /// Follows an interface from now on. The programs had seen `before` of it when they were not attached yet, and have
    /// seen what `crossed` tells.
    pub fn add(&mut self, link: &Link, before: &Crossing, crossed: impl Fn(u32) -> Crossing) {
        self.interfaces += 1;
        let group = self.groups.entry(crossing::slot(link.index)).or_default();
        let alone = group.members.is_empty();
        remember(&mut self.past, group.shortfalls());
        let (name, kind) = (link.name.clone(), link.kind.clone());
        let member = Member { name, kind, counters: LinkCounters::default() };
        group.members.insert(link.index, member);
        group.begin(alone.then_some(before));
        self.look(Instant::now(), crossed);
    }

    /// Follows an interface under its new name.
    pub fn rename(&mut self, index: u32, name: &str) {
        let group = self.groups.get_mut(&crossing::slot(index));
        if let Some(member) = group.and_then(|group| group.members.get_mut(&index)) {
            name.clone_into(&mut member.name);
        }
    }

    /// Lets go of an interface.
    pub fn remove(&mut self, index: u32) {
        let Some(group) = self.groups.get_mut(&crossing::slot(index)) else { return };
        remember(&mut self.past, group.shortfalls());
        group.members.remove(&index);
        group.begin(None);
    }

    /// Compares; what has newly passed unseen is logged. `crossed` tells what the programs have seen by now.
    pub fn look(&mut self, now: Instant, crossed: impl Fn(u32) -> Crossing) {
        let all: Vec<u32> =
            self.groups.values().flat_map(|group| group.members.keys().copied()).collect();
        let counters = match self.counters.read(&all) {
            Ok(counters) => counters,
            Err(error) => {
                tracing::debug!(%error, "cannot read interface counters; coverage is unknown");
                return;
            }
        };
        for group in self.groups.values_mut() {
            for (index, member) in &mut group.members {
                member.counters = counters.get(index).copied().unwrap_or(member.counters);
            }
            let counted: Vec<_> = group.members.keys().map(|index| counters.get(index)).collect();
            let Some(counted) = counted.into_iter().collect::<Option<Vec<_>>>() else {
                continue; // One is gone, which will be told.
            };
            let Some(&index) = group.members.keys().next() else { continue };
            let crossing = crossed(index);
            for direction in DIRECTIONS {
                let counter = counted.iter().map(|link| link.packets[direction as usize]).sum();
                group.look(direction, now, counter, &crossing);
            }
        }
    }

    /// The interface of this index as it counted at the last look, by its name of now.
    pub fn counters(&self, index: u32) -> Option<(&str, LinkCounters)> {
        let member = self.groups.get(&crossing::slot(index))?.members.get(&index)?;
        Some((&member.name, member.counters))
    }

    /// What is known by now.
    pub fn report(&self) -> Report {
        let current = self.groups.values().flat_map(Group::passed).collect();
        let shortfalls = self.past.iter().cloned();
        let shortfalls =
            shortfalls.chain(self.groups.values().flat_map(Group::shortfalls)).collect();
        Report { interfaces: self.interfaces, current, shortfalls, ..Report::default() }
    }
}

/// Adds to what is known of interfaces that were watched before.
fn remember(past: &mut Vec<Passed>, shortfalls: impl Iterator<Item = Passed>) {
    for mut shortfall in shortfalls {
        let same = |known: &Passed| {
            known.interface == shortfall.interface && known.direction == shortfall.direction
        };
        let mut known = past.iter().position(same);
        if known.is_none() && past.len() >= REMEMBERED {
            "others".clone_into(&mut shortfall.interface);
            known = Some(REMEMBERED - 1);
        }
        match known.map(|known| &mut past[known]) {
            Some(known) => {
                known.interface = shortfall.interface;
                known.seen += shortfall.seen;
                known.counted += shortfall.counted;
                known.unseen += shortfall.unseen;
            }
            None => past.push(shortfall),
        }
    }
}

impl Group {
    /// Starts anew with the members of now.
    fn begin(&mut self, before: Option<&Crossing>) {
        self.tracks = DIRECTIONS.map(|direction| {
            let rules = self.members.values().map(|member| Rule::of(&member.kind, direction));
            let rule = rules.reduce(|one, other| Some(one?.and(other?))).flatten()?;
            let start = before.map(|before| before.packets()[direction as usize]);
            Some(Followed {
                track: Track::new(rule, start),
                first_seen: start.unwrap_or(0),
                last_seen: 0,
                told: None,
            })
        });
    }

    fn look(&mut self, direction: Direction, now: Instant, counter: u64, crossing: &Crossing) {
        let Some(followed) = &mut self.tracks[direction as usize] else { return };
        followed.last_seen = crossing.packets()[direction as usize];
        let grown = followed.track.look(now, counter, followed.last_seen);
        if grown && followed.told.is_none_or(|told| now.duration_since(told) >= AGAIN) {
            followed.told = Some(now);
            if let Some(Passed { interface, seen, counted, unseen, .. }) = self.passed_in(direction)
            {
                tracing::warn!(
                    interface,
                    direction = word(direction),
                    seen,
                    counter = counted,
                    unseen,
                    "packets are missed: another program consumes them before ours (`bpftool net` lists programs), or they bypass tc"
                );
            }
        }
    }

    fn passed(&self) -> impl Iterator<Item = Passed> {
        DIRECTIONS.into_iter().filter_map(|direction| self.passed_in(direction))
    }

    fn shortfalls(&self) -> impl Iterator<Item = Passed> {
        self.passed().filter(|passed| passed.unseen > 0)
    }

    fn passed_in(&self, direction: Direction) -> Option<Passed> {
        let followed = self.tracks[direction as usize].as_ref()?;
        let names: Vec<_> = self.members.values().map(|member| member.name.as_str()).collect();
        Some(Passed {
            interface: names.join(" and "),
            direction,
            seen: followed.last_seen.saturating_sub(followed.first_seen),
            counted: followed.track.counted(),
            unseen: followed.track.unseen(),
        })
    }
}

fn as_word<S: Serializer>(direction: &Direction, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word(*direction))
}

/// The direction in a message.
pub fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, direction, seen, counted, unseen } = self;
        write!(
            f,
            "{interface}, {}: at least {unseen} of {counted} packets counted by the interface WERE MISSED \
             ({seen} seen)",
            word(*direction)
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.restored > 0 {
            writeln!(
                f,
                "programs restored after others had detached or preceded them: {}",
                self.restored
            )?;
        }
        for absent in &self.absent {
            writeln!(f, "NOT CAPTURED: {absent}")?;
        }
        if self.shortfalls.is_empty() {
            let plural = if self.interfaces == 1 { "" } else { "s" };
            return writeln!(
                f,
                "covered: no missed packets on {} interface{plural}",
                self.interfaces
            );
        }
        self.shortfalls.iter().try_for_each(|shortfall| writeln!(f, "{shortfall}"))
    }
}
