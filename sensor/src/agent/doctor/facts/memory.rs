//! What the configuration takes in memory, and what there is.

use std::{fs, path::Path};

use sensor_core::{flow::cache::FlowCache, policy::detector::footprint::Footprint};
use sensor_kernel::{budget::Budget, probe::cpu_numbers};

use crate::{
    agent::{config::Config, inspect::Contents},
    intake::options::Transport,
};

/// Memory, octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryFacts {
    /// The kernel's flow tables, where interfaces are captured.
    pub tables: Option<Budget>,
    /// Flows that the cache may hold, and what they take.
    pub cache: Option<(usize, u64)>,
    /// What devices tell of themselves, where any are listened to, and the receive buffers.
    pub intake: Option<(u64, u64)>,
    /// Active policies, and what their keys may take; `None` where they cannot be read.
    pub policies: Option<(usize, Footprint)>,
    /// What this host can spare.
    pub available: Option<u64>,
    /// What the control group of this process may take, and takes by now.
    pub group: Option<(u64, u64)>,
}

/// Adds it all up.
pub fn gather(config: &Config, contents: Option<&Contents>) -> MemoryFacts {
    let capture = &config.capture;
    let captures = !capture.interfaces.is_empty();
    let tables = match cpu_numbers() {
        Ok(cpus) if captures => Some(Budget::new(capture.kernel_memory, cpus)),
        _ => None,
    };
    let intake = &config.intake;
    let sockets = intake.listeners.iter().filter(|listener| listener.transport == Transport::Udp);
    // The kernel doubles what a receive buffer is asked to hold.
    let buffers = (sockets.count() * intake.workers) as u64 * intake.receive_buffer as u64 * 2;
    let policies = contents.map(|contents| {
        let policies = contents.named.policies();
        let all = policies.iter().map(|policy| Footprint::of(policy));
        (policies.len(), all.fold(Footprint::default(), Footprint::and))
    });
    let read = |path: &Path| fs::read_to_string(path).ok();
    MemoryFacts {
        tables,
        cache: captures.then(|| (config.flow.max_flows, FlowCache::octets(&config.flow) as u64)),
        intake: (!intake.listeners.is_empty()).then_some((intake.memory as u64, buffers)),
        policies,
        available: read(Path::new("/proc/meminfo")).as_deref().and_then(available),
        group: read(Path::new("/proc/self/cgroup")).as_deref().and_then(|groups| {
            let group = group(groups)?;
            // The narrowest of its own and those above.
            let limits = group.ancestors().filter_map(|directory| {
                let directory = Path::new("/sys/fs/cgroup").join(directory);
                let number = |name| read(&directory.join(name))?.trim().parse::<u64>().ok();
                Some((number("memory.max")?, number("memory.current")?))
            });
            limits.min_by_key(|(limit, used)| limit.saturating_sub(*used))
        }),
    }
}

/// `MemAvailable` of /proc/meminfo.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The control group of version 2 in the text of /proc/PID/cgroup, below the root.
fn group(text: &str) -> Option<&Path> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_is_read() {
        let text = "MemTotal:       1000 kB\nMemAvailable:    500 kB\n";
        assert_eq!(available(text), Some(512_000));
        assert_eq!(available("MemAvailable: much\n"), None);
        let groups = "1:name=systemd:/x\n0::/system.slice/sensor.service\n";
        assert_eq!(group(groups), Some(Path::new("system.slice/sensor.service")));
        assert_eq!(group("1:memory:/x\n"), None);
    }
}
