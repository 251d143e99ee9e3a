//! How much a query may ask for. Each limit is named in the message that it causes, and can be set.

/// Limits of one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text, bytes (`query_bytes`).
    pub query_bytes: usize,
    /// Nesting of parentheses and negations (`depth`).
    pub depth: usize,
    /// Conditions and list entries (`terms`).
    pub terms: usize,
    /// Patterns (`patterns`).
    pub patterns: usize,
    /// Size of one compiled pattern, bytes (`regex_bytes`).
    pub regex_bytes: usize,
    /// Faults that are told, and as many warnings (`faults`).
    pub faults: usize,
    /// Highest edit distance of a fuzzy pattern (`fuzzy_distance`).
    pub fuzzy_distance: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            query_bytes: 64 << 10,
            depth: 64,
            terms: 10_000,
            patterns: 200,
            regex_bytes: 256 << 10,
            faults: 100,
            fuzzy_distance: 2,
        }
    }
}
