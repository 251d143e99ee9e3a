//! What this kernel and this process can do, asked before anything is tried, so that the answer is one clear message.

use std::{fs, io};

use aya::util::KernelVersion;

use super::error::KernelError;

/// Oldest kernel with multi-buffer XDP (`xdp.frags`).
const FLOOR: (u8, u8, &str) = (5, 18, "5.18");

/// First kernel with tcx links.
const TCX: (u8, u8) = (6, 6);

/// Capabilities that loading and attaching take, by number (linux/capability.h).
const NEEDED: [(u32, &str); 3] = [(12, "CAP_NET_ADMIN"), (38, "CAP_PERFMON"), (39, "CAP_BPF")];

/// Stands for CAP_BPF and CAP_PERFMON, as before they existed.
const CAP_SYS_ADMIN: u32 = 21;

/// What the kernel offers beyond the floor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// tcx links: several programs to a hook, gone with the process.
    pub tcx: bool,
    /// Release of the running kernel, as `uname -r` prints it.
    pub release: String,
}

impl Features {
    /// Asks the running kernel, and whether this process may load programs.
    ///
    /// # Errors
    /// [`KernelError::TooOld`], [`KernelError::Permission`], or when the kernel does not say what it is.
    pub fn probe() -> Result<Self, KernelError> {
        Means::look()?.judge()
    }
}

/// The running kernel, and what this process may do.
#[derive(Clone, Debug)]
pub struct Means {
    /// Release of the kernel, as `uname -r` prints it.
    pub release: String,
    /// Not from the release alone: distributions put their own numbers there.
    version: KernelVersion,
    /// Effective capabilities, a bit each.
    capabilities: u64,
}

impl Means {
    /// Asks.
    ///
    /// # Errors
    /// When the kernel does not say what it is.
    pub fn look() -> Result<Self, KernelError> {
        let release = read("/proc/sys/kernel/osrelease")?.trim().to_owned();
        let version = KernelVersion::current().map_err(|error| KernelError::System {
            attempt: "find out the kernel's version",
            source: io::Error::other(error.to_string()),
        })?;
        Ok(Self { release, version, capabilities: effective(&read("/proc/self/status")?) })
    }

    /// Those of a kernel of this version and of a process with these capabilities.
    pub fn of((major, minor): (u8, u8), capabilities: u64) -> Self {
        let version = KernelVersion::new(major, minor, 0);
        Self { release: format!("{major}.{minor}.0"), version, capabilities }
    }

    /// What the kernel offers, if it is enough and this process may use it.
    ///
    /// # Errors
    /// [`KernelError::TooOld`], [`KernelError::Permission`].
    pub fn judge(&self) -> Result<Features, KernelError> {
        self.judge_kernel()?;
        let missing = self.missing();
        if !missing.is_empty() {
            return Err(KernelError::Permission { missing: missing.join(", ") });
        }
        Ok(Features { tcx: self.has_tcx(), release: self.release.clone() })
    }

    /// The same for the kernel alone.
    ///
    /// # Errors
    /// [`KernelError::TooOld`].
    pub fn judge_kernel(&self) -> Result<(), KernelError> {
        match self.is_at_least(FLOOR.0, FLOOR.1) {
            true => Ok(()),
            false => Err(KernelError::TooOld { release: self.release.clone(), floor: FLOOR.2 }),
        }
    }

    /// Whether the kernel is of this version or newer.
    pub fn is_at_least(&self, major: u8, minor: u8) -> bool {
        self.version >= KernelVersion::new(major, minor, 0)
    }

    /// Whether it has tcx links.
    pub fn has_tcx(&self) -> bool {
        self.is_at_least(TCX.0, TCX.1)
    }

    /// The capabilities that loading and attaching take and this process lacks.
    pub fn missing(&self) -> Vec<&'static str> {
        missing_capabilities(self.capabilities)
    }

    /// Whether this process has the capability of this number (linux/capability.h).
    pub fn may(&self, capability: u32) -> bool {
        self.capabilities >> capability & 1 != 0
    }
}

/// CPU numbers that programs may run on: one more than the highest. Some machines leave gaps, so that is more than the
/// number of CPUs.
///
/// # Errors
/// When the kernel does not tell.
pub fn cpu_numbers() -> Result<u32, KernelError> {
    let failed = |source| KernelError::System { attempt: "find out the possible CPUs", source };
    let list = fs::read_to_string("/sys/devices/system/cpu/possible").map_err(failed)?;
    highest(&list)
        .and_then(|highest| highest.checked_add(1))
        .ok_or_else(|| failed(io::Error::other(format!("`{}` is not a list of CPUs", list.trim()))))
}

/// The highest number in a list such as `0-3,8`.
fn highest(list: &str) -> Option<u32> {
    list.trim().split([',', '-']).map(|number| number.parse().ok()).max()?
}

fn read(path: &'static str) -> Result<String, KernelError> {
    fs::read_to_string(path)
        .map_err(|source| KernelError::System { attempt: "read from /proc", source })
}

/// The effective set in the text of /proc/PID/status.
fn effective(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .unwrap_or(0)
}

/// The needed capabilities that a set lacks.
fn missing_capabilities(effective: u64) -> Vec<&'static str> {
    let has = |number: u32| effective >> number & 1 != 0;
    NEEDED
        .into_iter()
        .filter(|&(number, _)| !(has(number) || number > 37 && has(CAP_SYS_ADMIN)))
        .map(|(_, name)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_read_to_their_end() {
        assert_eq!(highest("0\n"), Some(0));
        assert_eq!(highest("0-127\n"), Some(127));
        assert_eq!(highest("0-3,8,10-11"), Some(11));
        assert_eq!(highest(""), None);
    }

    #[test]
    fn missing_capabilities_are_named() {
        let status =
            |set: u64| format!("Name:\tsensor\nCapPrm:\t0\nCapEff:\t{set:016x}\nCapBnd:\tff\n");
        let missing_capabilities = |status: &str| missing_capabilities(effective(status));
        assert_eq!(missing_capabilities(&status(u64::MAX)), [""; 0]);
        assert_eq!(missing_capabilities(&status(0)), ["CAP_NET_ADMIN", "CAP_PERFMON", "CAP_BPF"]);
        assert_eq!(missing_capabilities(&status(1 << 12 | 1 << 39)), ["CAP_PERFMON"]);
        assert_eq!(missing_capabilities(&status(1 << 12 | 1 << 21)), [""; 0]);
        assert_eq!(missing_capabilities(&status(1 << 21)), ["CAP_NET_ADMIN"]);
        assert_eq!(missing_capabilities("nonsense").len(), 3);
    }
}
