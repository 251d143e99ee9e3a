//! The `sensor` program: see [`sensor::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    // The guard of an agent on a kernel without tcx is this program, too.
    if sensor::kernel::guard::serve(std::env::args_os()) {
        return ExitCode::SUCCESS;
    }
    sensor::cli::main(std::env::args_os())
}
