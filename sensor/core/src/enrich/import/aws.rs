//! `aws ec2 describe-instances`, `describe-network-interfaces`, `describe-subnets` and `describe-security-groups`.

use serde_json::Value;

use super::{
    document::{each, text},
    host::Host,
};

pub(super) fn hosts(documents: &[&Value]) -> Vec<Host> {
    let mut hosts = Vec::new();
    for document in documents {
        for reservation in each(document, "/Reservations") {
            for instance in each(reservation, "/Instances") {
                instance_hosts(instance, text(reservation, "/OwnerId"), &mut hosts);
            }
        }
        hosts.extend(each(document, "/NetworkInterfaces").map(interface_host));
        hosts.extend(each(document, "/Subnets").map(subnet_host));
    }
    for group in documents.iter().flat_map(|document| each(document, "/SecurityGroups")) {
        name_group(&mut hosts, group);
    }
    hosts
}

/// The prefixes of a subnet: what holds for every address in it.
fn subnet_host(subnet: &Value) -> Host {
    let mut host = Host::default();
    host.label("cloud", Some("aws"));
    host.label("account", text(subnet, "/OwnerId"));
    zone(&mut host, text(subnet, "/AvailabilityZone"));
    network(&mut host, subnet);
    host.address(text(subnet, "/CidrBlock"));
    for block in each(subnet, "/Ipv6CidrBlockAssociationSet") {
        host.address(text(block, "/Ipv6CidrBlock"));
    }
    for tag in each(subnet, "/Tags") {
        match (text(tag, "/Key"), text(tag, "/Value")) {
            // The name of a subnet is not that of each machine in it.
            (Some("Name"), name) => host.label("subnetname", name),
            (Some(key), Some(value)) => host.tag(key, value),
            _ => {}
        }
    }
    host
}

/// A group's name goes to those who are in it, also where only its number was printed.
fn name_group(hosts: &mut [Host], group: &Value) {
    let (Some(id), name) = (text(group, "/GroupId"), text(group, "/GroupName")) else { return };
    for host in hosts {
        let has = |context: &str, value: &str| {
            host.labels.iter().any(|label| label.0 == context && label.1 == value)
        };
        if has("securitygroupid", id) && !name.is_some_and(|name| has("securitygroup", name)) {
            host.label("securitygroup", name);
        }
    }
}

/// The instance by its interfaces, since each has security groups of its own.
fn instance_hosts(instance: &Value, account: Option<&str>, hosts: &mut Vec<Host>) {
    let mut host = Host::default();
    host.label("cloud", Some("aws"));
    host.label("account", account);
    host.label("instanceid", text(instance, "/InstanceId"));
    host.label("instancetype", text(instance, "/InstanceType"));
    host.label("image", text(instance, "/ImageId"));
    host.label("os", text(instance, "/PlatformDetails").or(text(instance, "/Platform")));
    zone(&mut host, text(instance, "/Placement/AvailabilityZone"));
    network(&mut host, instance);
    tags(&mut host, instance, "/Tags");
    let mut interfaces = each(instance, "/NetworkInterfaces").peekable();
    if interfaces.peek().is_none() {
        groups(&mut host, instance, "/SecurityGroups");
        host.address(text(instance, "/PrivateIpAddress"));
        host.address(text(instance, "/PublicIpAddress"));
        host.address(text(instance, "/Ipv6Address"));
        hosts.push(host);
        return;
    }
    hosts.extend(interfaces.map(|interface| {
        let mut host = host.clone();
        addresses(&mut host, interface);
        groups(&mut host, interface, "/Groups");
        host
    }));
}

fn interface_host(interface: &Value) -> Host {
    let mut host = Host::default();
    host.label("cloud", Some("aws"));
    host.label("account", text(interface, "/OwnerId"));
    host.label("interfacetype", text(interface, "/InterfaceType"));
    zone(&mut host, text(interface, "/AvailabilityZone"));
    network(&mut host, interface);
    addresses(&mut host, interface);
    groups(&mut host, interface, "/Groups");
    tags(&mut host, interface, "/TagSet");
    match text(interface, "/Attachment/InstanceId") {
        Some(instance) => host.label("instanceid", Some(instance)),
        // Load balancers, gateways and the like say here what they are.
        None if host.labels.iter().all(|(context, _)| context != "name") => {
            host.label("name", text(interface, "/Description"));
        }
        None => {}
    }
    host
}

