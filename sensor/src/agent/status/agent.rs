//! The section of the process and its configuration.

use serde::Serialize;

/// The process; gauges but for the processor time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agent {
    /// Version of the program.
    pub version: &'static str,
    /// Process number.
    pub pid: u32,
    /// When it started, milliseconds since the epoch; a gauge.
    pub started: u64,
    /// When this snapshot was taken, milliseconds since the epoch.
    pub now: u64,
    /// What the process uses; `None` where the system does not tell.
    pub process: Option<Process>,
    /// The configuration in force.
    pub configuration: Configuration,
    /// What it may do.
    pub privileges: Privileges,
}

/// What the agent has kept of what it was started with; gauges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Privileges {
    /// Names of the capabilities of the thread that has the most.
    pub capabilities: Vec<String>,
    /// Whether files are out of reach that the configuration does not name.
    pub sandbox: SandboxState,
}

/// Whether files are out of reach that the configuration does not name; gauges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SandboxState {
    /// `on`, `off`, or `unavailable` where the kernel has none.
    pub state: &'static str,
    /// Version of the kernel's Landlock, where it is on.
    pub version: Option<String>,
    /// Directories that can be written to, where it is on.
    pub writable: Vec<String>,
    /// Why it is unavailable.
    pub why: Option<String>,
}

/// What the process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Process {
    /// Processor time of all threads, user and system, seconds.
    pub cpu: f64,
    /// Resident memory, octets; a gauge.
    pub resident: u64,
    /// Virtual memory, octets; a gauge.
    pub virtual_memory: u64,
    /// Threads; a gauge.
    pub threads: u64,
    /// Open file descriptors; a gauge.
    pub descriptors: u64,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// The file; `None` where flags say everything.
    pub path: Option<String>,
    /// Its drop-ins, in the order in which they are laid over it.
    pub drop_ins: Vec<String>,
    /// SHA-256 of the file and its drop-ins, one behind the other, as they were read last and are in force; as `sha256sum` prints it.
    pub sha256: Option<String>,
    /// When it was put in force: at the start or by a reload, milliseconds since the epoch; a gauge.
    pub since: u64,
    /// Whether the last reload put everything in force that it could; true before the first.
    pub reloaded: bool,
    /// Why it did not.
    pub refusal: Option<String>,
    /// Keys that have changed since the start, and take effect at the next one; a gauge.
    pub restart: Vec<String>,
}
