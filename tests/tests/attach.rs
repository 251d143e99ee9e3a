//! Attaching in every mode over veth pairs, and what is left behind.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use aya::programs::{SchedClassifier, TcAttachType};
use sensor_common::{
    key::{KeyV4, V4_WORDS, V6_WORDS},
    packet::ip::protocol,
};
use sensor_core::flow::delta::{DeltaSink, FlowDelta};
use sensor_kernel::{
    self, Loaded, Options,
    attach::{Attachment, EgressMode, IngressMode, IngressWish},
    drain::Drain,
    error::{ErrorKind, KernelError},
    links::{self, Link, LinkEvent, LinkPatterns},
    refusal::Directory,
    watch::{LinkWatch, Missing},
};
use tests::{netns::Netns, peers::require, root};
use tokio::sync::mpsc;

/// ICMP packets and IP octets by direction: what ping sends, and nothing that a namespace does by itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Icmp {
    packets: [u64; 2],
    octets: [u64; 2],
}

impl DeltaSink for Icmp {
    fn v4(&mut self, key: &[u64; V4_WORDS], delta: &FlowDelta) {
        let key = KeyV4::unpack(key).common;
        if key.protocol == protocol::ICMP {
            self.packets[key.direction as usize] += delta.packets;
            self.octets[key.direction as usize] += delta.octets;
        }
    }

    fn v6(&mut self, _: &[u64; V6_WORDS], _: &FlowDelta) {}
}

/// Two namespaces with a veth pair between them; `near` is where the sensor attaches.
struct Pair {
    near: Netns,
    far: Netns,
}

const NEAR: &str = "near0";
const FAR: &str = "far0";

impl Pair {
    fn new() -> Result<Self> {
        let pair = Self { near: Netns::new("kn-near")?, far: Netns::new("kn-far")? };
        pair.near.veth(NEAR, &pair.far, FAR)?;
        Ok(pair)
    }

    fn attach(&self, loaded: &mut Loaded, wish: IngressWish) -> Result<Attachment> {
        self.near
            .enter(|| -> Result<Attachment> { Ok(loaded.programs.attach(&link(NEAR)?, wish)?) })?
    }

    /// Sends `count` pings of `payload` octets from afar, all of which are answered.
    fn ping(&self, count: u64, payload: u64) -> Result<()> {
        let line = format!("ping -q -i 0.01 -M do -c {count} -s {payload} 192.0.2.1");
        let told = self.far.run(&line)?;
        if !told.contains(&format!("{count} received")) {
            bail!("{told}");
        }
        Ok(())
    }

    /// `tc filter show` of both directions.
    fn filters(&self) -> Result<String> {
        let side = |side: &str| self.near.run(&format!("tc filter show dev {NEAR} {side}"));
        Ok(side("ingress")? + &side("egress")?)
    }

    /// Whether the near end has a clsact qdisc.
    fn has_clsact(&self) -> Result<bool> {
        Ok(self.near.run(&format!("tc qdisc show dev {NEAR}"))?.contains("clsact"))
    }

    /// Programs attached by tcx, and by XDP.
    fn linked(&self) -> Result<(usize, bool)> {
        let tcx = self.near.enter(|| -> Result<usize> {
            let count = |side| SchedClassifier::query_tcx(NEAR, side).map(|(_, found)| found.len());
            Ok(count(TcAttachType::Ingress)? + count(TcAttachType::Egress)?)
        })??;
        Ok((tcx, self.near.run(&format!("ip link show dev {NEAR}"))?.contains("xdp")))
    }
}

fn link(name: &str) -> Result<Link> {
    links::list()?.into_iter().find(|link| link.name == name).context("no such interface")
}

fn load(without_tcx: bool) -> Result<Loaded> {
    Ok(sensor_kernel::load(
        sensor_object::OBJECT,
        Options { memory: 0, without_tcx, ..Options::default() },
    )?)
}

/// Drains what ping has brought; the books must balance.
fn drained(drain: &mut Drain) -> Result<Icmp> {
    let mut icmp = Icmp::default();
    for _ in 0..2 {
        let epoch = drain.flip(&mut icmp)?;
        assert_eq!(epoch.imbalance, None, "{epoch:?}");
    }
    Ok(icmp)
}

/// What [`Icmp`] must be after `count` answered pings of `payload` octets.
fn pings(count: u64, payload: u64) -> Icmp {
    Icmp { packets: [count; 2], octets: [count * (20 + 8 + payload); 2] }
}

