//! Router intake: real export datagrams into columns, nanoseconds a record on one core, beside netflow_parser.
//!
//! The datagrams are those of the corpus (`SENSOR_CORPORA`, else `../shared/corpora`); where it is not there, made ones.
//! Then hostile ones, microseconds a datagram.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod hostile;
#[path = "../../wire/tests/messages/mod.rs"]
mod messages;

use std::{
    env,
    hint::black_box,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use netflow_parser::AutoScopedParser;
use sensor::{
    intake::admission::{Admission, Rule, Rules, Verdict},
    replay::capture::CaptureReader,
};
use sensor_common::packet;
use sensor_wire::{
    batches::Batches,
    decoder::{Decoder, Options},
    device::profile::DeviceProfile,
};

const ROUNDS: usize = 15;
/// How long a round takes about.
const ROUND: Duration = Duration::from_millis(40);
const NOW: u64 = 1_700_000_000_000;

/// Case, what it is, and the target in nanoseconds a record.
const CASES: [(&str, &str, f64); 14] = [
    ("spark-netflow.ftv5-derived", "v5, made up, 28 a datagram", 25.0),
    ("logstash.Netflow_5_valid_01", "v5, nc of a router", 25.0),
    ("spark-netflow.ftv7-derived", "v7, made up", 25.0),
    ("logstash.Netflow_9_Cisco_ASR_9000_series_template_260", "v9, Cisco ASR 9000", 60.0),
    ("logstash.Netflow_9_Fortigate_FortiOS_5.2.1", "v9, Fortigate", 60.0),
    ("graylog-labs.netflow-data_nprobe-netflow9.pcap", "v9 (and v5), nProbe", 60.0),
    ("akvorado.netflow.data+", "v9, Cisco, many samplers", 60.0),
    ("logstash.IPFIX_Mikrotik_RouterOS_6.39.2", "IPFIX, Mikrotik", 60.0),
    ("logstash.IPFIX_OpenBSD_pflow", "IPFIX, OpenBSD pflow", 60.0),
    ("ipfixcol2.example_flows.ipfix", "IPFIX, CESNET, variable length", 60.0),
    (
        "pmacct.tests_401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources_traffic-00.pcap",
        "IPFIX, Cisco, MPLS and SRv6",
        60.0,
    ),
    ("akvorado.sflow.data-1140", "sFlow, 5 samples a datagram", 120.0),
    ("telegraf.sflow_issue_15918", "sFlow, and counters", 120.0),
    ("the-tcpdump-group.tests_sflow-print-v6.pcap", "sFlow, 25 datagrams", 120.0),
];

fn main() {
    // Only cases with this in their description, and no hostile ones.
    let only = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!("Decoding datagrams into columns, one core, least of {ROUNDS} rounds; ns a record\n");
    println!(
        "{:<34}{:>9}{:>9}{:>9}{:>16}{:>8}",
        "datagrams", "records", "octets", "ns", "netflow_parser", "times"
    );
    let Some(exports) = exports() else {
        println!("no corpus: SENSOR_CORPORA names it; made datagrams instead");
        measure("v5, made here", &made_v5(), 25.0);
        hostile::run();
        return;
    };
    let wanted = |what: &str| only.as_deref().is_none_or(|only| what.contains(only));
    for (case, what, target) in CASES.into_iter().filter(|(_, what, _)| wanted(what)) {
        match datagrams(&exports.join(case)) {
            Some(datagrams) => measure(what, &datagrams, target),
            None => println!("{what:<34} {case} cannot be read"),
        }
    }
    if only.is_none() {
        configured();
        hostile::run();
    }
}

/// Blocks of `[[device]]` in a configuration that names each router of a large network.
const BLOCKS: u16 = 1000;

/// What a datagram costs from one of many routers in turn, with a block for each of them in the configuration, beside none.
fn configured() {
    let block = |router: u16| Rule {
        network: IpAddr::from(router_at(router)).into(),
        profile: DeviceProfile { name: format!("router {router}"), ..DeviceProfile::default() },
        rate_limit: None,
    };
    let rules = [Vec::new(), (0..BLOCKS).map(block).collect()].map(|blocks| {
        Arc::new(Rules::new(vec!["0.0.0.0/0".parse().expect("a network")], blocks, None))
    });
    let [(_, octets)] = &made_v5()[..] else { return };
    let mut intakes = rules.map(|rules| {
        let asked = rules.clone();
        let profile = Box::new(move |address| asked.profile(address));
        let decoder = Decoder::new(Options { profile, ..Options::default() });
        (Admission::new(rules), decoder, Batches::default())
    });
    // In turn, so that what else the machine does hits both.
    let mut least = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        for ((admission, collector, batches), least) in intakes.iter_mut().zip(&mut least) {
            let start = Instant::now();
            for router in (0..20).flat_map(|_| 0..BLOCKS) {
                let address = router_at(router);
                if admission.judge(address.into(), NOW) == Verdict::Admitted {
                    collector.datagram((address, 2055).into(), NOW, octets, batches);
                }
                batches.exchange(false, |batch| Some(black_box(batch)));
            }
            let spent = start.elapsed().as_nanos() as f64 / f64::from(20 * u32::from(BLOCKS));
            *least = least.min(spent);
        }
    }
    let [none, many] = least;
    println!("\nDatagrams of {BLOCKS} routers, ns a datagram of 30 records\n");
    println!(
        "no device blocks {none:.0}, {BLOCKS} device blocks {many:.0}: {:.2} times",
        many / none
    );
}

