//! This process: whose it is, and what it may do.

use std::fs;

use sensor_kernel::{error::KernelError, probe::Means};

use crate::agent::{
    config::Config,
    privilege::{self, Outlook},
};

/// CAP_NET_RAW, by number (linux/capability.h).
const CAP_NET_RAW: u32 = 13;

/// This process, and what the configuration asks of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFacts {
    /// Its effective user.
    pub id: u32,
    /// Capabilities for capturing that it lacks; empty where nothing is captured.
    pub missing: Vec<&'static str>,
    /// It is in a user namespace of its own, where capabilities are not those that bpf(2) asks for.
    pub in_user_namespace: bool,
    /// Interfaces are to be captured.
    pub captures: bool,
    /// Datagrams are to be forwarded with the devices' addresses, and this process may not.
    pub lacks_net_raw: bool,
    /// The sandbox that the agent would make.
    pub sandbox: Outlook,
}

/// Asks for all that.
pub fn gather(config: &Config, means: &Result<Means, KernelError>) -> UserFacts {
    let captures = !config.capture.interfaces.is_empty();
    let keeps_source = config.intake.forwards.iter().any(|forward| forward.keep_source);
    let may = |capability| means.as_ref().is_ok_and(|means| means.may(capability));
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    UserFacts {
        id: effective_user(&read("/proc/self/status")),
        missing: match means {
            Ok(means) if captures => means.missing(),
            _ => Vec::new(),
        },
        in_user_namespace: !is_initial(&read("/proc/self/uid_map")),
        captures,
        lacks_net_raw: keeps_source && !may(CAP_NET_RAW),
        sandbox: privilege::outlook(config),
    }
}

/// The second number behind `Uid:` in the text of /proc/PID/status.
fn effective_user(status: &str) -> u32 {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let id = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|id| id.parse().ok());
    id.unwrap_or(u32::MAX)
}

/// Whether the map of user ids is the one of the initial user namespace: each stands for itself.
fn is_initial(map: &str) -> bool {
    map.split_whitespace().eq(["0", "0", "4294967295"]) || map.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_their_namespaces_are_read() {
        assert_eq!(effective_user("Name:\tx\nUid:\t1000\t0\t1000\t1000\n"), 0);
        assert_eq!(effective_user(""), u32::MAX);
        assert!(is_initial("         0          0 4294967295\n") && is_initial(""));
        assert!(!is_initial("         0     100000      65536\n"));
    }
}
