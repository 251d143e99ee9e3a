//! Stores made of batches, cut anyhow, and a naive reading of a question.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use proptest::prelude::*;
use sensor_core::{
    flow::{
        batch::FlowBatch,
        fields::{FIELDS, OwnedValue, Row},
        interfaces::Interfaces,
    },
    hunt::{
        Distinct, GroupBy, Grouping, Labels, Metric, Options, Order, Page, Place, Prefixes,
        Question,
    },
    nql::{Filter, ast::Expression, lists::Lists, reference, typed::Typed},
};
use sensor_store::{
    journal::{Sync, reader::Journal, writer::Writer},
    names::{SegmentName, journal},
    segment::{merge::Merged, reader::Segment, writer::write},
};

/// When tests begin.
pub const NOW: u64 = 1_796_080_000_000;

/// A batch, and when it comes to the store.
pub type Stored = (FlowBatch, u64);

/// Where a store is cut: the records up to a batch become a file, or several files one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing.
    Goes,
    /// A journal ends, and is sealed.
    Sealed,
    /// The same, and what was sealed before is made one file with it.
    Compacted,
}

pub fn cuts(batches: usize) -> impl Strategy<Value = Vec<Cut>> {
    let cut = prop_oneof![Just(Cut::Goes), Just(Cut::Sealed), Just(Cut::Compacted)];
    proptest::collection::vec(cut, batches)
}

/// Makes a store: behind the last cut, records stay in a journal.
pub fn store(folder: &Path, batches: &[Stored], cuts: &[Cut]) {
    let mut first = 1;
    let mut last: Option<SegmentName> = None;
    let mut open: Option<(Writer, u64)> = None;
    for ((batch, now), cut) in batches.iter().zip(cuts) {
        let (writer, begin) = open.get_or_insert_with(|| {
            (Writer::create(&folder.join(journal(first)), first, *now).expect("a journal"), first)
        });
        writer.append(batch, *now, Sync::Never).expect("a frame");
        first += batch.len() as u64;
        if *cut == Cut::Goes {
            continue;
        }
        let path = folder.join(journal(*begin));
        let file = Journal::open(&path, 0).expect("a journal");
        let (from, to) = file.received().expect("records");
        let mut name = SegmentName { first: *begin, last: first - 1, from, to };
        seal(folder, &name, |path| write(&file, path).expect("a file"));
        std::fs::remove_file(&path).expect("a journal");
        if let (Cut::Compacted, Some(other)) = (cut, last) {
            let inputs = [other, name];
            let open = inputs.map(|name| Segment::open(&folder.join(name.path())).expect("a file"));
            let merged = Merged::new(open.into()).expect("times");
            name = SegmentName {
                first: other.first,
                last: name.last,
                from: other.from.min(from),
                to: other.to.max(to),
            };
            seal(folder, &name, |path| write(&merged, path).expect("a file"));
            for input in inputs.iter().filter(|input| **input != name) {
                std::fs::remove_file(folder.join(input.path())).expect("a file");
            }
        }
        last = Some(name);
        open = None;
    }
}

fn seal(folder: &Path, name: &SegmentName, write: impl FnOnce(&Path)) {
    let path = folder.join(name.path());
    std::fs::create_dir_all(path.parent().expect("an hour")).expect("a folder");
    write(&path);
}

/// A query as it is typed.
pub fn typed(expression: &Expression) -> Typed {
    query(&expression.to_string())
}

pub fn query(text: &str) -> Typed {
    let lists = Lists::default();
    Filter::compile(text, &sensor_core::nql::Options::new(&lists)).expect("a query").typed
}

pub fn options(threads: usize) -> Options {
    Options { threads, labels: Labels::Then, interfaces: Arc::default() }
}

pub fn by(names: &[&str]) -> Vec<GroupBy> {
    names.iter().map(|name| GroupBy::named(name).expect("a field")).collect()
}

/// A row of a batch that is stored.
#[derive(Clone, Copy)]
pub struct Known<'b> {
    pub place: Place,
    pub batch: &'b FlowBatch,
    pub row: usize,
}

/// The rows that a question selects of all that are stored, by a plain loop.
pub fn selected<'b>(
    batches: &'b [Stored],
    question: &Question,
    also: Option<&Typed>,
) -> Vec<Known<'b>> {
    let interfaces = Interfaces::default();
    let mut found = Vec::new();
    let mut sequence = 0;
    for (batch, now) in batches {
        for row in 0..batch.len() {
            sequence += 1;
            let time = batch.received.get(row).copied().unwrap_or(*now);
            let record = Row { batch, row, interfaces: &interfaces };
            if question.from <= time
                && time < question.to
                && reference::matches(&question.query, &record)
                && also.is_none_or(|also| reference::matches(also, &record))
            {
                found.push(Known { place: Place { time, sequence }, batch, row });
            }
        }
    }
    found
}

