//! Flows of a test: names and values become rows of batches.

mod cloud;
mod columns;
mod reply;
mod rows;
#[cfg(test)]
mod tests;
mod values;

use std::{collections::BTreeMap, net::IpAddr};

use sensor_common::{key::Direction, packet::ip::protocol};

pub use self::values::BEGIN;
use self::values::{address, choice, flag, number, texts, time};
use super::raw::{Entry, Fields, Scalar};
use crate::{
    diagnostic::{Diagnostic, nearest},
    flow::{
        attributes::Attribute as _,
        batch::Source,
        columns::Column,
        device::Device,
        fields::{By, FIELDS, Reading, find},
        point::{ObservationPoint, PointAttribute},
        profile::Profile,
        properties::{CommonProperties, CommonProperty},
        source::{FLOW_TYPES, SourceId},
    },
    nql::literal,
    settings::value::parse_duration,
};

/// Interfaces of tests, numbered from 1.
pub const INTERFACES: [&str; 3] = ["lo", "eth0", "eth1"];

/// Rows that one entry may stand for.
const MOST_REPEATED: u64 = 2_000_000;

/// A flow, or several alike.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who observed it.
    pub observed_by: Source,
    /// Addresses.
    pub addresses: [IpAddr; 2],
    /// What a flow says of its addresses.
    pub profiles: [Profile; 2],
    /// Labels by address.
    pub labels: BTreeMap<IpAddr, BTreeMap<String, Vec<String>>>,
    ports: [u16; 2],
    protocol: u8,
    flags: u16,
    icmp: u16,
    tos: u8,
    packets: u64,
    octets: u64,
    /// First packet, milliseconds since the epoch.
    pub start: u64,
    /// Last packet, milliseconds since the epoch.
    pub end: u64,
    end_given: bool,
    direction: Option<Direction>,
    interface: u32,
    vlan: u16,
    output: Option<u32>,
    sample_rate: Option<u32>,
    /// What else stands in columns.
    columns: BTreeMap<Column, u128>,
    /// Where in a cloud it was seen.
    point: ObservationPoint,
    /// What the cloud says in words.
    properties: CommonProperties,
    received: Option<u64>,
    /// Columns that the source does not tell besides those that none of its kind does.
    untold: u128,
    device: Option<Device>,
    has_address: bool,
    repeat: u64,
    /// Microseconds.
    every: u64,
    vary: Vec<(String, u64)>,
}

impl Default for Draft {
    fn default() -> Self {
        let address = IpAddr::from([192, 0, 2, 1]);
        Self {
            observed_by: Source::Host,
            addresses: [address; 2],
            profiles: Default::default(),
            labels: BTreeMap::new(),
            ports: [0; 2],
            protocol: protocol::TCP,
            flags: 0,
            icmp: 0,
            tos: 0,
            packets: 1,
            octets: 60,
            start: BEGIN,
            end: BEGIN,
            end_given: false,
            direction: None,
            interface: 0,
            vlan: 0,
            output: None,
            sample_rate: None,
            columns: BTreeMap::new(),
            point: ObservationPoint::default(),
            properties: CommonProperties::default(),
            received: None,
            untold: 0,
            device: None,
            has_address: false,
            repeat: 1,
            every: 0,
            vary: Vec::new(),
        }
    }
}

impl Draft {
    /// Adds labels of an address: contexts to values.
    pub fn label(&mut self, address: &str, labels: &Fields, faults: &mut Vec<Diagnostic>) {
        for Entry { path, value, span } in &labels.0 {
            match address.parse() {
                Ok(address) => {
                    let contexts = self.labels.entry(address).or_default();
                    contexts.entry(path.join(".").to_lowercase()).or_default().extend(texts(value));
                }
                Err(_) => {
                    let message = format!("labels belong to addresses, and `{address}` is not one");
                    faults.push(Diagnostic::error(message, span.clone()));
                }
            }
        }
    }

