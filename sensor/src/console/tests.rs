//! Answers of held and stored records together are those of a loop over all records.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use sensor_core::{
    flow::{
        batch::FlowBatch,
        columns::Column,
        fields::{Row, find},
        interfaces::Interfaces,
        testing::batches,
    },
    nql::{Filter, Options, lists::Lists, reference, testing::expressions},
};
use serde_json::{Value, json};

use super::{
    common::{self, CommonAsk},
    flows::{self, FlowsAsk, Lines},
    rates,
    testing::{self, BEGIN, STEP, STEPS},
    top::{self, TopAsk},
};

fn received(batch: &FlowBatch, row: usize) -> u64 {
    batch.received.get(row).copied().unwrap_or(batch.offered)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is held, stored, or both: a record counts once.
    #[test]
    fn a_record_counts_once(
        mut flows in proptest::collection::vec((batches(12), 0_u64..300), 1..12),
        expression in expressions(),
        held in 1_u64..60,
        (from, length) in (1_u64..300, 1_u64..300),
        limit in 1_usize..200,
    ) {
        flows.iter_mut().for_each(|(batch, offered)| {
            batch.offered = *offered + 1;
            // As the decoder has it: our own clock.
            batch.received.iter_mut().for_each(|time| *time %= 300);
        });
        let flows: Vec<FlowBatch> = flows.into_iter().map(|(batch, _)| batch).collect();
        let (desk, _folder) = testing::desk(&flows, held, 0);
        let text = expression.to_string();
        let lists = Lists::default();
        let query = Filter::compile(&text, &Options::new(&lists)).unwrap().typed;
        let interfaces = Interfaces::default();
        let to = from + length;
        let (mut expected, mut times) = (BTreeMap::<String, (u64, Option<u128>)>::new(), Vec::new());
        for batch in &flows {
            for row in 0..batch.len() {
                let of = Row { batch, row, interfaces: &interfaces };
                let time = received(batch, row);
                if (from..to).contains(&time) && reference::matches(&query, &of) {
                    let key = super::value::json(find("protocol").unwrap().value(of)).to_string();
                    let (count, octets) = expected.entry(key).or_default();
                    *count += 1;
                    if batch.presence(Column::Octets).any() {
                        *octets.get_or_insert(0) += u128::from(batch.octets[row]);
                    }
                    times.push(time);
                }
            }
        }
        let ask: TopAsk = serde_json::from_value(json!({
            "q": text, "from_ms": from, "to_ms": to, "by": ["protocol"], "limit": 1000,
        })).unwrap();
        let answer = top::ask(&desk, &ask).unwrap();
        let found: BTreeMap<String, (u64, Option<u128>)> = answer.rows.iter().map(|row| {
            let sums = row.sums.sums;
            (row.key[0].to_string(), (sums.flows.0 as u64, sums.octets.map(|octets| octets.0)))
        }).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(answer.ground.matched.0, times.len() as u128);
        prop_assert_eq!(answer.ground.partial, None);
        // All pages together have each record once, in order.
        let mut ask: FlowsAsk = serde_json::from_value(json!({
            "q": text, "from_ms": from, "to_ms": to, "columns": ["octets"], "order": "oldest", "limit": limit,
        })).unwrap();
        let mut ids = Vec::new();
        loop {
            let page = flows::ask(&desk, &ask).unwrap();
            ids.extend(page.ids);
            ask.after = page.next;
            if ask.after.is_none() {
                break;
            }
        }
        times.sort_unstable();
        let places: Vec<_> = ids.iter().map(|id| flows::place(id).unwrap()).collect();
        prop_assert_eq!(places.iter().map(|place| place.time).collect::<Vec<_>>(), times);
        prop_assert!(places.windows(2).all(|two| two[0] < two[1]));
    }
}

fn ask<A: serde::de::DeserializeOwned>(value: Value) -> A {
    serde_json::from_value(value).expect("a question")
}

/// As many records are held as in the last steps; the rest is stored alone.
fn hour() -> (super::desk::Desk, tempfile::TempDir, Vec<FlowBatch>) {
    let flows = testing::batches();
    let (desk, folder) = testing::desk(&flows, 700, BEGIN);
    (desk, folder, flows)
}

