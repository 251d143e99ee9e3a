//! The `sensor` program: see [`sensor::cli`].

use std::{env::args_os, process::ExitCode};

fn main() -> ExitCode {
    sensor::cli::main(args_os().collect::<Vec<_>>())
}
