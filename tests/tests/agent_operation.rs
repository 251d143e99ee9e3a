//! Starting, stopping and failing: what a user sees of the agent, and what it leaves behind.

use std::{fs, process::Command, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use aya::programs::{SchedClassifier, TcAttachType};
use tests::{
    agent::{self, Agent, Outcome, sum},
    collector::{Collector, Manner},
    disk::SmallDisk,
    frames,
    netns::Netns,
    peers::{require, wait_until},
    root,
};

/// Two hosts; the agent runs on the near one.
struct Hosts {
    near: Netns,
    far: Netns,
}

const NEAR: &str = "vb";

impl Hosts {
    fn new() -> Result<Self> {
        let hosts = Self { near: Netns::new("lb-near")?, far: Netns::new("lb-far")? };
        hosts.connect()?;
        Ok(hosts)
    }

    fn connect(&self) -> Result<()> {
        self.far.veth("va", &self.near, NEAR)
    }

    /// Echo requests from afar, all of them answered.
    fn ping(&self, count: u64) -> Result<()> {
        let told = self.far.run(&format!("ping -q -i 0.01 -c {count} 192.0.2.2"))?;
        ensure!(told.contains(&format!("{count} received")), "{told}");
        Ok(())
    }

    /// Whether XDP is attached, and how many tcx programs.
    fn attached(&self) -> Result<(bool, usize)> {
        let tcx = self.near.enter(|| -> Result<usize> {
            let count = |side| SchedClassifier::query_tcx(NEAR, side).map(|(_, all)| all.len());
            Ok(count(TcAttachType::Ingress)? + count(TcAttachType::Egress)?)
        })??;
        Ok((self.near.run(&format!("ip link show dev {NEAR}"))?.contains("xdp"), tcx))
    }
}

fn ready(test: &str) -> bool {
    root(test) && require("ping")
}

/// Packets of answered echo requests in `direction`.
fn echoes(outcome: &Outcome, direction: &str) -> Result<u64> {
    let mut flows = outcome.flows()?;
    flows.retain(|flow| flow["protocolint"] == 1 && flow["direction"] == direction);
    Ok(sum(&flows, "packets"))
}

/// An agent that ends by itself: with this code, one message of these parts, and nothing on standard output.
fn refuses(agent: Agent, code: i32, parts: &[&str]) -> Result<()> {
    let outcome = agent.wait()?;
    ensure!(outcome.code == Some(code), "exit code {:?}: {}", outcome.code, outcome.stderr);
    ensure!(outcome.stdout.is_empty(), "{}", outcome.stdout);
    ensure!(outcome.stderr.matches("sensor: ").count() == 1, "one message: {}", outcome.stderr);
    ensure!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    for part in parts {
        ensure!(outcome.stderr.contains(part), "no `{part}`: {}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn what_is_not_there_is_named_beside_what_is() -> Result<()> {
    if !ready("no such interface") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let agent = Agent::start(&hosts.near, "-i eth77")?;
    refuses(agent, 64, &["no interface named `eth77`; available: lo, vb"])?;
    let agent = Agent::start(&hosts.near, "-i vb --ingress eth77=tc")?;
    let told = "no captured interface is named `eth77`, but `--ingress eth77=tc` requires one; captured: vb; available: lo, vb";
    refuses(agent, 64, &[told])?;
    let agent = Agent::start(&hosts.near, "-i vb --collector udp://192.0.2.1?source=eth77")?;
    refuses(
        agent,
        64,
        &["must name a source address", "no interface named `eth77`; available: lo, vb"],
    )?;
    let agent = Agent::start(&hosts.near, "")?;
    refuses(agent, 64, &["no default route", "available: lo, vb"])?;
    let agent = Agent::start(&hosts.near, "-i vb --ipfix-file /dev/null/flows")?;
    refuses(agent, 64, &["cannot create directory /dev/null/flows", "ot a directory"])?;
    ensure!(hosts.attached()? == (false, 0), "something is attached");
    Ok(())
}

#[test]
fn auto_is_the_device_of_the_default_route() -> Result<()> {
    if !ready("the default route") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    hosts.near.run("ip route add default via 192.0.2.1")?;
    let mut agent = Agent::start(&hosts.near, "--print none")?;
    agent.wait_for("vb: ingress tcx (native XDP: it would miss VLAN tags")?;
    let said = agent.stop("TERM")?.stderr;
    let lines: Vec<_> = said.lines().filter(|line| line.contains("default route")).collect();
    ensure!(lines.len() == 1, "one line says why: {said}");
    ensure!(lines[0].contains("INFO") && lines[0].contains("interface=\"vb\""), "{said}");
    ensure!(said.find(lines[0]) < said.find("vb: ingress"), "before it is attached: {said}");
    Ok(())
}

/// A configuration in a directory of its own.
fn configuration(text: &str) -> Result<(tempfile::TempDir, String)> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("sensor.toml");
    fs::write(&path, text)?;
    Ok((directory, path.display().to_string()))
}

#[test]
fn what_a_configuration_names_may_come_later() -> Result<()> {
    if !ready("interfaces that come later") {
        return Ok(());
    }
    let hosts = Hosts { near: Netns::new("lb-near")?, far: Netns::new("lb-far")? };
    let (_directory, path) = configuration("capture.interfaces = ['vb', 'never0', 'auto']")?;
    let mut agent = Agent::start(&hosts.near, &format!("--config {path} --print flows"))?;
    agent.wait_for("no interface matches yet")?;
    for part in ["interface=\"vb\"", "interface=\"never0\"", "no default route yet"] {
        let said = agent.said();
        let told = said.lines().any(|line| line.contains("INFO") && line.contains(part));
        ensure!(told, "no `{part}`: {said}");
    }
    thread::sleep(Duration::from_secs(2));
    hosts.connect()?;
    agent.wait_for("vb: ingress")?;
    hosts.ping(20)?;
    let outcome = agent.stop("INT")?;
    let counted = (echoes(&outcome, "ingress")?, echoes(&outcome, "egress")?);
    ensure!(counted == (20, 20), "{counted:?}: {}", outcome.stdout);
    let absent: Vec<_> =
        outcome.stderr.lines().filter(|line| line.starts_with("NOT CAPTURED: ")).collect();
    let expected = [
        "NOT CAPTURED: there was never a default route",
        "NOT CAPTURED: no interface named never0 has appeared",
    ];
    ensure!(absent == expected && outcome.code == Some(0), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn what_is_required_must_be_there_and_watched() -> Result<()> {
    if !ready("required interfaces") {
        return Ok(());
    }
    let hosts = Hosts { near: Netns::new("lb-near")?, far: Netns::new("lb-far")? };
    let required = |watched: &str, name: &str| {
        configuration(&format!(
            "capture.interfaces = ['{watched}']\n[[interface]]\nname = '{name}'\nrequired = true"
        ))
    };
    for (watched, name) in [("vb", "vb"), ("v*", "v?"), ("lo", "vb")] {
        let (_directory, path) = required(watched, name)?;
        let agent = Agent::start(&hosts.near, &format!("--config {path}"))?;
        let told = format!("no captured interface is named `{name}`");
        refuses(agent, 69, &[&told, "available: lo"])?;
    }
    hosts.connect()?;
    let (_directory, idle) = configuration("interface = [{ name = 'eth77' }, { name = 'eth*' }]")?;
    for (line, told) in [
        (
            format!("--config {idle}"),
            "`[[interface]] name = \"eth77\"` matches no captured interface",
        ),
        ("--ingress e*=tc".to_owned(), "`--ingress e*=tc` matches no captured interface"),
    ] {
        let line = format!("-i vb --print none --duration 1s {line}");
        let outcome = Agent::start(&hosts.near, &line)?.wait()?;
        ensure!(outcome.code == Some(0) && outcome.stderr.contains(told), "{}", outcome.stderr);
        ensure!(outcome.stderr.matches("so far").count() == 1, "{}", outcome.stderr);
    }
    for (watched, name) in [("vb", "vb"), ("v*", "v?"), ("vb", "*")] {
        let (_directory, path) = required(watched, name)?;
        let outcome =
            Agent::start(&hosts.near, &format!("--config {path} --duration 1s"))?.wait()?;
        ensure!(outcome.code == Some(0), "{watched} {name}: {}", outcome.stderr);
    }
    let (_directory, path) = required("lo", "vb")?;
    refuses(Agent::start(&hosts.near, &format!("--config {path}"))?, 69, &["available: lo, vb"])
}

#[test]
fn alternative_names_are_as_good_as_the_first() -> Result<()> {
    if !ready("alternative names") {
        return Ok(());
    }
    const LONG: &str = "uplink-of-more-than-fifteen-octets";
    let hosts = Hosts::new()?;
    hosts.near.run(&format!("ip link property add dev {NEAR} altname uplink altname {LONG}"))?;
    let (_first, by_name) = configuration(
        "capture.interfaces = ['uplink']\n[[interface]]\nname = 'uplink'\ningress = 'tc'",
    )?;
    let (_second, by_glob) = configuration(&format!(
        "capture.interfaces = ['upl*']\n[[interface]]\nname = '{LONG}'\ningress = 'tc'\nrequired = true"
    ))?;
    for line in [
        format!("-i {LONG} --ingress uplink=tc"),
        format!("-i upl*k --ingress {LONG}=tc"),
        format!("--config {by_name} --print flows"),
        format!("--config {by_glob} --print flows"),
    ] {
        let mut agent = Agent::start(&hosts.near, &line)?;
        agent.wait_for("vb: ingress tcx")?;
        hosts.ping(5)?;
        let outcome = agent.stop("INT")?;
        ensure!(echoes(&outcome, "ingress")? == 5, "{line}: {}", outcome.stdout);
        let flows = outcome.flows()?;
        ensure!(flows.iter().all(|flow| flow["interface"] == NEAR), "{line}: {}", outcome.stdout);
        ensure!(!outcome.stderr.contains("NOT CAPTURED"), "{line}: {}", outcome.stderr);
    }
    let agent = Agent::start(&hosts.near, "-i eth77")?;
    refuses(agent, 64, &[&format!("available: lo, vb (also uplink, {LONG})")])
}

#[test]
fn messages_leave_from_the_address_of_an_alternative_name() -> Result<()> {
    if !ready("the source of a collector") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    hosts.near.run(&format!("ip link property add dev {NEAR} altname uplink"))?;
    let collector = hosts.far.enter(|| std::net::UdpSocket::bind("192.0.2.1:4739"))??;
    collector.set_read_timeout(Some(Duration::from_secs(20)))?;
    let line = "--collector udp://192.0.2.1:4739?source=uplink --print none --interval 100ms";
    let agent = Agent::watching(&hosts.near, NEAR, line)?;
    hosts.ping(3)?;
    let outcome = agent.stop("INT")?;
    let (_, from) = collector.recv_from(&mut [0; 2000]).context(outcome.stderr)?;
    ensure!(from.ip().to_string() == "192.0.2.2", "{from}");
    Ok(())
}

/// Root may write anywhere but there: `check` and `run` say so alike, and at once.
#[test]
fn a_read_only_file_system_is_told_before_anything_starts() -> Result<()> {
    if !ready("a read-only file system") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let disk = SmallDisk::new("64k")?;
    fs::create_dir(disk.path().join("spool"))?;
    fs::write(disk.path().join("flows"), "")?;
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(disk.path()).status()?;
    ensure!(remounted.success(), "remount it");
    let place = disk.path().display();
    let (_directory, path) = configuration(&format!(
        "capture.interfaces = ['{NEAR}']\nlog.flows = '{place}/flows'\nintake.state_file = '{place}/state'\n\
         ipfix_file.directory = '{place}/files'\n[[hits]]\nurl = 'file://{place}/hits'\n\
         [[hits]]\nurl = 'syslog+tcp://192.0.2.1'\nspool = '{place}/spool'\n"
    ))?;
    let checked = Command::new(agent::binary()?).args(["check", "--config", &path]).output()?;
    let told = String::from_utf8(checked.stderr)?;
    ensure!(checked.status.code() == Some(64), "{told}");
    for name in ["flows", "state", "files", "hits", "spool"] {
        let line = told.lines().find(|line| line.contains(&format!("{place}/{name}")));
        ensure!(line.is_some_and(|line| line.contains("Read-only file system")), "{name}: {told}");
    }
    refuses(Agent::start(&hosts.near, &format!("--config {path}"))?, 64, &[&told])
}

#[test]
fn without_capabilities_there_is_one_message() -> Result<()> {
    if !ready("no permission") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let mut command = hosts.near.command("setpriv");
    command.args(["--bounding-set", "-all", "--inh-caps", "-all"]);
    command.arg(agent::binary()?).args(["run", "-i", NEAR]);
    refuses(Agent::spawn(&mut command)?, 77, &["no permission", "CAP_BPF", "CAP_NET_ADMIN"])
}

/// What is attached, as [`Hosts::attached`] tells it, by `--ingress`.
const HOOKS: [(&str, (bool, usize)); 2] = [("xdp", (true, 1)), ("auto", (false, 2))];

#[test]
fn signals_flush_everything_and_detach() -> Result<()> {
    if !ready("SIGINT and SIGTERM") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    for (signal, (ingress, attached)) in ["INT", "TERM"].into_iter().zip(HOOKS) {
        let line = format!("--interval 60s --ingress {ingress}");
        let agent = Agent::watching(&hosts.near, NEAR, &line)?;
        ensure!(hosts.attached()? == attached, "{:?}: {}", hosts.attached()?, agent.said());
        hosts.ping(50)?;
        // Nothing has been drained yet: all of it comes with the end.
        ensure!(agent.printed()?.is_empty(), "{}", agent.printed()?);
        let outcome = agent.stop(signal)?;
        ensure!(hosts.attached()? == (false, 0), "SIG{signal} leaves something attached");
        let counted = (echoes(&outcome, "ingress")?, echoes(&outcome, "egress")?);
        ensure!(counted == (50, 50), "{counted:?}: {}", outcome.stdout);
        for flow in outcome.flows()? {
            ensure!(flow["flowendreason"] == 4, "not forced to end: {flow}");
        }
    }
    Ok(())
}

/// SIGUSR1 while flows are active, again and again: what has been counted only grows, and the last summary ends with it all.
#[test]
fn summaries_so_far_grow_and_show_what_is_active() -> Result<()> {
    const ACTIVE: &str = "flows are active in the flow cache";
    if !ready("SIGUSR1") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let line = "--interval 200ms --active-timeout 60s --idle-timeout 60s";
    let agent = Agent::watching(&hosts.near, NEAR, line)?;
    // The packets that each summary counts in flow records, in their order.
    let counted = |said: &str| -> Vec<u64> {
        let rows = said.lines().filter_map(|line| line.trim().strip_prefix("= in flow records"));
        rows.filter_map(|row| row.split_whitespace().next()?.parse().ok()).collect()
    };
    for (round, least) in [20, 40, 60].into_iter().enumerate() {
        hosts.ping(10)?;
        wait_until("a summary counts all answered requests", || {
            let shown = counted(&agent.said()).last().is_some_and(|packets| *packets >= least);
            let told = agent.said().matches(ACTIVE).count() > round;
            shown && told || agent.signal("USR1").is_err()
        })?;
    }
    let outcome = agent.stop("TERM")?;
    let packets = counted(&outcome.stderr);
    ensure!(packets.is_sorted() && packets.len() > 3, "{packets:?}");
    let last = outcome.stderr.rsplit("summary so far").next().unwrap_or_default();
    let last = last.rsplit_once("ledger of").context("the last summary")?.1;
    ensure!(!last.contains(ACTIVE), "nothing is active at the end: {last}");
    let printed = sum(&outcome.flows()?, "packets");
    ensure!(Some(&printed) == packets.last(), "{printed} in the records: {last}");
    Ok(())
}

#[test]
fn a_killed_agent_leaves_nothing_attached() -> Result<()> {
    if !ready("SIGKILL") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    for (ingress, attached) in HOOKS {
        let line = format!("--print none --ingress {ingress}");
        let agent = Agent::watching(&hosts.near, NEAR, &line)?;
        ensure!(hosts.attached()? == attached, "not attached: {}", agent.said());
        agent.signal("KILL")?;
        agent.wait()?;
        wait_until("nothing is attached", || hosts.attached().is_ok_and(|all| all == (false, 0)))?;
        hosts.ping(3)?;
    }
    Ok(())
}

#[test]
fn a_run_ends_after_its_duration() -> Result<()> {
    if !ready("--duration") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let agent = Agent::watching(&hosts.near, NEAR, "--duration 1s")?;
    hosts.ping(10)?;
    let outcome = agent.wait()?;
    ensure!(outcome.code == Some(0) && echoes(&outcome, "egress")? == 10, "{outcome:?}");
    Ok(())
}

#[test]
fn interfaces_may_come_and_go() -> Result<()> {
    if !ready("interfaces that come and go") {
        return Ok(());
    }
    let hosts = Hosts { near: Netns::new("lb-near")?, far: Netns::new("lb-far")? };
    let mut agent = Agent::start(&hosts.near, "-i v*")?;
    agent.wait_for("no interface matches yet")?;
    for round in 1..=2 {
        hosts.connect()?;
        wait_until("it is watched", || agent.said().matches("vb: ingress").count() == round)?;
        hosts.ping(20)?;
        hosts.near.run(&format!("ip link delete {NEAR}"))?;
        wait_until("it is let go", || agent.said().matches("vb: gone").count() == round)?;
    }
    let outcome = agent.stop("INT")?;
    let counted = (echoes(&outcome, "ingress")?, echoes(&outcome, "egress")?);
    ensure!(counted == (40, 40), "{counted:?}: {}", outcome.stdout);
    // Records of an interface that has gone still name it.
    let flows = outcome.flows()?;
    ensure!(flows.iter().all(|flow| flow["interface"] == NEAR), "{}", outcome.stdout);
    Ok(())
}

#[test]
fn collectors_that_cannot_be_reached_are_told_once() -> Result<()> {
    if !ready("collectors that cannot be reached") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let lost = ["tcp://127.0.0.1:9", "udp://collector.invalid:4739"];
    let line = format!(
        "--collector {} --collector {} --interval 100ms --idle-timeout 1s --active-timeout 1s",
        lost[0], lost[1]
    );
    let agent = Agent::watching(&hosts.near, NEAR, &line)?;
    hosts.ping(10)?;
    // Time for several attempts.
    thread::sleep(Duration::from_secs(3));
    hosts.ping(10)?;
    let outcome = agent.stop("INT")?;
    ensure!(echoes(&outcome, "egress")? == 20, "{}", outcome.stdout);
    let flows = outcome.flows()?.len() as u64;
    for collector in lost {
        let (_, address) = collector.split_once("://").context("an address")?;
        let (account, stderr) = (outcome.account(collector), &outcome.stderr);
        ensure!(account == Some((0, flows)), "{collector}: {account:?}: {stderr}");
        let complaints = |line: &&str| {
            line.contains(address) && (line.contains("WARN") || line.contains("ERROR"))
        };
        let complaints = stderr.lines().filter(complaints).count();
        ensure!(complaints == 1, "{collector} is mentioned {complaints} times: {stderr}");
    }
    Ok(())
}

/// It takes the connection, then not an octet more than fits into the buffers between.
#[test]
fn a_collector_that_does_not_read_holds_up_nothing() -> Result<()> {
    if !(ready("a collector that does not read") && require("tcpreplay")) {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let small = "for sizes in tcp_rmem tcp_wmem; do echo 4096 16384 16384 > /proc/sys/net/ipv4/$sizes; done";
    ensure!(hosts.near.command("bash").args(["-c", small]).status()?.success(), "small buffers");
    let collector = hosts.near.enter(|| Collector::start(Manner::Sleeps))??;
    let directory = tempfile::tempdir()?;
    let capture = directory.path().join("traffic.pcap");
    let many: Vec<_> = (0..20_000).map(|flow| frames::udp_v4(flow, 60)).collect();
    frames::write_capture(&capture, &many)?;
    let slow = format!("tcp://{}", collector.address);
    let agent = Agent::watching(&hosts.near, NEAR, &format!("--collector {slow}"))?;
    hosts.far.run(&format!("tcpreplay -q -p 20000 -i va {}", capture.display()))?;
    let outcome = agent.stop("TERM")?;
    let flows = outcome.flows()?.len() as u64;
    ensure!(flows >= 20_000, "only {flows} flows");
    ensure!(outcome.account("standard output") == Some((flows, 0)), "{}", outcome.stderr);
    let (sent, not_sent) = outcome.account(&slow).context(outcome.stderr.clone())?;
    println!("{sent} of {flows} records in the buffers, {not_sent} not sent");
    ensure!(not_sent > 0 && sent + not_sent == flows, "{}", outcome.stderr);
    Ok(())
}

#[test]
fn a_full_disk_is_told_and_what_is_lost_is_counted() -> Result<()> {
    if !(ready("a full disk") && require("tcpreplay")) {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let disk = SmallDisk::new("64k")?;
    let elsewhere = tempfile::tempdir()?;
    let capture = elsewhere.path().join("traffic.pcap");
    let many: Vec<_> = (0..2000).map(|flow| frames::udp_v4(flow, 100)).collect();
    frames::write_capture(&capture, &many)?;

    let line = format!(
        "--ipfix-file {} --interval 100ms --idle-timeout 1s --active-timeout 1s",
        disk.path().display()
    );
    let agent = Agent::watching(&hosts.near, NEAR, &line)?;
    for _ in 0..3 {
        hosts.far.run(&format!("tcpreplay -q -p 20000 -i va {}", capture.display()))?;
        thread::sleep(Duration::from_millis(1500));
    }
    let outcome = agent.stop("INT")?;
    let flows = outcome.flows()?;
    ensure!(flows.len() > 5000, "only {} flows", flows.len());
    ensure!(outcome.account("standard output") == Some((flows.len() as u64, 0)));
    let name = disk.path().to_str().context("the path is text")?;
    let (sent, not_sent) = outcome.account(name).context(outcome.stderr.clone())?;
    println!("{} flows, {sent} in files, {not_sent} not", flows.len());
    ensure!(not_sent > 0 && sent + not_sent == flows.len() as u64, "{}", outcome.stderr);
    // Not at every attempt. A new file may find room for a few more flows, and then it is told again.
    let complaints = outcome.stderr.matches("No space left on device").count();
    ensure!((1..=3).contains(&complaints), "said {complaints} times: {}", outcome.stderr);
    Ok(())
}

#[test]
fn nobody_reads_any_more() -> Result<()> {
    if !ready("a closed pipe") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let mut command = hosts.near.command("bash");
    command.args(["-c", r#""$0" run -i vb --interval 100ms --active-timeout 1s --idle-timeout 1s | head -n 1; exit ${PIPESTATUS[0]}"#]);
    let mut agent = Agent::spawn(command.arg(agent::binary()?))?;
    agent.wait_for("vb: ingress")?;
    let pings = hosts.far.command("ping").args(["-q", "-i", "0.3", "192.0.2.2"]).spawn()?;
    let mut pings = Pings(pings);
    let outcome = agent.wait();
    pings.0.kill()?;
    let outcome = outcome?;
    ensure!(outcome.code == Some(0), "exit code {:?}: {}", outcome.code, outcome.stderr);
    ensure!(outcome.flows()?.len() == 1, "{}", outcome.stdout);
    Ok(())
}

/// Pings without end; killed when dropped.
struct Pings(std::process::Child);

impl Drop for Pings {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_terminal_shows_modes_a_heading_and_aligned_lines() -> Result<()> {
    if !ready("output to a terminal") {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let program = agent::binary()?;
    let line = format!("{} run -i vb --ingress xdp --duration 2s", program.display());
    let mut command = hosts.near.command("script");
    let agent = Agent::spawn(command.args(["-qec", &line, "/dev/null"]))?;
    wait_until("it is watched", || {
        agent.printed().is_ok_and(|text| text.contains("vb: ingress native XDP, egress tcx"))
    })?;
    hosts.ping(20)?;
    hosts.far.run("ping -q -i 0.01 -c 5 2001:db8::2")?;
    let outcome = agent.wait()?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    let text = outcome.stdout.replace('\r', "");
    let after = |part: &str| text.find(part).with_context(|| format!("no `{part}`: {text}"));
    ensure!(after("kernel tables: ")? < after("vb: ingress")?, "{text}");
    ensure!(after("vb: ingress")? < after("LAST SEEN")?, "the header comes first: {text}");
    ensure!(after("LAST SEEN")? < after("balanced: every packet")?, "{text}");
    let heading = text.lines().find(|line| line.contains("LAST SEEN")).context("heading")?;
    let column = |name: &str| heading.find(name).with_context(|| name.to_owned());
    let flows: Vec<_> = text.lines().filter(|line| line.contains("192.0.2.2")).collect();
    ensure!(flows.len() == 2, "a line for each direction: {text}");
    for flow in flows {
        for (name, parts) in [
            ("INTERFACE", ["<vb ", ">vb "]),
            ("PROTO", ["icmp ", "icmp "]),
            ("SOURCE", ["192.0.2.1 ", "192.0.2.2 "]),
            ("DESTINATION", ["192.0.2.2 ", "192.0.2.1 "]),
        ] {
            let rest = flow.get(column(name)?..).unwrap_or_default();
            ensure!(parts.iter().any(|part| rest.starts_with(part)), "{name}:\n{heading}\n{flow}");
        }
        let end = |name: &str| Ok::<_, anyhow::Error>(column(name)? + name.len());
        let packets = flow.get(..end("PACKETS")?).unwrap_or_default();
        ensure!(packets.ends_with(" 20"), "PACKETS:\n{heading}\n{flow}");
        let octets = flow.get(..end("OCTETS")?).unwrap_or_default();
        ensure!(octets.ends_with(" 1680"), "OCTETS:\n{heading}\n{flow}");
    }
    Ok(())
}
