//! The demonstration of hunting, as a newcomer starts it: five questions find three incidents; and it fails when one is not found.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use tests::agent;

/// The demonstration with few records; none, with a message, if a program is not built; a failure under `CI=true`.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn demo(agent: Option<&Path>) -> Result<Option<Output>> {
    let run = || -> Result<Output> {
        let built = agent::binary()?;
        let xtask = built.with_file_name("xtask");
        ensure!(xtask.is_file(), "{} is not built", xtask.display());
        let mut command = Command::new(xtask);
        command.args(["demo", "hunt", "--records", "60000"]);
        command.env("SENSOR_BINARY", agent.unwrap_or(&built));
        command.output().with_context(|| format!("start {command:?}"))
    };
    match run() {
        Err(error) if std::env::var("CI").as_deref() != Ok("true") => {
            eprintln!("skipped: {error:#}");
            Ok(None)
        }
        output => output.map(Some),
    }
}

// One test, for both make the same folder.
#[test]
fn three_incidents_are_found_and_missed_ones_make_it_fail() -> Result<()> {
    let Some(output) = demo(None)? else { return Ok(()) };
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}: {shown}\n{said}", output.status);
    ensure!(shown.matches("$ sensor hunt").count() == 5, "{shown}");
    ensure!(shown.contains("All three incidents are found"), "{shown}");

    let place = tempfile::tempdir()?;
    let blind = place.path().join("blind");
    fs::write(&blind, "#!/bin/sh\nexit 0\n")?;
    fs::set_permissions(&blind, fs::Permissions::from_mode(0o755))?;
    let Some(output) = demo(Some(&blind))? else { return Ok(()) };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
    ensure!(said.contains("error: not found: 10.0.3.9, 1200, 02:00"), "{said}");
    Ok(())
}
