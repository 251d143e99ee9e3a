//! Others at the same interface: programs in front of ours, programs taken off, packets that no program sees.

use std::{
    net::UdpSocket,
    os::fd::OwnedFd,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sensor_common::{crossing::Crossing, key::Direction};
use sensor_kernel::{
    self, Loaded, Options,
    attach::{Attachment, EgressMode, HookChange, HookEvent, IngressMode, IngressWish},
    counters::InterfaceCounters,
    links::{self, Link},
};
use tests::{
    agent::{Agent, sum},
    bpf::{self, Hook, TC_NEXT, TC_OK, XDP_DROP, XDP_PASS},
    cpu,
    netns::Netns,
    peers::wait_until,
    root,
};

const NEAR: &str = "near0";
const FAR: &str = "far0";

/// Two namespaces with a veth pair between them; `near` is where the sensor attaches.
struct Pair {
    near: Netns,
    far: Netns,
}

impl Pair {
    fn new() -> Result<Self> {
        let pair = Self { near: Netns::new("cv-near")?, far: Netns::new("cv-far")? };
        pair.near.veth(NEAR, &pair.far, FAR)?;
        Ok(pair)
    }

    /// The near end.
    fn link(&self) -> Result<Link> {
        let links = self.near.enter(links::list)??;
        links.into_iter().find(|link| link.name == NEAR).context("the near end")
    }

    /// Attaches to the near end: by XDP to what is received, unless that slot is taken.
    fn attach(&self, loaded: &mut Loaded) -> Result<Attachment> {
        self.attach_by(loaded, IngressWish::NativeXdp)
    }

    fn attach_by(&self, loaded: &mut Loaded, wish: IngressWish) -> Result<Attachment> {
        let link = self.link()?;
        Ok(self.near.enter(|| loaded.programs.attach(&link, wish))??)
    }

    fn verify(&self, loaded: &mut Loaded, attachment: &mut Attachment) -> Result<Vec<HookEvent>> {
        self.near.enter(|| loaded.programs.verify(attachment, Instant::now()))
    }

    /// A program of somebody else at the near end.
    fn stranger(&self, hook: Hook, value: i32, in_front: bool) -> Result<OwnedFd> {
        let index = self.link()?.index;
        self.near.enter(|| bpf::attach(index, hook, value, in_front))?
    }

    /// Answered echo requests from afar.
    fn ping(&self, count: u64) -> Result<()> {
        let told = self.far.run(&format!("ping -q -i 0.01 -c {count} 192.0.2.1"))?;
        ensure!(told.contains(&format!("{count} received")), "{told}");
        Ok(())
    }

    /// What the programs see, and what the interface counts, while `work` is done.
    fn compared(
        &self,
        loaded: &Loaded,
        work: impl FnOnce() -> Result<()>,
    ) -> Result<([u64; 2], [u64; 2])> {
        let before = self.both(loaded)?;
        work()?;
        self.since(loaded, before)
    }

    /// What the programs have seen and the interface has counted by now.
    fn both(&self, loaded: &Loaded) -> Result<(Crossing, [u64; 2])> {
        let index = self.link()?.index;
        let counted = self.near.enter(|| InterfaceCounters::open()?.read(&[index]))??;
        let counted = counted.get(&index).context("the interface's counters")?.packets;
        Ok((loaded.programs.crossed(index), counted))
    }

    /// How much more that is than it was `before`.
    fn since(&self, loaded: &Loaded, before: (Crossing, [u64; 2])) -> Result<([u64; 2], [u64; 2])> {
        let after = self.both(loaded)?;
        let seen = [0, 1].map(|way| after.0.seen[way] - before.0.seen[way]);
        Ok((seen, [0, 1].map(|way| after.1[way] - before.1[way])))
    }

    /// Packets that the near end was to send and could not.
    fn dropped(&self) -> Result<u64> {
        let path = format!("/sys/class/net/{NEAR}/statistics/tx_dropped");
        Ok(self.near.run(&format!("cat {path}"))?.trim().parse()?)
    }

    /// Datagrams from both ends on every CPU while `work` is done.
    fn under_load(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let ends = [(&self.near, "192.0.2.1:9"), (&self.far, "192.0.2.2:9")];
        let mut sockets = Vec::new();
        for (netns, address) in ends {
            sockets.push(netns.enter(|| UdpSocket::bind(address))??);
        }
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for cpu in 0..thread::available_parallelism()?.get() {
                for (socket, (_, to)) in sockets.iter().zip([ends[1], ends[0]]) {
                    let done = &done;
                    scope.spawn(move || {
                        cpu::pin(cpu).unwrap();
                        while !done.load(Ordering::Relaxed) {
                            // What finds no room counts for nobody.
                            let _ = socket.send_to(&[0; 64], to);
                        }
                    });
                }
            }
            let result = work();
            done.store(true, Ordering::Relaxed);
            result
        })
    }

    /// Somebody's programs or filters, in front on both sides, which let every packet by.
    fn bystanders(&self, without_tcx: bool) -> Result<Vec<OwnedFd>> {
        if !without_tcx {
            let sides = [Hook::TcxIngress, Hook::TcxEgress];
            return sides.into_iter().map(|side| self.stranger(side, TC_NEXT, true)).collect();
        }
        for side in ["ingress", "egress"] {
            let mut tc = self.near.command("tc");
            tc.args(["filter", "add", "dev", NEAR, side, "prio", "1", "protocol", "all", "bpf"]);
            // Classic BPF, "return 0": no match.
            let status = tc.args(["bytecode", "1,6 0 0 0,"]).status()?;
            ensure!(status.success(), "tc filter add: {status}");
        }
        Ok(Vec::new())
    }
}

