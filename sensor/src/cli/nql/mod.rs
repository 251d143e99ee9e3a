//! `sensor nql`: queries by themselves, without a sensor.

mod args;
mod check;
mod explain;
mod filter;
mod query;

pub use args::{NqlArgs, NqlCommand};
pub use filter::Known;
pub use query::{dns_filter, filters, judged, judged_with};

/// Does what was asked.
pub fn nql(arguments: &NqlArgs) -> anyhow::Result<()> {
    match &arguments.command {
        NqlCommand::Check(arguments) => check::check(arguments),
        NqlCommand::Explain(arguments) => explain::explain(arguments),
        NqlCommand::Filter(arguments) => filter::filter(arguments),
    }
}
