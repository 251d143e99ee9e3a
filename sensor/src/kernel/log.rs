//! What the programs write to the agent's log: rare events only, such as a full table.

use std::io;

use aya::Ebpf;
use aya_log::EbpfLogger;
use tokio::io::{Interest, unix::AsyncFd};

/// Lines of the programs on their way into the log, where they appear under the programs' own module paths.
pub struct KernelLog(EbpfLogger<&'static dyn log::Log>);

impl KernelLog {
    /// The log of `ebpf`'s programs; `None` when they write none, or it cannot be read, which is no reason to stop.
    pub(super) fn new(ebpf: &mut Ebpf) -> Option<Self> {
        match EbpfLogger::init(ebpf) {
            Ok(logger) => Some(Self(logger)),
            Err(error) => {
                tracing::debug!(%error, "the eBPF programs' log is not read");
                None
            }
        }
    }

    /// Hands lines on until the task is dropped. Call from within a tokio runtime.
    ///
    /// # Errors
    /// When the log's descriptor cannot be waited for.
    pub async fn run(self) -> io::Result<()> {
        let mut logger = AsyncFd::with_interest(self.0, Interest::READABLE)?;
        loop {
            let mut ready = logger.readable_mut().await?;
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
    }
}
