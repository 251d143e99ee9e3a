//! `sensor unpin`: removes what sensors with `capture.pin` have left in the kernel.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};
use sensor_core::diagnostic::Findings;
use sensor_kernel::pins::Pins;
use serde::Serialize;

use super::{
    exit::Failure,
    report::{Body, JsonArgs, Outcome, report},
};
use crate::agent::config::{self, capture::PINS, overrides::Overrides};

/// Closes the help.
pub const EXAMPLES: &str = "\
Examples:
  sensor unpin                                      before the sensor is removed from a host
  sensor unpin --config /etc/sensor/sensor.toml     where `capture.pin_path` is another";

/// Arguments of `unpin`.
#[derive(Args, Debug)]
pub struct UnpinArgs {
    /// Directory of the pins [default: /sys/fs/bpf/sensor]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath, conflicts_with = "config")]
    path: Option<PathBuf>,

    /// Configuration file of the sensor; its `capture.pin_path` applies
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// For people or programs.
    #[command(flatten)]
    json: JsonArgs,
}

/// What was removed.
#[derive(Serialize)]
struct Unpinned {
    directory: String,
    /// Programs that were taken off.
    programs: usize,
    /// Sets of flow tables.
    tables: usize,
    /// What these had counted and no sensor has passed on.
    lost_packets: u64,
    lost_octets: u64,
}

/// Takes off all programs that are pinned, and removes their tables. Refuses while a sensor uses them.
pub fn unpin(arguments: &UnpinArgs) -> anyhow::Result<()> {
    report(arguments.json, remove(arguments))
}

fn remove(arguments: &UnpinArgs) -> anyhow::Result<Outcome<Unpinned>> {
    let directory = match (&arguments.path, &arguments.config) {
        (Some(path), _) => path.clone(),
        (None, Some(file)) => config::load(Some(file), &Overrides::default())?.capture.pins.path,
        (None, None) => PathBuf::from(PINS),
    };
    let removed = match Pins::left_in(&directory)? {
        Some(pins) => pins.remove()?,
        // Whoever names a place of his own means that something is there.
        None if arguments.path.as_deref().is_some_and(|path| path != Path::new(PINS)) => {
            return Err(no_place(&directory).into());
        }
        None => sensor_kernel::pins::Removed::default(),
    };
    let unpinned = Unpinned {
        directory: directory.display().to_string(),
        programs: removed.links,
        tables: removed.tables,
        lost_packets: removed.unaccounted.packets,
        lost_octets: removed.unaccounted.octets,
    };
    Ok(Outcome::well(unpinned, Findings::default()))
}

/// Why there can be no pins in `directory`.
fn no_place(directory: &Path) -> Failure {
    let what = if directory.exists() { "is not on a bpffs" } else { "does not exist" };
    Failure::usage(format!(
        "{} {what}: no sensor has left pins there. --path takes the `capture.pin_path` of the sensor, which is {PINS} by default",
        directory.display()
    ))
}

impl Body for Unpinned {
    fn text(&self) -> String {
        let Self { directory, programs, tables, lost_packets, .. } = self;
        if programs + tables == 0 {
            return format!("{directory}: nothing is pinned\n");
        }
        let mut text = format!(
            "{directory}: programs detached: {programs}; sets of flow tables removed: {tables}\n"
        );
        if *lost_packets > 0 {
            // Writing to a `String` cannot fail.
            let _ =
                writeln!(text, "packets counted there and in no exported record: {lost_packets}");
        }
        text
    }
}
