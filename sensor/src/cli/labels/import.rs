//! `sensor labels import`: from a cloud's inventory to a label file on stdout.

use std::{
    io::{self, Read as _, stdin},
    path::Path,
};

use anyhow::Context as _;
use sensor_core::{
    diagnostic::Findings,
    enrich::import::{self, Cloud, Printed},
};

use super::args::ImportArgs;
use crate::{agent::text, cli::exit::Failure, files::Limit, stdio};

/// Prints the labels; what a person should know of them goes to stderr.
pub fn import(arguments: &ImportArgs) -> anyhow::Result<()> {
    let cloud = Cloud::from(arguments.cloud);
    let mut files = Vec::with_capacity(arguments.files.len());
    let mut faults = Findings::default();
    for path in &arguments.files {
        let text = read(path).with_context(|| format!("cannot read {}", path.display()))?;
        match Printed::parse(&text) {
            Ok(printed) => files.push(printed),
            Err(fault) => {
                faults.extend(Findings::located(&path.display().to_string(), &text, &[fault]));
            }
        }
    }
    if !faults.is_empty() {
        return Err(Failure::usage("not an export of this cloud").with(faults).into());
    }
    let inventory = import::import(cloud, &files);
    if inventory.addresses() == 0 {
        let advice = import::advice(cloud, &files);
        let message = format!("it contains no address; {advice}");
        return Err(Failure::usage(message).into());
    }
    if let Some(advice) = import::unused(cloud, &files, &inventory) {
        stdio::to_stderr(format_args!("some entries have no address: {advice}"));
    }
    for (address, networks) in inventory.ambiguous() {
        let networks: Vec<_> = networks.iter().map(String::as_str).collect();
        let networks = networks.join(" and in ");
        stdio::to_stderr(format_args!("{address} is in {networks}: its labels are mixed"));
    }
    stdio::print(inventory.to_csv())?;
    stdio::note(format_args!("{} addresses", inventory.addresses()));
    Ok(())
}

fn read(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    text::read(path, Limit::DATA)
}
