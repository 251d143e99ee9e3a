//! The records of a blob: objects in objects in which the tuples of a minute stand, by rule.
//!
//! * security group: `properties.flows[].flows[].flowTuples[]`, with `rule` and `mac` on the way
//! * virtual network: `flowRecords.flows[].flowGroups[].flowTuples[]`, with `rule`; `macAddress` on top
//!
//! Tuples become flows as they are met. Where what must be known of them stands behind them, they are passed over first.

use std::borrow::Cow;

use sensor_core::flow::source::Source;

use super::{
    interface,
    state::State,
    told::Group,
    tuple::{Kind, Tuple},
};
use crate::cloud::{
    flows::Flows,
    json::pull::{Read, Reader, Syntax},
    ledger::Reason,
    text::number,
};

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Interface,
    SecurityGroup,
    Log,
    Target,
    Version,
    Rule,
    Flows,
    Groups,
    Tuples,
    Properties,
    Records,
    /// Nothing that flows have a field for.
    Other,
}

/// Names, without regard to case: Azure itself writes them differently now and then.
const MEMBERS: &[(&str, Member)] = &[
    ("rule", Member::Rule),
    ("flowTuples", Member::Tuples),
    ("mac", Member::Interface),
    ("flows", Member::Flows),
    ("flowGroups", Member::Groups),
    ("aclID", Member::Other),
    ("macAddress", Member::Interface),
    ("resourceId", Member::SecurityGroup),
    ("flowLogResourceID", Member::Log),
    ("targetResourceID", Member::Target),
    ("flowLogVersion", Member::Version),
    ("version", Member::Version),
    ("properties", Member::Properties),
    ("flowRecords", Member::Records),
    ("time", Member::Other),
    ("systemId", Member::Other),
    ("category", Member::Other),
    ("operationName", Member::Other),
    ("flowLogGUID", Member::Other),
];

impl Member {
    fn of(name: &[u8]) -> Option<Self> {
        let known = |(known, _): &&(&str, Self)| known.as_bytes().eq_ignore_ascii_case(name);
        MEMBERS.iter().find(known).map(|(_, member)| *member)
    }
}

/// What is said of all tuples of a record.
#[derive(Default)]
struct Header<'j> {
    interface: Cow<'j, [u8]>,
    group: Cow<'j, [u8]>,
    log: Cow<'j, [u8]>,
    target: Cow<'j, [u8]>,
    version: Cow<'j, [u8]>,
}

impl<'j> Header<'j> {
    /// Takes a member; false where it is none of these.
    fn take(&mut self, member: Member, value: &mut Reader<'j>) -> Read<'j, bool> {
        let own = match member {
            Member::Interface => &mut self.interface,
            Member::SecurityGroup => &mut self.group,
            Member::Log => &mut self.log,
            Member::Target => &mut self.target,
            Member::Version => &mut self.version,
            _ => return Ok(false),
        };
        *own = value.scalar()?;
        Ok(true)
    }

    /// Whether it is told where the tuples of such a log were seen.
    fn tells(&self, kind: Kind) -> bool {
        match kind {
            Kind::SecurityGroup => !self.group.is_empty(),
            Kind::VirtualNetwork => {
                let told = [&self.interface, &self.log, &self.target, &self.version];
                told.iter().all(|told| !told.is_empty())
            }
        }
    }
}

/// Keeps a value for later.
fn wait<'j, T>(waiting: &mut Option<T>, value: T, at: Reader<'j>) -> Read<'j, ()> {
    match waiting.replace(value) {
        None => Ok(()),
        Some(_) => Err(Syntax(at.rest())),
    }
}

/// A record being read.
pub struct Reading<'s> {
    /// What is known of its object.
    pub state: &'s mut State,
    /// Where its flows go.
    pub flows: &'s mut Flows,
    /// Whether flows, or groups of them, have stood where they should, even if there were none.
    pub is_of_log: bool,
}

