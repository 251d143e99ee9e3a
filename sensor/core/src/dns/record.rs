//! A DNS record as whoever observes queries tells it, before it is a row of a batch.

use std::net::IpAddr;

use super::{DnsSource, name::Name};
use crate::flow::fields::DnsText;

/// A query and what came back. What is `None`, empty or [`Code::Absent`] is not told.
#[derive(Clone, Copy, Debug)]
pub struct DnsRecord<'a> {
    /// Who observed it.
    pub source: DnsSource,
    /// When it was asked, milliseconds since the epoch.
    pub time: u64,
    /// Who asked.
    pub client: Option<IpAddr>,
    /// From which port.
    pub client_port: Option<u16>,
    /// Who was asked.
    pub server: Option<IpAddr>,
    /// For which name.
    pub name: &'a Name,
    /// For which type.
    pub query_type: Code<'a>,
    /// Of which class.
    pub query_class: Code<'a>,
    /// What came back.
    pub response_code: Code<'a>,
    /// How many records were in the answer.
    pub answer_count: Option<u64>,
    /// These, or the first of them.
    pub answers: &'a [DnsAnswer<'a>],
    /// Whether whoever answered has authority.
    pub authoritative: Option<bool>,
    /// Texts, by [`DnsText`].
    pub texts: [&'a str; DnsText::COUNT],
    /// The number of the source, among those of whoever fills the batch.
    pub device: u32,
    /// The number of the observation point.
    pub point: u32,
}

/// A record of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct DnsAnswer<'a> {
    /// Its type.
    pub kind: Code<'a>,
    /// Its class.
    pub class: Code<'a>,
    /// Its data, as text; empty where it is not told.
    pub data: &'a str,
}

/// A number to which IANA gives a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Code<'a> {
    /// Not told.
    #[default]
    Absent,
    /// As a number.
    Number(u16),
    /// As a text: its name, or a number.
    Text(&'a str),
}

impl<'a> Code<'a> {
    /// What `text` tells.
    pub fn text(text: &'a str) -> Self {
        if text.is_empty() { Self::Absent } else { Self::Text(text) }
    }
}
