//! Batches with all kinds of columns.

use std::sync::Arc;

use proptest::prelude::*;
use sensor_core::flow::{
    batch::{FlowBatch, Source},
    columns::Column,
    testing::{Random, batches, mark},
};

/// Batches of hosts, routers and clouds, with tags, labels of ports and whatever columns there are.
pub fn all_batches(rows: usize) -> impl Strategy<Value = FlowBatch> {
    (batches(rows), any::<Option<u64>>(), any::<u64>()).prop_map(|(mut batch, tags, seed)| {
        if let Some(tags) = tags {
            mark(&mut batch, tags);
        }
        let mut random = Random(seed);
        let rows = batch.len();
        if random.draw().is_multiple_of(2) {
            for row in 0..rows {
                let length = random.draw() % 4;
                let list: Vec<u32> = (0..length).map(|_| random.draw() as u32 % 3).collect();
                batch.as_path.put(row, list.iter().copied());
                batch.communities.put(row, list.into_iter().rev().take(1));
            }
        }
        if random.draw().is_multiple_of(2) && !batch.source_mac.is_empty() {
            batch.source_mac = (0..rows).map(|_| [random.draw() as u8 % 2; 6]).collect();
        }
        if random.draw().is_multiple_of(2) && !batch.nat_source_v6.is_empty() {
            batch.nat_source_v6 = (0..rows).map(|_| u128::from(random.draw() % 3) << 100).collect();
        }
        // Of interfaces, a device tells nothing, or 0.
        if batch.observed_by != Source::Host && random.draw().is_multiple_of(2) {
            batch.interface.fill(0);
            if random.draw().is_multiple_of(2) {
                batch.untold |= Column::Interface.bit();
            }
        }
        if batch.observed_by.is_cloud() {
            let labels = |text: &str| [("role".to_owned(), vec![text.to_owned()])].into();
            let sets = sensor_core::flow::point::LabelSets::default();
            sets.intern(labels("web"));
            sets.intern(labels("a \"quoted\" one"));
            batch.label_sets = Arc::new(sets);
        }
        batch
    })
}
