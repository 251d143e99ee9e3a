//! The document of a source of flows besides this host.

use std::{collections::BTreeMap, net::IpAddr};

use sensor_core::flow::{
    device::Device,
    interfaces::{Interface, Interfaces},
    source::{Source, SourceId},
};
use serde::{Deserialize, Serialize};

use super::json::json;

/// As it is written. What is not known is left out.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    site: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// Name and alias by index.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    interfaces: BTreeMap<u32, (String, String)>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    applications: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    vrfs: BTreeMap<u32, String>,
}

/// The document of a device.
pub fn document(device: &Device) -> Vec<u8> {
    let mut own = Document {
        name: device.name.clone(),
        site: device.site.clone(),
        tags: device.tags.clone(),
        vrfs: device.vrfs.clone(),
        ..Document::default()
    };
    let interfaces = device.interfaces.0.iter();
    own.interfaces =
        interfaces.map(|(index, of)| (*index, (of.name.clone(), of.alias.clone()))).collect();
    let applications = device.applications.iter();
    own.applications = applications.map(|(id, name)| (id.to_string(), name.clone())).collect();
    match &device.id {
        SourceId::Host => {}
        SourceId::Device(address) => own.address = Some(*address),
        SourceId::Cloud { provider, account, log } => {
            own.provider = Some(provider.name().to_owned());
            own.account = Some(account.clone());
            own.log = Some(log.clone());
        }
        SourceId::File(name) => own.file = Some(name.clone()),
    }
    json(&own)
}

/// The device of a document; none inside where the record names one that is not known.
pub fn device(document: &[u8]) -> Option<Option<Device>> {
    let Some(own) = serde_json::from_slice::<Option<Document>>(document).ok()? else {
        return Some(None);
    };
    let id = match own {
        Document { address: Some(address), .. } => SourceId::Device(address),
        Document { provider: Some(ref provider), .. } => SourceId::Cloud {
            provider: Source::ALL.into_iter().find(|source| source.name() == provider)?,
            account: own.account.unwrap_or_default(),
            log: own.log.unwrap_or_default(),
        },
        Document { file: Some(file), .. } => SourceId::File(file),
        _ => SourceId::Host,
    };
    let interfaces = own.interfaces.into_iter();
    let applications = own.applications.into_iter();
    Some(Some(Device {
        name: own.name,
        site: own.site,
        tags: own.tags,
        interfaces: Interfaces(
            interfaces.map(|(index, (name, alias))| (index, Interface { name, alias })).collect(),
        ),
        applications: applications
            .map(|(id, name)| Some((id.parse().ok()?, name)))
            .collect::<Option<_>>()?,
        vrfs: own.vrfs,
        ..Device::of(id)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Table;

    #[test]
    fn devices_of_all_kinds_survive() {
        let mut named = Device::new([192, 0, 2, 1].into());
        named.name = "edge".to_owned();
        named.tags = vec!["a".to_owned()];
        let eth = Interface { name: "eth0".to_owned(), alias: String::new() };
        named.interfaces.0.insert(7, eth);
        named.applications.insert(u128::MAX, "tls".to_owned());
        named.vrfs.insert(3, "red".to_owned());
        let cloud =
            SourceId::Cloud { provider: Source::Gcp, account: "a".to_owned(), log: "b".to_owned() };
        let others = [SourceId::Host, cloud, SourceId::File("x.pcap".to_owned())];
        for own in others.map(Device::of).into_iter().chain([named]) {
            assert_eq!(device(&document(&own)), Some(Some(own)));
        }
        assert_eq!(device(Table::Devices.nothing()), Some(None));
        assert_eq!(device(b"{\"provider\":\"nobody\"}"), None);
    }
}
