//! Policies at work: nanoseconds per matched flow, flows per second through context and all stock policies, memory.
//!
//! Times are those that the processor spent on this thread. Each measurement is repeated, and the median and the least are
//! shown; all share one run, so that their ratios hold. Where several threads share the work, the clock on the wall counts
//! as well, and what the busiest of them spent, which is what idle cores would make of it. An argument picks `memory`,
//! `threshold`, `stock` or `threads`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unsafe_code, reason = "reads the thread's clock")]

#[path = "nql/flows.rs"]
#[expect(dead_code, reason = "the other bench asks routers' flows as well")]
mod flows;
#[path = "nql/peer.rs"]
mod peer;

use std::{
    cmp::Reverse,
    env,
    fmt::Write as _,
    fs,
    hint::black_box,
    mem,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use flows::Random;
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
        enricher::Enricher,
        formats::Form,
        sources::Sources,
    },
    flow::{
        batch::{Addresses, BATCH_ROWS, FlowBatch, Source},
        interfaces::Interfaces,
    },
    nql::{
        columns::{Program, Scratch},
        lists::Lists,
    },
    policy::{
        alert::Alert,
        detector::{Detector, Rules},
        load,
        load::PolicyFile,
        model::Policy,
        stock,
        tags::Tagger,
    },
};

const FLOWS: usize = 1 << 20;
const ROUNDS: usize = 9;
/// First address inside, and outside.
const INSIDE: u32 = 0x0a00_0000;
const OUTSIDE: u32 = 0x2d00_0000;
/// Addresses outside.
const PEERS: u64 = 50_000;
/// Time of the flows' clock that a round covers, milliseconds.
const ROUND: u64 = 10_000;

fn main() {
    let only = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |what: &str| only.as_ref().is_none_or(|only| what.contains(only));
    println!("{:<44} {:>9} {:>9}", "", "median", "least");
    if wanted("memory") {
        memory();
    }
    let mut batches = mixed(flows::flows(FLOWS));
    for keys in [1 << 6, 1 << 12, 1 << 16, 1 << 20]
        .into_iter()
        .filter(|keys| wanted(&format!("threshold {keys}")))
    {
        let batches = keyed(keys, &batches);
        let measure = |name: &str, severity: &str| {
            measure(name, &mut (one("'srcip', 'dstip'", severity), Vec::new()), &batches)
        };
        let name = format!("threshold update, {keys} keys, ns");
        let plain = measure(&name, "medium = 'sum(packetsxrate) >= 1000000000'");
        let with =
            measure("  the same with distinct, ns", "medium = 'distinct(dstport) >= 1000000000'");
        println!("{:<44} {:>9.1}", "  so distinct alone, ns", with - plain);
    }
    if wanted("threads") {
        threads(&mut batches);
    }
    if !wanted("stock") {
        return;
    }
    let peer = wirefilter(&batches);
    let stock: Vec<_> = load(&stock::policies(), &stock::lists()).policies;
    let enabled = stock.iter().filter(|policy| policy.enabled).count();
    let context = context();
    let enrichment = enrichment(&context, &mut batches);
    let queries = queries(&stock, &batches);
    let detector = Detector::new(Rules::new(stock), 1, "host");
    let name = format!("whole engine, {enabled} stock policies, ns per flow");
    let mut pipeline = Pipeline::new(context, Tagger::new([]), detector);
    let all = measure(&name, &mut pipeline, &batches);
    println!("{:<44} {:>9.2}", "  million flows per second", 1e3 / all);
    println!("{:<44} {:>9.1}", "  times wirefilter's long query", all / peer);
    println!("{:<44} {:>9.1}", "  so windows and hits, ns per flow", all - queries - enrichment);
    let mut busiest: Vec<_> = pipeline.detector().counters().collect();
    busiest.sort_by_key(|(_, counters, _)| Reverse(counters.matched));
    println!("Matches per thousand flows, and keys at the end, of the busiest policies:");
    for (policy, counters, keys) in busiest.into_iter().take(8) {
        let share = counters.matched as f64 * 1e3 / (ROUNDS * FLOWS) as f64;
        println!("  {:<42} {share:>9.1} {keys:>9}", policy.summary.name);
    }
}

