//! The directory in which the sensor of the demonstration lives: its configuration with what that names, its outputs, and the
//! folders into which objects are delivered.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// What is copied, below the root.
const TEMPLATE: &str = "xtask/src/demo/cloud/site";

/// Files of [`TEMPLATE`].
const FILES: [&str; 6] = [
    "sensor.toml",
    "policies.toml",
    "inventory/aws-instances.json",
    "inventory/aws-interfaces.json",
    "inventory/azure-machines.json",
    "inventory/azure-interfaces.json",
];

/// Folders that stand for buckets, as `sensor.toml` names them.
pub const AWS: &str = "buckets/aws";
/// The container of Azure.
pub const AZURE: &str = "buckets/azure";

/// Removed with all that is in it when dropped.
pub struct Site(TempDir);

impl Site {
    /// Copies the template; the sensor is to listen at `port` for the router.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn create(port: u16) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("sensor-demo-cloud-").tempdir();
        let site = Self(directory.context("make a directory for the demonstration")?);
        for folder in ["inventory", AWS, AZURE] {
            let path = site.at(folder);
            fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        }
        for name in FILES {
            let (from, to) = (Path::new(TEMPLATE).join(name), site.at(name));
            fs::copy(&from, &to)
                .with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
        }
        let config = site.config();
        let text = fs::read_to_string(&config).with_context(|| config.display().to_string())?;
        let more = format!(
            "\n[[listen]]\nurl = \"netflow://127.0.0.1:{port}\"\n\n[[hits]]\nurl = \"file://{}\"\n",
            site.hits().display()
        );
        fs::write(&config, text + &more).with_context(|| format!("write {}", config.display()))?;
        Ok(site)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.at("sensor.toml")
    }

    /// The socket of `sensor status`.
    pub fn socket(&self) -> PathBuf {
        self.at("control.sock")
    }

    /// The file of hits.
    pub fn hits(&self) -> PathBuf {
        self.at("hits.json")
    }

    /// What the sensor says.
    pub fn log(&self) -> PathBuf {
        self.at("sensor.log")
    }

    /// What the sensor has said so far, to be put behind a message.
    pub fn said(&self) -> String {
        let said = fs::read_to_string(self.log()).unwrap_or_default();
        format!("\nThe sensor said:\n{said}")
    }

    /// Delivers an object as tools do that mirror buckets: written under a temporary name, then renamed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn deliver(&self, folder: &str, key: &str, octets: &[u8]) -> Result<()> {
        let path = self.at(folder).join(key);
        let written = || {
            let parent = path.parent().context("a folder")?;
            fs::create_dir_all(parent)?;
            let part = path.with_added_extension("part");
            fs::write(&part, octets)?;
            fs::rename(&part, &path)?;
            anyhow::Ok(())
        };
        written().with_context(|| format!("deliver {}", path.display()))
    }
}