fn load(without_tcx: bool) -> Result<Loaded> {
    Ok(sensor_kernel::load(
        sensor_object::OBJECT,
        Options { memory: 0, without_tcx, ..Options::default() },
    )?)
}

fn changes(events: &[HookEvent]) -> Vec<(Direction, &HookChange)> {
    events.iter().map(|event| (event.direction, &event.change)).collect()
}

#[test]
fn programs_see_every_packet_that_the_interface_counts() -> Result<()> {
    if !root("counters of a veth pair") {
        return Ok(());
    }
    for taken in [false, true] {
        let (pair, mut loaded) = (Pair::new()?, load(false)?);
        let _taker = taken.then(|| pair.stranger(Hook::Xdp, XDP_PASS, false)).transpose()?;
        let attachment = pair.attach(&mut loaded)?;
        let (seen, counted) = pair.compared(&loaded, || pair.ping(50))?;
        ensure!(seen == counted && seen[0] >= 50, "{attachment}: {seen:?} of {counted:?}");
    }
    Ok(())
}

#[test]
fn a_program_that_was_there_before_and_ends_the_run_comes_after_ours() -> Result<()> {
    if !root("tcx programs of others") {
        return Ok(());
    }
    let (pair, mut loaded) = (Pair::new()?, load(false)?);
    let _others = [
        pair.stranger(Hook::Xdp, XDP_PASS, false)?,
        pair.stranger(Hook::TcxIngress, TC_OK, false)?,
        pair.stranger(Hook::TcxEgress, TC_OK, false)?,
    ];
    let mut attachment = pair.attach(&mut loaded)?;
    let (seen, counted) = pair.compared(&loaded, || pair.ping(20))?;
    ensure!(seen == counted && seen[1] >= 20, "{seen:?} of {counted:?}");
    ensure!(pair.verify(&mut loaded, &mut attachment)?.is_empty(), "it is first already");
    Ok(())
}

