//! Losses: what a summary says of data that did not get where it should, and is told even where the summary is not wanted.

use std::fmt::Display;

use sensor_core::diagnostic::Theme;

use crate::stdio;

/// What was lost, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(pub Vec<String>);

impl Losses {
    /// Those of `rows` that count something.
    pub fn of(rows: impl IntoIterator<Item = (u64, impl Display)>) -> Self {
        let lost = rows.into_iter().filter(|(count, _)| *count > 0);
        Self(lost.map(|(count, what)| format!("{count} {what}")).collect())
    }

    /// The same and `more`.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// Tells `summary`; where only what is wrong is told, these in its place.
    pub fn print(&self, summary: impl Display) {
        if !stdio::is_quiet() {
            return stdio::note(summary);
        }
        self.0.iter().for_each(warn);
    }
}

/// Tells on stderr, whoever wants silence, of something that was lost.
pub fn warn(loss: impl Display) {
    let style = Theme::COLOR.warning;
    stdio::to_stderr(format_args!("{style}warning{style:#}: {loss}"));
}