impl Reading<'_> {
    /// Reads a record.
    ///
    /// # Errors
    /// Where it is none. The tuples before that have been read.
    pub fn record<'j>(&mut self, record: &'j [u8]) -> Read<'j, ()> {
        let mut header = Header::default();
        let mut waiting = None;
        let mut reader = Reader::new(record);
        reader.object(|name, value| {
            let Some(member) = self.member(name) else { return value.skip().map(drop) };
            let kind = match member {
                Member::Properties => Kind::SecurityGroup,
                Member::Records => Kind::VirtualNetwork,
                _ if header.take(member, value)? => return Ok(()),
                _ => return value.skip().map(drop),
            };
            if header.tells(kind) {
                return self.body(kind, &header, value);
            }
            let begin = value.skip()?;
            wait(&mut waiting, (kind, begin), begin)
        })?;
        match waiting {
            Some((kind, mut value)) => self.body(kind, &header, &mut value),
            None => Ok(()),
        }
    }

    /// The member of this name; counts it where it is not known.
    fn member(&mut self, name: &[u8]) -> Option<Member> {
        let member = Member::of(name);
        if member.is_none() {
            self.state.unknown(name);
        }
        member
    }

    fn body<'j>(
        &mut self,
        kind: Kind,
        header: &Header<'j>,
        value: &mut Reader<'j>,
    ) -> Read<'j, ()> {
        self.flows.observe(match kind {
            Kind::SecurityGroup => Source::Azure,
            Kind::VirtualNetwork => Source::AzureVnet,
        });
        self.state.locate([&header.group, &header.log, &header.target]);
        match kind {
            Kind::SecurityGroup => self.properties(header, value),
            Kind::VirtualNetwork => self.flow_records(header, value),
        }
    }

    /// `{"Version": 2, "flows": [{"rule", "flows": [{"mac", "flowTuples"}]}]}`
    fn properties<'j>(&mut self, header: &Header<'j>, value: &mut Reader<'j>) -> Read<'j, ()> {
        let first = Some(Member::Version);
        self.within(value, first, Member::Flows, |reading, version, rules| {
            reading.each(rules, Some(Member::Rule), Member::Flows, |reading, rule, interfaces| {
                let first = Some(Member::Interface);
                reading.each(interfaces, first, Member::Tuples, |reading, own, tuples| {
                    let interface = if own.is_empty() { &*header.interface } else { own };
                    reading.group(interface, rule, version);
                    reading.tuples(Kind::SecurityGroup, tuples)
                })
            })
        })
    }

    /// `{"flows": [{"aclID", "flowGroups": [{"rule", "flowTuples"}]}]}`
    fn flow_records<'j>(&mut self, header: &Header<'j>, value: &mut Reader<'j>) -> Read<'j, ()> {
        self.within(value, None, Member::Flows, |reading, _, lists| {
            reading.each(lists, None, Member::Groups, |reading, _, groups| {
                let first = Some(Member::Rule);
                reading.each(groups, first, Member::Tuples, |reading, rule, tuples| {
                    reading.group(&header.interface, rule, &header.version);
                    reading.tuples(Kind::VirtualNetwork, tuples)
                })
            })
        })
    }

    /// Reads an object: `read` gets its member `main`, and the member `first`, which must be known before that.
    fn within<'j>(
        &mut self,
        value: &mut Reader<'j>,
        first: Option<Member>,
        main: Member,
        mut read: impl FnMut(&mut Self, &[u8], &mut Reader<'j>) -> Read<'j, ()>,
    ) -> Read<'j, ()> {
        let mut known = Cow::default();
        let mut waiting = None;
        value.object(|name, value| match self.member(name) {
            member if member.is_some() && member == first => {
                known = value.scalar()?;
                Ok(())
            }
            Some(member) if member == main => {
                self.is_of_log |= value.peek() == b'[';
                if first.is_none() || !known.is_empty() {
                    return read(self, &known, value);
                }
                let begin = value.skip()?;
                wait(&mut waiting, begin, begin)
            }
            _ => value.skip().map(drop),
        })?;
        waiting.map_or(Ok(()), |mut value| read(self, &known, &mut value))
    }

    /// The same of each object in an array; nothing of what is no array.
    fn each<'j>(
        &mut self,
        values: &mut Reader<'j>,
        first: Option<Member>,
        main: Member,
        mut read: impl FnMut(&mut Self, &[u8], &mut Reader<'j>) -> Read<'j, ()>,
    ) -> Read<'j, ()> {
        if values.peek() != b'[' {
            return values.skip().map(drop);
        }
        values.array(|value| self.within(value, first, main, &mut read))
    }

    /// Begins tuples that have this in common.
    fn group(&mut self, interface: &[u8], rule: &[u8], version: &[u8]) {
        let Self { state, flows, .. } = self;
        let of_blob;
        let told = match interface {
            [] => {
                of_blob = state.interface_of_blob.clone();
                of_blob.as_bytes()
            }
            told => told,
        };
        let (point, interface) = match interface::of(told) {
            Some((shown, number)) => (state.point(&shown, flows), number),
            None => (state.point(told, flows), interface::other(told)),
        };
        let rule = flows.names().text(rule);
        let version = number(version).and_then(|number| u8::try_from(number).ok()).unwrap_or(0);
        state.pending.group(Group { point, interface, rule, version });
    }

    fn tuples<'j>(&mut self, kind: Kind, values: &mut Reader<'j>) -> Read<'j, ()> {
        let Self { state, flows, .. } = self;
        if values.peek() != b'[' {
            return values.skip().map(drop);
        }
        values.array(|value| {
            state.number += 1;
            if value.peek() != b'"' {
                let begin = value.skip()?.rest();
                let length = begin.len() - value.rest().len();
                state.error(Reason::Value, &begin[..length], flows);
                return Ok(());
            }
            let text = value.string()?;
            match Tuple::parse(kind, &text) {
                Ok((tuple, encryption)) => {
                    if tuple.more != 0 {
                        state.unknown(b"flowTuples: values behind the last one known");
                    }
                    state.pending.add(tuple, encryption, flows);
                }
                Err((reason, what)) => state.error(reason, what, flows),
            }
            Ok(())
        })
    }
}
