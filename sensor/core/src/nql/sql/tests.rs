//! What conditions look like. Whether they select the right records, `sensor/store/tests/agreement` asks the engines.

use super::*;
use crate::{
    flow::{columns::Column, fields::FIELDS},
    nql::{Filter, Options, lists::Lists, typed::Typed},
};

fn typed(query: &str) -> Typed {
    let lists = Lists::default();
    Filter::compile(query, &Options::new(&lists)).expect("a query").typed
}

fn both(query: &str) -> [String; 2] {
    Dialect::ALL.map(|dialect| condition(&typed(query), dialect).expect("words"))
}

#[test]
fn leaves_are_never_null_and_engines_can_look_up_by_them() {
    let port = "((dstport IS NOT NULL) AND (dstport <= 1023))";
    assert_eq!(
        both("dstport < 1024"),
        ["(isNotNull(dstport) AND (dstport <= 1023))", port].map(str::to_owned)
    );
    assert_eq!(both("dstport != 22")[1], "(NOT ((dstport IS NOT NULL) AND (dstport = 22)))");
    assert_eq!(both("protocol == tcp"), ["(protocolint = 6)"; 2].map(str::to_owned));
    assert_eq!(both(""), ["true"; 2].map(str::to_owned));
}

#[test]
fn addresses_are_mapped_and_families_stay_apart() {
    let [clickhouse, duckdb] = both("srcip == 10.0.0.0/8");
    assert_eq!(
        clickhouse,
        "(srcip BETWEEN toIPv6('::ffff:10.0.0.0') AND toIPv6('::ffff:10.255.255.255'))"
    );
    assert_eq!(
        duckdb,
        "(srcip BETWEEN unhex('00000000000000000000ffff0a000000') AND unhex('00000000000000000000ffff0affffff'))"
    );
    let all_v6 = &both("srcip == ::/0")[0];
    assert!(
        all_v6.contains("toIPv6('::fffe:ffff:ffff') AND") || all_v6.contains("fffe:ffff:ffff"),
        "{all_v6}"
    );
    assert!(all_v6.contains("toIPv6('::1:0:0:0')"), "{all_v6}");
    // One index over both sides finds either.
    assert_eq!(both("ip == 10.0.0.1")[0], "has([srcip, dstip], toIPv6('::ffff:10.0.0.1'))");
}

#[test]
fn texts_and_patterns_are_what_they_say_and_no_more() {
    let [clickhouse, duckdb] = both("label.src.role == \"o'x\\\\\"");
    assert!(clickhouse.contains(r"(element = 'o\'x\\')"), "{clickhouse}");
    assert!(duckdb.contains(r"(element = 'o''x\')"), "{duckdb}");
    assert!(both("tags =~ a*")[1].contains("regexp_matches(element, '(?s)^(?:a.*)$')"));
    assert!(both("tags =~ /a./")[1].contains("regexp_matches(element, '(?-s)^(?:a.)$')"));
}

#[test]
fn what_has_no_words_is_named_with_its_reason() {
    let refused =
        |query: &str| condition(&typed(query), Dialect::DuckDb).expect_err("no words").to_string();
    assert_eq!(
        refused("srcport == 1 && !(srcvlan == 5 || srcport == 2)"),
        "DuckDB cannot be asked for `srcvlan == 5`: files say once a row group whether VLANs are those at ingress; ask the store itself (`sensor hunt`)"
    );
    assert!(refused("label.port.tcp == web").contains("stored once for many records"));
    assert!(refused("srciprep.categories =~ botnet~").contains("octets, not of characters"));
    assert!(refused("tags =~ /a{1001}/").contains("1,000 times"));
}

/// A field that is a function in the table of fields has no translation until somebody writes one.
#[test]
fn fields_without_translation_are_refused() {
    let is_refused = |field: &&crate::flow::fields::Field| {
        let subject = crate::nql::typed::Subject::Field(
            FIELDS.iter().find(|own| own.name == field.name).expect("a field"),
        );
        values::found(&subject).err() == Some(Why::Untranslated)
    };
    let refused: Vec<&str> = FIELDS.iter().filter(is_refused).map(|field| field.name).collect();
    assert_eq!(refused, [""; 0]);
    for unknown in [named::told("new"), named::of_rows("new"), named::of_batches("new")] {
        assert_eq!(unknown.err(), Some(Why::Untranslated));
    }
}

#[test]
fn the_table_has_a_column_for_everything_that_is_stored() {
    let options = |keep_days| TableOptions { database: None, table: "flows".to_owned(), keep_days };
    let statement = create_table(&options(Some(7)));
    for column in Column::ALL {
        let line = format!("    {} ", column.stored_name());
        assert!(statement.contains(&line), "{column:?}");
    }
    for part in [
        "srcip IPv6 CODEC(ZSTD(1))",
        "time_received DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))",
        "octets Nullable(UInt64) CODEC(T64, ZSTD(1))",
        "src_profile LowCardinality(String)",
        "INDEX ip [srcip, dstip] TYPE bloom_filter(0.001) GRANULARITY 4",
        "PARTITION BY toStartOfHour(time_received)",
        "TTL toDateTime(time_received) + INTERVAL 7 DAY",
        "non_replicated_deduplication_window",
    ] {
        assert!(statement.contains(part), "{part} in {statement}");
    }
    let for_long = create_table(&options(None));
    assert!(for_long.contains("PARTITION BY toDate(time_received)") && !for_long.contains("TTL"));
}

#[test]
fn names_that_are_words_elsewhere_are_in_quotes() {
    let options = TableOptions {
        database: Some("a\"b".to_owned()),
        table: "order".to_owned(),
        keep_days: None,
    };
    assert_eq!(options.name(), "\"a\"\"b\".\"order\"");
    assert_eq!(
        received(5, 7, Dialect::DuckDb).as_deref(),
        Some("time_received >= make_timestamptz(5000) AND time_received < make_timestamptz(7000)")
    );
    assert_eq!(received(0, u64::MAX, Dialect::ClickHouse), None);
}

/// `UPDATE_EXPECT=1` writes the file.
#[test]
fn the_documented_statement_is_the_one_of_these_columns() {
    let options = TableOptions { database: None, table: "flows".to_owned(), keep_days: Some(14) };
    let wanted = create_table(&options) + ";\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/clickhouse.sql");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &wanted).expect("written");
    }
    assert_eq!(std::fs::read_to_string(path).expect("the file"), wanted);
}
