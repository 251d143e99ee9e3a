//! The flow store.

use super::metric::{Family, Metric, View, counter, gauge};
use crate::agent::status::store::Store;

fn of(view: &View, family: &mut Family<'_>, figure: fn(&Store) -> u64) {
    if let Some(store) = &view.status.store {
        family.put(&[], figure(store));
    }
}

fn age(view: &View, family: &mut Family<'_>, since: fn(&Store) -> Option<u64>) {
    let now = view.status.agent.as_ref().map(|agent| agent.now);
    if let (Some(store), Some(now)) = (&view.status.store, now) {
        let age = since(store).map_or(0, |since| now.saturating_sub(since));
        family.put(&[], age as f64 / 1e3);
    }
}

pub(super) const ROWS: &[Metric] = &[
    counter(
        "sensor_store_stored_records",
        &[],
        "Flow records stored since the sensor was started: carried + stored = sealed + journaled + expired + damaged.",
        |view, family| of(view, family, |store| store.stored),
    ),
    counter(
        "sensor_store_shed_records",
        &["reason"],
        "Flow records that were not stored: the queue was full or the time at the end was over, the disk was full, or the system refused otherwise.",
        |view, family| {
            if let Some(store) = &view.status.store {
                store.shed().for_each(|(reason, records)| family.put(&[reason], records));
            }
        },
    ),
    gauge(
        "sensor_store_carried_records",
        &[],
        "Flow records that were there when the sensor was started.",
        |view, family| of(view, family, |store| store.carried),
    ),
    gauge("sensor_store_sealed_records", &[], "Flow records in sealed files.", |view, family| {
        of(view, family, |store| store.sealed);
    }),
    gauge("sensor_store_journaled_records", &[], "Flow records in journals.", |view, family| {
        of(view, family, |store| store.journaled);
    }),
    counter(
        "sensor_store_expired_records",
        &[],
        "Flow records deleted since the sensor was started, because their time was over or their room was needed.",
        |view, family| of(view, family, |store| store.expired),
    ),
    counter(
        "sensor_store_damaged_records",
        &[],
        "Flow records in files that turned out to be damaged, and were put aside.",
        |view, family| of(view, family, |store| store.damaged),
    ),
    counter(
        "sensor_store_files",
        &["done"],
        "Files sealed, compacted (made into larger ones), expired (deleted) and damaged (put aside).",
        |view, family| {
            if let Some(store) = &view.status.store {
                family.put(&["sealed"], store.sealed_files);
                family.put(&["compacted"], store.compacted_files);
                family.put(&["expired"], store.expired_files);
                family.put(&["damaged"], store.damaged_files);
            }
        },
    ),
    counter(
        "sensor_store_failures",
        &[],
        "Attempts to seal a journal or to compact files that failed; they are repeated.",
        |view, family| of(view, family, |store| store.failures),
    ),
    gauge("sensor_store_held_files", &[], "Sealed files.", |view, family| {
        of(view, family, |store| store.files);
    }),
    gauge("sensor_store", &[], "Octets of sealed files.", |view, family| {
        of(view, family, |store| store.octets);
    })
    .bytes(),
    gauge(
        "sensor_store_oldest_record_age",
        &[],
        "How long ago the oldest record in a sealed file was received; 0 without files.",
        |view, family| age(view, family, |store| store.oldest),
    )
    .seconds(),
    gauge(
        "sensor_store_missing_records",
        &[],
        "Flow records that are missing between others: the file that had them was deleted or put aside as damaged.",
        |view, family| of(view, family, |store| store.missing),
    ),
    gauge("sensor_store_journals", &[], "Journals with records.", |view, family| {
        of(view, family, |store| store.journals);
    }),
    gauge("sensor_store_journal", &[], "Octets of journals.", |view, family| {
        of(view, family, |store| store.journal_octets);
    })
    .bytes(),
    gauge(
        "sensor_store_journal_lag",
        &[],
        "How long ago the oldest record that is not sealed was received; 0 without journals.",
        |view, family| age(view, family, |store| store.journal_begun),
    )
    .seconds(),
];
