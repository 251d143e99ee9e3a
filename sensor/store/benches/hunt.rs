//! Questions about a day of flows: CPU time per record, wall time and memory, beside DuckDB and ClickHouse on the same files. Each
//! answer has to be the same.
//!
//! `SENSOR_BENCH_RECORDS` says how many records the day has, `SENSOR_BENCH_FOLDER` where they stay for the next time,
//! `SENSOR_BENCH_QUESTION` what the name of a question must contain to be asked.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use sensor_core::{
    flow::fields::OwnedValue,
    hunt::{
        Answer, Distinct, Group, GroupBy, Grouping, Labels, Metric, Options, Progress, Question,
        Said, run,
    },
    nql::{self, Filter, lists::Lists, typed::Typed},
};
use sensor_store::{
    archive::Stored,
    journal::Sync,
    store::{self, Options as Keeping},
    testing::{DAY, Traffic},
};
use serde_json::{Value, json};

/// The long query of the NQL's authors, which asks for traffic between two well-known ports.
const LONG: &str = "(protocol == tcp || protocol == udp) && srcport < 1024 && dstport < 1024 && !(srcport == 0 || dstport == 0 || srcport == 123 || dstport == 123 || (srcport == 67 && dstport == 68) || (srcport == 68 && dstport == 67) || (srcport == 67 && dstport == 67) || srcport == 137 || dstport == 137 || srcport == 138 || dstport == 138 || srcport == 53 || dstport == 53 || srcport == 514 || dstport == 514)";
/// The same as SQL.
const LONG_SQL: &str = "protocolint IN (6, 17) AND srcport < 1024 AND dstport < 1024 AND NOT (srcport = 0 OR dstport = 0 OR srcport = 123 OR dstport = 123 OR (srcport = 67 AND dstport = 68) OR (srcport = 68 AND dstport = 67) OR (srcport = 67 AND dstport = 67) OR srcport = 137 OR dstport = 137 OR srcport = 138 OR dstport = 138 OR srcport = 53 OR dstport = 53 OR srcport = 514 OR dstport = 514)";
/// Runs; the least counts.
const RUNS: usize = 3;
const THREADS: usize = 2;
const MAKE: &str = "--make";
/// A Python that knows the other engines.
const PYTHON: &str = "SENSOR_PYTHON";

const SCRIPT: &str = r#"
import glob, json, sys, time
asked = json.load(sys.stdin)
files = asked['folder'] + '/*/*/*.parquet'
out = []
if asked['engine'] == 'duckdb':
    import duckdb
    own = duckdb.connect()
    own.execute(f"SET threads = {asked['threads']}")
    own.execute("SET TimeZone = 'UTC'")
    own.execute("SET enable_progress_bar = false")
    source = f"read_parquet('{files}')"
    ask = lambda sql: own.execute(sql).fetchall()
else:
    from chdb import session
    own = session.Session()
    own.query(f"SET max_threads = {asked['threads']}")
    source = f"file('{files}', Parquet)"
    ask = lambda sql: [json.loads(line) for line in own.query(sql, 'JSONCompactEachRow').bytes().decode().splitlines()]
text = lambda cell: cell.hex() if isinstance(cell, bytes) else str(cell).lower()
for sql in asked['queries']:
    least = None
    for _ in range(asked['runs']):
        cpu, wall = time.process_time(), time.perf_counter()
        rows = ask(sql.replace('FLOWS', source))
        cost = (time.process_time() - cpu, time.perf_counter() - wall)
        least = min(least or cost, cost)
    out.append({'cpu': least[0], 'wall': least[1], 'rows': [[text(cell) for cell in row] for row in rows]})
print(json.dumps(out))
"#;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Asked {
    name: &'static str,
    query: Typed,
    grouping: Grouping,
    largest: usize,
    /// For DuckDB and for ClickHouse.
    sql: [String; 2],
}

/// What it took.
#[derive(Clone, Copy)]
struct Cost {
    cpu: Duration,
    wall: Duration,
}

fn main() -> Result<()> {
    let records = match std::env::var("SENSOR_BENCH_RECORDS") {
        Ok(text) => text.parse()?,
        Err(_) => DAY,
    };
    let mut arguments = std::env::args_os().skip_while(|argument| argument != MAKE).skip(1);
    if let Some(folder) = arguments.next() {
        return make(Path::new(&folder), records);
    }
    let kept = std::env::var_os("SENSOR_BENCH_FOLDER").map(PathBuf::from);
    let folder = kept
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("hunt-bench-{}", std::process::id())));
    if !folder.join("made").exists() {
        // Somebody else makes the files: memory is measured here.
        let made = Command::new(std::env::current_exe()?).arg(MAKE).arg(&folder).status()?;
        if !made.success() {
            return Err("no files".into());
        }
    }
    let result = measure(&folder);
    if kept.is_none() {
        let _ = std::fs::remove_dir_all(&folder);
    }
    result
}

