//! What sources say about addresses and ports, statement by statement, before it is combined.

use std::num::NonZeroU32;

use super::interner::Text;
use crate::flow::prefix::Prefix;

/// One thing that one source says about some addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Which addresses; without bits below the prefix.
    pub prefix: Prefix,
    /// What.
    pub fact: Fact,
    /// The virtual network in which they are meant; everywhere, where there is none.
    pub network: Option<Network>,
    /// Who says so.
    pub origin: Origin,
}

/// A virtual network of a cloud, as a place in [`super::sources::Sources::networks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(NonZeroU32);

impl Network {
    /// The one at this place.
    pub fn at(place: usize) -> Option<Self> {
        NonZeroU32::new(u32::try_from(place).ok()?.checked_add(1)?).map(Self)
    }

    /// Its place.
    pub fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The names under which a network is known, the most precise first: with the account, since names of networks recur in others.
/// Identifiers differ in case between the places where a cloud prints them.
pub fn network_names<'a>(
    account: Option<&'a str>,
    network: Option<&'a str>,
    subnet: Option<&'a str>,
) -> impl Iterator<Item = String> + use<'a> {
    let both = account.zip(network).map(|(account, network)| format!("{account}/{network}"));
    let others = [network, subnet, account].into_iter().flatten().map(str::to_owned);
    both.into_iter().chain(others).map(|name| name.to_ascii_lowercase())
}

/// What can be said about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A label: context and value.
    Label(Text, Text),
    /// It belongs to the internal networks, or does not although a shorter prefix does.
    Internal(bool),
    /// It is an address of this host.
    Local,
    /// It is a bogon, or is none although a shorter prefix is.
    Bogon(bool),
    /// A category of reputation.
    Reputation(Text),
}

/// A label of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortStatement {
    /// IP protocol number.
    pub protocol: u8,
    /// Port.
    pub port: u16,
    /// Context.
    pub context: Text,
    /// Value.
    pub value: Text,
    /// Who says so.
    pub origin: Origin,
}

/// Where a statement comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The source, as a place in [`super::sources::Sources::names`].
    pub source: u32,
    /// The line there, from 1; 0 for sources without lines.
    pub line: u32,
}

/// What labels are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Addresses.
    Addresses(Prefix),
    /// A port.
    Port {
        /// IP protocol number.
        protocol: u8,
        /// Port.
        port: u16,
    },
}
