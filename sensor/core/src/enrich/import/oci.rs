//! `oci compute instance list` and, since it prints no addresses, `oci compute instance list-vnics`.
//!
//! A VNIC does not say which instance has it. `oci compute vnic-attachment list` does; without it, the instance is the
//! one of the VNIC's name, which OCI gives it when nobody gives another. Security groups are told by identifier;
//! `oci network nsg list`, `oci network vcn list` and `oci network subnet list` tell the names.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    document::{each, text},
    host::Host,
};

pub(super) fn hosts(documents: &[&Value]) -> Vec<Host> {
    let all = || documents.iter().flat_map(|document| each(document, "/data"));
    let named = |item: &'_ &Value| text(item, "/id").is_some();
    // By identifier.
    let items: BTreeMap<&str, &Value> =
        all().filter(named).filter_map(|item| Some((text(item, "/id")?, item))).collect();
    let attachments: BTreeMap<&str, &str> = all()
        .filter_map(|item| Some((text(item, "/vnic-id")?, text(item, "/instance-id")?)))
        .collect();
    let instances = || items.values().filter(|item| item.pointer("/shape").is_some());
    let mut by_name: BTreeMap<&str, Option<&Value>> = BTreeMap::new();
    for instance in instances() {
        if let Some(name) = text(instance, "/display-name") {
            // A name that two have tells nothing.
            by_name.entry(name).and_modify(|known| *known = None).or_insert(Some(instance));
        }
    }
    items
        .iter()
        .filter(|(_, item)| item.pointer("/private-ip").is_some())
        .map(|(id, vnic)| {
            let attached = attachments.get(id).and_then(|instance| items.get(instance)).copied();
            let namesake = || {
                text(vnic, "/display-name").and_then(|name| by_name.get(name).copied().flatten())
            };
            host(vnic, attached.or_else(namesake), &items)
        })
        .collect()
}

fn host(vnic: &Value, instance: Option<&Value>, items: &BTreeMap<&str, &Value>) -> Host {
    // Without its name, an identifier is better than nothing.
    let name = |id: Option<&str>| -> Option<String> {
        let id = id?;
        let item = items.get(id);
        Some(item.and_then(|item| text(item, "/display-name")).unwrap_or(id).to_owned())
    };
    let mut host = Host::default();
    host.label("cloud", Some("oci"));
    host.address(text(vnic, "/private-ip"));
    host.address(text(vnic, "/public-ip"));
    for address in each(vnic, "/ipv6-addresses") {
        host.address(address.as_str());
    }
    for group in each(vnic, "/nsg-ids") {
        host.label("securitygroup", name(group.as_str()).as_deref());
        host.label("securitygroupid", group.as_str());
    }
    let subnet = text(vnic, "/subnet-id");
    host.label("subnet", name(subnet).as_deref());
    let network =
        subnet.and_then(|subnet| items.get(subnet)).and_then(|subnet| text(subnet, "/vcn-id"));
    host.label("vpc", name(network).as_deref());
    host.label("zone", text(vnic, "/availability-domain"));
    tags(&mut host, vnic);
    let Some(instance) = instance else {
        host.label("name", text(vnic, "/hostname-label").or(text(vnic, "/display-name")));
        return host;
    };
    host.label("name", text(instance, "/display-name"));
    host.label("instanceid", text(instance, "/id"));
    host.label("instancetype", text(instance, "/shape"));
    host.label("region", text(instance, "/region"));
    host.label("image", text(instance, "/image-id").or(text(instance, "/source-details/image-id")));
    host.label("account", text(instance, "/compartment-id"));
    tags(&mut host, instance);
    host
}

/// Free-form tags, and defined ones, which are grouped by name spaces.
fn tags(host: &mut Host, of: &Value) {
    host.tags(of.pointer("/freeform-tags"));
    for (_, tags) in of.pointer("/defined-tags").and_then(Value::as_object).into_iter().flatten() {
        host.tags(Some(tags));
    }
}
