//! The same flows give the same events, however they come and whoever works on them.

use super::*;

const MIXED: &str = r#"
[[policy]]
name = "sum"
match = ""
track_by = [["srcip"], ["dstip", "protocol"]]
window = "15s"
update = "5s"
hold = "3s"
reopen = "20s"
severity = { low = "sum(bits) >= 10000", high = "max(bits) >= 12000 && count() >= 3" }
[[policy]]
name = "hit"
match = "dstport < 1024"
track_by = [["srcip", "srcgeo.countrycode"]]
suppress = "5s"
[[policy]]
name = "distinct"
match = "protocol == tcp"
track_by = [["srcip"]]
max_keys = 3
window = "15s"
severity = { low = "distinct(dstport) >= 3 || beacon(start) >= 0.5" }
[[policy]]
name = "label"
match = "protocol == udp"
label = { field = "dstip", context = "x", value = "y" }
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Neither where batches are cut, nor in how many shards the policies lie, nor the seed can be seen in what comes out.
    #[test]
    fn the_same_flows_give_the_same_events(
        batches in proptest::collection::vec(testing::batches(80), 1..8),
        piece in 1..80_usize,
        shards in 1..6_usize,
        seed in any::<u64>(),
    ) {
        let batches = at_their_times(batches);
        let whole = run(&batches, MIXED, (usize::MAX, 1), 0);
        let cut = run(&batches, MIXED, (piece, shards), seed);
        prop_assert_eq!(format!("{:?}", whole.0), format!("{:?}", cut.0));
        prop_assert_eq!(whole.1, cut.1);
    }
}

/// With so many keys their memory is asked for beforehand. Few flows at a time never fill a block, and find the same.
#[test]
fn many_keys_are_told_apart_however_flows_come() {
    const HOSTS: u16 = 700;
    let policies = "[[policy]]\nname = 'ports'\nmatch = ''\ntrack_by = [['srcip'], ['dstip', 'srcip']]\n\
        window = '60s'\nseverity = { low = 'distinct(srcport) >= 5 && sum(octets) >= 600' }\n";
    let mut whole = FlowBatch::v4(Source::Host);
    for (round, host) in (0..8).flat_map(|round| (0..HOSTS).map(move |host| (round, host))) {
        let end = NOW + u64::from(round) * 4000 + u64::from(host);
        let start = end - u64::from(round) * 1500;
        testing::push(&mut whole, host, start, end, 100 + u64::from(host % 5 * round));
        // Every third keeps to one port, and has no incident.
        whole.source_port[usize::from(round * HOSTS + host)] +=
            if host % 3 == 0 { 0 } else { round };
    }
    let rows: Vec<usize> = (0..whole.len()).collect();
    let events = |piece: usize| {
        let mut bench = Bench::new(policies);
        for rows in rows.chunks(piece) {
            let mut batch = whole.clone();
            batch.keep(rows);
            bench.observe(&batch);
        }
        bench.events
    };
    let found = events(rows.len());
    assert_eq!(found.len(), 2 * usize::from(HOSTS - HOSTS.div_ceil(3)));
    assert_eq!(format!("{found:?}"), format!("{:?}", events(7)));
}
