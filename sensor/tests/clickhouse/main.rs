//! What is inserted into ClickHouse is there once, whatever becomes of requests, answers and the server.

mod rows;
mod server;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use sensor::export::{
    clickhouse::{self, options::ClickHouseOptions},
    lots::{
        lot::{Form, LotOptions},
        sink::LotsSink,
    },
    sink::Sink as _,
};
use sensor_core::{
    flow::{
        batch::FlowBatch,
        interfaces::SharedInterfaces,
        testing::{flow, push},
    },
    nql::sql::TableOptions,
};
use server::{Fate, Held, Server};

fn options(address: &str) -> ClickHouseOptions {
    ClickHouseOptions {
        url: format!("http://{address}"),
        table: TableOptions {
            database: Some("d".to_owned()),
            table: "flows".to_owned(),
            keep_days: None,
        },
        credentials: None,
        tls: Default::default(),
        lots: LotOptions {
            sensor: "edge".to_owned(),
            form: Form::RowBinary,
            compress: true,
            rows: 100,
            octets: 1 << 20,
            age: Duration::from_millis(100),
        },
        timeout: Duration::from_secs(1),
    }
}

fn start(address: &str, queue: u64) -> LotsSink {
    clickhouse::start(&options(address), SharedInterfaces::default(), queue).expect("started")
}

/// Batches of ten records each, whose octets are the numbers from 1 on.
fn batches(count: u64) -> Vec<Arc<FlowBatch>> {
    let batch = |number: u64| {
        let octets = |row| number * 10 + row + 1;
        let mut batch = flow(1, 1000, 2000, octets(0));
        (1..10).for_each(|row| push(&mut batch, 1 + row as u16, 1000, 2000, octets(row)));
        Arc::new(batch)
    };
    (0..count).map(batch).collect()
}

/// Asserts that the server has each of the first `count` records once, but those that are counted as not sent.
fn assert_exact(server: &Server, count: u64, lost: u64) {
    let held = server.held();
    assert_eq!(held.faults, Vec::<String>::new());
    let rows: Vec<_> = held.lots.values().flatten().collect();
    let octets: BTreeSet<u64> = rows
        .iter()
        .map(|row| row["octets"].as_ref().expect("told").parse().expect("a number"))
        .collect();
    assert_eq!((rows.len() as u64, octets.len() as u64), (count - lost, count - lost), "each once");
    assert!(octets.iter().all(|own| (1..=count).contains(own)));
    let numbers: BTreeSet<_> = rows.iter().map(|row| row["sequence"].clone()).collect();
    assert_eq!(numbers.len(), rows.len());
    for row in rows {
        assert_eq!(row["sensor"].as_deref(), Some("edge"));
        assert_eq!(row["dstip"].as_deref(), Some("10.0.0.200"));
        assert_eq!(
            (row["time_end"].as_deref(), row["flowtype"].as_deref()),
            (Some("2000"), Some("host"))
        );
        assert_eq!(row["samplerate"], None);
    }
}

/// Inserts records and ends when all are settled; how often the server knew a token, and how often the sink repeated a lot.
fn run(fates: &[Fate], count: u64, lost: u64) -> (u64, u64) {
    let held =
        Arc::new(Mutex::new(Held { fates: fates.iter().copied().collect(), ..Held::default() }));
    let server = Server::start("127.0.0.1:0", &held);
    let mut sink = start(&server.address.to_string(), 1_000_000);
    for batch in batches(count / 10) {
        assert!(sink.offer(&batch));
    }
    settle(&sink, count);
    sink.stop(Duration::from_secs(600));
    sink.end();
    let account = sink.account();
    assert!(account.balances());
    assert_eq!((account.sent.flows, account.not_sent.totals.flows), (count - lost, lost));
    assert_exact(&server, count, lost);
    let repeats = server.held().repeats;
    (repeats, sink.repeated().expect("counted"))
}

fn settle(sink: &LotsSink, count: u64) {
    while sink.queue().settled() < count {
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn all_records_are_inserted_in_lots() {
    assert_eq!(run(&[], 1000, 0), (0, 0));
}

#[test]
fn an_answer_that_is_lost_doubles_nothing() {
    let fates = [Fate::AnswerLost, Fate::AnswerLost, Fate::Taken, Fate::AnswerLost];
    assert_eq!(run(&fates, 500, 0), (3, 3));
}

#[test]
fn a_request_that_breaks_off_and_a_server_that_has_too_much_to_do_lose_nothing() {
    let fates = [Fate::Broken, Fate::Later, Fate::Taken, Fate::Broken, Fate::AnswerLost];
    assert_eq!(run(&fates, 500, 0), (1, 4));
}

#[test]
fn a_slow_server_that_takes_rows_after_all_has_them_once() {
    assert_eq!(run(&[Fate::Slow], 300, 0).1, 1);
}

#[test]
fn rows_that_the_server_cannot_read_are_counted_and_hold_nothing_up() {
    let (repeats, repeated) = run(&[Fate::Taken, Fate::Unreadable], 500, 100);
    assert_eq!((repeats, repeated), (0, 0));
}

#[test]
fn a_server_that_is_away_for_a_while_has_everything_later() {
    let held = Arc::new(Mutex::new(Held::default()));
    let server = Server::start("127.0.0.1:0", &held);
    let address = server.address.to_string();
    let mut sink = start(&address, 600);
    let batches = batches(100);
    let (before, meanwhile) = batches.split_at(20);
    for batch in before {
        assert!(sink.offer(batch));
    }
    settle(&sink, 200);
    assert_eq!(sink.connection(), Some((true, 0)));
    // Its answer is lost, and then it is gone.
    held.lock().expect("no panic").fates.push_back(Fate::AnswerLost);
    let taken = meanwhile.iter().filter(|batch| sink.offer(batch)).count() as u64 * 10;
    assert!((600..800).contains(&taken), "{taken} of 800, for whose rest there is no room");
    while held.lock().expect("no panic").requests < 3 {
        thread::sleep(Duration::from_millis(10));
    }
    drop(server);
    while sink.repeated() < Some(2) {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(sink.connection(), Some((false, 1)));
    assert!(sink.last_error().is_some());
    let server = Server::start(&address, &held);
    settle(&sink, 200 + taken);
    assert_eq!(sink.connection(), Some((true, 1)));
    sink.stop(Duration::from_secs(600));
    sink.end();
    let account = sink.account();
    assert!(account.balances());
    assert_eq!((account.sent.flows, account.not_sent.totals.flows), (200 + taken, 800 - taken));
    let held = server.held();
    let rows: usize = held.lots.values().map(Vec::len).sum();
    assert_eq!((rows as u64, held.faults.len(), held.repeats), (200 + taken, 0, 1));
}

#[test]
fn what_waits_at_a_stop_is_counted_when_the_server_stays_away() {
    let address = {
        let server = Server::start("127.0.0.1:0", &Arc::default());
        server.address.to_string()
    };
    let mut sink = start(&address, 1000);
    for batch in batches(5) {
        assert!(sink.offer(&batch));
    }
    sink.stop(Duration::from_secs(600));
    sink.end();
    let account = sink.account();
    assert!(account.balances());
    assert_eq!((account.sent.flows, account.not_sent.totals.flows), (0, 50));
}
