//! Groups are the same here and elsewhere: their values, their sums, and which are the largest.

use sensor_core::{
    flow::{fields::OwnedValue, interfaces::Interfaces},
    hunt::{
        Group, GroupBy, Grouping, Groups, Metric, Order, Selection,
        sql::{About, GroupOrder},
    },
    nql::{columns::BatchFilter, literal, sql::Dialect, typed::Typed},
};
use serde_json::{Value, json};

use crate::{
    data::{Data, NOW},
    engines::Engines,
};

const QUESTIONS: [(&str, Option<u64>); 16] = [
    ("", None),
    ("srcip", None),
    ("dstip/24", None),
    ("srcip/8/32 protocol", Some(60_000)),
    ("dstport", None),
    ("protocol", Some(3_600_000)),
    ("label.src.role label.dst.role", None),
    ("srcipname", None),
    ("srcgeo.countrycode srcinternal", None),
    ("srciprep.count dstowneras.number", None),
    ("tags flowsrcname", None),
    ("initiator serverport", None),
    ("clientip", None),
    ("natsrcip nexthop", None),
    ("tcpflags.syn direction icmptype", Some(1)),
    ("srcmac flowtype ipversion", None),
];
const METRICS: [Metric; 6] = Metric::ALL;

/// Groups as an engine gives them, addresses as texts of one form.
fn expected(group: &Group, grouping: &Grouping) -> Vec<Value> {
    let mut row: Vec<Value> =
        group.bucket.map(|bucket| json!(bucket.to_string())).into_iter().collect();
    row.extend(group.values.iter().map(|value| match value {
        None => Value::Null,
        Some(OwnedValue::Ip(address)) => json!(match address {
            std::net::IpAddr::V4(own) => own.to_ipv6_mapped().to_string(),
            std::net::IpAddr::V6(own) => own.to_string(),
        }),
        Some(OwnedValue::Mac(mac)) => json!(literal::mac_text(*mac)),
        Some(OwnedValue::Integer(number) | OwnedValue::NumberText(number)) => {
            json!(number.to_string())
        }
        Some(OwnedValue::Float(number)) => json!(number.to_string()),
        Some(OwnedValue::Bool(flag)) => json!(flag.to_string()),
        Some(OwnedValue::Text(text)) => json!(text),
        Some(OwnedValue::Texts(texts)) => json!(json!(texts).to_string()),
    }));
    row.push(json!(group.sums.flows().to_string()));
    let sum =
        |metric: &Metric| group.sums.of(*metric).map_or(Value::Null, |sum| json!(sum.to_string()));
    row.extend(grouping.metrics.iter().map(sum));
    row
}

/// The same of what an engine says: numbers, flags and lists as texts.
fn said(row: Vec<Value>) -> Vec<Value> {
    let cell = |value: Value| match value {
        Value::Null => Value::Null,
        Value::String(text) => match serde_json::from_str::<Vec<String>>(&text) {
            Ok(list) => json!(json!(list).to_string()),
            Err(_) => match text.parse::<std::net::Ipv6Addr>() {
                Ok(address) => json!(address.to_string()),
                Err(_) => json!(text),
            },
        },
        other => json!(other.to_string()),
    };
    row.into_iter().map(cell).collect()
}

