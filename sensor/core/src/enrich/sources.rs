//! Everything that sources say, collected; and what was wrong with them.
//!
//! A faulty line is told and counted, and the rest holds: a label file grows over years by many hands, and one slip in
//! it must not make the sensor blind to the rest.

use std::net::IpAddr;

use super::{
    bogons,
    geography::{Database, DatabaseError},
    interner::Texts,
    statement::{Fact, Origin, PortStatement, Statement, Subject},
};
use crate::{
    diagnostic::Diagnostic,
    flow::prefix::{Prefix, prefix},
};

/// Faults of one file that are told one by one; further ones are counted.
pub const FAULTS_TOLD: usize = 100;
/// Octets of a label's context at most.
const CONTEXT_OCTETS: usize = 64;
/// Octets of a label's value at most.
const VALUE_OCTETS: usize = 256;

/// What became of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries that hold.
    pub entries: usize,
    /// Entries that do not.
    pub faulty: usize,
    /// What is wrong with the first [`FAULTS_TOLD`] of them.
    pub faults: Vec<Diagnostic>,
}

impl Report {
    /// Counts a fault, and tells it unless there were many before.
    pub fn fault(&mut self, fault: Diagnostic) {
        self.faulty += 1;
        if self.faults.len() < FAULTS_TOLD {
            self.faults.push(fault);
        }
    }
}

/// What is known, as its sources say it.
#[derive(Debug, Default)]
pub struct Sources {
    /// Sources by number.
    pub names: Vec<String>,
    /// About addresses.
    pub statements: Vec<Statement>,
    /// The names of each virtual network.
    pub networks: Vec<Vec<String>>,
    /// About ports.
    pub ports: Vec<PortStatement>,
    /// Contexts, values and categories.
    pub texts: Texts,
    /// Of geography and AS, the first to know something is believed.
    pub databases: Vec<Database>,
    /// AS whose addresses are internal.
    pub internal_as: Vec<u32>,
    /// Whether the addresses of this host are known.
    pub knows_local: bool,
    /// Whether there are reputation lists, so that an address in none of them is known to be in none.
    pub knows_reputation: bool,
}

impl Sources {
    /// A new source; statements of it name its number.
    pub fn source(&mut self, name: &str) -> u32 {
        self.names.push(name.to_owned());
        self.names.len() as u32 - 1
    }

    /// The private networks of RFC 1918 and RFC 4193 are internal.
    pub fn private_networks(&mut self) {
        const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
        let source = self.source("RFC 1918 and RFC 4193");
        self.table(source, PRIVATE.map(|prefix| (prefix, Fact::Internal(true))));
    }

    /// What no router passes on is no border either: loopback and link-local addresses are internal.
    pub fn own_networks(&mut self) {
        const OWN: [&str; 4] = ["127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10"];
        let source = self.source("RFC 1122, RFC 3927 and RFC 4291");
        self.table(source, OWN.map(|prefix| (prefix, Fact::Internal(true))));
    }

    /// The built-in table of bogons.
    pub fn bogons(&mut self) {
        let source = self.source(&format!("built-in table of bogons ({})", bogons::AS_OF));
        self.table(
            source,
            bogons::BOGONS.iter().map(|&(prefix, bogon)| (prefix, Fact::Bogon(bogon))),
        );
    }

    fn table(&mut self, source: u32, rows: impl IntoIterator<Item = (&'static str, Fact)>) {
        let rows = rows.into_iter();
        self.statements.extend(rows.filter_map(|(text, fact)| {
            let origin = Origin { source, line: 0 };
            Some(Statement { prefix: prefix(text)?, fact, network: None, origin })
        }));
    }

    /// Networks that are internal, or are not although they lie in others that are.
    pub fn internal(&mut self, source: u32, networks: &[Prefix], internal: bool) {
        let origin = Origin { source, line: 0 };
        self.statements.extend(networks.iter().map(|network| Statement {
            prefix: unmapped(*network),
            fact: Fact::Internal(internal),
            network: None,
            origin,
        }));
    }

    /// What is stated of internal networks.
    pub fn internal_networks(&self) -> impl Iterator<Item = (Prefix, bool)> + '_ {
        self.statements.iter().filter_map(|statement| match statement.fact {
            Fact::Internal(internal) => Some((statement.prefix, internal)),
            _ => None,
        })
    }

    /// Addresses of this host. Calling this with none says that it has none.
    pub fn local(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.knows_local = true;
        let origin = Origin { source: self.source("interfaces of this host"), line: 0 };
        self.statements.extend(addresses.into_iter().map(|address| Statement {
            prefix: unmapped(address.into()),
            fact: Fact::Local,
            network: None,
            origin,
        }));
    }

    /// The bytes of an MMDB file.
    ///
    /// # Errors
    /// When they are none.
    pub fn database(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), DatabaseError> {
        self.databases.push(Database::read(name, bytes)?);
        Ok(())
    }

    /// Adds the values of a label.
    pub(super) fn label<'v>(
        &mut self,
        subject: Subject,
        context: &str,
        values: impl IntoIterator<Item = &'v str>,
        origin: Origin,
    ) {
        let context = self.texts.number(context);
        for value in values {
            let value = self.texts.number(value);
            match subject {
                Subject::Addresses(prefix) => {
                    let fact = Fact::Label(context, value);
                    self.statements.push(Statement { prefix, fact, network: None, origin });
                }
                Subject::Port { protocol, port } => {
                    self.ports.push(PortStatement { protocol, port, context, value, origin });
                }
            }
        }
    }
}

/// IPv4 addresses that are written as IPv6 addresses are IPv4 addresses; bits below the prefix do not count.
pub(super) fn unmapped(prefix: Prefix) -> Prefix {
    let prefix = prefix.canonical();
    match prefix.address {
        IpAddr::V6(address) if prefix.length >= 96 => match address.to_ipv4_mapped() {
            Some(address) => Prefix { address: address.into(), length: prefix.length - 96 },
            None => prefix,
        },
        _ => prefix,
    }
}

/// Judges the name of a context: what a query can write behind `label.ip.`. In lower case, as queries are read.
pub(super) fn context(text: &str) -> Result<String, String> {
    match text {
        "" => return Err("a context is missing".to_owned()),
        text if text.len() > CONTEXT_OCTETS => {
            return Err(format!("a context has {CONTEXT_OCTETS} characters at most"));
        }
        _ => {}
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match text.chars().find(|&c| !allowed(c)) {
        Some(bad) => {
            Err(format!("`{bad}` is not allowed in a context; queries could not reference it"))
        }
        None => Ok(text.to_ascii_lowercase()),
    }
}

/// Judges a value or a category.
pub(super) fn value(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        return Err("this is empty".to_owned());
    }
    if text.len() > VALUE_OCTETS {
        return Err(format!("this has {} bytes, a value {VALUE_OCTETS} at most", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err("control characters are not allowed in a value".to_owned());
    }
    Ok(text)
}
