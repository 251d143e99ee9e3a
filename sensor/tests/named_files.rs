//! Every file and directory that a configuration can name, in every state in which it is of no use: `sensor check` and
//! `sensor run` say the same of it, and end with the same exit code.

#[path = "support/ports.rs"]
mod ports;

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Output},
};

use sensor::agent::config::sections::Sections;
use sensor_core::settings::schema::{Key, Table as _};

use self::ports::free_port;

/// What a key names.
#[derive(Clone, Copy)]
enum Use {
    /// A file that is read. With these contents it is corrupt, and told so in these words.
    Read(&'static [u8], &'static str),
    /// As before; a directory is good as well.
    ReadOrListed(&'static [u8], &'static str),
    /// A file that is written to.
    Written,
    /// A directory in which files are made.
    Directory,
}

use Use::{Directory, Read, ReadOrListed, Written};

const NO_UTF8: &[u8] = b"\xff\xff";
const NO_CERTIFICATE: Use = Read(b"no PEM", "it contains no PEM certificate");
const NO_KEY: Use = Read(b"no PEM", "it contains no PEM private key");
const NO_DATABASE: Use = Read(b"no database", "cannot read FILE: ");

/// A key, the configuration in which it names FILE, and what for. OWN is a certificate, and OWN.key is its key.
const TABLE: &[(&str, &str, Use)] = &[
    ("lists", "[lists]\nx = 'FILE'", Read(NO_UTF8, "it is not UTF-8")),
    (
        "policies.paths",
        "[policies]\npaths = ['FILE']",
        ReadOrListed(b"[[policy]]\nname = 'p'\nmatch = 'dstprt == 1'\n", "did you mean `dstport`?"),
    ),
    ("labels.files", "[labels]\nfiles = ['FILE']", Read(b"10.0.0.x,role,web\n", "FILE:1:1")),
    ("reputation.file", "[[reputation]]\nfile = 'FILE'", Read(b"203.0.113.777\n", "FILE:1:1")),
    ("geo.country", "[geo]\ncountry = 'FILE'", NO_DATABASE),
    ("geo.asn", "[geo]\nasn = 'FILE'", NO_DATABASE),
    ("geo.city", "[geo]\ncity = 'FILE'", NO_DATABASE),
    ("collector.tls.ca", "[[collector]]\nurl = 'tls://h'\ntls.ca = 'FILE'", NO_CERTIFICATE),
    (
        "collector.tls.certificate",
        "[[collector]]\nurl = 'tls://h'\ntls = { certificate = 'FILE', key = 'OWN.key', ca = 'OWN' }",
        NO_CERTIFICATE,
    ),
    (
        "collector.tls.key",
        "[[collector]]\nurl = 'tls://h'\ntls = { certificate = 'OWN', key = 'FILE', ca = 'OWN' }",
        NO_KEY,
    ),
    (
        "listen.certificate",
        "[[listen]]\nurl = 'tls://127.0.0.1:PORT'\ncertificate = 'FILE'\nkey = 'OWN.key'",
        NO_CERTIFICATE,
    ),
    (
        "listen.key",
        "[[listen]]\nurl = 'tls://127.0.0.1:PORT'\ncertificate = 'OWN'\nkey = 'FILE'",
        NO_KEY,
    ),
    (
        "listen.ca",
        "[[listen]]\nurl = 'tls://127.0.0.1:PORT'\ncertificate = 'OWN'\nkey = 'OWN.key'\nca = 'FILE'",
        NO_CERTIFICATE,
    ),
    ("hits.tls.ca", "[[hits]]\nurl = 'syslog+tls://h'\ntls.ca = 'FILE'", NO_CERTIFICATE),
    (
        "hits.tls.certificate",
        "[[hits]]\nurl = 'https://h/'\ntls = { certificate = 'FILE', key = 'OWN.key', ca = 'OWN' }",
        NO_CERTIFICATE,
    ),
    (
        "hits.tls.key",
        "[[hits]]\nurl = 'syslog+tls://h'\ntls = { certificate = 'OWN', key = 'FILE', ca = 'OWN' }",
        NO_KEY,
    ),
    (
        "clickhouse.basic_auth_file",
        "[[clickhouse]]\nurl = 'https://h/'\ntls.ca = 'OWN'\nbasic_auth_file = 'FILE'",
        Read(b"no colon", "it must contain `user:password`"),
    ),
    ("clickhouse.tls.ca", "[[clickhouse]]\nurl = 'https://h'\ntls.ca = 'FILE'", NO_CERTIFICATE),
    (
        "clickhouse.tls.certificate",
        "[[clickhouse]]\nurl = 'https://h'\ntls = { certificate = 'FILE', key = 'OWN.key', ca = 'OWN' }",
        NO_CERTIFICATE,
    ),
    (
        "clickhouse.tls.key",
        "[[clickhouse]]\nurl = 'https://h'\ntls = { certificate = 'OWN', key = 'FILE', ca = 'OWN' }",
        NO_KEY,
    ),
    (
        "kafka.login_file",
        "[[kafka]]\nbrokers = ['h:9093']\ntls.ca = 'OWN'\nlogin_file = 'FILE'",
        Read(b"no colon", "it must contain `user:password`"),
    ),
    ("kafka.tls.ca", "[[kafka]]\nbrokers = ['h:9093']\ntls.ca = 'FILE'", NO_CERTIFICATE),
    (
        "kafka.tls.certificate",
        "[[kafka]]\nbrokers = ['h:9093']\ntls = { certificate = 'FILE', key = 'OWN.key', ca = 'OWN' }",
        NO_CERTIFICATE,
    ),
    (
        "kafka.tls.key",
        "[[kafka]]\nbrokers = ['h:9093']\ntls = { certificate = 'OWN', key = 'FILE', ca = 'OWN' }",
        NO_KEY,
    ),
    (
        "nats.login_file",
        "[[nats]]\nservers = ['nats://h']\ntls.ca = 'OWN'\nlogin_file = 'FILE'",
        Read(b"no colon", "it must contain `user:password`"),
    ),
    (
        "nats.credentials_file",
        "[[nats]]\nservers = ['nats://h']\ntls.ca = 'OWN'\ncredentials_file = 'FILE'",
        Read(b"no key", "it must be a file of credentials, as nsc writes it"),
    ),
    ("nats.tls.ca", "[[nats]]\nservers = ['nats://h']\ntls.ca = 'FILE'", NO_CERTIFICATE),
    (
        "nats.tls.certificate",
        "[[nats]]\nservers = ['nats://h']\ntls = { certificate = 'FILE', key = 'OWN.key', ca = 'OWN' }",
        NO_CERTIFICATE,
    ),
    (
        "nats.tls.key",
        "[[nats]]\nservers = ['nats://h']\ntls = { certificate = 'OWN', key = 'FILE', ca = 'OWN' }",
        NO_KEY,
    ),
    (
        "hits.basic_auth_file",
        "[[hits]]\nurl = 'https://h/'\ntls.ca = 'OWN'\nbasic_auth_file = 'FILE'",
        Read(b"no colon", "it must contain `user:password`"),
    ),
    (
        "hits.bearer_file",
        "[[hits]]\nurl = 'https://h/'\ntls.ca = 'OWN'\nbearer_file = 'FILE'",
        Read(b"\n", "nothing is in it"),
    ),
    (
        "metrics.token_file",
        "[metrics]\nlisten = '127.0.0.1:PORT'\ntoken_file = 'FILE'",
        Read(b"\n", "it contains no token"),
    ),
    (
        "metrics.certificate",
        "[metrics]\nlisten = '127.0.0.1:PORT'\ncertificate = 'FILE'\nkey = 'OWN.key'",
        NO_CERTIFICATE,
    ),
    (
        "metrics.key",
        "[metrics]\nlisten = '127.0.0.1:PORT'\ncertificate = 'OWN'\nkey = 'FILE'",
        NO_KEY,
    ),
    (
        "console.token_file",
        "[console]\nenabled = true\nlisten = '127.0.0.1:PORT'\ntoken_file = 'FILE'",
        Read(b"\n", "it contains no token"),
    ),
    (
        "console.certificate",
        "[console]\nenabled = true\nlisten = '127.0.0.1:PORT'\ncertificate = 'FILE'\nkey = 'OWN.key'",
        NO_CERTIFICATE,
    ),
    (
        "console.key",
        "[console]\nenabled = true\nlisten = '127.0.0.1:PORT'\ncertificate = 'OWN'\nkey = 'FILE'",
        NO_KEY,
    ),
    (
        "ingest.certificate",
        "[ingest]\nlisten = '127.0.0.1:PORT'\ncertificate = 'FILE'\nkey = 'OWN.key'",
        NO_CERTIFICATE,
    ),
    (
        "ingest.key",
        "[ingest]\nlisten = '127.0.0.1:PORT'\ncertificate = 'OWN'\nkey = 'FILE'",
        NO_KEY,
    ),
    (
        "labels.cloud.files",
        "[[labels.cloud]]\nprovider = 'aws'\nfiles = ['FILE']",
        Read(b"[1", "FILE:1:"),
    ),
    (
        "cloud.credentials_file",
        "[[cloud]]\nname = 'a'\nurl = 's3://b/p'\nstate = 'OWN.state'\nregion = 'r'\ncredentials_file = 'FILE'",
        Read(b"nothing", "FILE"),
    ),
    (
        "cloud.push.token_file",
        "[ingest]\nlisten = '127.0.0.1:PORT'\n[[cloud]]\nname = 'a'\nstate = 'OWN.state'\npush = { protocol = 'body', token_file = 'FILE' }",
        Read(b"\n", "FILE"),
    ),
    (
        "cloud.push.jwks_file",
        "[ingest]\nlisten = '127.0.0.1:PORT'\n[[cloud]]\nname = 'a'\nstate = 'OWN.state'\npush = { protocol = 'pubsub', jwks_file = 'FILE', audience = 'a', email = 'e@h' }",
        Read(b"no JSON", "FILE"),
    ),
    ("cloud.state", "[[cloud]]\nname = 'a'\nfolder = '/mnt'\nstate = 'FILE'", Written),
    ("hits.url", "[[hits]]\nurl = 'file://FILE'", Written),
    ("log.flows", "[log]\nflows = 'FILE'", Written),
    ("log.dns", "[log]\ndns = 'FILE'", Written),
    ("intake.state_file", "[intake]\nstate_file = 'FILE'", Written),
    ("ipfix_file.directory", "[ipfix_file]\ndirectory = 'FILE'", Directory),
    ("store.folder", "[store]\nfolder = 'FILE'", Directory),
    ("hits.spool", "[[hits]]\nurl = 'syslog+tcp://h'\nspool = 'FILE'", Directory),
];