#[test]
fn native_xdp_and_tcx_count_each_packet() -> Result<()> {
    if !root("native XDP over veth") {
        return Ok(());
    }
    let (pair, mut loaded) = (Pair::new()?, load(false)?);
    let attachment = pair.attach(&mut loaded, IngressWish::NativeXdp)?;
    assert_eq!(attachment.to_string(), "near0: ingress native XDP, egress tcx");
    pair.ping(20, 56)?;
    assert_eq!(drained(&mut loaded.drain)?, pings(20, 56));
    pair.near.run(&format!("ip link set {NEAR} down"))?;
    pair.near.run(&format!("ip link set {NEAR} up"))?;
    pair.ping(5, 56)?;
    assert_eq!(drained(&mut loaded.drain)?, pings(5, 56), "down and up again");
    drop(attachment);
    assert_eq!(pair.linked()?, (0, false), "detached on drop");
    pair.ping(5, 56)?;
    assert_eq!(drained(&mut loaded.drain)?, Icmp::default());
    Ok(())
}

#[test]
fn a_veth_is_counted_by_tcx_and_its_peer_keeps_segmentation_offload() -> Result<()> {
    if !(root("a veth by the best way") && require("ethtool")) {
        return Ok(());
    }
    let (pair, mut loaded) = (Pair::new()?, load(false)?);
    let offload = || -> Result<bool> {
        let features = pair.far.run(&format!("ethtool -k {FAR}"))?;
        Ok(features.contains("\ntcp-segmentation-offload: on\n"))
    };
    assert!(offload()?, "or nothing could be lost");
    let attachment = pair.attach(&mut loaded, IngressWish::Best)?;
    assert_eq!(attachment.ingress(), IngressMode::TcxIngress, "{attachment}");
    assert!(
        attachment.to_string().contains("(native XDP: it would miss VLAN tags"),
        "{attachment}"
    );
    assert!(offload()?, "tcx leaves it alone");
    pair.ping(20, 56)?;
    assert_eq!(drained(&mut loaded.drain)?, pings(20, 56));
    drop(attachment);
    let _attachment = pair.attach(&mut loaded, IngressWish::NativeXdp)?;
    assert!(!offload()?, "this is why tcx comes first");
    Ok(())
}

#[test]
fn a_taken_slot_leads_to_tcx_and_both_count() -> Result<()> {
    if !root("tcx ingress over veth") {
        return Ok(());
    }
    let (pair, mut first, mut second) = (Pair::new()?, load(false)?, load(false)?);
    let _first = pair.attach(&mut first, IngressWish::NativeXdp)?;
    let attachment = pair.attach(&mut second, IngressWish::NativeXdp)?;
    let told = attachment.to_string();
    let taken = "near0: ingress tcx (native XDP: slot taken by another sensor (program ";
    assert!(told.starts_with(taken) && told.ends_with(")), egress tcx"), "{told}");
    pair.ping(20, 56)?;
    assert_eq!(drained(&mut first.drain)?, pings(20, 56));
    assert_eq!(drained(&mut second.drain)?, pings(20, 56));
    Ok(())
}

#[test]
fn jumbo_frames_are_counted_whole() -> Result<()> {
    if !root("MTU 9000 over veth") {
        return Ok(());
    }
    let (pair, mut loaded) = (Pair::new()?, load(false)?);
    pair.near.run(&format!("ip link set {NEAR} mtu 9000"))?;
    pair.far.run(&format!("ip link set {FAR} mtu 9000"))?;
    let attachment = pair.attach(&mut loaded, IngressWish::NativeXdp)?;
    assert_eq!(attachment.ingress(), IngressMode::NativeXdp, "{attachment}");
    pair.ping(10, 8000)?;
    assert_eq!(drained(&mut loaded.drain)?, pings(10, 8000));
    Ok(())
}

#[test]
fn generic_xdp_is_there_on_request_and_marked() -> Result<()> {
    if !root("generic XDP over veth") {
        return Ok(());
    }
    let (pair, mut loaded) = (Pair::new()?, load(false)?);
    let attachment = pair.attach(&mut loaded, IngressWish::GenericXdp)?;
    assert_eq!(attachment.ingress(), IngressMode::GenericXdp);
    assert!(attachment.to_string().contains("merged frames count once"), "{attachment}");
    pair.ping(10, 56)?;
    assert_eq!(drained(&mut loaded.drain)?, pings(10, 56));
    Ok(())
}

