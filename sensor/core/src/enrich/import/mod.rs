//! Labels from what the command line tools of clouds print.
//!
//! Each cloud has its own names for the same things; here they get the same contexts (table in sensor/docs/context.md),
//! so that a policy need not know where a machine runs. The files of one call are read together, since some tools print
//! addresses in one place and what they belong to in another. What is not known is skipped: tools print more every year.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;

use super::{
    formats::{fault_in, quote},
    sources::unmapped,
};
use crate::{
    diagnostic::Diagnostic,
    flow::prefix::{Prefix, prefix},
};

mod aws;
mod azure;
mod gcp;
mod oci;

/// A cloud that labels can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
    /// Oracle Cloud Infrastructure.
    Oci,
    /// Microsoft Azure.
    Azure,
}

impl Cloud {
    /// The commands whose output has addresses.
    fn commands(self) -> &'static str {
        match self {
            Self::Aws => {
                "`aws ec2 describe-instances`, `describe-network-interfaces` or `describe-subnets`"
            }
            Self::Gcp => "`gcloud compute instances list --format=json`",
            Self::Oci => "`oci compute instance list-vnics`",
            Self::Azure => "`az vm list-ip-addresses`, `az vm list -d` or `az network nic list`",
        }
    }

    /// What only describes addresses that something else prints, and what that is.
    fn supplements(self) -> &'static [Supplement] {
        match self {
            Self::Aws => &[Supplement {
                list: "/SecurityGroups",
                of: "/GroupId",
                what: "security groups, which do not list their members",
                gives: Some("securitygroup"),
                add: "`aws ec2 describe-network-interfaces` or `aws ec2 describe-instances`",
            }],
            Self::Gcp => &[],
            Self::Oci => &[
                Supplement {
                    list: "/data",
                    of: "/shape",
                    what: "instances without their addresses",
                    gives: Some("instancetype"),
                    add: "`oci compute instance list-vnics`",
                },
                Supplement {
                    list: "/data",
                    of: "/vnic-id",
                    what: "attachments of VNICs without their addresses",
                    gives: None,
                    add: "`oci compute instance list-vnics`",
                },
                Supplement {
                    list: "/data",
                    of: "/vcn-id",
                    what: "networks or security groups, which do not list their members",
                    gives: None,
                    add: "`oci compute instance list-vnics`",
                },
            ],
            Self::Azure => &[Supplement {
                list: "",
                of: "/hardwareProfile",
                what: "machines without their addresses",
                gives: Some("instancetype"),
                add: "`az vm list-ip-addresses` or `az network nic list`",
            }],
        }
    }
}

/// Something that is printed without an address.
struct Supplement {
    /// Where the list of such things stands in a document.
    list: &'static str,
    /// What each of them has.
    of: &'static str,
    /// What they are.
    what: &'static str,
    /// The context that an address gets from it, where it alone gives it.
    gives: Option<&'static str>,
    /// The commands whose output has the addresses.
    add: &'static str,
}

impl Supplement {
    fn is_in(&self, files: &[Printed]) -> bool {
        let mut items =
            files.iter().flat_map(|file| &file.0).flat_map(|file| each(file, self.list));
        items.any(|item| item.pointer(self.of).is_some())
    }

    fn advice(&self) -> String {
        let Self { what, add, .. } = self;
        format!("pass the output of {add} together with {what}")
    }
}

/// What is missing where [`import`] finds no address in `files`.
pub fn advice(cloud: Cloud, files: &[Printed]) -> String {
    match cloud.supplements().iter().find(|supplement| supplement.is_in(files)) {
        Some(supplement) => supplement.advice(),
        None => format!("is it what {} prints?", cloud.commands()),
    }
}

/// What to add where something in `files` describes none of the addresses in `inventory`.
pub fn unused(cloud: Cloud, files: &[Printed], inventory: &Inventory) -> Option<String> {
    let is_unused = |supplement: &&Supplement| {
        let given = |context: &str| inventory.0.values().any(|labels| labels.contains_key(context));
        supplement.gives.is_some_and(|context| !given(context)) && supplement.is_in(files)
    };
    cloud.supplements().iter().find(is_unused).map(Supplement::advice)
}

/// A file that was printed, as JSON documents.
#[derive(Debug)]
pub struct Printed(Vec<Value>);

impl Printed {
    /// Reads the text of a file: one JSON document, or several one after the other, as a loop of a shell prints them.
    ///
    /// # Errors
    /// The place where it is no JSON.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        documents
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|error| fault_in(text, 0, &error).label("this is not JSON"))
    }
}

/// Labels by address.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<Prefix, BTreeMap<String, BTreeSet<String>>>);

/// Reads what was printed, all files together.
pub fn import(cloud: Cloud, files: &[Printed]) -> Inventory {
    let documents: Vec<&Value> = files.iter().flat_map(|file| &file.0).collect();
    let hosts = match cloud {
        Cloud::Aws => aws::hosts(&documents),
        Cloud::Gcp => gcp::hosts(&documents),
        Cloud::Oci => oci::hosts(&documents),
        Cloud::Azure => azure::hosts(&documents),
    };
    let mut inventory = Inventory::default();
    for host in hosts {
        for address in host.addresses {
            let labels = inventory.0.entry(address).or_default();
            for (context, value) in &host.labels {
                labels.entry(context.clone()).or_default().insert(value.clone());
            }
        }
    }
    inventory
}

impl Inventory {
    /// Number of addresses.
    pub fn addresses(&self) -> usize {
        self.0.len()
    }

    /// The labels as a CSV file: sorted, a line for each address and context.
    pub fn to_csv(&self) -> String {
        let mut csv = String::new();
        for (address, labels) in &self.0 {
            for (context, values) in labels {
                let values: Vec<_> = values.iter().map(|value| quote(value)).collect();
                // Writing to a String cannot fail.
                let _ = writeln!(csv, "{address},{context},{}", values.join(","));
            }
        }
        csv
    }