/// Keys that hold other words than paths, too.
const PATHS_AMONG_OTHERS: [&str; 1] = ["hits.url"];

/// Paths of what is no file: a socket (`control.rs`), pins of the kernel's objects (the lab `restart`), and a folder that may come and
/// go while it is followed (`follow.rs`).
const NO_FILES: [&str; 3] = ["control.socket", "capture.pin_path", "cloud.folder"];

fn paths(keys: &[Key], below: &str, found: &mut Vec<String>) {
    for key in keys {
        let name = format!("{below}{}", key.name);
        paths(key.inner, &format!("{name}."), found);
        found.extend(key.is_path.then_some(name));
    }
}

#[test]
fn the_table_has_every_key() {
    let mut keys = PATHS_AMONG_OTHERS.map(str::to_owned).to_vec();
    paths(Sections::KEYS, "", &mut keys);
    keys.retain(|key| !NO_FILES.contains(&key.as_str()));
    keys.sort();
    let mut tested: Vec<_> = TABLE.iter().map(|(key, ..)| (*key).to_owned()).collect();
    tested.sort();
    assert_eq!(tested, keys);
}

/// A directory with a certificate, and configurations that name files in it.
struct Case {
    directory: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let own = rcgen::generate_simple_self_signed(["h".to_owned()]).expect("a certificate");
        fs::write(directory.path().join("own"), own.cert.pem()).expect("written");
        fs::write(directory.path().join("own.key"), own.signing_key.serialize_pem())
            .expect("written");
        Self { directory }
    }

    /// What check and run say of `file` in the place of FILE; their exit codes are 64 and their words the same.
    fn told(&self, key: &str, config: &str, file: &Path) -> String {
        let path = self.directory.path().join("sensor.toml");
        let port = free_port().expect("a port").to_string();
        let own = self.directory.path().join("own").display().to_string();
        let config = config.replace("OWN", &own).replace("PORT", &port);
        let listen = match config.contains("[[listen]]") {
            true => String::new(),
            false => format!("listen = [{{ url = 'netflow://127.0.0.1:{port}' }}]\n"),
        };
        let config = config.replace("FILE", &file.display().to_string());
        let config_text = format!("{listen}{config}\n");
        fs::write(&path, &config_text).expect("written");
        let path = path.to_str().expect("a plain path");
        let (code, checked) = sensor(&["check", "--config", path]);
        assert_eq!(code, Some(64), "{key}, check: {checked}");
        let (code, run) = sensor(&["run", "--config", path, "--duration", "1ms"]);
        assert_eq!(code, Some(64), "{key}, run: {run}");
        assert_eq!(run, checked, "{key}");
        let (_, document) = output(&["check", "--json", "--config", path], |output| output.stdout);
        let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
        let faults = document["diagnostics"].as_array().expect("a list");
        assert!(!faults.is_empty(), "{key}");
        for fault in faults {
            let named = fault["file"].as_str().expect("a file");
            let is_own = Some(named) == file.to_str() || Path::new(named).starts_with(file);
            // What has no place in the file has that of its key.
            let is_at_key = named == path
                && fault["message"]
                    .as_str()
                    .is_some_and(|message| message.contains(file.to_str().expect("plain")));
            assert!(is_own || is_at_key, "{key}: {fault}");
            let (line, column) = (fault["line"].as_u64(), fault["column"].as_u64());
            let (Some(line), Some(column)) = (line, column) else { panic!("{key}: {fault}") };
            if is_at_key {
                let text = config_text.lines().nth(line as usize - 1).expect("a line");
                let from = &text[column as usize - 1..];
                assert!(from.contains(file.to_str().expect("plain")), "{key}: {from}: {fault}");
            }
        }
        checked
    }
}