#[test]
fn clsact_counts_both_directions_and_goes_with_its_last_filter() -> Result<()> {
    if !root("clsact over veth") {
        return Ok(());
    }
    let (pair, mut taker, mut loaded) = (Pair::new()?, load(false)?, load(true)?);
    let _taker = pair.attach(&mut taker, IngressWish::NativeXdp)?;
    let attachment = pair.attach(&mut loaded, IngressWish::NativeXdp)?;
    assert_eq!(
        (attachment.ingress(), attachment.egress()),
        (IngressMode::ClsactIngress, EgressMode::Clsact),
        "{attachment}"
    );
    pair.ping(20, 56)?;
    assert_eq!(drained(&mut loaded.drain)?, pings(20, 56));

    // Another agent's filters are left alone, and the qdisc with them.
    let other = Held::start(&pair, &["without-tcx"])?;
    assert_eq!(pair.filters()?.matches("flow-sensor/").count(), 4);
    drop(attachment);
    assert_eq!(pair.filters()?.matches("flow-sensor/").count(), 2);
    other.stop()?;
    assert!(!pair.has_clsact()?, "{}", pair.filters()?);
    Ok(())
}

#[test]
fn a_device_without_a_link_layer_gets_no_xdp() -> Result<()> {
    if !root("a tun device") {
        return Ok(());
    }
    let (netns, mut loaded) = (Netns::new("kn-tun")?, load(false)?);
    netns.run("ip tuntap add mode tun name tun9")?;
    let mut attach =
        |wish| netns.enter(|| -> Result<_> { Ok(loaded.programs.attach(&link("tun9")?, wish)) })?;
    let attachment = attach(IngressWish::Best)??;
    assert_eq!(
        (attachment.ingress(), attachment.egress()),
        (IngressMode::TcxIngress, EgressMode::Tcx)
    );
    assert!(attachment.to_string().contains("Ethernet headers"), "{attachment}");
    let error = attach(IngressWish::GenericXdp)?.expect_err("XDP without Ethernet headers");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    Ok(())
}

/// A process that holds the programs attached.
struct Held {
    process: Child,
    input: Option<ChildStdin>,
    attachment: String,
}

impl Held {
    fn start(pair: &Pair, flags: &[&str]) -> Result<Self> {
        Self::spawn(pair.near.command(env!("CARGO_BIN_EXE_hold")), flags)
    }

    /// As user 65534 with the capabilities that its service has. `copy` is the program where everybody may start it.
    fn start_as_user(pair: &Pair, copy: &Path, flags: &[&str]) -> Result<Self> {
        const ALL: &str = "-all,+bpf,+net_admin,+perfmon";
        let mut command = pair.near.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        for set in ["inh-caps", "ambient-caps", "bounding-set"] {
            command.arg(format!("--{set}={ALL}"));
        }
        command.arg(copy);
        Self::spawn(command, flags)
    }

    fn spawn(mut command: Command, flags: &[&str]) -> Result<Self> {
        let mut process = command
            .arg(NEAR)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start hold")?;
        let (input, output) = (process.stdin.take(), process.stdout.take().context("stdout")?);
        let mut attachment = String::new();
        BufReader::new(output).read_line(&mut attachment)?;
        if attachment.is_empty() {
            bail!("hold ended with {}", process.wait()?);
        }
        Ok(Self { process, input, attachment })
    }

    /// Kills it so that it can do nothing more.
    fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Has it end in order.
    fn stop(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.process.wait()?;
        if !status.success() {
            bail!("hold ended with {status}");
        }
        Ok(())
    }
}

