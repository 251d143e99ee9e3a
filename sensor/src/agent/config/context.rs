//! `[labels]`, `[networks]`, `[geo]`, `[[reputation]]`: what is known beside the flows themselves; `[[tag]]` is in [`tag`].
//!
//! Here is only what the configuration says; [`super::super::inspect::context`] reads the files that it names.

use std::path::PathBuf;

use sensor_core::{
    diagnostic::nearest,
    enrich::combine::Precedence,
    flow::prefix::{Prefix, prefix},
};

use super::{
    faults::Faults,
    raw,
    schema::{Key, Setting, Table, Value, table},
    tag::{self, TagConfig},
};

table! {
    /// `[labels]`
    Labels {
        /// Label files: CSV, JSON or TOML, by file name extension.
        files: Vec<Setting<PathBuf>> = Vec::new();
        /// Of prefixes inside one another: `most-specific` has a context for itself, or labels of `all` hold.
        precedence: String = "most-specific".to_owned();
    }
}

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

table! {
    /// `[geo]`
    Geo {
        /// MMDB file of countries.
        country: Option<PathBuf> = None;
        /// MMDB file of AS.
        asn: Option<PathBuf> = None;
        /// MMDB file of cities.
        city: Option<PathBuf> = None;
    }
}

table! {
    /// `[[reputation]]`
    Reputation {
        /// A list: an address or prefix a line, with or without categories behind it.
        file: Option<PathBuf> = None;
        /// The category of lines that have none.
        category: String = "reputation".to_owned();
    }
}

/// What is known beside the flows themselves, and where from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContextConfig {
    /// Files of labels.
    pub labels: Vec<PathBuf>,
    /// Which labels of one context hold.
    pub precedence: Precedence,
    /// Whether private networks are internal.
    pub private: bool,
    /// Internal networks.
    pub internal: Vec<Prefix>,
    /// Networks in them that are not.
    pub external: Vec<Prefix>,
    /// Internal AS.
    pub internal_as: Vec<u32>,
    /// MMDB files; the first to know something is believed.
    pub databases: Vec<PathBuf>,
    /// Reputation lists, and the categories of their lines without one.
    pub reputation: Vec<(PathBuf, String)>,
    /// Rules of flow tags.
    pub tags: Vec<TagConfig>,
}

/// Judges the five sections.
pub(super) fn resolve(raw: &raw::Raw, faults: &mut Faults) -> ContextConfig {
    let networks = &raw.networks.value;
    let geo = &raw.geo.value;
    let files = [&geo.country, &geo.asn, &geo.city];
    ContextConfig {
        labels: raw.labels.value.files.value.iter().map(|file| file.value.clone()).collect(),
        precedence: precedence(&raw.labels.value.precedence, faults),
        private: networks.private.value,
        internal: prefixes(&networks.internal, "networks.internal", faults),
        external: prefixes(&networks.external, "networks.external", faults),
        internal_as: internal_as(networks, files.iter().any(|file| file.is_given()), faults),
        databases: files.into_iter().filter_map(|file| file.value.clone()).collect(),
        reputation: reputation(&raw.reputation.value, faults),
        tags: tag::resolve(&raw.tag.value, faults),
    }
}

