//! However many threads share the policies, the same flows give the same events and the same labels: the whole stock
//! library, over the ordinary hour and over captures, with other policies and another context put in force on the way.

use std::{
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex},
};

use sensor_core::{
    engine::{
        change::PipelineChange,
        dispatch::{Dispatcher, Output, WhenFull},
        pipeline::Pipeline,
    },
    enrich::{
        active::ActiveContext,
        combine::Precedence,
        context::{Context, Limits},
        formats::Form,
        sources::Sources,
    },
    flow::{
        batch::FlowBatch,
        fields::{self, Row},
        interfaces::Interfaces,
        profile::Side,
    },
    policy::{
        alert::Alert,
        detector::{Detector, Rules},
        model::Policy,
        tags::Tagger,
    },
};

use crate::{
    benign::hour,
    corpora,
    corpus::flows,
    feed::{View, batches},
    stock_policies,
};

/// Everything that came out, in order, as text.
#[derive(Default)]
struct Written(Mutex<String>);

impl Output for Written {
    fn event(&self, event: Alert) {
        writeln!(self.0.lock().expect("no panic"), "{event:?}").expect("text takes all");
    }

    /// Rows with what is known of their addresses, and what the policies count by.
    fn batch(&self, batch: FlowBatch) -> Option<FlowBatch> {
        let mut text = self.0.lock().expect("no panic");
        let [source, destination] =
            ["srcip", "dstip"].map(|name| fields::find(name).expect("flows have addresses"));
        for row in 0..batch.len() {
            let at = Row { batch: &batch, row, interfaces: &Interfaces::default() };
            let labels =
                [Side::Source, Side::Destination].map(|side| &batch.profile(side, row).labels);
            let (source, destination) = (source.value(at), destination.value(at));
            writeln!(text, "{source:?} {destination:?} {} {labels:?}", batch.end[row])
                .expect("text takes all");
        }
        Some(batch)
    }
}

fn context(labels: &str) -> Context {
    let mut sources = Sources::default();
    sources.own_networks();
    sources.private_networks();
    sources.bogons();
    assert_eq!(sources.labels("labels", labels, Form::Csv).faults, []);
    Context::new(sources, Precedence::default(), Limits::default())
}

/// All policies of the library, on.
fn library() -> Vec<Policy> {
    stock_policies().into_iter().map(|policy| Policy { enabled: true, ..policy }).collect()
}

/// The same, but for one of ten that has gone and one of ten that has changed.
fn edited() -> impl Iterator<Item = Policy> {
    let kept = library().into_iter().enumerate().filter(|(at, _)| at % 10 != 3);
    kept.map(|(at, mut policy)| {
        policy.lateness += u64::from(at % 10 == 7);
        policy
    })
}

/// What comes out with so many threads.
fn written(batches: &[FlowBatch], threads: usize) -> String {
    let current = Arc::new(ActiveContext::new(context("10.0.0.80,role,web\n")));
    let detector = Detector::in_shards(threads, Rules::new(library()), threads as u64, "host");
    let pipeline = Pipeline::new(current.clone(), Tagger::new([]), detector);
    let dispatcher = Dispatcher::start(pipeline, Written::default()).expect("threads");
    let interfaces = Arc::new(Interfaces::default());
    for (number, batch) in batches.iter().enumerate() {
        let latest = batch.end.iter().max().copied().unwrap_or_default();
        dispatcher.advance(latest, WhenFull::Wait);
        dispatcher.offer(batch.clone(), &interfaces, WhenFull::Wait);
        if number == batches.len() / 2 {
            dispatcher.drain();
            let from = dispatcher.with(|pipeline| pipeline.active());
            let context = context("10.0.0.80,role,proxy\n");
            let rules = Rules::new(edited());
            let change = PipelineChange::new(&from, &current, Some(context), None, Some(rules));
            let mut retired = dispatcher.with(|pipeline| pipeline.change(change));
            let mut events = Vec::new();
            while !dispatcher.with(|pipeline| pipeline.end(&mut retired, latest, 3, &mut events)) {}
            events.into_iter().for_each(|event| dispatcher.output().event(event));
        }
        if number == batches.len() / 3 {
            // The same policies in other shards, which nothing that comes out may show.
            let from = dispatcher.with(|pipeline| pipeline.active());
            let change = PipelineChange::balanced(&from, &current);
            dispatcher.with(|pipeline| drop(pipeline.change(change)));
        }
    }
    dispatcher.finish();
    assert_eq!(dispatcher.lost(), []);
    let counters = dispatcher.with(|pipeline| {
        let counters = pipeline.detector().counters();
        counters
            .map(|(policy, counters, keys)| {
                format!("{} {counters:?} {keys}\n", policy.summary.name)
            })
            .collect::<String>()
    });
    let mut text = dispatcher.output().0.lock().expect("no panic");
    std::mem::take(&mut *text) + &counters
}

#[track_caller]
fn check(batches: &[FlowBatch], wanted: &[&str]) {
    let alone = written(batches, 1);
    for wanted in wanted {
        assert!(alone.contains(wanted), "nothing has {wanted}");
    }
    for threads in [2, 5] {
        let shared = written(batches, threads);
        if let Some((at, (one, other))) =
            alone.lines().zip(shared.lines()).enumerate().find(|(_, (one, other))| one != other)
        {
            panic!("with {threads} threads line {at} is\n{other}\nand not\n{one}");
        }
        assert!(alone == shared, "with {threads} threads there is more or less");
    }
}

#[test]
fn the_hour_gives_the_same_with_any_number_of_threads() {
    let batches: Vec<_> = batches(&hour(), View::Router).iter().flat_map(pieces).collect();
    // The last is a label that a policy has written, in the profile of a row that came later.
    check(&batches, &["Start", "End", "reason: Some(Reload)", "\"serves\": [\"ssh\"]"]);
}

/// Small batches, so that labels are written between them.
fn pieces(whole: &FlowBatch) -> Vec<FlowBatch> {
    let rows: Vec<usize> = (0..whole.len()).collect();
    let piece = |rows: &[usize]| {
        let mut piece = whole.clone();
        piece.keep(rows);
        piece
    };
    rows.chunks(512).map(piece).collect()
}

#[test]
fn captures_give_the_same_with_any_number_of_threads() {
    let Some(traffic) = corpora::folder("traffic") else { return };
    let table = include_str!("corpus.hits").lines().filter(|line| !line.starts_with('#'));
    let files = table.filter_map(|line| line.split_once(": ")).map(|(file, _)| file);
    let batches: Vec<_> = files.flat_map(|file| flows(&traffic.join(Path::new(file))).0).collect();
    assert!(batches.len() > 100);
    check(&batches, &["Hit"]);
}
