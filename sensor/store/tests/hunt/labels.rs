//! The context of now: questions are answered as if the records had been looked up today.

use std::sync::Arc;

use proptest::prelude::*;
use sensor_core::{
    enrich::{
        active::ActiveContext,
        combine::Precedence,
        context::{Context, Limits},
        enricher::Enricher,
        formats::Form,
        sources::Sources,
    },
    flow::fields::Needs,
    hunt::{
        Answer, Distinct, Grouping, Labels, Options, Order, Page, Progress, Question, Said, run,
    },
};
use sensor_store::archive::Stored;

use crate::{
    queries, stored,
    support::{Known, METRICS, by, fields, groups, options, page, selected, store},
};

const LABELS: &str = "10.0.0.0/31,role,production\n10.0.0.2,role,development\n2001:db8::1,role,scanner\n2001:db8::2,role,production\n443/tcp,name,https\n22/tcp,name,ssh\n";

fn context() -> Arc<ActiveContext> {
    let mut sources = Sources::default();
    sources.private_networks();
    assert_eq!(sources.labels("labels", LABELS, Form::Csv).faults, []);
    let context = Context::new(sources, Precedence::MostSpecific, Limits::default());
    Arc::new(ActiveContext::new(context))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn labels_of_now_are_those_of_a_lookup_today(
        (batches, cuts) in stored(),
        query in queries(),
        threads in 1_usize..4,
        most in 0_usize..40,
        narrow in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        store(folder.path(), &batches, &cuts);
        let active = context();
        let mut enricher = Enricher::new(active.clone());
        let mut today = batches.clone();
        today.iter_mut().for_each(|(batch, _)| enricher.enrich(batch));
        let options = Options { labels: Labels::Now(active), ..options(threads) };
        let stored = Stored::open(folder.path()).expect("a store");

        let (order, after, needs, count_all) = (Order::NewestFirst, None, Needs::ALL, true);
        let wanted = Page { order, most, after, needs, count_all };
        let question =
            Question { query, from: 0, to: u64::MAX, said: Said::Rows(wanted) };
        let progress = Progress::default();
        let Answer::Rows(mut rows) = run(&question, &stored, &options, &progress) else {
            panic!("no rows")
        };
        let mut found = Vec::new();
        rows.for_each(|batch, row, place| found.push((place, fields(batch, row))));
        prop_assert_eq!(progress.account().partial, None);
        let all = selected(&today, &question, None);
        prop_assert_eq!(progress.account().matched, all.len() as u64);
        let expected: Vec<_> = page(all.clone(), &wanted)
            .iter()
            .map(|Known { place, batch, row }| (*place, fields(batch, *row)))
            .collect();
        prop_assert_eq!(found, expected);

        let names = if narrow { &["label.src.role"][..] } else { &["label.dst.role", "srcinternal"] };
        let (by, metrics) = (by(names), METRICS.to_vec());
        let grouping = Grouping { by, period: None, metrics, most_groups: 1000 };
        let said = Said::Groups(grouping.clone(), Distinct::default());
        let question = Question { said, ..question };
        let Answer::Groups(found) = run(&question, &stored, &options, &Progress::default()) else {
            panic!("no groups")
        };
        let found: Vec<_> = found
            .ordered()
            .into_iter()
            .map(|group| (format!("{:?} {:?}", group.bucket, group.values), u128::from(group.sums.flows())))
            .collect();
        let found: std::collections::BTreeMap<_, _> = found.into_iter().collect();
        let expected = groups(&all, &grouping, &Distinct::default());
        let expected = expected.into_iter().map(|(key, sum)| (key, sum.flows)).collect();
        prop_assert_eq!(found, expected);
    }
}
