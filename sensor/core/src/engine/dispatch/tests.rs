//! Order, bounds and ends. That nothing depends on the number of threads is a test of the stock library.

use std::sync::{
    atomic::{AtomicBool, Ordering},
    mpsc::{self, Receiver, SyncSender},
};

use super::*;
use crate::{
    enrich::{
        active::ActiveContext, combine::Precedence, context::Context, context::Limits,
        sources::Sources,
    },
    flow::{batch::Source, testing, totals::Totals},
    policy::{
        alert::Alert,
        detector::{Detector, Rules},
        load::{PolicyFile, load},
        stock,
        tags::Tagger,
    },
};

const NOW: u64 = 1_700_000_000_000;

/// Sends on what comes out; waits for a word before each batch, or fails, where the test wants that.
struct Probe {
    seen: SyncSender<String>,
    gate: Mutex<Option<Receiver<()>>>,
    fails: AtomicBool,
}

impl Output for Probe {
    fn event(&self, event: Alert) {
        assert!(!self.fails.load(Ordering::Relaxed), "as the test wants");
        let _ = self.seen.send(event.policy.name.clone());
    }

    fn batch(&self, batch: FlowBatch) -> Option<FlowBatch> {
        if let Some(gate) = &*lock(&self.gate) {
            let _ = gate.recv();
        }
        let _ = self.seen.send(batch.end[0].to_string());
        Some(batch)
    }
}

/// Every record is a hit of each policy, told once.
fn pipeline(threads: usize) -> Pipeline {
    let policy = |number| {
        format!(
            "[[policy]]\nname = 'p{number}'\nmatch = ''\ntrack_by = [['srcip', 'dstip']]\n\
             severity = 'low'\nsuppress = '1h'\n"
        )
    };
    let text = (0..4).map(policy).collect();
    let loaded = load(&[PolicyFile { path: "p.toml".to_owned(), text }], &stock::lists());
    assert_eq!(loaded.errors(), 0, "{}", loaded.report());
    let context = Context::new(Sources::default(), Precedence::default(), Limits::default());
    let detector = Detector::in_shards(threads, Rules::new(loaded.policies), 1, "host");
    Pipeline::new(Arc::new(ActiveContext::new(context)), Tagger::new([]), detector)
}

fn started(threads: usize) -> (Dispatcher<Probe>, Receiver<String>) {
    let (seen, told) = mpsc::sync_channel(1 << 16);
    let probe = Probe { seen, gate: Mutex::default(), fails: AtomicBool::new(false) };
    (Dispatcher::start(pipeline(threads), probe).expect("threads"), told)
}

fn offer(dispatcher: &Dispatcher<Probe>, host: u16, when_full: WhenFull) {
    let time = NOW + u64::from(host);
    let interfaces = Arc::new(Interfaces::default());
    dispatcher.offer(testing::flow(host, time, time, 1), &interfaces, when_full);
}

/// A batch of so many rows.
fn large(rows: usize) -> FlowBatch {
    let mut batch = FlowBatch::v4(Source::Host);
    (0..rows).for_each(|_| testing::push(&mut batch, 1, NOW, NOW, 10));
    batch
}

#[test]
fn events_come_before_their_batch_and_in_the_order_of_policies() {
    for threads in [1, 2, 3, 7] {
        let (dispatcher, told) = started(threads);
        (0..50).for_each(|host| offer(&dispatcher, host, WhenFull::Drop));
        dispatcher.drain();
        let all: Vec<_> = told.try_iter().collect();
        let expected = (0..50).flat_map(|host| {
            let events = ["p0", "p1", "p2", "p3"].map(str::to_owned);
            events.into_iter().chain([(NOW + host).to_string()])
        });
        assert_eq!(all, expected.collect::<Vec<_>>(), "{threads} threads");
        assert_eq!(dispatcher.lost(), []);
    }
}

#[test]
fn what_has_no_room_is_counted_and_nobody_waits_for_it() {
    let (dispatcher, told) = started(2);
    let (open, gate) = mpsc::channel();
    *lock(&dispatcher.output().gate) = Some(gate);
    let interfaces = Arc::new(Interfaces::default());
    let large = large(1 << 16);
    let (offered, mut refused) = (64_u64, 0);
    for _ in 0..offered {
        let given_back = dispatcher.offer(large.clone(), &interfaces, WhenFull::Drop);
        refused += u64::from(given_back.is_some());
    }
    // Some wait in the queue, at least one each is with the threads.
    assert!((1..=offered - 4).contains(&refused), "{refused}");
    let rows = large.len() as u64;
    let lost = Totals {
        flows: rows * refused,
        packets: rows * refused * large.packets[0],
        octets: rows * refused * 10,
    };
    let expected = Lost { source: Source::Host, reason: Reason::Full, totals: lost };
    assert_eq!(dispatcher.lost(), [expected]);
    drop(open);
    dispatcher.drain();
    let batches = told.try_iter().filter(|line| !line.starts_with('p')).count() as u64;
    assert_eq!(batches + refused, offered);
}

#[test]
fn who_waits_loses_nothing() {
    let (dispatcher, told) = started(3);
    let interfaces = Arc::new(Interfaces::default());
    let large = large(1 << 15);
    for _ in 0..40 {
        dispatcher.offer(large.clone(), &interfaces, WhenFull::Wait);
        dispatcher.advance(NOW, WhenFull::Wait);
    }
    dispatcher.drain();
    assert_eq!(told.try_iter().filter(|line| !line.starts_with('p')).count(), 40);
    assert_eq!(dispatcher.lost(), []);
}

#[test]
fn all_shards_are_there_for_who_asks() {
    for threads in [1, 2, 6] {
        let (dispatcher, _told) = started(threads);
        (0..20).for_each(|host| offer(&dispatcher, host, WhenFull::Wait));
        dispatcher.drain();
        let keys: Vec<_> = dispatcher.with(|pipeline| {
            let counters = pipeline.detector().counters();
            counters.map(|(policy, _, keys)| (policy.summary.name.clone(), keys)).collect()
        });
        let names = ["p0", "p1", "p2", "p3"].map(|name| (name.to_owned(), 20));
        assert_eq!(keys, names);
        // They go on where they were.
        offer(&dispatcher, 3, WhenFull::Wait);
        dispatcher.drain();
        let keys = dispatcher
            .with(|pipeline| pipeline.detector().counters().map(|of| of.2).sum::<usize>());
        assert_eq!(keys, 80);
    }
}

/// A thread that panics is found out, and nobody waits for what it will not do.
#[test]
fn threads_that_end_early_hold_nobody_up() {
    let (dispatcher, _told) = started(3);
    dispatcher.output().fails.store(true, Ordering::Relaxed);
    for host in 0..1000 {
        offer(&dispatcher, host, WhenFull::Wait);
    }
    while !dispatcher.is_broken() {
        offer(&dispatcher, 1, WhenFull::Wait);
        thread::yield_now();
    }
    offer(&dispatcher, 2, WhenFull::Wait);
    let lost = dispatcher.lost();
    assert!(
        matches!(lost[..], [Lost { source: Source::Host, reason: Reason::Closed, .. }]),
        "{lost:?}"
    );
    dispatcher.drain();
    drop(dispatcher);
}
