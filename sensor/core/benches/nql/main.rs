//! NQL over columns: nanoseconds per flow, beside wirefilter on the same flows.
//!
//! All measurements take turns, round by round, so that they share the same disturbances. Times are those that the
//! processor spent on this thread, so that other programs do not count. An argument picks measurements by a part of
//! their name.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unsafe_code, reason = "reads the thread's clock")]

mod flows;
mod peer;
mod policies;

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use sensor_core::{
    flow::{batch::FlowBatch, interfaces::Interfaces},
    nql::{
        Filter, Options,
        columns::{Instructions, Program, Scratch},
        lists::Lists,
        sets::AddressSet,
        typed::{Predicate, Subject, Typed},
    },
};
use wirefilter::ExecutionContext;

const FLOWS: usize = 2 << 20;
const ROUNDS: usize = 15;

/// How long a round of one measurement lasts at least.
const ROUND: Duration = Duration::from_millis(25);

/// A query from the public documentation of NQL.
const LONG: &str = "((protocol == tcp || protocol == udp) && srcport < 1024 && dstport < 1024 && \
    !(srcport == 0 || dstport == 0 || srcport == 123 || dstport == 123 || (srcport == 67 && dstport == 68) || \
    (srcport == 68 && dstport == 67) || (srcport == 67 && dstport == 67) || srcport == 137 || dstport == 137 || \
    srcport == 138 || dstport == 138 || (srcport == 53 || dstport == 53) || (srcport == 514 || dstport == 514)))";

/// Traffic between two groups, by labels of addresses: one table look-up a side.
const LABELS: &str = "label.ip.role == web && label.ip.role == database";

/// What routers tell beside the host's columns.
const ROUTED: &str = "srcas.number == 7 && output in (1, 2, 3) && bitsxrate > 1000000";

/// One line of the table.
struct Measurement<'a> {
    name: &'static str,
    /// Does the work, and says how many flows it found.
    work: Box<dyn FnMut() -> usize + 'a>,
    /// Flows, or calls, that one round handles.
    units: usize,
    times: Vec<Duration>,
    found: usize,
}

impl<'a> Measurement<'a> {
    fn new(name: &'static str, units: usize, work: impl FnMut() -> usize + 'a) -> Self {
        Self { name, work: Box::new(work), units, times: Vec::new(), found: 0 }
    }

    /// Repeats the work for a while; first without the clock, as what ran before has left other data in the caches.
    fn round(&mut self) {
        black_box((self.work)());
        let (start, mut passes) = (processor_time(), 0);
        let spent = loop {
            self.found = black_box((self.work)());
            passes += 1;
            let spent = processor_time() - start;
            if spent >= ROUND {
                break spent;
            }
        };
        self.times.push(spent / passes);
    }

    /// Nanoseconds per unit: the median and the least.
    fn nanoseconds(&mut self) -> (f64, f64) {
        self.times.sort_unstable();
        let per_unit = |time: Duration| time.as_secs_f64() * 1e9 / self.units as f64;
        (per_unit(self.times[self.times.len() / 2]), per_unit(self.times[0]))
    }
}

