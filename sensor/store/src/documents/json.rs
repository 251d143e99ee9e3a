//! Values as JSON.

/// A value as JSON. What is stored has names as keys and nothing that JSON lacks, so that this does not fail.
pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec())
}
