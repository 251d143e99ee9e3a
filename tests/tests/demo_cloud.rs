//! The demonstration with clouds, as a newcomer starts it: hits on what each source tells, balanced ledgers, nothing left behind;
//! and it fails when what it promises does not come.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tests::agent;

/// The policies, as they must stand in the demonstration's file and be shown.
const QUERIES: [&str; 2] = [
    "label.ip.securitygroup == production && label.ip.securitygroup == development",
    "((protocol == tcp || protocol == udp) && srcport < 1024 && dstport < 1024 && !(srcport == 0 || dstport == 0 || srcport == 123 || \
     dstport == 123))",
];

/// What is shown of a hit: severity and policy, then the flow with its labels.
const HITS: [[&str; 2]; 2] = [
    [
        "high    production_meets_development",
        "tcp 10.20.1.10:41003 (build-machine, development, azure) > 10.10.1.10:5432 (shop-database, production, aws)",
    ],
    [
        "medium  low_port_to_low_port",
        "udp 10.20.1.20:600 (build-runner, development, azure) > 10.10.2.30:873 (build-cache, development, aws)",
    ],
];

/// Sources: names, as the sensor calls them, and ledgers: records, flows, windows, duplicates, errors.
const SOURCES: [(&str, &str, [u64; 5]); 3] = [
    ("aws", "111122223333/fl-0de0000000000001", [6, 4, 1, 0, 1]),
    (
        "azure",
        "00000000-0000-0000-0000-00000000de00/networkwatcher_westeurope/build-net-flows",
        [4, 3, 1, 0, 0],
    ),
    ("router", "core-router", [4, 4, 0, 0, 0]),
];

/// A demonstration with a place of its own for what it makes.
struct Demo {
    place: TempDir,
    agent: PathBuf,
    xtask: PathBuf,
}

