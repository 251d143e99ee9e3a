//! An agent that follows folders of cloud flow logs: no root, no network. What comes out, and that a kill neither loses a record nor
//! has one twice.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tempfile::TempDir;

#[path = "support/packed.rs"]
mod packed;
#[path = "../wire/src/cloud/columnar/testing.rs"]
mod testing;

use packed::gzip;
use testing::{Writing, parquet};

/// Looks until something is so; two minutes are longer than anything takes.
const LOOKS: u32 = 2400;
const PAUSE: Duration = Duration::from_millis(50);

/// A folder with an agent's configuration, outputs and followed folder.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new(cloud: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("logs")).expect("a folder");
        let text = format!(
            "[control]\nsocket = 'control.sock'\n[log]\nflows = 'flows.json'\nkeep = 100\nmax_size = '1GiB'\n\
             [[cloud]]\nname = 'test'\nfolder = 'logs'\nstate = 'test.state'\npoll = '1s'\nbegin = 'all'\n{cloud}"
        );
        let place = Self { directory };
        fs::write(place.at("sensor.toml"), text).expect("the configuration is written");
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(&self) -> Agent {
        let stderr = OpenOptions::new().create(true).append(true).open(self.at("stderr"));
        let child = Command::new(env!("CARGO_BIN_EXE_sensor"))
            .args(["run", "--config"])
            .arg(self.at("sensor.toml"))
            .env_remove("SENSOR_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr.expect("a file"))
            .spawn()
            .expect("the binary runs");
        Agent { child }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.at("stderr")).unwrap_or_default()
    }

    /// Puts an object into the folder as tools do: under another name, then renamed.
    fn put(&self, name: &str, octets: &[u8]) {
        let (path, part) =
            (self.at("logs").join(name), self.at("logs").join(format!("{name}.part")));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&part, octets).expect("a file");
        backdate(&part);
        fs::rename(part, path).expect("renamed");
    }

    fn append(&self, name: &str, octets: &[u8]) {
        let file = OpenOptions::new().create(true).append(true).open(self.at("logs").join(name));
        file.and_then(|mut file| file.write_all(octets)).expect("a file");
    }

    /// Octets of the flow log.
    fn octets(&self) -> u64 {
        fs::metadata(self.at("flows.json")).map_or(0, |file| file.len())
    }

    fn lines(&self) -> usize {
        let octets = fs::read(self.at("flows.json")).unwrap_or_default();
        octets.iter().filter(|octet| **octet == b'\n').count()
    }

    /// How often each record is there, by its number of octets.
    fn found(&self) -> HashMap<u64, u32> {
        let mut found = HashMap::new();
        for line in fs::read_to_string(self.at("flows.json")).expect("a log").lines() {
            let row: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            let number = row["octets"].as_u64().expect("octets");
            *found.entry(number).or_default() += 1;
        }
        found
    }

    fn status(&self) -> (Option<i32>, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_sensor"))
            .args(["status", "--json", "--socket"])
            .arg(self.at("control.sock"))
            .output()
            .expect("the binary runs");
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..LOOKS {
            if is_so() {
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("waited in vain: {what}; {} lines; {}", self.lines(), self.said());
    }
}

/// As tools do that keep the time of the object in the bucket: nobody has written to it for long.
fn backdate(path: &Path) {
    let file = OpenOptions::new().append(true).open(path).expect("a file");
    let before = SystemTime::now() - Duration::from_secs(120);
    file.set_modified(before).expect("its time is set");
}

/// Killed when dropped.
struct Agent {
    child: Child,
}

impl Agent {
    /// Tells it to stop; its exit code.
    fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(&id).status().expect("kill runs").success());
        self.child.wait().expect("it ends").code()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A record, which its octets number.
fn line(number: u64) -> String {
    let (from, to) =
        if number % 7 == 3 { ("2001:db8::1", "2001:db8::2") } else { ("10.0.0.1", "10.0.0.2") };
    let second = 1_718_530_000 + number / 100;
    format!("2 123456789012 eni-1 {from} {to} 1 443 6 1 {number} {second} {second} ACCEPT OK\n")
}

fn text(numbers: std::ops::Range<u64>) -> String {
    numbers.map(line).collect()
}

/// A sequence of numbers that looks random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Logs that tell the direction, of networks that are all internal.
const BOTH_ENDS: &str = "layout = '${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status} ${flow-direction}'\n\
    [networks]\ninternal = ['2001:db8::/32']\n";
/// The same, as a line of names.
const HEADING: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status flow-direction\n";
/// What the other end of a connection counts beyond.
const OTHER_END: u64 = 1 << 40;

/// A record as both ends have logged it.
fn both_ends(number: u64) -> String {
    let sent = line(number).replace(" OK", " OK egress");
    let received = line(number).replace(" OK", " OK ingress").replace("eni-1", "eni-2");
    let octets = format!(" {} ", OTHER_END + number);
    sent + &received.replace(&format!(" 1 {number} "), &format!(" 1{octets}"))
}

/// Kills an agent so often while records come, each as `text` has it, and lets the last one end; how many records there are.
fn kill_often(place: &Place, kills: u64, text: impl Fn(u64) -> String) -> u64 {
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_nanos();
    let seed =
        std::env::var("SENSOR_SEED").map_or(seed as u64, |seed| seed.parse().expect("a seed"));
    println!("SENSOR_SEED={seed}");
    let mut dice = Dice(seed | 1);
    let mut next = 0;
    let mut take = |count: u64| -> String {
        next += count;
        (next - count..next).map(&text).collect()
    };
    let mut with_lines = 0;
    for kill in 0..kills {
        // Every other kill waits for an agent that is at work, however long that takes on a busy host.
        let at_work = kill % 2 == 0;
        for object in 0..u64::from(at_work) + dice.below(4) {
            let name = format!("AWSLogs/{}/{kill}-{object}.log.gz", kill % 3);
            place.put(&name, &gzip(&take(1 + dice.below(400))));
        }
        place.append("growing.log", take(dice.below(60)).as_bytes());
        backdate(&place.at("logs/growing.log"));
        if kill % 20 == 7 {
            // Several lots.
            place.put(&format!("large-{kill}.log.gz"), &gzip(&take(20_000)));
        }
        if kill % 10 == 3 {
            let rows = HEADING.to_owned() + &take(6000);
            let octets = parquet(&rows, &Writing { rows: [1500, 400], ..Writing::default() });
            place.put(&format!("AWSLogs/{kill}.log.parquet"), &octets);
        }
        let before = place.octets();
        let mut agent = place.start();
        match at_work {
            true => place.wait_until("the agent is at work", || place.octets() > before),
            false => thread::sleep(Duration::from_millis(dice.below(700))),
        }
        // While it is being read.
        place.append("growing.log", take(dice.below(60)).as_bytes());
        thread::sleep(Duration::from_millis(dice.below(100)));
        assert!(agent.child.try_wait().expect("its state").is_none(), "{}", place.said());
        drop(agent);
        with_lines += u64::from(place.octets() > before);
    }
    let agent = place.start();
    place.wait_until("everything is read", || {
        place.lines() as u64 >= next && place.status().1["clouds"][0]["waiting"] == 0
    });
    assert_eq!(agent.stop(), Some(0), "{}", place.said());
    assert!(with_lines >= kills / 2, "only {with_lines} kills hit an agent at work");
    next
}

#[test]
fn killed_a_hundred_times_it_has_every_record_once() {
    let place = Place::new(BOTH_ENDS);
    let whole = kill_often(&place, 100, both_ends);
    let found = place.found();
    let missing: Vec<u64> =
        (0..whole).filter(|number| !found.contains_key(number)).take(9).collect();
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).take(9).collect();
    assert!(missing.is_empty() && twice.is_empty(), "missing {missing:?}, twice {twice:?}");
    // What the other end has logged is left out.
    assert_eq!(found.len() as u64, whole);
}

