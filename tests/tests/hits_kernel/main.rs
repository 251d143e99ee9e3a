//! Traffic over a wire, through the kernel's flow tables, to the stock policies: exactly the hits that are due.
//!
//! nmap, iperf3 and ping judge what a scan or a flood looks like; what no program here sends is put together by hand.
//! Next to what must hit stands what nearly does. The policies are those that are on as shipped.

mod flood;
mod forged;
mod ordinary;
mod scan;
mod session;
mod tunnel;

use anyhow::Result;
use tests::{peers::require, root, scenario};

fn ready(name: &str, programs: &[&str]) -> bool {
    root(name) && programs.iter().all(|program| require(program))
}

#[test]
fn scans_hit_and_near_misses_do_not() -> Result<()> {
    if !ready("scans before the stock policies", &["nmap"]) {
        return Ok(());
    }
    scenario::run_live(scan::SCENARIOS)
}

#[test]
fn floods_hit_and_near_misses_do_not() -> Result<()> {
    if !ready("floods before the stock policies", &["iperf3", "ping"]) {
        return Ok(());
    }
    scenario::run(flood::SCENARIOS)
}

#[test]
fn forgeries_hit_and_near_misses_do_not() -> Result<()> {
    if !ready("forgeries before the stock policies", &[]) {
        return Ok(());
    }
    scenario::run(forged::SCENARIOS)
}

#[test]
fn sessions_that_should_not_be_hit() -> Result<()> {
    if !ready("sessions before the stock policies", &[]) {
        return Ok(());
    }
    scenario::run(session::SCENARIOS)
}

#[test]
fn tunnels_hit_and_near_misses_do_not() -> Result<()> {
    if !ready("tunnels before the stock policies", &["ping"]) {
        return Ok(());
    }
    scenario::run(tunnel::SCENARIOS)
}

#[test]
fn ordinary_traffic_does_not_hit() -> Result<()> {
    if !ready("ordinary traffic before the stock policies", &["iperf3", "ping", "tcpreplay"]) {
        return Ok(());
    }
    scenario::run(ordinary::SCENARIOS)
}
