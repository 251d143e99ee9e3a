//! Rows, groups, series and distinct values: what they are, in each form.

use std::collections::{BTreeMap, BTreeSet};

use sensor_store::testing::BEGIN;

use crate::support::{Flow, RECORDS, store};

fn number(value: &serde_json::Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} of {value}"))
}

#[test]
fn rows_are_those_of_a_loop_page_by_page() {
    let made = store();
    let wanted: Vec<&Flow> = made.flows.iter().filter(|flow| flow.ports.1 == 443).collect();
    assert!(wanted.len() > 300, "{}", wanted.len());
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut arguments =
            vec!["dstport == 443", "--json", "--limit", "250", "--fields", "octets,srcip"];
        if let Some(after) = &after {
            arguments.extend(["--after", after]);
        }
        let document = made.hunt(&arguments).well().document();
        found.extend(document["flows"].as_array().expect("flows").clone());
        match document["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(number(found, "octets"), wanted.octets);
        assert_eq!(found["srcip"], wanted.source.as_str());
        assert_eq!(found.as_object().map(serde_json::Map::len), Some(2));
    }
}

#[test]
fn the_newest_come_first_where_that_is_asked_for() {
    let made = store();
    let found = made.hunt(&["--order", "newest", "--limit", "5", "--fields", "octets"]).well();
    let wanted: Vec<u64> = made.flows.iter().rev().take(5).map(|flow| flow.octets).collect();
    let octets: Vec<u64> = found.lines().iter().map(|line| number(line, "octets")).collect();
    assert_eq!(octets, wanted);
    assert!(found.stderr.contains("next page: --after "), "{}", found.stderr);
    assert!(found.stderr.contains(" records match; "), "{}", found.stderr);
}

#[test]
fn times_are_half_open_and_those_of_receipt() {
    let made = store();
    // Seconds 10 to 11 of the day.
    let expected = made.flows.iter().filter(|flow| flow.received == BEGIN + 10_000).count();
    let (from, to) = ((BEGIN + 10_000).to_string(), "2026-11-30 00:00:11");
    let found = made.hunt(&["--from", &from, "--to", to]).well();
    assert_eq!(found.lines().len(), expected);
    assert!(expected > 0);
    let document =
        made.hunt(&["--json", "--limit", "1", "--from", &from, "--to", to]).well().document();
    assert_eq!(number(&document, "from_ms"), BEGIN + 10_000);
    assert_eq!(number(&document, "to_ms"), BEGIN + 11_000);
    assert_eq!(document["schema"], 1);
}

#[test]
fn forms_of_rows_tell_the_same() {
    let made = store();
    let arguments = ["dstport == 22", "--fields", "srcip,dstip,octets", "--limit", "3"];
    let of = |form: &str| made.hunt(&[&arguments[..], &["--format", form]].concat()).well().stdout;
    let wanted: Vec<&Flow> = made.flows.iter().filter(|flow| flow.ports.1 == 22).take(3).collect();
    let csv: String = wanted
        .iter()
        .map(|flow| format!("{},{},{}\n", flow.source, flow.destination, flow.octets))
        .collect();
    assert_eq!(of("csv"), format!("srcip,dstip,octets\n{csv}"));
    let table = of("table");
    let cells: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0], ["SRCIP", "DSTIP", "OCTETS"]);
    for (cells, flow) in cells[1..].iter().zip(&wanted) {
        assert_eq!(*cells, [&flow.source, &flow.destination, &flow.octets.to_string()]);
    }
    let line = made.hunt(&["dstport == 22", "--format", "table", "--limit", "1"]).well().stdout;
    assert!(line.starts_with("LAST SEEN "), "{line}");
    assert!(line.contains(&wanted[0].source), "{line}");
}

