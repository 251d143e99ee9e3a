//! What only routers tell of a flow, and what is known of the routers.
//!
//! Every column here has either as many rows as its batch, or none: then no exporter in the batch has told such a
//! thing. 0 stands for "not told" within a column that has rows.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{application::ApplicationId, batch::keep, interfaces::Interfaces};

/// Columns that routers fill.
#[derive(Clone, Debug, Default)]
pub struct RouterColumns {
    /// Egress interface (SNMP index). Where it is filled, `FlowBatch::interface` is the ingress interface.
    pub output_interface: Vec<u32>,
    /// VLAN on the way out. Where it is filled, `FlowBatch::vlan` is the VLAN on the way in.
    pub destination_vlan: Vec<u16>,
    /// IPv4 next hop, a number in host order.
    pub next_hop_v4: Vec<u32>,
    /// IPv6 next hop, a number in host order.
    pub next_hop_v6: Vec<u128>,
    /// AS of the source.
    pub source_as: Vec<u32>,
    /// AS of the destination.
    pub destination_as: Vec<u32>,
    /// One of how many packets was counted; 0 where nobody said. Counts in the batch are as reported, not scaled.
    pub sample_rate: Vec<u32>,
    /// The exporter, as a place in `exporters`.
    pub exporter: Vec<u32>,
    /// Version of the export protocol: 5, 7, 9, 10; sFlow 5.
    pub version: Vec<u8>,
    /// When the record was received, milliseconds since the epoch.
    pub received: Vec<u64>,
    /// [`Action`] as a number.
    pub action: Vec<u8>,
    /// Application (`applicationId`).
    pub application: Vec<ApplicationId>,
    /// VRF on the way in.
    pub input_vrf: Vec<u32>,
    /// VRF on the way out.
    pub output_vrf: Vec<u32>,
    /// IPv4 source address after translation, a number in host order.
    pub nat_source_v4: Vec<u32>,
    /// IPv6 source address after translation.
    pub nat_source_v6: Vec<u128>,
    /// IPv4 destination address after translation.
    pub nat_destination_v4: Vec<u32>,
    /// IPv6 destination address after translation.
    pub nat_destination_v6: Vec<u128>,
    /// Source port after translation.
    pub nat_source_port: Vec<u16>,
    /// Destination port after translation.
    pub nat_destination_port: Vec<u16>,
    /// AS path towards the destination.
    pub as_path: Lists,
    /// BGP communities (RFC 1997) of the route to the destination.
    pub communities: Lists,
    /// The exporters of the batch.
    pub exporters: Vec<Arc<Exporter>>,
    /// Clocks of `exporters` minus ours, milliseconds, in the same order; 0 where the difference does not matter. Where it is
    /// shorter, nothing is known of the others.
    pub skews: Vec<i64>,
}

/// A column of addresses that may be of either family and need not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressColumn {
    /// Next hop.
    NextHop,
    /// Source after translation.
    NatSource,
    /// Destination after translation.
    NatDestination,
}

impl RouterColumns {
    /// The address of row `row` in a column; none where it is not told.
    #[inline(always)]
    pub fn address(&self, column: AddressColumn, row: usize) -> Option<IpAddr> {
        let (v4, v6) = match column {
            AddressColumn::NextHop => (&self.next_hop_v4, &self.next_hop_v6),
            AddressColumn::NatSource => (&self.nat_source_v4, &self.nat_source_v6),
            AddressColumn::NatDestination => (&self.nat_destination_v4, &self.nat_destination_v6),
        };
        match (v4.get(row), v6.get(row)) {
            (Some(v4), _) if *v4 != 0 => Some(IpAddr::V4((*v4).into())),
            (_, Some(v6)) if *v6 != 0 => Some(IpAddr::V6((*v6).into())),
            _ => None,
        }
    }

    /// The device that exported row `row`.
    pub fn exporter_of(&self, row: usize) -> Option<&Exporter> {
        let place = *self.exporter.get(row)?;
        self.exporters.get(usize::try_from(place).ok()?).map(|exporter| &**exporter)
    }

    /// Takes all rows out, and keeps the memory.
    pub fn clear(&mut self) {
        self.output_interface.clear();
        self.destination_vlan.clear();
        self.next_hop_v4.clear();
        self.next_hop_v6.clear();
        self.source_as.clear();
        self.destination_as.clear();
        self.sample_rate.clear();
        self.exporter.clear();
        self.version.clear();
        self.received.clear();
        self.action.clear();
        self.application.clear();
        self.input_vrf.clear();
        self.output_vrf.clear();
        self.nat_source_v4.clear();
        self.nat_source_v6.clear();
        self.nat_destination_v4.clear();
        self.nat_destination_v6.clear();
        self.nat_source_port.clear();
        self.nat_destination_port.clear();
        self.as_path.clear();
        self.communities.clear();
        self.exporters.clear();
        self.skews.clear();
    }

