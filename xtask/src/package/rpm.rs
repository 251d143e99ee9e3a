//! The package for RPM distributions: a spec file, built by rpmbuild, which also finds the versions of glibc that the binary
//! needs.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{About, fresh, tree::Staged, write};
use crate::process;

/// Scriptlets, by their names in a spec file.
const SCRIPTS: [&str; 3] = ["post", "preun", "postun"];
const SCRIPTS_AT: &str = "sensor/deploy/package/rpm";

/// Debian's name of an architecture, and RPM's.
const ARCHITECTURES: [(&str, &str); 2] = [("amd64", "x86_64"), ("arm64", "aarch64")];

/// Writes `sensor-VERSION-1.ARCH.rpm` into `out`.
///
/// # Errors
/// When rpmbuild fails, or a file cannot be read or written.
pub(super) fn write_rpm(staged: &Staged, about: &About, out: &Path) -> Result<PathBuf> {
    let top = fresh(&out.join("rpm"))?;
    let mut scripts = String::new();
    for name in SCRIPTS {
        let path = Path::new(SCRIPTS_AT).join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        write!(scripts, "\n%{name}\n{text}")?;
    }
    let architecture = architecture(about)?;
    let spec = top.join("sensor.spec");
    write(&spec, &(header(about, &staged.root) + &scripts + &files(&staged.root)?))?;
    process::run(
        Command::new("rpmbuild")
            .env("SOURCE_DATE_EPOCH", &about.time)
            .args(["-bb", "--quiet", "--target", architecture, "--define"])
            .arg(format!("_topdir {}", top.display()))
            .arg(&spec),
    )?;
    let name = format!("sensor-{}-1.{architecture}.rpm", about.version);
    let (from, to) = (top.join("RPMS").join(architecture).join(&name), out.join(name));
    fs::rename(&from, &to).with_context(|| format!("move {}", from.display()))?;
    Ok(to)
}

fn architecture(about: &About) -> Result<&'static str> {
    let mut known = ARCHITECTURES.iter().filter(|(debian, _)| *debian == about.architecture);
    match known.next() {
        Some((_, rpm)) => Ok(rpm),
        None => bail!("no RPM architecture for {}: add it to ARCHITECTURES", about.architecture),
    }
}

/// Tags, and how the tree gets into the package: it is built already, stripped and with its pages compressed.
fn header(about: &About, root: &Path) -> String {
    let About { version, effort, .. } = about;
    format!(
        "Name: sensor\n\
         Version: {version}\n\
         Release: 1\n\
         Summary: Flow sensor for Linux hosts\n\
         License: (MIT OR Apache-2.0) AND (MIT OR Apache-2.0 OR GPL-2.0-only)\n\
         Recommends: ca-certificates\n\
         %define debug_package %{{nil}}\n\
         %define __os_install_post %{{nil}}\n\
         %define _build_id_links none\n\
         %define _binary_payload w{effort}.xzdio\n\
         %define _buildhost localhost\n\
         %define use_source_date_epoch_as_buildtime 1\n\
         %define clamp_mtime_to_source_date_epoch 1\n\
         \n\
         %description\n\
         Counts every packet of the host's interfaces with eBPF, exports IPFIX, receives\n\
         NetFlow, IPFIX and sFlow from routers, and evaluates policies on every flow.\n\
         \n\
         %install\n\
         cp -a {}/. %{{buildroot}}\n",
        root.display()
    )
}

/// The list of what is in the package: every file below `root`, and the directories that are ours.
fn files(root: &Path) -> Result<String> {
    let configuration: Vec<String> = Staged::configuration().collect();
    let mut files = "\n%files\n%defattr(-,root,root,-)\n".to_owned();
    for path in below(root)? {
        let is_directory = path.is_dir();
        let path = format!("/{}", path.strip_prefix(root)?.display());
        let is_ours = path.split('/').any(|name| name == "sensor");
        if configuration.contains(&path) {
            files += "%config(noreplace) ";
        } else if is_directory && !is_ours {
            continue;
        } else if is_directory {
            // As the Debian package has it: secrets may stand below /etc/sensor.
            let mode = if path.starts_with("/etc/") { "0750" } else { "0755" };
            files += &format!("%dir %attr({mode},root,root) ");
        }
        files += &format!("{path}\n");
    }
    Ok(files)
}

/// All files and directories below `directory`, in order of their paths.
fn below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let entries =
        fs::read_dir(directory).with_context(|| format!("read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(below(&path)?);
        }
        all.push(path);
    }
    all.sort();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_file_and_no_directory_of_the_system() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for (directory, file) in [
            ("etc/sensor", "sensor.toml"),
            ("etc/sensor/policies.d", ""),
            ("usr/bin", "sensor"),
            ("usr/share/doc/sensor", "README.md"),
        ] {
            fs::create_dir_all(root.join(directory)).unwrap();
            if !file.is_empty() {
                fs::write(root.join(directory).join(file), "").unwrap();
            }
        }
        let expected = "\n%files\n%defattr(-,root,root,-)\n\
                        %dir %attr(0750,root,root) /etc/sensor\n\
                        %dir %attr(0750,root,root) /etc/sensor/policies.d\n\
                        %config(noreplace) /etc/sensor/sensor.toml\n\
                        /usr/bin/sensor\n\
                        %dir %attr(0755,root,root) /usr/share/doc/sensor\n\
                        /usr/share/doc/sensor/README.md\n";
        assert_eq!(files(root).unwrap(), expected);
    }
}
