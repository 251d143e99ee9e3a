//! Queries select the same records here and elsewhere: the oracle that walks a query, the evaluator over columns, DuckDB on the files
//! of the store, and ClickHouse on rows that were inserted into its table.

mod data;
mod engines;
mod groups;
#[path = "../records/made.rs"]
mod made;
mod queries;

use std::collections::{BTreeMap, BTreeSet};

use sensor_core::nql::{
    sql::{Dialect, condition},
    typed::Typed,
};

use data::Data;
use engines::Engines;

/// Conditions of each engine that have no words, by why: a field that comes here by accident is seen here.
fn refused(queries: &[(String, Typed)], dialect: Dialect) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::<String, BTreeSet<String>>::new();
    for (text, typed) in queries {
        if let Err(refusal) = condition(typed, dialect) {
            let field = text.split(' ').next().unwrap_or_default().to_owned();
            all.entry(refusal.reason.to_string()).or_default().insert(field);
        }
    }
    all
}

fn check(data: &Data, engines: &Engines, queries: &[(String, Typed)]) {
    let wanted: Vec<Vec<u64>> = queries.iter().map(|(_, typed)| data.oracle(typed)).collect();
    for ((text, typed), wanted) in queries.iter().zip(&wanted) {
        assert_eq!(&data.columns(typed), wanted, "the evaluator over columns: {text}");
    }
    let selected = wanted.iter().filter(|found| !found.is_empty()).count();
    println!("{} queries, of which {selected} select records", queries.len());
    for dialect in engines.dialects() {
        let asked: Vec<_> = queries
            .iter()
            .zip(&wanted)
            .filter_map(|((text, typed), wanted)| {
                condition(typed, dialect).ok().map(|sql| (text, sql, wanted))
            })
            .collect();
        let sql: Vec<String> = asked.iter().map(|(_, sql, _)| sql.clone()).collect();
        let mut wrong = 0;
        for ((text, sql, wanted), found) in asked.iter().zip(engines.select(dialect, &sql)) {
            if found.as_ref() != Ok(*wanted) {
                wrong += 1;
                if wrong < 12 {
                    println!(
                        "{}: {text}\n  {sql}\n  wanted {wanted:?}\n  found {found:?}",
                        dialect.name()
                    );
                }
            }
        }
        println!(
            "{}: {} queries asked, {} refused, {wrong} wrong",
            dialect.name(),
            sql.len(),
            queries.len() - sql.len()
        );
        assert_eq!(wrong, 0, "{} differs", dialect.name());
    }
}

#[test]
fn engines_select_the_same_records() {
    let data = Data::new(48, 40);
    let Some(engines) = Engines::of(&data) else { return };
    let mut queries = queries::of_corpus();
    queries.extend(queries::of_fields(&data));
    queries.extend(queries::of_tricks());
    queries.extend(queries::generated(queries::wanted()));
    check(&data, &engines, &queries);
}

#[test]
fn engines_give_the_same_rows_and_groups() {
    let data = Data::new(24, 40);
    let Some(engines) = Engines::of(&data) else { return };
    let queries = ["", "protocol == tcp", "srcport != 22"].map(queries::typed);
    groups::check(&data, &engines, &queries);
    groups::check_rows(&data, &engines, &queries);
}

#[test]
fn what_is_refused_is_known() {
    let queries = queries::of_fields(&Data::new(12, 30));
    let wanted: [(Dialect, &[&str]); 2] = [
        (Dialect::ClickHouse, &[]),
        // `flowsrcip` only by prefixes.
        (Dialect::DuckDb, &["application", "dstvlan", "flowrtime", "flowsrcip", "srcvlan"]),
    ];
    for (dialect, wanted) in wanted {
        let fields: Vec<String> = refused(&queries, dialect).into_values().flatten().collect();
        let fields: BTreeSet<&str> = fields.iter().map(String::as_str).collect();
        assert_eq!(fields, wanted.iter().copied().collect(), "{}", dialect.name());
    }
}
