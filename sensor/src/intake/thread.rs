//! Threads by name: an operator finds them in `top -H`.

use std::thread::{Builder, JoinHandle};

use super::error::IntakeError;

/// Starts a thread.
pub(super) fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, IntakeError> {
    let thread = Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|source| IntakeError::Thread { source })
}
