//! Traffic that a cloud logs more than once: at both ends, at gateways between them, or in files that are read twice.
//!
//! * [`Double::OneSide`] needs no memory. Each interface that sends internal traffic logs it, so what comes in from an internal
//!   address is left out. What comes in from outside is logged nowhere else, and what was rejected only where it was, so
//!   both stay. A record without direction stays too.
//! * [`Double::Match`] remembers what has come and leaves out what is seen again: the same five values (addresses, ports,
//!   protocol) and the same verdict, by another interface or in the other direction, with a start at most a minute
//!   apart; or by the same interface with the same times and counts, which is the same record in another file. An
//!   interface logs a connection in window after window, so one that is seen again by the same interface at another time is
//!   not seen twice. Which of several sights comes first is all that the order of files decides.
//!
//! A host that runs the sensor itself counts its own packets, and better: records that concern its addresses may be left out too.
//! Rejected ones stay, since the packets of most never reached it.

use std::{
    hash::{BuildHasher as _, Hasher as _},
    mem,
    sync::Arc,
};

use hashbrown::{DefaultHashBuilder, HashTable};
use sensor_common::key::Direction;
use sensor_core::flow::{
    device::Action,
    networks::Networks,
    point::{ObservationPoint, PointAttribute},
    protocol,
};

use super::record::{Ends, Record};

/// What to do with traffic that is logged more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Double {
    /// Nothing: every record as it is.
    #[default]
    Keep,
    /// Of internal traffic only what its sender's interface logs.
    OneSide,
    /// Only what is seen first.
    Match,
}

impl Double {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Keep, Self::OneSide, Self::Match];

    /// Its name in configurations and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::OneSide => "one-side",
            Self::Match => "match",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }
}

/// What counts as logged more than once.
#[derive(Clone, Debug, Default)]
pub struct Reporting {
    /// What to do with it.
    pub double: Double,
    /// The networks whose interfaces are logged: those that the configuration calls internal.
    pub internal: Arc<Networks>,
    /// Addresses of hosts whose sensors count their packets themselves; none where the log is to be believed.
    pub own: Option<Arc<Networks>>,
}

/// Keys that half of the memory holds: what two tables of 2^19 places take, which is 57 octets a place and 65 a key.
const HALF: usize = (1 << 19) / 8 * 7;

/// What has come of one kind of connection in one minute.
struct Sight {
    ends: [u64; 4],
    ports: [u16; 2],
    protocol: u8,
    action: u8,
    /// Where and which way it was seen; 0 where that is not told.
    place: u32,
    /// First packet, milliseconds since the epoch.
    start: u64,
    /// What tells the record from others of its key and start.
    content: u32,
}

impl Sight {
    fn is_of_key(&self, other: &Self, minute: u64) -> bool {
        self.minute() == minute
            && (self.ends, self.ports, self.protocol, self.action)
                == (other.ends, other.ports, other.protocol, other.action)
    }

    fn minute(&self) -> u64 {
        self.start / 60_000
    }

    /// Whether one of both is the other once more.
    fn repeats(&self, other: &Self) -> bool {
        let elsewhere = self.place != 0 && other.place != 0 && self.place != other.place;
        elsewhere || (self.start, self.content) == (other.start, other.content)
    }
}

/// Leaves out what is logged more than once.
pub(super) struct Repeats {
    reporting: Reporting,
    /// What has come last, and before that.
    seen: [HashTable<Sight>; 2],
    hasher: DefaultHashBuilder,
    half: usize,
    forgotten: u64,
    /// Names of places, by the numbers of observation points.
    places: Vec<u32>,
}

impl Default for Repeats {
    fn default() -> Self {
        Self {
            reporting: Reporting::default(),
            seen: Default::default(),
            hasher: DefaultHashBuilder::default(),
            half: HALF,
            forgotten: 0,
            places: Vec::new(),
        }
    }
}

impl Repeats {
    /// Goes by this from now on. What has come is remembered as long as it matters.
    pub(super) fn set(&mut self, reporting: Reporting) {
        if reporting.double != Double::Match {
            self.seen = Default::default();
        }
        self.reporting = reporting;
    }

    /// Keys that were forgotten because there was no more room: what repeats them has stayed.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Points get new numbers.
    pub(super) fn forget_points(&mut self) {
        self.places.clear();
    }

    /// Whether every record stays.
    #[inline(always)]
    pub(super) fn keep_all(&self) -> bool {
        self.reporting.double == Double::Keep && self.reporting.own.is_none()
    }

