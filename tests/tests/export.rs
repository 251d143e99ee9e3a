//! Sinks whose collectors are dead, slow, unknown, late or gone: every record is accounted for, nobody else
//! suffers, and each trouble is told once.

use anyhow::{Context, Result, ensure};
use sensor::export::{
    ipfix::{
        IpfixSink,
        metering::MeteringProcess,
        options::{IpfixOptions, Transport},
    },
    sink::Sink,
};
use sensor_core::flow::interfaces::{Interface, Interfaces};
use sensor_wire::ipfix::decode::Record;
use tests::{
    collector::{Collector, Manner},
    export::{DEADLINE, SHORT_DEADLINE, finish, start, to, told},
    flows, log,
    peers::{self, wait_until},
    pki::Pki,
};

#[test]
fn dead_slow_and_unknown_collectors_leave_the_healthy_one_alone() -> Result<()> {
    let (healthy, slow) = (Collector::start(Manner::Reads)?, Collector::start(Manner::Sleeps)?);
    let options = IpfixOptions { queue_records: 10_000, ..Default::default() };
    let tcp = |port| to(Transport::Tcp, "127.0.0.1", port);
    let healthy_sink = start(tcp(healthy.address.port()), options)?;
    let slow_sink = start(tcp(slow.address.port()), options)?;
    let dead = [
        start(tcp(peers::free_port()?), options)?,
        start(to(Transport::udp(), "127.0.0.1", peers::free_port()?), options)?,
        start(to(Transport::Tcp, "collector.invalid", 4739), options)?,
    ];
    for seed in 0..100 {
        let batch = flows::ipv6(seed, 2000);
        ensure!(healthy_sink.offer_waiting(&batch));
        slow_sink.offer(&batch);
        for sink in &dead {
            sink.offer(&batch);
            ensure!(sink.account().balances());
        }
    }

    let account = finish(healthy_sink, DEADLINE)?;
    ensure!(account.sent.flows == 200_000, "{account:?}");
    let sent = account.sent;
    // What has arrived need not have been read yet.
    let all = (sent.flows, sent.packets, sent.octets);
    wait_until("all is read", || healthy.received().totals() == all)?;
    let received = healthy.received();
    ensure!(received.faults.is_empty(), "{:?}", received.faults);

    let account = finish(slow_sink, SHORT_DEADLINE)?;
    ensure!(account.offered == sent, "all were offered the same: {account:?}");
    ensure!(account.not_sent.totals.flows > 0, "the slow collector took it all: {account:?}");

    let reasons =
        ["cannot connect to 127.0.0.1:", "no process listens", "cannot resolve collector.invalid"];
    for (sink, reason) in dead.into_iter().zip(reasons) {
        let name = sink.name().to_owned();
        wait_until("the outage is noticed", || sink.status().outages > 0)?;
        let status = sink.status();
        let error = status.error.context("an error")?;
        ensure!(!status.connected && error.contains(reason), "{name}: {error}");
        let account = finish(sink, DEADLINE)?;
        ensure!(account.sent.flows == 0 && account.not_sent.totals == sent, "{name}: {account:?}");
        let (outages, recoveries) = told(&name);
        ensure!(outages.len() == 1 && recoveries.is_empty(), "{outages:?} {recoveries:?}");
        ensure!(outages[0].contains(reason), "{outages:?}");
    }
    Ok(())
}

#[test]
fn a_datagram_collector_that_comes_late_gets_everything() -> Result<()> {
    if !(peers::require("nfcapd") && peers::require("nfdump")) {
        return Ok(());
    }
    let port = peers::free_port()?;
    let sink = start(to(Transport::udp(), "localhost", port), Default::default())?;
    ensure!(sink.offer(&flows::ipv4(0, 3000)));
    wait_until("the outage is noticed", || sink.status().outages > 0)?;
    let nfcapd = peers::Nfcapd::start_at(port)?;
    wait_until("it exports again", || sink.account().queued.flows == 0)?;
    let name = sink.name().to_owned();
    let account = finish(sink, DEADLINE)?;
    ensure!(account.sent.flows == 3000, "{account:?}");
    let (stored, log) = nfcapd.finish()?;
    ensure!(stored.len() == 3000, "{} flows stored; {log}", stored.len());
    let (outages, recoveries) = told(&name);
    ensure!(outages.len() == 1 && recoveries.len() == 1, "{outages:?} {recoveries:?}");
    Ok(())
}

#[test]
fn refused_datagrams_count_as_not_sent() -> Result<()> {
    let listener = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let sink = start(to(Transport::udp(), "127.0.0.1", port), Default::default())?;
    ensure!(sink.offer(&flows::ipv4(0, 10)));
    wait_until("they are sent", || sink.account().sent.flows == 10)?;
    drop(listener);
    ensure!(sink.offer(&flows::ipv4(1, 10)));
    wait_until("the refusal is noticed", || sink.status().outages == 1)?;
    let account = finish(sink, DEADLINE)?;
    ensure!((account.sent.flows, account.not_sent.totals.flows) == (10, 10), "{account:?}");
    Ok(())
}

