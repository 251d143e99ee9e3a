//! How an exporting process stands with its destination.

/// How an exporting process stands with its destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// True while the destination takes messages.
    pub connected: bool,
    /// How many times the destination stopped taking messages, or did not from the start.
    pub outages: u64,
    /// What went wrong last, also when it has been overcome.
    pub error: Option<String>,
}
