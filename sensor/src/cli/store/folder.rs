//! Which store a command line is about.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueHint};
use sensor_store::store::Options;

use crate::{
    agent::config::{self, Config, overrides::Overrides},
    cli::{exit::Failure, report::JsonArgs},
};

/// Which store.
#[derive(Args, Debug)]
pub struct FolderArgs {
    /// Folder of the flow store [default: `store.folder` of the configuration]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,

    /// Configuration file (TOML) of the sensor
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}

impl FolderArgs {
    /// The folder.
    ///
    /// # Errors
    /// None is named, or it is none.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        Ok(self.read()?.0)
    }

    /// The folder, and how the configuration says that it is kept.
    ///
    /// # Errors
    /// As those of [`folder`].
    pub fn read(&self) -> anyhow::Result<(PathBuf, Options)> {
        // Its faults are told whatever the flags say.
        let config = config::load(self.config.as_deref(), &Overrides::default())?;
        let options = config.store.as_ref().map(|own| own.records.store).unwrap_or_default();
        Ok((folder(self.store.as_ref(), &config)?, options))
    }
}

/// The folder of the store: the flag's, or that of the configuration.
///
/// # Errors
/// Neither names one, or it is none.
pub fn folder(flag: Option<&PathBuf>, config: &Config) -> anyhow::Result<PathBuf> {
    let Some(folder) = flag.cloned().or_else(|| configured(config)) else {
        let fault =
            "no flow store is named: use --store DIR, or --config FILE with a `[store]` section";
        return Err(Failure::usage(fault).into());
    };
    let metadata = folder
        .metadata()
        .with_context(|| Failure::usage(format!("there is no flow store {}", folder.display())));
    if !metadata?.is_dir() {
        let fault = format!(
            "{} is a file, and a flow store is a folder: `sensor hunt --file` reads single files",
            folder.display()
        );
        return Err(Failure::usage(fault).into());
    }
    Ok(folder)
}

/// What the configuration says.
fn configured(config: &Config) -> Option<PathBuf> {
    config.store.as_ref().map(|store| store.records.folder.clone())
}