/// What is known of the addresses in [`mixed`]: 10,000 labels, private networks, bogons, one list of bad reputation.
fn context() -> Arc<ActiveContext> {
    const ROLES: [&str; 7] =
        ["web", "database", "application", "resolver", "mailserver", "scanner", "backup"];
    let address = |number: u32| Ipv4Addr::from(number);
    let (mut labels, mut bad) = (String::new(), String::new());
    for host in 0..4000 {
        // Writing to a String cannot fail.
        let _ = writeln!(labels, "{},role,{}", address(INSIDE | host), ROLES[host as usize % 7]);
        let _ = writeln!(labels, "{},name,host-{host}", address(INSIDE | host));
    }
    for host in 0..2000 {
        let _ = writeln!(labels, "{},name,peer-{host}", address(OUTSIDE | (host * 25)));
    }
    for host in (0..PEERS as u32).step_by(64) {
        let _ = writeln!(bad, "{}", address(OUTSIDE | host));
    }
    let mut sources = Sources::default();
    sources.bogons();
    sources.private_networks();
    assert_eq!(sources.labels("labels", &labels, Form::Csv).faulty, 0);
    assert_eq!(sources.reputation("bad", &bad, "scanners").faulty, 0);
    Arc::new(ActiveContext::new(Context::new(sources, Precedence::MostSpecific, Limits::default())))
}

/// Enrichment alone, nanoseconds per flow.
fn enrichment(context: &Arc<ActiveContext>, batches: &mut [FlowBatch]) -> f64 {
    let mut enricher = Enricher::new(context.clone());
    let work = || batches.iter_mut().for_each(|batch| enricher.enrich(batch));
    rounds("enrichment alone, ns per flow", work)
}

/// Queries alone, nanoseconds per flow.
fn queries(policies: &[Policy], batches: &[FlowBatch]) -> f64 {
    let enabled = policies.iter().filter(|policy| policy.enabled);
    let program = Program::compile(enabled.filter_map(|policy| policy.search.of(Source::Host)));
    let (interfaces, mut scratch, mut found) = (Interfaces::default(), Scratch::default(), 0);
    let median = rounds("queries of the stock library alone, ns per flow", || {
        for batch in batches {
            program.evaluate(batch, &interfaces, &mut scratch, |matched| {
                found += matched.rows.count();
            });
        }
    });
    println!("{:<44} {:>9.3}", "  matches per flow", found as f64 / (ROUNDS * FLOWS) as f64);
    median
}

/// The long query of the other bench by wirefilter, without filling its contexts, nanoseconds per flow.
fn wirefilter(batches: &[FlowBatch]) -> f64 {
    let scheme = peer::scheme();
    let filter = peer::filter(&scheme);
    let some = &batches[0];
    let contexts: Vec<_> = (0..some.len())
        .map(|row| {
            let mut context = wirefilter::ExecutionContext::new(&scheme);
            peer::fill(&mut context, some, row);
            context
        })
        .collect();
    let executes = |context: &&_| filter.execute(context).expect("the context is of its scheme");
    rounds("wirefilter, one long query alone, ns per flow", || {
        for _ in 0..FLOWS / contexts.len() {
            black_box(contexts.iter().filter(executes).count());
        }
    })
}

/// Takes what comes out, and keeps the batches for the next round.
#[derive(Default)]
struct Kept {
    batches: Mutex<Vec<FlowBatch>>,
}

impl Output for Kept {
    fn event(&self, event: Alert) {
        black_box(event);
    }

    fn batch(&self, batch: FlowBatch) -> Option<FlowBatch> {
        self.batches.lock().expect("no panic").push(batch);
        None
    }
}

/// The whole engine on so many threads, and its flows.
struct Contender {
    threads: usize,
    current: Arc<ActiveContext>,
    dispatcher: Dispatcher<Kept>,
    batches: Vec<FlowBatch>,
    /// By the clock on the wall, and by what the busiest thread spent, of each round.
    wall: Vec<f64>,
    busiest: Vec<f64>,
}

impl Contender {
    fn new(threads: usize, policies: &[Policy], batches: &[FlowBatch]) -> Self {
        let current = context();
        let detector = Detector::in_shards(threads, Rules::new(policies.to_vec()), 1, "host");
        let pipeline = Pipeline::new(current.clone(), Tagger::new([]), detector);
        let dispatcher = Dispatcher::start(pipeline, Kept::default()).expect("threads");
        let (wall, busiest) = (Vec::new(), Vec::new());
        Self { threads, current, dispatcher, batches: batches.to_vec(), wall, busiest }
    }

    fn round(&mut self) {
        let interfaces = Arc::new(Interfaces::default());
        let now = self.batches[0].end[0];
        let (begun, before) = (Instant::now(), self.spent());
        for batch in self.batches.drain(..) {
            self.dispatcher.offer(batch, &interfaces, WhenFull::Wait);
        }
        self.dispatcher.advance(now, WhenFull::Wait);
        self.dispatcher.drain();
        let per_flow = |time: Duration| time.as_secs_f64() * 1e9 / FLOWS as f64;
        self.wall.push(per_flow(begun.elapsed()));
        let spent = self.spent().into_iter().zip(before).map(|(after, before)| after - before);
        self.busiest.push(spent.map(per_flow).fold(0.0, f64::max));
        self.batches = mem::take(&mut *self.dispatcher.output().batches.lock().expect("no panic"));
        shift(&mut self.batches, ROUND);
    }

