//! Programs that the verbs start, and the Debian packages that bring them.
//!
//! A program is looked for by its file, not by its package: one built by hand serves as well. Only when something is
//! missing is apt asked at all.

use std::process::Command;

use anyhow::Result;

use crate::{process, stages::Skip};

/// A purpose that programs serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Second opinions on captures and exports in files; without root, their tests say that they compare nothing.
    Host,
    /// Two namespaces, traffic, a collector.
    Demo,
    /// Frames over a veth pair.
    Bench,
    /// Traffic and peers of the labs.
    Labs,
    /// The runtime of the fuzz targets is C++.
    Fuzz,
    /// The virtual machine with another kernel.
    Machine,
    /// Packages of the agent.
    Package,
    /// The console's page.
    Web,
    /// What it is tested in.
    Browser,
}

use Need::{Bench, Browser, Demo, Fuzz, Host, Labs, Machine, Package, Web};

/// The module by which rsyslogd speaks TLS: no program, so that its whole path is looked for.
const RSYSLOG_TLS: &str = if cfg!(target_arch = "aarch64") {
    "/usr/lib/aarch64-linux-gnu/rsyslog/lmnsd_gtls.so"
} else {
    "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so"
};

/// A browser without one measures and shows nothing.
const FONT: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

/// No program for people, in no `PATH`.
const JOURNALD: &str = "/lib/systemd/systemd-journald";

/// Debian package, a program in it, and who starts that program.
const PROGRAMS: &[(&str, &str, &[Need])] = &[
    ("iproute2", "ip", &[Bench, Demo, Labs, Machine]),
    ("iputils-ping", "ping", &[Demo, Labs]),
    ("nfdump", "nfcapd", &[Bench, Demo, Host, Labs]),
    ("softflowd", "softflowd", &[Bench, Labs]),
    ("pmacct", "pmacctd", &[Labs]),
    ("tshark", "tshark", &[Host, Labs]),
    ("tcpdump", "tcpdump", &[Labs]),
    ("tcpreplay", "tcpreplay", &[Labs]),
    ("iperf3", "iperf3", &[Labs]),
    ("nmap", "nmap", &[Labs]),
    ("ethtool", "ethtool", &[Labs, Machine]),
    ("procps", "pkill", &[Labs]),
    ("prometheus", "prometheus", &[Labs]),
    ("rsyslog", "rsyslogd", &[Labs]),
    ("systemd", JOURNALD, &[Labs]),
    ("rsyslog-gnutls", RSYSLOG_TLS, &[Labs]),
    ("python3", "python3", &[Bench, Labs]),
    ("python3-pip", "pip3", &[Bench, Labs]),
    ("nodejs", "node", &[Labs, Web]),
    ("npm", "npm", &[Labs, Web]),
    ("nats-server", "nats-server", &[Bench, Labs]),
    ("chromium", "chromium", &[Browser]),
    ("fonts-dejavu-core", FONT, &[Browser]),
    ("g++", "c++", &[Fuzz]),
    ("qemu-system-x86", "qemu-system-x86_64", &[Machine]),
    ("busybox-static", "busybox", &[Machine]),
    ("cpio", "cpio", &[Machine]),
    ("kmod", "modprobe", &[Machine]),
    ("libteam-utils", "teamd", &[Machine]),
    ("wireguard-tools", "wg", &[Machine]),
    ("xz-utils", "xz", &[Labs, Machine, Package]),
    ("dpkg", "dpkg-deb", &[Labs, Package]),
    ("rpm", "rpmbuild", &[Labs, Package]),
    ("binutils", "objdump", &[Labs, Package]),
    ("debootstrap", "debootstrap", &[Labs]),
    ("skopeo", "skopeo", &[Labs]),
    ("strace", "strace", &[Labs]),
];

/// The packages whose programs `needs` lack here.
pub fn missing(needs: &[Need]) -> Vec<&'static str> {
    PROGRAMS
        .iter()
        .filter(|(_, _, users)| users.iter().any(|user| needs.contains(user)))
        .filter(|(_, program, _)| process::find_program(program).is_none())
        .map(|(package, _, _)| *package)
        .collect()
}

/// Whether this process may install Debian packages.
pub fn can_install() -> bool {
    process::is_root() && has_apt()
}

/// Whether the archive has all of these packages, after a fresh look at it.
///
/// # Errors
/// When the package lists cannot be fetched.
pub fn available(packages: &[&str]) -> Result<bool> {
    update()?;
    Ok(packages.iter().all(|package| {
        process::succeeds(Command::new("apt-cache").args(["show", "--no-all-versions", package]))
    }))
}

/// Installs `packages` as root on Debian; elsewhere says what to install. Nothing to do for an empty list.
///
/// # Errors
/// [`Skip`] when it may not or cannot; whatever apt says when it fails.
pub fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if !has_apt() {
        let text = format!("missing programs of these packages (Debian names): {list}");
        return Err(Skip(text).into());
    }
    let command = format!("apt-get install --no-install-recommends {list}");
    if !process::is_root() {
        return Err(Skip(format!("missing packages; install them as root: {command}")).into());
    }
    println!("setup: {command}");
    update()?;
    process::run(apt_get().args(["install", "-qq", "--no-install-recommends"]).args(packages))
}

/// Fetches the package lists.
///
/// # Errors
/// When apt does.
pub fn update() -> Result<()> {
    process::run(apt_get().args(["update", "-qq"]))
}

fn has_apt() -> bool {
    process::find_program("apt-get").is_some()
}

/// Some packages ask questions at a terminal; nobody is there to answer.
fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_is_listed_once_and_serves_somebody() {
        for (index, (package, program, users)) in PROGRAMS.iter().enumerate() {
            assert!(!users.is_empty(), "{package} serves nobody");
            let again = PROGRAMS[index + 1..].iter().any(|(p, q, _)| p == package || q == program);
            assert!(!again, "{package} is listed twice");
        }
    }
}