fn precedence(setting: &Setting<String>, faults: &mut Faults) -> Precedence {
    const NAMES: [(&str, Precedence); 2] =
        [("most-specific", Precedence::MostSpecific), ("all", Precedence::All)];
    let named = NAMES.into_iter().find(|(name, _)| *name == setting.value);
    if named.is_none() {
        let found = match nearest(&setting.value, NAMES.map(|(name, _)| name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("`{}` is neither", setting.value),
        };
        faults.report(setting, "labels.precedence", "must be most-specific or all", &found);
    }
    named.map(|(_, precedence)| precedence).unwrap_or_default()
}

fn prefixes(list: &Setting<Vec<Setting<String>>>, path: &str, faults: &mut Faults) -> Vec<Prefix> {
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

fn internal_as(networks: &Networks, known: bool, faults: &mut Faults) -> Vec<u32> {
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

fn reputation(lists: &[Setting<Reputation>], faults: &mut Faults) -> Vec<(PathBuf, String)> {
    let mut known = Vec::with_capacity(lists.len());
    for list in lists {
        let Reputation { file, category } = &list.value;
        if category.value.trim().is_empty() {
            faults.report(category, "reputation.category", "must have a name", "this is empty");
        }
        match &file.value {
            Some(file) => known.push((file.clone(), category.value.clone())),
            None if file.is_given() => {}
            None => faults.report(list, "reputation", "needs a `file`", "there is none"),
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{from_text, overrides::Overrides};
    use sensor_core::diagnostic::render;

    fn resolved(text: &str) -> ContextConfig {
        from_text(text, &Overrides::default()).expect("the test has no faults").context
    }

    #[test]
    fn everything_is_resolved() {
        let config = resolved(
            "
            labels = { files = ['a.csv', 'b.json'], precedence = 'all' }
            networks = { private = false, internal = ['192.0.2.0/24', '2001:db8::1'], internal_as = [64500] }
            geo = { asn = 'asn.mmdb', country = 'country.mmdb' }
            reputation = [{ file = 'bad.txt', category = 'botnets' }, { file = 'worse.csv' }]
            tag = [{ name = 'web', match = 'dstport == 443' }]
            ",
        );
        assert_eq!(config.labels, ["a.csv", "b.json"].map(PathBuf::from));
        assert_eq!(config.precedence, Precedence::All);
        assert!(!config.private);
        assert_eq!(config.internal.len(), 2);
        assert_eq!(config.internal_as, [64500]);
        assert_eq!(config.databases, ["country.mmdb", "asn.mmdb"].map(PathBuf::from));
        assert_eq!(config.reputation[1], (PathBuf::from("worse.csv"), "reputation".to_owned()));
        assert_eq!(config.tags[0].name, "web");
        assert!(resolved("").private);
    }

    #[test]
    fn all_faults_are_told() {
        let text = "\
labels.precedence = 'al'
networks.internal = ['10.0.0.1/8', 'lan']
networks.internal_as = [64500]
reputation = [{}]
[[tag]]
name = 'web'
match = \"dstprt == 443\"
[[tag]]
match = '''dstport == x'''
";
        let faults = from_text(text, &Overrides::default()).expect_err("there are faults");
        let shown = render("f", text, &faults.file);
        let expected = "\
error: `labels.precedence` must be most-specific or all
 --> f:1:21
  |
1 | labels.precedence = 'al'
  |                     ^^^^ did you mean `all`?

error: `networks.internal` must contain prefixes without host bits
 --> f:2:22
  |
2 | networks.internal = ['10.0.0.1/8', 'lan']
  |                      ^^^^^^^^^^^^ did you mean `10.0.0.0/8`?

error: `networks.internal` must contain addresses or prefixes
 --> f:2:36
  |
2 | networks.internal = ['10.0.0.1/8', 'lan']
  |                                    ^^^^^ `lan` is neither

error: `networks.internal_as` needs an MMDB file with AS data
 --> f:3:24
  |
3 | networks.internal_as = [64500]
  |                        ^^^^^^^ `geo` names no file

error: `reputation` needs a `file`
 --> f:4:15
  |
4 | reputation = [{}]
  |               ^^ there is none

error[N201]: the flow context has no field `dstprt`
 --> f:7:10
  |
7 | match = \"dstprt == 443\"
  |          ^^^^^^ did you mean `dstport`?

error: `tag` needs a `name`
 --> f:8:1
  |
8 | [[tag]]
  | ^^^^^^^ there is none

error[N204]: `dstport` is a number, and `x` is not
 --> f:9:23
  |
9 | match = '''dstport == x'''
  |                       ^
  = help: an integer without sign or unit
";
        assert_eq!(shown, expected, "shown:\n{shown}");
    }
}
