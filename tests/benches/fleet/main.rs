//! What a fleet costs, each part of it by itself: a sensor that puts flows on a bus, the bus, a consumer that inserts them into
//! ClickHouse, and their size on the way and in the table.
//!
//! Brokers and ClickHouse's engine (chDB) are other people's; `cargo xtask bench fleet` installs them.

#[expect(dead_code, reason = "each benchmark uses its own part")]
#[path = "../intake/datagrams.rs"]
mod datagrams;
mod table;

use std::{fs, path::Path, thread, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use sensor_core::nql::sql::{TableOptions, create_table};
use sensor_store::rows::Rows;
use tests::{
    fleet::{Bus, Consumer, Nats, SUBJECT, Tansu, require},
    peers::wait_until,
    program::{Program, release_binary},
    usage::cpu_time,
};

use self::datagrams::{Form, PORT, send};

const RATE: u32 = 4_300;
const DATAGRAMS: u32 = 10 * RATE;
const RECORDS: u32 = DATAGRAMS * 24;

fn main() -> Result<()> {
    if !require() {
        bail!("needs chDB, brokers and their clients");
    }
    table::measure()?;
    println!(
        "\n{RECORDS} records of NetFlow 9, {} a second; CPU ns a record:\n{:<12}{:>10}{:>10}{:>10}",
        RATE * 24,
        "",
        "sensor",
        "bus",
        "consumer"
    );
    let alone = through(None::<&Nats>, Path::new("/"), "")?;
    println!("{:<12}{:>10.0}", "no output", alone[0]);
    let directory = tempfile::tempdir()?;
    let bus = Nats::new(directory.path())?;
    let output = format!("[[nats]]\nservers = ['nats://{}']\nsubject = '{SUBJECT}'", bus.address());
    row("nats", through(Some(&bus), directory.path(), &output)?);
    let directory = tempfile::tempdir()?;
    let bus = Tansu::new(directory.path())?;
    let output = format!("[[kafka]]\nbrokers = ['{}']\ntopic = '{SUBJECT}'", bus.address());
    row("kafka", through(Some(&bus), directory.path(), &output)?);
    Ok(())
}

fn row(name: &str, [sensor, bus, consumer]: [f64; 3]) {
    println!("{name:<12}{sensor:>10.0}{bus:>10.0}{consumer:>10.0}");
}

/// The cost of a record in the sensor, the bus and the consumer, nanoseconds; all must arrive.
fn through<B: Bus>(bus: Option<&B>, directory: &Path, output: &str) -> Result<[f64; 3]> {
    let table = TableOptions {
        database: Some("sensor".to_owned()),
        table: "flows".to_owned(),
        keep_days: None,
    };
    let folder = directory.join("consumer");
    let consumer = bus
        .map(|bus| Consumer::new(bus, &folder, &create_table(&table), &Rows::columns()))
        .transpose()?;
    let own = tempfile::tempdir()?;
    let config = own.path().join("sensor.toml");
    fs::write(&config, format!("[[listen]]\nurl = 'netflow://127.0.0.1:{PORT}'\n{output}\n"))?;
    let mut command = std::process::Command::new(release_binary());
    command.args(["run", "--print", "none", "--config"]).arg(&config);
    let program = Program::start(command)?;
    let used = |id: Option<u32>| id.map_or(Ok(Duration::ZERO), cpu_time);
    let ids = [bus.and_then(Bus::id), consumer.as_ref().and_then(Consumer::id)];
    let before = [used(ids[0])?, used(ids[1])?];
    send(Form::NetFlow9, DATAGRAMS, RATE)?;
    if let Some(consumer) = &consumer {
        wait_until("all rows are there", || consumer.rows() >= u64::from(RECORDS))
            .with_context(|| format!("{} rows; {}", consumer.rows(), consumer.said()))?;
    }
    let sensor = program.settled()?;
    // Merges go on in the background.
    thread::sleep(Duration::from_secs(2));
    let costs = [sensor, used(ids[0])? - before[0], used(ids[1])? - before[1]];
    let said = program.finish()?;
    ensure!(!said.contains("datagrams dropped") && said.contains("balanced"), "{said}");
    Ok(costs.map(|cost| cost.as_secs_f64() * 1e9 / f64::from(RECORDS)))
}