#[test]
fn ours_is_moved_before_a_program_that_is_put_in_front_but_not_for_ever() -> Result<()> {
    if !root("tcx programs of others, later") {
        return Ok(());
    }
    let (pair, mut loaded) = (Pair::new()?, load(false)?);
    let mut attachment = pair.attach(&mut loaded)?;
    for round in 1..=4 {
        let _other = pair.stranger(Hook::TcxEgress, TC_OK, true)?;
        let (seen, counted) = pair.compared(&loaded, || pair.ping(10))?;
        ensure!(seen[1] == 0 && counted[1] >= 10, "round {round}: {seen:?} of {counted:?}");
        let events = pair.verify(&mut loaded, &mut attachment)?;
        let (seen, counted) = pair.compared(&loaded, || pair.ping(10))?;
        match changes(&events)[..] {
            [(Direction::Egress, HookChange::Moved(others))] if round < 4 => {
                ensure!(others.len() == 1 && others[0].starts_with("program "), "{others:?}");
                ensure!(seen == counted, "round {round}: {seen:?} of {counted:?}");
            }
            [(Direction::Egress, HookChange::Behind(_))] if round == 4 => {
                ensure!(seen[1] == 0, "{seen:?} of {counted:?}");
                ensure!(pair.verify(&mut loaded, &mut attachment)?.is_empty(), "it is told once");
            }
            _ => anyhow::bail!("round {round}: {events:?}"),
        }
    }
    Ok(())
}

#[test]
fn a_move_to_the_front_costs_no_packet_and_counts_none_twice() -> Result<()> {
    if !root("moves under load") {
        return Ok(());
    }
    const HOUR: Duration = Duration::from_hours(1);
    const ROUNDS: u32 = 8;
    for without_tcx in [false, true] {
        let (pair, mut loaded) = (Pair::new()?, load(without_tcx)?);
        let mut attachment = pair.attach_by(&mut loaded, IngressWish::Tc)?;
        pair.ping(1)?;
        let (before, dropped, start) = (pair.both(&loaded)?, pair.dropped()?, Instant::now());
        pair.under_load(|| {
            for round in 1..=ROUNDS {
                let _others = pair.bystanders(without_tcx)?;
                // Moves are rationed by the hour.
                let now = start + round * HOUR;
                let events = pair.near.enter(|| loaded.programs.verify(&mut attachment, now))?;
                let moved = |event: &HookEvent| matches!(event.change, HookChange::Moved(_));
                ensure!(events.len() == 2 && events.iter().all(moved), "{round}: {events:?}");
                let now = start + round * HOUR + HOUR / 2;
                let events = pair.near.enter(|| loaded.programs.verify(&mut attachment, now))?;
                ensure!(events.is_empty(), "{round}: it is first: {events:?}");
            }
            Ok(())
        })?;
        let mut told = Default::default();
        // What waits in the queues of the CPUs comes to the programs soon.
        let waited = wait_until("the queues are empty", || {
            let Ok((seen, mut counted)) = pair.since(&loaded, before) else { return true };
            counted[1] += pair.dropped().unwrap_or(0) - dropped;
            told = (seen, counted);
            seen == counted
        });
        let (seen, counted) = told;
        println!("{attachment}: {} and {} packets in {ROUNDS} moves", seen[0], seen[1]);
        waited.with_context(|| format!("{attachment}: {seen:?} of {counted:?}"))?;
        ensure!(seen.iter().all(|&packets| packets > 1_000), "no load: {seen:?}");
    }
    Ok(())
}

#[test]
fn two_sensors_do_not_fight_for_the_first_place() -> Result<()> {
    if !root("two sensors") {
        return Ok(());
    }
    for without_tcx in [false, true] {
        let (pair, mut first, mut second) = (Pair::new()?, load(without_tcx)?, load(without_tcx)?);
        let mut before = pair.attach(&mut first)?;
        let _after = pair.attach(&mut second)?;
        ensure!(pair.verify(&mut first, &mut before)?.is_empty(), "behind one of its kind");
        let (seen, counted) = pair.compared(&first, || pair.ping(10))?;
        ensure!(seen == counted, "{seen:?} of {counted:?}");
    }
    Ok(())
}

