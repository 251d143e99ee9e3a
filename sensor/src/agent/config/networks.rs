//! `[networks]`: which networks are internal.

use sensor_core::{
    flow::prefix::{Prefix, prefix},
    settings::schema::{Key, Setting, Table, Value, table},
};

use super::faults::Faults;

table! {
    /// `[networks]`
    Networks {
        /// The private networks of RFC 1918 and RFC 4193 are internal.
        private: bool = true;
        /// Further internal addresses and prefixes.
        internal: Vec<Setting<String>> = Vec::new();
        /// Addresses and prefixes that are not internal although they lie in some that are.
        external: Vec<Setting<String>> = Vec::new();
        /// AS whose addresses are internal; needs a file with AS data.
        internal_as: Vec<Setting<u64>> = Vec::new();
    }
}

/// The prefixes of the key `path`.
pub(super) fn prefixes(
    list: &Setting<Vec<Setting<String>>>,
    path: &str,
    faults: &mut Faults,
) -> Vec<Prefix> {
    let mut prefixes = Vec::with_capacity(list.value.len());
    for text in &list.value {
        match prefix(&text.value) {
            Some(prefix) if prefix.canonical() == prefix => prefixes.push(prefix),
            Some(prefix) => {
                let found = format!("did you mean `{}`?", prefix.canonical());
                faults.report(text, path, "must contain prefixes without host bits", &found);
            }
            None => {
                let found = format!("`{}` is neither", text.value);
                faults.report(text, path, "must contain addresses or prefixes", &found);
            }
        }
    }
    prefixes
}

/// Internal AS; `known`: whether a file tells which address belongs to which AS.
pub(super) fn internal_as(networks: &Networks, known: bool, faults: &mut Faults) -> Vec<u32> {
    let list = &networks.internal_as;
    if !list.value.is_empty() && !known {
        let found = "`geo` names no file";
        faults.report(list, "networks.internal_as", "needs an MMDB file with AS data", found);
    }
    let number = |number: &Setting<u64>| {
        let range = 1..=u64::from(u32::MAX);
        u32::try_from(faults.in_range(number, "networks.internal_as", range)).ok()
    };
    list.value.iter().filter_map(number).collect()
}
