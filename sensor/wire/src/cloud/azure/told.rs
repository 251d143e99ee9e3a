//! What the tuples of a record tell, into flow records: in the order of their times, and a row for each direction.
//!
//! A tuple counts since the one before it of the same flow, and tuples of one record stand by rule, not by time. So those of a
//! record are sorted before any becomes a row.

use sensor_common::key::Direction;
use sensor_core::flow::device::Action;

use super::tuple::{LATEST, Tuple};
use crate::cloud::{
    both::{self, Counts, Uncounted},
    flows::{Ends, Flows, Record, RecordTexts},
    underway::{Key, Part},
};

/// Tuples that are sorted at once; those of a longer record are sorted by so many.
const MOST: usize = 1 << 14;

// A time, in milliseconds, has 44 bits at most.
const _: () =
    assert!((LATEST * 1000) << 2 < u64::MAX / MOST as u64, "room for time, part and place");

/// How many tuples before its own the place of a flow under way is asked for: it is seldom in a cache.
const AHEAD: usize = 8;

/// What tuples have in common that stand together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Observation point and source, as [`Flows::point`] numbers them.
    pub point: (u32, u32),
    /// Address of the interface, as a number.
    pub interface: u64,
    /// Number of the name of the rule.
    pub rule: u32,
    /// Version of the log.
    pub version: u8,
}

/// A tuple in as few octets as it takes, a line of the cache: thousands wait for their turn.
#[derive(Clone, Copy, Debug)]
struct Told {
    key: Key,
    /// Packets and octets, from who opened the flow and to it.
    counts: [u64; 4],
    /// IPv4 addresses, else the place among the pairs of others.
    ends: u64,
    ports: [u16; 2],
    group: u32,
    /// Number of the code of encryption.
    encryption: u32,
    /// What is told, and what stands for something: see [`Self::of`].
    flags: u16,
    protocol: u8,
}

const _: () = assert!(size_of::<Told>() == 64, "a line of the cache");

/// Flags of [`Told`]: of the ports, and of the counts, which are told begin with these bits; a part of a life is two bits.
const PORTS: u32 = 0;
const COUNTS: u32 = 2;
const PART: u32 = 6;
const EGRESS: u16 = 1 << 8;
const DENIED: u16 = 1 << 9;
const DROPPED: u16 = 1 << 10;
const V6: u16 = 1 << 11;
const PARTS: [Option<Part>; 4] = [Some(Part::Begin), Some(Part::Continue), Some(Part::End), None];

impl Told {
    /// All of a tuple but its time; a pair of IPv6 addresses goes to `pairs`.
    #[inline(always)]
    fn of(tuple: &Tuple, key: Key, group: u32, encryption: u32, pairs: &mut Vec<Ends>) -> Self {
        let Tuple { ports, out, back, .. } = tuple;
        let counts = [out.packets, out.octets, back.packets, back.octets];
        let flag = |is: bool, flag: u16| if is { flag } else { 0 };
        let mut flags = tuple.part.map_or(3, |part| part as u16) << PART
            | flag(tuple.direction == Direction::Egress, EGRESS)
            | flag(tuple.denied, DENIED)
            | flag(tuple.dropped, DROPPED)
            | u16::from(ports.0.is_some()) << PORTS
            | u16::from(ports.1.is_some()) << (PORTS + 1);
        for (bit, count) in (COUNTS..).zip(&counts) {
            flags |= u16::from(count.is_some()) << bit;
        }
        let ends = match tuple.ends {
            Ends::V4(from, to) => u64::from(from) << 32 | u64::from(to),
            Ends::V6(..) => {
                flags |= V6;
                pairs.push(tuple.ends);
                pairs.len() as u64 - 1
            }
        };
        Self {
            key,
            counts: counts.map(|count| count.unwrap_or(0)),
            ends,
            ports: [ports.0.unwrap_or(0), ports.1.unwrap_or(0)],
            group,
            encryption,
            flags,
            protocol: tuple.protocol,
        }
    }

    #[inline(always)]
    fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// The tuple, which was written at `time`.
    #[inline(always)]
    fn tuple(&self, time: u64, pairs: &[Ends]) -> Tuple {
        let port = |at: usize| self.has(1 << (PORTS + at as u32)).then_some(self.ports[at]);
        let count = |at: usize| self.has(1 << (COUNTS + at as u32)).then_some(self.counts[at]);
        let v4 = Ends::V4((self.ends >> 32) as u32, self.ends as u32);
        Tuple {
            time,
            ends: if self.has(V6) { pairs[self.ends as usize] } else { v4 },
            ports: (port(0), port(1)),
            protocol: self.protocol,
            direction: if self.has(EGRESS) { Direction::Egress } else { Direction::Ingress },
            part: PARTS[usize::from(self.flags >> PART) % PARTS.len()],
            denied: self.has(DENIED),
            dropped: self.has(DROPPED),
            out: Counts { packets: count(0), octets: count(1) },
            back: Counts { packets: count(2), octets: count(3) },
            more: 0,
        }
    }
}

