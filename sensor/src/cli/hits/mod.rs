//! `sensor hits`: what policies have reported.
//!
//! * `trial`: sends a made event to every output. `list`: hits of a store.

mod list;
mod trial;

use clap::{Args, Subcommand};

use self::{list::HitsListArgs, trial::HitsTestArgs};

/// Arguments of `hits`.
#[derive(Args, Debug)]
pub struct HitsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: HitsCommand,
}

/// The verbs of `hits`.
#[derive(Subcommand, Debug)]
pub enum HitsCommand {
    /// List the hits of a flow store; `sensor hunt --hit ID` shows the flows of one
    List(HitsListArgs),
    /// Send a test event to every output, ignoring its filter, and report the result
    Test(HitsTestArgs),
}

/// Does what the verb says.
pub fn hits(arguments: &HitsArgs) -> anyhow::Result<()> {
    match &arguments.command {
        HitsCommand::List(arguments) => list::list(arguments),
        HitsCommand::Test(arguments) => trial::test(arguments),
    }
}