fn addresses(host: &mut Host, interface: &Value) {
    host.address(text(interface, "/PrivateIpAddress"));
    host.address(text(interface, "/Association/PublicIp"));
    for address in each(interface, "/PrivateIpAddresses") {
        host.address(text(address, "/PrivateIpAddress"));
        host.address(text(address, "/Association/PublicIp"));
    }
    for address in each(interface, "/Ipv6Addresses") {
        host.address(text(address, "/Ipv6Address"));
    }
    for prefix in each(interface, "/Ipv4Prefixes") {
        host.address(text(prefix, "/Ipv4Prefix"));
    }
    for prefix in each(interface, "/Ipv6Prefixes") {
        host.address(text(prefix, "/Ipv6Prefix"));
    }
}

fn groups(host: &mut Host, of: &Value, pointer: &str) {
    for group in each(of, pointer) {
        host.label("securitygroup", text(group, "/GroupName"));
        host.label("securitygroupid", text(group, "/GroupId"));
    }
}

fn network(host: &mut Host, of: &Value) {
    host.label("vpc", text(of, "/VpcId"));
    host.label("subnet", text(of, "/SubnetId"));
}

fn tags(host: &mut Host, of: &Value, pointer: &str) {
    for tag in each(of, pointer) {
        if let (Some(key), Some(value)) = (text(tag, "/Key"), text(tag, "/Value")) {
            host.tag(key, value);
        }
    }
}

fn zone(host: &mut Host, zone: Option<&str>) {
    host.label("zone", zone);
    host.label("region", zone.and_then(region).as_deref());
}

/// `eu-central-1a`, and of local zones `us-west-2-lax-1a`: the region ends with the first number.
fn region(zone: &str) -> Option<String> {
    let mut region = Vec::new();
    for part in zone.split('-') {
        let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            region.push(digits);
            return Some(region.join("-"));
        }
        region.push(part);
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{Cloud, Printed, import},
        region,
    };

    #[test]
    fn subnets_are_prefixes_and_groups_have_names() {
        let subnets = json!({"Subnets": [{
            "CidrBlock": "10.1.0.0/20", "SubnetId": "subnet-1", "VpcId": "vpc-1", "OwnerId": "42",
            "AvailabilityZone": "eu-central-1a",
            "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8:1::/64"}],
            "Tags": [{"Key": "Name", "Value": "front"}, {"Key": "Team", "Value": "web"}],
        }]});
        let interfaces = json!({"NetworkInterfaces": [{
            "PrivateIpAddress": "10.1.0.9", "Groups": [{"GroupId": "sg-1"}],
        }]});
        let groups = json!({"SecurityGroups": [
            {"GroupId": "sg-1", "GroupName": "production"},
            {"GroupId": "sg-2", "GroupName": "nobody"},
        ]});
        let printed = [subnets, groups, interfaces]
            .map(|document| Printed::parse(&document.to_string()).expect("JSON"));
        let csv = import(Cloud::Aws, &printed).to_csv();
        for line in [
            "10.1.0.0/20,subnet,subnet-1",
            "10.1.0.0/20,subnetname,front",
            "10.1.0.0/20,region,eu-central-1",
            "10.1.0.0/20,team,web",
            "10.1.0.0/20,vpc,vpc-1",
            "2001:db8:1::/64,account,42",
            "10.1.0.9,securitygroup,production",
            "10.1.0.9,securitygroupid,sg-1",
        ] {
            assert!(csv.lines().any(|own| own == line), "{line} is not in\n{csv}");
        }
        assert!(!csv.contains("nobody"), "{csv}");
    }

    #[test]
    fn regions_of_zones() {
        assert_eq!(region("eu-central-1a").as_deref(), Some("eu-central-1"));
        assert_eq!(region("us-gov-west-1b").as_deref(), Some("us-gov-west-1"));
        assert_eq!(region("us-west-2-lax-1a").as_deref(), Some("us-west-2"));
        assert_eq!(region("nowhere"), None);
    }
}
