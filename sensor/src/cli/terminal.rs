//! What every verb heeds of its terminal: colours and silence.

use std::ffi::OsString;

use anstream::ColorChoice;
use clap::{Args, Command, ValueEnum};
use sensor_core::diagnostic::Theme;

use crate::stdio;

/// The flags of every verb.
#[derive(Args, Debug)]
pub struct TerminalArgs {
    /// Print only warnings, errors and losses on stderr: no progress, no summary, no log below `warn`. Does not affect
    /// stdout
    #[arg(short, long, global = true, help_heading = "General")]
    pub quiet: bool,

    /// Colour output: auto (on a terminal; honours NO_COLOR and CLICOLOR_FORCE), always or never [default: auto]
    #[arg(
        long,
        global = true,
        help_heading = "General",
        value_name = "WHEN",
        hide_possible_values = true
    )]
    pub color: Option<When>,
}

/// When to write in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// To a terminal, unless the environment says otherwise
    Auto,
    /// Also to files and pipes
    Always,
    /// Never
    Never,
}

impl When {
    fn hold(self) {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
        .write_global();
    }
}

impl TerminalArgs {
    /// Puts them in force.
    pub fn hold(&self) {
        if self.quiet {
            stdio::be_quiet();
        }
        self.color.unwrap_or(When::Auto).hold();
    }
}

/// Puts `--color` in force before the command line is understood: help and complaints about it heed the flag as well.
pub fn apply_color_flag(arguments: impl IntoIterator<Item = OsString>) {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let when = match argument.to_str() {
            Some("--") => return,
            Some("--color") => arguments.next(),
            Some(argument) => argument.strip_prefix("--color=").map(OsString::from),
            None => None,
        };
        if let Some(Ok(when)) =
            when.as_ref().and_then(|when| when.to_str()).map(|when| When::from_str(when, false))
        {
            when.hold();
        }
    }
}

/// Headings in what closes the help of `command` and its verbs, styled as clap styles its own.
pub fn with_headings(mut command: Command) -> Command {
    let verbs: Vec<String> =
        command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in verbs {
        command = command.mut_subcommand(verb, with_headings);
    }
    match command.get_after_help().map(ToString::to_string) {
        Some(text) => command.after_help(headed(&text)),
        None => command,
    }
}

fn headed(text: &str) -> String {
    let style = Theme::COLOR.help_heading;
    let line = |line: &str| match line.ends_with(':') && !line.starts_with(' ') {
        true => format!("{style}{line}{style:#}"),
        false => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headings_are_styled() {
        let shown = headed("Examples:\n  sensor run   a:\nExit codes:\n  0  ok");
        let lines: Vec<_> = shown.lines().map(|line| line.contains('\x1b')).collect();
        assert_eq!(lines, [true, false, true, false]);
    }
}
