//! The agent's own process: stopped for a while, without a place for its pins, short of memory.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::{self, Agent, sum},
    collector::{Collector, Manner},
    frames,
    reference::flood,
    root,
};

use crate::wire::{FAR, NEAR, Wire, says};

fn milliseconds() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64)
}

/// How long it is stopped.
const STOPPED: Duration = Duration::from_secs(10);

#[test]
fn an_agent_that_is_stopped_under_load_loses_nothing_without_a_name() -> Result<()> {
    if !root("an agent that is stopped") {
        return Ok(());
    }
    let wire = Wire::new()?;
    let mut agent = wire.agent(
        "[capture]\nkernel_memory = '4MiB'\ninterval = '1s'\n[flow]\nactive_timeout = '60s'\nidle_timeout = '1s'\n\
         [export]\nqueue = 1000000",
        &format!("-i {NEAR} --print flows"),
    )?;
    agent.wait_for("vb: ingress")?;
    // Many times the slots that these few megabytes buy.
    let (stopped, went_on) = wire.load(60_000, || {
        wire.passes()?;
        let stopped = milliseconds()?;
        agent.signal("STOP")?;
        thread::sleep(STOPPED);
        agent.signal("CONT")?;
        let went_on = milliseconds()?;
        says(&agent, "the flow tables were not drained for a while", 1)?;
        wire.passes()?;
        Ok((stopped, went_on))
    })?;
    let status = wire.wait_for_status("the gap", |status| status["kernel"]["drain_gaps"] == 1)?;
    let longest = status["kernel"]["longest_drain_gap_ms"].as_u64();
    ensure!(longest >= Some(STOPPED.as_millis() as u64), "{}", status["kernel"]);
    ensure!(status["health"]["healthy"] == true, "{}", status["health"]);
    let text = Command::new(agent::binary()?)
        .args(["status", "--socket", &wire.file("control.sock")])
        .output()?;
    let text = String::from_utf8(text.stdout)?;
    ensure!(text.contains("once the flow tables were not drained for 1"), "{text}");

    let outcome = agent.stop("TERM")?;
    let end = milliseconds()?;
    let received = Wire::received(&wire.near)?;
    let flows = outcome.flows()?;
    let (folded, unattributed) =
        (outcome.ledger("of these folded").0, outcome.ledger("+ without a flow").0);
    println!("{received} packets, {folded} folded, {unattributed} without a flow");
    ensure!(outcome.ledger("seen").0 == received, "{received}: {}", outcome.stderr);
    ensure!(sum(&flows, "packets") + unattributed == received, "{}", outcome.stderr);
    ensure!(folded + unattributed > 0, "the tables were not overfull: {}", outcome.stderr);
    ensure!(outcome.stderr.contains("drain gaps: once"), "{}", outcome.stderr);
    // Packets have the time at which they passed, not that at which they were drained. A tick and a clock read are in between.
    let time = |flow: &Value, key: &str| flow[key].as_u64().context("a time");
    let jitter = 100;
    let mut meanwhile = 0;
    for flow in &flows {
        let (first, last) = (time(flow, "start")?, time(flow, "end")?);
        ensure!(first <= last && last <= end + jitter, "{end}: {flow}");
        if first > stopped + jitter && last + 1_000 < went_on {
            meanwhile += 1;
        }
    }
    ensure!(meanwhile > 1_000, "{meanwhile} of {} flows are of the time without it", flows.len());
    Ok(())
}

/// What `sensor doctor` finds amiss with the kernel, run by a shell after `before`.
fn doctor(wire: &Wire, before: &str, config: &str) -> Result<Vec<Value>> {
    let mut command = wire.near.command("sh");
    command.args(["-c", &format!("{before} exec \"$0\" doctor --json --config {config}")]);
    let output = command.arg(agent::binary()?).output()?;
    ensure!(output.status.success(), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout)?;
    let all = document["findings"].as_array().cloned().unwrap_or_default();
    let amiss = |finding: &Value| finding["area"] == "kernel" && finding["status"] != "ok";
    Ok(all.into_iter().filter(amiss).collect())
}

/// As in a container, or after a boot without the mount: `ip netns exec` leaves no bpffs in /sys.
#[test]
fn without_a_bpffs_pins_are_done_without_and_the_doctor_warns() -> Result<()> {
    if !root("no bpffs") {
        return Ok(());
    }
    let wire = Wire::new()?;
    let config = wire.configure(&format!("[capture]\ninterfaces = ['{NEAR}']\npin = true"))?;
    let found = doctor(&wire, "", &config)?;
    ensure!(found.len() == 1 && found[0]["status"] == "warning", "{found:?}");
    let message = found[0]["message"].as_str().unwrap_or_default();
    let told = "capture.pin = true, but /sys/fs/bpf/sensor is not on a BPF file system";
    ensure!(message.starts_with(told), "{message}");
    ensure!(found[0]["remedy"] == "mount -t bpf bpf /sys/fs/bpf", "{found:?}");
    let found = doctor(&wire, "mount -t bpf bpf /sys/fs/bpf;", &config)?;
    ensure!(found.is_empty(), "{found:?}");

    let mut agent = Agent::start(&wire.near, &format!("--config {config} --print flows"))?;
    agent.wait_for("vb: ingress")?;
    let said = agent.said();
    ensure!(said.contains("WARN") && said.contains("capturing without pins"), "{said}");
    wire.send(100)?;
    let outcome = agent.stop("TERM")?;
    ensure!(sum(&outcome.flows()?, "packets") == 100, "{}", outcome.stderr);
    Ok(())
}

