//! How an output stands with its receiver.

/// How an output stands with its receiver.
#[derive(Debug, Default)]
pub struct Status {
    /// What went wrong last, also when it has been overcome.
    pub error: Option<String>,
    /// Nobody will ever take anything.
    pub gone: bool,
}
