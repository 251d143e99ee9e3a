//! The unit file of the package, read as systemd would.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::system::{System, run};

/// Exposure that `systemd-analyze security` may see at most, in tenths.
const EXPOSURE: u32 = 30;

/// Where the package puts it.
const FILE: &str = "usr/lib/systemd/system/sensor.service";

/// Its settings.
pub struct Unit {
    /// The last of each name.
    last: HashMap<String, String>,
    /// The lines of `SystemCallFilter=`, which add up.
    filter: Vec<String>,
}

impl Unit {
    /// Reads it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn read(system: &System) -> Result<Self> {
        let text = fs::read_to_string(system.path(FILE))?;
        let settings = text.lines().filter(|line| !line.starts_with('#'));
        let settings = settings.filter_map(|line| line.split_once('='));
        let settings: Vec<_> =
            settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let filter = settings.iter().filter(|(name, _)| name == "SystemCallFilter");
        let filter = filter.map(|(_, value)| value.clone()).collect();
        Ok(Self { last: settings.into_iter().collect(), filter })
    }

    /// A setting.
    ///
    /// # Errors
    /// When it is missing.
    pub fn get(&self, name: &str) -> Result<&str> {
        self.last.get(name).map(String::as_str).with_context(|| format!("the unit has no {name}="))
    }

    /// That systemd finds it tight.
    ///
    /// # Errors
    /// When it does not.
    pub fn is_valid(&self, system: &System) -> Result<()> {
        let file = system.path(FILE);
        let said = run(Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(format!("--threshold={EXPOSURE}"))
            .arg(&file))?;
        println!("{}", said.lines().last().unwrap_or_default());
        Ok(())
    }

    /// That `SystemCallFilter=` allows every system call that the service made, as strace wrote them to `trace`.
    ///
    /// # Errors
    /// Names those that it denies.
    pub fn allows(&self, trace: &Path) -> Result<()> {
        // systemd allows these whatever the unit says.
        let mut allowed = calls("@default")?;
        for line in &self.filter {
            let (deny, sets) = line.strip_prefix('~').map_or((false, &**line), |sets| (true, sets));
            for set in sets.split_whitespace() {
                let set = calls(set)?;
                match deny {
                    true => allowed.retain(|call| !set.contains(call)),
                    false => allowed.extend(set),
                }
            }
        }
        let trace = fs::read_to_string(trace)?;
        let service = trace.find("execve(\"/usr/bin/sensor\"").context("the service was traced")?;
        let made: BTreeSet<&str> = trace[service..]
            .lines()
            .filter_map(|line| {
                line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').split_once('(')
            })
            .map(|(name, _)| name)
            .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
            .collect();
        ensure!(made.contains("bpf"), "{made:?}");
        let denied: Vec<_> = made.into_iter().filter(|call| !allowed.contains(*call)).collect();
        ensure!(denied.is_empty(), "the unit denies {denied:?}");
        Ok(())
    }

    /// A shell's command line that starts the service inside of `system`, as its user with its capabilities; strace writes the
    /// system calls to `trace`.
    ///
    /// # Errors
    /// When a setting is missing.
    pub fn start_line(&self, system: &System, trace: &Path) -> Result<String> {
        let capabilities: String = self
            .get("AmbientCapabilities")?
            .split_whitespace()
            .map(|name| name.trim_start_matches("CAP_").to_lowercase())
            .map(|name| format!(",+{name}"))
            .collect();
        let root = system.root();
        let root = root.display();
        // `ip netns exec` has given this shell mounts of its own.
        Ok(format!(
            "mount -t proc proc {root}/proc && mount --rbind /sys {root}/sys && \
             exec strace -D -f -qq -o {trace} chroot {root} \
             setpriv --reuid {user} --regid {group} --init-groups --no-new-privs \
             --inh-caps=-all{capabilities} --ambient-caps=-all{capabilities} \
             --bounding-set=-all{capabilities} {start}",
            trace = trace.display(),
            user = self.get("User")?,
            group = self.get("Group")?,
            start = self.get("ExecStart")?,
        ))
    }
}

/// The system calls of a set, or the one of that name.
fn calls(set: &str) -> Result<BTreeSet<String>> {
    if !set.starts_with('@') {
        return Ok(BTreeSet::from([set.to_owned()]));
    }
    let said = run(Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", set]))?;
    let mut all = BTreeSet::new();
    for name in said.lines().skip(1).map(str::trim) {
        if !name.is_empty() && !name.starts_with('#') {
            all.extend(calls(name)?);
        }
    }
    Ok(all)
}
