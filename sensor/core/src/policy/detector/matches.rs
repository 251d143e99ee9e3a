//! A flow that a policy's query selects, on its way to what the policy counts.

use super::scope::Flow;
use crate::policy::keys::{Hash, Slot};

/// A flow that waits.
pub struct Match<'f> {
    pub(super) flow: Flow<'f>,
    /// `None` where a part of the key is missing.
    pub(super) hash: Option<Hash>,
    /// Where the key is, as far as could be told without looking at it, and where its memory must be waited for.
    pub(super) slot: Option<Slot>,
    /// Whether the memory that was asked for says where more of it is.
    pub(super) goes_on: bool,
}
