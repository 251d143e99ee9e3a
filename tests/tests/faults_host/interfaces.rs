//! Interfaces that go, come, change their name or their namespace, and are shared.

use std::{collections::BTreeSet, fs, net::UdpSocket, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use socket2::SockRef;
use tests::{
    agent::{Agent, Outcome, sum},
    netns::Netns,
    peers::wait_until,
    reference::Pass,
    root,
};

use crate::wire::{FAR, NEAR, NOBODY, PAYLOAD, Wire, batch, printed, quiet, says, to_nobody};

/// Records leave soon after their packets.
const BRISK: &str =
    "[capture]\ninterval = '100ms'\n[flow]\nactive_timeout = '1s'\nidle_timeout = '1s'";

/// The names that the flows' interface has.
fn names(flows: &[Value]) -> BTreeSet<&str> {
    flows.iter().filter_map(|flow| flow["interface"].as_str()).collect()
}

/// Each of `expected` packets is in the flows, and none twice; nothing passed unseen.
fn conserved(outcome: &Outcome, expected: u64) -> Result<()> {
    let counted = sum(&outcome.flows()?, "packets");
    ensure!(counted == expected, "{counted} of {expected} packets: {}", outcome.stderr);
    ensure!(outcome.ledger("seen").0 == expected, "{}", outcome.stderr);
    ensure!(outcome.stderr.contains("covered: no missed packets"), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn an_interface_is_deleted_and_made_anew_under_load() -> Result<()> {
    if !root("an interface that is made anew") {
        return Ok(());
    }
    let wire = Wire::new()?;
    let mut agent = wire.agent(BRISK, &format!("-i {NEAR} --print flows"))?;
    agent.wait_for("vb: ingress")?;
    wire.load(50, || -> Result<()> {
        for round in 1..=3 {
            wire.passes()?;
            wire.near.run(&format!("ip link delete {NEAR}"))?;
            says(&agent, "vb: gone: deleted, or moved to another network namespace", round)?;
            // Whoever asked for it by its name is told that it is not there.
            wire.wait_for_status("it is absent", |status| {
                status["health"]["reasons"][0]["code"] == "absent_interface"
                    && status["interfaces"].as_array().is_some_and(Vec::is_empty)
            })?;
            wire.connect()?;
            says(&agent, "vb: ingress", round + 1)?;
            // Captured before the first packet.
            wire.up()?;
        }
        wire.passes()?;
        wire.wait_for_status("all is well", |status| status["health"]["healthy"] == true)?;
        Ok(())
    })?;
    let outcome = agent.stop("TERM")?;
    conserved(&outcome, Wire::received(&wire.near)?)?;
    ensure!(names(&outcome.flows()?) == [NEAR].into(), "{}", outcome.stdout);
    Ok(())
}

/// Gives a device another name, also where the kernel wants it down for that (before Linux 6.2).
fn rename(wire: &Wire, from: &str, to: &str) -> Result<()> {
    if wire.near.run(&format!("ip link set {from} name {to}")).is_err() {
        wire.near.run(&format!("ip link set {from} down name {to}"))?;
        wire.near.run(&format!("ip link set {to} up"))?;
        wire.route()?;
    }
    Ok(())
}

#[test]
fn an_interface_is_captured_under_its_new_name_where_that_is_selected() -> Result<()> {
    if !root("an interface that is renamed") {
        return Ok(());
    }
    let wire = Wire::new()?;
    let mut agent = wire.agent(BRISK, "-i v* --print flows")?;
    agent.wait_for("vb: ingress")?;
    wire.load(50, || {
        wire.passes()?;
        rename(&wire, NEAR, "vnew")?;
        says(&agent, "interface renamed; capturing goes on", 1)?;
        let shown = |status: &Value| status["interfaces"][0]["name"] == "vnew";
        wire.wait_for_status("the new name", shown)?;
        wait_until("flows with the new name", || {
            printed(&agent).is_ok_and(|flows| names(&flows).contains("vnew"))
        })
    })?;
    ensure!(agent.said().matches("vb: ingress").count() == 1, "{}", agent.said());
    ensure!(!agent.said().contains("vnew: ingress"), "it stayed attached: {}", agent.said());
    // Away from what is selected: let go, and what passes is not counted.
    rename(&wire, "vnew", "wan0")?;
    says(&agent, "vnew: detached: renamed to wan0, which is not selected", 1)?;
    let before = Wire::received(&wire.near)?;
    wire.send(100)?;
    let unselected = Wire::received(&wire.near)? - before;
    rename(&wire, "wan0", NEAR)?;
    says(&agent, "vb: ingress", 2)?;
    wire.send(100)?;
    let outcome = agent.stop("TERM")?;
    ensure!(unselected == 100, "{unselected}");
    conserved(&outcome, Wire::received(&wire.near)? - unselected)?;
    ensure!(names(&outcome.flows()?) == [NEAR, "vnew"].into(), "{}", outcome.stdout);
    Ok(())
}

#[test]
fn an_interface_that_moves_to_another_namespace_is_let_go_and_taken_back() -> Result<()> {
    if !root("an interface that moves") {
        return Ok(());
    }
    let (wire, elsewhere) = (Wire::new()?, quiet("fh-else")?);
    let mut agent = wire.agent(BRISK, &format!("-i {NEAR} --print flows"))?;
    agent.wait_for("vb: ingress")?;
    wire.load(50, || -> Result<()> {
        wire.passes()?;
        wire.near.run(&format!("ip link set {NEAR} netns {}", elsewhere.name()))?;
        says(&agent, "vb: gone: deleted, or moved to another network namespace", 1)?;
        elsewhere.run(&format!("ip link set {NEAR} up"))?;
        wire.route()?;
        wait_until("packets pass elsewhere", || {
            Wire::received(&elsewhere).is_ok_and(|packets| packets > 100)
        })?;
        elsewhere.run(&format!("ip link set {NEAR} netns {}", wire.near.name()))?;
        says(&agent, "vb: ingress", 2)?;
        wire.near.run(&format!("ip link set {NEAR} up"))?;
        wire.route()?;
        wire.passes()
    })?;
    let outcome = agent.stop("TERM")?;
    // What passed elsewhere is the business of whoever captures there.
    conserved(&outcome, Wire::received(&wire.near)?)
}

/// How many appear at once.
const MANY: usize = 200;
/// Packets on each of them.
const EACH: usize = 5;

fn each(line: impl Fn(usize) -> String) -> Vec<String> {
    (1..=MANY).map(line).collect()
}

/// Messages of rtnetlink that the agent in `netns` was to be told and was not: it could not keep up.
fn overrun(netns: &Netns) -> Result<u64> {
    let table = netns.run("cat /proc/net/netlink")?;
    let mut rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    // The one of family 0 (rtnetlink) that is in a group: here, nobody else listens.
    let listens = |row: &Vec<&str>| row.len() > 8 && row[1] == "0" && row[3] != "00000000";
    let row = rows.find(listens);
    Ok(row.context("its socket")?[8].parse()?)
}

/// Octets that the kernel holds for the maps of process `id`.
fn maps(id: u32) -> Result<u64> {
    let mut octets = 0;
    for entry in fs::read_dir(format!("/proc/{id}/fdinfo"))?.flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let row = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        if row("map_type:").is_some() {
            octets += row("memlock:").context("memlock")?.parse::<u64>()?;
        }
    }
    Ok(octets)
}

fn descriptors(id: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{id}/fd"))?.count())
}

#[test]
fn two_hundred_interfaces_come_at_once_and_go_at_once() -> Result<()> {
    if !root("two hundred interfaces") {
        return Ok(());
    }
    let wire = Wire::cut()?;
    let (near, far, directory) = (&wire.near, &wire.far, wire.directory.path());
    let agent = wire.agent(BRISK, "-i vm* --print flows")?;
    wire.wait_for_status("it runs", |status| status["kernel"]["drains"].as_u64() > Some(0))?;
    let tables = maps(agent.id())?;
    ensure!(tables > 1 << 20, "{tables}");
    let descriptors_before = descriptors(agent.id())?;
    let stopped = |work: &dyn Fn() -> Result<()>| -> Result<()> {
        agent.signal("STOP")?;
        let before = overrun(near)?;
        work()?;
        // More is told than its socket holds: it has to look for itself.
        let after = overrun(near)?;
        ensure!(after > before, "it was told everything: {before}, {after}");
        agent.signal("CONT")
    };
    stopped(&|| {
        batch(
            near,
            directory,
            &each(|number| {
                format!("link add vm{number} type veth peer name pm{number} netns {}", far.name())
            }),
        )?;
        batch(near, directory, &each(|number| format!("link set vm{number} up")))
    })?;
    let count = |count: usize| {
        move |status: &Value| status["interfaces"].as_array().is_some_and(|all| all.len() == count)
    };
    wire.wait_for_status("all are captured", count(MANY))?;
    ensure!(agent.said().matches(": ingress tcx").count() == MANY, "{}", agent.said());
    // All of them share the tables.
    ensure!(maps(agent.id())? == tables, "{} not {tables}", maps(agent.id())?);

    far.run("ip address add 192.0.2.2/32 dev lo")?;
    batch(far, directory, &each(|number| format!("link set pm{number} up")))?;
    let neighbour = format!("neigh add {NOBODY} lladdr 02:00:00:00:00:02 nud permanent dev");
    batch(far, directory, &each(|number| format!("{neighbour} pm{number}")))?;
    far.enter(|| -> Result<()> {
        for number in 1..=MANY {
            let socket = UdpSocket::bind("192.0.2.2:0")?;
            SockRef::from(&socket).bind_device(Some(format!("pm{number}").as_bytes()))?;
            for _ in 0..EACH {
                socket.send_to(&PAYLOAD, (NOBODY, 9))?;
            }
        }
        Ok(())
    })??;
    let all = (MANY * EACH) as u64;
    wire.wait_for_status("all packets are counted", |status| {
        let seen = status["kernel"]["ledger"].as_array().into_iter().flatten();
        seen.filter(|entry| entry["entry"] == "seen").any(|entry| entry["packets"] == all)
    })?;
    stopped(&|| batch(near, directory, &each(|number| format!("link delete vm{number}"))))?;
    wire.wait_for_status("all are let go", count(0))?;
    ensure!(agent.said().matches(": gone").count() == MANY, "{}", agent.said());
    wait_until("no descriptor is left", || {
        descriptors(agent.id()).is_ok_and(|now| now <= descriptors_before)
    })?;
    let outcome = agent.stop("TERM")?;
    conserved(&outcome, all)?;
    let flows = to_nobody(&outcome.flows()?);
    for number in 1..=MANY {
        let name = format!("vm{number}");
        let own: Vec<_> = flows.iter().filter(|flow| flow["interface"] == *name).cloned().collect();
        ensure!(sum(&own, "packets") == EACH as u64, "{name}: {own:?}");
    }
    Ok(())
}

/// Programs of two sensors side by side, by library: `attach`, `coverage`. Here, the agents, and what they say.
#[test]
fn of_two_agents_on_an_interface_neither_changes_the_counts_of_the_other() -> Result<()> {
    if !root("two agents on an interface") {
        return Ok(());
    }
    let wire = Wire::new()?;
    let line = "--print flows --ingress";
    let first = Agent::watching(&wire.near, NEAR, &format!("{line} xdp"))?;
    let said = first.said();
    ensure!(said.contains("vb: ingress native XDP"), "{said}");
    wire.load(50, || -> Result<()> {
        wire.passes()?;
        // The slot is the first one's: the second goes elsewhere, and says why.
        let second = Agent::watching(&wire.near, NEAR, &format!("{line} xdp"))?;
        let told = "vb: ingress tcx (native XDP: slot taken by another sensor (program ";
        ensure!(second.said().contains(told), "{}", second.said());
        // Who insists on it is refused.
        let third = Agent::start(&wire.near, &format!("-i {NEAR} {line} generic"))?.wait()?;
        ensure!(third.code == Some(69), "{third:?}");
        let told = "generic XDP: slot taken by another sensor (program ";
        ensure!(third.stderr.contains(told) && third.stdout.is_empty(), "{third:?}");
        let fourth = Agent::watching(&wire.near, NEAR, &format!("{line} tc"))?;
        wire.passes()?;
        fourth.signal("KILL")?;
        fourth.wait()?;
        let outcome = second.stop("TERM")?;
        ensure!(outcome.ledger("seen").0 > 100, "{}", outcome.stderr);
        ensure!(outcome.stderr.contains("covered: no missed packets"), "{}", outcome.stderr);
        wire.passes()
    })?;
    // Without CAP_SYS_ADMIN it cannot know that the others are sensors, and goes to the front again. That is all, but for what it says of XDP
    // behind its first line.
    let more = first.said();
    let more = more.strip_prefix(&said).with_context(|| more.clone())?.lines();
    let mut more = more.filter(|line| !line.contains("XDP does not see VLAN tags"));
    ensure!(more.all(|line| line.contains("ours is first again")), "{}", first.said());
    // What the far end has sent is what the near end was handed: some of it may still be under way.
    std::thread::sleep(Duration::from_millis(100));
    let outcome = first.stop("TERM")?;
    let dropped = wire.far.run(&format!("cat /sys/class/net/{FAR}/statistics/tx_dropped"))?;
    ensure!(dropped.trim() == "0", "{dropped}");
    conserved(&outcome, Wire::received(&wire.near)?)
}

#[test]
fn an_interface_that_refuses_the_programs_is_captured_once_it_takes_them() -> Result<()> {
    if !root("an interface that refuses programs") {
        return Ok(());
    }
    let wire = Wire::cut()?;
    let mut agent = wire.agent(BRISK, "-i v* --ingress generic --print flows")?;
    agent.wait_for("no interface matches yet")?;
    // Somebody else is there before it looks.
    agent.signal("STOP")?;
    wire.connect()?;
    wire.up()?;
    let other = Pass::attach(&wire.near, NEAR)?;
    agent.signal("CONT")?;
    // By number: its name the kernel tells only with CAP_SYS_ADMIN, which an agent gives up at its start.
    says(&agent, "slot taken by program ", 1)?;
    says(&agent, "trying again every 5 s", 1)?;
    wire.send(50)?;
    drop(other);
    says(&agent, "vb: ingress generic XDP", 1)?;
    wire.send(100)?;
    let outcome = agent.stop("TERM")?;
    conserved(&outcome, 100)
}
