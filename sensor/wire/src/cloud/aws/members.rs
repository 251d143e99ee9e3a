//! A record whose values are members of a JSON object: called as in text, in any spelling; or as Security Lake (OCSF) calls them.
//!
//! The same members come again and again, so what a name stands for is looked up once.

use std::{borrow::Cow, collections::HashMap, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::{
    layout::{self, Known, MOST, PLACES},
    ocsf,
    record::{Fault, Values, What},
};
use crate::cloud::{ledger::Reason, text::number};

/// What a member says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// A value that flows have: its place.
    Known(usize),
    /// A line.
    Message,
    /// Octets, as base64, that are a message or several.
    Data,
    /// That the object is no flow, but a DNS query.
    Query,
    /// A part of one of several messages, which stand around it.
    Within,
    /// Something unknown, by its number.
    Unknown(usize),
    /// Nothing that anybody asks for.
    Nothing,
}

/// Members that are arrays of messages.
pub const ARRAYS: &[&str] = &["logEvents", "events", "Records", "records"];

/// Names of members, with dots between those within each other, and what they say.
#[derive(Debug, Default)]
pub struct Names {
    says: HashMap<Box<str>, Says>,
    unknown: Vec<Box<str>>,
}

/// Names whose meaning is remembered.
const REMEMBERED: usize = 4096;

/// What stands around lines.
const MESSAGES: &[(&str, Says)] = &[
    ("message", Says::Message),
    ("data", Says::Data),
    ("kinesis.data", Says::Data),
    ("awslogs.data", Says::Data),
    ("query_name", Says::Query),
    ("query_timestamp", Says::Query),
];

/// What the names begin with of all that messages say beside.
const BESIDE: &[&str] = &["eventid", "ingestiontime", "logstreamname"];

impl Names {
    fn says(&mut self, name: &str) -> Says {
        match self.says.get(name) {
            Some(says) => *says,
            None => self.learn(name),
        }
    }

    #[cold]
    fn learn(&mut self, name: &str) -> Says {
        // What OCSF has no name for keeps its own.
        let flat = name.strip_prefix("unmapped.").unwrap_or(name);
        let begin = name.split_once('.').map(|(begin, _)| begin);
        let message = MESSAGES.iter().find(|(other, _)| *other == name).map(|(_, says)| *says);
        let other = message.or_else(|| ocsf::known(name).map(|known| Says::Known(known as usize)));
        let says = match (other, layout::known(flat)) {
            (Some(says), _) => says,
            _ if begin.is_some_and(|begin| ARRAYS.contains(&begin)) => Says::Within,
            (None, Some(Known::Other)) => Says::Nothing,
            (None, Some(known)) => Says::Known(known as usize),
            (None, None) if ocsf::is_beside(name) => Says::Nothing,
            (None, None) if BESIDE.iter().any(|begin| ocsf::starts(name, begin)) => Says::Nothing,
            (None, None) if self.unknown.len() < MOST => {
                self.unknown.push(flat.chars().filter(|c| !c.is_control()).take(64).collect());
                Says::Unknown(self.unknown.len() - 1)
            }
            (None, None) => Says::Nothing,
        };
        if self.says.len() < REMEMBERED {
            self.says.insert(name.into(), says);
        }
        says
    }

    /// The name of an unknown member.
    pub fn unknown(&self, number: usize) -> &str {
        &self.unknown[number]
    }
}

/// What an object says.
pub struct Members<'a> {
    values: [Cow<'a, [u8]>; PLACES + 1],
    /// A line.
    pub message: Option<Cow<'a, [u8]>>,
    /// Octets as base64.
    pub data: Option<Cow<'a, [u8]>>,
    /// It stands around messages.
    pub is_shell: bool,
    /// It is a DNS query.
    pub is_query: bool,
    /// Values of unknown members, by number.
    pub others: Vec<(usize, Cow<'a, [u8]>)>,
}

impl<'a> Members<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// What is no JSON.
    pub fn read(octets: &'a [u8], names: &mut Names) -> Result<Self, serde_json::Error> {
        let values = [const { Cow::Borrowed(b"" as &[u8]) }; PLACES + 1];
        let (message, data, others) = (None, None, Vec::new());
        let mut members = Self { values, message, data, is_shell: false, is_query: false, others };
        let mut path = String::new();
        let mut from = serde_json::Deserializer::from_slice(octets);
        Node { members: &mut members, names, path: &mut path }.deserialize(&mut from)?;
        from.end()?;
        Ok(members)
    }

    fn set(&mut self, says: Says, value: Cow<'a, [u8]>) {
        if matches!(&*value, b"" | b"-") {
            return;
        }
        match says {
            // OCSF says some things twice: the first one counts.
            Says::Known(place) if self.values[place].is_empty() => {
                self.values[place] = ocsf::word(place, &value).map_or(value, Cow::Borrowed);
            }
            Says::Known(_) | Says::Nothing => {}
            Says::Message => self.message = Some(value),
            Says::Data => self.data = Some(value),
            Says::Query => self.is_query = true,
            Says::Within => self.is_shell = true,
            Says::Unknown(number) => self.others.push((number, value)),
        }
    }
}

/// A value in an object, and what leads to it.
struct Node<'n, 'a> {
    members: &'n mut Members<'a>,
    names: &'n mut Names,
    path: &'n mut String,
}

impl<'a> Node<'_, 'a> {
    fn set(self, value: Cow<'a, [u8]>) {
        let says = self.names.says(self.path);
        self.members.set(says, value);
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.set(Cow::Borrowed(text.as_bytes()));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.set(Cow::Owned(text.as_bytes().to_vec()));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.set(Cow::Owned(number.to_string().into_bytes()));
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.set(Cow::Owned(number.to_string().into_bytes()));
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.set(Cow::Owned(number.to_string().into_bytes()));
        Ok(())
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<(), E> {
        self.set(Cow::Borrowed(if is { b"true" } else { b"false" }));
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { members, names, path } = self;
        while seq.next_element_seed(Node { members, names, path })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { members, names, path } = self;
        let length = path.len();
        while map.next_key_seed(Name { path })?.is_some() {
            map.next_value_seed(Node { members, names, path })?;
            path.truncate(length);
        }
        Ok(())
    }
}

/// The name of a member, which is added to what leads to it.
struct Name<'n> {
    path: &'n mut String,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
        Ok(())
    }
}

impl<'l> Values<'l> for &'l Members<'_> {
    #[inline(always)]
    fn get(&self, known: Known) -> &'l [u8] {
        &self.values[known as usize]
    }

    fn number(&self, known: Known) -> Result<Option<u64>, Fault<'l>> {
        let told = match self.get(known) {
            [] => return Ok(None),
            octets if matches!(known, Known::Start | Known::End) => ocsf::time(octets),
            octets => number(octets),
        };
        told.map(Some).ok_or_else(|| (Reason::Number, self.what(known)))
    }

    fn what(&self, known: Known) -> What<'l> {
        What::Octets(self.get(known))
    }
}