    /// Whether a record repeats what is known otherwise; `point` is its observation point.
    pub(super) fn is_repeated(&mut self, record: &Record, point: &ObservationPoint) -> bool {
        let rejected = record.action == Some(Action::Rejected);
        if !rejected && self.reporting.own.as_deref().is_some_and(|own| either(own, record.ends)) {
            return true;
        }
        match self.reporting.double {
            Double::Keep => false,
            Double::OneSide => {
                !rejected
                    && record.direction == Some(Direction::Ingress)
                    && source(&self.reporting.internal, record.ends)
            }
            Double::Match => self.was_seen(record, point),
        }
    }

    /// Whether a record is one that has come before; it is remembered if it is not.
    fn was_seen(&mut self, record: &Record, point: &ObservationPoint) -> bool {
        let new = self.sight(record, point);
        let minute = new.minute();
        for near in [Some(minute), minute.checked_sub(1), Some(minute + 1)].into_iter().flatten() {
            let hash = hash(&self.hasher, &new, near);
            let is_it = |old: &Sight| old.is_of_key(&new, near) && new.repeats(old);
            if self.seen.iter().any(|seen| seen.find(hash, is_it).is_some()) {
                return true;
            }
        }
        if self.seen[0].len() >= self.half {
            let [newer, older] = &mut self.seen;
            self.forgotten += older.len() as u64;
            older.clear();
            mem::swap(newer, older);
        }
        let hasher = &self.hasher;
        let rehash = |old: &Sight| hash(hasher, old, old.minute());
        self.seen[0].insert_unique(hash(hasher, &new, minute), new, rehash);
        false
    }

    fn sight(&mut self, record: &Record, point: &ObservationPoint) -> Sight {
        let ends = match record.ends {
            Ends::V4(source, destination) => {
                let mapped = |address: u32| [0, 0xffff_0000_0000 | u64::from(address)];
                [mapped(source), mapped(destination)]
            }
            Ends::V6(source, destination) => {
                [source, destination].map(|address| [(address >> 64) as u64, address as u64])
            }
        };
        // Connections between the same addresses are not told apart without ports.
        let ports = [record.ports.0, record.ports.1];
        let is_told = !protocol::has_ports(record.protocol) || ports.iter().all(Option::is_some);
        let place = if is_told { self.place(record, point) } else { 0 };
        let mut content = digest();
        for number in [Some(record.end), record.packets, record.octets] {
            content.write_u64(number.map_or(u64::MAX, |number| number));
        }
        Sight {
            ends: [ends[0][0], ends[0][1], ends[1][0], ends[1][1]],
            ports: ports.map(|port| port.unwrap_or(0)),
            protocol: record.protocol,
            action: record.action.map_or(0, |action| action as u8),
            place,
            start: record.start.unwrap_or(record.end),
            content: content.finish() as u32,
        }
    }

    /// A name for where, and which way, a record was seen: the same whatever numbers points have.
    fn place(&mut self, record: &Record, point: &ObservationPoint) -> u32 {
        let number = record.point.0 as usize;
        if number == 0 {
            return 0;
        }
        if self.places.len() <= number {
            self.places.resize(number + 1, 0);
        }
        let known = &mut self.places[number];
        if *known == 0 {
            let mut name = digest();
            for attribute in PointAttribute::ALL {
                name.write(point.get(attribute).unwrap_or_default().as_bytes());
                name.write_u8(b'\n');
            }
            // Room for the direction, and not 0.
            *known = (name.finish() as u32 | 1) << 2;
        }
        *known | record.direction.map_or(2, |way| way as u32)
    }
}

/// Not keyed: places are compared for as long as the table lives, and names are no secrets.
fn digest() -> std::hash::DefaultHasher {
    std::hash::DefaultHasher::new()
}

fn hash(hasher: &DefaultHashBuilder, sight: &Sight, minute: u64) -> u64 {
    hasher.hash_one((sight.ends, sight.ports, sight.protocol, sight.action, minute))
}

fn source(networks: &Networks, ends: Ends) -> bool {
    match ends {
        Ends::V4(source, _) => networks.has_v4(source),
        Ends::V6(source, _) => networks.has_v6(source),
    }
}

fn either(networks: &Networks, ends: Ends) -> bool {
    match ends {
        Ends::V4(one, other) => networks.has_v4(one) || networks.has_v4(other),
        Ends::V6(one, other) => networks.has_v6(one) || networks.has_v6(other),
    }
}

#[cfg(test)]
mod tests;
