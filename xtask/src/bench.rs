//! Runs the benchmarks of the agent; their tables go straight to the terminal.

use anyhow::{Context, Result, bail};

use crate::{
    build, process,
    setup::{self, Need},
    workspace::Workspace,
};

/// `cargo xtask bench`.
///
/// # Errors
/// When there is no such benchmark, or one fails.
pub fn run(workspace: &Workspace, name: Option<&str>) -> Result<()> {
    let all = workspace.targets("sensor", "bench");
    let chosen = match name {
        Some(name) if all.contains(&name) => vec![name],
        Some(name) => bail!("no benchmark {name}; there are: {}", all.join(", ")),
        None => all,
    };
    setup::programs(&[Need::Bench])?;
    build::ebpf(workspace)?;
    for bench in chosen {
        println!("\n== {bench} ==");
        process::run(process::cargo().args(["bench", "--package", "sensor", "--bench", bench]))
            .with_context(|| format!("benchmark {bench}"))?;
    }
    Ok(())
}
