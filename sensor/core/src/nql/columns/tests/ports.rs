//! Ports, which the layout of a flow log may lack.

use super::*;
use crate::flow::columns::Column;

/// A conjunction of presence and test would keep the sets of one port apart.
#[test]
fn that_ports_may_be_untold_costs_no_test() {
    let either = Typed::Or(vec![is("dstport", [80]), is("dstport", [443])]);
    assert!(explain(&Program::compile([&either])).starts_with("dstport in (80, 443) "));
    assert_eq!(Program::compile([&either]).steps(), 2);
    let ports =
        (Subject::Field(find("srcport").unwrap()), Subject::Field(find("dstport").unwrap()));
    let compared = Typed::Compare(ports.0, Comparison::Less, ports.1);
    assert_eq!(Program::compile([&compared]).steps(), 2);
}

#[test]
fn ports_that_a_log_lacks_fulfil_nothing() {
    const NEITHER: u128 = Column::PORTS;
    let mut batch = FlowBatch { observed_by: Source::Aws, ..batch(true, 2_000, false, 1) };
    let interfaces = interfaces();
    let not = |query| Typed::Not(Box::new(query));
    let any = |name| test(name, Predicate::Integers(IntegerSet::range(0, u64::MAX)));
    let subject = |name| Subject::Field(find(name).unwrap());
    // What is asked, and whether any row and whether every row fulfils it where neither port is told.
    let asked = [
        (is("srcport", [0]), false),
        (any("dstport"), false),
        (Typed::And(vec![any("srcport"), not(is("srcport", [443]))]), false),
        (Typed::Compare(subject("srcport"), Comparison::GreaterOrEqual, subject("dstport")), false),
        (any("serverport"), false),
        (any("clientport"), false),
        (not(any("dstport")), true),
        (not(is("dstport", [0])), true),
        (Typed::Or(vec![is("srcport", [1]), not(any("srcport"))]), true),
    ];
    // Enough of them that ports are looked up by class.
    let many: Vec<_> = (0..40).map(|port| is("dstport", [port, 443])).collect();
    let queries: Vec<_> = asked.iter().map(|(query, _)| query.clone()).chain(many).collect();
    let program = Program::compile(&queries);
    let mut scratch = Scratch::default();
    for untold in [0, NEITHER, Column::SourcePort.bit(), Column::DestinationPort.bit(), 0] {
        batch.untold = untold;
        let found = found(&program, &mut scratch, &batch, &interfaces);
        for (number, (query, found)) in queries.iter().zip(&found).enumerate() {
            assert_eq!(*found, expected(query, &batch, &interfaces), "{query:?}, {untold:x}");
            let alone: Vec<_> = BatchFilter::new(query).rows(&batch, &interfaces).collect();
            assert_eq!(*found, alone, "{query:?}, {untold:x}");
            if untold == NEITHER {
                let all = asked.get(number).is_some_and(|(_, all)| *all);
                assert_eq!(found.len(), if all { batch.len() } else { 0 }, "{query:?}");
            }
        }
        let told = found.iter().filter(|rows| !rows.is_empty()).count();
        assert!(told > if untold == 0 { 40 } else { 0 }, "{untold:x}: {told}");
    }
}