#[test]
fn what_leaves_out_what_it_has_seen_lacks_nothing_after_kills() {
    let place = Place::new(&format!("double = 'match'\n{BOTH_ENDS}"));
    let whole = kill_often(&place, 20, |number| {
        // Connections that differ, else all of them would be one.
        let ports = format!(" {} {} 6 ", number % 65_000, number / 65_000);
        both_ends(number).replace(" 1 443 6 ", &ports)
    });
    let found = place.found();
    let has =
        |number: &u64| found.contains_key(number) || found.contains_key(&(OTHER_END + number));
    let missing: Vec<u64> = (0..whole).filter(|number| !has(number)).take(9).collect();
    assert!(missing.is_empty(), "missing {missing:?}");
    // Both ends stand in one object, which is decoded from its beginning whenever it is read on.
    assert!(found.keys().all(|number| *number < OTHER_END));
}

#[test]
fn what_is_internal_follows_a_reload() {
    let place = Place::new(BOTH_ENDS);
    let agent = place.start();
    place.put("a.log", both_ends(1).as_bytes());
    place.wait_until("one end is there", || place.lines() == 1);
    let duplicates = |status: &Value| -> u64 {
        let logs = status["clouds"][0]["logs"]["top"].as_array();
        logs.iter().flat_map(|logs| logs.iter()).filter_map(|log| log["duplicates"].as_u64()).sum()
    };
    place.wait_until("the other is counted", || duplicates(&place.status().1) == 1);
    let old = fs::read_to_string(place.at("sensor.toml")).expect("a file");
    let new = old.replace("internal = [", "external = ['10.0.0.1/32', ");
    fs::write(place.at("sensor.toml"), new).expect("a file");
    agent.signal("-HUP");
    place.wait_until("the reload is done", || place.said().contains("reloaded"));
    place.put("b.log", both_ends(2).as_bytes());
    place.wait_until("both ends are there", || place.lines() == 3);
    assert_eq!(duplicates(&place.status().1), 1);
    // It went on undisturbed.
    assert!(!place.said().contains("ended by a reload"), "{}", place.said());
    assert_eq!(agent.stop(), Some(0), "{}", place.said());
}

