//! The `sensor` program: see [`sensor::cli`].

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::{env::args_os, process::ExitCode};

fn main() -> ExitCode {
    sensor::cli::main(args_os().collect::<Vec<_>>(), sensor_object::OBJECT)
}
