//! The initial file system: busybox, iproute2, kernel modules, the programs to run, and an init that runs them.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{Kernel, MARKER};
use crate::process;

/// What the programs under test use of the kernel, beyond what is built in.
const MODULES: [&str; 40] = [
    // Attaching, and the filters of others.
    "veth",
    "sch_ingress",
    "cls_bpf",
    "cls_matchall",
    "act_gact",
    // Devices over others.
    "8021q",
    "bonding",
    "dummy",
    "macvlan",
    "team",
    "team_mode_activebackup",
    "tun",
    "vrf",
    "wireguard",
    // Tunnels.
    "geneve",
    "ip6_gre",
    "ip6_tunnel",
    "ip_gre",
    "ipip",
    "mpls_gso",
    "mpls_iptunnel",
    "mpls_router",
    "sit",
    "vxlan",
    // SCTP and what its checksum is made of.
    "sctp",
    "crc32c_generic",
    // IPsec, what its algorithms are made of, and the random numbers that it asks for.
    "esp4",
    "esp6",
    "xfrm_user",
    "aes_generic",
    "authenc",
    "cbc",
    "hmac",
    "sha256_generic",
    "ctr",
    "sha512_generic",
    "drbg",
    "echainiv",
    "seqiv",
    // Captures.
    "af_packet",
];

/// Modules that only the kernels with all of them have.
const MODULES_OF_ALL: [&str; 2] = ["ppp_generic", "pppoe"];

/// Programs from this machine. The shell is not that of busybox, which prefers its own, smaller `ip` and `tc` to ours.
const PROGRAMS: [&str; 7] = ["busybox", "ethtool", "ip", "sh", "tc", "teamd", "wg"];

const DIRECTORIES: [&str; 8] = ["bin", "dev", "lib/modules", "proc", "run", "sys", "tmp", "etc"];

/// Writes the archive to `image`.
///
/// # Errors
/// When something that belongs into it is missing.
pub fn build(kernel: &Kernel, files: &[(&Path, &str)], script: &str, image: &Path) -> Result<()> {
    let directory = tempfile::tempdir().context("make a directory for the initial file system")?;
    let tree = Tree(directory.path());
    for name in DIRECTORIES {
        tree.directory(name)?;
    }
    for name in PROGRAMS {
        let program = process::find_program(name)
            .with_context(|| format!("{name} is missing; cargo xtask setup installs it"))?;
        tree.program(&program, &format!("/bin/{name}"))?;
    }
    for (from, to) in files {
        tree.program(from, to)?;
    }
    let modules = tree.modules(kernel)?;
    tree.write("/init", &init(&modules, script))?;
    archive(tree.0, image)
}

/// The first process: brings the machine up, runs the script, says how it ended, and switches off.
fn init(modules: &[String], script: &str) -> String {
    let insert: String = modules.iter().map(|name| format!("insmod {name}\n")).collect();
    format!(
        "#!/bin/sh\n\
         export PATH=/bin HOME=/ RUST_BACKTRACE=1\n\
         /bin/busybox mount -t proc proc /proc\n\
         # Links for all its tools; what is there already stays.\n\
         /bin/busybox --install -s /bin 2>/dev/null\n\
         mount -t sysfs sysfs /sys\n\
         mount -t devtmpfs devtmpfs /dev\n\
         mount -t bpf bpf /sys/fs/bpf\n\
         mount -t tmpfs tmpfs /tmp\n\
         mkdir -p /dev/net /var/run && ln -s /run/netns /var/run/netns\n\
         {insert}\
         ip link set lo up\n\
         cd /\n\
         ({script})\n\
         code=$?\n\
         # On a line of its own, whatever the script printed last.\n\
         echo\n\
         echo {MARKER}$code\n\
         # The console sends what it holds before the machine is gone.\n\
         sleep 1\n\
         poweroff -f\n"
    )
}

/// The file system as a directory of this machine.
struct Tree<'a>(&'a Path);