/// Those of a page, in order.
pub fn page<'b>(mut rows: Vec<Known<'b>>, page: &Page) -> Vec<Known<'b>> {
    rows.sort_by_key(|row| row.place);
    if page.order == Order::NewestFirst {
        rows.reverse();
    }
    rows.retain(|row| {
        page.after.is_none_or(|after| match page.order {
            Order::OldestFirst => row.place > after,
            Order::NewestFirst => row.place < after,
        })
    });
    rows.truncate(page.most);
    rows
}

/// All that is said of a row, as text.
pub fn fields(batch: &FlowBatch, row: usize) -> Vec<String> {
    let interfaces = Interfaces::default();
    let row = Row { batch, row, interfaces: &interfaces };
    let of = |field: &sensor_core::flow::fields::Field| {
        format!("{}={:?}", field.name, OwnedValue::of(field.value(row)))
    };
    FIELDS.iter().map(of).collect()
}

/// The value of something to group by in a row.
pub fn value(by: &GroupBy, known: &Known<'_>) -> Option<OwnedValue> {
    let interfaces = Interfaces::default();
    let row = Row { batch: known.batch, row: known.row, interfaces: &interfaces };
    let value = OwnedValue::of(by.subject.value(row))?;
    let (OwnedValue::Ip(address), Some(Prefixes { v4, v6 })) = (&value, by.prefixes) else {
        return Some(value);
    };
    let length = if address.is_ipv4() { v4 } else { v6 };
    let mut octets = match address {
        std::net::IpAddr::V4(address) => address.octets().to_vec(),
        std::net::IpAddr::V6(address) => address.octets().to_vec(),
    };
    for (at, octet) in octets.iter_mut().enumerate() {
        let kept = usize::from(length).saturating_sub(at * 8).min(8);
        *octet &= !(0xff_u8.checked_shr(kept as u32).unwrap_or(0));
    }
    Some(OwnedValue::Ip(match <[u8; 4]>::try_from(&octets[..]) {
        Ok(octets) => octets.into(),
        Err(_) => <[u8; 16]>::try_from(&octets[..]).expect("an address").into(),
    }))
}

/// What is known of a group: flows, octets, packets times the rate, distinct values.
#[derive(Debug, Default, PartialEq)]
pub struct Sum {
    pub flows: u128,
    pub octets: Option<u128>,
    pub scaled: Option<u128>,
    pub distinct: Vec<u64>,
}

pub const METRICS: [Metric; 3] = [Metric::Flows, Metric::Octets, Metric::ScaledPackets];

/// Groups by bucket and values, by a map.
pub fn groups(
    rows: &[Known<'_>],
    grouping: &Grouping,
    distinct: &Distinct,
) -> BTreeMap<String, Sum> {
    use sensor_core::flow::columns::Column;
    let mut all: BTreeMap<String, (Sum, Vec<std::collections::BTreeSet<String>>)> = BTreeMap::new();
    for known in rows {
        let values: Vec<_> = grouping.by.iter().map(|by| value(by, known)).collect();
        let bucket = grouping.period.map(|period| known.place.time - known.place.time % period);
        let (sum, sets) = all.entry(format!("{bucket:?} {values:?}")).or_default();
        sum.flows += 1;
        let Known { batch, row, .. } = *known;
        if batch.tells(Column::Octets, row) {
            *sum.octets.get_or_insert(0) += u128::from(batch.octets[row]);
        }
        if batch.tells(Column::Packets, row) {
            let rate = u128::from(batch.sample_rate(row).unwrap_or(1));
            *sum.scaled.get_or_insert(0) += u128::from(batch.packets[row]) * rate;
        }
        sets.resize_with(distinct.of.len(), Default::default);
        for (set, by) in sets.iter_mut().zip(&distinct.of) {
            set.extend(value(by, known).map(|value| format!("{value:?}")));
        }
    }
    let counted = |(mut sum, sets): (Sum, Vec<std::collections::BTreeSet<String>>)| {
        sum.distinct = sets.iter().map(|set| set.len() as u64).collect();
        sum
    };
    all.into_iter().map(|(key, both)| (key, counted(both))).collect()
}

/// Some things to group by.
pub fn subjects() -> impl Strategy<Value = Vec<GroupBy>> {
    let names = [
        "srcip",
        "dstip/24/64",
        "srcip/31/127",
        "dstport",
        "protocol",
        "tags",
        "srcinternal",
        "label.src.role",
        "flowtype",
        "octets",
        "icmptype",
        "clientip",
        "device.name",
        "srcmac",
    ];
    let known = names.into_iter().filter_map(|name| GroupBy::named(name).ok()).collect::<Vec<_>>();
    proptest::sample::subsequence(known, 0..4)
}
