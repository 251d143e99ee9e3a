//! The demonstration of hunting: a store with millions of flows of two days, three incidents in it, and five questions that find
//! them. It needs neither root nor a network; the store stays, for questions of one's own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{build, process, test::AGENT, workspace::Workspace};

/// A question, and what its answer must have.
struct Question {
    why: &'static str,
    /// The arguments of `sensor hunt`, but for the store.
    arguments: &'static [&'static str],
    finds: &'static [&'static str],
}

/// The questions, in the order in which a hunter would ask them.
const QUESTIONS: [Question; 5] = [
    Question {
        why: "Who of us knocks at many of our file servers?",
        arguments: &[
            "srcinternal == true && dstport == 445 && packets == 1",
            "--top",
            "3",
            "--by",
            "srcip",
            "--distinct",
            "dstip",
        ],
        finds: &["10.0.3.9", "1200"],
    },
    Question {
        why: "When did it do that?",
        arguments: &[
            "srcip == 10.0.3.9 && dstport == 445",
            "--from",
            "yesterday 01:55",
            "--to",
            "yesterday 02:25",
            "--every",
            "5m",
        ],
        finds: &["02:00"],
    },
    Question {
        why: "Who sent most to one address outside, yesterday? Small flows aside.",
        arguments: &[
            "srcinternal == true && dstinternal == false && octets > 100000",
            "--from",
            "yesterday",
            "--top",
            "3",
            "--by",
            "srcip,dstip,dstport",
        ],
        finds: &["10.0.0.50", "198.51.100.23"],
    },
    Question {
        why: "Did anybody else ever talk to that address?",
        arguments: &["ip == 198.51.100.23", "--top", "3", "--by", "srcip"],
        finds: &["10.0.0.50"],
    },
    Question {
        why: "Would the stock policy have found a program that calls home?",
        arguments: &["--policy", "beacon_other_tcp"],
        finds: &["beacon_other_tcp", "10.0.7.77", "45.66.7.8"],
    },
];

/// `cargo xtask demo hunt`, with so many records.
///
/// # Errors
/// When a part cannot be built or fails.
pub fn run(workspace: &Workspace, records: u64) -> Result<ExitCode> {
    let (agent, generator) = match env::var_os(AGENT) {
        Some(agent) => (PathBuf::from(agent), generator(workspace, false)?),
        None => (build::agent(workspace, true)?, generator(workspace, true)?),
    };
    let store = workspace.target("demo-hunt");
    if store.exists() {
        fs::remove_dir_all(&store).with_context(|| format!("delete {}", store.display()))?;
    }
    println!("demo: makes {records} flows of two days, which takes some seconds");
    process::run(Command::new(generator).arg(&store).arg(records.to_string()))?;

    let mut missing = Vec::new();
    for question in &QUESTIONS {
        missing.extend(ask(&agent, &store, question)?);
    }
    if !missing.is_empty() {
        eprintln!("error: not found: {}", missing.join(", "));
        return Ok(ExitCode::FAILURE);
    }
    println!(
        "\nAll three incidents are found. Ask questions of your own:\n\n  {} hunt --store {} --help",
        process::short(&agent),
        process::short(&store)
    );
    Ok(ExitCode::SUCCESS)
}

/// The program that makes the flows.
fn generator(workspace: &Workspace, release: bool) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--package", "sensor-store", "--features", "testing"]);
    cargo.args(["--example", "two_days"]);
    if release {
        cargo.arg("--release");
    }
    process::run(&mut cargo)?;
    let built = if release { "release" } else { "debug" };
    Ok(workspace.target(built).join("examples/two_days"))
}

/// Asks a question as a person would, and says what its answer lacks.
fn ask(agent: &Path, store: &Path, question: &Question) -> Result<Vec<String>> {
    let words = question.arguments.iter().map(|word| match word.contains([' ', '=']) {
        true => format!("'{word}'"),
        false => (*word).to_owned(),
    });
    println!("\n{}\n  $ sensor hunt {}\n", question.why, words.collect::<Vec<_>>().join(" "));
    let begun = Instant::now();
    let mut hunt = Command::new(agent);
    hunt.arg("hunt").args(question.arguments).args(["--format", "table", "--store"]).arg(store);
    let output = hunt.output().with_context(|| format!("start {hunt:?}"))?;
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    print!("{answer}{said}");
    println!("({:.2} s)", begun.elapsed().as_secs_f64());
    if !output.status.success() {
        bail!("sensor hunt: {}", output.status);
    }
    let lacks = |expected: &&&str| !answer.replace(',', "").contains(**expected);
    Ok(question.finds.iter().filter(lacks).map(|expected| (*expected).to_owned()).collect())
}
