//! The names under which `match_by` says what it asks of which source.

use crate::flow::source::{FLOW_TYPES, Source};

/// All clouds that have no query of their own.
const CLOUDS: &str = "cloud";

/// All names.
pub fn names() -> Vec<&'static str> {
    FLOW_TYPES.into_iter().chain([CLOUDS]).collect()
}

/// What is said of each source, of what is said under names; unknown ones count for nothing.
pub fn spread<'n, T: Clone>(said: impl IntoIterator<Item = (&'n str, T)>) -> Vec<(Source, T)> {
    let said: Vec<(&str, T)> = said.into_iter().collect();
    let of = |name: &str| said.iter().find(|(own, _)| *own == name).map(|(_, what)| what.clone());
    let of_source = |source: Source| {
        let own = of(source.name());
        let what = own.or_else(|| if source.is_cloud() { of(CLOUDS) } else { None })?;
        Some((source, what))
    };
    Source::ALL.into_iter().filter_map(of_source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cloud_comes_before_all() {
        let said = spread([("cloud", 1), ("aws", 2), ("sflow", 3), ("nonsense", 4)]);
        let of = |source| said.iter().find(|(own, _)| *own == source).map(|(_, what)| *what);
        assert_eq!([Source::Aws, Source::Gcp, Source::Sflow].map(of), [Some(2), Some(1), Some(3)]);
        assert_eq!([Source::Host, Source::NetFlow].map(of), [None, None]);
        assert!(names().contains(&"oracle") && names().contains(&"cloud"));
    }
}
