//! Every case of the corpus of export datagrams, decoded, and held against what other programs made of it.

mod exports;

use std::collections::BTreeMap;

use exports::{cases, collect, name, tshark};
use sensor::wire::ledger::Skipped;

#[test]
fn flows_are_those_that_tshark_finds() {
    let Some(cases) = cases() else { return };
    let mut total = 0;
    let mut found = 0;
    for case in &cases {
        let (collector, batches) = collect(case);
        let ledger = collector.ledger();
        let wanted: Vec<_> = tshark::flows(case)
            .into_iter()
            .filter(|flow| !flow.options && (flow.source.is_some() || flow.destination.is_some()))
            .collect();
        let batches = [&batches.netflow.v4, &batches.netflow.v6];
        let mut free: Vec<Vec<usize>> =
            batches.iter().map(|batch| (0..batch.len()).collect()).collect();
        let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
        for flow in &wanted {
            let v6 = flow.source.or(flow.destination).is_some_and(|ip| ip.is_ipv6());
            let (batch, free) = (batches[usize::from(v6)], &mut free[usize::from(v6)]);
            let place = free.iter().position(|row| tshark::difference(flow, batch, *row).is_none());
            match place {
                Some(place) => {
                    free.remove(place);
                    found += 1;
                }
                None => {
                    let why = free.first().and_then(|row| tshark::difference(flow, batch, *row));
                    *missing.entry(why.unwrap_or("no row")).or_default() += 1;
                }
            }
        }
        total += wanted.len();
        let left = free[0].len() + free[1].len();
        if !missing.is_empty() || left != 0 {
            let skipped: Vec<_> = Skipped::ALL
                .into_iter()
                .filter(|reason| ledger.skipped[*reason] != 0)
                .map(|reason| (reason.name(), ledger.skipped[reason]))
                .collect();
            println!(
                "{}: wanted {}, missing {missing:?}, ours beyond {left}; {skipped:?} waiting {}",
                name(case),
                wanted.len(),
                ledger.waiting
            );
        }
    }
    println!("{found} of {total}");
}
