//! A reload of 1,000 policies and 100,000 labels while flows pass: how long a batch waits for it.
//!
//! One thread passes batches of 256 flows through context, tags and policies, another reads everything anew, as SIGHUP
//! does. One label of ten has another value each time; the policies are the same, or one of ten has changed, whose keys are
//! all new then, which costs the first batches behind the reload what it costs at the start. Each round has a reload and as
//! many batches without one; the longest batch of either is compared, by the clock on the wall, so that waiting counts, and
//! by what the processor spent on its thread, so that other programs do not.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unsafe_code, reason = "reads the thread's clock")]

#[path = "../core/benches/nql/flows.rs"]
#[expect(dead_code, reason = "another bench asks routers' flows as well")]
mod flows;
#[path = "../core/benches/nql/policies.rs"]
mod policies;

use std::{
    fmt::Write as _,
    fs, mem,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use sensor::agent::{
    config::{self, Config, overrides::Overrides},
    inspect,
    mode::Mode,
    plant::analysis::Analysis,
};
use sensor_core::{
    engine::dispatch::Output,
    flow::{
        batch::{Addresses, BATCH_ROWS, FlowBatch, Source},
        interfaces::Interfaces,
    },
    policy::alert::Alert,
};

const POLICIES: usize = 1000;
const LABELS: usize = 100_000;
/// Flows of a batch.
const ROWS: usize = 256;
const BATCHES: usize = 64;
/// Hosts inside, and as many outside.
const HOSTS: u32 = 4096;
const ROUNDS: usize = 11;
/// Batches behind a reload that count as part of it.
const AFTERMATH: usize = BATCHES;

fn main() {
    println!("{:<44} {:>9} {:>9} {:>9}", "milliseconds", "median", "least", "most");
    measure("the same policies, other labels", 0);
    measure("one policy of ten is another, other labels", 10);
}

/// Reloads with one policy of so many changed.
fn measure(name: &str, one_of: usize) {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), 0, one_of);
    let config = configuration(directory.path());
    let contents = inspect::read(&config, Mode::Files, false).expect("the files have no faults");
    let analysis =
        Analysis::start(&config, contents.named, Mode::Files, Nothing).expect("the threads start");
    let mut traffic = Traffic::new(&analysis);
    for _ in 0..2 * BATCHES {
        traffic.pass();
    }
    let rounds: Vec<_> = (1..=ROUNDS)
        .map(|round| {
            write(directory.path(), round, one_of);
            traffic.reload(&config)
        })
        .collect();
    println!("{name}");
    show("a reload", &rounds, |round| round.reload);
    show("  keeps flows waiting for at most", &rounds, |round| round.pause);
    show("a batch", &rounds, |round| middle(&round.without, WALL));
    for (clock, name) in [(WALL, "by the clock"), (PROCESSOR, "by the processor's time")] {
        let without = |round: &Round| longest(&round.without, clock);
        let during = |round: &Round| longest(&round.during, clock);
        show(&format!("longest without a reload, {name}"), &rounds, without);
        show(&format!("longest during a reload, {name}"), &rounds, during);
        let ratio = |round| during(round).as_secs_f64() / without(round).as_secs_f64();
        let mut ratios: Vec<f64> = rounds.iter().map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        println!("{:<44} {:>9.2}", "  ratio of the two", ratios[ROUNDS / 2]);
    }
}

/// Wants nothing of what comes out.
struct Nothing;

impl Output for Nothing {
    fn event(&self, _: Alert) {}

    fn batch(&self, batch: FlowBatch) -> Option<FlowBatch> {
        Some(batch)
    }
}

/// What became of the batches of a round.
struct Round {
    during: Vec<Spent>,
    without: Vec<Spent>,
    reload: Duration,
    pause: Duration,
}

/// What a batch took, by the clock and by the processor's time.
type Spent = [Duration; 2];
const WALL: usize = 0;
const PROCESSOR: usize = 1;

fn longest(times: &[Spent], clock: usize) -> Duration {
    times.iter().map(|spent| spent[clock]).max().unwrap_or_default()
}

fn middle(times: &[Spent], clock: usize) -> Duration {
    let mut times: Vec<_> = times.iter().map(|spent| spent[clock]).collect();
    times.sort();
    times[times.len() / 2]
}

fn show(what: &str, rounds: &[Round], of: impl Fn(&Round) -> Duration) {
    let mut times: Vec<_> = rounds.iter().map(of).collect();
    times.sort();
    let shown = |time: Duration| time.as_secs_f64() * 1e3;
    let (median, least, most) = (times[times.len() / 2], times[0], times[times.len() - 1]);
    println!("{what:<44} {:>9.2} {:>9.2} {:>9.2}", shown(median), shown(least), shown(most));
}