    /// Reads what a test says of a flow; false where something is wrong.
    pub fn read(&mut self, fields: &Fields, faults: &mut Vec<Diagnostic>) -> bool {
        let mut sound = true;
        for entry in &fields.0 {
            let name = entry.name().to_ascii_lowercase();
            if let Err(reason) = self.set(&name, entry) {
                sound = false;
                let fault = Diagnostic::error(format!("`{name}` {reason}"), entry.span.clone());
                let names = FIELDS.iter().map(|field| field.name).chain(OWN);
                faults.push(match nearest(&name, names) {
                    Some(near) if near != name => fault.label(format!("did you mean `{near}`?")),
                    _ => fault,
                });
            }
        }
        if !self.end_given {
            self.end = self.end.max(self.start);
        }
        sound
    }

    fn set(&mut self, name: &str, entry: &Entry) -> Result<(), String> {
        let value = &entry.value;
        match name {
            "repeat" => {
                self.repeat = number(value)?;
                if self.repeat > MOST_REPEATED {
                    return Err(format!("must be {MOST_REPEATED} at most"));
                }
            }
            "every" => {
                let text = value.shown();
                let every =
                    parse_duration(&text).map_err(|why| format!("must be a duration: {why}"))?;
                self.every = every.as_micros() as u64;
            }
            "srcip" => self.addresses[0] = address(value)?,
            "dstip" => self.addresses[1] = address(value)?,
            "srcport" => self.ports[0] = number(value)?,
            "dstport" => self.ports[1] = number(value)?,
            "protocolint" => self.protocol = number(value)?,
            "protocol" => {
                self.protocol =
                    literal::protocol_number(&value.shown()).ok_or("is not a protocol")?;
            }
            "tcpflagsint" => self.flags = number(value)?,
            "icmptype" => self.icmp = self.icmp & 0xff | u16::from(number::<u8>(value)?) << 8,
            "icmpcode" => self.icmp = self.icmp & 0xff00 | u16::from(number::<u8>(value)?),
            "tos" => self.tos = number(value)?,
            "packets" => self.packets = number(value)?,
            "octets" => self.octets = number(value)?,
            "bits" => self.octets = number::<u64>(value)? / 8,
            "start" => self.start = time(value)?,
            "end" => {
                self.end = time(value)?;
                self.end_given = true;
            }
            "flowtype" => {
                let source = Source::ALL.into_iter().find(|source| source.name() == value.shown());
                self.observed_by =
                    source.ok_or_else(|| format!("must be one of {}", FLOW_TYPES.join(", ")))?;
            }
            "direction" => {
                let ways = [Direction::Ingress, Direction::Egress];
                self.direction = Some(ways[choice(value, &["ingress", "egress"])?]);
            }
            "input" => self.interface = number(value)?,
            "interface" => self.interface = choice(value, &INTERFACES)? as u32 + 1,
            "output" => self.output = Some(number(value)?),
            "srcvlan" | "dstvlan" => self.vlan = number(value)?,
            "flowrtime" => self.received = Some(time(value)?),
            "samplerate" => self.sample_rate = Some(number(value)?),
            "flowsrcip" => {
                self.device().id = address(value)?.into();
                self.has_address = true;
            }
            "flowsrcname" => {
                let name = value.shown();
                // A name alone stands for a source without an address.
                if !self.has_address {
                    self.device().id = SourceId::File(name.clone());
                }
                self.device().name = name;
            }
            "site" => self.device().site = value.shown(),
            "tags" => self.device().tags = texts(value),
            "untold" => self.untold = untold(&texts(value))?,
            _ => return self.set_other(name, entry),
        }
        Ok(())
    }

