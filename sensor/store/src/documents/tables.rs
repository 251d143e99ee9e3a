//! From documents back to the tables that columns number.

use std::sync::{Arc, Mutex};

use sensor_core::{
    flow::{
        device::Device,
        interned::Interned,
        point::{LabelSets, Points},
        profile::Profiles,
        properties::PropertySets,
        tags::TagSets,
    },
    sync::Unpoisoned as _,
};

use super::{device, labels_of, point_of, profile, properties_of, tags_of};
use crate::layout::Table;

/// The tables of batches that are read. Whoever reads many files may have one for all: what depends on a profile is then decided
/// once for all of them.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Profiles.
    pub profiles: Arc<Profiles>,
    /// Observation points.
    pub points: Arc<Points>,
    /// Common properties.
    pub properties: Arc<PropertySets>,
    /// Labels.
    pub labels: Arc<LabelSets>,
    tags: Arc<Mutex<Arc<TagSets>>>,
}

/// The numbers of documents, by their place among those of a file.
#[derive(Debug, Default)]
pub struct Numbers {
    /// Number by place.
    pub numbers: Vec<u32>,
    /// The devices that they number.
    pub devices: Vec<Arc<Device>>,
    /// The lists that they number.
    pub lists: Vec<Vec<u32>>,
}

impl Tables {
    /// The sets of tags so far.
    pub fn tags(&self) -> Arc<TagSets> {
        self.tags.lock().unpoisoned().clone()
    }

    /// Enters documents; says which of them is none.
    ///
    /// # Errors
    /// The place of the document that cannot be read.
    pub fn enter<'d>(
        &self,
        table: Table,
        documents: impl Iterator<Item = &'d [u8]>,
    ) -> Result<Numbers, usize> {
        let mut own = Numbers::default();
        if table == Table::Tags {
            let mut tags = self.tags.lock().unpoisoned();
            let tags = Arc::make_mut(&mut tags);
            for (at, document) in documents.enumerate() {
                let set = tags_of(document).ok_or(at)?;
                own.numbers.push(tags.intern(set.iter().map(String::as_str)));
            }
            return Ok(own);
        }
        for (at, document) in documents.enumerate() {
            let number = match table {
                Table::Profiles => intern(&self.profiles, profile::profile(document)),
                Table::Points => intern(&self.points, point_of(document)),
                Table::Properties => intern(&self.properties, properties_of(document)),
                Table::Labels => intern(&self.labels, labels_of(document)),
                Table::Devices => device::device(document).map(|device| match device {
                    None => u32::MAX,
                    Some(device) => {
                        own.devices.push(Arc::new(device));
                        own.devices.len() as u32 - 1
                    }
                }),
                Table::Lists => super::list_of(document).map(|list| {
                    own.lists.push(list);
                    own.lists.len() as u32 - 1
                }),
                Table::Tags | Table::PortLabels => None,
            };
            own.numbers.push(number.ok_or(at)?);
        }
        Ok(own)
    }
}

fn intern<T: std::hash::Hash + Eq>(table: &Interned<T>, value: Option<T>) -> Option<u32> {
    value.map(|value| table.intern(value))
}