/// Flows that pass again and again, a second later each time.
struct Traffic<'a> {
    analysis: &'a Analysis<Nothing>,
    batches: Vec<FlowBatch>,
    next: usize,
    interfaces: Arc<Interfaces>,
}

impl<'a> Traffic<'a> {
    fn new(analysis: &'a Analysis<Nothing>) -> Self {
        let mut batches = Vec::new();
        for whole in flows::flows(BATCHES * ROWS) {
            let rows: Vec<usize> = (0..BATCH_ROWS).collect();
            batches.extend(rows.chunks(ROWS).map(|rows| {
                let mut part = whole.clone();
                part.keep(rows);
                part
            }));
        }
        for batch in &mut batches {
            let Addresses::V4 { source, destination } = &mut batch.addresses else { continue };
            for address in source.iter_mut().chain(destination) {
                let network = if *address >> 24 == 10 { 0x0a00_0000 } else { 0x2d00_0000 };
                *address = network | (*address % HOSTS);
            }
        }
        Self { analysis, batches, next: 0, interfaces: Arc::default() }
    }

    fn pass(&mut self) -> Spent {
        let batch = &mut self.batches[self.next % BATCHES];
        self.next += 1;
        let (start, before) = (Instant::now(), processor_time());
        let whole = mem::replace(batch, FlowBatch::v4(Source::Host));
        let whole = self.analysis.offer(whole, &self.interfaces);
        let spent = [start.elapsed(), processor_time() - before];
        *batch = whole.expect("it is given back");
        batch.start.iter_mut().chain(&mut batch.end).for_each(|time| *time += 1000);
        spent
    }

    /// Passes batches while another thread reloads, then as many without.
    fn reload(&mut self, config: &Config) -> Round {
        let (analysis, now) = (self.analysis, self.now());
        let (during, (reload, pause)) = thread::scope(|scope| {
            let reload = scope.spawn(move || {
                let start = Instant::now();
                let contents = inspect::read(config, Mode::Live, false).expect("no fault");
                let renewal = analysis.reload(config, contents.named, now);
                (start.elapsed(), renewal.pause)
            });
            let mut during = Vec::new();
            while !reload.is_finished() {
                during.push(self.pass());
            }
            during.extend((0..AFTERMATH).map(|_| self.pass()));
            (during, reload.join().expect("the reload ends"))
        });
        let without: Vec<_> = during.iter().map(|_| self.pass()).collect();
        self.advance();
        Round { during, without, reload, pause }
    }

    /// What the agent does twice a second.
    fn advance(&self) {
        self.analysis.advance(self.now());
    }

    fn now(&self) -> u64 {
        self.batches.iter().flat_map(|batch| &batch.end).copied().max().unwrap_or(0)
    }
}

/// What the processor has spent on this thread.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes; the clock is one that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn configuration(directory: &Path) -> Config {
    let path = |name: &str| directory.join(name).display().to_string();
    let text = format!(
        "capture.interfaces = ['lo']\nlabels.files = ['{}']\npolicies.paths = ['{}']\n\
         engine.threads = 1\n\
         tag = [{{ name = 'web', match = 'label.dst.role == webserver && dstport == 443' }}]\n",
        path("labels.csv"),
        path("policies.toml")
    );
    config::from_text(&text, &Overrides::default()).expect("the configuration has no faults")
}

/// Writes the files as they are in a round.
fn write(directory: &Path, round: usize, one_of: usize) {
    let mut text = String::new();
    for (number, query) in policies::policies(POLICIES).iter().enumerate() {
        let changed = if one_of > 0 && number % one_of == 0 { round } else { 0 };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "[[policy]]\nname = 'p{number}'\ndescription = 'as of {changed}'\nmatch = '''{query}'''\n\
             track_by = [['srcip']]\nmax_keys = 10000"
        );
        if number % 2 == 0 {
            text.push_str("window = '60s'\nseverity = { low = 'sum(packets) >= 1000000000' }\n");
        }
    }
    fs::write(directory.join("policies.toml"), text).expect("the policies are written");
    let mut text = String::new();
    for number in 0..LABELS {
        let host = number / 2;
        let address = format!("10.0.{}.{}", host >> 8 & 255, host & 255);
        let changed = if number % 10 == 0 { round } else { 0 };
        let _ = if number % 2 == 0 {
            writeln!(text, "{address},name,host-{host}-{changed}")
        } else {
            let role = ["webserver", "database", "printer", "resolver"][host % 4];
            writeln!(text, "{address},role,{role}")
        };
    }
    fs::write(directory.join("labels.csv"), text).expect("the labels are written");
}