/// Exit code and standard error.
fn sensor(arguments: &[&str]) -> (Option<i32>, String) {
    output(arguments, |output| output.stderr)
}

/// What the program ends with and says, without the privilege to overlook permissions.
fn output(arguments: &[&str], said: fn(Output) -> Vec<u8>) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_sensor");
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command = Command::new(if is_root { "setpriv" } else { program });
    if is_root {
        command.args(["--bounding-set", "-all", "--inh-caps", "-all", program]);
    }
    let output = command.args(arguments).output().expect("it runs");
    (output.status.code(), String::from_utf8(said(output)).expect("text"))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("permissions can be set");
}

#[test]
fn a_folder_that_is_followed_is_a_directory_or_is_not_there_yet() {
    let case = Case::new();
    let file = case.directory.path().join("file");
    fs::write(&file, "").expect("written");
    let config = "[[cloud]]\nname = 'a'\nfolder = 'FILE'\nstate = 'OWN.state'";
    let told = case.told("cloud.folder", config, &file);
    assert!(
        told.contains("cannot follow the folder ") && told.contains("Not a directory"),
        "{told}"
    );
    assert!(told.contains("sensor.toml:4:10\n"), "{told}");

    let absent = case.directory.path().join("absent").display().to_string();
    let own = case.directory.path().join("own").display().to_string();
    let config = config.replace("FILE", &absent).replace("OWN", &own);
    let path = case.directory.path().join("sensor.toml");
    fs::write(&path, config).expect("written");
    let (code, told) = sensor(&["check", "--config", path.to_str().expect("plain")]);
    assert_eq!(code, Some(0), "{told}");
    let expected = format!("warning: there is no folder {absent}: ");
    assert!(told.contains(&expected) && told.contains("sensor.toml:3:10\n"), "{told}");
}

