//! One question of several archives, each of which answers for another part of the time: so a record that two of them have counts once.

use super::{
    account::Progress,
    answer::Answer,
    archive::Archive,
    part::Part,
    question::{Options, Question},
    run::parts,
};

/// An archive, and the time that it answers for.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    /// The records.
    pub archive: &'a dyn Archive,
    /// Received from then on, milliseconds since the epoch.
    pub from: u64,
    /// Received before that.
    pub to: u64,
}

/// Answers a question, as [`run`](super::run()) would of one archive that had the records of all spans, each of the time of its span. The
/// spans are asked one after the other, in their order.
pub fn run_spans(
    question: &Question,
    spans: &[Span<'_>],
    options: &Options,
    progress: &Progress,
) -> Answer {
    let mut found = Part::of(&question.said);
    for Span { archive, from, to } in spans {
        let (from, to) = (question.from.max(*from), question.to.min(*to));
        if from >= to || progress.is_cancelled() {
            continue;
        }
        let own = Question { from, to, ..question.clone() };
        found.merge(parts(&own, *archive, options, progress));
    }
    found.into_answer()
}
