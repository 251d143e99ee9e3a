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
    sources::Sources,
    statement::{Fact, Network, Origin, Statement},
};
use crate::{diagnostic::Diagnostic, flow::prefix::Prefix};

mod aws;
mod azure;
mod document;
mod gcp;
mod host;
mod oci;

use document::each;

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
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Aws, Self::Gcp, Self::Oci, Self::Azure];

    /// What configuration and command line call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Oci => "oci",
            Self::Azure => "azure",
        }
    }

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
        let given = |context: &str| {
            let mut labels = inventory.networks.values().flat_map(BTreeMap::values);
            labels.any(|labels| labels.contains_key(context))
        };
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

/// Labels of an address: values by context.
type Values = BTreeMap<String, BTreeSet<String>>;

/// Labels by address, and by the virtual network that has it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// By the names of the network, the most precise first; by none where it is not known.
    networks: BTreeMap<Vec<String>, BTreeMap<Prefix, Values>>,
}

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
        let network = inventory.networks.entry(host.network_names()).or_default();
        for address in host.addresses {
            let labels = network.entry(address).or_default();
            for (context, value) in &host.labels {
                labels.entry(context.clone()).or_default().insert(value.clone());
            }
        }
    }
    inventory.join();
    inventory
}

impl Inventory {
    /// Some commands print the account of a network and others do not: a network without is the one of its name, where there is
    /// just one.
    fn join(&mut self) {
        let bare: Vec<_> = self.networks.keys().filter(|names| names.len() == 1).cloned().collect();
        for bare in bare {
            let mut whole = self.networks.keys().filter(|names| names.get(1..) == Some(&bare[..]));
            if let (Some(names), None) = (whole.next().cloned(), whole.next()) {
                let addresses = self.networks.remove(&bare).unwrap_or_default();
                let known = self.networks.entry(names).or_default();
                for (address, labels) in addresses {
                    let own = known.entry(address).or_default();
                    for (context, values) in labels {
                        own.entry(context).or_default().extend(values);
                    }
                }
            }
        }
    }

    /// Number of addresses.
    pub fn addresses(&self) -> usize {
        self.networks.values().flat_map(BTreeMap::keys).collect::<BTreeSet<_>>().len()
    }

    /// The networks by their names, with what is said of their addresses: context and value.
    pub fn networks(
        &self,
    ) -> impl Iterator<Item = (&[String], impl Iterator<Item = (Prefix, &str, &str)>)> {
        self.networks.iter().map(|(names, addresses)| {
            let labels = addresses.iter().flat_map(|(address, labels)| {
                labels.iter().flat_map(move |(context, values)| {
                    values.iter().map(move |value| (*address, context.as_str(), value.as_str()))
                })
            });
            (names.as_slice(), labels)
        })
    }

    /// States what it says, under this name.
    pub fn state(&self, sources: &mut Sources, name: &str) {
        for (names, addresses) in self.networks() {
            let source = match names {
                [] => sources.source(name),
                [network, ..] => sources.source(&format!("{name} (network {network})")),
            };
            let origin = Origin { source, line: 0 };
            let network = match names {
                [] => None,
                names => {
                    sources.networks.push(names.to_vec());
                    Network::at(sources.networks.len() - 1)
                }
            };
            for (prefix, context, value) in addresses {
                let fact = Fact::Label(sources.texts.number(context), sources.texts.number(value));
                sources.statements.push(Statement { prefix, fact, network, origin });
            }
        }
    }

    /// The labels by address alone: those that it has in one network or another.
    fn mixed(&self) -> BTreeMap<Prefix, Values> {
        let mut mixed: BTreeMap<Prefix, Values> = BTreeMap::new();
        for (address, labels) in self.networks.values().flatten() {
            let all = mixed.entry(*address).or_default();
            for (context, values) in labels {
                all.entry(context.clone()).or_default().extend(values.iter().cloned());
            }
        }
        mixed
    }

    /// The labels as a CSV file: sorted, a line for each address and context.
    pub fn to_csv(&self) -> String {
        let mut csv = String::new();
        for (address, labels) in &self.mixed() {
            for (context, values) in labels {
                let values: Vec<_> = values.iter().map(|value| quote(value)).collect();
                // Writing to a String cannot fail.
                let _ = writeln!(csv, "{address},{context},{}", values.join(","));
            }
        }
        csv
    }

    /// Addresses that more than one virtual network has, whose labels are therefore mixed.
    pub fn ambiguous(&self) -> impl Iterator<Item = (Prefix, BTreeSet<String>)> {
        self.mixed().into_iter().filter_map(|(address, mut labels)| {
            let networks = labels.remove("vpc")?;
            (networks.len() > 1).then_some((address, networks))
        })
    }
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