#[test]
fn an_answer_says_what_it_rests_on() {
    let (desk, _folder, _) = hour();
    let top = |from: u64, to: u64| {
        let answer =
            top::ask(&desk, &ask(json!({"from_ms": from, "to_ms": to, "by": ["protocol"]})));
        answer.expect("an answer").ground
    };
    let end = BEGIN + STEP * STEPS;
    let seam = desk.held.snapshot().whole_from();
    let all = top(BEGIN, end);
    let (live, stored) = (all.rests.live.expect("held"), all.rests.stored.expect("stored"));
    assert_eq!((stored.from_ms, stored.to_ms, live.from_ms, live.to_ms), (BEGIN, seam, seam, end));
    assert_eq!(all.matched.0, u128::from(STEPS) * 50);
    // The newest are held: nothing is asked of the store.
    let new = top(seam, end);
    assert_eq!((new.rests.stored, new.tested.0), (None, live.records.0));
    let old = top(BEGIN, BEGIN + STEP);
    assert_eq!((old.rests.live, old.matched.0), (None, 50));
}

#[test]
fn rates_are_sums_by_time() {
    let (desk, _folder, flows) = hour();
    let to = BEGIN + STEP * STEPS;
    let answer = rates::ask(
        &desk,
        &ask(json!({"from_ms": BEGIN, "to_ms": to, "points": 60, "by": ["protocol"], "limit": 1, "unit": "bps"})),
    )
    .unwrap();
    assert_eq!((answer.step_ms, answer.t.len(), answer.series.len()), (STEP, 60, 2));
    assert!(answer.series[1].other && !answer.series[0].other);
    for (at, time) in answer.t.iter().enumerate() {
        let octets: u64 = flows
            .iter()
            .filter(|batch| (*time..time + STEP).contains(&batch.offered))
            .flat_map(|batch| &batch.octets)
            .sum();
        let shown: f64 = answer.series.iter().filter_map(|line| line.v[at]).sum();
        assert!((shown - octets as f64 * 8000.0 / STEP as f64).abs() < 1.0, "{time}");
    }
    let octets: u64 = flows.iter().flat_map(|batch| &batch.octets).sum();
    let total: u128 = answer.series.iter().map(|line| line.stat.total.0).sum();
    assert_eq!(total, u128::from(octets));
}

#[test]
fn the_other_direction_and_the_time_before() {
    let (desk, _folder, _) = hour();
    let half = BEGIN + STEP * STEPS / 2;
    let series = |question: Value| rates::ask(&desk, &ask(question)).unwrap().series;
    let own = series(
        json!({"q": "srcport == 443", "from_ms": half, "to_ms": half + STEP * 10, "bidirectional": true, "previous": true}),
    );
    assert_eq!(
        own.iter().map(|line| (line.reverse, line.previous)).collect::<Vec<_>>(),
        [(false, false), (true, false), (false, true)]
    );
    let other = series(json!({"q": "dstport == 443", "from_ms": half, "to_ms": half + STEP * 10}));
    assert_eq!((&own[1].v, own[1].stat), (&other[0].v, other[0].stat));
    let before = series(json!({"q": "srcport == 443", "from_ms": half - STEP * 10, "to_ms": half}));
    assert_eq!(own[2].stat, before[0].stat);
    assert_eq!(own[2].v.len(), own[0].v.len());
    assert!(own[0].stat.total != own[1].stat.total);
}