    /// Addresses that more than one virtual network has, whose labels are therefore mixed.
    pub fn ambiguous(&self) -> impl Iterator<Item = (Prefix, &BTreeSet<String>)> {
        let networks = |labels: &'_ BTreeMap<String, BTreeSet<String>>| labels.contains_key("vpc");
        self.0
            .iter()
            .filter(move |(_, labels)| networks(labels))
            .map(|(address, labels)| (*address, &labels["vpc"]))
            .filter(|(_, networks)| networks.len() > 1)
    }
}

/// A machine, or one interface of it.
#[derive(Clone, Debug, Default)]
struct Host {
    addresses: BTreeSet<Prefix>,
    labels: Vec<(String, String)>,
}

/// Contexts that importers give; a tag of such a name gets `tag_` before it. `name` is not among them: a tag of that name
/// is the name.
const OWN_CONTEXTS: &[&str] = &[
    "account",
    "cloud",
    "image",
    "instanceid",
    "instancetype",
    "interfacetype",
    "os",
    "project",
    "region",
    "resourcegroup",
    "securitygroup",
    "securitygroupid",
    "subnet",
    "subnetname",
    "vpc",
    "zone",
];

impl Host {
    /// Adds an address or prefix, where there is one.
    fn address(&mut self, text: Option<&str>) {
        self.addresses.extend(text.and_then(|text| prefix(text.trim())).map(unmapped));
    }

    /// Adds a label, where there is a value.
    fn label(&mut self, context: &str, value: Option<&str>) {
        let Some(value) = value.map(printable).filter(|value| !value.is_empty()) else { return };
        self.labels.push((context.to_owned(), value));
    }

    /// Adds a label that the user has given in the cloud. One without a value is `true`.
    fn tag(&mut self, key: &str, value: &str) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let mut context: String = key
            .chars()
            .map(|c| if allowed(c) { c.to_ascii_lowercase() } else { '_' })
            .take(60)
            .collect();
        if OWN_CONTEXTS.contains(&context.as_str()) {
            context.insert_str(0, "tag_");
        }
        if !context.is_empty() {
            let value = if value.trim().is_empty() { "true" } else { value };
            self.label(&context, Some(value));
        }
    }

    /// Adds an object of tags.
    fn tags(&mut self, tags: Option<&Value>) {
        for (key, value) in tags.and_then(Value::as_object).into_iter().flatten() {
            match value {
                Value::String(value) => self.tag(key, value),
                Value::Number(_) | Value::Bool(_) => self.tag(key, &value.to_string()),
                _ => {}
            }
        }
    }
}

/// A value as label files take it.
fn printable(value: &str) -> String {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let value = value.trim();
    value[..value.floor_char_boundary(256)].trim_end().to_owned()
}

/// The text at a place of a document.
fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

/// The elements of the list at a place of a document.
fn each<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The last part of a path or URL.
fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(cloud: Cloud, text: &str) -> String {
        import(cloud, &[Printed::parse(text).expect("the test has JSON")]).to_csv()
    }

    #[test]
    fn tags_become_contexts() {
        let text = r#"{"Reservations": [{"Instances": [{"PrivateIpAddress": "10.0.0.5", "Tags": [
            {"Key": "Name", "Value": "web, 1"}, {"Key": "aws:autoscaling:groupName", "Value": "a\nb"},
            {"Key": "Region", "Value": "north"}, {"Key": "Critical", "Value": ""}]}]}]}"#;
        assert_eq!(
            csv(Cloud::Aws, text),
            "10.0.0.5,aws_autoscaling_groupname,a b\n10.0.0.5,cloud,aws\n10.0.0.5,critical,true\n\
             10.0.0.5,name,\"web, 1\"\n10.0.0.5,tag_region,north\n"
        );
    }

    #[test]
    fn documents_may_follow_one_another() {
        let one =
            |address: &str| format!(r#"[{{"networkInterfaces": [{{"networkIP": "{address}"}}]}}]"#);
        let text = format!("{}\n{}", one("10.0.0.1"), one("10.0.0.2"));
        assert_eq!(csv(Cloud::Gcp, &text), "10.0.0.1,cloud,gcp\n10.0.0.2,cloud,gcp\n");
        let fault = Printed::parse("[1]\n[2").expect_err("a bracket is missing");
        assert_eq!(fault.span, 5..6);
        assert!(fault.message.starts_with("EOF"), "{fault:?}");
    }

    #[test]
    fn what_is_no_export_has_no_addresses() {
        for cloud in [Cloud::Aws, Cloud::Gcp, Cloud::Oci, Cloud::Azure] {
            for text in
                ["", "{}", "[]", "7", r#"{"Reservations": 7, "data": "x"}"#, r#"[null, [1], "x"]"#]
            {
                assert_eq!(csv(cloud, text), "", "{cloud:?} {text}");
            }
        }
    }

    #[test]
    fn an_address_of_two_networks_is_told() {
        let text = r#"{"NetworkInterfaces": [{"PrivateIpAddress": "10.0.0.5", "VpcId": "vpc-1"},
            {"PrivateIpAddress": "10.0.0.5", "VpcId": "vpc-2"}, {"PrivateIpAddress": "10.0.0.6", "VpcId": "vpc-2"}]}"#;
        let inventory = import(Cloud::Aws, &[Printed::parse(text).expect("the test has JSON")]);
        let ambiguous: Vec<_> =
            inventory.ambiguous().map(|(address, _)| address.to_string()).collect();
        assert_eq!(ambiguous, ["10.0.0.5"]);
    }
}
