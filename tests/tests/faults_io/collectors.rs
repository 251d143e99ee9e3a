//! Collectors that end, fall silent, come back, or have moved meanwhile.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};
use tests::{
    agent::Outcome,
    collector::{Collector, Manner},
    netns::Netns,
    peers::wait_until,
    pki::Pki,
    root,
};

use crate::{
    receiver::Datagrams,
    site::{Site, figure, lines, offered},
};

/// The name of collectors, which their certificates have as well.
const NAME: &str = "collector.test";
const UDP: &str = "udp://192.0.2.1:4739";
const NAMED_UDP: &str = "udp://collector.test:4741";
const TCP: &str = "tcp://192.0.2.1:4739";
const TLS: &str = "tls://collector.test:4740";

fn address(text: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| text.to_owned())
}

/// What the hosts of a namespace are called, as programs see it that `ip netns exec` starts there.
struct Names {
    directory: PathBuf,
}

impl Names {
    fn new(netns: &Netns, address: &str) -> Result<Self> {
        let directory = PathBuf::from("/etc/netns").join(netns.name());
        fs::create_dir_all(&directory)?;
        let names = Self { directory };
        fs::write(names.file(), Self::text(address))?;
        Ok(names)
    }

    fn file(&self) -> PathBuf {
        self.directory.join("hosts")
    }

    /// Of one length, so that one write changes it: programs have this file mounted, another in its place they would not see.
    fn text(address: &str) -> String {
        format!("127.0.0.1 localhost\n{address:<15} {NAME}\n")
    }

    fn lead_to(&self, address: &str) -> Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.file())?;
        Ok(file.write_all(Self::text(address).as_bytes())?)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
        // Only where no other namespace has files.
        let _ = fs::remove_dir("/etc/netns");
    }
}

/// The configuration with these collectors, whose queues take `queue` records.
fn config(urls: &[&str], queue: u64, pki: &Pki) -> String {
    let file = |name: &str| pki.directory.path().join(name).display().to_string();
    let mut text = format!("[export]\nqueue = {queue}\n");
    for url in urls {
        text += &format!("[[collector]]\nurl = '{url}'\n");
        if url.starts_with("tls") {
            let [ca, certificate, key] = ["ca.pem", "client.pem", "client.key"].map(file);
            text += &format!(
                "[collector.tls]\nca = '{ca}'\ncertificate = '{certificate}'\nkey = '{key}'\n"
            );
        }
    }
    text
}

/// The three collectors of the far side.
struct Collectors {
    udp: Datagrams,
    tcp: Collector,
    tls: Collector,
}

impl Collectors {
    fn start(far: &Netns, pki: &Pki) -> Result<Self> {
        let manner = pki.manner()?;
        Ok(Self {
            udp: Datagrams::start(far, address("192.0.2.1:4739")?)?,
            tcp: far.enter(|| Collector::start_on(address("192.0.2.1:4739")?, Manner::Reads))??,
            tls: far.enter(|| Collector::start_on(address("192.0.2.1:4740")?, manner))??,
        })
    }

    /// Flow records that each has received.
    fn flows(&self) -> [u64; 3] {
        [self.udp.received().flows, self.tcp.received().totals().0, self.tls.received().totals().0]
    }

    fn faults(&self) -> Vec<String> {
        let [tcp, tls] = [&self.tcp, &self.tls].map(|collector| collector.received().faults);
        [self.udp.received().faults, tcp, tls].concat()
    }
}

/// What the kernel of a namespace has counted, by its name in `/proc/net/snmp`.
fn counted(netns: &Netns, protocol: &str, name: &str) -> Result<u64> {
    let text = netns.run("cat /proc/net/snmp")?;
    let mut rows = text.lines().filter_map(|line| line.strip_prefix(protocol));
    let (names, values) = (rows.next().context("names")?, rows.next().context("values")?);
    let at = names.split_whitespace().position(|found| found == name).context("a counter")?;
    Ok(values.split_whitespace().nth(at).context("a value")?.parse()?)
}

