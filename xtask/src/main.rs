//! Set up, build, run, test and measure the sensor: `cargo xtask VERB`.
//!
//! Everything that a shell script would do for this project is here instead, so that there is one place to look, one
//! way to say what is missing, and no second language. Verbs call [`setup`] for what they need themselves.

mod bench;
mod build;
mod demo;
mod fuzz;
mod lint;
mod process;
mod qemu;
mod run;
mod setup;
mod stages;
mod test;
mod tidy;
mod toolchain;
mod workspace;

use std::{ffi::OsString, net::IpAddr, process::ExitCode};

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
    },
    /// Build and run the agent: `cargo xtask run -- -i eth0 --duration 10`
    Run {
        /// Arguments of `sensor run`
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Show flows of real TCP, UDP and ICMP between two namespaces, exported to a local collector
    Demo {
        /// How long to watch, in seconds
        #[arg(long, default_value_t = 20)]
        duration: u32,
    },
    /// Run the tests: all stages, or those named
    Test {
        /// Stages to run; all where none is given
        stages: Vec<test::Name>,
        /// Run only tests whose name contains this
        #[arg(last = true)]
        filter: Option<String>,
    },
    /// Run a fuzz target (needs a nightly toolchain, installs cargo-fuzz); lists them where none is given
    Fuzz {
        /// Name of the target
        target: Option<String>,
        /// How long, in seconds
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
    /// Check what no compiler does: import directions, file sizes, module headers, stray files and words
    Tidy,
    /// The far end of the demonstration's traffic
    #[command(hide = true)]
    DemoServer,
    /// The near end of the demonstration's traffic
    #[command(hide = true)]
    DemoClient { servers: Vec<IpAddr> },
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
        Verb::DemoClient { servers } => {
            return traffic::drive(servers).map(|()| ExitCode::SUCCESS);
        }
        _ => {}
    }
    let workspace = Workspace::open()?;
    match verb {
        Verb::Setup => setup::everything(&workspace)?,
        Verb::Build { release } => build::all(&workspace, release)?,
        Verb::Run { arguments } => return run::run(&workspace, &arguments),
        Verb::Demo { duration } => return demo::run(&workspace, duration),
        Verb::Test { stages, filter } => {
            return test::run(&workspace, &stages, filter.as_deref());
        }
        Verb::Fuzz { target, seconds } => fuzz::run(&workspace, target.as_deref(), seconds)?,
        Verb::Bench { name } => bench::run(&workspace, name.as_deref())?,
        Verb::Lint => return lint::run(&workspace),
        Verb::Tidy => tidy::run(&workspace)?,
        Verb::DemoServer | Verb::DemoClient { .. } => unreachable!("answered above"),
    }
    Ok(ExitCode::SUCCESS)
}
