//! A scrape of `/metrics` with 1,000 policies and 100 devices: from a snapshot to the text of the exposition.
//!
//! What a scrape does beside that is a copy of the figures that rooms have published, which is measured with it.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{net::Ipv4Addr, time::Instant};

use sensor::{
    agent::status::{
        Policy, Sink, Status,
        condition::Watch,
        metrics::{View, exposition},
        process,
    },
    intake::report::Report,
};
use sensor_core::flow::source::SourceId;

const POLICIES: u64 = 1000;
const DEVICES: u32 = 100;
const ROUNDS: usize = 101;

fn status() -> Status {
    let mut status = Status { intake: Some(Report::default()), ..Status::default() };
    status.engine.policies = (0..POLICIES)
        .map(|number| Policy {
            name: format!("a_policy_with_a_name_{number}"),
            matched: number * 1_000_003,
            events: number * 17,
            ..Policy::default()
        })
        .collect();
    status.sinks = (0..4)
        .map(|number| Sink { name: format!("tcp://collector-{number}:4739"), ..Sink::default() })
        .collect();
    for number in 0..DEVICES {
        let id = SourceId::Device(Ipv4Addr::from(0x0a00_0000 + number).into());
        let intake = status.intake.get_or_insert_default();
        let device = intake.devices.entry(id).or_default();
        device.name = format!("router-{number}");
        device.ledger.datagrams = u64::from(number) * 1_000_003;
    }
    status
}

fn main() {
    let published = status();
    let mut watch = Watch::default();
    let mut series = 0;
    let mut took: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let status = published.clone();
            let process = process::read();
            let condition = watch.look(start, &status);
            let text = exposition::of(View { status, condition });
            let took = start.elapsed().as_secs_f64() * 1e3;
            assert!(process.is_some() && text.ends_with("# EOF\n"));
            series = text.lines().filter(|line| !line.starts_with('#')).count();
            took
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!("{:<44} {:>9} {:>9} {:>9}", "milliseconds", "median", "least", "most");
    let name = format!("a scrape of {series} series");
    let (median, least, most) = (took[ROUNDS / 2], took[0], took[ROUNDS - 1]);
    println!("{name:<44} {median:>9.2} {least:>9.2} {most:>9.2}");
}