#[test]
fn the_largest_groups_are_those_of_a_loop() {
    let made = store();
    let mut sums: BTreeMap<&str, (u64, u64, BTreeSet<u16>)> = BTreeMap::new();
    for flow in made.flows.iter().filter(|flow| flow.protocol == 6) {
        let own = sums.entry(&flow.source).or_default();
        (own.0, own.1) = (own.0 + flow.octets, own.1 + 1);
        own.2.insert(flow.ports.1);
    }
    let mut largest: Vec<_> = sums.iter().collect();
    largest.sort_by_key(|(_, (octets, ..))| std::cmp::Reverse(*octets));
    let query = ["protocol == tcp", "--top", "7", "--by", "srcip", "--format"];
    let found = made.hunt(&[&query[..], &["json"]].concat()).well().lines();
    assert_eq!(found.len(), 7);
    for (found, (source, (octets, flows, _))) in found.iter().zip(&largest) {
        assert_eq!((found["srcip"].as_str(), number(found, "octets")), (Some(**source), *octets));
        assert_eq!(number(found, "flows"), *flows);
    }
    let table = made.hunt(&[&query[..], &["table"]].concat()).well().stdout;
    assert_eq!(table.lines().count(), 9, "{table}");
    assert!(table.lines().last().unwrap().starts_with(&format!("all {} groups", sums.len())));
    let document = made.hunt(&[&query[..5], &["--json"]].concat()).well().document();
    assert_eq!(number(&document, "groups_in_all"), sums.len() as u64);
    // Those with most distinct values come first.
    let most = sums.values().map(|(.., ports)| ports.len()).max().unwrap_or(0);
    let distinct = ["protocol == tcp", "--top", "3", "--by", "srcip", "--distinct", "dstport"];
    let found = made.hunt(&distinct).well().lines();
    assert_eq!(number(&found[0], "distinct.dstport"), most as u64);
    let source = found[0]["srcip"].as_str().expect("an address");
    assert_eq!(sums[source].2.len(), most);
}

#[test]
fn distinct_values_of_all_flows_are_one_number() {
    let made = store();
    let sources: BTreeSet<&str> = made.flows.iter().map(|flow| flow.source.as_str()).collect();
    let found = made.hunt(&["--distinct", "srcip"]).well().lines();
    assert_eq!(found.len(), 1);
    assert_eq!(number(&found[0], "distinct.srcip"), sources.len() as u64);
    assert_eq!(number(&found[0], "flows"), RECORDS as u64);
}

#[test]
fn series_are_sums_by_time_with_the_rest_as_other() {
    let made = store();
    let mut all: BTreeMap<u64, BTreeMap<u8, u64>> = BTreeMap::new();
    for flow in &made.flows {
        let bucket = flow.received / 10_000 * 10_000;
        *all.entry(bucket).or_default().entry(flow.protocol).or_default() += flow.octets;
    }
    let found = made.hunt(&["--every", "10s"]).well().lines();
    let expected: Vec<(u64, u64)> =
        all.iter().map(|(time, sums)| (*time, sums.values().sum())).collect();
    let told: Vec<(u64, u64)> =
        found.iter().map(|line| (number(line, "bucket"), number(line, "octets"))).collect();
    assert_eq!(told, expected);
    // One line by protocol, and the other one.
    let found = made.hunt(&["--every", "10s", "--by", "protocol", "--top", "1"]).well().lines();
    let (mut largest, mut rest) = (0, 0);
    for line in &found {
        match line["other"].as_bool() {
            Some(true) => rest += number(line, "octets"),
            _ => {
                assert_eq!(line["protocol"], "tcp");
                largest += number(line, "octets");
            }
        }
    }
    let of = |protocol: u8| all.values().filter_map(|sums| sums.get(&protocol)).sum::<u64>();
    assert_eq!((largest, rest), (of(6), of(17)));
    let arguments = ["--every", "10s", "--by", "protocol", "--top", "1", "--format", "table"];
    let table = made.hunt(&arguments).well().stdout;
    let heading: Vec<&str> = table.lines().next().expect("a line").split_whitespace().collect();
    assert_eq!(heading, ["TIME", "(UTC)", "tcp", "Other", "ALL", "OCTETS"]);
    assert_eq!(table.lines().count(), 1 + all.len());
}

#[test]
fn threads_and_files_change_no_answer() {
    let made = store();
    let ask = |threads: &str| {
        let rows = ["dstport < 1024", "--limit", "400", "--threads", threads];
        let top = ["--top", "20", "--by", "srcip/24,dstport", "--threads", threads];
        (made.hunt(&rows).well().stdout, made.hunt(&top).well().stdout)
    };
    let one = ask("1");
    assert!(one.0.lines().count() == 400 && one.1.lines().count() == 20);
    assert_eq!(one, ask("3"));
}

