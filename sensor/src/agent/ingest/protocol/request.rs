//! What is in a request, whatever its protocol.

use std::fmt::Write as _;

use bytes::Bytes;
use ring::digest::{SHA256, digest};

/// What is in a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// A piece of a log.
    Log(Log),
    /// The sender wants to know whether this address is meant, and gets this.
    Handshake(String),
    /// So many events that tell of objects in a store, which are read by a `[[cloud]]` that names it.
    Events(u64),
}

/// A piece of a log.
#[derive(Debug, PartialEq, Eq)]
pub struct Log {
    /// What the sender calls it, the same in each attempt.
    pub id: Option<String>,
    /// Its octets, in plain.
    pub octets: Bytes,
}

impl Log {
    /// What the object is called: as the sender calls it, or else by its octets.
    pub fn name(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.version())
    }

    /// Another one whenever the octets are others.
    pub fn version(&self) -> String {
        let mut text = String::with_capacity(32);
        for octet in digest(&SHA256, &self.octets).as_ref().iter().take(16) {
            // Into memory.
            let _ = write!(text, "{octet:02x}");
        }
        text
    }
}

/// A name that a sender gave: printable, and not endless; it goes into the state file.
pub(super) fn id(text: &str) -> Option<String> {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.:/+=".contains(&octet);
    let is_fine = !text.is_empty() && text.len() <= 128 && text.bytes().all(is_plain);
    is_fine.then(|| text.to_owned())
}
