//! A snapshot in which every section and every list has something, for tests of what is made of snapshots.

use std::time::Duration;

use sensor_common::key::Direction;
use sensor_core::flow::{
    initiator::Shares,
    source::{Source, SourceId},
};
use sensor_wire::cloud::ledger::{self, Ledger};

use super::{
    Cache, Connection, Count, Flows, Hit, Lost, Policy, Reloads, Sink, Status, Waiting,
    agent::{Agent, Configuration, Privileges, Process, SandboxState},
    condition::{Code, Condition, Reason},
    histogram::{Histogram, Scale},
    host::{Drain, Host, Interface, InterfaceLosses, Pins, Table, Times},
    store::Store,
};
use crate::{
    agent::{
        cloud::follow::figures::{Followed, FollowedLog, ObjectCounts},
        host::coverage::{self, Passed},
        ingest::figures::{Connections, Ingested, Requests},
    },
    intake::report::{DeviceReport, ForwardReport, ListenerReport, Report, Skipped},
};

const NOW: u64 = 1_700_000_000_000;

fn count(packets: u64) -> Count {
    Count { packets, octets: 100 * packets }
}

fn host() -> Host {
    let passed = |direction| Passed {
        interface: "eth0".to_owned(),
        direction,
        seen: 900,
        counted: 1000,
        unseen: 100,
    };
    let mut times = Times::default();
    times.grace.observe(Duration::from_millis(10));
    times.drain.observe(Duration::from_millis(12));
    (times.gaps, times.longest_gap) = (1, Duration::from_millis(12_340));
    Host {
        drain: Drain {
            drains: 60,
            early: 2,
            out_of_balance: 0,
            records_v4: 500,
            records_v6: 50,
            seen: count(1000),
            segmented: count(20),
            recorded: count(1000),
            folded: count(7),
            non_ip: count(11),
            truncated: count(2),
            malformed: count(3),
            unattributed: count(4),
        },
        coverage: coverage::Report {
            interfaces: 1,
            current: vec![passed(Direction::Ingress), passed(Direction::Egress)],
            restored: 1,
            absent: vec![coverage::Absent { name: "eth9".to_owned(), was_there: false }],
            ..coverage::Report::default()
        },
        interfaces: vec![Interface {
            name: "eth0".to_owned(),
            ingress: "XDP".to_owned(),
            egress: "tcx".to_owned(),
            rx_packets: 600,
            rx_octets: 60_000,
            tx_packets: 400,
            tx_octets: 40_000,
            lost: InterfaceLosses { rx_missed: 5, ..InterfaceLosses::default() },
        }],
        tables: [Table { slots: 65_536, fullest: 1024 }, Table { slots: 32_768, fullest: 16 }],
        times,
        since_drain: Duration::from_millis(400),
        interval: Duration::from_secs(1),
        pins: Some(Pins {
            directory: "/sys/fs/bpf/sensor".to_owned(),
            problem: None,
            adopted_tables: true,
            adopted_links: 2,
            lost: count(9),
        }),
    }
}

fn intake() -> Report {
    let mut report = Report::default();
    let mut listener = ListenerReport { dropped: 6, ..ListenerReport::default() };
    listener.received.messages = 70;
    listener.received.octets = 70_000;
    report.listeners.insert("netflow://0.0.0.0:2055".to_owned(), listener);
    let device = || {
        let mut device = DeviceReport { name: "edge \"1\"".to_owned(), ..DeviceReport::default() };
        device.ledger.datagrams = 70;
        device.ledger.octets = 70_000;
        device.ledger.flow_rows = 1500;
        device.ledger.skipped[Skipped::UnknownTemplate] = 300;
        device.ledger.skipped[Skipped::RecordTruncated] = 20;
        device.lost.flows = 8;
        device.lost.datagrams = 9;
        device.skew = -2500;
        device
    };
    report.ledger = device().ledger;
    report.ledger.flows = 69_680;
    report.devices.insert(SourceId::Device([192, 0, 2, 1].into()), device());
    report.forwards = vec![ForwardReport { name: "udp://c:2055".to_owned(), sent: 60, failed: 1 }];
    report
}

fn followed() -> Followed {
    let mut ledger = Ledger { records: 1010, flows: 1000, rows: 1000, ..Ledger::default() };
    (ledger.windows, ledger.duplicates) = ([5, 1], 2);
    ledger.errors[ledger::Reason::Address as usize] = 2;
    let (provider, account) = (Source::Aws, "123456789012".to_owned());
    let id = SourceId::Cloud { provider, account, log: "fl-0a1b".to_owned() };
    let mut delays = Histogram::of(Scale::Delivery);
    [140, 400].into_iter().for_each(|seconds| delays.observe(Duration::from_secs(seconds)));
    Followed {
        name: "production".to_owned(),
        place: "/var/lib/flowlogs/".to_owned(),
        delays,
        objects: ObjectCounts {
            read: 20,
            grown: 3,
            rewritten: 1,
            old: 4,
            foreign: 2,
            unreadable: 1,
        },
        waiting: 6,
        octets: 40_000,
        lots: 9,
        resumed_lots: 1,
        repeated_lots: 1,
        last_object: NOW - 90_000,
        usual_interval: 300_000,
        silent: false,
        ended: false,
        error: Some("cannot write the state file: no space left".to_owned()),
        given_up: vec!["a.gz: corrupt deflate stream".to_owned()],
        logs: vec![FollowedLog { id, ledger, newest: NOW - 400_000, delay: 310_000 }],
    }
}

