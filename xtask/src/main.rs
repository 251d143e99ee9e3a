//! Set up, build, run, test and measure the sensor: `cargo xtask VERB`.
//!
//! Everything that a shell script would do for this project is here instead, so that there is one place to look, one
//! way to say what is missing, and no second language. Verbs call [`setup`] for what they need themselves.

mod bench;
mod beside;
mod build;
mod demo;
mod dist;
mod fuzz;
mod lint;
mod package;
mod process;
mod qemu;
mod run;
mod setup;
mod stages;
mod test;
mod tidy;
mod toolchain;
mod web;
mod workspace;

use std::{ffi::OsString, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{demo::traffic, workspace::Workspace};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set up, build, run, test and measure the sensor")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Find or install the eBPF toolchain and the programs that the other verbs need
    Setup,
    /// Build the eBPF objects, then the agent with the object embedded
    Build {
        /// Build the agent with optimisations (the eBPF objects always are)
        #[arg(long)]
        release: bool,
        /// Build the binary to ship: optimised across crates, stripped, debug information in a file beside it
        #[arg(long, conflicts_with = "release")]
        dist: bool,
    },
    /// Build packages into target/package: Debian package, tarball, container image (OCI)
    Package {
        /// Package this binary instead of building one
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
    },
    /// Build and run the agent; it shows flows, and hits of the stock policies: `cargo xtask run -- -i eth0`
    Run {
        /// Arguments of `sensor run`; adds `--policies stock` and `--print flows,hits` unless the same flag or `--config` is given
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Show hits on real traffic between two namespaces: a port scan, a forbidden connection, a tunnel
    ///
    /// The flows, ordinary ones as well, go to a local collector. Fails if an expected hit is missing.
    #[command(args_conflicts_with_subcommands = true)]
    Demo {
        #[command(subcommand)]
        scene: Option<Scene>,
        /// Duration in seconds
        #[arg(long, default_value_t = 30)]
        duration: u32,
        /// Print the flows as well
        #[arg(long)]
        flows: bool,
        /// Go on until Ctrl-C, and show it on a page: the sensor's console, at 127.0.0.1:8686 of this host
        #[arg(long, conflicts_with = "duration")]
        stay: bool,
    },
    /// Run the tests: all stages but `agreement`, `day` and `soak`, or those named
    Test {
        /// Stages to run [default: all but `agreement`, `day` and `soak`]
        stages: Vec<test::Name>,
        /// Run only tests whose name contains this
        #[arg(last = true)]
        filter: Option<String>,
    },
    /// Run a fuzz target (needs a nightly toolchain, installs cargo-fuzz); without a target, list them
    Fuzz {
        /// Name of the target
        target: Option<String>,
        /// Duration in seconds
        #[arg(long, default_value_t = 30)]
        seconds: u32,
    },
    /// Run the benchmarks: all, or the one named
    Bench {
        /// Name of the benchmark
        name: Option<String>,
    },
    /// Formatting, clippy (host and eBPF), `tidy` and the documentation, as CI does
    Lint,
    /// Check what the compiler does not: import directions, file sizes, module headers, stray files and words
    Tidy,
    /// Build the console's page into sensor/web/dist, which is committed (Node, npm)
    Web {
        /// Only check that what is committed is what the sources give
        #[arg(long)]
        check: bool,
    },
    /// The far end of the demonstration's traffic
    #[command(hide = true)]
    DemoServer,
    /// The near end of the demonstration's traffic
    #[command(hide = true)]
    DemoClient,
    /// Leads browsers of this host to the sensor's console
    #[command(hide = true)]
    DemoDoor,
}

#[derive(Subcommand)]
enum Scene {
    /// Show hits on flow logs of two clouds and on NetFlow of a router, with labels from inventories; no root, no network
    ///
    /// Made objects arrive while the sensor runs. Fails if an expected hit is missing or a ledger does not balance.
    Cloud {
        /// How long to wait for the hits, in seconds
        #[arg(long, default_value_t = 30)]
        patience: u64,
    },
    /// Make a store with millions of flows of two days, and find three incidents in it; no root, no network
    ///
    /// The store stays in target/demo-hunt. Fails if an incident is not found.
    Hunt {
        /// How many flows
        #[arg(long, default_value_t = 5_000_000)]
        records: u64,
    },
}

fn main() -> ExitCode {
    match dispatch(Arguments::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(verb: Verb) -> Result<ExitCode> {
    // The two ends of the demonstration run inside namespaces and need nothing of the workspace.
    match &verb {
        Verb::DemoServer => return traffic::serve().map(|()| ExitCode::SUCCESS),
        Verb::DemoDoor => return demo::door::lead().map(|()| ExitCode::SUCCESS),
        Verb::DemoClient => return traffic::drive().map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let workspace = Workspace::open()?;
    match verb {
        Verb::Setup => setup::everything(&workspace)?,
        Verb::Build { dist: true, .. } => drop(dist::build(&workspace)?),
        Verb::Build { release, .. } => drop(build::all(&workspace, release)?),
        Verb::Package { binary } => drop(package::run(&workspace, binary.as_deref())?),
        Verb::Run { arguments } => return run::run(&workspace, &arguments),
        Verb::Demo { scene: Some(Scene::Cloud { patience }), .. } => {
            return demo::cloud::run(&workspace, Duration::from_secs(patience));
        }
        Verb::Demo { scene: Some(Scene::Hunt { records }), .. } => {
            return demo::hunt::run(&workspace, records);
        }
        Verb::Demo { scene: None, duration, flows, stay } => {
            return demo::run(&workspace, (!stay).then_some(duration), flows);
        }
        Verb::Test { stages, filter } => {
            return test::run(&workspace, &stages, filter.as_deref());
        }
        Verb::Fuzz { target, seconds } => fuzz::run(&workspace, target.as_deref(), seconds)?,
        Verb::Bench { name } => bench::run(&workspace, name.as_deref())?,
        Verb::Lint => return lint::run(&workspace),
        Verb::Tidy => tidy::run(&workspace)?,
        Verb::Web { check: true } => web::check(&workspace)?,
        Verb::Web { check: false } => web::build(&workspace)?,
        Verb::DemoServer | Verb::DemoClient | Verb::DemoDoor => unreachable!("answered above"),
    }
    Ok(ExitCode::SUCCESS)
}
