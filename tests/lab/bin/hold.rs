//! Attaches to an interface and waits to be told to stop, or killed: `hold IFACE [without-tcx] [unguarded]`.
//!
//! Prints the attachment as one line, then reads standard input to its end.

use std::io::{self, Read};

use anyhow::{Context, Result};
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
    let links = links::list()?;
    let link = links.iter().find(|link| link.name == *name).context("no such interface")?;
    let attachment = programs.attach(link, IngressWish::NativeXdp)?;
    println!("{attachment}");
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(attachment);
    Ok(())
}
