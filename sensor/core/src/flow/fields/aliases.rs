//! Names that stand for several fields, most for the two ends of a flow.

use super::{
    Origin::{self, Documented, Extension},
    RecordKind,
};

/// One name for several fields of one type.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    /// The name.
    pub name: &'static str,
    /// The fields, in the order in which documentation shows them.
    pub fields: &'static [&'static str],
    /// Part of the public language, or an extension of it.
    pub origin: Origin,
}

const fn alias(name: &'static str, fields: &'static [&'static str]) -> Alias {
    Alias { name, fields, origin: Documented }
}

const FLOW: &[Alias] = &[
    alias("ip", &["dstip", "srcip"]),
    alias("port", &["dstport", "srcport"]),
    alias("ipname", &["dstipname", "srcipname"]),
    alias("as.number", &["dstas.number", "dstowneras.number", "srcas.number", "srcowneras.number"]),
    alias("as.org", &["dstas.org", "dstowneras.org", "srcas.org", "srcowneras.org"]),
    alias("owneras.number", &["dstowneras.number", "srcowneras.number"]),
    alias("owneras.org", &["dstowneras.org", "srcowneras.org"]),
    alias("geo.countrycode", &["dstgeo.countrycode", "srcgeo.countrycode"]),
    alias("geo.continentcode", &["dstgeo.continentcode", "srcgeo.continentcode"]),
    alias("geo.subdiso", &["dstgeo.subdiso", "srcgeo.subdiso"]),
    alias("geo.location.lat", &["dstgeo.location.lat", "srcgeo.location.lat"]),
    alias("geo.location.lon", &["dstgeo.location.lon", "srcgeo.location.lon"]),
    alias("internal", &["dstinternal", "srcinternal"]),
    alias("bogon", &["bogondst", "bogonsrc"]),
    alias("iprep.categories", &["dstiprep.categories", "srciprep.categories"]),
    alias("vlan", &["dstvlan", "srcvlan"]),
    alias("iface", &["inputname", "outputname"]),
    Alias { origin: Extension, ..alias("local", &["dstlocal", "srclocal"]) },
    Alias { origin: Extension, ..alias("mac", &["dstmac", "srcmac"]) },
];

const ALERT: &[Alias] = &[alias("ip", &["ipinfo.ip"])];

/// The aliases of a context.
pub fn aliases(context: RecordKind) -> &'static [Alias] {
    match context {
        RecordKind::Flow => FLOW,
        RecordKind::Alert => ALERT,
        RecordKind::Dns | RecordKind::Audit => &[],
    }
}

/// The alias called `name`.
pub fn find_alias(context: RecordKind, name: &str) -> Option<&'static Alias> {
    aliases(context).iter().find(|alias| alias.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_stand_for_fields_of_one_type() {
        for context in RecordKind::ALL {
            for alias in aliases(context) {
                let find = |name: &&str| context.find(name).expect("a field");
                let fields: Vec<_> = alias.fields.iter().map(find).collect();
                assert!(context.find(alias.name).is_none(), "{} is a field, too", alias.name);
                assert!(fields.iter().all(|field| field.kind == fields[0].kind), "{}", alias.name);
                assert!(fields.iter().all(|field| field.text == fields[0].text), "{}", alias.name);
                assert!(fields.iter().all(|field| field.patterns == fields[0].patterns));
            }
        }
    }
}
