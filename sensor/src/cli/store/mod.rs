//! `sensor store`: what a flow store holds, whether all of it can be read, and its files made into fewer.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueHint};
use sensor_store::store::Options;

use super::{
    exit::Failure,
    hunt::export::{self, ExportArgs},
    report::JsonArgs,
};
use crate::agent::config::{self, Config, overrides::Overrides};

mod compact;
mod status;
mod verify;

/// Closes the help of `store`.
const EXAMPLES: &str = "\
Examples:
  sensor store status --store /var/lib/sensor/flows     files, records and octets: by day, by column
  sensor store verify --store /var/lib/sensor/flows     reads everything, and names what is damaged
  sensor store export --from 2026-11-30 --to 2026-12-01 --format parquet -o day.parquet
  sensor store compact --store /var/lib/sensor/flows    while no sensor writes there";

/// Arguments of `store`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// The verbs of `store`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Show what the store holds: files, records and octets, by day and by column
    Status(FolderArgs),
    /// Read everything and name what is damaged; exit code 75 if something is
    Verify(FolderArgs),
    /// Write all flows that a query selects as JSON lines, CSV, a Parquet file or IPFIX files
    Export(ExportArgs),
    /// Seal journals and make one file of the small files of each hour; refused while a sensor writes there
    Compact(FolderArgs),
}

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
    fn folder(&self) -> anyhow::Result<PathBuf> {
        Ok(self.read()?.0)
    }

    /// The folder, and how the configuration says that it is kept.
    fn read(&self) -> anyhow::Result<(PathBuf, Options)> {
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

/// Does what was asked.
pub fn store(args: &StoreArgs) -> anyhow::Result<()> {
    match &args.command {
        StoreCommand::Status(args) => status::status(args),
        StoreCommand::Verify(args) => verify::verify(args),
        StoreCommand::Export(args) => export::export(args),
        StoreCommand::Compact(args) => compact::compact(args),
    }
}
