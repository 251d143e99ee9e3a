//! Two network namespaces and the wire between them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    process::{self, Command},
};

use anyhow::Result;

use crate::process::run;

/// The end with the sensor. This address and its peer are of those set aside for documentation (RFC 5737, RFC 3849).
pub const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The other end.
pub const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// The same two.
const NEAR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub const FAR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// A host of one security group at the near end, and one of another at the far end: `site/labels.csv` says so.
pub const PRODUCTION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const DEVELOPMENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// Stands for the Internet behind the far end. A black hole of AS112 (RFC 7534): a public address, which those for
/// documentation are not, yet nobody's host; and no packet leaves the namespaces.
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 175, 48, 112);

/// Addresses and lengths of their prefixes.
const NEAR_ADDRESSES: [(IpAddr, u8); 3] =
    [(IpAddr::V4(NEAR), 24), (IpAddr::V6(NEAR_V6), 64), (IpAddr::V4(PRODUCTION), 24)];
const FAR_ADDRESSES: [(IpAddr, u8); 4] = [
    (IpAddr::V4(FAR), 24),
    (IpAddr::V6(FAR_V6), 64),
    (IpAddr::V4(DEVELOPMENT), 24),
    (IpAddr::V4(OUTSIDE), 32),
];

/// The device at both ends. The near one is what the sensor watches: `site/sensor.toml` names it.
const DEVICE: &str = "wire";

/// The namespaces; gone, with all that is in them, when this goes.
pub struct Network {
    near: String,
    far: String,
}

impl Network {
    /// Makes both namespaces and joins them. The names carry this process's number, so that two demonstrations do not
    /// meet.
    ///
    /// # Errors
    /// When `ip` refuses; what was made until then is taken away again.
    pub fn create() -> Result<Self> {
        let name = |end| format!("sensor-demo-{}-{end}", process::id());
        let network = Self { near: name("near"), far: name("far") };
        let (near, far) = (network.near.as_str(), network.far.as_str());
        ip(&["netns", "add", near])?;
        ip(&["netns", "add", far])?;
        let peer = ["type", "veth", "peer", "name", DEVICE, "netns", far];
        ip(&[&["-n", near, "link", "add", DEVICE], &peer[..]].concat())?;
        for (namespace, addresses) in [(near, &NEAR_ADDRESSES[..]), (far, &FAR_ADDRESSES)] {
            for (address, length) in addresses {
                // Without duplicate address detection, which would hold IPv6 back for a second.
                let detection = if address.is_ipv6() { &["nodad"][..] } else { &[] };
                let prefix = format!("{address}/{length}");
                let add = ["-n", namespace, "address", "add", &prefix, "dev", DEVICE];
                ip(&[&add[..], detection].concat())?;
            }
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", namespace, "link", "set", DEVICE, "up"])?;
        }
        ip(&["-n", near, "route", "add", "default", "via", &FAR.to_string()])?;
        Ok(network)
    }

    /// `program`, to be started where the sensor is.
    pub fn near(&self, program: &Path) -> Command {
        inside(&self.near, program)
    }

    /// `program`, to be started at the other end of the wire.
    pub fn far(&self, program: &Path) -> Command {
        inside(&self.far, program)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in [&self.near, &self.far] {
            // Of a network that was not made to the end, one may be missing.
            if Path::new("/run/netns").join(namespace).exists()
                && let Err(error) = ip(&["netns", "delete", namespace])
            {
                eprintln!("warning: {error:#}");
            }
        }
    }
}

/// `ip netns exec` becomes the program, so the child's number is the program's.
fn inside(namespace: &str, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    command
}

fn ip(arguments: &[&str]) -> Result<()> {
    run(Command::new("ip").args(arguments))
}
