//! Threads by name: an operator finds them in `top -H`.

use std::thread::{Builder, JoinHandle};

use super::error::IntakeError;

/// What threads begin with: where whoever starts them has rights that they do not need.
#[derive(Clone, Copy, Debug)]
pub struct Beginnings {
    /// Those that read what devices send.
    pub decoding: fn(),
    /// The one that writes the state file.
    pub keeping: fn(),
}

impl Default for Beginnings {
    fn default() -> Self {
        Self { decoding: || (), keeping: || () }
    }
}

/// Starts a thread that begins with `first`.
pub(super) fn thread(
    name: &str,
    first: fn(),
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, IntakeError> {
    let work = move || {
        first();
        work();
    };
    let thread = Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|source| IntakeError::Thread { source })
}