/// Compares rows in order, and how many there are.
pub fn check_rows(data: &Data, engines: &Engines, queries: &[(String, Typed)]) {
    // Some are called like columns that hold something else, and of one nothing is ever told.
    let said =
        ["srcip", "protocol", "label.src.role", "direction", "fragment", "tags", "inputclasses"]
            .map(|name| GroupBy::named(name).expect("a field").subject);
    let rows = data.batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)));
    let places: Vec<(u64, u64)> = rows
        .zip(1..)
        .map(|((batch, row), number)| (batch.received.get(row).copied().unwrap_or(NOW), number))
        .collect();
    // Between them lie some of those that sources have told.
    let (begin, end) = (1_000_000, NOW + 1);
    for dialect in engines.dialects() {
        let (mut statements, mut wanted) = (Vec::new(), Vec::new());
        for (number, (_, query)) in queries.iter().enumerate() {
            let about = About { dialect, from: Engines::relation(dialect), query, begin, end };
            let order = if number % 2 == 0 { Order::OldestFirst } else { Order::NewestFirst };
            statements.push(about.rows(&said, order, 25).expect("words"));
            statements.push(about.count().expect("words"));
            let numbers = data.oracle(query).into_iter();
            let mut all: Vec<_> = numbers.map(|number| places[number as usize - 1]).collect();
            all.retain(|(time, _)| (begin..end).contains(time));
            all.sort_unstable();
            if order == Order::NewestFirst {
                all.reverse();
            }
            wanted.push((all.len(), all.into_iter().take(25).collect::<Vec<_>>()));
        }
        let number = |value: &Value| match value {
            Value::String(text) => text.parse::<u64>().expect("a number"),
            value => value.as_u64().expect("a number"),
        };
        let mut answers = engines.ask(dialect, &statements).into_iter();
        for ((count, rows), sql) in wanted.iter().zip(statements.chunks(2)) {
            let found = answers.next().expect("an answer").expect("rows");
            assert!(found.iter().all(|row| row.len() == 2 + said.len()));
            let found: Vec<_> =
                found.iter().map(|row| (number(&row[1]), number(&row[0]))).collect();
            assert_eq!(&found, rows, "{}", sql[0]);
            let found = answers.next().expect("an answer").expect("a count");
            assert_eq!(number(&found[0][0]), *count as u64, "{}", sql[1]);
        }
    }
}

/// Compares the groups of some queries.
pub fn check(data: &Data, engines: &Engines, queries: &[(String, Typed)]) {
    let mut asked = Vec::new();
    for (number, (by, period)) in QUESTIONS.into_iter().enumerate() {
        let (text, query) = &queries[number % queries.len()];
        let by = by.split_whitespace().map(|by| GroupBy::named(by).expect("a field")).collect();
        let grouping = Grouping { by, period, metrics: METRICS.to_vec(), most_groups: 100_000 };
        let mut groups = Groups::new(&grouping);
        for batch in &data.batches {
            // Elsewhere all have a time of receipt: where the source told none, that of the store.
            let mut batch = batch.clone();
            if batch.received.is_empty() {
                batch.received = vec![NOW; batch.len()];
            }
            let mut filter = BatchFilter::new(query);
            let selection =
                Selection::Masks(filter.select(&batch, &Interfaces::default()).to_vec());
            groups.add(&batch, &Interfaces::default(), &selection);
        }
        let all: Vec<_> = groups.ordered().iter().map(|own| expected(own, &grouping)).collect();
        let metric = METRICS[number % METRICS.len()];
        let largest = groups.largest(metric, 3);
        let largest: Vec<_> = largest.iter().map(|own| expected(own, &grouping)).collect();
        asked.push((text, query, grouping.clone(), GroupOrder::Values, all));
        asked.push((text, query, grouping, GroupOrder::Largest(metric, 3), largest));
    }
    for dialect in engines.dialects() {
        let from = Engines::relation(dialect);
        let about = |query| About { dialect, from, query, begin: 0, end: u64::MAX };
        let statements: Vec<String> = asked
            .iter()
            .map(|(_, query, grouping, order, _)| {
                about(query).groups(grouping, *order).expect("words")
            })
            .collect();
        // Without a period, groups are counted as well.
        let counted: Vec<_> = asked
            .iter()
            .filter(|(_, _, grouping, order, _)| {
                *order == GroupOrder::Values && grouping.period.is_none() && !grouping.by.is_empty()
            })
            .collect();
        let counts: Vec<String> = counted
            .iter()
            .map(|(_, query, grouping, ..)| about(query).group_count(&grouping.by).expect("words"))
            .collect();
        for ((sql, found), (.., wanted)) in
            counts.iter().zip(engines.ask(dialect, &counts)).zip(&counted)
        {
            let found = found.unwrap_or_else(|fault| panic!("{sql}\n{fault}"));
            assert_eq!(said(found[0].clone()), [json!(wanted.len().to_string())], "{sql}");
        }
        for (((text, _, grouping, order, wanted), sql), found) in
            asked.iter().zip(&statements).zip(engines.ask(dialect, &statements))
        {
            let mut found: Vec<_> = found
                .unwrap_or_else(|fault| panic!("{sql}\n{fault}"))
                .into_iter()
                .map(said)
                .collect();
            // Without anything to group by, there is a sum of nothing.
            found.retain(|row| !grouping.by.is_empty() || row[0] != json!("0"));
            assert_eq!(&found, wanted, "{} by {order:?} of {text}\n{sql}", Dialect::name(dialect));
        }
    }
}
