//! Objects through the desk, as sources hand them over, and what is put out and remembered of them.

mod tables;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write as _},
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{channel, sync_channel},
    },
    thread,
};

use sensor_core::{
    dns::DnsBatch,
    flow::{batch::FlowBatch, networks::Networks},
    sync::Unpoisoned as _,
};
use sensor_wire::cloud::{decoder::Hints, double::Double, flows::Profile};

use super::{
    decoding::{Decoding, Outlet, Work},
    described::Described,
    figures::{Figures, Followed},
    journal::Journal,
    keeper::Keeper,
    omission::{InForce, Omissions, Site},
    seam::{Answer, Content, Desk, Handed, Object, Stop, Trouble, WAITING, Wanted},
    silence::Silence,
    state::State,
};
use crate::agent::config::cloud::Omission;

/// Takes note of what is put out, by the destination port of each flow, and of the lots.
#[derive(Clone, Default)]
struct Ports {
    ports: Arc<Mutex<Vec<u16>>>,
    lots: Arc<Mutex<BTreeSet<u64>>>,
    /// The agent is killed before the first lot has been delivered.
    killed: bool,
    /// It is told to stop once the first lot has been delivered.
    stops: bool,
}

impl Outlet for Ports {
    fn offer_dns(&self, _: DnsBatch, _: &Stop) {}

    fn offer(&self, batch: FlowBatch, _: &Stop) {
        let part = batch.lot.expect("a lot");
        self.lots.lock().unpoisoned().insert(part.lot.1);
        self.ports.lock().unpoisoned().extend(&batch.destination_port);
    }

    fn deliver(&self, stop: &Stop) -> bool {
        if self.stops {
            stop.ask();
        }
        !self.killed
    }
}

/// How an agent is run.
#[derive(Clone, Copy)]
struct How {
    double: Double,
    /// The internal address.
    internal: [u8; 4],
    /// It has that address itself, and goes by its own count.
    wins: bool,
    killed: bool,
    stops: bool,
}

const KEEP: How =
    How { double: Double::Keep, internal: [0; 4], wins: false, killed: false, stops: false };

struct Run {
    answers: Vec<(String, Answer)>,
    ports: Vec<u16>,
    lots: Vec<u64>,
    report: Followed,
}

fn line(port: u16) -> String {
    format!("2 1 eni-1 10.0.0.1 10.0.0.2 1 {port} 6 1 40 1431280876 1431280934 ACCEPT OK\n")
}

fn zipped(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).expect("memory");
    out.finish().expect("memory")
}

fn object(name: &str, version: &str, settled: bool) -> Object {
    Object {
        name: name.into(),
        version: version.into(),
        size: None,
        modified: 1,
        settled,
        grows: true,
    }
}

/// Hands `objects` to an agent that keeps its state at `path`, and ends it when all have their answers.
fn run(path: &Path, objects: Vec<(Object, Content)>) -> Run {
    run_as(KEEP, path, objects)
}

