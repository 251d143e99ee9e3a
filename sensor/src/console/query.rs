//! Queries, fields and groups as requests name them.

use sensor_core::{
    flow::fields::{self, Field},
    hunt::{GroupBy, MOST_FIELDS, Prefixes},
    nql::{Filter, Options, lists::Lists, typed::Typed},
};

use super::fault::Fault;

/// Reads a query; nothing asks for all flows.
///
/// # Errors
/// Its faults.
pub fn query(text: &str, lists: &Lists) -> Result<Typed, Fault> {
    match Filter::compile(text, &Options::new(lists)) {
        Ok(filter) => Ok(filter.typed),
        Err(faults) => Err(Fault::query(text, &faults)),
    }
}

/// What flows are grouped by. Addresses that say no prefix get `prefixes`, where there are any.
///
/// # Errors
/// A name that no group has, or that is there twice; too many.
pub fn groups(names: &[String], prefixes: Option<Prefixes>) -> Result<Vec<GroupBy>, Fault> {
    if names.len() > MOST_FIELDS {
        return Err(Fault::request(format!(
            "`by` names {} fields; {MOST_FIELDS} at most",
            names.len()
        )));
    }
    let mut all: Vec<GroupBy> = Vec::with_capacity(names.len());
    for name in names {
        let mut by = GroupBy::named(name)
            .map_err(|error| Fault::request(format!("`by` names `{name}`: {error}")))?;
        if by.is_address() && by.prefixes.is_none() {
            by.prefixes = prefixes;
        }
        if all.iter().any(|other| other.subject == by.subject) {
            return Err(Fault::request(format!("`by` names `{name}` twice")));
        }
        all.push(by);
    }
    Ok(all)
}

/// Prefixes of addresses by their lengths; none where no length is given.
///
/// # Errors
/// A length that no address has.
pub fn prefixes(v4: Option<u8>, v6: Option<u8>) -> Result<Option<Prefixes>, Fault> {
    if v4.is_some_and(|length| length > 32) || v6.is_some_and(|length| length > 128) {
        return Err(Fault::request("`prefix4` is 0 to 32, `prefix6` 0 to 128"));
    }
    let given = v4.is_some() || v6.is_some();
    Ok(given.then(|| Prefixes { v4: v4.unwrap_or(32), v6: v6.unwrap_or(128) }))
}

/// Fields by their names.
///
/// # Errors
/// A name that no field has, or that is there twice.
pub fn columns(names: &[String]) -> Result<Vec<&'static Field>, Fault> {
    let mut all: Vec<&'static Field> = Vec::with_capacity(names.len());
    for name in names {
        let field = fields::find(name).ok_or_else(|| {
            Fault::request(format!("`columns` names `{name}`, which is no field"))
        })?;
        if all.contains(&field) {
            return Err(Fault::request(format!("`columns` names `{name}` twice")));
        }
        all.push(field);
    }
    Ok(all)
}
