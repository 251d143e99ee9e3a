//! Traffic over a wire, through the kernel's flow tables, to the stock policies: exactly the hits that are due.
//!
//! nmap, iperf3 and ping judge what a scan or a flood looks like; what no program here sends is put together by hand.
//! Next to what must hit stands what nearly does. The policies are those that are on as shipped.

mod ecn;
mod flood;
mod forged;
mod initiator;
mod ordinary;
mod scan;
mod session;
mod tunnel;

use anyhow::{Result, ensure};
use tests::{
    peers::require,
    root,
    scenario::{self, Conditions},
};

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

#[test]
fn who_opens_a_connection_is_seen_whatever_the_ports() -> Result<()> {
    if !ready("who opens connections", &["nmap"]) {
        return Ok(());
    }
    scenario::run_under(initiator::CONDITIONS, initiator::SCENARIOS)
}

#[test]
fn connections_with_ecn_hit_as_those_without() -> Result<()> {
    if !ready("ECN before the stock policies", &["nmap"]) {
        return Ok(());
    }
    for ecn in [true, false] {
        let conditions = Conditions { ecn: Some(ecn), ..Conditions::default() };
        scenario::run_under(conditions, ecn::SCENARIOS)?;
    }
    Ok(())
}

#[test]
fn ecn_splits_no_record() -> Result<()> {
    if !ready("ECN in flow records", &[]) {
        return Ok(());
    }
    let ((with, echoes), (without, none)) = (ecn::records(true)?, ecn::records(false)?);
    // It was negotiated, in both directions of each connection.
    assert_eq!((echoes, none), (10, 0));
    ensure!(with.values().sum::<u64>() == 10, "a record each way of five connections: {with:?}");
    assert_eq!(with, without);
    Ok(())
}