/// Makes a store of the day.
fn make(folder: &Path, records: u64) -> Result<()> {
    let keeping = Keeping { sync: Sync::Never, ..Keeping::default() };
    let (mut appender, mut keeper, _) = store::open(folder, keeping)?;
    let mut traffic = Traffic::new(1);
    let mut left = records;
    while left > 0 {
        let rows = left.min(4096);
        let now = traffic.now();
        for batch in traffic.batches(rows as usize) {
            appender.append(&batch, now)?;
        }
        left -= rows;
        keeper.work(now);
    }
    appender.close(traffic.now())?;
    if let Some(error) = keeper.work(traffic.now()).errors.pop() {
        return Err(error.into());
    }
    Ok(std::fs::write(folder.join("made"), records.to_string())?)
}

/// CPU time of this process, user and system, and the time.
fn now() -> (Duration, Instant) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    (Duration::new(cpu.tv_sec.unsigned_abs(), cpu.tv_nsec as u32), Instant::now())
}

fn query(text: &str) -> Result<Typed> {
    let lists = Lists::default();
    let filter = Filter::compile(text, &nql::Options::new(&lists));
    Ok(filter.map_err(|faults| format!("{faults:?}"))?.typed)
}

fn by(names: &[&str]) -> Result<Vec<GroupBy>> {
    names.iter().map(|name| Ok(GroupBy::named(name)?)).collect()
}

/// Asks the store.
fn ask(folder: &Path, query: &Typed, grouping: &Grouping, largest: usize) -> Result<Vec<Group>> {
    let said = Said::Groups(grouping.clone(), Distinct::default());
    let question = Question { query: query.clone(), from: 0, to: u64::MAX, said };
    let options = Options { threads: THREADS, labels: Labels::Then, interfaces: Arc::default() };
    let progress = Progress::default();
    let stored = Stored::open(folder)?;
    let Answer::Groups(groups) = run(&question, &stored, &options, &progress) else {
        return Err("no groups".into());
    };
    groups.check()?;
    if let Some(fault) = progress.account().faults.pop() {
        return Err(fault.into());
    }
    Ok(match largest {
        0 => groups.ordered(),
        most => groups.largest(Metric::Octets, most),
    })
}

