//! How a flow store stands.

use sensor_store::{
    accounts::Statement,
    figures::{Figures, Held},
};

/// A store at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreReport {
    /// What it is called.
    pub folder: String,
    /// What became of each record that it was given. What its queue had no room for is in the account of the sink.
    pub statement: Statement,
    /// What was done to files, and the sealed ones.
    pub figures: Figures,
    /// The journals.
    pub journals: Held,
    /// What is wrong now.
    pub trouble: Option<String>,
}

impl StoreReport {
    /// The same of a store that was opened anew, with what was counted of it `earlier`; gauges are those of now.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        if self.folder == earlier.folder {
            self.statement = self.statement.after(&earlier.statement);
            self.figures = self.figures.after(&earlier.figures);
        }
        self
    }
}
