//! Somebody sets the clock of the host while flows go on: they end when they would have ended, last as long as they did,
//! and their records have the time of day that the host has when they leave.

use std::{
    net::UdpSocket,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::Agent,
    netns::Netns,
    peers::{PATIENCE, wait_until},
};

use crate::{in_a_machine_of_its_own, sys};

const HOUR: i64 = 3_600_000;

/// Jiffies, rounding, what is read one after the other, and a machine that waits for its processor, milliseconds; next to nothing
/// beside the step.
const SLACK: i64 = 30_000;

const SAID: &str = "the host's clock was set";

/// Destination ports: of flows that go on while the clock is set, and of those that begin afterwards.
const ACROSS_BACK: u16 = 7101;
const AFTER_BACK: u16 = 7102;
const ACROSS_FORWARD: u16 = 7103;
const AFTER_FORWARD: u16 = 7104;

/// The clock of the machine, which is right again when this goes.
struct Clock(i64);

impl Clock {
    /// Milliseconds since the epoch.
    fn now() -> Result<i64> {
        Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64)
    }

    /// Sets it by so much, milliseconds.
    fn step(&mut self, by: i64) -> Result<()> {
        self.0 += by;
        sys::step_clock(by).context("set the clock")
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let _ = sys::step_clock(-self.0);
    }
}

/// Sends a datagram to `port` and returns the time of day after it has arrived.
fn send(near: &UdpSocket, far: &Netns, port: u16) -> Result<i64> {
    let receiver = far.enter(|| UdpSocket::bind(("192.0.2.2", port)))??;
    receiver.set_read_timeout(Some(PATIENCE))?;
    near.send_to(b"tick", receiver.local_addr()?)?;
    receiver.recv(&mut [0; 8]).context("a datagram is missing")?;
    Clock::now()
}

/// The only record of the flow to `port`, once it is printed: start, end and packets.
fn record(agent: &Agent, port: u16) -> Result<(i64, i64, u64)> {
    let find = || -> Result<Vec<Value>> {
        let printed = agent.printed()?;
        let whole = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(whole.filter(|flow| flow["dstport"] == port).collect())
    };
    wait_until(&format!("the flow to {port} ends by itself"), || {
        find().is_ok_and(|found| !found.is_empty())
    })?;
    let found = find()?;
    let [flow] = &found[..] else { anyhow::bail!("one record for {port}, not {found:?}") };
    let time = |key: &str| flow[key].as_i64().with_context(|| format!("{key} of {flow}"));
    let (start, end) = (time("start")?, time("end")?);
    ensure!(time("duration")? == end - start, "{flow}");
    Ok((start, end, flow["packets"].as_u64().context("packets")?))
}

/// A time of a record must be that of the packet.
fn near_to(what: &str, time: i64, expected: i64) -> Result<()> {
    let off = time - expected;
    ensure!(off.abs() <= SLACK, "{what}: {time}, {off} ms from {expected}");
    Ok(())
}

#[test]
fn a_clock_that_is_set_neither_holds_flows_nor_makes_them_long() -> Result<()> {
    in_a_machine_of_its_own();
    let (near, far) = (Netns::new("vm-clock-near")?, Netns::new("vm-clock-far")?);
    near.veth("near0", &far, "far0")?;
    let line = "--print flows --interval 200ms --idle-timeout 6s --active-timeout 120s";
    let mut agent = Agent::watching(&near, "near0", line)?;
    let socket = near.enter(|| UdpSocket::bind("192.0.2.1:7100"))??;
    let mut clock = Clock(0);
    let steps = [
        (-HOUR, "back", ACROSS_BACK, AFTER_BACK),
        (HOUR, "forward", ACROSS_FORWARD, AFTER_FORWARD),
    ];
    for (n, (step, direction, across, after)) in steps.into_iter().enumerate() {
        let first = send(&socket, &far, across)?;
        clock.step(step)?;
        let last = send(&socket, &far, across)?;
        let later = send(&socket, &far, after)?;
        agent.wait_for(&format!("{SAID} {direction} by"))?;

        let (start, end, packets) = record(&agent, across)?;
        ensure!(packets == 2, "{packets} packets of one flow");
        near_to("start of a flow that went on", start, first + step)?;
        near_to("its end", end, last)?;
        let (start, end, packets) = record(&agent, after)?;
        ensure!(packets == 1 && start == end, "{packets} packets, {start} to {end}");
        near_to("a flow behind the step", start, later)?;

        let said = agent.said();
        let lines: Vec<_> = said.lines().filter(|line| line.contains(SAID)).collect();
        ensure!(lines.len() == n + 1, "one line for each step: {lines:#?}");
        let seconds = lines[n].split_once("seconds=").map(|(_, rest)| rest);
        let seconds = seconds.and_then(|rest| rest.split_whitespace().next()).context("how far")?;
        let seconds: f64 = seconds.parse()?;
        near_to("what the log says", (seconds * 1_000.0) as i64, step.abs())?;
    }
    agent.stop("INT")?;
    Ok(())
}