#[test]
fn what_is_named_and_missing_is_told_alike() {
    let case = Case::new();
    for (key, config, used) in TABLE {
        let (absent, part) = match used {
            Read(..) | ReadOrListed(..) => (case.directory.path().join("absent"), ": No such file"),
            Written => (case.directory.path().join("absent/new"), ": there is no directory /"),
            // Whatever is missing is made; below a file nothing can be.
            Directory => (case.directory.path().join("own/new"), ": Not a directory"),
        };
        let told = case.told(key, config, &absent);
        let place = absent.display().to_string();
        assert!(told.contains(&format!("{place}{part}")), "{key}: {told}");
    }
}

#[test]
fn what_is_named_and_forbidden_is_told_alike() {
    let case = Case::new();
    let file = case.directory.path().join("file");
    let directory = case.directory.path().join("directory");
    fs::write(&file, "").expect("written");
    fs::create_dir(&directory).expect("made");
    fs::write(directory.join("old"), "").expect("written");
    set_mode(&file, 0);
    set_mode(&directory, 0o555);
    for (key, config, used) in TABLE {
        let named = match used {
            Read(..) | ReadOrListed(..) => vec![file.clone()],
            // One that is there cannot make room for another, nor can another take its place.
            Written => vec![file.clone(), directory.join("new"), directory.join("old")],
            Directory => vec![directory.clone(), directory.join("new/deep")],
        };
        for named in named {
            let told = case.told(key, config, &named);
            let place = named.display().to_string();
            assert!(told.contains(&place) && told.contains(": Permission denied"), "{key}: {told}");
        }
    }
    let left: Vec<_> = fs::read_dir(&directory).expect("a directory").flatten().collect();
    assert_eq!(left.len(), 1, "nothing is made: {left:?}");
    set_mode(&directory, 0o755);
}

