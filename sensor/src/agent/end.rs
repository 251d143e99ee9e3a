//! The end, the same for every run: sources hand on what they hold, policies end, outputs send what waits, and the summary
//! says what became of it all.

use std::{sync::Arc, time::Duration};

use anyhow::bail;

use super::{
    mode::Mode,
    plant::Plant,
    status::{Status, summary},
};

/// How long outputs may take for what waits at the end.
fn flush_deadline(mode: Mode) -> Duration {
    match mode {
        Mode::Live => Duration::from_secs(5),
        Mode::Files => Duration::from_mins(1),
    }
}

/// Ends a run. `finish` ends all sources: it has them hand on their last batches, takes note of what became of what they
/// read, and lets go of the plant. With `duties`, it is summed up even where nobody reads what was put out.
///
/// # Errors
/// What `finish` says, or else what is wrong with the final status.
pub fn end(
    plant: Arc<Plant>,
    duties: bool,
    finish: impl FnOnce(&mut Status) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut status = Status::default();
    let result = finish(&mut status);
    let Some(plant) = Arc::into_inner(plant) else { bail!("a source is still at work") };
    let mode = plant.mode();
    // Nobody reads what is put out, and nobody wants to hear of it.
    let silent = !duties && plant.is_pointless();
    plant.finish(flush_deadline(mode), &mut status);
    // Of a file that cannot even be opened there is nothing to sum up.
    if !(silent || result.is_err() && status.has_no_frame()) {
        summary::losses(&status).print(summary::text(&status));
    }
    result?;
    if silent && mode == Mode::Files { Ok(()) } else { status.check(mode) }
}