/// Waits for something that another process is about to do.
fn eventually(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done()? {
        if Instant::now() > deadline {
            bail!("not within 20 s: {what}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn without_capabilities_they_are_named() -> Result<()> {
    if !root("dropping capabilities") {
        return Ok(());
    }
    let netns = Netns::new("kn-caps")?;
    let output = netns
        .command("setpriv")
        .args(["--bounding-set", "-all", "--inh-caps", "-all"])
        .args([env!("CARGO_BIN_EXE_hold"), "lo"])
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{told}");
    assert!(
        told.contains(
            "no permission to load eBPF programs: CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF missing"
        ),
        "{told}"
    );
    Ok(())
}

#[test]
fn a_killed_agent_leaves_no_link() -> Result<()> {
    if !root("kill -9 with links") {
        return Ok(());
    }
    let pair = Pair::new()?;
    let held = Held::start(&pair, &[])?;
    assert_eq!(held.attachment.trim(), "near0: ingress native XDP, egress tcx");
    assert_eq!(pair.linked()?, (1, true));
    held.kill()?;
    eventually("links are gone", || Ok(pair.linked()? == (0, false)))
}

#[test]
fn a_killed_agent_leaves_no_filter() -> Result<()> {
    if !root("kill -9 with clsact") {
        return Ok(());
    }
    let pair = Pair::new()?;
    let held = Held::start(&pair, &["without-tcx"])?;
    assert!(
        held.attachment.contains("egress clsact (tcx: needs Linux 6.6)"),
        "{}",
        held.attachment
    );
    assert!(pair.filters()?.contains("flow-sensor/"));
    held.kill()?;
    eventually("filter and qdisc are gone", || Ok(!pair.has_clsact()?))
}

/// The guard is started when most has been given up, and needs CAP_NET_ADMIN: root's and a user's.
#[test]
fn a_killed_agent_that_has_given_up_its_privileges_leaves_no_filter() -> Result<()> {
    if !root("kill -9 with clsact and few privileges") || !require("setpriv") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let copy = directory.path().join("hold");
    fs::copy(env!("CARGO_BIN_EXE_hold"), &copy)?;
    let flags = ["without-tcx", "reduced"];
    for as_user in [false, true] {
        let pair = Pair::new()?;
        let held = match as_user {
            true => Held::start_as_user(&pair, &copy, &flags)?,
            false => Held::start(&pair, &flags)?,
        };
        assert!(held.attachment.contains("egress clsact"), "{}", held.attachment);
        assert!(pair.filters()?.contains("flow-sensor/"));
        held.kill()?;
        eventually("filter and qdisc are gone", || Ok(!pair.has_clsact()?))?;
    }
    Ok(())
}

#[test]
fn what_a_killed_agent_without_a_guard_left_is_removed_by_the_next() -> Result<()> {
    if !root("orphaned clsact filters") {
        return Ok(());
    }
    let pair = Pair::new()?;
    Held::start(&pair, &["without-tcx", "unguarded"])?.kill()?;
    assert_eq!(pair.filters()?.matches("flow-sensor/").count(), 1, "this is what a guard is for");
    let mut loaded = load(true)?;
    let attachment = pair.attach(&mut loaded, IngressWish::NativeXdp)?;
    assert_eq!(attachment.egress(), EgressMode::Clsact);
    let filters = pair.filters()?;
    assert_eq!(filters.matches("flow-sensor/").count(), 1, "{filters}");
    assert!(filters.contains(&format!("flow-sensor/{}", std::process::id())), "{filters}");
    Ok(())
}

#[test]
fn interfaces_are_followed_as_they_come_and_go() -> Result<()> {
    if !root("following interfaces") {
        return Ok(());
    }
    let netns = Netns::new("kn-watch")?;
    netns.run("ip link add eth7 type veth peer name peer7")?;
    netns.enter(|| -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(follow(&netns))
    })?
}

async fn follow(netns: &Netns) -> Result<()> {
    let names = |watch: &LinkWatch| -> Vec<String> {
        watch.selection().links().map(|link| link.name.clone()).collect()
    };
    let error = LinkWatch::new(LinkPatterns::new(["nosuch0"])?, Missing::Refused, &[])
        .err()
        .context("no such interface")?;
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("no interface named `nosuch0`; available: lo"), "{error}");
    let error = LinkWatch::new(LinkPatterns::new(["auto"])?, Missing::Refused, &[])
        .err()
        .context("no default route")?;
    assert!(matches!(error, KernelError::NoDefaultRoute { .. }), "{error}");

    let watch = LinkWatch::new(LinkPatterns::new(["eth*"])?, Missing::Refused, &[])?;
    assert_eq!(names(&watch), ["eth7"]);
    let (sender, mut events) = mpsc::channel(16);
    let watcher = tokio::spawn(watch.run(sender));
    let mut told = async |expected: &str| -> Result<Link> {
        let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
        match event
            .with_context(|| format!("waiting for {expected}"))?
            .context("the watch ended")?
        {
            LinkEvent::Appeared(link) if expected == "appeared" => Ok(link),
            LinkEvent::Renamed(link) if expected == "renamed" => Ok(link),
            LinkEvent::Gone(link) if expected == "gone" => Ok(link),
            LinkEvent::Left(left) if expected == "left" => Ok(left.link),
            other => bail!("{other:?} instead of {expected}"),
        }
    };
    netns.run("ip link add eth8 type veth peer name peer8")?;
    assert_eq!(told("appeared").await?.name, "eth8");
    netns.run("ip link set eth8 up")?;
    netns.run("ip link set eth8 down")?;
    netns.run("ip link set eth8 name eth9")?;
    assert_eq!(told("renamed").await?.name, "eth9");
    netns.run("ip link set eth9 name wan9")?;
    assert_eq!(told("left").await?.name, "eth9");
    netns.run("ip link delete eth7")?;
    assert_eq!(told("gone").await?.name, "eth7");
    drop(events);
    watcher.await??;

    netns.run("ip address add 198.51.100.1/24 dev wan9")?;
    netns.run("ip link set wan9 up")?;
    netns.run("ip route add default via 198.51.100.2")?;
    let watch = LinkWatch::new(LinkPatterns::new(["auto"])?, Missing::Refused, &[])?;
    assert_eq!(names(&watch), ["wan9"]);
    Ok(())
}

#[test]
fn auto_follows_the_default_routes_of_both_families() -> Result<()> {
    if !root("following default routes") {
        return Ok(());
    }
    let netns = Netns::new("kn-auto")?;
    for number in 1..=3 {
        netns.run(&format!("ip link add wan{number} type veth peer name peer{number}"))?;
        netns.run(&format!("ip address add 198.51.{number}.1/24 dev wan{number}"))?;
        netns.run(&format!("ip address add 2001:db8:{number}::1/64 dev wan{number} nodad"))?;
        netns.run(&format!("ip link set wan{number} up"))?;
        netns.run(&format!("ip link set peer{number} up"))?;
    }
    netns.run("ip route add default via 198.51.1.2")?;
    netns.run("ip -6 route add default via 2001:db8:2::2")?;
    netns.enter(|| -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(follow_routes(&netns))
    })?
}

