//! Questions about a store have the answers that a plain loop over all its records gives.

mod faults;
mod labels;
#[path = "../records/made.rs"]
mod made;
mod support;

use std::collections::BTreeMap;

use made::all_batches;
use proptest::prelude::*;
use sensor_core::{
    flow::fields::Needs,
    hunt::{
        Answer, Common, Distinct, Group, Grouping, Order, Page, Place, Progress, Question, Said,
        Sums, run,
    },
    nql::{testing::expressions, typed::Typed},
};
use sensor_store::archive::Stored;
use support::{
    Cut, Known, METRICS, NOW, Sum, cuts, fields, groups, options, page, selected, store, subjects,
    typed,
};

/// Batches, when each comes, and where they are cut.
fn stored() -> impl Strategy<Value = (Vec<support::Stored>, Vec<Cut>)> {
    let batches = proptest::collection::vec((all_batches(30), NOW..NOW + 5), 1..6);
    batches.prop_flat_map(|batches| {
        let count = batches.len();
        (Just(batches), cuts(count))
    })
}

/// Times of receipt, those of devices among them.
fn times() -> impl Strategy<Value = (u64, u64)> {
    let times = || proptest::sample::select(vec![0, 1, 2, NOW, NOW + 2, NOW + 4, u64::MAX]);
    prop_oneof![2 => Just((0, u64::MAX)), 1 => (times(), times())]
}

fn queries() -> impl Strategy<Value = Typed> {
    prop_oneof![
        1 => Just(Typed::Constant(true)),
        6 => expressions().prop_map(|expression| typed(&expression)),
    ]
}

fn summed(sums: &Sums, distinct: &[u64]) -> Sum {
    let [flows, octets, scaled] = METRICS.map(|metric| sums.of(metric));
    Sum { flows: flows.expect("flows"), octets, scaled, distinct: distinct.to_vec() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_rows_are_those_of_a_plain_loop(
        (batches, cuts) in stored(),
        query in queries(),
        (from, to) in times(),
        newest in any::<bool>(),
        most in 0_usize..40,
        after in proptest::option::of((NOW..NOW + 5, 0_u64..60)),
        count_all in any::<bool>(),
        threads in 1_usize..4,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        store(folder.path(), &batches, &cuts);
        let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
        let after = after.map(|(time, sequence)| Place { time, sequence });
        let wanted = Page { order, most, after, needs: Needs::ALL, count_all };
        let question = Question { query, from, to, said: Said::Rows(wanted) };
        let progress = Progress::default();
        let stored = Stored::open(folder.path()).expect("a store");
        let Answer::Rows(mut rows) = run(&question, &stored, &options(threads), &progress) else {
            panic!("no rows")
        };
        let mut found = Vec::new();
        rows.for_each(|batch, row, place| found.push((place, fields(batch, row))));
        let all = selected(&batches, &question, None);
        let account = progress.account();
        prop_assert_eq!(&account.faults, &Vec::<String>::new());
        prop_assert_eq!(account.partial, None);
        if count_all {
            prop_assert_eq!(account.matched, all.len() as u64);
        }
        let left_out = account.by_time + account.by_statistics + account.by_filter + account.by_order;
        prop_assert_eq!(account.pieces, account.read + left_out);
        let expected: Vec<_> = page(all, &wanted)
            .iter()
            .map(|Known { place, batch, row }| (*place, fields(batch, *row)))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn the_groups_are_those_of_a_plain_loop(
        (batches, cuts) in stored(),
        query in queries(),
        (from, to) in times(),
        fields_by in subjects(),
        of in subjects(),
        period in proptest::option::of(1_u64..4),
        threads in 1_usize..4,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        store(folder.path(), &batches, &cuts);
        let metrics = METRICS.to_vec();
        let grouping = Grouping { by: fields_by, period, metrics, most_groups: 10_000 };
        let distinct = Distinct { of, most: 10_000 };
        let said = Said::Groups(grouping.clone(), distinct.clone());
        let question = Question { query, from, to, said };
        let progress = Progress::default();
        let stored = Stored::open(folder.path()).expect("a store");
        let Answer::Groups(found) = run(&question, &stored, &options(threads), &progress) else {
            panic!("no groups")
        };
        prop_assert_eq!(found.check(), Ok(()));
        prop_assert_eq!(progress.account().partial, None);
        let all = selected(&batches, &question, None);
        prop_assert_eq!(found.total().flows(), all.len() as u64);
        prop_assert_eq!(progress.account().matched, all.len() as u64);
        let named = |Group { values, bucket, sums, distinct }: Group| {
            (format!("{bucket:?} {values:?}"), summed(&sums, &distinct))
        };
        let found: BTreeMap<String, Sum> = found.ordered().into_iter().map(named).collect();
        prop_assert_eq!(found, groups(&all, &grouping, &distinct));
    }

    #[test]
    fn what_queries_have_in_common_is_what_a_plain_loop_finds(
        (batches, cuts) in stored(),
        query in queries(),
        several in proptest::collection::vec(queries(), 1..4),
        fields_by in subjects(),
        period in proptest::option::of(1_u64..4),
        threads in 1_usize..4,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        store(folder.path(), &batches, &cuts);
        let common = Common {
            queries: several.clone(),
            by: fields_by.clone(),
            period,
            metrics: METRICS.to_vec(),
            most_groups: 10_000,
        };
        let question = Question { query, from: 0, to: u64::MAX, said: Said::Common(common) };
        let progress = Progress::default();
        let stored = Stored::open(folder.path()).expect("a store");
        let Answer::Common(Ok(found)) = run(&question, &stored, &options(threads), &progress) else {
            panic!("nothing in common")
        };
        prop_assert_eq!(progress.account().partial, None);
        let metrics = METRICS.to_vec();
        let grouping = Grouping { by: fields_by, period, metrics, most_groups: 10_000 };
        let each: Vec<BTreeMap<String, Sum>> = several
            .iter()
            .map(|query| {
                let rows = selected(&batches, &question, Some(query));
                groups(&rows, &grouping, &Distinct::default())
            })
            .collect();
        let mut expected = BTreeMap::new();
        for key in each[0].keys().filter(|key| !key.contains("None,") && !key.contains("None]")) {
            let sums: Option<Vec<&Sum>> = each.iter().map(|groups| groups.get(key)).collect();
            if let Some(sums) = sums {
                expected.insert(key.clone(), format!("{sums:?}"));
            }
        }
        let found: BTreeMap<String, String> = found
            .into_iter()
            .map(|own| {
                let values: Vec<_> = own.values.into_iter().map(Some).collect();
                let sums: Vec<Sum> = own.sums.iter().map(|sums| summed(sums, &[])).collect();
                (format!("{:?} {values:?}", own.bucket), format!("{sums:?}"))
            })
            .collect();
        prop_assert_eq!(found, expected);
    }
}
