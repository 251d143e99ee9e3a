//! Exporters whose collectors are dead, slow, unknown or untrusted, and full disks: every record is accounted for,
//! nobody else suffers, and each trouble is told once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use sensor::{
    export::{
        account::Account,
        ipfix::{
            Exporter,
            metering::MeteringProcess,
            options::{
                CollectorOptions, Destination, ExportTime, ExporterOptions, FileOptions,
                TlsOptions, Transport,
            },
        },
    },
    wire::ipfix::{
        decode::{Decoder, Record, split_message},
        options::Interface,
    },
};
use tests::{
    collector::{Collector, Manner},
    flows, log,
    peers::{self, wait_until},
};

const DEADLINE: Duration = Duration::from_secs(20);
const SHORT_DEADLINE: Duration = Duration::from_millis(300);

fn start(destination: Destination, options: ExporterOptions) -> Result<Exporter> {
    log::keep();
    Ok(Exporter::start(destination, options, &MeteringProcess::new())?)
}

fn to(transport: Transport, host: &str, port: u16) -> Destination {
    Destination::Collector(CollectorOptions { transport, host: host.into(), port })
}

fn finish(exporter: Exporter, deadline: Duration) -> Result<Account> {
    exporter.stop(deadline);
    let account = exporter.join();
    ensure!(account.balances(), "does not balance: {account:?}");
    ensure!(account.queued == Default::default(), "forgotten: {account:?}");
    Ok(account)
}

/// Lines about `exporter` that tell of an outage, and of its end.
fn told(exporter: &str) -> (Vec<String>, Vec<String>) {
    // The port ends the name, and the line goes on with a blank.
    let name = format!("collector={exporter} ");
    (log::lines(&[&name, "not exporting"]), log::lines(&[&name, "exporting again"]))
}

#[test]
fn dead_slow_and_unknown_collectors_leave_the_healthy_one_alone() -> Result<()> {
    let (healthy, slow) = (Collector::start(Manner::Reads)?, Collector::start(Manner::Sleeps)?);
    let options = ExporterOptions { queue_records: 10_000, ..Default::default() };
    let tcp = |port| to(Transport::Tcp, "127.0.0.1", port);
    let healthy_exporter = start(tcp(healthy.address.port()), options)?;
    let slow_exporter = start(tcp(slow.address.port()), options)?;
    let dead = [
        start(tcp(peers::free_port()?), options)?,
        start(to(Transport::udp(), "127.0.0.1", peers::free_port()?), options)?,
        start(to(Transport::Tcp, "collector.invalid", 4739), options)?,
    ];
    for seed in 0..100 {
        let batch = flows::ipv6(seed, 2000);
        ensure!(healthy_exporter.offer_waiting(&batch));
        slow_exporter.offer(&batch);
        for exporter in &dead {
            exporter.offer(&batch);
            ensure!(exporter.account().balances());
        }
    }

    let account = finish(healthy_exporter, DEADLINE)?;
    ensure!(account.sent.flows == 200_000, "{account:?}");
    let received = healthy.received();
    ensure!(received.faults.is_empty(), "{:?}", received.faults);
    let sent = account.sent;
    ensure!(received.totals() == (sent.flows, sent.packets, sent.octets));

    let account = finish(slow_exporter, SHORT_DEADLINE)?;
    ensure!(account.offered == sent, "all were offered the same: {account:?}");
    ensure!(account.not_sent.totals.flows > 0, "the slow collector took it all: {account:?}");

    let reasons =
        ["cannot connect to 127.0.0.1:", "nobody receives", "cannot resolve collector.invalid"];
    for (exporter, reason) in dead.into_iter().zip(reasons) {
        let name = exporter.name().to_owned();
        wait_until("the outage is noticed", || exporter.status().outages > 0)?;
        let status = exporter.status();
        let error = status.error.context("an error")?;
        ensure!(!status.connected && error.contains(reason), "{name}: {error}");
        let account = finish(exporter, DEADLINE)?;
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
    let exporter = start(to(Transport::udp(), "localhost", port), Default::default())?;
    ensure!(exporter.offer(&flows::ipv4(0, 3000)));
    wait_until("the outage is noticed", || exporter.status().outages > 0)?;
    let nfcapd = peers::Nfcapd::start_at(port)?;
    wait_until("it exports again", || exporter.account().queued.flows == 0)?;
    let name = exporter.name().to_owned();
    let account = finish(exporter, DEADLINE)?;
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
    let exporter = start(to(Transport::udp(), "127.0.0.1", port), Default::default())?;
    ensure!(exporter.offer(&flows::ipv4(0, 10)));
    wait_until("they are sent", || exporter.account().sent.flows == 10)?;
    drop(listener);
    ensure!(exporter.offer(&flows::ipv4(1, 10)));
    wait_until("the refusal is noticed", || exporter.status().outages == 1)?;
    let account = finish(exporter, DEADLINE)?;
    ensure!((account.sent.flows, account.not_sent.totals.flows) == (10, 10), "{account:?}");
    Ok(())
}

#[test]
fn what_a_broken_connection_loses_is_counted_and_the_rest_goes_on() -> Result<()> {
    let collector = Collector::start(Manner::Resets)?;
    let to = to(Transport::Tcp, "127.0.0.1", collector.address.port());
    let exporter = start(to, Default::default())?;
    for seed in 0..20 {
        ensure!(exporter.offer(&flows::ipv4(seed, 1000)));
    }
    wait_until("the kernel has taken some", || exporter.account().sent.flows > 2000)?;
    collector.reset();
    wait_until("the second connection has the rest", || {
        exporter.status().outages == 1 && exporter.account().queued.flows == 0
    })?;
    let name = exporter.name().to_owned();
    let account = finish(exporter, DEADLINE)?;
    ensure!(account.offered.flows == 20_000, "{account:?}");
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
        let exporter = start(to, Default::default())?;
        ensure!(exporter.offer(&flows::ipv4(0, 1000)));
        wait_until("it has read everything", || collector.received().totals().0 == 1000)?;
        drop(collector);
        wait_until("the outage is noticed", || exporter.status().outages == 1)?;
        let account = finish(exporter, DEADLINE)?;
        ensure!(account.sent == account.offered && account.not_sent.first == 0, "{account:?}");
    }
    Ok(())
}

