//! Two network namespaces and the wire between them.

use std::{
    path::Path,
    process::{self, Command},
};

use anyhow::Result;

use crate::process::run;

/// The interface that the sensor watches.
pub const NEAR_INTERFACE: &str = "wire";

/// Addresses of the far end.
pub const FAR_ADDRESSES: [&str; 2] = ["192.0.2.2", "2001:db8::2"];

const NEAR_PREFIXES: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];
const FAR_PREFIXES: [&str; 2] = ["192.0.2.2/24", "2001:db8::2/64"];

/// The namespaces; gone, with all that is in them, when this goes.
pub struct Network {
    near: String,
    far: String,
}

impl Network {
    /// Makes both namespaces and joins them. The names carry this process's number, so that two demonstrations do not
    /// meet; the addresses are those set aside for documentation (RFC 5737, RFC 3849).
    ///
    /// # Errors
    /// When `ip` refuses; what was made until then is taken away again.
    pub fn create() -> Result<Self> {
        let name = |end| format!("sensor-demo-{}-{end}", process::id());
        let network = Self { near: name("near"), far: name("far") };
        let (near, far) = (network.near.as_str(), network.far.as_str());
        ip(&["netns", "add", near])?;
        ip(&["netns", "add", far])?;
        ip(&[
            "-n",
            near,
            "link",
            "add",
            NEAR_INTERFACE,
            "type",
            "veth",
            "peer",
            "name",
            "wire",
            "netns",
            far,
        ])?;
        for (namespace, prefixes) in [(near, NEAR_PREFIXES), (far, FAR_PREFIXES)] {
            for prefix in prefixes {
                // Without duplicate address detection, which would hold IPv6 back for a second.
                let detection = if prefix.contains(':') { &["nodad"][..] } else { &[] };
                let add = ["-n", namespace, "address", "add", prefix, "dev", "wire"];
                ip(&[&add[..], detection].concat())?;
            }
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", namespace, "link", "set", "wire", "up"])?;
        }
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
