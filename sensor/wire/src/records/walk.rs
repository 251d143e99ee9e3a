//! Finds the records of a set whose template has fields of variable length.

use crate::{octets::Octets, template::compile::Plan};

/// Appends to `anchors`, for each whole record of `set`, where its runs start and where it ends (positions in `set`).
/// Returns where the last whole record ends.
pub fn walk(plan: &Plan, set: &[u8], anchors: &mut Vec<u32>) -> usize {
    let mut end = 0;
    // What is shorter than any record is padding (RFC 7011 section 3.3.1).
    while set.len() - end >= plan.minimum {
        let kept = anchors.len();
        let Some(next) = record(plan, set, end, anchors) else {
            anchors.truncate(kept);
            break;
        };
        end = next;
    }
    end
}

/// The anchors of the record that starts at `start`, and its end.
fn record(plan: &Plan, set: &[u8], start: usize, anchors: &mut Vec<u32>) -> Option<usize> {
    let mut rest = Octets(set.get(start..)?);
    let position = |rest: Octets<'_>| (set.len() - rest.len()) as u32;
    let (last, before) = plan.runs.split_last()?;
    for run in before {
        anchors.push(position(rest));
        rest.take((*run).into())?;
        let length = rest.length()?;
        rest.take(length)?;
    }
    anchors.push(position(rest));
    rest.take((*last).into())?;
    anchors.push(position(rest));
    Some(set.len() - rest.len())
}
