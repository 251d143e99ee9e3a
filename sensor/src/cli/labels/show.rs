//! `sensor labels show`: everything known about an address, and who says so.

use std::{fmt::Write as _, net::IpAddr};

use sensor_core::{
    diagnostic::{Findings, Theme},
    enrich::about::{self, about},
};
use sensor_kernel::addresses;
use serde::Serialize;

use super::args::ShowArgs;
use crate::{
    agent::{
        config::{self, overrides::Overrides},
        inspect::context,
    },
    cli::report::{Body, Outcome, report},
};

/// All addresses, in the order of the command line.
#[derive(Serialize)]
struct Addresses {
    addresses: Vec<Address>,
}

#[derive(Serialize)]
struct Address {
    address: IpAddr,
    known: Vec<Known>,
}

#[derive(Serialize)]
struct Known {
    what: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    holds: bool,
}

/// Shows each address. Faults of the files go to stderr.
pub fn show(arguments: &ShowArgs) -> anyhow::Result<()> {
    report(arguments.json, look_up(arguments))
}

fn look_up(arguments: &ShowArgs) -> anyhow::Result<Outcome<Addresses>> {
    let config = config::load(arguments.config.as_deref(), &Overrides::default())?;
    let mut context = config.context;
    context.labels.extend(arguments.labels.iter().cloned());
    // Without them, nothing is said of what is local.
    let local = addresses::list().ok();
    let (sources, reports) = context::sources(&context, local.as_deref());
    let findings: Findings = reports.into_iter().flat_map(|report| report.faults).collect();
    let addresses = arguments.addresses.iter().map(|&address| {
        let known = about(&sources, address, context.precedence);
        Address { address, known: known.into_iter().map(Known::from).collect() }
    });
    Ok(Outcome::well(Addresses { addresses: addresses.collect() }, findings))
}

impl From<about::KnownFact> for Known {
    fn from(known: about::KnownFact) -> Self {
        let about::KnownFact { what, value, prefix, source, line, holds } = known;
        Self { what, value, prefix: prefix.map(|prefix| prefix.to_string()), source, line, holds }
    }
}

impl Body for Addresses {
    fn text(&self) -> String {
        let style = Theme::COLOR.heading;
        let shown = self.addresses.iter().map(|Address { address, known }| {
            format!("{style}{address}{style:#}\n{}", table(known))
        });
        shown.collect::<Vec<_>>().join("\n")
    }
}

fn table(known: &[Known]) -> String {
    if known.is_empty() {
        return "  nothing is known\n".to_owned();
    }
    let prefix = |known: &Known| known.prefix.clone().unwrap_or_default();
    let width = |text: &dyn Fn(&Known) -> usize| known.iter().map(text).max().unwrap_or(0);
    let what = width(&|known| known.what.len());
    let value = width(&|known| known.value.chars().count());
    let of = width(&|known| prefix(known).len());
    let mut text = String::new();
    for known in known {
        let line = known.line.map(|line| format!(":{line}")).unwrap_or_default();
        let overruled = if known.holds { "" } else { " (overruled)" };
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  {:what$}  {:value$}  {:of$}  {}{line}{overruled}",
            known.what,
            known.value,
            prefix(known),
            known.source
        );
    }
    text
}