impl Tree<'_> {
    /// Where the path of the other machine lies here.
    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    fn directory(&self, path: &str) -> Result<()> {
        let path = self.at(path);
        fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))
    }

    fn copy(&self, from: &Path, to: &str) -> Result<()> {
        let to = self.at(to);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
        }
        fs::copy(from, &to)
            .with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
        Ok(())
    }

    fn write(&self, to: &str, text: &str) -> Result<()> {
        let to = self.at(to);
        fs::write(&to, text).with_context(|| format!("write {}", to.display()))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("make {} executable", to.display()))
    }

    /// A program and its shared libraries, these under the paths where the loader looks for them.
    fn program(&self, from: &Path, to: &str) -> Result<()> {
        self.copy(from, to)?;
        for library in libraries(from)? {
            self.copy(&library, &library.to_string_lossy())?;
        }
        Ok(())
    }

    /// Kernel modules, dependencies first; returns their paths there.
    fn modules(&self, kernel: &Kernel) -> Result<Vec<String>> {
        let mut seen = BTreeSet::new();
        let mut paths = Vec::new();
        let more: &[&str] = if kernel.has_all_modules() { &MODULES_OF_ALL } else { &[] };
        for &module in MODULES.iter().chain(more) {
            for file in kernel.module(module)? {
                if !seen.insert(file.clone()) {
                    continue;
                }
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let path = format!("/lib/modules/{}", name.trim_end_matches(".xz"));
                if name.ends_with(".xz") {
                    // The insmod of busybox wants it as it is.
                    let output = fs::File::create(self.at(&path))
                        .with_context(|| format!("create {path}"))?;
                    process::run(Command::new("xz").arg("-dc").arg(&file).stdout(output))?;
                } else {
                    self.copy(&file, &path)?;
                }
                paths.push(path);
            }
        }
        Ok(paths)
    }
}

/// The shared libraries of a program and its loader; none for a static one.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("start ldd")?;
    let said = String::from_utf8_lossy(&output.stdout);
    // Of a static program ldd says so and fails.
    if !output.status.success() {
        return Ok(Vec::new());
    }
    if let Some(line) = said.lines().find(|line| line.contains("not found")) {
        bail!("{} lacks a shared library: {}", program.display(), line.trim());
    }
    Ok(said.lines().filter_map(library).collect())
}

/// `libc.so.6 => /lib/libc.so.6 (0x7f)` and `/lib64/ld.so (0x7f)` name files; the vdso does not.
fn library(line: &str) -> Option<PathBuf> {
    let path = line.split_once("=>").map_or(line, |(_, path)| path).trim();
    let path = path.split(' ').next()?;
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// Packs the tree in the format that the kernel unpacks.
fn archive(tree: &Path, image: &Path) -> Result<()> {
    let list = process::capture(Command::new("find").arg(".").current_dir(tree))?;
    let output = fs::File::create(image).with_context(|| format!("create {}", image.display()))?;
    let mut cpio = Command::new("cpio")
        .args(["--quiet", "--create", "--format=newc", "--owner=0:0"])
        .current_dir(tree)
        .stdin(Stdio::piped())
        .stdout(output)
        .spawn()
        .context("start cpio")?;
    let fed = cpio.stdin.take().context("the input of cpio")?.write_all(list.as_bytes());
    let status = cpio.wait().context("wait for cpio")?;
    fed.context("give cpio the list of files")?;
    if !status.success() {
        bail!("cpio failed: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_the_lines_of_ldd() {
        let check = |line, expected: Option<&str>| {
            assert_eq!(library(line), expected.map(PathBuf::from));
        };
        check("\tlibc.so.6 => /lib/libc.so.6 (0x00007f)", Some("/lib/libc.so.6"));
        check("\t/lib64/ld-linux-x86-64.so.2 (0x00007f)", Some("/lib64/ld-linux-x86-64.so.2"));
        check("\tlinux-vdso.so.1 (0x00007f)", None);
        check("\tstatically linked", None);
    }

    #[test]
    fn init_inserts_modules_before_the_script_and_reports_after_it() {
        let init = init(&["/lib/modules/veth.ko".to_owned()], "/bin/test");
        let at = |text| init.find(text).unwrap();
        assert!(at("insmod /lib/modules/veth.ko") < at("(/bin/test)"));
        assert!(at("(/bin/test)") < at("echo EXIT="));
        assert!(at("echo EXIT=") < at("poweroff"));
    }
}
