//! A machine of a cloud, with the labels that its addresses get.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    enrich::{sources::unmapped, statement::network_names},
    flow::prefix::{Prefix, prefix},
};

/// A machine, or one interface of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    pub(super) addresses: BTreeSet<Prefix>,
    pub(super) labels: Vec<(String, String)>,
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
    /// The names of the virtual network that its addresses are of.
    pub(super) fn network_names(&self) -> Vec<String> {
        let value = |context: &str| {
            let label = self.labels.iter().find(|(own, _)| own == context);
            label.map(|(_, value)| value.as_str())
        };
        let (account, network) = (value("account").or(value("project")), value("vpc"));
        let names = network_names(account, network, value("subnet"));
        // An account has more than one network, a network more than one subnet.
        names.take(if network.is_some() { 2 - usize::from(account.is_none()) } else { 1 }).collect()
    }

    /// Adds an address or prefix, where there is one.
    pub(super) fn address(&mut self, text: Option<&str>) {
        self.addresses.extend(text.and_then(|text| prefix(text.trim())).map(unmapped));
    }

    /// Adds a label, where there is a value.
    pub(super) fn label(&mut self, context: &str, value: Option<&str>) {
        let Some(value) = value.map(printable).filter(|value| !value.is_empty()) else { return };
        self.labels.push((context.to_owned(), value));
    }

    /// Adds a label that the user has given in the cloud. One without a value is `true`.
    pub(super) fn tag(&mut self, key: &str, value: &str) {
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
    pub(super) fn tags(&mut self, tags: Option<&Value>) {
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
