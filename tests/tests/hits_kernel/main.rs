//! Traffic over a wire, through the kernel's flow tables, to the stock policies: exactly the hits that are due.
//!
//! nmap, iperf3 and ping judge what a scan or a flood looks like; what no program here sends is put together by hand.
//! Next to what must hit stands what nearly does. The policies are those that are on as shipped.

mod flood;
mod ordinary;
mod scan;
mod tunnel;

use anyhow::Result;
use tests::{
    peers::require,
    root,
    scenario::{self, Scenario},
};

fn run(name: &str, programs: &[&str], scenarios: &[Scenario]) -> Result<()> {
    if !(root(name) && programs.iter().all(|program| require(program))) {
        return Ok(());
    }
    scenario::run(scenarios)
}

#[test]
fn scans_hit_and_near_misses_do_not() -> Result<()> {
    run("scans before the stock policies", &["nmap"], scan::SCENARIOS)
}

#[test]
fn floods_hit_and_near_misses_do_not() -> Result<()> {
    run("floods before the stock policies", &["iperf3", "ping"], flood::SCENARIOS)
}

#[test]
fn tunnels_hit_and_near_misses_do_not() -> Result<()> {
    run("tunnels before the stock policies", &["ping"], tunnel::SCENARIOS)
}

#[test]
fn ordinary_traffic_does_not_hit() -> Result<()> {
    run("ordinary traffic before the stock policies", &["iperf3", "ping"], ordinary::SCENARIOS)
}
