//! What is installed where: the one table behind every format.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::fresh;
use crate::process;

/// What becomes of a file when the administrator has changed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// It is the package's.
    Owned,
    /// It is the administrator's: an upgrade leaves it alone.
    Configuration,
}

use Kind::{Configuration, Owned};

/// Source below the root of the repository, place on the host, mode.
const FILES: &[(&str, &str, u32, Kind)] = &[
    ("sensor/deploy/package/sensor.toml", "etc/sensor/sensor.toml", 0o640, Configuration),
    ("sensor/deploy/systemd/sensor.service", "usr/lib/systemd/system/sensor.service", 0o644, Owned),
    ("sensor/deploy/systemd/sensor.sysusers", "usr/lib/sysusers.d/sensor.conf", 0o644, Owned),
    ("sensor/deploy/systemd/sensor.tmpfiles", "usr/lib/tmpfiles.d/sensor.conf", 0o644, Owned),
    ("sensor/deploy/sensor.toml", "usr/share/doc/sensor/sensor.toml", 0o644, Owned),
    (
        "sensor/deploy/prometheus-alerts.yml",
        "usr/share/doc/sensor/prometheus-alerts.yml",
        0o644,
        Owned,
    ),
    (
        "sensor/deploy/grafana-dashboard.json",
        "usr/share/doc/sensor/grafana-dashboard.json",
        0o644,
        Owned,
    ),
    ("README.md", "usr/share/doc/sensor/README.md", 0o644, Owned),
    ("LICENSE-MIT", "usr/share/doc/sensor/LICENSE-MIT", 0o644, Owned),
    ("LICENSE-APACHE", "usr/share/doc/sensor/LICENSE-APACHE", 0o644, Owned),
    ("LICENSE-GPL2", "usr/share/doc/sensor/LICENSE-GPL2", 0o644, Owned),
];

/// Directories whose Markdown files are installed flat.
const DOCUMENTS: (&str, &str) = ("sensor/docs", "usr/share/doc/sensor");

/// Where the agent's program lies on a host.
const PROGRAM: &str = "usr/bin/sensor";
/// Directories that are installed empty.
const EMPTY: &[&str] = &["etc/sensor/conf.d", "etc/sensor/policies.d"];
/// The stock policies, as files to read and to copy from; the binary has them built in.
const POLICIES: &str = "usr/share/sensor/policies";
const PAGES: &str = "usr/share/man/man1";
/// Shell, and where its completions lie.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "usr/share/bash-completion/completions/sensor"),
    ("zsh", "usr/share/zsh/vendor-completions/_sensor"),
    ("fish", "usr/share/fish/vendor_completions.d/sensor.fish"),
];

/// The tree of an installation.
pub struct Staged {
    /// Its root.
    pub root: PathBuf,
}

impl Staged {
    /// Lays the tree out below `root`, with `binary` as the program, which also writes its manual pages, its completions and
    /// its policies.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the program does not start.
    pub fn new(root: &Path, binary: &Path) -> Result<Self> {
        let staged = Self { root: fresh(root)? };
        staged.copy(binary, PROGRAM, 0o755)?;
        for (from, to, mode, _) in FILES {
            staged.copy(Path::new(from), to, *mode)?;
        }
        let (documents, to) = DOCUMENTS;
        for entry in fs::read_dir(documents).with_context(|| format!("read {documents}"))? {
            let path = entry?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str())
                && name.ends_with(".md")
            {
                staged.copy(&path, &format!("{to}/{name}"), 0o644)?;
            }
        }
        for directory in EMPTY {
            staged.make(directory)?;
        }
        staged.generate()?;
        Ok(staged)
    }

    fn generate(&self) -> Result<()> {
        let program = self.root.join(PROGRAM);
        let run = |arguments: &[&str], directory: &Path| {
            process::run(
                Command::new(&program)
                    .args(arguments)
                    .arg(directory)
                    .stdout(std::process::Stdio::null()),
            )
        };
        let pages = self.make(PAGES)?;
        run(&["manual"], &pages)?;
        for page in fs::read_dir(&pages)? {
            process::run(Command::new("gzip").args(["-9", "-n"]).arg(page?.path()))?;
        }
        run(&["policy", "export"], &self.make(POLICIES)?)?;
        for (shell, to) in COMPLETIONS {
            let script = process::capture(Command::new(&program).args(["completions", shell]))?;
            let to = self.place(to)?;
            fs::write(&to, script).with_context(|| format!("write {}", to.display()))?;
        }
        Ok(())
    }

    /// Paths, from `/`, of the administrator's files.
    pub fn configuration() -> impl Iterator<Item = String> {
        let files = FILES.iter().filter(|(.., kind)| *kind == Configuration);
        files.map(|(_, to, ..)| format!("/{to}"))
    }

    fn copy(&self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let to = self.place(to)?;
        fs::copy(from, &to)
            .with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(&to, permissions).with_context(|| format!("chmod {}", to.display()))
    }

    fn place(&self, to: &str) -> Result<PathBuf> {
        let path = self.root.join(to);
        if let Some(directory) = path.parent() {
            make(directory)?;
        }
        Ok(path)
    }

    fn make(&self, directory: &str) -> Result<PathBuf> {
        let path = self.root.join(directory);
        make(&path)?;
        Ok(path)
    }
}

fn make(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_exists_and_no_two_files_share_a_place() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut places: Vec<_> = FILES.iter().map(|(_, to, ..)| to).collect();
        for (from, ..) in FILES {
            assert!(root.join(from).is_file(), "{from}");
        }
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), FILES.len());
        assert_eq!(Staged::configuration().collect::<Vec<_>>(), ["/etc/sensor/sensor.toml"]);
    }
}