#[test]
fn flows_by_size_are_the_largest() {
    let (desk, _folder, flows) = hour();
    let mut octets: Vec<u64> = flows.iter().flat_map(|batch| batch.octets.clone()).collect();
    octets.sort_unstable_by(|a, b| b.cmp(a));
    let mut question: FlowsAsk = ask(json!({
        "from_ms": BEGIN, "to_ms": BEGIN + STEP * STEPS, "columns": ["octets", "label.src.role"], "order": "octets", "limit": 100,
    }));
    let mut found = Vec::new();
    for _ in 0..3 {
        let page = flows::ask(&desk, &question).unwrap();
        assert_eq!(
            page.columns.iter().map(|column| column.r#type).collect::<Vec<_>>(),
            ["int", "string[]"]
        );
        found.extend(page.rows.iter().map(|row| row[0].as_u64().unwrap()));
        question.after = page.next;
    }
    assert_eq!(found, octets[..300]);
}

#[test]
fn lines_are_the_same_flows() {
    let (desk, _folder, _) = hour();
    let question: FlowsAsk = ask(json!({
        "q": "dstport == 53", "from_ms": BEGIN, "to_ms": BEGIN + STEP * STEPS, "columns": ["srcip", "octets"], "limit": 20,
    }));
    let page = flows::ask(&desk, &question).unwrap();
    let (csv, next) = flows::lines(&desk, &question, Lines::Csv).unwrap();
    assert_eq!(next, page.next);
    let mut expected = "srcip,octets\n".to_owned();
    let mut objects = String::new();
    for row in &page.rows {
        expected.push_str(&format!("{},{}\n", row[0].as_str().unwrap(), row[1]));
        objects.push_str(&format!("{{\"srcip\":{},\"octets\":{}}}\n", row[0], row[1]));
    }
    assert_eq!(String::from_utf8(csv).unwrap(), expected);
    let (json, _) = flows::lines(&desk, &question, Lines::Json).unwrap();
    assert_eq!(String::from_utf8(json).unwrap(), objects);
    assert!(page.rows.len() > 5);
}

#[test]
fn a_bound_that_is_reached_is_told() {
    let (mut desk, _folder, _) = hour();
    // A clock that goes on by 20 ms with each look.
    let looks = std::sync::atomic::AtomicU64::new(0);
    desk.timer = Arc::new(move || looks.fetch_add(20, std::sync::atomic::Ordering::Relaxed));
    desk.store = None;
    let question: TopAsk = ask(json!({"from_ms": BEGIN, "to_ms": BEGIN + STEP * STEPS, "by": []}));
    let answer = top::ask(&desk, &question).unwrap();
    assert_eq!(answer.ground.partial.map(|lacks| lacks.reason), Some("time"));
    assert!(answer.ground.tested.0 > 0 && answer.total.flows.0 == answer.ground.tested.0);
}

#[test]
fn what_is_common_is_what_each_query_has() {
    let (desk, _folder, _) = hour();
    let to = BEGIN + STEP * STEPS;
    let question: CommonAsk = ask(json!({
        "queries": ["dstport == 443", "dstport == 53"], "by": ["srcip"], "from_ms": BEGIN, "to_ms": to, "limit": 5,
    }));
    let answer = common::ask(&desk, &question).unwrap();
    assert!(!answer.rows.is_empty());
    for row in &answer.rows {
        for (at, port) in [443, 53].into_iter().enumerate() {
            let q = format!("dstport == {port} && srcip == {}", row.key[0].as_str().unwrap());
            let total =
                top::ask(&desk, &ask(json!({"q": q, "from_ms": BEGIN, "to_ms": to, "by": []})))
                    .unwrap()
                    .total;
            assert_eq!(row.sums[at], total, "{q}");
        }
    }
}

#[test]
fn faults_name_what_is_wrong() {
    let (desk, _folder, _) = hour();
    let fault = |question: Value| top::ask(&desk, &ask(question)).unwrap_err().message;
    for (question, part) in [
        (json!({"from_ms": 5, "to_ms": 5, "by": []}), "must come before"),
        (json!({"from_ms": 1, "to_ms": 5, "by": ["host"]}), "`host`: no such field"),
        (json!({"from_ms": 1, "to_ms": 5, "by": ["srcip", "srcip/8"]}), "twice"),
        (json!({"from_ms": 1, "to_ms": 5, "by": ["srcip"], "prefix4": 33}), "0 to 32"),
        (json!({"from_ms": 1, "to_ms": 5, "by": [], "q": "srcip = 1"}), "operator"),
    ] {
        let message = fault(question.clone());
        assert!(message.contains(part), "{question}: {message}");
    }
}
