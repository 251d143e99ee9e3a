//! The Debian package: deb(5), by dpkg-deb.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{About, fresh, tree::Staged, write};
use crate::process;

/// Scripts of the package (Debian policy chapter 6).
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
const SCRIPTS_AT: &str = "sensor/deploy/package/debian";

/// Writes `sensor_VERSION_ARCH.deb` into `out`.
///
/// # Errors
/// When dpkg-deb refuses, or a file cannot be written.
pub(super) fn write_deb(staged: &Staged, about: &About, out: &Path) -> Result<PathBuf> {
    let root = fresh(&out.join("deb"))?;
    // A copy, since the control files lie inside of the tree.
    process::run(Command::new("cp").arg("-a").arg(staged.root.join(".")).arg(&root))?;
    let size = process::capture(Command::new("du").args(["-ks", "--apparent-size"]).arg(&root))?;
    let size = size.split_whitespace().next().context("du printed no size")?;
    let sums = process::capture(
        Command::new("sh")
            .args(["-c", "find etc usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum"])
            .current_dir(&root),
    )?;
    let control = root.join("DEBIAN");
    fs::create_dir(&control).with_context(|| format!("create {}", control.display()))?;
    write(&control.join("control"), &self::control(about, size))?;
    write(&control.join("md5sums"), &sums)?;
    let files: String = Staged::configuration().map(|path| path + "\n").collect();
    write(&control.join("conffiles"), &files)?;
    for script in SCRIPTS {
        let (from, to) = (Path::new(SCRIPTS_AT).join(script), control.join(script));
        fs::copy(&from, &to).with_context(|| format!("copy {}", from.display()))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
    }
    let package = out.join(format!("{}.deb", about.stem()));
    process::run(
        Command::new("dpkg-deb")
            .env("SOURCE_DATE_EPOCH", &about.time)
            .args(["--root-owner-group", "-Zxz", &format!("-z{}", about.effort), "--build"])
            .args([&root, &package])
            .stdout(std::process::Stdio::null()),
    )?;
    Ok(package)
}

fn control(about: &About, size: &str) -> String {
    let About { version, architecture, glibc, .. } = about;
    format!(
        "Package: sensor\n\
         Version: {version}\n\
         Architecture: {architecture}\n\
         Maintainer: Flow sensor maintainers <maintainers@flow-sensor.example>\n\
         Installed-Size: {size}\n\
         Depends: libc6 (>= {glibc}), libgcc-s1\n\
         Recommends: ca-certificates\n\
         Section: net\n\
         Priority: optional\n\
         Description: flow sensor for Linux hosts\n \
         Counts every packet of the host's interfaces with eBPF, exports IPFIX, receives\n \
         NetFlow, IPFIX and sFlow from routers, and evaluates policies on every flow.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_file_has_what_debian_policy_demands() {
        let about = About {
            version: "1.2.3".to_owned(),
            architecture: "amd64".to_owned(),
            glibc: "2.34".to_owned(),
            time: "0".to_owned(),
            effort: 1,
        };
        let control = control(&about, "12");
        for field in ["Package: sensor", "Version: 1.2.3", "Depends: libc6 (>= 2.34), libgcc-s1"] {
            assert!(control.lines().any(|line| line == field), "{control}");
        }
        // What follows the synopsis is indented, and the file ends with a newline.
        assert!(control.contains("\n Counts every") && control.ends_with(".\n"), "{control}");
    }
}