fn router_at(router: u16) -> Ipv4Addr {
    // Networks of a few routers each.
    Ipv4Addr::from(0x0a00_0000 + u32::from(router) * 37)
}

type Datagrams = Vec<(SocketAddr, Vec<u8>)>;

fn measure(what: &str, datagrams: &Datagrams, target: f64) {
    let mut decoder = Decoder::new(Options::default());
    let mut batches = Batches::default();
    let mut parser = AutoScopedParser::new();
    // All templates first; then what brings flows is measured.
    for (from, octets) in datagrams {
        decoder.datagram(*from, NOW, octets, &mut batches);
        let _ = black_box(parser.parse_from_source(*from, octets));
    }
    batches.take(true, drop);
    let before = decoder.ledger();
    let bringing: Datagrams = datagrams
        .iter()
        .filter(|(from, octets)| {
            decoder.datagram(*from, NOW, octets, &mut batches);
            let rows = batches.rows();
            batches.take(true, drop);
            rows != 0
        })
        .cloned()
        .collect();
    let after = decoder.ledger();
    let records = (after.data_records - after.options_records)
        - (before.data_records - before.options_records);
    let octets: usize = bringing.iter().map(|(_, octets)| octets.len()).sum();
    if records == 0 {
        println!("{what:<34} no flows");
        return;
    }
    let mut ours = || {
        for (from, octets) in &bringing {
            decoder.datagram(*from, NOW, octets, &mut batches);
        }
        batches.exchange(false, |batch| Some(black_box(batch)));
    };
    let mut theirs = || {
        for (from, octets) in &bringing {
            let _ = black_box(parser.parse_from_source(*from, octets));
        }
    };
    // It does not read sFlow.
    let reads = target <= 100.0;
    let mut works: Vec<&mut dyn FnMut()> = vec![&mut ours];
    works.extend(reads.then_some(&mut theirs as &mut dyn FnMut()));
    let spent = per_record(records, &mut works);
    let ours = spent[0];
    print!("{what:<34}{records:>9}{octets:>9}{ours:>9.1}");
    match spent.get(1) {
        Some(theirs) => println!("{theirs:>16.1}{:>8.2}", theirs / ours),
        None => println!("{:>16}{:>8}", "-", "-"),
    }
    if ours > target {
        println!("{:<34} target: {target} ns", "");
    }
}

/// Nanoseconds a record of each of `works`, which do `records`: the least of [`ROUNDS`] rounds. They take turns, so that what
/// else the machine does hits all of them.
fn per_record(records: u64, works: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let times = works.iter_mut().map(|work| {
        let start = Instant::now();
        work();
        let once = start.elapsed().max(Duration::from_nanos(100));
        (ROUND.as_nanos() / once.as_nanos()).clamp(1, 1_000_000) as u32
    });
    let times: Vec<u32> = times.collect();
    let mut least = vec![f64::INFINITY; works.len()];
    for _ in 0..ROUNDS {
        for ((work, times), least) in works.iter_mut().zip(&times).zip(&mut least) {
            let start = Instant::now();
            for _ in 0..*times {
                work();
            }
            let spent = start.elapsed().as_secs_f64() * 1e9 / f64::from(*times);
            *least = least.min(spent / records as f64);
        }
    }
    least
}

fn exports() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let corpora = env::var_os("SENSOR_CORPORA").map_or_else(beside, PathBuf::from);
    Some(corpora.join("exports")).filter(|exports| exports.is_dir())
}

fn datagrams(case: &Path) -> Option<Datagrams> {
    let mut reader = CaptureReader::open(&case.join("input.pcap")).ok()?;
    let mut datagrams = Vec::new();
    while let Ok(Some(frame)) = reader.next() {
        let headers = packet::parse(frame.data, frame.data.len() as u32).ok()?;
        let end = (headers.link_length + headers.octets) as usize;
        let source = u32::from_be(headers.source[0]).to_be_bytes();
        datagrams.push((
            SocketAddr::from((source, headers.source_port())),
            frame.data[headers.headers_length as usize..end].to_vec(),
        ));
    }
    Some(datagrams)
}

/// A datagram of NetFlow 5 with 30 records.
fn made_v5() -> Datagrams {
    let mut datagram = vec![0, 5, 0, 30, 0, 1, 0, 0];
    datagram.extend(1_700_000_000_u32.to_be_bytes());
    datagram.extend([0; 12]);
    for record in 0..30_u8 {
        datagram.extend([10, 0, 0, record, 192, 0, 2, record]);
        datagram.extend([record; 40]);
    }
    vec![(SocketAddr::from(([192, 0, 2, 1], 2055)), datagram)]
}
