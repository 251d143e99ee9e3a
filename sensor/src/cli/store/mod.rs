//! `sensor store`: what a flow store holds, whether all of it can be read, and its files made into fewer.

use clap::{Args, Subcommand};

use self::{folder::FolderArgs, init::InitArgs};
use super::hunt::export::{self, ExportArgs};

mod compact;
pub mod folder;
mod init;
mod status;
mod verify;

/// Closes the help of `store`.
pub const EXAMPLES: &str = "\
Examples:
  sensor store status --store /var/lib/sensor/flows     files, records and octets: by day, by column
  sensor store verify --store /var/lib/sensor/flows     reads everything, and names what is damaged
  sensor store export --from 2026-11-30 --to 2026-12-01 --format parquet -o day.parquet
  sensor store compact --store /var/lib/sensor/flows    while no sensor writes there
  sensor store init --on clickhouse://db.example/security --keep 14d --print     the statement that makes the table";

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
    /// Make the table of ClickHouse that `[[clickhouse]]` writes to, if it is not there yet
    Init(InitArgs),
}

/// Does what was asked.
pub fn store(args: &StoreArgs) -> anyhow::Result<()> {
    match &args.command {
        StoreCommand::Status(args) => status::status(args),
        StoreCommand::Verify(args) => verify::verify(args),
        StoreCommand::Export(args) => export::export(args),
        StoreCommand::Compact(args) => compact::compact(args),
        StoreCommand::Init(args) => init::init(args),
    }
}