impl Demo {
    /// None, with a message, if a program is not built; a failure under `CI=true`.
    #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
    fn new() -> Result<Option<Self>> {
        let found = agent::binary().and_then(|agent| {
            let xtask = agent.with_file_name("xtask");
            ensure!(xtask.is_file(), "{} is not built", xtask.display());
            Ok(Self { place: tempfile::tempdir()?, agent, xtask })
        });
        match found {
            Err(error) if std::env::var("CI").as_deref() != Ok("true") => {
                eprintln!("skipped: {error:#}");
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    fn start(&self, agent: &Path, arguments: &[&str]) -> Result<Child> {
        let temporary = self.place.path().join("tmp");
        fs::create_dir_all(&temporary)?;
        let mut command = Command::new(&self.xtask);
        command.args(["demo", "cloud"]).args(arguments);
        command.env("SENSOR_BINARY", agent).env("TMPDIR", temporary);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().with_context(|| format!("start {command:?}"))
    }

    /// The agent behind a script that spoils the files beside the configuration first.
    fn spoilt(&self, script: &str) -> Result<PathBuf> {
        let path = self.place.path().join("spoilt");
        let agent = self.agent.display();
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = run ]; then cd \"$(dirname \"$3\")\" && {script}; fi\nexec {agent} \"$@\"\n"
        );
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    /// Fails if files or processes are left of it.
    fn is_gone(&self) -> Result<()> {
        let temporary = self.place.path().join("tmp");
        let left: Vec<_> = fs::read_dir(&temporary)?.collect();
        ensure!(left.is_empty(), "files are left: {left:?}");
        for process in fs::read_dir("/proc")?.flatten() {
            // Of what ended meanwhile, there is none.
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace(char::from(0), " ");
            ensure!(!line.contains(&*temporary.to_string_lossy()), "still running: {line}");
        }
        Ok(())
    }
}

fn texts(output: Output) -> Result<(String, String)> {
    Ok((String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

/// Whether the hit of a policy on what a source tells is shown.
fn is_shown(shown: &str, [policy, flow]: [&str; 2], (name, id, _): (&str, &str, [u64; 5])) -> bool {
    let lines: Vec<&str> = shown.lines().collect();
    lines.windows(2).any(|two| {
        let words: Vec<&str> = two[0].split_whitespace().collect();
        two[0].contains(policy) && words.ends_with(&[name, id]) && two[1].trim() == flow
    })
}

#[test]
fn each_source_has_both_hits_and_a_balanced_ledger() -> Result<()> {
    let Some(demo) = Demo::new()? else { return Ok(()) };
    let output = demo.start(&demo.agent, &[])?.wait_with_output()?;
    let status = output.status;
    let (shown, said) = texts(output)?;
    let all = format!("{shown}\n{said}");
    ensure!(status.success(), "{status}: {all}");
    for query in QUERIES {
        ensure!(shown.lines().any(|line| line.trim() == query), "no `{query}`: {all}");
    }
    for source in SOURCES {
        for hit in HITS {
            ensure!(is_shown(&shown, hit, source), "no {hit:?} of {source:?}: {all}");
        }
        let (name, _, ledger) = source;
        let figures = |line: &str| -> Vec<u64> {
            line.split_whitespace().filter_map(|word| word.parse().ok()).take(5).collect()
        };
        let row = shown.lines().find(|line| {
            line.trim_start().starts_with(name) && line.contains(" = ") && line.contains(" + ")
        });
        ensure!(row.map(figures).as_deref() == Some(&ledger[..]), "{name}: {row:?}: {all}");
    }
    ensure!(said.is_empty(), "{said}");
    demo.is_gone()?;
    own_buckets(&demo, &shown)
}

/// The configuration that is shown at the end must be one.
fn own_buckets(demo: &Demo, shown: &str) -> Result<()> {
    let (_, config) = shown.split_once("# sensor.toml\n").context("a configuration")?;
    let (config, _) = config.split_once("\n\n").context("an end of the configuration")?;
    let place = demo.place.path();
    fs::write(place.join("sensor.toml"), config.replace("BUCKET", "flow-logs"))?;
    let inventory = concat!(env!("CARGO_MANIFEST_DIR"), "/../xtask/src/demo/cloud/site/inventory");
    for name in ["instances.json", "interfaces.json"] {
        fs::copy(format!("{inventory}/aws-{name}"), place.join(name))?;
    }
    let mut check = Command::new(&demo.agent);
    check.args(["check", "--config"]).arg(place.join("sensor.toml"));
    check.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
    let output = check.output()?;
    let status = output.status;
    let (shown, said) = texts(output)?;
    ensure!(status.success(), "{config}\n{shown}{said}");
    Ok(())
}

#[test]
fn hits_that_do_not_come_make_it_fail() -> Result<()> {
    let Some(demo) = Demo::new()? else { return Ok(()) };
    // Nobody in production any more.
    let agent = demo.spoilt("sed -i s/production/staging/ inventory/aws-instances.json")?;
    let output = demo.start(&agent, &["--patience", "5"])?.wait_with_output()?;
    let status = output.status;
    let (shown, said) = texts(output)?;
    ensure!(status.code() == Some(1), "{status}: {shown}\n{said}");
    for source in SOURCES {
        let fault = format!("no hit of production_meets_development on flows of {}", source.0);
        ensure!(said.contains(&fault), "not `{fault}`: {said}");
        ensure!(!is_shown(&shown, HITS[0], source), "{shown}");
        ensure!(is_shown(&shown, HITS[1], source), "{shown}\n{said}");
    }
    ensure!(!said.contains("no hit of low_port"), "{said}");
    demo.is_gone()
}

#[test]
fn a_sensor_that_does_not_start_makes_it_fail_with_what_that_said() -> Result<()> {
    let Some(demo) = Demo::new()? else { return Ok(()) };
    let agent = demo.spoilt("echo '[nonsense' >> sensor.toml")?;
    let output = demo.start(&agent, &[])?.wait_with_output()?;
    let status = output.status;
    let (shown, said) = texts(output)?;
    ensure!(status.code() == Some(1), "{status}: {shown}\n{said}");
    ensure!(said.contains("the sensor ended early") && said.contains("[nonsense"), "{said}");
    demo.is_gone()
}

#[test]
fn whoever_interrupts_it_leaves_nothing_behind() -> Result<()> {
    let Some(demo) = Demo::new()? else { return Ok(()) };
    // Hits that never come, so that it is waiting when the signal arrives.
    let agent = demo.spoilt("sed -i s/production/staging/ inventory/aws-instances.json")?;
    let mut child = demo.start(&agent, &["--patience", "600"])?;
    let mut lines = BufReader::new(child.stdout.take().context("a pipe")?);
    until(&mut lines, "low_port_to_low_port          router")?;
    let pid = child.id().to_string();
    ensure!(Command::new("kill").args(["-INT", &pid]).status()?.success(), "no signal");
    let output = child.wait_with_output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
    ensure!(said.trim() == "error: interrupted", "{said}");
    demo.is_gone()
}

/// Reads up to the line that holds `part`.
fn until(lines: &mut BufReader<ChildStdout>, part: &str) -> Result<()> {
    let (mut line, mut all) = (String::new(), String::new());
    while !line.contains(part) {
        line.clear();
        ensure!(lines.read_line(&mut line)? > 0, "no `{part}`: {all}");
        all += &line;
    }
    Ok(())
}