/// What the processor has spent on this thread.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes; the clock is one that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn main() {
    let batches = flows::flows(FLOWS);
    let rows = batches.iter().map(FlowBatch::len).sum();
    let best = Instructions::best();
    let baseline = Instructions::BASELINE;
    let long = [compile(LONG)];
    let (labels, routed) = ([compile(LABELS)], [compile(ROUTED)]);
    let told = flows::of_router(&batches);
    let port = [compile("dstport < 1024")];
    let many: Vec<_> = policies::policies(1000).iter().map(|query| compile(query)).collect();
    let prefixes = [prefixes(10_000)];

    let scheme = peer::scheme();
    let peer_filter = peer::filter(&scheme);
    let some = &batches[0];
    let contexts: Vec<_> = (0..some.len())
        .map(|row| {
            let mut context = ExecutionContext::new(&scheme);
            peer::fill(&mut context, some, row);
            context
        })
        .collect();

    let evaluate = |queries: &[Typed], instructions| evaluation(queries, instructions, &batches);
    let by_router = |queries: &[Typed]| evaluation(queries, best, &told);
    let mut measurements = vec![
        Measurement::new("long query, best", rows, evaluate(&long, best)),
        Measurement::new("long query, baseline", rows, evaluate(&long, baseline)),
        Measurement::new("long query, routers", rows, by_router(&long)),
        Measurement::new("labels, best", rows, evaluate(&labels, best)),
        Measurement::new("labels, routers", rows, by_router(&labels)),
        Measurement::new("AS, output and rate, routers", rows, by_router(&routed)),
        Measurement::new("dstport < 1024, best", rows, evaluate(&port, best)),
        Measurement::new("dstport < 1024, baseline", rows, evaluate(&port, baseline)),
        Measurement::new("1,000 policies, best", rows, evaluate(&many, best)),
        Measurement::new("1,000 policies, baseline", rows, evaluate(&many, baseline)),
        Measurement::new("10,000 prefixes, best", rows, evaluate(&prefixes, best)),
        Measurement::new("wirefilter, execute alone", rows, || {
            let found = contexts.iter().filter(|context| executes(&peer_filter, context)).count();
            (1..rows / contexts.len()).fold(found, |_, _| {
                contexts.iter().filter(|context| executes(&peer_filter, context)).count()
            })
        }),
        Measurement::new("wirefilter, fill and execute", rows, || {
            let mut context = ExecutionContext::new(&scheme);
            batches
                .iter()
                .map(|batch| {
                    (0..batch.len())
                        .filter(|&row| {
                            peer::fill(&mut context, batch, row);
                            executes(&peer_filter, &context)
                        })
                        .count()
                })
                .sum()
        }),
        Measurement::new("compile the long query", 1000, || {
            (0..1000).map(|_| Program::compile([&compile(black_box(LONG))]).steps()).sum()
        }),
        Measurement::new("  of which from its typed form", 1000, || {
            (0..1000).map(|_| Program::compile(black_box(&long)).steps()).sum()
        }),
    ];
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    measurements.retain(|measurement| {
        wanted.as_ref().is_none_or(|wanted| measurement.name.contains(wanted.as_str()))
    });
    for _ in 0..ROUNDS {
        measurements.iter_mut().for_each(Measurement::round);
    }

    println!("{rows} flows, {ROUNDS} rounds in turns; best is {}", best.name());
    println!("{:<32}{:>14}{:>14}{:>14}", "", "median ns", "least ns", "found");
    let figures: Vec<_> = measurements.iter_mut().map(Measurement::nanoseconds).collect();
    for (measurement, (median, least)) in measurements.iter().zip(&figures) {
        println!("{:<32}{median:>14.3}{least:>14.3}{:>14}", measurement.name, measurement.found);
    }
    let median = |name: &str| {
        let at = measurements.iter().position(|measurement| measurement.name == name)?;
        Some(figures[at].0)
    };
    if let (Some(own), Some(execute), Some(fill)) = (
        median("long query, best"),
        median("wirefilter, execute alone"),
        median("wirefilter, fill and execute"),
    ) {
        println!(
            "wirefilter executes alone {:.1} times as long, fills and executes {:.1} times",
            execute / own,
            fill / own
        );
    }
    for query in ["long query", "labels"] {
        let of = |flows: &str| median(&format!("{query}, {flows}"));
        if let (Some(host), Some(routers)) = (of("best"), of("routers")) {
            println!("{query}: routers' flows cost {:.2} times the host's", routers / host);
        }
    }
    let program = Program::compile(&many);
    println!("1,000 policies are {} distinct steps", program.steps());
}

fn executes<'a>(filter: &wirefilter::Filter<'a>, context: &ExecutionContext<'a>) -> bool {
    filter.execute(context).expect("the filter's own scheme")
}

/// Evaluates queries over all batches.
fn evaluation<'a>(
    queries: &[Typed],
    instructions: Instructions,
    batches: &'a [FlowBatch],
) -> impl FnMut() -> usize + use<'a> {
    let program = Program::compile(queries).with_instructions(instructions);
    let interfaces = Interfaces::default();
    let mut scratch = Scratch::default();
    move || {
        let mut found = 0;
        for batch in batches {
            program.evaluate(batch, &interfaces, &mut scratch, |matched| {
                found += matched.rows.count();
            });
        }
        found
    }
}

fn compile(query: &str) -> Typed {
    let lists = Lists::default();
    match Filter::compile(query, &Options::new(&lists)) {
        Ok(filter) => filter.typed,
        Err(errors) => panic!("{query}: {errors:?}"),
    }
}

/// `srcip in (...)` with so many prefixes at random.
fn prefixes(count: usize) -> Typed {
    let mut random = flows::Random(2);
    let prefix = |_| {
        let address = Ipv4Addr::from(random.below(1 << 31) as u32 * 2);
        (IpAddr::from(address), 16 + random.below(17) as u8)
    };
    let set = AddressSet::of((0..count).map(prefix));
    let field = sensor_core::flow::fields::find("srcip").expect("a field");
    Typed::Test(Subject::Field(field), Predicate::Addresses(set))
}
