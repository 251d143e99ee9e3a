//! What another decoder sees in a datagram. The keys of JSON are those of these structures.

use std::net::SocketAddr;

use serde::Serialize;
use serde_json::Value;

/// A datagram, or a message of a stream or file.
#[derive(Debug, Serialize)]
pub struct Document {
    /// When it was captured, milliseconds since the epoch.
    pub received_ms: u64,
    /// Who sent it.
    pub from: SocketAddr,
    /// Where it went, where the file tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<SocketAddr>,
    /// Its length.
    pub octets: usize,
    #[serde(flatten)]
    pub reading: Reading,
}

/// What was decoded of it.
#[derive(Debug, Default, Serialize)]
pub struct Reading {
    pub messages: Vec<Message>,
    /// Octets that are in no set or record.
    pub undecoded_octets: usize,
    /// Why decoding ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What kind of datagram it is, where that is the reason why nothing was decoded.
    #[serde(skip)]
    pub refused: Option<Refused>,
}

/// Why the decoder was not asked about a datagram, or gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is sFlow, which the decoder does not read.
    Sflow,
    /// It is longer than datagrams can be.
    TooLong,
    /// The decoder panicked.
    Panic,
}

#[derive(Debug, Serialize)]
pub struct Message {
    pub version: u16,
    pub sequence: u32,
    /// Source ID of NetFlow 9, observation domain of IPFIX.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_ms: Option<u32>,
    /// Seconds since the epoch.
    pub export_time: u32,
    /// Nanoseconds of that second, of NetFlow 5 and 7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export_nanoseconds: Option<u32>,
    pub sets: Vec<Set>,
}

#[derive(Debug, Serialize)]
pub struct Set {
    /// NetFlow 5 and 7 have no sets: all their records are one without ID and length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u16>,
    pub kind: &'static str,
    pub templates: Vec<Template>,
    pub records: Vec<Vec<Field>>,
    /// Octets behind the header that are in no value: padding, the lengths of values, or what could not be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_octets: Option<usize>,
}

#[derive(Debug, Serialize)]
pub struct Template {
    pub id: u16,
    pub fields: Vec<TemplateField>,
}

#[derive(Debug, Serialize)]
pub struct TemplateField {
    pub name: String,
    pub element: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise: Option<u32>,
    /// 65535: each record tells.
    pub length: u16,
    pub scope: bool,
}

#[derive(Debug, Serialize)]
pub struct Field {
    pub name: String,
    pub value: Value,
    /// The same as octets, as the decoder would write them.
    #[serde(skip)]
    pub octets: Vec<u8>,
}
