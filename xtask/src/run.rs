//! Builds the agent and becomes it. Whoever tries it out wants to see what it finds, so that without words to the contrary
//! it asks the stock library of every flow, prints flows and hits, keeps both in `target/store`, and shows them on a page. `sensor run` itself
//! does none of it: a service or a pipe gets what it asks for.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::{build, process, workspace::Workspace};

/// Flags that are added, unless the user gives the same flag; the one of the store, whose folder is that of the build; and the console's.
const DEFAULTS: [(&str, &str); 2] = [("--policies", "stock"), ("--print", "flows,hits")];
const STORE: &str = "--store";
const CONSOLE: &str = "--console";

/// Who gives a configuration file has everything said there.
const CONFIG: &str = "--config";

/// `cargo xtask run`. Returns only when the agent could not be started.
///
/// # Errors
/// When something is missing, does not compile or does not start.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    let mut command = Command::new(workspace.target("release/sensor"));
    command.arg("run").args(with_defaults(arguments, &workspace.target("store")));
    if !process::is_root() {
        eprintln!(
            "error: capturing interfaces needs root; build as your user, then run as root:\n  \
             cargo xtask build --release && sudo {}",
            process::shown(&command)
        );
        return Ok(ExitCode::from(77));
    }
    build::all(workspace, true)?;
    // So that one can go on without cargo.
    eprintln!("{}", process::shown(&command));
    let error = command.exec();
    Err(error).with_context(|| format!("start {}", process::shown(&command)))
}

/// What `sensor run` is given: the defaults that `arguments` leave open, then `arguments`.
fn with_defaults(arguments: &[OsString], store: &Path) -> Vec<OsString> {
    let given = |flag: &str| {
        arguments.iter().filter_map(|argument| argument.to_str()).any(|argument| {
            argument.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    };
    let defaults = DEFAULTS.map(|(flag, value)| (flag, OsString::from(value)));
    let defaults = defaults.into_iter().chain([(STORE, store.into())]);
    let open = defaults.filter(|(flag, _)| !given(flag) && !given(CONFIG));
    let mut all: Vec<OsString> = open.flat_map(|(flag, value)| [flag.into(), value]).collect();
    if !given(CONSOLE) && !given(CONFIG) {
        all.push(CONSOLE.into());
    }
    all.extend_from_slice(arguments);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(line: &str) -> String {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        with_defaults(&arguments, Path::new("/t/store")).join(" ".as_ref()).into_string().unwrap()
    }

    #[test]
    fn a_newcomer_gets_the_stock_library_flows_and_hits() {
        assert_eq!(given(""), "--policies stock --print flows,hits --store /t/store --console");
        assert_eq!(
            given("-i eth0"),
            "--policies stock --print flows,hits --store /t/store --console -i eth0"
        );
    }

    #[test]
    fn what_the_user_says_holds() {
        assert_eq!(
            given("--print hits"),
            "--policies stock --store /t/store --console --print hits"
        );
        assert_eq!(
            given("--policies mine"),
            "--print flows,hits --store /t/store --console --policies mine"
        );
        assert_eq!(
            given("--policies=mine --print=none --store=mine --console=[::1]:9"),
            "--policies=mine --print=none --store=mine --console=[::1]:9"
        );
        assert_eq!(given("--config f.toml"), "--config f.toml");
    }
}