    fn set_other(&mut self, name: &str, entry: &Entry) -> Result<(), String> {
        let value = &entry.value;
        if let Some(field) = name.strip_prefix("vary.") {
            if !VARIED.contains(&field) {
                return Err(format!("does not vary; {} do", VARIED.join(", ")));
            }
            self.vary.push((field.to_owned(), number(value)?));
            return Ok(());
        }
        if let Some(flag_name) = name.strip_prefix("tcpflags.") {
            let flags = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"];
            let bit =
                flags.iter().position(|known| *known == flag_name).ok_or("is not a TCP flag")?;
            self.flags = self.flags & !(1 << bit) | u16::from(flag(value)?) << bit;
            return Ok(());
        }
        if let [_, address, context @ ..] = &entry.path[..]
            && name.starts_with("labels.")
            && !context.is_empty()
        {
            let address = address.parse().map_err(|_| "does not concern an address".to_owned())?;
            let contexts = self.labels.entry(address).or_default();
            contexts.insert(context.join(".").to_lowercase(), texts(value));
            return Ok(());
        }
        for (side, prefix, label) in [(0, "src", "label.src."), (1, "dst", "label.dst.")] {
            if let Some(context) = name.strip_prefix(label) {
                self.profiles[side].labels.insert(context.to_owned(), texts(value));
                return Ok(());
            }
            let attribute = name.strip_prefix(prefix);
            let profile = &mut self.profiles[side];
            if let Some(done) = attribute.and_then(|name| set_profile(profile, name, value)) {
                return done;
            }
        }
        match name {
            "bogonsrc" => self.profiles[0].bogon = Some(flag(value)?),
            "bogondst" => self.profiles[1].bogon = Some(flag(value)?),
            _ => {
                let field = find(name).ok_or("is not a field")?;
                match field.reading {
                    Reading::Told(By::Point, _) => {
                        let is_it = |of: &PointAttribute| of.name() == field.name;
                        let attribute = PointAttribute::ALL.into_iter().find(is_it);
                        let attribute = attribute.ok_or("cannot be set in a test")?;
                        self.point.set(attribute, value.shown());
                        return Ok(());
                    }
                    Reading::Told(By::Properties, _) => {
                        let is_it = |of: &CommonProperty| of.name() == field.name;
                        let property = CommonProperty::ALL.into_iter().find(is_it);
                        let property = property.ok_or("cannot be set in a test")?;
                        self.properties.set(property, value.shown());
                        return Ok(());
                    }
                    _ => {}
                }
                let cell = columns::cell(field, value).ok_or("cannot be set in a test")?;
                self.columns.extend([cell?]);
            }
        }
        Ok(())
    }

    fn device(&mut self) -> &mut Device {
        self.device.get_or_insert_with(|| Device::new(IpAddr::from([192, 0, 2, 1])))
    }
}

/// What may differ between the flows of one entry.
const VARIED: [&str; 7] = ["srcip", "dstip", "srcport", "dstport", "packets", "octets", "input"];

/// What an entry may have besides fields.
const OWN: [&str; 5] = ["repeat", "every", "vary", "labels", "untold"];

/// The columns of these names, which a source may not tell.
fn untold(names: &[String]) -> Result<u128, String> {
    let mut untold = 0;
    for name in names {
        let mut known = Column::ALL.iter().filter(|column| column.untellable() != 0);
        let column = known.find(|column| column.name() == name);
        untold |= column.ok_or_else(|| format!("names `{name}`, which every source tells"))?.bit();
    }
    Ok(untold)
}

/// Sets what hangs on an address; `None` where `attribute` is none of it.
fn set_profile(
    profile: &mut Profile,
    attribute: &str,
    value: &Scalar,
) -> Option<Result<(), String>> {
    let mut set = || -> Result<bool, String> {
        match attribute {
            "internal" => profile.internal = Some(flag(value)?),
            "local" => profile.local = Some(flag(value)?),
            "geo.countrycode" => profile.country = Some(value.shown()),
            "geo.continentcode" => profile.continent = Some(value.shown()),
            "geo.subdiso" => profile.subdivision = Some(value.shown()),
            "owneras.number" => profile.owner_as.number = Some(number(value)?),
            "owneras.org" => profile.owner_as.organisation = Some(value.shown()),
            "as.org" => profile.routed_as.organisation = Some(value.shown()),
            "iprep.categories" => profile.reputation = Some(texts(value)),
            "ipname" => {
                profile.labels.insert("name".to_owned(), texts(value));
            }
            _ => return Ok(false),
        }
        Ok(true)
    };
    match set() {
        Ok(false) => None,
        Ok(true) => Some(Ok(())),
        Err(reason) => Some(Err(reason)),
    }
}
