//! Two sensors, a bus, a consumer and ClickHouse: whatever is killed meanwhile, each flow is in the table once.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use sensor_core::nql::sql::{TableOptions, create_table};
use sensor_store::rows::Rows;
use serde_json::json;
use tests::{
    fleet::{Bus, Consumer, Nats, SUBJECT, Tansu, require},
    peers::wait_until,
};

use crate::site::{Site, figure};

/// Flows that a sensor is fed at once.
const SOME: u16 = 600;

#[test]
fn kafka_is_killed_and_the_consumer_too() -> Result<()> {
    if !require() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let bus = Tansu::new(directory.path())?;
    let output = format!("[[kafka]]\nbrokers = ['{}']\ntopic = '{SUBJECT}'", bus.address());
    each_flow_is_there_once(bus, directory.path(), &output)
}

#[test]
fn nats_is_killed_and_the_consumer_too() -> Result<()> {
    if !require() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let bus = Nats::new(directory.path())?;
    let output = format!("[[nats]]\nservers = ['nats://{}']\nsubject = '{SUBJECT}'", bus.address());
    each_flow_is_there_once(bus, directory.path(), &output)
}

fn each_flow_is_there_once<B: Bus>(mut bus: B, directory: &Path, output: &str) -> Result<()> {
    let table = TableOptions {
        database: Some("sensor".to_owned()),
        table: "flows".to_owned(),
        keep_days: None,
    };
    let folder = directory.join("consumer");
    let mut consumer = Consumer::new(&bus, &folder, &create_table(&table), &Rows::columns())?;
    let site = |name: &str| {
        let keys = "lot_rows = 50\nlot_age = '200ms'\ntimeout = '2s'";
        Site::start(None, &format!("{output}\nsensor = '{name}'\n{keys}"), "--print none")
    };
    let mut sites = [site("edge-1")?, site("edge-2")?];
    let fed = |sites: &[Site]| sites.iter().map(|site| site.fed).sum::<u64>();

    for site in &mut sites {
        site.feed(SOME)?;
    }
    wait_until("some rows are there", || consumer.rows() >= 200)
        .with_context(|| format!("{}\n{}", sites[0].agent.said(), consumer.said()))?;
    // In the middle of the rest.
    consumer.kill();
    for site in &mut sites {
        site.feed(SOME)?;
    }
    bus.kill();
    for site in &mut sites {
        site.feed(SOME)?;
        site.wait_for("sinks", B::NAME, |sink| sink["connected"] == false)?;
    }
    consumer.start()?;
    bus.start()?;
    for site in &mut sites {
        site.feed(SOME)?;
        let sink = site.wait_for_all("sinks", B::NAME)?;
        ensure!(figure(&sink, "not_sent") == 0 && figure(&sink, "repeated") > 0, "{sink:#}");
        ensure!(sink["connected"] == true && sink["outages"] == 1, "{sink:#}");
    }
    let all = fed(&sites);
    wait_until("all rows are there", || consumer.rows() >= all)
        .with_context(|| format!("{} of {all}: {}", consumer.rows(), consumer.said()))?;
    // What starts reads some again.
    consumer.kill();
    consumer.start()?;
    let mut more = [0; 2];
    for (site, more) in sites.iter_mut().zip(&mut more) {
        site.feed(100)?;
        site.wait_for_all("sinks", B::NAME)?;
        *more = site.fed;
    }
    let all = fed(&sites);
    wait_until("the last rows are there", || consumer.rows() >= all)
        .with_context(|| format!("{} of {all}: {}", consumer.rows(), consumer.said()))?;
    let said = consumer.said();
    let told = consumer.finish()?;
    // Rows, numbers of records, source ports, packets: each flow has a port of its own, and one packet.
    let expected = json!({ "edge-1": vec![more[0]; 4], "edge-2": vec![more[1]; 4] });
    ensure!(told == expected, "{told}, not {expected}: {said}");
    for site in sites {
        let (outcome, _directory) = site.stop()?;
        ensure!(outcome.stderr.contains("0 not sent"), "{}", outcome.stderr);
    }
    Ok(())
}