    /// What each thread that does the work has spent.
    fn spent(&self) -> Vec<Duration> {
        if self.threads == 1 { vec![processor_time()] } else { engine_threads() }
    }

    /// Moves policies between threads by what flows have shown.
    fn balance(&self) {
        let from = self.dispatcher.with(|pipeline| pipeline.active());
        let change = PipelineChange::balanced(&from, &self.current);
        self.dispatcher.with(|pipeline| drop(pipeline.change(change)));
    }
}

/// The whole engine on two threads against one, round by round.
fn threads(batches: &mut [FlowBatch]) {
    let stock: Vec<_> = load(&stock::policies(), &stock::lists()).policies;
    let mut contenders = [1, 2].map(|threads| Contender::new(threads, &stock, batches));
    for round in 0..ROUNDS {
        contenders.iter_mut().for_each(Contender::round);
        if round == 1 {
            contenders.iter().for_each(Contender::balance);
        }
    }
    // In the first rounds, all keys are new, or the policies have moved.
    for contender in &mut contenders {
        contender.wall.drain(..3);
        contender.busiest.drain(..3);
    }
    let [alone, shared] = &contenders;
    let ratio = |of: fn(&Contender) -> &Vec<f64>| {
        of(alone).iter().zip(of(shared)).map(|(alone, shared)| alone / shared).collect::<Vec<_>>()
    };
    let ratios = [ratio(|contender| &contender.wall), ratio(|contender| &contender.busiest)];
    for contender in &mut contenders {
        let threads = contender.threads;
        show(&format!("whole engine, {threads} threads, wall, ns per flow"), &mut contender.wall);
        show("  of these the busiest thread, ns per flow", &mut contender.busiest);
    }
    for (name, mut ratios) in ["by the wall", "by the busiest thread"].into_iter().zip(ratios) {
        ratios.sort_by(f64::total_cmp);
        let (median, least) = (ratios[ratios.len() / 2], ratios[0]);
        println!("{:<44} {median:>9.2} {least:>9.2}", format!("  times as fast on two, {name}"));
    }
}

/// What each thread of the engine has spent.
fn engine_threads() -> Vec<Duration> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut tasks: Vec<_> = tasks.map(|task| task.path()).collect();
    tasks.sort();
    let engine = |path: &&PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("engine"))
    };
    let spent = |path: &PathBuf| {
        let text = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
        Duration::from_nanos(nanoseconds.unwrap_or(0))
    };
    tasks.iter().filter(engine).map(spent).collect()
}

/// Measures some rounds of work over all flows. Returns the median, nanoseconds per flow.
fn rounds(name: &str, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = processor_time();
            work();
            (processor_time() - start).as_secs_f64() * 1e9 / FLOWS as f64
        })
        .collect();
    show(name, &mut times)
}

/// Shows the median and the least, and returns the median.
fn show(name: &str, times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    println!("{name:<44} {:>9.1} {:>9.1}", times[times.len() / 2], times[0]);
    times[times.len() / 2]
}

/// A detector with one policy.
fn one(key: &str, severity: &str) -> Detector {
    let text = format!(
        "[[policy]]\nname = 'p'\nmatch = ''\ntrack_by = [[{key}]]\nmax_keys = 2000000\n\
         window = '60s'\nseverity = {{ {severity} }}\n"
    );
    let file = PolicyFile { path: "policies".to_owned(), text };
    let loaded = load(&[file], &Lists::default());
    assert_eq!(loaded.errors(), 0, "{}", loaded.report());
    Detector::new(Rules::new(loaded.policies), 1, "host")
}

/// The same flows as ordinary traffic, but for one of 64: between addresses that come again, some far more often than
/// others; in the order of time but for a second; most are short.
fn mixed(mut batches: Vec<FlowBatch>) -> Vec<FlowBatch> {
    let mut random = Random(11);
    let skewed = |random: &mut Random, of: u64| random.below(of) * random.below(of) / of;
    let first = batches[0].start[0];
    let count = batches.len() as u64;
    for (number, batch) in (0..).zip(&mut batches) {
        for row in 0..batch.len() {
            let ordinary = random.below(64) > 0;
            let inside = ordinary && tame(batch, row);
            if let Addresses::V4 { source, destination } = &mut batch.addresses {
                for address in [&mut source[row], &mut destination[row]] {
                    *address = if inside || *address >> 24 == 10 {
                        INSIDE | skewed(&mut random, 4000) as u32
                    } else {
                        OUTSIDE | skewed(&mut random, PEERS) as u32
                    };
                }
            }
            batch.end[row] = first + number * ROUND / count + skewed(&mut random, 1000);
            let duration = skewed(&mut random, 30_000) * skewed(&mut random, 30_000) / 30_000;
            batch.start[row] = batch.end[row] - duration;
        }
    }
    batches
}

