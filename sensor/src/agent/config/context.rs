//! What is known beside the flows themselves: `[labels]`, `[networks]`, `[geo]`, `[[reputation]]` and `[[tag]]` together.
//!
//! Here is only what the configuration says; the agent reads the files that it names.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_core::{enrich::combine::Precedence, flow::prefix::Prefix};

use super::{
    faults::Faults,
    labels, networks, reputation,
    sections::Sections,
    tag::{self, TagConfig},
};

/// What is known beside the flows themselves, and where from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContextConfig {
    /// Files of labels.
    pub labels: Vec<PathBuf>,
    /// Inventories of clouds.
    pub inventories: Vec<labels::Inventory>,
    /// How often their files are looked at for changes.
    pub refresh: Duration,
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

impl ContextConfig {
    /// The files of all inventories.
    pub fn inventory_files(&self) -> impl Iterator<Item = &Path> {
        self.inventories.iter().flat_map(|inventory| &inventory.files).map(PathBuf::as_path)
    }
}

/// Judges the five sections.
pub(super) fn resolve(sections: &Sections, faults: &mut Faults) -> ContextConfig {
    let networks = &sections.networks.value;
    let geo = &sections.geo.value;
    let files = [&geo.country, &geo.asn, &geo.city];
    let labels = &sections.labels.value;
    let has_databases = files.iter().any(|file| file.is_given());
    ContextConfig {
        labels: labels.files.value.iter().map(|file| file.value.clone()).collect(),
        inventories: labels::inventories(labels, faults),
        refresh: labels::refresh(labels, faults),
        precedence: labels::precedence(&labels.precedence, faults),
        private: networks.private.value,
        internal: networks::prefixes(&networks.internal, "networks.internal", faults),
        external: networks::prefixes(&networks.external, "networks.external", faults),
        internal_as: networks::internal_as(networks, has_databases, faults),
        databases: files.into_iter().filter_map(|file| file.value.clone()).collect(),
        reputation: reputation::resolve(&sections.reputation.value, faults),
        tags: tag::resolve(&sections.tag.value, faults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_core::enrich::import::Cloud;

    use crate::agent::config::{from_text, overrides::Overrides};
    use sensor_core::diagnostic::render;

    fn resolved(text: &str) -> ContextConfig {
        from_text(text, &Overrides::default()).expect("the test has no faults").context
    }

    #[test]
    fn everything_is_resolved() {
        let config = resolved(
            "
            labels = { files = ['a.csv', 'b.json'], precedence = 'all', refresh = '5m', cloud = [{ provider = 'gcp', files = ['i.json'] }] }
            networks = { private = false, internal = ['192.0.2.0/24', '2001:db8::1'], internal_as = [64500] }
            geo = { asn = 'asn.mmdb', country = 'country.mmdb' }
            reputation = [{ file = 'bad.txt', category = 'botnets' }, { file = 'worse.csv' }]
            tag = [{ name = 'web', match = 'dstport == 443' }]
            ",
        );
        assert_eq!(config.labels, ["a.csv", "b.json"].map(PathBuf::from));
        assert_eq!(config.precedence, Precedence::All);
        assert_eq!(config.refresh, Duration::from_mins(5));
        let files = vec![PathBuf::from("i.json")];
        assert_eq!(config.inventories, [labels::Inventory { provider: Cloud::Gcp, files }]);
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