#[test]
fn objects_are_read_as_they_appear_and_grow_and_the_status_says_so() {
    let place = Place::new("site = 'lab'\ntags = ['cloud']\n");
    let agent = place.start();
    place.wait_until("it is ready", || place.status().0 == Some(0));
    place.put("a.log.gz", &gzip(&text(0..10)));
    fs::write(place.at("logs/README"), "What lies here?\n").expect("a file");
    place.append("growing.log", text(10..15).as_bytes());
    place.wait_until("two objects are read", || place.lines() == 15);
    place.append("growing.log", text(15..18).as_bytes());
    // Windows, and a record that is none.
    let window = line(0).replace("10.0.0.1 10.0.0.2 1 443 6 1 0", "- - - - - - -");
    let skipped = window.replace("ACCEPT OK", "- SKIPDATA");
    place.append("growing.log", skipped.as_bytes());
    place.append("growing.log", line(18).replace("10.0.0.1", "10.0.0.256").as_bytes());
    let row = |status: &Value, key: &str| status["clouds"][0][key].clone();
    let log = |status: &Value, key: &str| status["clouds"][0]["logs"]["top"][0][key].clone();
    let mut status = Value::Null;
    place.wait_until("the rest is told", || {
        status = place.status().1;
        let logs = status["clouds"][0]["logs"]["top"].as_array();
        let sum = |key: &str| -> u64 {
            logs.iter().flat_map(|logs| logs.iter()).filter_map(|log| log[key].as_u64()).sum()
        };
        sum("flows") == 18
            && sum("errors") == 1
            && sum("skipped_windows") == 1
            && row(&status, "foreign") == 1
            && row(&status, "waiting") == 0
    });
    assert!(row(&status, "grown").as_u64().is_some_and(|grown| grown >= 1), "{status}");
    assert_eq!((row(&status, "rewritten"), row(&status, "unreadable")), (0.into(), 0.into()));
    assert_eq!(row(&status, "silent"), false);
    let ids = ["123456789012/a.log", "123456789012/growing.log"];
    assert!(ids.iter().any(|id| log(&status, "id") == *id), "{status}");
    assert!(status["losses"].as_array().is_some_and(|losses| losses.len() == 2), "{status}");
    let first = fs::read_to_string(place.at("flows.json")).expect("a log");
    let first: Value = serde_json::from_str(first.lines().next().expect("a row")).expect("JSON");
    assert_eq!((&first["site"], &first["flowtype"]), (&"lab".into(), &"aws".into()), "{first}");
    // A reload ends one log and begins another.
    fs::create_dir(place.at("more")).expect("a folder");
    fs::write(place.at("more/b.log"), text(20..22)).expect("a file");
    backdate(&place.at("more/b.log"));
    let old = fs::read_to_string(place.at("sensor.toml")).expect("a file");
    let new = old.replace("name = 'test'", "name = 'more'").replace("'logs'", "'more'");
    let new = new.replace("test.state", "more.state");
    fs::write(place.at("sensor.toml"), new).expect("a file");
    agent.signal("-HUP");
    place.wait_until("the other is followed", || place.lines() == 20);
    place.put("late.log", text(30..31).as_bytes());
    fs::write(place.at("sensor.toml"), old).expect("a file");
    agent.signal("-HUP");
    place.wait_until("the first goes on", || place.lines() == 21);
    let (_, status) = place.status();
    let names: Vec<_> =
        status["clouds"].as_array().expect("two").iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["more", "test"]);
    assert_eq!(agent.stop(), Some(0), "{}", place.said());
    assert!(place.found().values().all(|count| *count == 1));
}