#[test]
fn what_would_be_read_is_told_beforehand() {
    let made = store();
    let address = &made.flows[RECORDS / 2].source;
    let query = format!("srcip == {address}");
    let document = made.hunt(&[&query, "--explain", "--json"]).well().document();
    let files = document["files"].as_array().expect("files");
    let records: u64 = files.iter().map(|file| number(file, "records")).sum();
    assert_eq!(records, RECORDS as u64);
    assert!(files.iter().any(|file| number(file, "by_filter") > 0), "{document}");
    let text = made.hunt(&[&query, "--explain", "--last", "1s"]).well().stdout;
    assert!(text.contains("not opened: of another time"), "{text}");
    assert!(text.ends_with("0 of 12.0 k records would be looked at\n"), "{text}");
}

#[test]
fn what_flows_of_several_queries_have_in_common() {
    let made = store();
    const MINUTE: u64 = 5_000;
    // Sources by their period of five seconds, with the octets of each query.
    let sums = |port: u16, with_time: bool| {
        let mut sums: BTreeMap<(u64, &str), (u64, u64)> = BTreeMap::new();
        for flow in made.flows.iter().filter(|flow| flow.ports.1 == port) {
            let time = if with_time { flow.received / MINUTE * MINUTE } else { 0 };
            let sums = sums.entry((time, &flow.source)).or_default();
            sums.0 += 1;
            sums.1 += flow.octets;
        }
        sums
    };
    for with_time in [false, true] {
        let (web, mail) = (sums(443, with_time), sums(25, with_time));
        let expected: BTreeMap<_, _> =
            web.iter().filter_map(|(key, web)| Some((*key, [*web, *mail.get(key)?]))).collect();
        assert!(expected.len() > 5, "{}", expected.len());
        let mut arguments = vec!["dstport == 443", "--also", "dstport == 25", "--by", "srcip"];
        if with_time {
            arguments.extend(["--every", "5s"]);
        }
        let found = made.hunt(&[&arguments[..], &["--json"]].concat()).well().document();
        assert_eq!(found["shared_in_all"], expected.len());
        let shared = found["shared"].as_array().expect("shared values");
        assert_eq!(shared.len(), expected.len());
        let mut octets = Vec::new();
        for own in shared {
            let time = own["bucket"].as_u64().unwrap_or(0);
            let sums = expected[&(time, own["srcip"].as_str().expect("an address"))];
            for (query, (flows, octets)) in sums.iter().enumerate() {
                let own = &own["queries"][query];
                assert_eq!((number(own, "flows"), number(own, "octets")), (*flows, *octets));
            }
            octets.push((time, std::cmp::Reverse(sums[0].1 + sums[1].1)));
        }
        if !with_time {
            assert!(octets.is_sorted(), "the largest first");
        }
        assert!(octets.iter().map(|(time, _)| time).is_sorted());
        let few = made.hunt(&[&arguments[..], &["--top", "3", "--format", "csv"]].concat()).well();
        let heading = "srcip,1.octets,1.packets,1.flows,2.octets,2.packets,2.flows";
        let heading = if with_time { format!("bucket,{heading}") } else { heading.to_owned() };
        assert_eq!(few.stdout.lines().next(), Some(heading.as_str()));
        assert_eq!(few.stdout.lines().count(), 4);
        let table = made.hunt(&[&arguments[..], &["--top", "3", "--format", "table"]].concat());
        let text = table.well().stdout;
        assert!(text.contains("1: OCTETS"), "{text}");
        assert!(
            text.ends_with(&format!("3 of {} shared: raise --top\n", expected.len())),
            "{text}"
        );
    }
}

#[test]
fn intersections_are_bounded() {
    let made = store();
    let also = ["--also", "dstport == 1"];
    let refused = made.hunt(&["dstport == 443", "--also", "dstport == 25"]);
    assert_eq!(refused.code, Some(64), "{}", refused.stderr);
    assert!(refused.stderr.contains("--by"), "{}", refused.stderr);
    let many = [&["dstport == 443", "--by", "srcip"][..], &also.repeat(5)].concat();
    let refused = made.hunt(&many);
    assert_eq!(refused.code, Some(64));
    assert!(refused.stderr.contains("6 queries; 5 at most"), "{}", refused.stderr);
    let fields = "srcip,dstip,srcport,dstport,protocol,tos";
    let refused = made.hunt(&["--by", fields, also[0], also[1]]);
    assert!(refused.stderr.contains("5 in common at most"), "{}", refused.stderr);
    let wrong = made.hunt(&["--by", "srcip", "--also", "dstport = 25"]);
    assert_eq!(wrong.code, Some(64));
    assert!(wrong.stderr.contains('^'), "{}", wrong.stderr);
}
