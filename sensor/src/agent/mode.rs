//! Where flows come from: what nearly every room of the agent does differently about it.

/// Whose flows pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// This host's, and those that routers send now: its addresses are known, time passes, and no source waits for an
    /// output: what one has no room for is counted as not sent.
    Live,
    /// Files': nothing depends on this host or on chance, and sources wait for outputs.
    Files,
}

impl Mode {
    /// Whether sources wait for outputs that have no room.
    pub fn waits(self) -> bool {
        self == Self::Files
    }
}
