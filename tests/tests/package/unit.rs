//! The unit file of the package, read as systemd would.

use std::{collections::HashMap, fs, process::Command};

use anyhow::{Context, Result};

use super::system::{System, run};

/// Exposure that `systemd-analyze security` may see at most, in tenths.
const EXPOSURE: u32 = 30;

/// Where the package puts it.
const FILE: &str = "usr/lib/systemd/system/sensor.service";

/// Its settings, the last of each name.
pub struct Unit(HashMap<String, String>);

impl Unit {
    /// Reads it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn read(system: &System) -> Result<Self> {
        let text = fs::read_to_string(system.path(FILE))?;
        let settings = text.lines().filter(|line| !line.starts_with('#'));
        let settings = settings.filter_map(|line| line.split_once('='));
        Ok(Self(settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }

    /// A setting.
    ///
    /// # Errors
    /// When it is missing.
    pub fn get(&self, name: &str) -> Result<&str> {
        self.0.get(name).map(String::as_str).with_context(|| format!("the unit has no {name}="))
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

    /// A shell's command line that starts the service inside of `system`, as its user with its capabilities.
    ///
    /// # Errors
    /// When a setting is missing.
    pub fn start_line(&self, system: &System) -> Result<String> {
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
            "mount -t proc proc {root}/proc && mount --rbind /sys {root}/sys && exec chroot {root} \
             setpriv --reuid {user} --regid {group} --init-groups --no-new-privs \
             --inh-caps=-all{capabilities} --ambient-caps=-all{capabilities} \
             --bounding-set=-all{capabilities} {start}",
            user = self.get("User")?,
            group = self.get("Group")?,
            start = self.get("ExecStart")?,
        ))
    }
}
