//! What the programs write to the agent's log: rare events only, such as a full table.

use aya::Ebpf;
use aya_log::EbpfLogger;

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

    /// Passes on the lines that have come since. Reads memory only: call it with every flip.
    pub fn pass_on(&mut self) {
        self.0.flush();
    }
}