/// Tuples that have been read and are no rows yet.
#[derive(Debug, Default)]
pub struct Pending {
    groups: Vec<Group>,
    told: Vec<Told>,
    /// Their IPv6 addresses.
    pairs: Vec<Ends>,
    /// When each was written, with the part of its flow's life, and which it is, the former in the higher bits.
    order: Vec<u64>,
    /// The code of encryption that came last, and its number.
    code: (Vec<u8>, u32),
}

impl Pending {
    /// What the tuples to come have in common.
    pub fn group(&mut self, group: Group) {
        self.groups.push(group);
    }

    /// Takes a tuple of the group that came last.
    #[inline(always)]
    pub fn add(&mut self, tuple: Tuple, encryption: &[u8], flows: &mut Flows) {
        if encryption != self.code.0 {
            self.code = (encryption.to_vec(), flows.names().text(encryption));
        }
        let rank = tuple.part.map_or(0, |part| part as u64);
        self.order.push((tuple.time << 2 | rank) * MOST as u64 + self.told.len() as u64);
        let group = self.groups.len() as u32 - 1;
        let key = key(&tuple, &self.groups[group as usize]);
        self.told.push(Told::of(&tuple, key, group, self.code.1, &mut self.pairs));
        if self.told.len() == MOST {
            self.write(flows);
        }
    }

    /// The record is at its end: makes rows of its tuples. Numbers of names may be forgotten after that.
    pub fn finish(&mut self, flows: &mut Flows) {
        self.write(flows);
        self.groups.clear();
        self.code = Default::default();
    }

    fn write(&mut self, flows: &mut Flows) {
        if self.told.is_empty() {
            return;
        }
        let Self { groups, told, pairs, order, .. } = self;
        // Those of a rule are most often in order: runs are merged, not sorted.
        order.sort();
        let names = flows.names();
        let parts = ["begin", "continue", "end"].map(|part| names.text(part.as_bytes()));
        let which = |order: &u64| *order as usize % MOST;
        for (place, at) in order.iter().enumerate() {
            if let Some(soon) = order.get(place + AHEAD) {
                flows.underway().expect(told[which(soon)].key);
            }
            let told = &told[which(at)];
            let tuple = told.tuple((at / MOST as u64) >> 2, pairs);
            rows(told, &tuple, &groups[told.group as usize], &parts, flows);
        }
        told.clear();
        pairs.clear();
        order.clear();
    }
}

/// Makes rows of a tuple, and enters it in the account.
#[inline(always)]
fn rows(told: &Told, tuple: &Tuple, group: &Group, parts: &[u32; 3], flows: &mut Flows) {
    let Told { encryption, .. } = told;
    let mut since = None;
    if let Some(part) = tuple.part {
        let known = flows.underway().tell(told.key, part, tuple.time);
        since = known.since;
        if known.forgot {
            flows.ledger(group.point.1).starts_forgotten += 1;
        }
    }
    let rejected = tuple.denied || tuple.dropped;
    let record = Record {
        ends: tuple.ends,
        ports: tuple.ports,
        protocol: tuple.protocol,
        packets: None,
        octets: None,
        start: since,
        end: tuple.time,
        tcp_flags: None,
        tos: None,
        direction: Some(tuple.direction),
        action: Some(if rejected { Action::Rejected } else { Action::Accepted }),
        via: None,
        traffic_path: 0,
        version: group.version,
        initiator: 0,
        point: group.point,
        labels: (0, 0),
        texts: RecordTexts {
            rule: group.rule,
            reject_reason: if tuple.dropped { *encryption } else { 0 },
            flow_state: tuple.part.map_or(0, |part| parts[part as usize]),
            encryption: *encryption,
            data_status: 0,
        },
    };
    let uncounted = match tuple.part {
        Some(Part::Begin) => Uncounted::IsNone,
        _ => Uncounted::IsFlow,
    };
    both::push(record, tuple.out, tuple.back, uncounted, flows);
}

/// What the flow of a tuple is known by: the log and the interface, and both ends.
#[inline(always)]
fn key(tuple: &Tuple, group: &Group) -> Key {
    let port = |port: Option<u16>| u64::from(port.unwrap_or(0));
    let ports = port(tuple.ports.0) << 16 | port(tuple.ports.1);
    let way = u64::from(group.point.1) << 40 | u64::from(tuple.protocol) << 32 | ports;
    let halves = |address: u128| ((address >> 64) as u64, address as u64);
    match tuple.ends {
        Ends::V4(from, to) => {
            Key::of([group.interface, way, u64::from(from) << 32 | u64::from(to)])
        }
        Ends::V6(from, to) => {
            let ((a, b), (c, d)) = (halves(from), halves(to));
            Key::of([group.interface, way, a, b, c, d])
        }
    }
}