#[test]
fn what_is_named_and_of_another_kind_is_told_alike() {
    let case = Case::new();
    let file = case.directory.path().join("file");
    let directory = case.directory.path().join("directory");
    let fifo = case.directory.path().join("fifo");
    fs::write(&file, "").expect("written");
    fs::create_dir(&directory).expect("made");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    for (key, config, used) in TABLE {
        let (named, part) = match used {
            Read(..) => (&directory, "it is a directory, not a regular file"),
            ReadOrListed(..) => (&fifo, "it is a FIFO, not a regular file"),
            Written => (&directory, "is a directory"),
            Directory => (&file, "Not a directory"),
        };
        let told = case.told(key, config, named);
        let place = named.display().to_string();
        assert!(told.contains(&place), "{key}: {told}");
        assert!(told.to_lowercase().contains(&part.to_lowercase()), "{key}: {told}");
    }
}

#[test]
fn what_is_named_and_corrupt_is_told_alike() {
    let case = Case::new();
    let file = case.directory.path().join("file");
    for (key, config, used) in TABLE {
        let (Read(corrupt, part) | ReadOrListed(corrupt, part)) = used else { continue };
        fs::write(&file, corrupt).expect("written");
        let place = file.display().to_string();
        let told = case.told(key, config, &file);
        assert!(told.contains(&place), "{key}: {told}");
        assert!(told.contains(&part.replace("FILE", &place)), "{key}: {told}");
    }
}