#[test]
fn the_collector_is_told_what_it_missed_and_what_the_interfaces_are() -> Result<()> {
    log::keep();
    let port = peers::free_port()?;
    let metering = MeteringProcess::new();
    let named = |name: &str| Interface { index: 2, name: name.into(), description: String::new() };
    metering.set_interfaces(vec![named("eth0")]);
    metering.add_ignored(3, 180, flows::START);
    let options = ExporterOptions {
        queue_records: 100,
        observation_domain: 9,
        process: 77,
        ..Default::default()
    };
    let exporter = Exporter::start(to(Transport::Tcp, "127.0.0.1", port), options, &metering)?;
    ensure!(exporter.offer(&flows::ipv4(0, 80)));
    ensure!(!exporter.offer(&flows::ipv4(1, 80)), "beyond the bound");
    let collector = Collector::start_at(port, Manner::Reads)?;
    wait_until("it has exported", || exporter.account().sent.flows == 80)?;
    metering.set_interfaces(vec![named("lan0")]);
    let has_name = |name: &str| {
        let records = collector.received().records;
        records.iter().any(|record| record.fields.contains(&(82, name.as_bytes().to_vec())))
    };
    wait_until("the new name is told", || has_name("lan0"))?;
    ensure!(has_name("eth0"));

    let account = finish(exporter, DEADLINE)?;
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

/// A certificate authority, what it has signed, and where the files lie.
struct Pki {
    directory: tempfile::TempDir,
    server: (Vec<u8>, Vec<u8>),
}

impl Pki {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let ca_key = rcgen::KeyPair::generate()?;
        let mut ca = rcgen::CertificateParams::new(vec![])?;
        // Authorities are told apart by their names.
        let own_name = directory.path().display().to_string();
        ca.distinguished_name.push(rcgen::DnType::CommonName, own_name);
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        fs::write(directory.path().join("ca.pem"), ca.self_signed(&ca_key)?.pem())?;
        let ca = rcgen::Issuer::new(ca, ca_key);
        let issue = |name: &str| -> Result<_> {
            let key = rcgen::KeyPair::generate()?;
            let certificate =
                rcgen::CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &ca)?;
            Ok((certificate, key))
        };
        let (client, client_key) = issue("sensor.test")?;
        fs::write(directory.path().join("client.pem"), client.pem())?;
        fs::write(directory.path().join("client.key"), client_key.serialize_pem())?;
        let (server, server_key) = issue("collector.test")?;
        let server = (server.der().to_vec(), server_key.serialize_der());
        Ok(Self { directory, server })
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.directory.path().join(name))
    }

    /// A collector that wants to see a certificate of this authority.
    fn collector(&self) -> Result<Collector> {
        use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.directory.path().join("ca.pem"))?)?;
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        );
        let (certificate, key) = self.server.clone();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients.build()?)
            .with_single_cert(vec![certificate.into()], PrivatePkcs8KeyDer::from(key).into())?;
        Collector::start(Manner::Tls(Arc::new(config)))
    }

    fn client(&self) -> TlsOptions {
        TlsOptions {
            ca: self.file("ca.pem"),
            certificate: self.file("client.pem"),
            key: self.file("client.key"),
            server_name: Some("collector.test".into()),
        }
    }
}

