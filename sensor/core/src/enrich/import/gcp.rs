//! `gcloud compute instances list --format=json`.
//!
//! What other clouds call security groups are network tags here: firewall rules name them as targets.

use serde_json::Value;

use super::{
    document::{each, last_part, text},
    host::Host,
};

pub(super) fn hosts(documents: &[&Value]) -> Vec<Host> {
    let instances = documents.iter().flat_map(|document| each(document, ""));
    instances.flat_map(instance_hosts).collect()
}

/// The instance by its interfaces, each of which is in a network of its own.
fn instance_hosts(instance: &Value) -> Vec<Host> {
    let mut host = Host::default();
    let last = |pointer: &str| text(instance, pointer).map(last_part);
    host.label("cloud", Some("gcp"));
    host.label("name", text(instance, "/name"));
    host.label("instanceid", text(instance, "/id"));
    host.label("instancetype", last("/machineType"));
    host.label("zone", last("/zone"));
    host.label(
        "region",
        last("/zone").and_then(|zone| zone.rsplit_once('-')).map(|(region, _)| region),
    );
    host.label("project", text(instance, "/selfLink").and_then(project));
    for tag in each(instance, "/tags/items") {
        host.label("securitygroup", tag.as_str());
    }
    let disks =
        each(instance, "/disks").filter(|disk| disk.pointer("/boot") == Some(&Value::Bool(true)));
    for license in disks.flat_map(|disk| each(disk, "/licenses")) {
        host.label("os", license.as_str().map(last_part));
    }
    host.tags(instance.pointer("/labels"));
    let interfaces = each(instance, "/networkInterfaces");
    interfaces.map(|interface| interface_host(host.clone(), interface)).collect()
}

fn interface_host(mut host: Host, interface: &Value) -> Host {
    host.address(text(interface, "/networkIP"));
    host.address(text(interface, "/ipv6Address"));
    for access in each(interface, "/accessConfigs") {
        host.address(text(access, "/natIP"));
    }
    for access in each(interface, "/ipv6AccessConfigs") {
        host.address(text(access, "/externalIpv6"));
    }
    for range in each(interface, "/aliasIpRanges") {
        host.address(text(range, "/ipCidrRange"));
    }
    host.label("vpc", text(interface, "/network").map(last_part));
    host.label("subnet", text(interface, "/subnetwork").map(last_part));
    host
}

/// The project in a URL such as `https://www.googleapis.com/compute/v1/projects/PROJECT/zones/...`.
fn project(link: &str) -> Option<&str> {
    link.split_once("/projects/")?.1.split('/').next()
}