    /// Keeps only `rows`, which ascend.
    pub fn keep(&mut self, rows: &[usize]) {
        keep(&mut self.output_interface, rows);
        keep(&mut self.destination_vlan, rows);
        keep(&mut self.next_hop_v4, rows);
        keep(&mut self.next_hop_v6, rows);
        keep(&mut self.source_as, rows);
        keep(&mut self.destination_as, rows);
        keep(&mut self.sample_rate, rows);
        keep(&mut self.exporter, rows);
        keep(&mut self.version, rows);
        keep(&mut self.received, rows);
        keep(&mut self.action, rows);
        keep(&mut self.application, rows);
        keep(&mut self.input_vrf, rows);
        keep(&mut self.output_vrf, rows);
        keep(&mut self.nat_source_v4, rows);
        keep(&mut self.nat_source_v6, rows);
        keep(&mut self.nat_destination_v4, rows);
        keep(&mut self.nat_destination_v6, rows);
        keep(&mut self.nat_source_port, rows);
        keep(&mut self.nat_destination_port, rows);
        self.as_path = self.as_path.only(rows);
        self.communities = self.communities.only(rows);
    }

    /// Makes the columns that have rows, and only them, `rows` long, with "not told" in the rows that they lack.
    pub fn level(&mut self, rows: usize) {
        level(&mut self.output_interface, rows);
        level(&mut self.destination_vlan, rows);
        level(&mut self.next_hop_v4, rows);
        level(&mut self.next_hop_v6, rows);
        level(&mut self.source_as, rows);
        level(&mut self.destination_as, rows);
        level(&mut self.action, rows);
        level(&mut self.application, rows);
        level(&mut self.input_vrf, rows);
        level(&mut self.output_vrf, rows);
        level(&mut self.nat_source_v4, rows);
        level(&mut self.nat_source_v6, rows);
        level(&mut self.nat_destination_v4, rows);
        level(&mut self.nat_destination_v6, rows);
        level(&mut self.nat_source_port, rows);
        level(&mut self.nat_destination_port, rows);
        self.as_path.level(rows);
        self.communities.level(rows);
    }
}

/// Makes a column that has rows `rows` long.
pub fn level<T: Clone + Default>(column: &mut Vec<T>, rows: usize) {
    if !column.is_empty() && column.len() != rows {
        column.resize(rows, T::default());
    }
}

/// A column of lists.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Where each row's list ends in `values`; it starts where the row before it ends.
    ends: Vec<u32>,
    values: Vec<u32>,
}

impl Lists {
    /// Puts the list of row `row`, which must be the first that has none yet; rows skipped get empty lists.
    pub fn put(&mut self, row: usize, values: impl Iterator<Item = u32>) {
        self.ends.resize(row, self.values.len() as u32);
        self.values.extend(values);
        self.ends.push(self.values.len() as u32);
    }

    /// The lists of `rows`; without rows when this column has none.
    fn only(&self, rows: &[usize]) -> Self {
        let mut only = Self::default();
        if !self.ends.is_empty() {
            for (to, &from) in rows.iter().enumerate() {
                only.put(to, self.get(from).iter().copied());
            }
        }
        only
    }

    /// The list of row `row`; empty where there is none.
    pub fn get(&self, row: usize) -> &[u32] {
        let Some(end) = self.ends.get(row) else { return &[] };
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.values[start as usize..*end as usize]
    }

    fn clear(&mut self) {
        self.ends.clear();
        self.values.clear();
    }

    fn level(&mut self, rows: usize) {
        if !self.ends.is_empty() && self.ends.len() != rows {
            self.ends.resize(rows, self.values.len() as u32);
        }
    }
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

/// A device that exports flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exporter {
    /// Its address; IPv4-mapped IPv6 addresses are IPv4 addresses.
    pub address: IpAddr,
    /// Its name, empty when it has none.
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

impl Exporter {
    /// An exporter of which nothing is known but its address.
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            name: String::new(),
            site: String::new(),
            tags: Vec::new(),
            interfaces: Interfaces::default(),
            applications: BTreeMap::new(),
            vrfs: BTreeMap::new(),
        }
    }
}