/// The log tells of one outage of `url` and of one end.
fn told_once(outcome: &Outcome, url: &str) -> Result<()> {
    let name = format!("collector={url}");
    for part in ["not exporting", "exporting again"] {
        let told = lines(&outcome.stderr, &[&name, part]);
        ensure!(told.len() == 1, "{url}: `{part}` {} times: {}", told.len(), outcome.stderr);
    }
    Ok(())
}

#[test]
fn collectors_that_end_and_come_back() -> Result<()> {
    const URLS: [&str; 3] = [UDP, TCP, TLS];
    const QUEUE: u64 = 1024;
    if !root("collectors in a namespace") {
        return Ok(());
    }
    let (near, far) = (Netns::new("fo-near")?, Netns::new("fo-far")?);
    far.veth("va", &near, "vb")?;
    let _names = Names::new(&near, "192.0.2.1")?;
    let (pki, stranger) = (Pki::new()?, Pki::new()?);
    let first = Collectors::start(&far, &pki)?;
    let mut site = Site::start(Some(&near), &config(&URLS, QUEUE, &pki), "--print none")?;
    site.feed(100)?;
    wait_until("all is received", || first.flows() == [100; 3])?;
    ensure!(first.faults().is_empty(), "{:?}", first.faults());
    let before = first.flows();
    drop(first);

    // A datagram must be refused before that is noticed.
    wait_until("all outages are noticed", || {
        let fed = site.feed(1).is_ok();
        let is_down = |url| site.output("sinks", url).is_ok_and(|sink| sink["connected"] == false);
        fed && URLS.into_iter().all(is_down)
    })?;
    // An empty queue takes a batch of any size; these are smaller than it.
    for _ in 0..8 {
        site.feed(250)?;
        for url in URLS {
            site.wait_for("sinks", url, |sink| offered(sink) == site.fed)?;
        }
    }
    for url in URLS {
        let sink = site.output("sinks", url)?;
        let (queued, not_sent) = (figure(&sink, "queued"), figure(&sink, "not_sent"));
        ensure!(queued <= QUEUE && queued > QUEUE / 2 && not_sent > 0, "{sink:#}");
        ensure!(sink["outages"] == 1 && sink["error"].is_string(), "{sink:#}");
        let connected = site.metric(&format!("sensor_collector_connected{{sink=\"{url}\"}}"))?;
        ensure!(connected == Some(0.0), "{url}: {connected:?}");
    }
    // Each tries again and again, with longer and longer waits.
    wait_until("each has tried twice", || {
        let refused = || {
            Ok::<_, anyhow::Error>((
                counted(&far, "Tcp:", "OutRsts")?,
                counted(&far, "Udp:", "NoPorts")?,
            ))
        };
        refused().is_ok_and(|(tcp, udp)| tcp >= 6 && udp >= 3)
    })?;
    // Who comes in the place of the collector is asked for its certificate.
    let manner = stranger.manner()?;
    let foreign = far.enter(|| Collector::start_on(address("192.0.2.1:4740")?, manner))??;
    site.wait_for("sinks", TLS, |sink| {
        sink["error"].as_str().is_some_and(|error| error.contains("UnknownIssuer"))
    })?;
    ensure!(foreign.received().records.is_empty(), "a stranger got data");
    drop(foreign);

    let second = Collectors::start(&far, &pki)?;
    for url in URLS {
        let sink = site.wait_for_all("sinks", url)?;
        ensure!(sink["connected"] == true, "{sink:#}");
        let connected = site.metric(&format!("sensor_collector_connected{{sink=\"{url}\"}}"))?;
        ensure!(connected == Some(1.0), "{url}: {connected:?}");
    }
    site.feed(100)?;
    for url in URLS {
        site.wait_for_all("sinks", url)?;
    }
    let fed = site.fed;
    let (outcome, _directory) = site.stop()?;
    for (at, url) in URLS.into_iter().enumerate() {
        let (sent, not_sent) = outcome.account(url).context(url)?;
        ensure!(sent + not_sent == fed, "{url}: {sent} + {not_sent}, not {fed}");
        wait_until("all that was sent is read", || before[at] + second.flows()[at] == sent)
            .with_context(|| format!("{url}: {sent} sent, {:?} received", second.flows()))?;
        told_once(&outcome, url)?;
    }
    ensure!(second.faults().is_empty(), "templates first, no gaps: {:?}", second.faults());
    Ok(())
}

