//! What only routers tell of a flow, and what is known of the sources of flows besides this host.

use std::{collections::BTreeMap, net::IpAddr};

use super::{application::ApplicationId, interfaces::Interfaces, source::SourceId};

/// A column of addresses that may be of either family and need not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressColumn {
    /// Next hop.
    NextHop,
    /// Source after translation.
    NatSource,
    /// Destination after translation.
    NatDestination,
    /// What stood for the interface's end of the flow where the packets had another address.
    Via,
}

/// What the device did with the packets of a flow (NQL `action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// Let through.
    Accepted = 1,
    /// Dropped or denied.
    Rejected = 2,
}

impl Action {
    /// The action numbered `number`; none for 0.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Accepted),
            2 => Some(Self::Rejected),
            _ => None,
        }
    }

    /// The value of `action`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// A source of flows besides this host, as batches carry it: most often a device. Of a cloud's log or a file only the first
/// fields are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Which source it is.
    pub id: SourceId,
    /// Its name; empty where nobody named a device, which its address identifies all the same.
    pub name: String,
    /// Its site, empty when it has none.
    pub site: String,
    /// Tags for its flows.
    pub tags: Vec<String>,
    /// Its interfaces, by SNMP index.
    pub interfaces: Interfaces,
    /// Names of its applications.
    pub applications: BTreeMap<ApplicationId, String>,
    /// Names of its VRFs.
    pub vrfs: BTreeMap<u32, String>,
}

impl Device {
    /// A device of which nothing is known but its address.
    pub fn new(address: IpAddr) -> Self {
        Self::of(address.into())
    }

    /// A source of which nothing is known but its identity. A cloud's log or a file is named after it.
    pub fn of(id: SourceId) -> Self {
        let name = match &id {
            SourceId::Host | SourceId::Device(_) => String::new(),
            SourceId::Cloud { .. } | SourceId::File(_) => id.to_string(),
        };
        Self {
            id,
            name,
            site: String::new(),
            tags: Vec::new(),
            interfaces: Interfaces::default(),
            applications: BTreeMap::new(),
            vrfs: BTreeMap::new(),
        }
    }
    /// Its address; none where the source is no device.
    pub fn address(&self) -> Option<IpAddr> {
        self.id.address()
    }
}