/// Groups as the other engines give them.
fn rows(groups: &[Group]) -> Vec<Vec<String>> {
    let text = |value: &Option<OwnedValue>| match value {
        None => "none".to_owned(),
        Some(OwnedValue::Ip(address)) => {
            let octets = match address {
                std::net::IpAddr::V4(own) => own.to_ipv6_mapped().octets(),
                std::net::IpAddr::V6(own) => own.octets(),
            };
            format!("{:032x}", u128::from_be_bytes(octets))
        }
        Some(OwnedValue::Integer(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
    };
    let row = |group: &Group| {
        let bucket = group.bucket.map(|bucket| bucket.to_string());
        let values = group.values.iter().map(text);
        let octets = group.sums.of(Metric::Octets).unwrap_or_default();
        let sums = [group.sums.flows().to_string(), octets.to_string()];
        bucket.into_iter().chain(values).chain(sums).collect()
    };
    groups.iter().map(row).collect()
}

fn questions(folder: &Path) -> Result<Vec<Asked>> {
    let metrics = vec![Metric::Flows, Metric::Octets];
    let grouping = |by: Vec<GroupBy>, period| Grouping {
        by,
        period,
        metrics: metrics.clone(),
        most_groups: 1 << 20,
    };
    // An address that hardly anybody has, and one that nearly everybody talks to.
    let sources = ask(folder, &query("srcip == 16.0.0.0/4")?, &grouping(by(&["srcip"])?, None), 0)?;
    let rare = sources.iter().min_by_key(|group| group.sums.flows()).ok_or("no rare address")?;
    let Some(Some(OwnedValue::Ip(rare))) = rare.values.first() else { return Err("none".into()) };
    let octets = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(own) => format!("{:032x}", u128::from(own.to_ipv6_mapped())),
        std::net::IpAddr::V6(own) => format!("{:032x}", u128::from(own)),
    };
    let sums = "count(*), coalesce(sum(octets), 0)";
    let both = |sql: &str| [sql.to_owned(), sql.to_owned()];
    let total = |name, text: &str, condition: [String; 2]| -> Result<Asked> {
        let sql = condition.map(|own| format!("SELECT {sums} FROM FLOWS WHERE {own}"));
        Ok(Asked {
            name,
            query: query(text)?,
            grouping: grouping(Vec::new(), None),
            largest: 0,
            sql,
        })
    };
    let is = |address: std::net::IpAddr| {
        let hex = octets(address);
        ["srcip", "dstip"].map(|_| format!("srcip = unhex('{hex}') OR dstip = unhex('{hex}')"))
    };
    let busy = std::net::IpAddr::from([10, 0, 0, 0]);
    let network = "srcip BETWEEN unhex('00000000000000000000ffff0a000000') AND unhex('00000000000000000000ffff0a0000ff') AND dstport = 443";
    let top = format!(
        "SELECT hex(srcip), {sums} FROM FLOWS GROUP BY srcip ORDER BY 3 DESC, srcip LIMIT 10"
    );
    let minute = |dialect: &str| {
        format!(
            "SELECT {dialect} AS bucket, {sums} FROM FLOWS WHERE protocolint = 6 GROUP BY bucket ORDER BY bucket"
        )
    };
    Ok(vec![
        total("long seed query", LONG, both(LONG_SQL))?,
        total("rare address, `ip == X`", &format!("ip == {rare}"), is(*rare))?,
        total("busy address, `ip == X`", "ip == 10.0.0.0", is(busy))?,
        total("network and port", "srcip == 10.0.0.0/24 && dstport == 443", both(network))?,
        Asked {
            name: "top 10 sources by octets",
            query: query("")?,
            grouping: grouping(by(&["srcip"])?, None),
            largest: 10,
            sql: both(&top),
        },
        Asked {
            name: "a series by minute, tcp",
            query: query("protocol == tcp")?,
            grouping: grouping(Vec::new(), Some(60_000)),
            largest: 0,
            sql: [
                minute("epoch_ms(time_received) // 60000 * 60000"),
                minute("intDiv(toUnixTimestamp64Milli(time_received), 60000) * 60000"),
            ],
        },
    ])
}

fn measure(folder: &Path) -> Result<()> {
    let records: f64 = std::fs::read_to_string(folder.join("made"))?.parse()?;
    let mut asked = questions(folder)?;
    if let Ok(part) = std::env::var("SENSOR_BENCH_QUESTION") {
        asked.retain(|asked| asked.name.contains(&part));
    }
    // What was asked so far is no part of the measurement.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let mut own = Vec::new();
    for asked in &asked {
        let mut least: Option<Cost> = None;
        let mut found = Vec::new();
        for _ in 0..RUNS {
            let before = now();
            found = ask(folder, &asked.query, &asked.grouping, asked.largest)?;
            let after = now();
            let cost = Cost { cpu: after.0 - before.0, wall: after.1 - before.1 };
            least = Some(least.filter(|least| least.cpu < cost.cpu).unwrap_or(cost));
        }
        let mut found = rows(&found);
        // Of nothing, the sums are 0.
        if found.is_empty() && asked.grouping.period.is_none() {
            found.push(vec!["0".to_owned(), "0".to_owned()]);
        }
        own.push((least.ok_or("no run")?, found));
    }
    let memory = peak()?;
    let peers = [("duckdb", 0), ("chdb", 1)].map(|(engine, place)| {
        let queries: Vec<&str> = asked.iter().map(|asked| asked.sql[place].as_str()).collect();
        (engine, peer(engine, folder, &queries))
    });
    println!(
        "{records} records, warm, {THREADS} threads, least of {RUNS}: wall s, CPU ns a record"
    );
    println!("{:<28}{:>16}{:>20}{:>20}", "", "sensor", "DuckDB", "ClickHouse");
    let cell = |cpu: f64, wall: f64| format!("{wall:.3} / {:.1}", cpu / records * 1e9);
    let mut is_same = true;
    for (at, (asked, (cost, found))) in asked.iter().zip(&own).enumerate() {
        let mut line = format!(
            "{:<28}{:>16}",
            asked.name,
            cell(cost.cpu.as_secs_f64(), cost.wall.as_secs_f64())
        );
        for (engine, answers) in &peers {
            let Ok(answers) = answers else {
                line += &format!("{:>20}", "-");
                continue;
            };
            let answer = &answers[at];
            let number = |key: &str| answer[key].as_f64().unwrap_or(f64::NAN);
            line += &format!("{:>20}", cell(number("cpu"), number("wall")));
            if answer["rows"] != json!(found) {
                is_same = false;
                println!("{engine} answers {}: {:.200}", asked.name, answer["rows"].to_string());
                println!("the sensor answers: {:.200}", json!(found).to_string());
            }
        }
        println!("{line}");
    }
    println!("peak of memory: {} MiB", memory >> 20);
    for (engine, answers) in &peers {
        if let Err(fault) = answers {
            println!("{engine} is not compared: {fault}");
        }
    }
    if is_same { Ok(()) } else { Err("answers differ".into()) }
}

fn peer(engine: &str, folder: &Path, queries: &[&str]) -> Result<Vec<Value>> {
    let Some(python) = std::env::var_os(PYTHON) else {
        return Err(format!("{PYTHON} names no Python; `cargo xtask bench hunt` finds one").into());
    };
    let asked = json!({
        "engine": engine,
        "folder": folder,
        "threads": THREADS,
        "runs": RUNS,
        "queries": queries,
    });
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("no pipe")?.write_all(asked.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().last().unwrap_or("it failed").to_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Octets of memory that this process had at most.
fn peak() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    let number = line.trim().trim_end_matches("kB").trim();
    Ok(number.parse::<u64>()? << 10)
}