#[test]
fn clsact_filters_come_first_or_say_behind_whom() -> Result<()> {
    if !root("clsact filters of others") {
        return Ok(());
    }
    let (pair, mut loaded) = (Pair::new()?, load(true)?);
    let other = |priority: u32| -> Result<()> {
        pair.near.run(&format!("tc qdisc replace dev {NEAR} clsact"))?;
        let filter = format!("prio {priority} protocol all u32 match u8 0 0 flowid 1:1");
        pair.near.run(&format!("tc filter add dev {NEAR} egress {filter}")).map(drop)
    };
    other(2)?;
    let mut attachment = pair.attach(&mut loaded)?;
    ensure!(attachment.egress() == EgressMode::Clsact, "{attachment}");
    let (seen, counted) = pair.compared(&loaded, || pair.ping(10))?;
    ensure!(seen == counted && seen[1] >= 10, "{seen:?} of {counted:?}");
    ensure!(pair.verify(&mut loaded, &mut attachment)?.is_empty(), "it is first");
    drop(attachment);
    pair.near.run(&format!("tc qdisc delete dev {NEAR} clsact"))?;

    // Filters of one priority are of one kind: there the first place cannot be had.
    other(1)?;
    let mut attachment = pair.attach(&mut loaded)?;
    let (seen, counted) = pair.compared(&loaded, || pair.ping(10))?;
    ensure!(seen[1] == 0 && counted[1] >= 10, "{seen:?} of {counted:?}");
    let events = pair.verify(&mut loaded, &mut attachment)?;
    let expected = HookChange::Behind(vec!["u32 filter of priority 1".to_owned()]);
    ensure!(changes(&events) == [(Direction::Egress, &expected)], "{events:?}");
    ensure!(pair.verify(&mut loaded, &mut attachment)?.is_empty(), "it is told once");

    // Without the qdisc, everything on it is gone.
    pair.near.run(&format!("tc qdisc delete dev {NEAR} clsact"))?;
    let events = pair.verify(&mut loaded, &mut attachment)?;
    ensure!(changes(&events) == [(Direction::Egress, &HookChange::Reattached)], "{events:?}");
    let (seen, counted) = pair.compared(&loaded, || pair.ping(10))?;
    ensure!(seen == counted, "{seen:?} of {counted:?}");
    Ok(())
}

#[test]
fn programs_of_an_interface_that_was_made_anew_are_attached_again() -> Result<()> {
    if !root("an interface made anew") {
        return Ok(());
    }
    let (pair, mut loaded) = (Pair::new()?, load(false)?);
    let mut attachment = pair.attach(&mut loaded)?;
    let index = pair.link()?.index;
    // Made anew under its name and number, before anybody could hear of it.
    pair.near.run(&format!("ip link delete {NEAR}"))?;
    let line = format!("ip link add {NEAR} index {index} type veth peer name {FAR} netns");
    pair.near.run(&format!("{line} {}", pair.far.name()))?;
    for (netns, device, host) in [(&pair.near, NEAR, 1), (&pair.far, FAR, 2)] {
        netns.run(&format!("ip address add 192.0.2.{host}/24 dev {device}"))?;
        netns.run(&format!("ip link set {device} up"))?;
    }
    let events = pair.verify(&mut loaded, &mut attachment)?;
    let again = [Direction::Ingress, Direction::Egress].map(|way| (way, &HookChange::Reattached));
    ensure!(changes(&events) == again, "{events:?}");
    let (seen, counted) = pair.compared(&loaded, || pair.ping(10))?;
    ensure!(seen == counted && seen[0] >= 10, "{seen:?} of {counted:?}");
    Ok(())
}

#[test]
fn a_program_that_cannot_be_attached_again_is_told_once() -> Result<()> {
    if !root("an interface that is gone") {
        return Ok(());
    }
    let (pair, mut loaded) = (Pair::new()?, load(false)?);
    let mut attachment = pair.attach(&mut loaded)?;
    pair.near.run(&format!("ip link delete {NEAR}"))?;
    ensure!(pair.verify(&mut loaded, &mut attachment)?.is_empty(), "it may be told to be gone");
    let events = pair.verify(&mut loaded, &mut attachment)?;
    let missing = |event: &HookEvent| matches!(event.change, HookChange::Missing(_));
    ensure!(events.len() == 2 && events.iter().all(missing), "{events:?}");
    ensure!(pair.verify(&mut loaded, &mut attachment)?.is_empty(), "it is told once");
    Ok(())
}

