//! Two hosts, a router, and every device between them that packets change their form on.
//!
//! All devices live at once, each with a network of its own: `10.8.n.1` and `fd08:n::1` near, `.2` and `::2` far, so that
//! the address chooses the device. What a line of a table can say is in [`DEVICES`]; the others have their functions.

mod big;
mod devices;

use std::{
    fs,
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tests::{
    netns::Netns,
    peers::{Peer, wait_until},
};

use self::devices::{Carries::Both, DEVICES, INNER, PAIRS, path};
pub use self::devices::{Path, Sees};
use crate::pppoe;

/// All of it; goes when this is dropped.
#[derive(Debug)]
pub struct Network {
    /// The namespaces of the two hosts, and of a router beside their wire.
    pub near: Netns,
    /// See `near`.
    pub far: Netns,
    /// See `near`.
    pub router: Netns,
    /// The ways between the hosts.
    pub paths: Vec<Path>,
    /// Whether this kernel has BIG TCP over IPv4.
    pub big_tcp_v4: bool,
    _teams: Vec<Peer>,
    _sessions: Vec<pppoe::End>,
    directory: TempDir,
}

/// Keys of WireGuard for the tests, private and public: near, far.
const KEYS: [[&str; 2]; 2] = [
    [
        "4NCJSgm4mQubRD2y/wCpAEC7Zdhzx4bDJbUMce07lE0=",
        "bF92xGsXQykgNDIeFMI2p8P+1VD2aZNyAz3ZOZ7DWDM=",
    ],
    [
        "AMDrEC4sypJsImHKIsvfW7FsHcQa/q0A7bDHAvx7GlA=",
        "E3oZzGStMyiSEnI6f6f8c5LxRk8pIUwExPyzT83jsFc=",
    ],
];

/// Largest super-packet of the device `big`: more than an IP header can say.
const BIG: u32 = 180_000;

impl Network {
    /// The one that all tests use: making it takes as long as sending over it. It stays until the machine goes.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Network> = OnceLock::new();
        if let Some(network) = SHARED.get() {
            return Ok(network);
        }
        let network = Self::new()?;
        Ok(SHARED.get_or_init(|| network))
    }

    /// The path of that name.
    ///
    /// # Panics
    /// When there is none.
    pub fn path(&self, name: &str) -> &Path {
        self.paths.iter().find(|path| path.name == name).expect("the name of a path")
    }

    /// The devices of an end that programs see the packets of `paths` at.
    pub fn devices(end: usize, paths: &[&Path]) -> Vec<String> {
        let mut devices: Vec<_> = paths.iter().map(|path| path.device_at(end).to_owned()).collect();
        devices.sort();
        devices.dedup();
        devices
    }

    /// Those of all paths, and the pairs under them.
    pub fn all_devices(&self, end: usize) -> Vec<String> {
        let mut devices = Self::devices(end, &self.paths.iter().collect::<Vec<_>>());
        devices.extend(PAIRS.map(str::to_owned));
        devices.sort();
        devices.dedup();
        devices
    }

    /// Makes all devices that this kernel has modules for.
    ///
    /// # Errors
    /// When one of the programs fails that make them.
    fn new() -> Result<Self> {
        let (near, far, router) =
            (Netns::new("vm-near")?, Netns::new("vm-far")?, Netns::new("vm-mid")?);
        let mut network = Self {
            near,
            far,
            router,
            paths: Vec::new(),
            big_tcp_v4: big::has_v4()?,
            _teams: Vec::new(),
            _sessions: Vec::new(),
            directory: tempfile::tempdir()?,
        };
        network.sysctl()?;
        network.pairs()?;
        network.make_devices()?;
        network.wireguard()?;
        network.team()?;
        network.ppp()?;
        network.wait_for_masters()?;
        Ok(network)
    }

    fn ends(&self) -> [(&Netns, usize); 2] {
        [(&self.near, 1), (&self.far, 2)]
    }

    fn sysctl(&self) -> Result<()> {
        for netns in [&self.near, &self.far, &self.router] {
            netns.enter(|| -> Result<()> {
                for (name, value) in [
                    // Addresses are used at once.
                    ("ipv6/conf/default/accept_dad", "0"),
                    ("ipv6/conf/all/accept_dad", "0"),
                    ("ipv4/conf/all/rp_filter", "0"),
                    ("ipv4/conf/default/rp_filter", "0"),
                    // Else the macvlan would answer for the addresses of the wire.
                    ("ipv4/conf/all/arp_ignore", "1"),
                    ("ipv4/ip_forward", "1"),
                    ("ipv6/conf/all/forwarding", "1"),
                    ("ipv4/tcp_l3mdev_accept", "1"),
                    ("ipv4/udp_l3mdev_accept", "1"),
                    ("mpls/platform_labels", "1000"),
                    // Super-packets are as large as they may be, however long the way takes here.
                    ("ipv4/tcp_tso_rtt_log", "31"),
                ] {
                    let path = format!("/proc/sys/net/{name}");
                    fs::write(&path, value).with_context(|| format!("write {value} to {path}"))?;
                }
                Ok(())
            })??;
        }
        Ok(())
    }

    fn pairs(&self) -> Result<()> {
        let far = self.far.name();
        let mut lines: Vec<_> = PAIRS
            .iter()
            .map(|name| format!("link add {name} type veth peer name {name} netns {far}"))
            .collect();
        let router = self.router.name();
        lines.push(format!("link add forwarded type veth peer name in netns {router}"));
        lines.push(format!("link add vrf-1 type veth peer name vrf0 netns {far}"));
        self.ip(&self.near, &lines)?;
        self.ip(
            &self.far,
            &[format!("link add forwarded type veth peer name out netns {router}")],
        )?;
        self.ip(
            &self.router,
            &[
                "address add 10.7.1.254/24 dev in",
                "address add fd07:1::fe/64 dev in",
                "address add 10.7.2.254/24 dev out",
                "address add fd07:2::fe/64 dev out",
                "link set in up",
                "link set out up",
            ]
            .map(str::to_owned),
        )?;
        // Forwarded super-packets keep their parts in a list, and the device that they leave by cuts nothing.
        self.router.run("ethtool -K in gro on rx-gro-list on")?;
        self.router.run("ethtool -K out tx-gso-list off tx-udp-segmentation off")?;
        self.near.run("ethtool -K forwarded tx-udp-segmentation off tso off")?;
        // Most network cards cannot cut SCTP.
        self.near.run("ethtool -K vrf-1 tx-sctp-segmentation off")?;
        for netns in [&self.near, &self.far] {
            self.ip(netns, &[format!("link set big gso_max_size {BIG} gro_max_size {BIG}")])?;
            if self.big_tcp_v4 {
                big::allow_v4(netns, "big", BIG)?;
            }
        }
        Ok(())
    }

    fn make_devices(&mut self) -> Result<()> {
        let paths = devices::paths();
        for (netns, end) in self.ends() {
            let other = 3 - end;
            let mut lines = Vec::new();
            for pair in PAIRS {
                // What will be a member must be down until then.
                if !pair.starts_with("bond-") && !pair.starts_with("team-") {
                    lines.push(format!("link set {pair} up"));
                }
            }
            lines.push(format!("address add 10.9.0.{end}/24 dev wire"));
            lines.push(format!("address add fd09::{end}/64 dev wire nodad"));
            for (_, _, make) in DEVICES {
                lines.extend(make.iter().map(|line| {
                    line.replace("{here}", &format!("10.9.0.{end}"))
                        .replace("{there}", &format!("10.9.0.{other}"))
                        .replace("{here6}", &format!("fd09::{end}"))
                        .replace("{there6}", &format!("fd09::{other}"))
                }));
            }
            lines.extend(
                ["bond-1", "bond-2"].map(|member| format!("link set {member} master bond")),
            );
            if end == 1 {
                lines.push("link add vrf0 type vrf table 10".to_owned());
                lines.push("link set vrf0 up".to_owned());
                lines.push("link set vrf-1 master vrf0".to_owned());
            }
            lines.push(format!("link add name {INNER} type dummy"));
            for path in &paths {
                let device = match (path.name, end) {
                    ("ipsec" | "mpls", _) => INNER,
                    ("vrf", 1) => "vrf-1",
                    (_, _) => path.device,
                };
                lines.extend(path.addresses(end, device));
                lines.push(format!("link set {device} up"));
            }
            // Without a remote end the neighbour tells where packets go; mgre is the seventh path.
            for network in ["10.8.7.", "fd08:7::"] {
                lines
                    .push(format!("neighbour add {network}{other} lladdr 10.9.0.{other} dev mgre"));
            }
            lines.push(format!("route add 10.7.{other}.0/24 via 10.7.{end}.254"));
            lines.push(format!("route add fd07:{other}::/64 via fd07:{end}::fe"));
            lines.extend(ipsec(end, other));
            lines.push(format!("-M route add {} dev lo", 100 + end));
            lines.push(format!(
                "route add 10.8.61.{other}/32 encap mpls {} via 10.9.0.{other} dev wire src 10.8.61.{end}",
                100 + other
            ));
            self.ip(netns, &lines).with_context(|| format!("end {end}"))?;
            netns.enter(|| fs::write("/proc/sys/net/mpls/conf/wire/input", "1"))??;
        }
        self.paths = paths;
        Ok(())
    }

    fn wireguard(&self) -> Result<()> {
        for ((netns, end), (mine, theirs)) in
            self.ends().into_iter().zip([(KEYS[0], KEYS[1]), (KEYS[1], KEYS[0])])
        {
            let key = self.directory.path().join(format!("key-{end}"));
            fs::write(&key, mine[0])?;
            netns.run(&format!(
                "wg set wireguard private-key {} listen-port 51820 peer {} allowed-ips 0.0.0.0/0,::/0 \
                 endpoint 10.9.0.{}:51820",
                key.display(),
                theirs[1],
                3 - end
            ))?;
        }
        Ok(())
    }

    /// teamd decides what members do.
    fn team(&mut self) -> Result<()> {
        let settings = r#"{"runner":{"name":"activebackup"},"link_watch":{"name":"ethtool"},"ports":{"team-1":{},"team-2":{}}}"#;
        let path = path("team", "team", 63, Both);
        let mut teams = Vec::new();
        for (netns, end) in self.ends() {
            let pid = self.directory.path().join(format!("team-{end}.pid"));
            let mut teamd = netns.command("teamd");
            teamd.args(["-t", "team", "-c", settings, "-p"]).arg(pid);
            teams.push(Peer::start(teamd.stdout(Stdio::null()))?);
            // One after the other: their sockets have the same path, which each of them removes before it binds to it.
            wait_until("teamd has made its device", || has(netns, "team"))?;
            let mut lines = path.addresses(end, "team");
            lines.push("link set team up".to_owned());
            self.ip(netns, &lines)?;
        }
        self.paths.push(path);
        self._teams = teams;
        Ok(())
    }

    /// A PPPoE session, where the kernel has PPP.
    fn ppp(&mut self) -> Result<()> {
        if !fs::exists("/dev/ppp")? {
            return Ok(());
        }
        let macs = [&self.near, &self.far].map(|netns| mac(netns, "line"));
        let [near, far] = macs;
        let (near, far) = (near?, far?);
        let sessions =
            vec![pppoe::dial(&self.near, "line", far)?, pppoe::dial(&self.far, "line", near)?];
        let path = path("pppoe", "ppp0", 64, Both);
        for (netns, end) in self.ends() {
            let other = 3 - end;
            self.ip(
                netns,
                &[
                    "link set ppp0 mtu 1492 up".to_owned(),
                    format!("address add 10.8.64.{end} peer 10.8.64.{other} dev ppp0"),
                    format!("address add fd08:64::{end}/64 dev ppp0 nodad"),
                ],
            )?;
        }
        self._sessions = sessions;
        self.paths.push(path);
        Ok(())
    }

    fn wait_for_masters(&self) -> Result<()> {
        for (netns, _) in self.ends() {
            for master in ["bond", "team"] {
                wait_until(&format!("{master} is up"), || {
                    netns
                        .run(&format!("cat /sys/class/net/{master}/operstate"))
                        .is_ok_and(|state| state.trim() == "up")
                })?;
            }
        }
        Ok(())
    }

    /// Lines of ip(8), run by one process: starting one is what costs.
    fn ip(&self, netns: &Netns, lines: &[String]) -> Result<()> {
        let file = self.directory.path().join("lines");
        // MPLS routes are a family of their own, for which ip wants an option.
        let (options, lines): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| line.starts_with('-'));
        for line in options {
            netns.run(&format!("ip {line}"))?;
        }
        fs::write(&file, lines.into_iter().map(|line| format!("{line}\n")).collect::<String>())?;
        let output = Command::new("ip")
            .args(["-netns", netns.name(), "-batch"])
            .arg(&file)
            .output()
            .context("start ip")?;
        let text = fs::read_to_string(&file)?;
        ensure!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

/// ESP in tunnel mode between addresses of dummy devices (RFC 4303).
fn ipsec(end: usize, other: usize) -> Vec<String> {
    let mut lines =
        vec![format!("route add 10.8.60.{other}/32 via 10.9.0.{other} src 10.8.60.{end}")];
    for (from, to) in [(1, 2), (2, 1)] {
        lines.push(format!(
            "xfrm state add src 10.9.0.{from} dst 10.9.0.{to} proto esp spi 0x{from} mode tunnel \
             enc cbc(aes) 0x0102030405060708090a0b0c0d0e0f10 \
             auth hmac(sha256) 0x0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10"
        ));
        let way = if from == end { "out" } else { "in" };
        lines.push(format!(
            "xfrm policy add src 10.8.60.{from} dst 10.8.60.{to} dir {way} \
             tmpl src 10.9.0.{from} dst 10.9.0.{to} proto esp mode tunnel"
        ));
    }
    lines
}

fn has(netns: &Netns, device: &str) -> bool {
    netns.run(&format!("ip link show dev {device}")).is_ok()
}

/// The index of a device.
///
/// # Errors
/// When there is no such device.
pub fn index(netns: &Netns, device: &str) -> Result<u32> {
    Ok(netns.run(&format!("cat /sys/class/net/{device}/ifindex"))?.trim().parse()?)
}

/// The MAC address of a device.
///
/// # Errors
/// When there is no such device.
pub fn mac(netns: &Netns, device: &str) -> Result<[u8; 6]> {
    let text = netns.run(&format!("cat /sys/class/net/{device}/address"))?;
    let mut mac = [0; 6];
    for (octet, digits) in mac.iter_mut().zip(text.trim().split(':')) {
        *octet = u8::from_str_radix(digits, 16)?;
    }
    Ok(mac)
}
