//! The face of the program: what may be typed, and what becomes of it.
//!
//! Each verb is a module with one function that takes its arguments; this one parses, dispatches, and turns whatever went
//! wrong into one message on stderr and an exit code.

use std::{ffi::OsString, process::ExitCode, time::Duration};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use sensor_kernel::guard;

pub mod args;
pub mod check;
pub mod completions;
pub mod content;
pub mod control;
pub mod decode;
pub mod doctor;
pub mod exit;
pub mod fields;
pub mod hits;
pub mod hunt;
pub mod kind;
pub mod labels;
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "edge: the zone of the host"
)]
mod local;
#[expect(clippy::disallowed_methods, reason = "edge: writes the pages")]
pub mod manual;
pub mod names;
pub mod nql;
pub mod policy;
pub mod replay;
pub mod report;
pub mod run;
pub mod shown;
pub mod store;
pub mod terminal;
pub mod unpin;
pub mod when;

use self::{
    args::{CheckArgs, FieldsArgs, ReplayArgs, RunArgs},
    completions::CompletionsArgs,
    control::{PageArgs, ReloadArgs, StatusArgs, TapArgs},
    decode::DecodeArgs,
    doctor::DoctorArgs,
    exit::Exit,
    hunt::HuntArgs,
    labels::LabelsArgs,
    manual::ManualArgs,
    nql::NqlArgs,
    policy::PolicyArgs,
    store::StoreArgs,
    terminal::TerminalArgs,
    unpin::UnpinArgs,
};
use crate::{agent::logging, stdio};

/// How long the end waits for whoever reads standard error.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Flow sensor for Linux: counts packets with eBPF, exports IPFIX and JSON, evaluates policies.
#[derive(Debug, Parser)]
#[command(
    name = "sensor",
    version,
    after_help = args::EXIT_CODES,
    disable_help_subcommand = true
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What holds for all of them.
    #[command(flatten)]
    pub terminal: TerminalArgs,
}

impl Arguments {
    /// The command line as it is shown: help, completions and manual pages are made from it.
    fn shown() -> clap::Command {
        terminal::with_headings(Self::command())
    }

    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::shown();
        let mut matches = command.try_get_matches_from_mut(arguments)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Capture interfaces and export their flows
    #[command(after_help = args::RUN_EXAMPLES)]
    Run(RunArgs),
    /// Replay captured traffic or captured exports through the same parsers, filters and outputs
    #[command(after_help = args::REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Show the flows in captured NetFlow, IPFIX and sFlow: one line each
    #[command(after_help = decode::EXAMPLES)]
    Decode(DecodeArgs),
    /// Search stored flows: rows, largest groups, sums over time; also in captures and exports
    #[command(after_help = hunt::EXAMPLES)]
    Hunt(Box<HuntArgs>),
    /// Show, verify and compact a flow store
    Store(StoreArgs),
    /// List the fields of a flow: name, type, IPFIX element, meaning
    Fields(FieldsArgs),
    /// Show how the running sensor is doing; exit code 1 if it is not healthy
    #[command(after_help = control::STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Show live flows of the running sensor that match a query
    #[command(after_help = control::TAP_EXAMPLES)]
    Tap(TapArgs),
    /// Print the address of the running sensor's console; it lets in the browser that opens it first, for ten minutes
    Page(PageArgs),
    /// Make the running sensor reload its configuration, and show what changed
    Reload(ReloadArgs),
    /// Remove what sensors with `capture.pin` have left in the kernel: programs and flow tables
    #[command(after_help = unpin::EXAMPLES)]
    Unpin(UnpinArgs),
    /// Validate a configuration and every file it references
    Check(CheckArgs),
    /// Show what host, kernel, drivers and user allow, and what to do about the rest; exit code 1 if something is a problem
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),
    /// List the policy hits of a flow store, or test the outputs for hits
    Hits(hits::HitsArgs),
    /// Validate, explain or run a query
    Nql(NqlArgs),
    /// Validate, test, list and explain policies
    Policy(PolicyArgs),
    /// Look up addresses, validate label files, import them from a cloud inventory
    Labels(LabelsArgs),
    /// Print the completion script of a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(CompletionsArgs),
    /// Write the manual pages, one for each verb; packages contain them
    #[command(hide = true)]
    Manual(ManualArgs),
}

/// Does what the command line asks for, with the eBPF programs of `object`, and reports a failure on stderr.
pub fn main(
    arguments: impl IntoIterator<Item = OsString> + Clone,
    object: &'static [u8],
) -> ExitCode {
    // The guard of an agent on a kernel without tcx is this program, too.
    if guard::serve(arguments.clone()) {
        return Exit::Success.into();
    }
    terminal::apply_color_flag(arguments.clone());
    let arguments = match Arguments::read(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way, too. If they cannot be printed there is nobody to tell.
            let _ = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            return exit.into();
        }
    };
    arguments.terminal.hold();
    let result = match &arguments.command {
        Command::Run(arguments) => run::run(arguments, object),
        Command::Replay(arguments) => replay::replay(arguments),
        Command::Decode(arguments) => decode::decode(arguments),
        Command::Hunt(arguments) => hunt::hunt(arguments),
        Command::Store(arguments) => store::store(arguments),
        Command::Fields(arguments) => fields::fields(arguments),
        Command::Status(arguments) => control::status(arguments),
        Command::Tap(arguments) => control::tap(arguments),
        Command::Page(arguments) => control::page(arguments),
        Command::Reload(arguments) => control::reload(arguments),
        Command::Unpin(arguments) => unpin::unpin(arguments),
        Command::Check(arguments) => check::check(arguments),
        Command::Doctor(arguments) => doctor::doctor(arguments, object),
        Command::Hits(arguments) => hits::hits(arguments),
        Command::Nql(arguments) => nql::nql(arguments),
        Command::Policy(arguments) => policy::policy(arguments),
        Command::Labels(arguments) => labels::labels(arguments),
        Command::Completions(arguments) => completions::completions(arguments, Arguments::shown()),
        Command::Manual(arguments) => manual::manual(arguments, Arguments::shown()),
    };
    let exit = match result {
        Ok(()) => Exit::Success,
        Err(error) => exit::report(&error),
    };
    logging::finish();
    stdio::finish(LAST_WORDS);
    exit.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }
}
