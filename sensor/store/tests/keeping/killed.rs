//! A process that stores records is killed again and again, at whatever it does: what it had said to be stored is there, once.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use sensor_core::flow::testing::Random;
use sensor_store::{
    plan::Retention,
    store::{self, Options},
};

use crate::support::{HOUR, NOW, SMALL, files, numbered, numbers, open};

/// Says where the process that is to be killed stores.
const FOLDER: &str = "STORE_TO_BE_KILLED_IN";
/// Says for how many milliseconds it keeps records, if not for ever.
const AGE: &str = "STORE_KEEPS_FOR";
const KILLS: u64 = 200;
/// Kills after which it begins with an empty store again, so that there is not too much to look through.
const KILLS_OF_A_STORE: u64 = 20;
/// Milliseconds after which it is killed at the latest.
const LATEST: u64 = 40;

/// What is killed. Without the variable nothing happens.
#[test]
fn store_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let age = std::env::var(AGE).ok().map(|age| age.parse().expect("a number"));
    let options = Options { retention: Retention { age, ..Retention::default() }, ..SMALL };
    let (mut appender, mut keeper, _) = store::open(folder.as_ref(), options).expect("a store");
    let mut next = appender.next();
    let mut out = std::io::stderr();
    // An hour goes by with every ten batches, so that there is always something to compact.
    for at in next.. {
        let now = NOW + at * 360_000;
        appender.append(&numbered(next, 7), now).expect("stored");
        next += 7;
        writeln!(out, "stored {}", next - 1).expect("said");
        if at.is_multiple_of(3) {
            appender.tick(now).expect("synced");
            let work = keeper.work(now);
            assert!(work.errors.is_empty(), "{:?}", work.errors);
        }
    }
}

#[test]
fn whatever_it_is_killed_at_records_are_there_once() {
    let mut folder = tempfile::tempdir().expect("a folder");
    let mut random = Random(20_261_130);
    let (mut unfinished, mut superseded, mut journals, mut last) = (0, 0, 0, 0);
    let (mut expired, mut keeps_all) = (0, false);
    let mut slowest = Duration::ZERO;
    for kill in 0..KILLS {
        if kill % KILLS_OF_A_STORE == 0 {
            folder = tempfile::tempdir().expect("a folder");
            last = 0;
            keeps_all = !keeps_all;
        }
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .envs((!keeps_all).then(|| (AGE, (6 * HOUR).to_string())))
            .args(["killed::store_until_killed", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (say, said) = mpsc::channel();
        let listener = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        let mut stored = last;
        // Its first record, and then until its time is over.
        let begun = Instant::now();
        let mut end = begun + Duration::from_secs(60);
        let mut is_begun = false;
        while let Ok(line) = said.recv_timeout(end.saturating_duration_since(Instant::now())) {
            match line.strip_prefix("stored ") {
                Some(number) => stored = number.parse().expect("a number"),
                None => panic!("{line}"),
            }
            if !is_begun {
                is_begun = true;
                end = Instant::now() + Duration::from_micros(random.draw() % (LATEST * 1000));
            }
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        listener.join().expect("heard");
        stored = said
            .try_iter()
            .filter_map(|line| line.strip_prefix("stored ")?.parse().ok())
            .last()
            .unwrap_or(stored);
        assert!(stored > last, "it stored nothing in {:?}", begun.elapsed());

        let begun = Instant::now();
        let (_, keeper, found) = open(folder.path());
        slowest = slowest.max(begun.elapsed());
        let there = numbers(folder.path()).expect("readable");
        let (first, newest) = (there[0], *there.last().expect("records"));
        // What retention deletes is the oldest, so that nothing is missing between the others.
        assert_eq!(there, (first..=newest).collect::<Vec<_>>());
        assert!(first == 1 || !keeps_all, "{first} is the first of all that shall be kept");
        assert_eq!((found.missing, files(folder.path(), ".damaged").len()), (0, 0));
        // It may have been killed before it could say so.
        assert!((stored..=stored + 7).contains(&newest), "{stored} of {newest}");
        assert!(keeper.accounts().statement().is_balanced());
        unfinished += found.unfinished;
        superseded += found.superseded;
        journals += found.journals;
        expired += first - 1;
        last = newest;
    }
    // It was killed at all of them: journals, sealing, compaction, retention.
    println!(
        "{KILLS} kills: {unfinished} unfinished, {superseded} superseded files, {journals} journals; \
         the slowest start took {slowest:?}"
    );
    assert!(journals > 0 && unfinished + superseded > 0 && expired > 0);
}
