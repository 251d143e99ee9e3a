//! Standard output and standard error whose readers end.

use std::{
    io::{self, BufRead as _, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tests::{
    agent::Agent,
    peers::{free_port, wait_until},
};

use crate::site::{Plan, Site, figure, lines};

/// An agent that prints flows to somebody who reads one and ends.
fn with_a_short_reader(text: impl Fn(&Plan) -> String) -> Result<Site> {
    let plan = Plan::new()?;
    let text = text(&plan);
    let (reader, writer) = io::pipe()?;
    let mut command = plan.command(None, &text, "--print flows")?;
    let agent = Agent::spawn_read(&mut command, writer)?;
    // Its end of the pipe is the only one.
    drop(command);
    let mut site = plan.site(None, agent, &text)?;
    site.feed(1)?;
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line)?;
    serde_json::from_str::<serde_json::Value>(&line).context(line)?;
    Ok(site)
}

#[test]
fn other_outputs_go_on_when_nobody_reads_standard_output() -> Result<()> {
    let log = |plan: &Plan| plan.directory.path().join("flows.json");
    let mut site = with_a_short_reader(|plan| format!("log.flows = '{}'\n", log(plan).display()))?;
    // The first that is written to the closed pipe closes the output.
    for _ in 0..20 {
        site.feed(30)?;
    }
    let printed = site.wait_for_all("sinks", "standard output")?;
    ensure!(figure(&printed, "sent") == 1, "{printed:#}");
    let path = site.directory.path().join("flows.json");
    let logged = site.wait_for_all("sinks", &path.display().to_string())?;
    ensure!(figure(&logged, "sent") == site.fed, "{logged:#}");
    wait_until("it is told", || !site.said(&["standard output is closed"]).is_empty())?;
    site.feed(30)?;
    let fed = site.fed;
    let (outcome, _directory) = site.stop()?;
    ensure!(outcome.account("standard output") == Some((1, fed - 1)), "{}", outcome.stderr);
    ensure!(outcome.account(&path.display().to_string()) == Some((fed, 0)), "{}", outcome.stderr);
    let told = lines(&outcome.stderr, &["standard output is closed"]);
    ensure!(told.len() == 1 && told[0].contains("WARN"), "{}", outcome.stderr);
    Ok(())
}

/// As `head` wants it: no message, and no failure.
#[test]
fn without_another_output_it_ends() -> Result<()> {
    let mut site = with_a_short_reader(|_| String::new())?;
    site.feed(1)?;
    let outcome = site.agent.wait()?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    for word in ["WARN", "ERROR", "closed", "balanced"] {
        ensure!(!outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }
    Ok(())
}

/// Whoever scrapes it, or has datagrams forwarded, does not care about standard output.
#[test]
fn with_other_duties_it_goes_on() -> Result<()> {
    for text in [
        format!("metrics.listen = '127.0.0.1:{}'\n", free_port()?),
        format!("[[forward]]\nurl = 'udp://127.0.0.1:{}'\n", free_port()?),
    ] {
        let mut site = with_a_short_reader(|_| text.clone())?;
        site.feed(1)?;
        wait_until("it is told", || !site.said(&["standard output is closed"]).is_empty())?;
        site.feed(100)?;
        let printed = site.wait_for_all("sinks", "standard output")?;
        ensure!(figure(&printed, "not_sent") == 101, "{printed:#}");
        let (outcome, _directory) = site.stop()?;
        ensure!(outcome.account("standard output") == Some((1, 101)), "{}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn nobody_reads_standard_error() -> Result<()> {
    let plan = Plan::new()?;
    let log = plan.directory.path().join("flows.json");
    let text = format!("log.flows = '{}'\nlog.level = 'debug'\n", log.display());
    let mut command = plan.command(None, &text, "--print none")?;
    // The shell closes its end of the pipe once one line has come through it.
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(r#"exec "$@" 2> >(head -n 1 >&2)"#).arg("bash");
    shell.arg(command.get_program()).args(command.get_args());
    command.stdout(Stdio::null());
    let agent = Agent::spawn(&mut shell)?;
    let mut site = plan.deaf_site(agent, &text)?;
    for _ in 0..50 {
        site.feed(30)?;
        // Each is told in the log, and nobody hears it.
        ensure!(site.reload()?["complete"] == true);
    }
    site.wait_for_all("sinks", &log.display().to_string())?;
    ensure!(site.agent.said().lines().count() <= 1, "somebody reads: {}", site.agent.said());
    let fed = site.fed;
    site.agent.signal("TERM")?;
    let outcome = site.agent.wait()?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    let logged = std::fs::read_to_string(&log)?.lines().count() as u64;
    ensure!(logged == fed, "{logged} of {fed}");
    Ok(())
}