#[test]
fn tls_with_both_ends_known_carries_everything() -> Result<()> {
    let pki = Pki::new()?;
    let collector = pki.collector()?;
    let transport = Transport::Tls(pki.client());
    let exporter = start(to(transport, "127.0.0.1", collector.address.port()), Default::default())?;
    for seed in 0..5 {
        ensure!(exporter.offer(&flows::ipv4(seed, 2000)));
    }
    let account = finish(exporter, DEADLINE)?;
    ensure!(account.sent.flows == 10_000, "{account:?}");
    wait_until("all is received", || collector.received().totals().0 == 10_000)?;
    let received = collector.received();
    ensure!(received.faults.is_empty(), "{:?}", received.faults);
    Ok(())
}

#[test]
fn tls_refuses_whom_it_does_not_know() -> Result<()> {
    let (ours, theirs) = (Pki::new()?, Pki::new()?);
    let collector = theirs.collector()?;
    let known = theirs.client();
    for (options, reason) in [
        (TlsOptions { ca: ours.file("ca.pem"), ..known.clone() }, "UnknownIssuer"),
        (TlsOptions { server_name: None, ..known.clone() }, "not valid for name"),
        (
            TlsOptions { server_name: Some("other.test".into()), ..known.clone() },
            "not valid for name",
        ),
        (TlsOptions { certificate: None, key: None, ..known.clone() }, "CertificateRequired"),
    ] {
        let port = collector.address.port();
        let before =
            (collector.received().connections, log::lines(&["not exporting", reason]).len());
        let exporter = start(to(Transport::Tls(options), "127.0.0.1", port), Default::default())?;
        exporter.offer(&flows::ipv4(0, 10));
        wait_until("it is tried again", || collector.received().connections >= before.0 + 2)?;
        let status = exporter.status();
        let error = status.error.context("an error")?;
        ensure!(error.contains(reason), "{error}");
        let account = finish(exporter, DEADLINE)?;
        ensure!(account.sent.flows == 0 && account.not_sent.totals.flows == 10, "{account:?}");
        let lines = log::lines(&["not exporting", reason]);
        let all = log::lines(&["not exporting"]);
        ensure!(lines.len() == before.1 + 1, "{reason} told once: {lines:#?} of {all:#?}");
    }
    ensure!(collector.received().records.is_empty(), "they got data all the same");
    Ok(())
}

#[test]
fn tls_settings_that_cannot_be_used_are_told_at_the_start() -> Result<()> {
    let pki = Pki::new()?;
    let known = pki.client();
    fs::write(pki.directory.path().join("empty.pem"), "")?;
    for (options, reason) in [
        (TlsOptions { ca: pki.file("none.pem"), ..known.clone() }, "none.pem: "),
        (TlsOptions { ca: pki.file("empty.pem"), ..known.clone() }, "no certificate in PEM form"),
        (TlsOptions { key: None, ..known.clone() }, "go together"),
        (TlsOptions { key: pki.file("ca.pem"), ..known.clone() }, "ca.pem: "),
        (
            TlsOptions { server_name: Some("no name".into()), ..known.clone() },
            "neither a host name",
        ),
    ] {
        let refused = start(to(Transport::Tls(options), "127.0.0.1", 4740), Default::default());
        let error = refused.err().context("it is refused")?.to_string();
        ensure!(error.contains(reason), "{error}");
    }
    Ok(())
}

