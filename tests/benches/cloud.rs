//! Flow logs of AWS as a process reads them: CPU time and memory, beside DuckDB with one thread on the same files.
//!
//! Both read every value: the sensor into flow records, DuckDB into the greatest of each column.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use tests::{
    program::release_binary,
    usage::{self, Cost},
};

#[path = "../../sensor/wire/benches/made/mod.rs"]
mod made;
#[path = "../../sensor/wire/src/cloud/columnar/testing.rs"]
mod testing;

const RECORDS: u64 = 1_000_000;
/// Runs of each program; the median counts.
const RUNS: usize = 3;
/// Octets of the object that comes as a stream.
const STREAM: u64 = 5 << 30;
/// MiB that the sensor may have in memory, however large an object is.
const MEMORY: u64 = 150;
/// Files, and what DuckDB reads them by: of each log text, gzip and Parquet, and messages.
const FILES: [(&str, &str); 7] = [
    ("version 2", CSV),
    ("version 2, gzip", ZIPPED),
    ("version 2, Parquet", "read_parquet(FILE)"),
    ("version 5", CSV),
    ("version 5, gzip", ZIPPED),
    ("version 5, Parquet", "read_parquet(FILE)"),
    ("version 2, CloudWatch", ""),
];
const CSV: &str = "read_csv(FILE, delim=' ', header=true, nullstr='-', quote='', escape='')";
const ZIPPED: &str =
    "read_csv(FILE, delim=' ', header=true, nullstr='-', quote='', escape='', compression='gzip')";
/// Says that files are to be made, and where.
const MAKE: &str = "--make";
/// A Python that knows DuckDB.
const PYTHON: &str = "SENSOR_PYTHON";

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip_while(|argument| argument != MAKE).skip(1);
    if let Some(directory) = arguments.next() {
        return make(Path::new(&directory));
    }
    let directory = tempfile::tempdir()?;
    // A process begins with the memory of the one that started it, as far as its peak is concerned: so somebody else makes the files.
    let mut maker = Command::new(std::env::current_exe()?);
    ensure!(maker.arg(MAKE).arg(directory.path()).status()?.success(), "no files");
    println!("{RECORDS} records a file; whole processes, user and system time, median of {RUNS}");
    println!(
        "{:<24}{:>9}{:>8}{:>12}{:>10}{:>13}{:>17}",
        "", "MB", "CPU, s", "M records/s", "RSS, MiB", "DuckDB, s", "DuckDB, RSS MiB"
    );
    for (name, reader) in FILES {
        let file = &directory.path().join(name);
        let own = median(|| sensor(file))?;
        let other = match python().filter(|_| !reader.is_empty()) {
            Some(python) => Some(median(|| duckdb(&python, file, reader))?),
            None => None,
        };
        let seconds = own.time.as_secs_f64();
        let (time, memory) = other.map_or((String::new(), String::new()), |other| {
            (format!("{:.2}", other.time.as_secs_f64()), (other.memory >> 20).to_string())
        });
        println!(
            "{name:<24}{:>9.0}{seconds:>8.2}{:>12.2}{:>10}{time:>13}{memory:>17}",
            fs::metadata(file)?.len() as f64 / 1e6,
            RECORDS as f64 / seconds / 1e6,
            own.memory >> 20,
        );
        ensure!(own.memory >> 20 <= MEMORY, "more than {MEMORY} MiB in memory");
    }
    if python().is_none() {
        println!(
            "DuckDB is not compared: {PYTHON} names no Python; `cargo xtask bench cloud` finds one"
        );
    }
    stream(&directory.path().join(FILES[0].0))
}

/// Makes the files.
fn make(directory: &Path) -> Result<()> {
    let logs = made::logs(RECORDS);
    for (text, names) in logs.iter().zip(FILES.chunks(3)) {
        let file = |kind: usize| directory.join(names[kind].0);
        fs::write(file(0), text)?;
        let mut zipped = GzEncoder::new(File::create(file(1))?, Compression::default());
        zipped.write_all(text.as_bytes())?;
        zipped.finish()?;
        let writing = testing::Writing { rows: [250_000, 20_000], ..testing::Writing::default() };
        fs::write(file(2), testing::parquet(text, &writing))?;
    }
    let messages = FILES.last().context("no files")?.0;
    Ok(fs::write(directory.join(messages), made::subscription(&logs[0]))?)
}

/// An object as large as nobody's, from standard input.
fn stream(file: &Path) -> Result<()> {
    let mut begin = String::new();
    File::open(file)?.take(4 << 20).read_to_string(&mut begin)?;
    let (from, to) = (begin.find('\n'), begin.rfind('\n'));
    let records = &begin[from.context("no line")? + 1..=to.context("no line")?];
    let (count, records) = (records.lines().count() as u64, records.as_bytes());
    let mut child = Command::new(release_binary())
        .args(["decode", "--as", "aws", "--ledger", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().context("no standard input")?;
    let times = STREAM.div_ceil(records.len() as u64);
    for _ in 0..times {
        input.write_all(records)?;
    }
    drop(input);
    let cost = usage::of_ended(&child)?;
    println!(
        "{} GB from standard input: {:.2} s, {:.2} M records/s, {} MiB",
        (times * records.len() as u64) / 1_000_000_000,
        cost.time.as_secs_f64(),
        (times * count) as f64 / cost.time.as_secs_f64() / 1e6,
        cost.memory >> 20
    );
    ensure!(cost.memory >> 20 <= MEMORY, "more than {MEMORY} MiB in memory");
    Ok(())
}

fn sensor(file: &Path) -> Result<Cost> {
    let mut command = Command::new(release_binary());
    command.args(["decode", "--as", "aws", "--ledger"]).arg(file);
    // Without every record a figure would mean nothing.
    let output = command.output()?;
    let ledger = String::from_utf8_lossy(&output.stdout).into_owned();
    let flows = ledger.lines().find_map(|line| line.trim().strip_prefix("= flows"));
    let flows = flows.and_then(|line| line.split_whitespace().next());
    ensure!(flows == Some(RECORDS.to_string().as_str()), "{ledger}");
    run(&mut command)
}

fn duckdb(python: &Path, file: &Path, reader: &str) -> Result<Cost> {
    let reader = reader.replace("FILE", &format!("'{}'", file.display()));
    let script = format!(
        "import duckdb; own = duckdb.connect(); own.execute('SET threads = 1'); own.execute(\"SELECT max(COLUMNS(*)) FROM {reader}\").fetchall()"
    );
    run(Command::new(python).args(["-c", &script]))
}

fn python() -> Option<PathBuf> {
    std::env::var_os(PYTHON).map(PathBuf::from)
}

fn run(command: &mut Command) -> Result<Cost> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().with_context(|| format!("start {command:?}"))?;
    usage::of_ended(&child).with_context(|| format!("{command:?}"))
}

fn median(run: impl Fn() -> Result<Cost>) -> Result<Cost> {
    let mut costs = (0..RUNS).map(|_| run()).collect::<Result<Vec<_>>>()?;
    costs.sort_by_key(|cost| cost.time);
    Ok(costs[RUNS / 2])
}