fn run_as(how: How, path: &Path, objects: Vec<(Object, Content)>) -> Run {
    let (journal, state) = Journal::open(path, || State::new(1, 0)).expect("a state");
    let figures = Arc::new(Figures::new("test", "memory".to_owned(), Silence::new(None, 0)));
    let (send, receive) = sync_channel(WAITING);
    let state = Arc::new(Mutex::new(state));
    let stop = Stop::default();
    let desk =
        Desk { objects: send, state: state.clone(), figures: figures.clone(), stop: stop.clone() };
    let ports = Ports { killed: how.killed, stops: how.stops, ..Ports::default() };
    let internal = Arc::new(Networks::of_addresses([how.internal.into()]));
    let site = Site { own: internal.clone(), internal };
    let omission = Omission { double: how.double, local_sensor_wins: how.wins };
    let described = Described {
        name: "test".into(),
        prefix: "memory/".to_owned(),
        format: None,
        hints: Hints::default(),
        profile: Profile::default(),
    };
    let keeper = Keeper::start(journal, state.clone()).expect("a thread");
    let decoding = Decoding {
        described: Arc::new(described),
        objects: receive,
        state,
        keeper,
        figures: figures.clone(),
        stop,
        outlet: ports.clone(),
        omissions: Omissions::new(omission, InForce::new(site)),
        work: Work::default(),
    };
    let thread = thread::spawn(move || decoding.run());
    let (answer, answers) = channel();
    for (object, content) in objects {
        let (name, answer) = (object.name.to_string(), answer.clone());
        let reply = Box::new(move |told| answer.send((name, told)).expect("the test waits"));
        let handed = desk.hand(Handed { object, content, reply });
        assert!(handed.is_ok() || how.killed, "it takes objects");
    }
    drop((desk, answer));
    thread.join().expect("no panic");
    let lots = ports.lots.lock().unpoisoned().iter().copied().collect();
    let ports = std::mem::take(&mut *ports.ports.lock().unpoisoned());
    Run { answers: answers.iter().collect(), ports, lots, report: figures.report(0) }
}

fn octets(text: impl Into<Vec<u8>>) -> Content {
    Content::Octets(text.into().into())
}

fn done(up_to: usize, whole: bool) -> Answer {
    Answer::Done { up_to: up_to as u64, whole }
}

fn total(report: &Followed) -> (u64, u64, u64) {
    let mut sums = (0, 0, 0);
    for log in &report.logs {
        assert!(log.ledger.is_balanced());
        sums.0 += log.ledger.records;
        sums.1 += log.ledger.flows;
        sums.2 += log.ledger.all_errors();
    }
    sums
}

#[test]
fn an_object_is_read_once_over_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let text = [line(1), line(2)].concat();
    let objects = || {
        vec![
            (object("a.log", "1", true), octets(text.clone())),
            (object("b.log.gz", "1", true), octets(zipped(&line(3)))),
        ]
    };
    let first = run(&path, objects());
    assert_eq!(first.ports, [1, 2, 3]);
    let answers = [("a.log", done(text.len(), true)), ("b.log.gz", done(text.len() / 2, true))];
    assert_eq!(first.answers, answers.map(|(name, answer)| (name.to_owned(), answer)));
    assert_eq!((first.report.objects.read, total(&first.report)), (2, (3, 3, 0)));
    let second = run(&path, objects());
    assert_eq!((second.ports, second.report.objects.read), (vec![], 0));
    assert!(second.answers.iter().all(|(_, answer)| *answer == Answer::Known));
}

#[test]
fn an_object_that_grows_is_read_on_and_its_last_line_waits_until_it_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let text = format!("{}{}{}{}", line(1), line(2), line(3), line(4).trim_end());
    let size = line(1).len();
    let steps = [
        (size, false, done(size, true), vec![1]),
        (size + 20, false, done(size, false), vec![]),
        (2 * size, false, done(2 * size, true), vec![2]),
        (text.len(), false, done(3 * size, false), vec![3]),
        (text.len(), true, done(text.len(), true), vec![4]),
    ];
    let mut flows = 0;
    for (step, (length, settled, answer, ports)) in steps.into_iter().enumerate() {
        let version = length.to_string();
        let now = run(
            &path,
            vec![(object("a.log", &version, settled), octets(text[..length].to_owned()))],
        );
        assert_eq!(now.answers, [("a.log".to_owned(), answer)], "step {step}");
        flows += ports.len() as u64;
        assert_eq!(now.ports, ports, "step {step}");
        assert_eq!(total(&now.report), (now.ports.len() as u64, now.ports.len() as u64, 0));
        assert_eq!(now.report.objects.rewritten, 0, "step {step}");
    }
    assert_eq!(flows, 4);
}

