//! What the tuples of a record tell, into flow records: in the order of their times, and a row for each direction.
//!
//! A tuple counts since the one before it of the same flow, and tuples of one record stand by rule, not by time. So those of a
//! record are sorted before any becomes a row.

use sensor_core::flow::device::Action;

use super::tuple::Tuple;
use crate::cloud::{
    both::{self, Uncounted},
    flows::{Ends, Flows, Record, RecordTexts},
    underway::{Key, Part},
};

/// Tuples that are sorted at once; those of a longer record are sorted by so many.
const MOST: usize = 1 << 14;

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

#[derive(Clone, Copy, Debug)]
struct Told {
    tuple: Tuple,
    group: u32,
    /// Number of the code of encryption.
    encryption: u32,
    key: Key,
}

/// Tuples that have been read and are no rows yet.
#[derive(Debug, Default)]
pub struct Pending {
    groups: Vec<Group>,
    told: Vec<Told>,
    /// When each was written, with the part of its flow's life, and which it is.
    order: Vec<(u64, u32)>,
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
        self.order.push((tuple.time << 2 | rank, self.told.len() as u32));
        let group = self.groups.len() as u32 - 1;
        let key = key(&tuple, &self.groups[group as usize]);
        self.told.push(Told { tuple, group, encryption: self.code.1, key });
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
        let Self { groups, told, order, .. } = self;
        // Those of a rule are most often in order: runs are merged, not sorted.
        order.sort();
        let names = flows.names();
        let parts = ["begin", "continue", "end"].map(|part| names.text(part.as_bytes()));
        for (place, (_, at)) in order.iter().enumerate() {
            if let Some((_, soon)) = order.get(place + AHEAD) {
                flows.underway().expect(told[*soon as usize].key);
            }
            let told = &told[*at as usize];
            rows(told, &groups[told.group as usize], &parts, flows);
        }
        told.clear();
        order.clear();
    }
}

/// Makes rows of a tuple, and enters it in the account.
#[inline(always)]
fn rows(told: &Told, group: &Group, parts: &[u32; 3], flows: &mut Flows) {
    let Told { tuple, encryption, .. } = told;
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
    let [a, b, c, d] = match tuple.ends {
        Ends::V4(from, to) => [u64::from(from), u64::from(to), 0, 0],
        Ends::V6(from, to) => {
            let ((a, b), (c, d)) = (halves(from), halves(to));
            [a, b, c, d]
        }
    };
    // That no address of four octets is taken for one of sixteen.
    let family = u64::from(matches!(tuple.ends, Ends::V6(..))) << 63;
    Key::of([group.interface, way | family, a, b, c, d])
}
