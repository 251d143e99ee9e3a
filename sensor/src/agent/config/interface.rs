//! `[[interface]]`: what holds for single interfaces, of those that are watched.

use globset::{Glob, GlobMatcher};
use sensor_core::settings::schema::{Flag, Key, Origin, Setting, Table, Value, table};
use sensor_kernel::{
    attach::IngressWish,
    error::ErrorKind,
    links::{Link, check_name, is_glob},
    watch::Required,
};

use super::faults::Faults;

table! {
    /// `[[interface]]`
    Interface {
        /// Name or glob of interfaces; the first block that matches counts.
        name: Option<String> = None;
        /// By which hook received packets are counted: `auto`, `xdp`, `tc` or `generic`.
        ingress: String = "auto".to_owned();
        /// The sensor does not start unless such an interface is there and watched.
        required: bool = false;
    }
}

/// `[[interface]]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceConfig {
    /// Which interfaces.
    pub name: Glob,
    /// How their received packets are counted.
    pub ingress: IngressWish,
    /// Whether one must be watched from the start.
    pub required: bool,
    /// Where it is written.
    pub origin: Origin,
}

impl InterfaceConfig {
    /// What must be captured from the start, because the file says so, or because a flag names it: who types a name wants
    /// it now.
    pub fn required(&self) -> Option<Required> {
        let name = self.name.glob();
        let (by, kind) = match &self.origin {
            Origin::Flag(_) if !is_glob(name) => (self.written(), ErrorKind::Usage),
            // The file is sound, and another start may find the interface.
            _ if self.required => {
                ("`[[interface]] required = true`".to_owned(), ErrorKind::Unsupported)
            }
            _ => return None,
        };
        Some(Required { name: name.to_owned(), by, kind })
    }

    /// As its author wrote it.
    pub fn written(&self) -> String {
        match &self.origin {
            Origin::Flag(Flag { name, text }) => format!("`{name} {text}`"),
            Origin::File(_) | Origin::Default => {
                format!("`[[interface]] name = \"{}\"`", self.name.glob())
            }
        }
    }

    /// Whether it is odd that it is about none of the captured interfaces. A glob in a file may well be.
    pub fn names_one(&self) -> bool {
        match self.origin {
            Origin::Flag(_) => true,
            Origin::File(_) => !is_glob(self.name.glob()),
            Origin::Default => false,
        }
    }

    /// Whether it is about this interface.
    pub fn is_about(&self, link: &Link) -> bool {
        let name = self.name.compile_matcher();
        link.names().any(|own| name.is_match(own))
    }
}

/// The words for [`InterfaceConfig::ingress`].
const WORDS: [(&str, IngressWish); 4] = [
    ("auto", IngressWish::Best),
    ("xdp", IngressWish::NativeXdp),
    ("tc", IngressWish::Tc),
    ("generic", IngressWish::GenericXdp),
];

/// Judges all `[[interface]]` tables. `generic` is what holds for interfaces that none of them names.
pub fn resolve(
    list: &[Setting<Interface>],
    generic: bool,
    faults: &mut Faults,
) -> Vec<InterfaceConfig> {
    let mut interfaces = Vec::with_capacity(list.len() + 1);
    for interface in list {
        let raw = &interface.value;
        let word = raw.ingress.value.as_str();
        let wish = WORDS.iter().find(|(known, _)| *known == word);
        if wish.is_none() {
            let must = "must be \"auto\", \"xdp\", \"tc\" or \"generic\"";
            faults.report(
                &raw.ingress,
                "interface.ingress",
                must,
                &format!("`{word}` is none of them"),
            );
        }
        let Some(name) = &raw.name.value else {
            if !raw.name.is_given() {
                faults.report(
                    interface,
                    "interface",
                    "needs a `name`",
                    "add name = \"eth0\", or a glob",
                );
            }
            continue;
        };
        match (glob(name), wish) {
            (Ok(name), Some(&(_, ingress))) => {
                let (required, origin) = (raw.required.value, interface.origin.clone());
                interfaces.push(InterfaceConfig { name, ingress, required, origin });
            }
            (Ok(_), None) => {}
            (Err(reason), _) => {
                faults.report(&raw.name, "interface.name", "must be a name or a glob", &reason);
            }
        }
    }
    if let (true, Ok(name)) = (generic, Glob::new("*")) {
        let (ingress, origin) = (IngressWish::GenericXdp, Origin::Default);
        interfaces.push(InterfaceConfig { name, ingress, required: false, origin });
    }
    interfaces
}

/// A name or glob; else why it is none.
pub(super) fn glob(text: &str) -> Result<Glob, String> {
    if !is_glob(text) {
        check_name(text)?;
    }
    Glob::new(text).map_err(|error| format!("bad glob: {}", error.kind()))
}

/// A flag's `[NAME=]WORD`, as name and word; without a name, for all interfaces.
pub(super) fn split(flag: &str) -> (&str, &str) {
    flag.rsplit_once('=').unwrap_or(("*", flag))
}

/// Which hook is wished for on which interface.
#[derive(Clone, Debug, Default)]
pub struct IngressWishes(Vec<(GlobMatcher, IngressWish)>);

impl IngressWishes {
    /// Those of a configuration.
    pub fn new(interfaces: &[InterfaceConfig]) -> Self {
        let rule = |rule: &InterfaceConfig| (rule.name.compile_matcher(), rule.ingress);
        Self(interfaces.iter().map(rule).collect())
    }

    /// The wish for an interface.
    pub fn of(&self, link: &Link) -> IngressWish {
        let rule = self.0.iter().find(|(name, _)| link.names().any(|own| name.is_match(own)));
        rule.map(|(_, wish)| *wish).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_kernel::links::LinkLayer;

    #[test]
    fn the_first_that_matches_counts() {
        let rule = |name: &str, ingress| InterfaceConfig {
            name: Glob::new(name).unwrap(),
            ingress,
            required: false,
            origin: Origin::Default,
        };
        let link = |name: &str, alternatives: &[&str]| Link {
            index: 7,
            name: name.to_owned(),
            alternatives: alternatives.iter().map(|&name| name.to_owned()).collect(),
            link_layer: LinkLayer::Ethernet,
            mtu: 1500,
            lower: None,
            upper: None,
            kind: String::new(),
            by_vlan: false,
            tags_for: None,
        };
        let wishes = IngressWishes::new(&[
            rule("eth0", IngressWish::Tc),
            rule("eth*", IngressWish::NativeXdp),
        ]);
        assert_eq!(wishes.of(&link("eth0", &[])), IngressWish::Tc);
        assert_eq!(wishes.of(&link("eth1", &[])), IngressWish::NativeXdp);
        assert_eq!(wishes.of(&link("wlan0", &["uplink"])), IngressWish::Best);
        assert_eq!(wishes.of(&link("eth1", &["uplink", "eth0"])), IngressWish::Tc);
        assert_eq!(wishes.of(&link("enp3s0", &["eth7"])), IngressWish::NativeXdp);
    }

    #[test]
    fn flags_name_an_interface_or_all() {
        assert_eq!(split("tc"), ("*", "tc"));
        assert_eq!(split("eth0=xdp"), ("eth0", "xdp"));
    }
}