#[test]
fn what_was_read_before_an_object_that_goes_on_is_not_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let grown = |lines: u16| octets((1..=lines).map(line).collect::<String>());
    run(&path, vec![(object("b.log", "1", true), grown(2))]);
    let now = run(
        &path,
        vec![
            (object("a.log", "1", true), octets(line(7))),
            (object("b.log", "2", true), grown(3)),
            (object("c.log", "1", true), octets(line(8))),
        ],
    );
    assert_eq!(now.ports, [7, 3, 8]);
    assert_eq!(total(&now.report), (3, 3, 0));
}

#[test]
fn a_lot_that_is_full_does_not_end_within_what_was_read_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let numbers = |range: std::ops::Range<u16>| range.map(line).collect::<String>();
    run(&path, vec![(object("b.log", "1", true), octets(numbers(0..9000)))]);
    let mut more = vec![(object("a.log", "1", true), octets(numbers(20_000..38_000)))];
    more.push((object("b.log", "2", true), octets(numbers(0..9003))));
    let now = run(&path, more);
    let expected: Vec<u16> = (20_000..38_000).chain(9000..9003).collect();
    assert!(now.ports == expected, "{} ports", now.ports.len());
}

#[test]
fn a_compressed_object_grows_by_members() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let (one, two) = (zipped(&line(1)), zipped(&[line(2), line(3)].concat()));
    let both = [one.clone(), two.clone()].concat();
    let read = |version: &str, octets: &[u8]| {
        run(&path, vec![(object("a.gz", version, false), self::octets(octets))])
    };
    assert_eq!(read("1", &one).ports, [1]);
    // While it is copied: what is there of the second member is read, the object is given up, and read on later.
    let cut = read("2", &both[..both.len() - 6]);
    assert!(
        matches!(cut.answers[0].1, Answer::Failed(Trouble::Unreadable, _)),
        "{:?}",
        cut.answers
    );
    let whole = read("3", &both);
    assert_eq!([cut.ports, whole.ports].concat(), [2, 3]);
    assert_eq!(whole.report.objects.grown, 1);
}

#[test]
fn an_object_with_other_content_is_read_anew_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let read = |version: &str, text: String| {
        let now = run(&path, vec![(object("a.log", version, true), octets(text))]);
        (now.ports, now.report.objects.rewritten, now.report.objects.grown)
    };
    assert_eq!(read("1", [line(1), line(2)].concat()), (vec![1, 2], 0, 0));
    assert_eq!(read("2", [line(5), line(2), line(3)].concat()), (vec![5, 2, 3], 1, 0));
    // Shorter than what was read.
    assert_eq!(read("3", line(5)), (vec![5], 1, 0));
    assert_eq!(read("4", [line(5), line(6)].concat()), (vec![6], 0, 1));
}

#[test]
fn what_cannot_be_read_is_answered_and_the_rest_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let broken = || Content::Open(Box::new(|_| Err(io::ErrorKind::PermissionDenied.into())));
    let objects = vec![
        (object("foreign", "1", true), octets("hello\n")),
        (object("broken", "1", true), broken()),
        (object("a.log", "1", true), octets(line(1))),
        (object("empty", "1", true), octets("")),
    ];
    let now = run(&path, objects);
    let answers: BTreeMap<_, _> = now.answers.into_iter().collect();
    assert!(matches!(&answers["foreign"], Answer::Failed(Trouble::Foreign, _)));
    assert!(matches!(&answers["broken"], Answer::Failed(Trouble::Unreadable, _)));
    assert_eq!(
        (&answers["a.log"], &answers["empty"]),
        (&done(line(1).len(), true), &done(0, true))
    );
    assert_eq!(now.ports, [1]);
    // The one that nobody could open is wanted still, the foreign one is not.
    let (_, state) = Journal::open(&path, State::default).expect("a state");
    let wants = |name: &str| state.wants(&object(name, "1", true));
    assert_eq!((wants("foreign"), wants("broken")), (Wanted::Known, Wanted::Yes));
}

