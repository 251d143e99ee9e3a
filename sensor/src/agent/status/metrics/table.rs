//! The table of all metrics.

use super::{cloud, engine, health, host, ingest, intake, metric::Metric, outputs, process, store};

/// The table: every metric that there is, in the order of the exposition.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    let sections: [&'static [Metric]; 9] = [
        process::ROWS,
        health::ROWS,
        host::ROWS,
        intake::ROWS,
        cloud::ROWS,
        ingest::ROWS,
        engine::ROWS,
        outputs::ROWS,
        store::ROWS,
    ];
    sections.into_iter().flatten()
}
