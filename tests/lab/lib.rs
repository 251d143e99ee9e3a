//! Labs: network namespaces, peers and comparisons shared by the end-to-end tests.

pub mod agent;
pub mod bpf;
pub mod clouds;
pub mod collector;
pub mod cpu;
pub mod disk;
pub mod export;
pub mod fixtures;
pub mod fleet;
pub mod flows;
pub mod frames;
pub mod hits;
pub mod intake;
pub mod log;
pub mod netns;
pub mod peers;
pub mod pki;
#[path = "../../sensor/tests/support/ports.rs"]
mod ports;
pub mod program;
pub mod reference;
pub mod scenario;
pub mod site;
pub mod sockets;
pub mod traffic;
pub mod trend;
pub mod usage;
pub mod wire;

/// True when this process may load eBPF programs and make namespaces. Otherwise says what is skipped.
///
/// # Panics
/// When it may not and `CI=true`: there, nothing is skipped.
pub fn root(test: &str) -> bool {
    let effective = std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
            line.split_whitespace().nth(1).map(str::to_owned)
        })
        .unwrap_or_default();
    if effective == "0" {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} needs root, and with CI=true nothing is skipped"
    );
    println!("skipped: {test} needs root; run `sudo -E cargo xtask test`");
    false
}