/// The flow records, packets and octets in the files of `directory`, each read on its own.
fn stored(directory: &Path) -> Result<(usize, (u64, u64, u64))> {
    let (mut files, mut totals) = (0, (0, 0, 0));
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        ensure!(
            path.extension().is_some_and(|end| end == "ipfix"),
            "left over: {}",
            path.display()
        );
        files += 1;
        let content = fs::read(&path)?;
        let (mut rest, mut decoder) = (&content[..], Decoder::default());
        while let Some((message, behind)) = split_message(rest) {
            for record in decoder.decode(message)?.records.iter().filter(|record| record.scope == 0)
            {
                let number = |element| record.number(element).unwrap_or_default() as u64;
                totals = (totals.0 + 1, totals.1 + number(2), totals.2 + number(1));
            }
            rest = behind;
        }
        ensure!(rest.is_empty(), "half a message at the end of {}", path.display());
    }
    Ok((files, totals))
}

#[test]
fn files_are_rotated_and_hold_everything() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let options =
        FileOptions { rotate_octets: 100_000, ..FileOptions::new(directory.path().join("new")) };
    let exporter = start(Destination::Files(options.clone()), Default::default())?;
    for seed in 0..10 {
        ensure!(exporter.offer(&flows::ipv4(seed, 1000)));
    }
    let account = finish(exporter, DEADLINE)?;
    let (files, totals) = stored(&options.directory)?;
    let sent = account.sent;
    ensure!(
        sent.flows == 10_000 && totals == (sent.flows, sent.packets, sent.octets),
        "{totals:?}"
    );
    ensure!(files == 9, "10,000 flows of 85 octets make {files} files");
    Ok(())
}

#[test]
fn replayed_flows_make_the_same_files_each_time() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let files = |name: &str| -> Result<Vec<(std::ffi::OsString, Vec<u8>)>> {
        let mut options = FileOptions::new(directory.path().join(name));
        options.rotate_interval = Duration::from_secs(1);
        let exporter = start(
            Destination::Files(options.clone()),
            ExporterOptions {
                export_time: ExportTime::FlowEnd,
                process: 1,
                queue_records: 1,
                ..Default::default()
            },
        )?;
        for seed in 0..50 {
            ensure!(exporter.offer_waiting(&flows::ipv4(seed, 100)));
        }
        finish(exporter, DEADLINE)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&options.directory)? {
            let entry = entry?;
            files.push((entry.file_name(), fs::read(entry.path())?));
        }
        files.sort();
        Ok(files)
    };
    let (first, second) = (files("first")?, files("second")?);
    ensure!(first.len() > 10, "{} files", first.len());
    ensure!(first == second);
    Ok(())
}

#[test]
fn replay_without_flows_makes_no_file() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let options = FileOptions::new(directory.path().join("flows"));
    let exporter = start(
        Destination::Files(options.clone()),
        ExporterOptions { export_time: ExportTime::FlowEnd, ..Default::default() },
    )?;
    finish(exporter, DEADLINE)?;
    ensure!(!options.directory.exists());
    Ok(())
}

/// A small file system of its own, which can be full; unmounted when dropped.
struct SmallDisk {
    directory: tempfile::TempDir,
}

impl SmallDisk {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(directory.path())
            .status()?;
        ensure!(mounted.success(), "mount");
        Ok(Self { directory })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.directory.path()).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_silently_and_is_used_again_when_there_is_room() -> Result<()> {
    if !peers::require_root() {
        return Ok(());
    }
    let disk = SmallDisk::new()?;
    let path = disk.directory.path();
    let exporter =
        start(Destination::Files(FileOptions::new(path.to_owned())), Default::default())?;
    for seed in 0..10 {
        ensure!(exporter.offer(&flows::ipv4(seed, 1000)));
    }
    wait_until("the disk is full", || exporter.status().outages > 0)?;
    let account = exporter.account();
    let (_, before) = stored(path)?;
    ensure!(
        before == (account.sent.flows, account.sent.packets, account.sent.octets),
        "{account:?}"
    );
    ensure!(account.not_sent.totals.flows > 0, "the message that had no room: {account:?}");
    for entry in fs::read_dir(path)? {
        fs::remove_file(entry?.path())?;
    }
    wait_until("there is room", || exporter.account().sent.flows > before.0)?;
    let name = exporter.name().to_owned();
    let account = finish(exporter, DEADLINE)?;
    let (_, after) = stored(path)?;
    ensure!(before.0 + after.0 == account.sent.flows, "{account:?}");
    let (outages, _) = told(&name);
    ensure!(!outages.is_empty() && outages[0].contains("No space left on device"), "{outages:?}");
    Ok(())
}
