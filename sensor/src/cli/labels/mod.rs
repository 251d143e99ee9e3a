//! `sensor labels`: what is known about addresses, without a sensor.

mod args;
mod check;
mod import;
mod show;

pub use args::{LabelsArgs, LabelsCommand};

/// Does what was asked.
pub fn labels(arguments: &LabelsArgs) -> anyhow::Result<()> {
    match &arguments.command {
        LabelsCommand::Show(arguments) => show::show(arguments),
        LabelsCommand::Check(arguments) => check::check(arguments),
        LabelsCommand::Import(arguments) => import::import(arguments),
    }
}
