//! Attaches to an interface and waits to be told to stop, or killed: `hold IFACE [without-tcx] [unguarded] [reduced]`.
//!
//! Prints the attachment as one line, then reads standard input to its end.

use std::io::{self, Read};

use anyhow::{Context, Result};
use sensor::agent::privilege::{
    capabilities::{self, Needs, Role},
    rules, sandbox,
};
use sensor_kernel::{self, Loaded, Options, attach::IngressWish, guard, links};
use sensor_object::OBJECT;

fn main() -> Result<()> {
    if guard::serve(std::env::args_os()) {
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, flags) = arguments.split_first().context("name an interface")?;
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let Loaded { mut programs, drain: _drain, log: _ } = sensor_kernel::load(
        OBJECT,
        Options {
            memory: 0,
            without_tcx: has("without-tcx"),
            guarded: !has("unguarded"),
            ..Options::default()
        },
    )?;
    if has("reduced") {
        // As an agent that has started; on kernels without Landlock, as one there.
        if sandbox::version().is_ok() {
            sandbox::enter(&rules::of_system(|_| None))?;
        }
        capabilities::decide(Needs { captures: true, ..Needs::default() });
        capabilities::keep(Role::Lead)?;
    }
    let links = links::list()?;
    let link = links.iter().find(|link| link.name == *name).context("no such interface")?;
    let attachment = programs.attach(link, IngressWish::NativeXdp)?;
    println!("{attachment}");
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(attachment);
    Ok(())
}