/// Gives a flow the ports and sizes of ordinary traffic. True where its service is one that stays inside.
fn tame(batch: &mut FlowBatch, row: usize) -> bool {
    let (source, destination) = (batch.source_port[row], batch.destination_port[row]);
    if source.max(destination) < 1024 && (source, destination) != (123, 123) {
        batch.source_port[row] += 32_768;
    }
    let packets = match (batch.protocol[row], source.min(destination)) {
        (1, _) => 2,
        (17, 53 | 123) => 1,
        (_, service) => return [161, 445, 514, 3389, 5432].contains(&service),
    };
    (batch.packets[row], batch.octets[row]) = (packets, packets * 84);
    false
}

/// The same flows between so many pairs of addresses.
fn keyed(keys: u64, batches: &[FlowBatch]) -> Vec<FlowBatch> {
    let mut random = Random(7);
    let mut batches = batches.to_vec();
    for batch in &mut batches {
        if let Addresses::V4 { source, destination } = &mut batch.addresses {
            for (source, destination) in source.iter_mut().zip(destination) {
                let key = random.below(keys) as u32;
                (*source, *destination) = (0x0a00_0000 | key, 0x0b00_0000 | key);
            }
        }
    }
    batches
}

/// Shifts the times of flows, so that windows move on from round to round.
fn shift(batches: &mut [FlowBatch], by: u64) {
    for batch in batches {
        batch.start.iter_mut().for_each(|time| *time += by);
        batch.end.iter_mut().for_each(|time| *time += by);
    }
}

/// What flows are passed through; says how many hits there were.
trait Engine {
    fn pass(&mut self, batch: &mut FlowBatch) -> usize;
    fn advance(&mut self, now: u64) -> usize;
}

impl Engine for Pipeline {
    fn pass(&mut self, batch: &mut FlowBatch) -> usize {
        let mut hits = 0;
        Self::pass(self, batch, &Interfaces::default(), |event| {
            black_box(event);
            hits += 1;
        });
        hits
    }

    fn advance(&mut self, now: u64) -> usize {
        let mut hits = 0;
        Self::advance(self, now, |_| hits += 1);
        hits
    }
}

/// Policies alone.
impl Engine for (Detector, Vec<Alert>) {
    fn pass(&mut self, batch: &mut FlowBatch) -> usize {
        self.0.observe(batch, &Interfaces::default(), &mut self.1);
        self.1.drain(..).count()
    }

    fn advance(&mut self, now: u64) -> usize {
        self.0.advance(now, &mut self.1);
        self.1.drain(..).count()
    }
}

/// Passes flows through an engine, round by round. Returns the median, nanoseconds per flow.
fn measure(name: &str, engine: &mut impl Engine, batches: &[FlowBatch]) -> f64 {
    let mut batches = batches.to_vec();
    let (mut times, mut hits) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        let start = processor_time();
        hits += batches.iter_mut().map(|batch| engine.pass(batch)).sum::<usize>();
        hits += engine.advance(batches[0].end[0]);
        let spent = processor_time() - start;
        // In the first round, all keys are new.
        if round > 0 {
            times.push(spent.as_secs_f64() * 1e9 / FLOWS as f64);
        }
        shift(&mut batches, ROUND);
    }
    let median = show(name, &mut times);
    if hits > 0 {
        let share = hits as f64 * 1e3 / (ROUNDS * FLOWS) as f64;
        println!("{:<44} {share:>9.2}", "  hits per thousand flows");
    }
    median
}

/// Fills one policy with a million keys, as a scan would, and says what that takes.
fn memory() {
    const KEYS: usize = 1_000_000;
    let before = resident();
    let policy = one("'srcip', 'dstip', 'dstport'", "medium = 'sum(packetsxrate) >= 1000000000'");
    let mut pipeline = Pipeline::new(context(), Tagger::new([]), policy);
    let mut batch = flows::flows(BATCH_ROWS).remove(0);
    let interfaces = Interfaces::default();
    for first in (0..KEYS).step_by(BATCH_ROWS) {
        if let Addresses::V4 { source, .. } = &mut batch.addresses {
            let rows = source.iter_mut().enumerate();
            rows.for_each(|(row, address)| *address = INSIDE | (first + row) as u32);
        }
        pipeline.pass(&mut batch, &interfaces, |_| ());
    }
    let keys = pipeline.detector().counters().map(|(_, _, keys)| keys).sum::<usize>();
    let octets = resident() - before;
    let name = format!("10,000 labels and {keys} keys, MiB");
    println!("{name:<44} {:>9.1}", octets as f64 / f64::from(1 << 20));
    println!("{:<44} {:>9.1}", "whole process, MiB", resident() as f64 / f64::from(1 << 20));
}

/// Resident memory of the process, octets.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}

/// What the processor has spent on this thread.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes; the clock is one that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