#[test]
fn what_a_broken_connection_loses_is_counted_and_the_rest_goes_on() -> Result<()> {
    let collector = Collector::start(Manner::Resets)?;
    let to = to(Transport::Tcp, "127.0.0.1", collector.address.port());
    let sink = start(to, Default::default())?;
    for seed in 0..20 {
        ensure!(sink.offer(&flows::ipv4(seed, 1000)));
    }
    wait_until("the kernel has taken some", || sink.account().sent.flows > 2000)?;
    collector.reset();
    wait_until("the second connection has the rest", || {
        sink.status().outages == 1 && sink.account().queued.flows == 0
    })?;
    let name = sink.name().to_owned();
    let account = finish(sink, DEADLINE)?;
    ensure!(account.offered.flows == 20_000, "{account:?}");
    // What has arrived on the second need not have been read yet.
    wait_until("all that arrived is read", || {
        account.sent.flows - collector.received().totals().0 < 1000
    })?;
    let received = collector.received();
    ensure!(received.faults.is_empty() && received.connections == 2, "{received:?}");
    // What lay in this end's buffer is taken back: of what counts as sent, only what the other end's kernel had
    // taken and its program did not read is missing, and its buffer is small.
    let missing = account.sent.flows - received.totals().0;
    ensure!(
        account.not_sent.totals.flows > 1000 && missing < 1000,
        "{missing} missing; {account:?}"
    );
    let (outages, recoveries) = told(&name);
    ensure!(outages.len() == 1 && recoveries.len() == 1, "{outages:?} {recoveries:?}");
    Ok(())
}

#[test]
fn a_collector_that_read_everything_and_went_away_has_lost_nothing() -> Result<()> {
    let pki = Pki::new()?;
    for (collector, transport) in [
        (Collector::start(Manner::Reads)?, Transport::Tcp),
        (pki.collector()?, Transport::Tls(pki.client())),
    ] {
        let to = to(transport, "127.0.0.1", collector.address.port());
        let sink = start(to, Default::default())?;
        ensure!(sink.offer(&flows::ipv4(0, 1000)));
        wait_until("it has read everything", || collector.received().totals().0 == 1000)?;
        drop(collector);
        wait_until("the outage is noticed", || sink.status().outages == 1)?;
        let account = finish(sink, DEADLINE)?;
        ensure!(account.sent == account.offered && account.not_sent.first == 0, "{account:?}");
    }
    Ok(())
}

#[test]
fn the_collector_is_told_what_it_missed_and_what_the_interfaces_are() -> Result<()> {
    log::keep();
    let port = peers::free_port()?;
    let metering = MeteringProcess::new();
    let named = |name: &str| {
        Interfaces([(2, Interface { name: name.into(), alias: String::new() })].into())
    };
    metering.set_interfaces(&named("eth0"));
    metering.add_ignored(3, 180, flows::START);
    let options = IpfixOptions {
        queue_records: 100,
        observation_domain: 9,
        process: 77,
        ..Default::default()
    };
    let sink = IpfixSink::start(to(Transport::Tcp, "127.0.0.1", port), options, &metering)?;
    ensure!(sink.offer(&flows::ipv4(0, 80)));
    ensure!(!sink.offer(&flows::ipv4(1, 80)), "beyond the bound");
    let collector = Collector::start_at(port, Manner::Reads)?;
    wait_until("it has exported", || sink.account().sent.flows == 80)?;
    metering.set_interfaces(&named("lan0"));
    let has_name = |name: &str| {
        let records = collector.received().records;
        records.iter().any(|record| record.fields.contains(&(82, name.as_bytes().to_vec())))
    };
    wait_until("the new name is told", || has_name("lan0"))?;
    ensure!(has_name("eth0"));

    let account = finish(sink, DEADLINE)?;
    let records = collector.received().records;
    let find = |element| records.iter().rev().find(|record| record.number(element).is_some());
    let number = |record: &Record, element| record.number(element).map(|number| number as u64);
    let missed = find(166).context("exporting process reliability")?;
    let totals = account.not_sent.totals;
    ensure!(number(missed, 166) == Some(80) && totals.flows == 80, "{missed:?}");
    ensure!(number(missed, 167) == Some(totals.packets), "{missed:?}");
    ensure!(number(missed, 168) == Some(totals.octets), "{missed:?}");
    ensure!(number(missed, 323) == Some(account.not_sent.first), "{missed:?}");
    let ignored = find(164).context("metering process reliability")?;
    ensure!(number(ignored, 164) == Some(3) && number(ignored, 165) == Some(180), "{ignored:?}");
    let exported = find(42).context("metering process statistics")?;
    ensure!(number(exported, 42) == Some(80) && number(exported, 149) == Some(9), "{exported:?}");
    ensure!(number(exported, 41) == Some(account.messages - 1), "all but the one that says so");
    Ok(())
}
