//! A reload of 1,000 policies and 100,000 labels while flows pass: how long a batch waits for it.
//!
//! One thread passes batches of 4,096 flows through context, tags and policies, another reads everything anew, as SIGHUP
//! does. Of ten policies one is changed each time, and one label of ten has another value. Each round has a reload and as
//! many batches without one; the longest batch of either is compared. Times are by the clock on the wall, so that waiting
//! counts: run it where nothing else runs, with two processors or more.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "nql/flows.rs"]
#[expect(dead_code, reason = "another bench asks routers' flows as well")]
mod flows;
#[path = "nql/policies.rs"]
mod policies;

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use sensor::{
    agent::{
        analysis::{Analysis, Origin},
        config::{self, Config, overrides::Overrides},
    },
    flow::{
        batch::{Addresses, BATCH_ROWS, FlowBatch},
        interfaces::Interfaces,
    },
    nql::lists::Lists,
};

const POLICIES: usize = 1000;
const LABELS: usize = 100_000;
const BATCHES: usize = 4;
/// Hosts inside, and as many outside.
const HOSTS: u32 = 4096;
const ROUNDS: usize = 11;
/// Batches behind a reload that count as part of it.
const AFTERMATH: usize = 2 * BATCHES;

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), 0);
    let config = configuration(directory.path());
    let analysis = Analysis::start(&config, &Lists::default(), Origin::Files)
        .expect("the files have no faults");
    let mut traffic = Traffic::new(&analysis);
    for _ in 0..4 * BATCHES {
        traffic.pass();
    }
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        write(directory.path(), round + 1);
        let now = traffic.now();
        let (analysis, config) = (&analysis, &config);
        let (during, (reload, pause)) = thread::scope(|scope| {
            let reload = scope.spawn(move || {
                let start = Instant::now();
                let reloads = analysis.reload(config, &Lists::default(), now, |_| {});
                (start.elapsed(), reloads.last_pause)
            });
            let mut during = Vec::new();
            while !reload.is_finished() {
                during.push(traffic.pass());
            }
            during.extend((0..AFTERMATH).map(|_| traffic.pass()));
            (during, reload.join().expect("the reload ends"))
        });
        let without: Vec<_> = during.iter().map(|_| traffic.pass()).collect();
        traffic.advance();
        rounds.push(Round { during, without, reload, pause });
    }
    println!("{:<44} {:>9} {:>9} {:>9}", "milliseconds", "median", "least", "most");
    show("a reload", &rounds, |round| round.reload);
    show("  keeps flows waiting for at most", &rounds, |round| round.pause);
    show("a batch without a reload", &rounds, |round| middle(&round.without));
    show("  the longest", &rounds, |round| longest(&round.without));
    show("a batch during a reload", &rounds, |round| middle(&round.during));
    show("  the longest", &rounds, |round| longest(&round.during));
    let ratio = |round: &Round| {
        longest(&round.during).as_secs_f64() / longest(&round.without).as_secs_f64()
    };
    let mut ratios: Vec<f64> = rounds.iter().map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    println!("{:<44} {:>9.2}", "longest batch, with a reload to without", ratios[ROUNDS / 2]);
    println!("{:<44} {:>9}", "events", traffic.events.load(Relaxed));
}

/// What became of the batches of a round.
struct Round {
    during: Vec<Duration>,
    without: Vec<Duration>,
    reload: Duration,
    pause: Duration,
}

fn longest(times: &[Duration]) -> Duration {
    times.iter().copied().max().unwrap_or_default()
}

fn middle(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

fn show(what: &str, rounds: &[Round], of: impl Fn(&Round) -> Duration) {
    let mut times: Vec<_> = rounds.iter().map(of).collect();
    times.sort();
    let shown = |time: Duration| time.as_secs_f64() * 1e3;
    let (median, least, most) = (middle(&times), times[0], times[times.len() - 1]);
    println!("{what:<44} {:>9.2} {:>9.2} {:>9.2}", shown(median), shown(least), shown(most));
}

/// Flows that pass again and again, a second later each time.
struct Traffic<'a> {
    analysis: &'a Analysis,
    batches: Vec<FlowBatch>,
    next: usize,
    interfaces: Interfaces,
    events: AtomicU64,
}

impl<'a> Traffic<'a> {
    fn new(analysis: &'a Analysis) -> Self {
        let mut batches = flows::flows(BATCHES * BATCH_ROWS);
        for batch in &mut batches {
            let Addresses::V4 { source, destination } = &mut batch.addresses else { continue };
            for address in source.iter_mut().chain(destination) {
                let network = if *address >> 24 == 10 { 0x0a00_0000 } else { 0x2d00_0000 };
                *address = network | *address % HOSTS;
            }
        }
        Self { analysis, batches, next: 0, interfaces: Interfaces::default(), events: 0.into() }
    }

    fn pass(&mut self) -> Duration {
        let batch = &mut self.batches[self.next % BATCHES];
        self.next += 1;
        let start = Instant::now();
        self.analysis.pass(batch, &self.interfaces, |_| _ = self.events.fetch_add(1, Relaxed));
        let spent = start.elapsed();
        batch.start.iter_mut().chain(&mut batch.end).for_each(|time| *time += 1000);
        spent
    }

    /// What the agent does twice a second.
    fn advance(&self) {
        self.analysis.advance(self.now(), |_| {});
    }

    fn now(&self) -> u64 {
        self.batches.iter().flat_map(|batch| &batch.end).copied().max().unwrap_or(0)
    }
}

fn configuration(directory: &Path) -> Config {
    let path = |name: &str| directory.join(name).display().to_string();
    let text = format!(
        "capture.interfaces = ['lo']\nlabels.files = ['{}']\npolicies.paths = ['{}']\n\
         tag = [{{ name = 'web', match = 'label.dst.role == webserver && dstport == 443' }}]\n",
        path("labels.csv"),
        path("policies.toml")
    );
    config::from_text(&text, &Overrides::default()).expect("the configuration has no faults")
}

/// Writes the files as they are in a round.
fn write(directory: &Path, round: usize) {
    let mut text = String::new();
    for (number, query) in policies::policies(POLICIES).iter().enumerate() {
        let changed = if number % 10 == 0 { round } else { 0 };
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
