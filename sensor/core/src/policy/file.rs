//! A file of policies: what is read of it, wherever it is from.

/// A file of policies; a name that ends in `.json` makes it JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFile {
    /// For messages.
    pub path: String,
    /// Its text.
    pub text: String,
}