#[test]
fn a_large_object_is_several_lots_and_each_is_noted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let text: String = (0..60_000).map(|at| line(at as u16)).collect();
    let mut small = vec![(object("large", "1", true), octets(zipped(&text)))];
    small.extend((0..10).map(|at| (object(&format!("z{at}"), "1", true), octets(line(at)))));
    let now = run(&path, small);
    assert_eq!(now.ports.len(), 60_010);
    assert!((3..=8).contains(&now.report.lots), "{}", now.report.lots);
    let octets = fs::read_to_string(&path).expect("a state");
    assert!(octets.lines().count() as u64 > now.report.lots);
}

/// What both ends of a connection have logged, and what came from outside.
fn both_ends() -> String {
    let heading = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status flow-direction\n";
    let row = |interface: &str, from: &str, to: &str, port: u16, way: &str, action: &str| {
        format!(
            "2 1 {interface} {from} {to} 1 {port} 6 1 40 1431280876 1431280934 {action} OK {way}\n"
        )
    };
    let rows = [
        row("eni-1", "10.0.0.1", "10.0.0.2", 1, "egress", "ACCEPT"),
        row("eni-2", "10.0.0.1", "10.0.0.2", 1, "ingress", "ACCEPT"),
        row("eni-2", "198.51.100.1", "10.0.0.2", 2, "ingress", "ACCEPT"),
        row("eni-2", "10.0.0.1", "10.0.0.2", 3, "ingress", "REJECT"),
    ];
    heading.to_owned() + &rows.concat()
}

#[test]
fn what_is_logged_at_both_ends_or_counted_by_the_sensor_itself_is_left_out() {
    let one_side = How { double: Double::OneSide, internal: [10, 0, 0, 1], ..KEEP };
    let cases: [(How, &[u16], u64); 5] = [
        (KEEP, &[1, 1, 2, 3], 0),
        (one_side, &[1, 2, 3], 1),
        (How { internal: [10, 9, 9, 9], ..one_side }, &[1, 1, 2, 3], 0),
        (How { double: Double::Match, ..one_side }, &[1, 2, 3], 1),
        // Rejected flows never reached it.
        (How { wins: true, internal: [10, 0, 0, 1], ..KEEP }, &[2, 3], 2),
    ];
    for (number, (how, ports, duplicates)) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = vec![(object("a.log", "1", true), octets(both_ends()))];
        let now = run_as(how, &folder.path().join("state"), objects);
        let left_out: u64 = now.report.logs.iter().map(|log| log.ledger.duplicates).sum();
        assert_eq!((&now.ports[..], left_out), (ports, duplicates), "case {number}");
        assert!(now.report.logs.iter().all(|log| log.ledger.is_balanced()));
    }
}

#[test]
fn a_lot_under_way_at_a_kill_is_the_same_only_where_the_same_is_left_out() {
    let one_side = How { double: Double::OneSide, internal: [10, 0, 0, 1], ..KEEP };
    let other = How { internal: [10, 9, 9, 9], ..one_side };
    let by_match = How { double: Double::Match, ..one_side };
    // What leaves it behind, what reads it again twice; whether the lot of each of these is that before it.
    let cases = [
        (one_side, [one_side, one_side], [true, true]),
        (one_side, [other, other], [false, true]),
        (KEEP, [one_side, KEEP], [false, false]),
        (by_match, [by_match, by_match], [false, false]),
    ];
    for (number, (first, then, same)) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let read = |how, killed| {
            let objects = vec![(object("a.log", "1", true), octets(both_ends()))];
            run_as(How { killed, ..how }, &path, objects)
        };
        let mut lots = read(first, true).lots;
        for (how, (killed, same)) in then.into_iter().zip([true, false].into_iter().zip(same)) {
            let now = read(how, killed);
            assert_eq!(now.lots == lots, same, "case {number}: {:?} after {lots:?}", now.lots);
            let repeated = (now.report.resumed_lots, now.report.repeated_lots);
            assert_eq!(repeated, if same { (1, 0) } else { (0, 1) }, "case {number}");
            lots = now.lots;
        }
        assert_eq!(read(first, false).answers, [("a.log".to_owned(), Answer::Known)]);
    }
}
