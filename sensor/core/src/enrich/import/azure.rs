//! `az vm list-ip-addresses`, which prints names and addresses; `az vm list -d` and `az network nic list` tell the rest.
//!
//! They are joined by the name of the virtual machine within its resource group, without regard to case: Azure's tools
//! spell it differently.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    document::{each, last_part, text},
    host::Host,
};

/// Resource group and name, in lower case.
type Machine = (String, String);

pub(super) fn hosts(documents: &[&Value]) -> Vec<Host> {
    let all = || documents.iter().flat_map(|document| each(document, ""));
    let mut machines: BTreeMap<Machine, Host> = BTreeMap::new();
    for item in all().filter(|item| item.pointer("/hardwareProfile").is_some()) {
        if let Some(machine) = machine(text(item, "/resourceGroup"), text(item, "/name")) {
            describe(machines.entry(machine).or_default(), item);
        }
    }
    let mut hosts = Vec::new();
    for item in all() {
        // Interfaces name their machine as well.
        if item.pointer("/ipConfigurations").is_some() {
            hosts.push(interface_host(item, &machines));
        } else if let Some(listed) = item.pointer("/virtualMachine") {
            hosts.push(listed_host(listed, &machines));
        }
    }
    // `az vm list -d` has addresses as well.
    hosts.extend(machines.into_values());
    hosts.retain(|host| !host.addresses.is_empty());
    hosts
}

/// What `az vm list` says of a machine.
fn describe(host: &mut Host, machine: &Value) {
    host.label("cloud", Some("azure"));
    host.label("name", text(machine, "/name"));
    host.label("resourcegroup", resource_group(machine).as_deref());
    host.label("region", text(machine, "/location"));
    host.label("instancetype", text(machine, "/hardwareProfile/vmSize"));
    host.label("os", text(machine, "/storageProfile/osDisk/osType"));
    host.label("instanceid", text(machine, "/vmId"));
    for zone in each(machine, "/zones") {
        host.label("zone", zone.as_str());
    }
    host.tags(machine.pointer("/tags"));
    for addresses in ["/privateIps", "/publicIps"] {
        for address in text(machine, addresses).into_iter().flat_map(|list| list.split(',')) {
            host.address(Some(address));
        }
    }
}

/// What `az vm list-ip-addresses` says of a machine.
fn listed_host(listed: &Value, machines: &BTreeMap<Machine, Host>) -> Host {
    let known = machine(text(listed, "/resourceGroup"), text(listed, "/name"));
    let labels = labels(known.as_ref(), machines);
    let mut host = Host { labels, ..Host::default() };
    host.label("cloud", Some("azure"));
    host.label("name", text(listed, "/name"));
    host.label("resourcegroup", resource_group(listed).as_deref());
    for address in each(listed, "/network/privateIpAddresses") {
        host.address(address.as_str());
    }
    for address in each(listed, "/network/publicIpAddresses") {
        host.address(text(address, "/ipAddress"));
        host.label("zone", text(address, "/zone"));
    }
    host
}

/// What `az network nic list` says of an interface.
fn interface_host(interface: &Value, machines: &BTreeMap<Machine, Host>) -> Host {
    let of = text(interface, "/virtualMachine/id");
    let known = of.and_then(|id| machine(resource_group_of_id(id), Some(last_part(id))));
    let labels = labels(known.as_ref(), machines);
    let mut host = Host { labels, ..Host::default() };
    host.label("cloud", Some("azure"));
    host.label("name", of.map(last_part).or(text(interface, "/name")));
    host.label("region", text(interface, "/location"));
    host.label("resourcegroup", resource_group(interface).as_deref());
    host.label("securitygroup", text(interface, "/networkSecurityGroup/id").map(last_part));
    host.tags(interface.pointer("/tags"));
    for configuration in each(interface, "/ipConfigurations") {
        host.address(
            text(configuration, "/privateIPAddress").or(text(configuration, "/privateIpAddress")),
        );
        let subnet = text(configuration, "/subnet/id");
        host.label("subnet", subnet.map(last_part));
        host.label(
            "vpc",
            subnet.and_then(|id| id.split_once("/virtualNetworks/")?.1.split('/').next()),
        );
        for group in each(configuration, "/applicationSecurityGroups") {
            host.label("securitygroup", text(group, "/id").map(last_part));
        }
    }
    host
}

fn machine(resource_group: Option<&str>, name: Option<&str>) -> Option<Machine> {
    Some((resource_group?.to_lowercase(), name?.to_lowercase()))
}

fn labels(machine: Option<&Machine>, machines: &BTreeMap<Machine, Host>) -> Vec<(String, String)> {
    machine
        .and_then(|machine| machines.get(machine))
        .map(|host| host.labels.clone())
        .unwrap_or_default()
}

/// The resource group, which some tools spell in capitals.
fn resource_group(of: &Value) -> Option<String> {
    text(of, "/resourceGroup").map(str::to_lowercase)
}

fn resource_group_of_id(id: &str) -> Option<&str> {
    id.split_once("/resourceGroups/")?.1.split('/').next()
}
