//! `[[interface]]`: what holds for single interfaces, of those that are watched.

use globset::{Glob, GlobMatcher};

use super::{
    faults::Faults,
    schema::{Key, Setting, Table, Value, table},
};
use crate::kernel::attach::IngressWish;

table! {
    /// `[[interface]]`
    Interface {
        /// Name or glob of interfaces; the first block that matches counts.
        name: Option<String> = None;
        /// By which hook received packets are counted: `auto`, `xdp`, `tc` or `generic`.
        ingress: String = "auto".to_owned();
    }
}

/// `[[interface]]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceConfig {
    /// Which interfaces.
    pub name: Glob,
    /// How their received packets are counted.
    pub ingress: IngressWish,
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
        match (Glob::new(name), wish) {
            (Ok(name), Some(&(_, ingress))) => interfaces.push(InterfaceConfig { name, ingress }),
            (Ok(_), None) => {}
            (Err(error), _) => {
                let reason = format!("bad glob: {}", error.kind());
                faults.report(&raw.name, "interface.name", "must be a name or a glob", &reason);
            }
        }
    }
    if let (true, Ok(name)) = (generic, Glob::new("*")) {
        interfaces.push(InterfaceConfig { name, ingress: IngressWish::GenericXdp });
    }
    interfaces
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
    pub fn of(&self, interface: &str) -> IngressWish {
        let rule = self.0.iter().find(|(name, _)| name.is_match(interface));
        rule.map(|(_, wish)| *wish).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_matches_counts() {
        let rule =
            |name: &str, ingress| InterfaceConfig { name: Glob::new(name).unwrap(), ingress };
        let wishes = IngressWishes::new(&[
            rule("eth0", IngressWish::Tc),
            rule("eth*", IngressWish::NativeXdp),
        ]);
        assert_eq!(wishes.of("eth0"), IngressWish::Tc);
        assert_eq!(wishes.of("eth1"), IngressWish::NativeXdp);
        assert_eq!(wishes.of("wlan0"), IngressWish::Best);
    }

    #[test]
    fn flags_name_an_interface_or_all() {
        assert_eq!(split("tc"), ("*", "tc"));
        assert_eq!(split("eth0=xdp"), ("eth0", "xdp"));
    }
}
