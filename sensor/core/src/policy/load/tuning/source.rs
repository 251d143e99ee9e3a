//! The flows of a source, as an override names it.

use std::{net::IpAddr, sync::Arc};

use crate::{
    flow::{batch::Source, fields::find},
    nql::{
        Filter, Options,
        limits::Limits,
        lists::Lists,
        pattern::{self, Pattern},
        typed::{Predicate, Subject, Typed},
    },
};

/// Which flows are of the source `text`: `host`, `netflow` or `sflow` is a kind of source; an address or a network that of
/// devices; anything else the name of a device, or a glob of names.
///
/// # Errors
/// Why there can be no such source.
pub(super) fn flows_of(text: &str) -> Result<Typed, String> {
    if text.trim().is_empty() {
        return Err("a source is a name, an address or a glob".to_owned());
    }
    let lists = Lists::default();
    let options = Options::new(&lists);
    let is_kind = Source::ALL.into_iter().any(|kind| kind.name() == text);
    let query =
        if is_kind { format!("flowtype == {text}") } else { format!("flowsrcip == {text}") };
    let is_address = crate::flow::prefix::prefix(text).is_some();
    if is_kind || is_address {
        let filter = Filter::compile(&query, &options);
        return filter.map(|filter| filter.typed).map_err(|faults| {
            faults.into_iter().next().map(|fault| fault.message).unwrap_or_default()
        });
    }
    if let Some((address, _)) = text.split_once('/')
        && address.parse::<IpAddr>().is_ok()
    {
        return Err(format!("`{text}` is no network: its prefix length is too long or no number"));
    }
    let name = find("flowsrcname").ok_or("flows have no name of a source")?;
    let glob = pattern::Source::Wildcard(text.to_owned());
    let pattern = Pattern::compile(glob, false, &Limits::default());
    let pattern = pattern.map_err(|error| format!("not a glob: {}", error.help))?;
    Ok(Typed::Test(Subject::Field(name), Predicate::Matches(Arc::new(pattern))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nql::{json::RecordReader, reference};

    #[test]
    fn a_source_is_a_kind_an_address_or_a_name() {
        let record =
            br#"{"flowtype": "netflow", "flowsrcip": "192.0.2.1", "flowsrcname": "border-1"}"#;
        for (source, expected) in [
            ("netflow", true),
            ("host", false),
            ("192.0.2.1", true),
            ("192.0.2.0/24", true),
            ("192.0.2.2", false),
            ("border-1", true),
            ("border-*", true),
            ("border", false),
            ("*-2", false),
        ] {
            let query = flows_of(source).expect("a source");
            let record = RecordReader::new(&query).read(record).expect("a record");
            assert_eq!(reference::matches(&query, &record), expected, "{source}");
        }
        assert!(flows_of(" ").is_err());
        // Not the name of a device that no flow could come from.
        for network in ["10.0.0.0/33", "2001:db8::/129", "10.0.0.0/x"] {
            assert!(flows_of(network).unwrap_err().contains("is no network"), "{network}");
        }
        assert!(flows_of("rack/7").is_ok());
    }
}
