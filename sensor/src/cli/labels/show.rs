//! `sensor labels show`: everything known about an address, and who says so.

use std::io::{self, Write};

use super::args::ShowArgs;
use crate::{
    agent::{
        config::{self, overrides::Overrides},
        context,
    },
    enrich::about::{Known, about},
    kernel::addresses,
    stdio,
};

/// Shows each address. Faults of the files go to stderr.
pub fn show(arguments: &ShowArgs) -> anyhow::Result<()> {
    let config = config::load(arguments.config.as_deref(), &Overrides::default())?;
    let mut context = config.context;
    context.labels.extend(arguments.labels.iter().cloned());
    // Without them, nothing is said of what is local.
    let local = addresses::list().ok();
    let (sources, reports) = context::sources(&context, local.as_deref());
    for report in &reports {
        stdio::tell(&report.faults);
    }
    let mut out = stdio::output();
    for (number, &address) in arguments.addresses.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{address}")?;
        table(&mut out, &about(&sources, address, context.precedence))?;
    }
    Ok(())
}

fn table(out: &mut impl Write, known: &[Known]) -> io::Result<()> {
    if known.is_empty() {
        return writeln!(out, "  nothing is known");
    }
    let prefix = |known: &Known| known.prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
    let width = |text: &dyn Fn(&Known) -> usize| known.iter().map(text).max().unwrap_or(0);
    let what = width(&|known| known.what.len());
    let value = width(&|known| known.value.chars().count());
    let of = width(&|known| prefix(known).len());
    for known in known {
        let overruled = if known.holds { "" } else { " (overruled)" };
        writeln!(
            out,
            "  {:what$}  {:value$}  {:of$}  {}{overruled}",
            known.what,
            known.value,
            prefix(known),
            known.source
        )?;
    }
    Ok(())
}