#[test]
fn a_tap_device_is_counted_by_tcx() -> Result<()> {
    if !root("a tap device") {
        return Ok(());
    }
    let (netns, mut loaded) = (Netns::new("cv-tap")?, load(false)?);
    netns.run("ip tuntap add mode tap name tap9")?;
    let links = netns.enter(links::list)??;
    let tap = links.iter().find(|link| link.name == "tap9").context("the tap device")?;
    let mut attach = |wish| netns.enter(|| loaded.programs.attach(tap, wish));
    let attachment = attach(IngressWish::Best)??;
    ensure!(attachment.ingress() == IngressMode::TcxIngress, "{attachment}");
    ensure!(attachment.to_string().contains("would count once"), "{attachment}");
    drop(attachment);
    let attachment = attach(IngressWish::NativeXdp)??;
    ensure!(attachment.ingress() == IngressMode::NativeXdp, "{attachment}");
    Ok(())
}

#[test]
fn ingress_by_tc_leaves_the_xdp_slot_to_others() -> Result<()> {
    if !root("--ingress tc") {
        return Ok(());
    }
    let pair = Pair::new()?;
    let agent = Agent::watching(&pair.near, NEAR, "--ingress tc")?;
    let _other = pair.stranger(Hook::Xdp, XDP_PASS, false)?;
    pair.ping(20)?;
    let outcome = agent.stop("TERM")?;
    ensure!(outcome.stderr.contains("near0: ingress tcx, egress tcx"), "{}", outcome.stderr);
    let mut flows = outcome.flows()?;
    flows.retain(|flow| flow["protocolint"] == 1);
    ensure!(sum(&flows, "packets") == 40, "{}", outcome.stdout);
    Ok(())
}

/// An XDP program in front of tcx drops all that is received; nothing that tcx could do about it.
#[test]
fn packets_that_no_program_sees_are_told_counted_and_cost_the_exit_code() -> Result<()> {
    if !root("packets that pass unseen") {
        return Ok(());
    }
    let pair = Pair::new()?;
    let dropper = pair.stranger(Hook::Xdp, XDP_DROP, false)?;
    let mut agent = Agent::watching(&pair.near, NEAR, "--interval 100ms")?;
    // Nobody answers, which makes ping fail.
    let pings = pair
        .far
        .command("ping")
        .args(["-q", "-i", "0.01", "-c", "20", "-w", "1", "192.0.2.1"])
        .output()?;
    ensure!(!pings.status.success(), "it is dropped");
    agent.wait_for("packets are missed")?;
    drop(dropper);
    agent.signal("TERM")?;
    let outcome = agent.wait()?;
    ensure!(outcome.code == Some(1), "exit code {:?}: {}", outcome.code, outcome.stderr);
    for part in [
        "WARN",
        "direction=\"ingress\"",
        "counter=",
        "seen=0",
        "balanced: every",
        "near0, ingress: at least ",
    ] {
        ensure!(outcome.stderr.contains(part), "no `{part}`: {}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn an_agent_puts_back_what_was_taken_off_and_says_so() -> Result<()> {
    if !root("an agent whose programs are taken off") {
        return Ok(());
    }
    let pair = Pair::new()?;
    let mut agent = Agent::watching(&pair.near, NEAR, "--interval 100ms")?;
    pair.ping(10)?;
    ensure!(bpf::detach_links(agent.id(), pair.link()?.index)? == 2, "both links");
    agent.wait_for("attached again")?;
    wait_until("both are back", || agent.said().matches("attached again").count() == 2)?;
    pair.ping(30)?;
    agent.signal("TERM")?;
    let outcome = agent.wait()?;
    // A namespace's own packets may have passed in between.
    let unseen = outcome.stderr.contains("WERE MISSED");
    ensure!(outcome.code == Some(i32::from(unseen)), "{:?}: {}", outcome.code, outcome.stderr);
    let mut flows = outcome.flows()?;
    flows.retain(|flow| flow["protocolint"] == 1);
    ensure!(sum(&flows, "packets") == 80, "{}", outcome.stdout);
    ensure!(outcome.stderr.contains("programs restored"), "{}", outcome.stderr);
    ensure!(outcome.stderr.contains("preceded them: 2"), "{}", outcome.stderr);
    ensure!(outcome.stderr.contains("covered: no missed packets") != unseen, "{}", outcome.stderr);
    Ok(())
}