/// No answer at all, as from a host without power; what has a name is at another address when it is there again.
#[test]
fn collectors_that_fall_silent_and_move() -> Result<()> {
    const URLS: [&str; 3] = [NAMED_UDP, TCP, TLS];
    if !root("collectors in a namespace") {
        return Ok(());
    }
    let (near, far, there) = (Netns::new("fo-near")?, Netns::new("fo-far")?, Netns::new("fo-new")?);
    far.veth("va", &near, "vb")?;
    there.run(&format!("ip link add vc type veth peer name vd netns {}", near.name()))?;
    for (netns, device, host) in [(&there, "vc", 1), (&near, "vd", 2)] {
        netns.run(&format!("ip address add 198.51.100.{host}/24 dev {device}"))?;
        netns.run(&format!("ip link set {device} up"))?;
    }
    let names = Names::new(&near, "192.0.2.1")?;
    let pki = Pki::new()?;
    let (old, new) = (pki.manner()?, pki.manner()?);
    let tcp = far.enter(|| Collector::start_on(address("192.0.2.1:4739")?, Manner::Reads))??;
    let old_tls = far.enter(|| Collector::start_on(address("192.0.2.1:4740")?, old))??;
    let old_udp = Datagrams::start(&far, address("192.0.2.1:4741")?)?;
    let new_tls = there.enter(|| Collector::start_on(address("198.51.100.1:4740")?, new))??;
    let new_udp = Datagrams::start(&there, address("198.51.100.1:4741")?)?;
    let text = config(&URLS, 65_536, &pki);
    let mut site = Site::start(Some(&near), &text, "--print none")?;
    site.feed(100)?;
    wait_until("all is received", || {
        let [tcp, tls] = [&tcp, &old_tls].map(|collector| collector.received().totals().0);
        [tcp, tls, old_udp.received().flows] == [100; 3]
    })?;

    far.run("ip link set va down")?;
    names.lead_to("198.51.100.1")?;
    site.feed(200)?;
    // TCP finds out by itself, and whoever has moved is found where it is.
    for url in [TCP, TLS] {
        site.wait_for("sinks", url, |sink| sink["outages"] == 1)?;
    }
    site.wait_for("sinks", TLS, |sink| sink["connected"] == true)?;
    wait_until("the name is resolved anew", || {
        site.said(&["the name now resolves to 198.51.100.1:4741"]).len() == 1
    })?;
    let after = site.fed;
    site.feed(100)?;
    wait_until("datagrams go there", || new_udp.received().flows >= site.fed - after)?;
    far.run("ip link set va up")?;
    for url in URLS {
        site.wait_for_all("sinks", url)?;
    }
    let fed = site.fed;
    let (outcome, _directory) = site.stop()?;
    for url in URLS {
        let (sent, not_sent) = outcome.account(url).context(url)?;
        ensure!(sent + not_sent == fed, "{url}: {sent} + {not_sent}, not {fed}");
        let (got, faults) = match url {
            TCP => (tcp.received().totals().0, tcp.received().faults),
            TLS => {
                let [old, new] = [&old_tls, &new_tls].map(Collector::received);
                (old.totals().0 + new.totals().0, new.faults)
            }
            // Nobody tells of datagrams that vanish: but for those, all of them.
            _ => {
                ensure!(not_sent == 0 && new_udp.received().flows == fed - after, "{outcome:?}");
                (sent, [old_udp.received().faults, new_udp.received().faults].concat())
            }
        };
        ensure!(got == sent, "{url}: {got} of {sent}: {}", outcome.stderr);
        let faults: Vec<_> = faults.iter().filter(|fault| !is_end(fault)).collect();
        ensure!(faults.is_empty(), "{url}: {faults:?}");
        if url != NAMED_UDP {
            ensure!(not_sent > 0, "{url}: what was sent into the silence is not known: {sent}");
            told_once(&outcome, url)?;
        }
    }
    Ok(())
}

/// How a connection looks from the end that was cut off.
fn is_end(fault: &str) -> bool {
    ["reset by peer", "timed out", "unexpected end", "close_notify"]
        .iter()
        .any(|end| fault.contains(end))
}
