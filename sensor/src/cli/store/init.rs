//! `sensor store init`: the table of ClickHouse that `[[clickhouse]]` writes to.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueHint};
use sensor_core::nql::sql::{Place, TableOptions, create_table};

use crate::{
    agent::config::value::parse_duration, cli::hunt::elsewhere, export::clickhouse, stdio,
};

/// Arguments of `store init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// The table: `clickhouse://HOST[:PORT]/DATABASE[/TABLE]`, port 8123 by HTTP, others by HTTPS [default: port 8443, table flows]
    #[arg(long, value_name = "URL", value_parser = Place::parse)]
    pub on: Place,

    /// File with `user:password`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub on_auth_file: Option<PathBuf>,

    /// Have the server delete flows that were received so many days ago, such as 14d [default: never]
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub keep: Option<u32>,

    /// Print the statement, and ask nobody
    #[arg(long)]
    pub print: bool,
}

const DAY: u64 = 24 * 60 * 60;

fn days(text: &str) -> Result<u32, String> {
    let whole = |duration: Duration| {
        let is_whole = duration.subsec_nanos() == 0 && duration.as_secs().is_multiple_of(DAY);
        let days = u32::try_from(duration.as_secs() / DAY).ok()?;
        Some(days).filter(|days| is_whole && *days > 0)
    };
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    whole(duration).ok_or_else(|| "must be whole days, such as 14d".to_owned())
}

/// Prints the statement that makes the table, or has the server do it.
pub fn init(args: &InitArgs) -> anyhow::Result<()> {
    let place = Place {
        table: TableOptions { keep_days: args.keep, ..args.on.table.clone() },
        ..args.on.clone()
    };
    let statement = create_table(&place.table);
    if args.print {
        return Ok(stdio::print(format_args!("{statement};\n"))?);
    }
    let options = elsewhere::options(&place, args.on_auth_file.as_deref());
    clickhouse::ask(&options, &statement)?;
    stdio::note(format_args!("{options} has the table {}", place.table.name()));
    Ok(())
}
