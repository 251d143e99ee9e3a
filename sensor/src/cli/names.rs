//! Names of fields on the command line: what each means, and what whoever typed another one probably meant.
//!
//! Names are read in any case, as queries read them. A name that stands for several fields in queries is none here, where one
//! field is one column or one part of a key.

use sensor_core::{
    diagnostic::nearest,
    flow::fields::{self, FIELDS, Field, RecordKind},
    hunt::{GroupBy, GroupByError},
    nql::synonyms,
};

/// The field called `name`.
///
/// # Errors
/// What to write in its place.
pub fn field(name: &str) -> Result<&'static Field, String> {
    let known = name.to_ascii_lowercase();
    if let Some(field) = fields::find(&known) {
        return Ok(field);
    }
    if let Some(alias) = fields::find_alias(RecordKind::Flow, &known) {
        let both = listed(&stood_for(alias), "and");
        return Err(format!("`{name}` is an alias of {both}; use one or more of these"));
    }
    if known.starts_with("label.") {
        let what = "CSV without --columns and JSON show all labels, and --filter selects by them";
        return Err(format!("`{name}` is a label, not a field; {what}"));
    }
    let help = || match nearest(&known, FIELDS.iter().map(|field| field.name)) {
        Some(near) => format!("flows have no field `{name}`; did you mean `{near}`?"),
        None => format!("flows have no field `{name}`; `sensor fields` lists them"),
    };
    Err(meant(name).unwrap_or_else(help))
}

/// What flows are grouped by: a field, a prefix of an address (`srcip/24`), or the labels of one end (`label.src.role`).
///
/// # Errors
/// What to write in its place.
pub fn group_by(name: &str) -> Result<GroupBy, String> {
    GroupBy::named(&name.to_ascii_lowercase()).map_err(|error| match error {
        GroupByError::Unknown => field(name).err().unwrap_or_else(|| error.to_string()),
        _ => format!("`{name}`: {error}"),
    })
}

/// The field called `name`, for a column: of flows, or of DNS records alone.
///
/// # Errors
/// What to write in its place.
pub fn column(name: &str) -> Result<&'static Field, String> {
    let of_dns = RecordKind::Dns.find(&name.to_ascii_lowercase());
    match (field(name), of_dns) {
        (Err(_), Some(field)) => Ok(field),
        (found, _) => found,
    }
}

/// What the name that other tools or IANA have for a field is called here.
pub fn meant(name: &str) -> Option<String> {
    let (fields, note) = match synonyms::meant(&name.to_ascii_lowercase(), RecordKind::Flow) {
        Some(synonym) => match fields::find_alias(RecordKind::Flow, synonym.field) {
            Some(alias) => (stood_for(alias), synonym.note),
            None => (fields::find(synonym.field).into_iter().collect(), synonym.note),
        },
        None => (fields::of_element(name), ""),
    };
    let here = listed(&fields, "or");
    let note = if note.is_empty() { String::new() } else { format!(": {note}") };
    (!fields.is_empty()).then(|| format!("what others call `{name}` is {here} here{note}"))
}

/// In the order of the table.
fn stood_for(alias: &fields::Alias) -> Vec<&'static Field> {
    FIELDS.iter().filter(|field| alias.fields.contains(&field.name)).collect()
}

fn listed(fields: &[&'static Field], joined: &str) -> String {
    let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} {joined} {last}", before.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_core::nql::synonyms::SYNONYMS;

    fn advice(name: &str) -> String {
        field(name).expect_err("no field")
    }

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!(field("SrcIP").map(|field| field.name), Ok("srcip"));
    }

    /// Whoever follows the advice is not refused.
    #[test]
    fn advice_names_fields_alone() {
        let aliases = fields::aliases(RecordKind::Flow).iter().map(|alias| alias.name);
        let elements =
            ["octetDeltaCount", "sourceIPv4Address", "INTERFACENAME", "icmpTypeCodeIPv4"];
        for name in aliases.chain(SYNONYMS.iter().map(|row| row.name)).chain(elements) {
            let advice = advice(name);
            let (_, rest) = advice.split_once("` is ").unwrap_or_else(|| panic!("{advice}"));
            let end = rest.find(" here").or_else(|| rest.find("; use one")).expect("an end");
            let named: Vec<&str> = rest[..end].split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty(), "{advice}");
            assert!(named.iter().all(|name| field(name).is_ok()), "{advice}");
        }
    }

    #[test]
    fn what_stands_for_several_fields_is_told_apart() {
        for (name, expected) in [
            ("ip", "`ip` is an alias of `srcip` and `dstip`; use one or more of these"),
            ("port", "`port` is an alias of `srcport` and `dstport`; use one or more of these"),
            ("vlan", "`vlan` is an alias of `srcvlan` and `dstvlan`; use one or more of these"),
            ("host", "what others call `host` is `srcip` or `dstip` here"),
            ("vlan_id", "what others call `vlan_id` is `srcvlan` or `dstvlan` here"),
            (
                "iface",
                "`iface` is an alias of `inputname` and `outputname`; use one or more of these",
            ),
            ("IN_BYTES", "what others call `IN_BYTES` is `octets` here"),
            ("sourceIPv4Address", "what others call `sourceIPv4Address` is `srcip` here"),
            ("octetTotalCount", "what others call `octetTotalCount` is `bits` or `octets` here"),
            (
                "postNATSourceIPv4Address",
                "what others call `postNATSourceIPv4Address` is `natsrcip` here",
            ),
            ("dstprot", "flows have no field `dstprot`; did you mean `dstport`?"),
            ("zebra", "flows have no field `zebra`; `sensor fields` lists them"),
        ] {
            assert_eq!(advice(name), expected);
        }
        let of_as = "what others call `as` is `srcas.number`, `srcowneras.number`, `dstas.number` or `dstowneras.number` here";
        assert_eq!(advice("as"), of_as);
        assert!(advice("label.ip.role").starts_with("`label.ip.role` is a label, not a field; "));
    }
}
