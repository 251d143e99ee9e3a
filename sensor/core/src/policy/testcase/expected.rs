//! What a test expects.

/// What must come of the flows.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// This is the highest severity of all events; or what there is in place of severities.
    Fires(String),
    /// Exactly these events, each with these attributes.
    Events(Vec<Vec<(String, String)>>),
}