/// A control group with little memory; removed when dropped.
struct Group {
    directory: PathBuf,
    unified: bool,
}

impl Group {
    /// Of version 2, or of version 1 where that has the memory.
    fn new(octets: u64) -> Result<Self> {
        let root = PathBuf::from("/sys/fs/cgroup");
        let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
        let unified = controllers.split_whitespace().any(|name| name == "memory");
        let name = format!("sensor-lab-{}", std::process::id());
        if unified {
            // Already so where services have limits.
            let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
        }
        let directory = if unified { root.join(name) } else { root.join("memory").join(name) };
        fs::create_dir(&directory).with_context(|| format!("make {}", directory.display()))?;
        let group = Self { directory, unified };
        fs::write(group.file("memory.max", "memory.limit_in_bytes"), octets.to_string())?;
        Ok(group)
    }

    fn file(&self, unified: &str, former: &str) -> PathBuf {
        self.directory.join(if self.unified { unified } else { former })
    }

    /// A command that runs `line` in the group.
    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new("sh");
        let join = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", self.directory.display());
        command.args(["-c", &join, "sh"]).args(line);
        command
    }

    /// Octets that it took at most, and how often a process in it was killed for want of more.
    fn usage(&self) -> Result<(u64, u64)> {
        let peak = fs::read_to_string(self.file("memory.peak", "memory.max_usage_in_bytes"))?;
        let events = fs::read_to_string(self.file("memory.events", "memory.oom_control"))?;
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Ok((peak.trim().parse()?, killed.context("oom_kill")?.trim().parse()?))
    }

    /// Octets that it takes now.
    fn current(&self) -> Result<u64> {
        let text = fs::read_to_string(self.file("memory.current", "memory.usage_in_bytes"))?;
        Ok(text.trim().parse()?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Whoever was in it has ended, and is counted for a moment more.
        for _ in 0..100 {
            match fs::remove_dir(&self.directory) {
                Ok(()) => return,
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
        eprintln!("{} is left", self.directory.display());
    }
}

const GIBIBYTE: u64 = 1 << 30;
/// Frames between two looks at how many there were, nearly all of which have a source of their own: they are drawn from
/// networks of so many addresses, a new one each time.
const FRAMES: u32 = 200_000;
/// As above.
const SOURCES: u32 = 1 << 22;
/// How many of these networks send: three times as many flows as the cache has room for.
const NETWORKS: u32 = 16;

#[test]
fn a_flood_of_new_flows_in_little_memory_is_counted_and_kills_nobody() -> Result<()> {
    if !root("a limit of memory") {
        return Ok(());
    }
    let wire = Wire::cut()?;
    wire.connect()?;
    let (near, far) = (&wire.near, &wire.far);
    near.run(&format!("ip link set {NEAR} up"))?;
    far.run(&format!("ip link set {FAR} up"))?;
    let config = wire
        .configure(&format!("[capture]\ninterfaces = ['{NEAR}']\n[policies]\npaths = ['stock']"))?;
    let group = Group::new(GIBIBYTE)?;
    // It takes no record, so that all queues in between fill.
    let collector = near.enter(|| Collector::start(Manner::Sleeps))??;
    let url = format!("tcp://{}", collector.address);
    let program = agent::binary()?;
    let program = program.to_str().context("the path is text")?;
    let mut command = group.command(&["ip", "netns", "exec", near.name(), program, "run"]);
    command.args(["--config", &config, "--ingress", "xdp", "--print", "none", "--collector", &url]);
    let mut agent = Agent::spawn(&mut command)?;
    agent.wait_for("vb: ingress native XDP")?;
    let idle = group.current()?;
    // The kernel's tables are charged to the group: 128 MiB are configured by default.
    ensure!(idle > 64 << 20, "{idle}");

    let sent = AtomicU32::new(0);
    let send = || -> Result<()> {
        loop {
            let network = sent.fetch_add(1, Ordering::Relaxed);
            if network >= NETWORKS {
                return Ok(());
            }
            flood(far, FAR, &frames::udp_v4(network * SOURCES, 64), SOURCES, FRAMES)?;
        }
    };
    thread::scope(|scope| -> Result<()> {
        let senders = [scope.spawn(send), scope.spawn(send)];
        senders.into_iter().try_for_each(|sender| sender.join().expect("no panic"))
    })?;
    let outcome = agent.stop("TERM")?;
    let (peak, killed) = group.usage()?;
    let received = near.run(&format!("cat /sys/class/net/{NEAR}/statistics/rx_packets"))?;
    let received: u64 = received.trim().parse()?;
    println!("{received} packets; {} MiB idle, {} MiB at most", idle >> 20, peak >> 20);
    print!("{}", outcome.stderr);
    ensure!(killed == 0, "killed {killed} times");
    ensure!(peak < GIBIBYTE * 3 / 4, "{peak}: too near to the limit");
    let seen = outcome.ledger("seen").0;
    ensure!(seen == received, "{seen} of {received}: {}", outcome.stderr);
    ensure!(received > u64::from(NETWORKS * FRAMES / 2), "hardly a flood: {received}");
    // What the collector did not take is counted, as is what no table had room for.
    let (sent, not_sent) = outcome.account(&url).context(outcome.stderr.clone())?;
    ensure!(not_sent > 0, "{sent} sent, {not_sent} not: {}", outcome.stderr);
    Ok(())
}
