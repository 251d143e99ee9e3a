//! Documents of what columns number: the JSON that stands in files for a profile, a set of tags, a device and so on.

pub mod device;
mod json;
pub mod profile;
pub mod tables;
pub mod views;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sensor_core::flow::{
    attributes::{Attribute, Attributes},
    point::{ObservationPoint, PointAttribute},
    ports::PortLabels,
    profile::Labels,
    properties::{CommonProperties, CommonProperty},
};

use self::json::json;
use crate::layout::Table;

/// Documents by number, each once. Number 0 is that of which nothing is known.
#[derive(Debug)]
pub struct Documents {
    all: Vec<Arc<[u8]>>,
    numbers: HashMap<Arc<[u8]>, u32>,
    octets: usize,
}

impl Documents {
    /// A table with nothing but the document numbered 0.
    pub fn of(table: Table) -> Self {
        let mut own = Self { all: Vec::new(), numbers: HashMap::new(), octets: 0 };
        own.intern(table.nothing());
        own
    }

    /// The number of a document, a new one if it has none yet.
    pub fn intern(&mut self, document: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(document) {
            return *number;
        }
        let number = self.all.len() as u32;
        let document: Arc<[u8]> = document.into();
        self.octets += document.len();
        self.all.push(document.clone());
        self.numbers.insert(document, number);
        number
    }

    /// All of them by number.
    pub fn all(&self) -> &[Arc<[u8]>] {
        &self.all
    }

    /// Their octets together.
    pub fn octets(&self) -> usize {
        self.octets
    }
}

/// Writes attributes as an object; those of which nothing is told are left out.
fn attributes<A: Attribute, const N: usize>(all: &[A; N], of: &Attributes<A, N>) -> Vec<u8> {
    let told = all.iter().filter_map(|one| Some((one.name(), of.get(*one)?)));
    json(&told.collect::<BTreeMap<_, _>>())
}

fn attributes_of<A: Attribute, const N: usize>(
    all: &[A; N],
    document: &[u8],
) -> Option<Attributes<A, N>> {
    let told: BTreeMap<String, String> = serde_json::from_slice(document).ok()?;
    let mut own = Attributes::default();
    for one in all {
        if let Some(text) = told.get(one.name()) {
            own.set(*one, text.as_str());
        }
    }
    Some(own)
}

/// The document of an observation point.
pub fn point(point: &ObservationPoint) -> Vec<u8> {
    attributes(&PointAttribute::ALL, point)
}

/// The observation point of a document.
pub fn point_of(document: &[u8]) -> Option<ObservationPoint> {
    attributes_of(&PointAttribute::ALL, document)
}

/// The document of common properties.
pub fn properties(properties: &CommonProperties) -> Vec<u8> {
    attributes(&CommonProperty::ALL, properties)
}

/// The common properties of a document.
pub fn properties_of(document: &[u8]) -> Option<CommonProperties> {
    attributes_of(&CommonProperty::ALL, document)
}

/// The document of labels.
pub fn labels(labels: &Labels) -> Vec<u8> {
    json(labels)
}

/// The labels of a document.
pub fn labels_of(document: &[u8]) -> Option<Labels> {
    serde_json::from_slice(document).ok()
}

/// The document of a set of tags.
pub fn tags(tags: &[String]) -> Vec<u8> {
    json(tags)
}

/// The tags of a document.
pub fn tags_of(document: &[u8]) -> Option<Vec<String>> {
    serde_json::from_slice(document).ok()
}

/// Writes the document of a list of numbers behind what is there.
pub fn list(values: &[u32], out: &mut Vec<u8>) {
    use std::io::Write as _;
    out.push(b'[');
    for (at, value) in values.iter().enumerate() {
        // Into memory: it cannot fail.
        let _ = write!(out, "{}{value}", if at == 0 { "" } else { "," });
    }
    out.push(b']');
}

/// The numbers of a document.
pub fn list_of(document: &[u8]) -> Option<Vec<u32>> {
    serde_json::from_slice(document).ok()
}

/// The document of labels of ports: protocol, port and labels of each.
pub fn port_labels(labels: &PortLabels) -> Vec<u8> {
    use sensor_core::flow::fields::Value;
    let ports = (0..=u8::MAX).flat_map(|protocol| {
        labels.of(protocol).map(move |(port, labels)| match labels {
            Value::Texts(labels) => (protocol, port, labels),
            _ => (protocol, port, &[][..]),
        })
    });
    json(&ports.collect::<Vec<_>>())
}

/// The labels of ports of a document.
pub fn port_labels_of(document: &[u8]) -> Option<PortLabels> {
    let all: Vec<(u8, u16, Vec<String>)> = serde_json::from_slice(document).ok()?;
    let mut own = PortLabels::default();
    for (protocol, port, labels) in all {
        labels.iter().for_each(|label| own.add(protocol, port, label));
    }
    Some(own)
}