async fn follow_routes(netns: &Netns) -> Result<()> {
    let watch = LinkWatch::new(LinkPatterns::new(["auto"])?, Missing::Refused, &[])?;
    let names: Vec<_> = watch.selection().links().map(|link| link.name.clone()).collect();
    assert_eq!(names, ["wan1", "wan2"]);
    let (sender, mut events) = mpsc::channel(16);
    let watcher = tokio::spawn(watch.run(sender));
    let mut told = async || -> Result<String> {
        let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await?;
        Ok(match event.context("the watch ended")? {
            LinkEvent::Appeared(link) => format!("{} appeared", link.name),
            LinkEvent::Left(left) => format!("{} left", left.link.name),
            other => bail!("{other:?}"),
        })
    };
    netns.run("ip route replace default via 198.51.3.2")?;
    assert_eq!(told().await?, "wan1 left");
    assert_eq!(told().await?, "wan3 appeared");
    netns.run("ip -6 route replace default via 2001:db8:1::2")?;
    assert_eq!(told().await?, "wan2 left");
    assert_eq!(told().await?, "wan1 appeared");
    // One that is gone leaves everything as it is, and so do routes to elsewhere.
    netns.run("ip route delete default")?;
    netns.run("ip route add 203.0.113.0/24 via 198.51.2.2")?;
    netns.run("ip route add default via 198.51.2.2")?;
    assert_eq!(told().await?, "wan3 left");
    assert_eq!(told().await?, "wan2 appeared");
    drop(events);
    watcher.await??;
    Ok(())
}

/// The verifier's whole log is kept for whoever is to find out why, and its end is told.
#[test]
fn a_program_that_the_verifier_refuses_leaves_its_log() -> Result<()> {
    if !root("a program that is refused") {
        return Ok(());
    }
    // Every `exit` becomes a jump that leads nowhere.
    const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];
    const JUMP: [u8; 8] = [0x05, 0, 0xff, 0x7f, 0, 0, 0, 0];
    let mut object = sensor_object::OBJECT.to_vec();
    object
        .as_chunks_mut::<8>()
        .0
        .iter_mut()
        .filter(|word| **word == EXIT)
        .for_each(|word| *word = JUMP);
    let directory = tempfile::tempdir()?;
    let verifier_logs = Directory(directory.path().to_owned());
    let options = Options { memory: 0, verifier_logs, ..Options::default() };
    let Err(error) = sensor_kernel::load(&object, options) else { bail!("it was loaded") };
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let file = fs::read_dir(directory.path())?.next().context("a file")??;
    let log = fs::read_to_string(file.path())?;
    let said = error.to_string();
    assert!(
        said.contains(&format!("log is in {} and ends with:\n", file.path().display())),
        "{said}"
    );
    let last = log.lines().rfind(|line| !line.trim().is_empty()).context("a line")?;
    assert!(said.ends_with(last), "{said}");
    assert_eq!(file.metadata()?.permissions().mode() & 0o777, 0o600);
    Ok(())
}
