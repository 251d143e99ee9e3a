//! What cargo knows about this workspace, asked once.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// Paths and targets of the workspace. The current directory of the process is its root.
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
    metadata: Value,
}

impl Workspace {
    /// Asks cargo, and makes the root the current directory.
    ///
    /// # Errors
    /// When cargo cannot be asked or its answer lacks what is always there.
    pub fn open() -> Result<Self> {
        let here = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let answer = process::capture(
            process::cargo()
                .args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"])
                .arg(here.join("Cargo.toml")),
        )?;
        let metadata: Value = serde_json::from_str(&answer).context("read `cargo metadata`")?;
        let path = |key: &str| {
            metadata[key].as_str().map(PathBuf::from).with_context(|| format!("metadata: no {key}"))
        };
        let (root, target) = (path("workspace_root")?, path("target_directory")?);
        env::set_current_dir(&root).with_context(|| format!("enter {}", root.display()))?;
        Ok(Self { root, target, metadata })
    }

    /// The directory of the top Cargo.toml.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the target directory.
    pub fn target(&self, below: &str) -> PathBuf {
        self.target.join(below)
    }

    /// The version of a package.
    ///
    /// # Errors
    /// When there is no such package.
    pub fn version(&self, package: &str) -> Result<String> {
        let mut packages = self.metadata["packages"].as_array().into_iter().flatten();
        let found = packages.find(|candidate| candidate["name"] == package);
        let version = found.and_then(|package| package["version"].as_str());
        version.map(str::to_owned).with_context(|| format!("metadata: no package {package}"))
    }

    /// Names of the targets of one kind (`bench`, `test`, `bin`) of a package, in cargo's order.
    pub fn targets(&self, package: &str, kind: &str) -> Vec<&str> {
        let packages = self.metadata["packages"].as_array().into_iter().flatten();
        packages
            .filter(|candidate| candidate["name"] == package)
            .flat_map(|package| package["targets"].as_array().into_iter().flatten())
            .filter(|target| {
                target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind))
            })
            .filter_map(|target| target["name"].as_str())
            .collect()
    }
}
