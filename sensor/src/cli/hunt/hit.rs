//! A stored hit by its id.

use std::path::Path;

use anyhow::Context as _;
use sensor_store::hits::reader;

use crate::{cli::exit::Failure, console::hit::StoredHit};

/// The hit of the store in `folder` that has this id, or the last one of the incident that has it.
///
/// # Errors
/// There is none, or hits cannot be read.
pub fn find(folder: &Path, id: &str) -> anyhow::Result<StoredHit> {
    let mut found: Option<StoredHit> = None;
    reader::read(folder, (0, u64::MAX), |line| {
        // Nearly all lines are others'.
        let may_be = line.windows(id.len().max(1)).any(|part| part == id.as_bytes());
        if may_be && let Ok(hit) = serde_json::from_slice::<StoredHit>(line) {
            let incident = hit.id.rsplit_once('-').map(|(incident, _)| incident);
            if hit.id == id || incident == Some(id) {
                found = Some(hit);
            }
        }
        found.as_ref().is_none_or(|hit| hit.id != id)
    })
    .with_context(|| format!("read the hits in {}", folder.display()))?;
    found.ok_or_else(|| {
        let fault = format!(
            "no hit in {} has the id `{id}`: `sensor hits list` shows ids",
            folder.display()
        );
        Failure::usage(fault).into()
    })
}
