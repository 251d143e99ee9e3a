//! Hits as IPFIX records beside the flows: nothing is lost, tshark reads them, and replays give the same octets.

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use sensor::export::{
    account::Account,
    ipfix::{
        IpfixSink,
        metering::MeteringProcess,
        options::{Destination, ExportTime, FileOptions, HitOptions, IpfixOptions, Transport},
    },
    sink::Sink,
};
use sensor_core::{flow::fields::OwnedValue, policy::alert::Alert};
use serde_json::Value;
use tests::{
    collector::{Collector, Manner},
    export::{DEADLINE, SHORT_DEADLINE, start, to},
    flows, hits,
    peers::{dissect, require, wait_until},
};

const ENTERPRISE: u32 = 32_473;

fn options(export_time: ExportTime) -> IpfixOptions {
    let hits = Some(HitOptions { enterprise: ENTERPRISE, queue: 10_000 });
    IpfixOptions { hits, export_time, process: 1, ..Default::default() }
}

fn event(number: u64) -> Arc<Alert> {
    if number.is_multiple_of(2) {
        return hits::event(number);
    }
    let mut event = (*hits::event(number)).clone();
    let address = |last: u16| OwnedValue::Ip(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]));
    event.samples = vec![vec![("srcip", address(1)), ("dstip", address(2))]];
    event.into()
}

/// Ends the sink; both accounts must balance, with nothing forgotten.
fn finish(
    sink: IpfixSink,
    mut hits: impl Sink<Alert>,
    deadline: Duration,
) -> Result<(Account, Account<u64>)> {
    sink.stop(deadline);
    let flows = sink.join();
    hits.end();
    let hits = hits.account();
    ensure!(flows.balances() && hits.balances(), "{flows:?} {hits:?}");
    ensure!(flows.queued.flows == 0 && hits.queued == 0, "{flows:?} {hits:?}");
    Ok((flows, hits))
}

#[test]
fn hits_and_flows_arrive_together() -> Result<()> {
    let collector = Collector::start(Manner::Reads)?;
    let destination = to(Transport::Tcp, "127.0.0.1", collector.address.port());
    let sink = start(destination, options(ExportTime::Clock))?;
    let output = sink.hits().context("an output of hits")?;
    for seed in 0..50 {
        ensure!(sink.offer(&flows::ipv4(seed, 100)));
        for number in 0..20 {
            ensure!(output.offer(&event(u64::from(seed) * 20 + number)));
        }
    }
    wait_until("hits go out without flows", || output.account().sent == 1000)?;
    let (flows, hits) = finish(sink, output, DEADLINE)?;
    ensure!((flows.sent.flows, hits.sent) == (5000, 1000), "{flows:?} {hits:?}");
    let received = collector.received();
    ensure!(received.faults.is_empty(), "{:?}", received.faults);
    let mut incidents: Vec<u64> = received
        .records
        .iter()
        .filter_map(|record| record.number(0x8004))
        .map(|number| number as u64)
        .collect();
    incidents.sort_unstable();
    ensure!(incidents == (0..1000).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn hits_to_nobody_are_counted() -> Result<()> {
    let destination = to(Transport::Tcp, "127.0.0.1", 1);
    let sink = start(destination, options(ExportTime::Clock))?;
    let output = sink.hits().context("an output of hits")?;
    for number in 0..100 {
        output.offer(&event(number));
    }
    let (_, hits) = finish(sink, output, SHORT_DEADLINE)?;
    ensure!((hits.sent, hits.not_sent.totals) == (0, 100), "{hits:?}");
    Ok(())
}

/// Files of flows and hits, the hits in the order of `when`.
fn files(directory: &Path, hits_first: bool) -> Result<Vec<u8>> {
    let sink = IpfixSink::start(
        Destination::Files(FileOptions {
            // The batches are minutes apart.
            rotate_interval: Duration::from_hours(24),
            ..FileOptions::new(directory.to_owned())
        }),
        options(ExportTime::FlowEnd),
        &MeteringProcess::new(),
    )?;
    let output = sink.hits().context("an output of hits")?;
    let flows = || (0..20).for_each(|seed| assert!(sink.offer_waiting(&flows::ipv4(seed, 50))));
    let hits = || (0..40).for_each(|number| assert!(output.offer_waiting(&event(number))));
    if hits_first {
        hits();
        flows();
    } else {
        flows();
        hits();
    }
    let (_, hits) = finish(sink, output, DEADLINE)?;
    ensure!(hits.sent == 40, "{hits:?}");
    let mut files = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    ensure!(files.len() == 1, "{files:?}");
    Ok(std::fs::read(files.remove(0).path())?)
}

#[test]
fn replays_give_the_same_octets() -> Result<()> {
    let (one, two) = (tempfile::tempdir()?, tempfile::tempdir()?);
    ensure!(files(one.path(), true)? == files(two.path(), false)?);
    Ok(())
}

#[test]
fn tshark_reads_hits_as_we_meant_them() -> Result<()> {
    if !require("tshark") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    files(directory.path(), false)?;
    let file = std::fs::read_dir(directory.path())?.next().context("a file")??.path();
    let complaints = "_ws.malformed || cflow.unexpected_sequence_number || cflow.no_template_found";
    ensure!(dissect(&file, None, complaints)?.is_empty(), "tshark complains");
    let packets = dissect(&file, None, "cflow")?;
    let mut records = Vec::new();
    packets.iter().for_each(|packet| collect(packet, &mut records));
    ensure!(records.len() == 40, "{} hits", records.len());
    let policy = "74:72:69:61:6c"; // "trial"
    for record in &records {
        let incident = record[OWN][3].as_str().context("incidentId")?;
        let six = u8::from_str_radix(&incident[incident.len() - 2..], 16)? % 2 == 1;
        let (field, address) =
            if six { ("cflow.srcaddrv6", "2001:db8::1") } else { ("cflow.srcaddr", "192.0.2.1") };
        ensure!(record[field] == address, "{record:#?}");
        ensure!(record[OWN][0] == policy && record[OWN][1] == "01" && record[OWN][2] == "04");
        ensure!(record[OWN][4] == "00:00:00:00:00:00:00:01", "matchedRecordCount: {record:#?}");
        let observed = record["cflow.observation_time_milliseconds"].as_str().unwrap_or_default();
        ensure!(observed.starts_with("Nov 14, 2023 22:13:20.000"), "{record:#?}");
    }
    Ok(())
}

/// Where tshark puts enterprise-specific elements that it has no names for.
const OWN: &str = "cflow.enterprise_private_entry";

/// The data records with such elements.
fn collect<'a>(value: &'a Value, records: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) if fields.contains_key(OWN) => records.push(value),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, records)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, records)),
        _ => {}
    }
}
