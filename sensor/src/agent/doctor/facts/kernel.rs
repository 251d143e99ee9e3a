//! The running kernel: what it offers to programs, and what it forbids.

use std::{fs, path::PathBuf};

use sensor_kernel::{
    Trial,
    error::{ErrorKind, KernelError},
    grace,
    pins::{self, PinError},
    probe::Means,
};

use crate::agent::{config::capture::PinsConfig, service};

/// The kernel as it is.
#[derive(Clone, Debug)]
pub struct KernelFacts {
    /// Its version, and what this process may do.
    pub means: Result<Means, String>,
    /// Whether its verifier takes our programs.
    pub trial: TrialOutcome,
    /// It describes its own types.
    pub btf: bool,
    /// It translates programs (`net.core.bpf_jit_enable`); `None` where it does not say.
    pub jit: Option<bool>,
    /// Its lockdown mode; `None` where it does not say.
    pub lockdown: Option<String>,
    /// Its security modules; `None` where it does not say.
    pub modules: Option<Vec<String>>,
    /// Where a BPF file system is mounted.
    pub bpffs: Option<String>,
    /// What comes of the wish for pins; `None` without it.
    pub pins: Option<PinFacts>,
    /// membarrier(2) waits for grace periods.
    pub membarrier: bool,
    /// Filters for system calls hold this process (seccomp).
    pub seccomp: bool,
}

/// What came of having our programs verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialOutcome {
    /// They were loaded, and forgotten again.
    Verified,
    /// Nothing was tried: the process lacks capabilities, or the kernel is too old.
    NotTried,
    /// It failed.
    Failed {
        /// What was said, perhaps with the end of the verifier's log.
        message: String,
        /// The program was refused for want of a permission.
        permission: bool,
        /// The agent has no programs.
        not_built: bool,
    },
}

/// The directory that pins are to be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinFacts {
    /// The directory.
    pub directory: PathBuf,
    /// Why they cannot be there; none where they can.
    pub trouble: Option<PinTrouble>,
}

/// Why nothing can be pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinTrouble {
    /// There is no bpffs: it is to be mounted here.
    NotMounted(PathBuf),
    /// In other words.
    Other(String),
}

impl PinFacts {
    /// What capturing would find, asked of the code that opens pins.
    fn of(config: &PinsConfig) -> Option<Self> {
        let directory = config.keep.then(|| config.path.clone())?;
        let trouble = match pins::check(&directory) {
            Ok(()) => None,
            Err(PinError::NotMounted { mount, .. }) => Some(PinTrouble::NotMounted(mount)),
            Err(error) => Some(PinTrouble::Other(error.to_string())),
        };
        Some(Self { directory, trouble })
    }
}

/// Asks the kernel, and has it verify the programs of `object`.
pub fn gather(
    means: &Result<Means, KernelError>,
    pins: &PinsConfig,
    object: &[u8],
) -> (KernelFacts, Option<Trial>) {
    let usable = means.as_ref().is_ok_and(|means| means.judge().is_ok());
    let trial = usable.then(|| Trial::of(object, &service::verifier_logs()));
    let (outcome, trial) = match trial {
        None if object.is_empty() => (failed(&KernelError::NotBuilt), None),
        None => (TrialOutcome::NotTried, None),
        Some(Ok(trial)) => (TrialOutcome::Verified, Some(trial)),
        Some(Err(error)) => (failed(&error), None),
    };
    let read = |path: &str| fs::read_to_string(path).ok();
    let facts = KernelFacts {
        means: match means {
            Ok(means) => Ok(means.clone()),
            Err(error) => Err(error.to_string()),
        },
        trial: outcome,
        btf: fs::metadata("/sys/kernel/btf/vmlinux").is_ok(),
        jit: read("/proc/sys/net/core/bpf_jit_enable").map(|text| text.trim() != "0"),
        lockdown: read("/sys/kernel/security/lockdown").as_deref().and_then(selected),
        modules: read("/sys/kernel/security/lsm")
            .map(|list| list.trim().split(',').map(str::to_owned).collect()),
        bpffs: read("/proc/self/mountinfo").as_deref().and_then(bpf_file_system),
        pins: PinFacts::of(pins),
        membarrier: grace::has_membarrier(),
        seccomp: read("/proc/self/status").is_some_and(|status| is_filtered(&status)),
    };
    (facts, trial)
}

fn failed(error: &KernelError) -> TrialOutcome {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    let mut message = error.to_string();
    if let Some(source) = source.filter(|source| !message.contains(source.trim_start_matches(": ")))
    {
        message += &source;
    }
    TrialOutcome::Failed {
        message,
        permission: error.kind() == ErrorKind::Permission,
        not_built: matches!(error, KernelError::NotBuilt),
    }
}

/// The chosen word of a list such as `none [integrity] confidentiality`.
fn selected(list: &str) -> Option<String> {
    let (_, rest) = list.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

/// Where a BPF file system is mounted, by proc(5) `mountinfo`.
fn bpf_file_system(mounts: &str) -> Option<String> {
    mounts.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let is_bpf = file_system.split(' ').next() == Some("bpf");
        is_bpf.then(|| mount.split(' ').nth(4).map(str::to_owned))?
    })
}

/// Whether the text of /proc/PID/status says that system calls are filtered.
fn is_filtered(status: &str) -> bool {
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
    mode.is_some_and(|mode| mode.trim() == "2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_shows_is_read() {
        assert_eq!(selected("none [integrity] confidentiality\n"), Some("integrity".to_owned()));
        assert_eq!(selected("none\n"), None);
        let mounts = "22 1 0:20 / /proc rw - proc proc rw\n\
                      31 22 0:27 / /sys/fs/bpf rw,nosuid shared:9 - bpf bpf rw,mode=700\n";
        assert_eq!(bpf_file_system(mounts), Some("/sys/fs/bpf".to_owned()));
        assert_eq!(bpf_file_system("22 1 0:20 / /bpf rw - tmpfs bpf rw\nbroken"), None);
        assert!(is_filtered("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n"));
        assert!(!is_filtered("Seccomp:\t0\n") && !is_filtered(""));
    }
}
