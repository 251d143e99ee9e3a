//! The program as a user types it: exit codes, and messages pinned by files.
//!
//! `UPDATE_EXPECT=1 cargo test -p sensor --test cli` writes the golden files anew; read the difference before you commit it.

mod config;
mod drop_ins;
#[path = "../support/ports.rs"]
mod ports;
mod reload;
mod streams;
mod usage;

use std::process::Command;

use self::ports::free_port;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/config");

struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// The program in the directory of the golden files, so that messages show file names without a path.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
    command.args(arguments).current_dir(GOLDEN);
    command
}

fn sensor(arguments: &[&str]) -> Outcome {
    let output = command(arguments).output().expect("the binary runs");
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is text"),
        stderr: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

/// A listener at a port of this host that is free.
fn listener() -> String {
    format!("netflow://127.0.0.1:{}", free_port().expect("a port"))
}
