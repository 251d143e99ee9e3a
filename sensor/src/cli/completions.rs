//! `sensor completions`.

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::stdio;

/// Closes the help.
pub const EXAMPLES: &str = "\
Examples:
  sensor completions bash > /etc/bash_completion.d/sensor
  sensor completions zsh > /usr/local/share/zsh/site-functions/_sensor
  sensor completions fish > ~/.config/fish/completions/sensor.fish";

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script for `program`.
pub fn completions(arguments: &CompletionsArgs, mut program: Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut program, "sensor", &mut script);
    Ok(stdio::print(String::from_utf8_lossy(&script))?)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::cli::Arguments;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_verbs() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            generate(*shell, &mut Arguments::shown(), "sensor", &mut script);
            let script = String::from_utf8(script).unwrap();
            for verb in ["replay", "policy", "explain", "completions"] {
                assert!(script.contains(verb), "{shell}: {verb}");
            }
        }
    }
}
