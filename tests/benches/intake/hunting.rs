//! A sensor that stores what it receives while others hunt through it.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tests::{netns::Netns, program::release_binary};

use crate::{
    datagrams::{Form, send},
    sensor,
};

/// Somewhat more than 100,000 records a second, for 20 seconds.
const RATE: u32 = 4_300;
const DATAGRAMS: u32 = 20 * RATE;

/// What is asked, again and again: for sums over all records, and for a few of them.
const QUESTIONS: [&[&str]; 2] = [
    &["", "--top", "10", "--by", "srcip,dstport"],
    &["srcip == 10.0.0.77 && dstport == 443", "--limit", "100", "--order", "oldest"],
];

/// The cost of storing a record without and with two who hunt without a pause, and that nothing is lost by it.
pub fn beside(netns: &Netns) -> Result<()> {
    println!("\nstored from NetFlow 9, {} records a second:", RATE * Form::NetFlow9.records());
    for hunters in [0, 2] {
        let directory = tempfile::tempdir()?;
        let store = directory.path().join("store");
        let program = sensor(netns, &format!("--store {}", store.display()))?;
        let done = AtomicBool::new(false);
        let (took, answers) = thread::scope(|scope| -> Result<_> {
            let start = |number: usize| {
                scope.spawn({
                    let (store, done) = (&store, &done);
                    move || hunt(store, QUESTIONS[number % QUESTIONS.len()], done)
                })
            };
            let all: Vec<_> = (0..hunters).map(start).collect();
            let took = netns.enter(|| send(Form::NetFlow9, DATAGRAMS, RATE));
            done.store(true, Relaxed);
            let mut answers = Vec::new();
            for hunter in all {
                answers.extend(hunter.join().expect("a hunter")?);
            }
            Ok((took??, answers))
        })?;
        let cost = program.settled()?;
        let said = program.finish()?;
        let records = DATAGRAMS * Form::NetFlow9.records();
        let stored = format!(": {records} flow records sent, 0 not sent");
        ensure!(said.contains(&stored), "records were lost: {said}");
        let rate = f64::from(records) / took.as_secs_f64() / 1e3;
        print!(
            "{hunters} hunters: {rate:.0} k/s, {:.0} ns a record in the sensor, none lost",
            cost.as_secs_f64() * 1e9 / f64::from(records)
        );
        match answers.iter().max() {
            Some(slowest) => {
                println!("; {} answers, the slowest after {slowest:.1?}", answers.len());
            }
            None => println!(),
        }
    }
    Ok(())
}

/// Asks until the records are all sent; how long each answer took.
fn hunt(store: &Path, question: &[&str], done: &AtomicBool) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    while !done.load(Relaxed) {
        let start = Instant::now();
        let mut command = Command::new(release_binary());
        command.arg("hunt").args(question).args(["--format", "json", "--store"]).arg(store);
        let output = command.output().with_context(|| format!("start {command:?}"))?;
        ensure!(
            output.status.success(),
            "{command:?}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        took.push(start.elapsed());
    }
    Ok(took)
}
