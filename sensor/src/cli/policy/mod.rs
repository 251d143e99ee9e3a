//! `sensor policy`: policies by themselves, without a sensor.

mod args;
mod check;
mod explain;
mod export;
mod files;
mod list;
mod suggest;
mod test;
mod why;

pub use args::{FilesArgs, PolicyArgs, PolicyCommand, SiteArgs, SuggestArgs};
pub use files::named;
pub use why::account;

/// Does what was asked.
pub fn policy(arguments: &PolicyArgs) -> anyhow::Result<()> {
    match &arguments.command {
        PolicyCommand::Check(arguments) => check::check(arguments),
        PolicyCommand::Test(arguments) => test::test(arguments),
        PolicyCommand::List(arguments) => list::list(arguments),
        PolicyCommand::Explain(arguments) => explain::explain(arguments),
        PolicyCommand::Why(arguments) => why::why(arguments),
        PolicyCommand::Export(arguments) => export::export(arguments),
        PolicyCommand::Suggest(arguments) => suggest::suggest(arguments),
    }
}
