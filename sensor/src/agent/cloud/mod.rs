//! Flow logs of clouds, from files.
//!
//! * [`decode`]: to JSON lines, for people and scripts. [`replay`]: to the outputs of the agent.
//! * [`ledger`]: what became of every record, as text.

pub mod decode;
pub mod ledger;
pub mod replay;

pub use sensor_wire::cloud::{aws::layout::Layout, decoder::Hints, format::Format};

use std::{ops::ControlFlow, path::Path};

use sensor_core::flow::batch::FlowBatch;

use super::progress::{self, Progress};
use crate::replay::{
    meter::Meter,
    objects::{self, Objects},
};

/// What the files hold, as far as the command line says.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Their format; none for what their first octets tell.
    pub format: Option<Format>,
    /// What else is known.
    pub hints: Hints,
}

/// Whether the first of these files, or the first file in that folder, is a flow log of a cloud by its first octets.
pub fn is_log(files: &[impl AsRef<Path>]) -> bool {
    let Some(first) = files.first() else { return false };
    let first = objects::list(&[first]).ok().and_then(|files| files.into_iter().next());
    first.is_some_and(|path| objects::format(&path).is_some())
}

/// Reads the objects that `paths` name; `printed` is whether something goes to stdout meanwhile. `each` gets their flows, and
/// may end it.
fn read(
    objects: &mut Objects,
    paths: &[impl AsRef<Path>],
    printed: bool,
    mut each: impl FnMut(FlowBatch) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    let files = objects::list(paths)?;
    let meter = Meter::of(&files);
    let mut progress = Progress::new(&meter, "flows", progress::is_wanted(printed));
    for path in &files {
        let ended = objects.read(path, &meter, &mut |batch| {
            (0..batch.len()).for_each(|_| progress.count());
            each(batch)
        })?;
        if ended.is_break() {
            break;
        }
    }
    Ok(())
}
