//! Line numbers of places in texts that are not read line by line.

/// Where lines begin, for texts that are not read line by line.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    /// The line, from 1, that holds the byte at `offset`.
    pub(super) fn number(&self, offset: usize) -> u32 {
        self.0.partition_point(|&start| start <= offset) as u32 + 1
    }
}
