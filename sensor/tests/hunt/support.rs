//! A store with records of a made-up day, the records themselves, and the program.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sensor_core::flow::{batch::FlowBatch, fields::Row, interfaces::Interfaces, profile::Side};
use sensor_store::{
    journal::Sync,
    store::{self, Options},
    testing::Traffic,
};
use tempfile::TempDir;

/// A store, and what is in it.
pub struct Made {
    _folder: TempDir,
    /// Where it is.
    pub path: PathBuf,
    /// Its records.
    pub flows: Vec<Flow>,
}

/// What the tests ask about.
#[derive(Clone, Debug)]
pub struct Flow {
    pub received: u64,
    pub source: String,
    pub destination: String,
    pub ports: (u16, u16),
    pub protocol: u8,
    pub octets: u64,
    pub packets: u64,
}

/// Records of a store: so many that there are several segments, and a journal behind them.
pub const RECORDS: usize = 12_000;
/// Records that are appended at a time.
const STEP: usize = 400;

/// Makes a store.
pub fn store() -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flows");
    let options = Options {
        segment_rows: 3000,
        sync: Sync::Never,
        segment_age: u64::MAX,
        ..Options::default()
    };
    let (mut appender, mut keeper, _) = store::open(&path, options).expect("a store");
    let (mut traffic, mut flows) = (Traffic::new(7), Vec::new());
    for step in 0..RECORDS / STEP {
        // A second each.
        let received = sensor_store::testing::BEGIN + step as u64 * 1000;
        for batch in traffic.batches(STEP) {
            appender.append(&batch, received).expect("appended");
            flows.extend((0..batch.len()).map(|row| flow(&batch, row, received)));
        }
    }
    assert!(keeper.work(0).errors.is_empty());
    // The last journal stays.
    drop((appender, keeper));
    Made { _folder: folder, path, flows }
}

fn flow(batch: &FlowBatch, row: usize, received: u64) -> Flow {
    let interfaces = Interfaces::default();
    let of = Row { batch, row, interfaces: &interfaces };
    let port = |side| batch.port(side, row).expect("a port");
    Flow {
        received,
        source: of.source().to_string(),
        destination: of.destination().to_string(),
        ports: (port(Side::Source), port(Side::Destination)),
        protocol: batch.protocol[row],
        octets: batch.octets[row],
        packets: batch.packets[row],
    }
}

/// What came of a command line.
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |octets| String::from_utf8(octets).expect("text");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Outcome {
    /// The lines of standard output as JSON.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        let line = |line| serde_json::from_str(line).expect("JSON");
        self.stdout.lines().map(line).collect()
    }

    /// Standard output as one document.
    pub fn document(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("JSON")
    }

    /// The same where it must have gone well.
    pub fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }
}

/// Runs the program.
pub fn sensor(arguments: &[&str]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_sensor")).args(arguments).output();
    output.expect("the program runs").into()
}

/// Runs `sensor hunt` on a store.
pub fn hunt(store: &Path, arguments: &[&str]) -> Outcome {
    let store = store.to_str().expect("a name");
    sensor(&[&["hunt", "--store", store], arguments].concat())
}

impl Made {
    /// Runs `sensor hunt` on it.
    pub fn hunt(&self, arguments: &[&str]) -> Outcome {
        hunt(&self.path, arguments)
    }

    /// Its segments.
    pub fn segments(&self) -> Vec<PathBuf> {
        let all = sensor_store::folder::Folder::new(&self.path).segments().expect("segments");
        let mut all: Vec<_> =
            all.into_iter().map(|(name, _)| self.path.join(name.path())).collect();
        all.sort();
        all
    }
}