fn ingest() -> Ingested {
    let requests =
        Requests { accepted: 20, duplicate: 2, handshake: 1, event: 3, refused: 4, octets: 9000 };
    Ingested {
        sources: [("production".to_owned(), requests)].into(),
        refused: [("unauthorized", 3), ("too_large", 1), ("no_source", 2)].into(),
        connections: Connections { accepted: 12, too_many: 1, no_tls: 5, broken: 4 },
        under_way: 2,
    }
}

/// A snapshot that has everything.
pub fn status() -> Status {
    let flows = |flows| Flows { flows, packets: 10 * flows, octets: 1000 * flows };
    Status {
        agent: Some(Agent {
            version: "0.1.0",
            pid: 4242,
            started: NOW - 3_725_000,
            now: NOW,
            process: Some(Process {
                cpu: 12.5,
                resident: 50 << 20,
                virtual_memory: 500 << 20,
                threads: 9,
                descriptors: 33,
            }),
            configuration: Configuration {
                path: Some("/etc/sensor/sensor.toml".to_owned()),
                drop_ins: vec!["/etc/sensor/conf.d/10-edge.toml".to_owned()],
                sha256: Some("ba7816bf8f01cfea".repeat(4)),
                since: NOW - 60_000,
                reloaded: false,
                refusal: Some("configuration: cannot read policies".to_owned()),
                restart: vec!["engine.threads".to_owned(), "intake.workers".to_owned()],
            },
            privileges: Privileges {
                capabilities: vec!["CAP_BPF".to_owned(), "CAP_NET_ADMIN".to_owned()],
                sandbox: SandboxState {
                    state: "on",
                    version: Some("7".to_owned()),
                    writable: vec!["/var/lib/sensor".to_owned()],
                    why: None,
                },
            },
        }),
        host: Some(host()),
        intake: Some(intake()),
        followed: vec![followed()],
        ingest: Some(ingest()),
        cache: Some(Cache { active: 42, evicted: 3 }),
        engine: super::Engine {
            waiting: Waiting { queued_batches: 2, queued: 512, capacity: 262_144 },
            lost: vec![Lost {
                source: "netflow",
                reason: "full",
                flows: 7,
                packets: 9,
                octets: 900,
            }],
            policies: vec![Policy {
                name: "port_scan".to_owned(),
                matched: 900,
                late: 1,
                untracked: 2,
                evicted: 4,
                events: 5,
                labels: 6,
                watched: 30,
                spent: Duration::from_millis(1250),
                ..Policy::default()
            }],
            initiators: Shares { known: 1000, guessed: 300, unknown: 200 },
            ..super::Engine::default()
        },
        held_back: Some(12),
        sinks: vec![Sink {
            name: "tcp://collector:4739".to_owned(),
            offered: flows(1500),
            sent: flows(1400),
            queued: flows(90),
            not_sent: flows(10),
            capacity: 65_536,
            messages: 100,
            message_octets: 140_000,
            connection: Some(Connection { connected: false, outages: 2 }),
            repeated: Some(3),
            error: Some("connection refused".to_owned()),
            ..Sink::default()
        }],
        dns_sinks: vec![Sink {
            name: "/var/log/dns.json".to_owned(),
            offered: 48,
            sent: 45,
            queued: 3,
            capacity: 65_536,
            ..Sink::default()
        }],
        store: Some(Store {
            name: "store /var/lib/sensor/store".to_owned(),
            stored: 1350,
            shed: [4, 5, 1],
            carried: 10_000,
            sealed: 10_500,
            journaled: 450,
            expired: 300,
            damaged: 100,
            sealed_files: 3,
            compacted_files: 12,
            expired_files: 2,
            damaged_files: 1,
            failures: 6,
            files: 7,
            octets: 190_000,
            oldest: Some(NOW - 86_400_000),
            missing: 20,
            journals: 2,
            journal_octets: 17_000,
            journal_begun: Some(NOW - 90_000),
            trouble: Some("cannot write /var/lib/sensor/store/journal-1: No space left".to_owned()),
        }),
        hits: vec![Sink {
            name: "syslog+tcp://log:514".to_owned(),
            offered: 5,
            sent: 3,
            queued: 1,
            spooled: 1,
            capacity: 10_000,
            error: Some("timed out\nagain".to_owned()),
            ..Sink::default()
        }],
        recent_hits: vec![Hit {
            timestamp: NOW - 5000,
            policy: "port_scan".to_owned(),
            kind: "start",
            severity: "high",
            summary: "port_scan: start (high): srcip=10.0.0.5".to_owned(),
        }],
        reloads: Reloads {
            count: 2,
            refused: 1,
            last_pause: Duration::from_micros(1500),
            longest_pause: Duration::from_micros(2500),
        },
        ..Status::default()
    }
}

/// What might be said of it.
pub fn condition() -> Condition {
    let message = "no interface named eth9 has appeared".to_owned();
    Condition { reasons: vec![Reason { code: Code::AbsentInterface, message }], ready: true }
}