#[test]
fn what_cannot_be_followed_is_told_and_followed_once_it_can_be() {
    let place = Place::new("");
    fs::rename(place.at("logs"), place.at("away")).expect("renamed");
    let agent = place.start();
    let reason = |status: &Value| status["health"]["reasons"][0]["code"].clone();
    place.wait_until("it says what is wrong", || {
        let (code, status) = place.status();
        code == Some(1) && reason(&status) == "cloud_failing"
    });
    fs::rename(place.at("away"), place.at("logs")).expect("renamed");
    place.put("a.log.gz", &gzip(&text(0..3)));
    place.wait_until("it is followed", || place.lines() == 3 && place.status().0 == Some(0));
    assert_eq!(agent.stop(), Some(0), "{}", place.said());
    // A state that somebody wrote into keeps it from starting, and says what to do.
    fs::write(place.at("test.state"), "hello").expect("a file");
    let mut agent = place.start();
    assert_eq!(agent.child.wait().expect("it ends").code(), Some(1), "{}", place.said());
    assert!(place.said().contains("is not a state file of this version"), "{}", place.said());
    assert!(!place.said().contains("cloud test: cloud test"), "{}", place.said());
}

/// A flow log of a virtual network in Azure: records of two tuples each, one from a client of it, one to a server of it.
fn vnet(records: std::ops::Range<u64>) -> String {
    let record = |number: u64| {
        let (first, second, time) =
            (2 * number, 2 * number + 1, 1_782_658_803_422 + number * 60_000);
        format!(
            r#"{{"time":"2026-06-28T15:00:51.4Z","flowLogVersion":4,"flowLogGUID":"66aa","macAddress":"00224871C205","category":"FlowLogFlowEvent","flowLogResourceID":"/SUBSCRIPTIONS/0A-1B/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_EASTUS/FLOWLOGS/FLOWS","targetResourceID":"/subscriptions/0a-1b/resourceGroups/Web/providers/Microsoft.Network/virtualNetworks/Prod","operationName":"FlowLogFlowEvent","flowRecords":{{"flows":[{{"aclID":"00aa","flowGroups":[{{"rule":"R","flowTuples":["{time},10.0.0.4,198.51.100.5,12345,443,6,O,E,NX,1,{first},0,0","{time},198.51.100.6,10.0.0.4,12345,80,6,I,E,NX,1,{second},0,0"]}}]}}]}}}}"#
        )
    };
    let records: Vec<_> = records.map(record).collect();
    format!("{{\"records\":[{}]}}", records.join(","))
}

#[test]
fn a_blob_of_azure_that_grows_is_read_once_per_tuple() {
    const BLOB: &str = "flowLogResourceID=/0A-1B_NETWORKWATCHERRG/NETWORKWATCHER_EASTUS_FLOWS/y=2026/m=06/d=28/h=15/m=00/macAddress=00224871C205/PT1H.json";
    let place = Place::new("");
    let blob = place.at("logs").join(BLOB);
    let agent = place.start();
    let row = |key: &str| place.status().1["clouds"][0][key].clone();
    place.put(BLOB, vnet(1..3).as_bytes());
    place.wait_until("the first version is read", || place.lines() == 4 && row("waiting") == 0);
    // Another file of the same name, as tools leave it.
    place.put(BLOB, vnet(1..5).as_bytes());
    place.wait_until("the second is read on", || place.lines() == 8 && row("waiting") == 0);
    assert_eq!((row("grown"), row("rewritten")), (1.into(), 0.into()));
    assert_eq!(agent.stop(), Some(0), "{}", place.said());
    // Written over where it is, while nobody looks.
    fs::write(&blob, vnet(1..8)).expect("a file");
    backdate(&blob);
    let agent = place.start();
    place.wait_until("the third is read on", || place.lines() == 14 && row("waiting") == 0);
    assert_eq!((row("grown"), row("rewritten")), (1.into(), 0.into()));
    assert_eq!(agent.stop(), Some(0), "{}", place.said());
    let found = place.found();
    assert!(found.values().all(|count| *count == 1), "{found:?}");
    assert_eq!(found.len(), 14);
    assert!((2..16).all(|number| found.contains_key(&number)), "{found:?}");
}

/// Names that differ only where they are no text, and such that text would break: each is an object of its own, over a kill.
#[test]
fn each_file_is_one_object_whatever_octets_its_name_has() {
    let place = Place::new("");
    let at = |name: &[u8]| place.at("logs").join(OsStr::from_bytes(name));
    let names =
        [&b"a\xff.log"[..], b"a\xfe.log", b"a\n.log", b"a.log", b"a\\xff.log", b"a//ff.log"];
    fs::create_dir(place.at("logs/a")).expect("a folder");
    for (number, name) in (1..).zip(names) {
        fs::write(at(name), line(number)).expect("a file");
        backdate(&at(name));
    }
    // What is passed over writes no line of the log.
    let forged = at(b"x\nERROR forged: nothing works");
    fs::write(&forged, "What lies here?\n").expect("a file");
    backdate(&forged);
    let agent = place.start();
    place.wait_until("all are read", || place.lines() >= names.len());
    place.wait_until("the other is told", || place.status().1["clouds"][0]["foreign"] == 1);
    let given_up = &place.status().1["clouds"][0]["given_up"][0];
    assert!(given_up.as_str().is_some_and(|told| told.starts_with("x\\nERROR")), "{given_up}");
    assert!(!place.said().lines().any(|line| line.starts_with("ERROR")), "{}", place.said());
    // By now it has looked once more.
    place.put("later.log", line(7).as_bytes());
    place.wait_until("the next is read", || place.found().contains_key(&7));
    drop(agent);
    let agent = place.start();
    place.put("last.log", line(8).as_bytes());
    place.wait_until("the last is read", || place.found().contains_key(&8));
    assert_eq!(agent.stop(), Some(0), "{}", place.said());
    assert_eq!(place.found(), (1..=8).map(|number| (number, 1)).collect());
}
