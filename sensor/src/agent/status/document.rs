//! What `sensor status` tells: a selection of a snapshot whose keys are a promise (`docs/status.md`), whatever the agent's own
//! figures are called. `screen` shows the same to people.

use serde::Serialize;

use super::{
    Connection, Count, Hit, Policy, Sink, Status,
    clouds::{self, CloudRow},
    condition::{Condition, Reason},
    host::{Interface, Table},
    losses::Losses,
    pushed::{self, IngestRow},
    rates::Rates,
    stored::{self, StoreRow},
    summary,
};
use crate::agent::intake::summary as intake;

/// Policies and devices that are named: those with the most to tell.
const NAMED: usize = 10;

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    pub health: Health,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Configuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileges: Option<Privileges>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    pub interfaces: Vec<InterfaceRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    pub losses: Vec<String>,
    pub engine: Engine,
    pub listeners: Vec<Listener>,
    pub devices: Top<Device>,
    pub clouds: Vec<CloudRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingest: Option<IngestRow>,
    pub sinks: Vec<Output>,
    pub dns_sinks: Vec<Output>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreRow>,
    pub hits: Vec<Output>,
    pub policies: Top<PolicyRow>,
    pub last_hits: Vec<HitRow>,
    pub reloads: Reloads,
}

#[derive(Clone, Debug, Serialize)]
pub struct Health {
    pub healthy: bool,
    pub ready: bool,
    pub reasons: Vec<Reason>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Agent {
    pub version: &'static str,
    pub pid: u32,
    pub started_ms: u64,
    pub now_ms: u64,
    #[serde(flatten)]
    pub process: Option<Process>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Process {
    pub cpu_ms: u64,
    pub resident: u64,
    pub threads: u64,
    pub descriptors: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Configuration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    pub drop_ins: Vec<String>,
    pub since_ms: u64,
    pub complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    pub restart: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Privileges {
    pub capabilities: Vec<String>,
    pub sandbox: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub landlock: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub writable: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct InterfaceRow {
    pub name: String,
    pub ingress: String,
    pub egress: String,
    pub rx_packets: u64,
    pub rx_octets: u64,
    pub tx_packets: u64,
    pub tx_octets: u64,
    pub lost: Vec<Lost>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Lost {
    pub counter: &'static str,
    pub packets: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Kernel {
    pub ledger: Vec<Entry>,
    pub drains: u64,
    pub drains_early: u64,
    pub drains_out_of_balance: u64,
    pub drain_gaps: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_drain_gap_ms: Option<u64>,
    pub since_drain_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_mean_ms: Option<f64>,
    pub tables: Vec<TableRow>,
    pub active_flows: u64,
    pub evicted_flows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pins: Option<PinsRow>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PinsRow {
    pub directory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    pub adopted_tables: bool,
    pub adopted_links: u64,
    pub lost_packets: u64,
    pub lost_octets: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    pub entry: &'static str,
    pub packets: u64,
    pub octets: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct TableRow {
    pub family: &'static str,
    pub slots: u64,
    pub used: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Engine {
    pub records: u64,
    pub queued: u64,
    pub capacity: u64,
    pub lost: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Listener {
    pub name: String,
    pub messages: u64,
    pub octets: u64,
    pub dropped: u64,
}

/// The first of many.
#[derive(Clone, Debug, Serialize)]
pub struct Top<T> {
    pub count: u64,
    pub top: Vec<T>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Device {
    pub id: String,
    pub name: String,
    pub messages: u64,
    pub records: u64,
    pub lost_flows: u64,
    pub lost_messages: u64,
    pub unknown_template: u64,
    pub malformed: u64,
    pub clock_offset_ms: i64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Output {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated: Option<u64>,
    pub sent: u64,
    pub queued: u64,
    pub spooled: u64,
    pub capacity: u64,
    pub not_sent: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PolicyRow {
    pub name: String,
    pub matched: u64,
    pub events: u64,
    pub keys: u64,
    pub evicted: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct HitRow {
    pub timestamp_ms: u64,
    pub policy: String,
    pub kind: &'static str,
    pub severity: &'static str,
    pub summary: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Reloads {
    pub count: u64,
    pub incomplete: u64,
    pub last_pause_ms: f64,
    pub longest_pause_ms: f64,
}

impl Document {
    /// What `status` and what was made of it tell.
    pub fn new(status: &Status, condition: &Condition, rates: Option<Rates>) -> Self {
        let Condition { reasons, ready } = condition;
        let Losses(losses) = summary::losses(status);
        let reloads = &status.reloads;
        let engine = &status.engine;
        Self {
            health: Health {
                healthy: condition.is_healthy(),
                ready: *ready,
                reasons: reasons.clone(),
            },
            agent: status.agent.as_ref().map(|agent| Agent {
                version: agent.version,
                pid: agent.pid,
                started_ms: agent.started,
                now_ms: agent.now,
                process: agent.process.map(|process| Process {
                    cpu_ms: (process.cpu * 1e3) as u64,
                    resident: process.resident,
                    threads: process.threads,
                    descriptors: process.descriptors,
                }),
            }),
            configuration: status.agent.as_ref().map(|agent| {
                let super::agent::Configuration {
                    path,
                    drop_ins,
                    sha256,
                    since: since_ms,
                    reloaded: complete,
                    refusal,
                    restart,
                } = agent.configuration.clone();
                Configuration { path, sha256, drop_ins, since_ms, complete, refusal, restart }
            }),
            privileges: status.agent.as_ref().map(|agent| {
                let super::agent::Privileges { capabilities, sandbox } = agent.privileges.clone();
                let super::agent::SandboxState { state, version, writable, why } = sandbox;
                Privileges {
                    capabilities,
                    sandbox: state,
                    landlock: version,
                    reason: why,
                    writable,
                }
            }),
            rates,
            interfaces: status
                .host
                .iter()
                .flat_map(|host| host.interfaces.iter().map(InterfaceRow::of))
                .collect(),
            kernel: Kernel::of(status),
            losses,
            engine: Engine {
                records: engine.initiators.records(),
                queued: engine.waiting.queued,
                capacity: engine.waiting.capacity,
                lost: engine.lost.iter().map(|lost| lost.flows).sum(),
            },
            listeners: listeners(status),
            devices: devices(status),
            clouds: clouds::rows(&status.followed),
            ingest: pushed::row(status),
            sinks: status.sinks.iter().map(|sink| Output::of(sink, |flows| flows.flows)).collect(),
            dns_sinks: status.dns_sinks.iter().map(|sink| Output::of(sink, |dns| *dns)).collect(),
            store: stored::row(status),
            hits: status.hits.iter().map(|sink| Output::of(sink, |hits| *hits)).collect(),
            policies: policies(&engine.policies),
            last_hits: status.recent_hits.iter().map(HitRow::of).collect(),
            reloads: Reloads {
                count: reloads.count,
                incomplete: reloads.refused,
                last_pause_ms: reloads.last_pause.as_secs_f64() * 1e3,
                longest_pause_ms: reloads.longest_pause.as_secs_f64() * 1e3,
            },
        }
    }
}

impl InterfaceRow {
    fn of(interface: &Interface) -> Self {
        let lost = interface.lost.rows().into_iter().filter(|(_, packets)| *packets > 0);
        Self {
            name: interface.name.clone(),
            ingress: interface.ingress.clone(),
            egress: interface.egress.clone(),
            rx_packets: interface.rx_packets,
            rx_octets: interface.rx_octets,
            tx_packets: interface.tx_packets,
            tx_octets: interface.tx_octets,
            lost: lost.map(|(counter, packets)| Lost { counter, packets }).collect(),
        }
    }
}

impl Kernel {
    fn of(status: &Status) -> Option<Self> {
        let host = status.host.as_ref()?;
        let cache = status.cache.unwrap_or_default();
        let entry = |(entry, Count { packets, octets })| Entry { entry, packets, octets };
        let table = |(family, &Table { slots, fullest })| TableRow { family, slots, used: fullest };
        Some(Self {
            ledger: host.drain.ledger().into_iter().map(entry).collect(),
            drains: host.drain.drains,
            drains_early: host.drain.early,
            drains_out_of_balance: host.drain.out_of_balance,
            drain_gaps: host.times.gaps,
            longest_drain_gap_ms: (host.times.gaps > 0)
                .then_some(host.times.longest_gap.as_millis() as u64),
            since_drain_ms: host.since_drain.as_millis() as u64,
            drain_mean_ms: host.times.drain.mean().map(|mean| mean.as_secs_f64() * 1e3),
            tables: ["ipv4", "ipv6"].into_iter().zip(&host.tables).map(table).collect(),
            active_flows: cache.active,
            evicted_flows: cache.evicted,
            pins: host.pins.as_ref().map(|pins| PinsRow {
                directory: pins.directory.clone(),
                problem: pins.problem.clone(),
                adopted_tables: pins.adopted_tables,
                adopted_links: pins.adopted_links,
                lost_packets: pins.lost.packets,
                lost_octets: pins.lost.octets,
            }),
        })
    }
}

fn listeners(status: &Status) -> Vec<Listener> {
    let all = status.intake.iter().flat_map(|report| &report.listeners);
    let row = |(name, listener): (&String, &crate::intake::report::ListenerReport)| Listener {
        name: name.clone(),
        messages: listener.received.messages,
        octets: listener.received.octets,
        dropped: listener.dropped,
    };
    all.map(row).collect()
}

fn devices(status: &Status) -> Top<Device> {
    let mut all: Vec<_> = status.intake.iter().flat_map(|report| &report.devices).collect();
    all.sort_by_key(|(_, device)| std::cmp::Reverse(device.ledger.datagrams));
    let top = all.iter().take(NAMED).map(|(id, device)| Device {
        id: id.to_string(),
        name: device.name.clone(),
        messages: device.ledger.datagrams,
        records: device.ledger.flow_rows,
        lost_flows: device.lost.flows,
        lost_messages: device.lost.datagrams,
        unknown_template: intake::unknown(&device.ledger),
        malformed: intake::malformed(&device.ledger),
        clock_offset_ms: device.skew,
    });
    Top { count: all.len() as u64, top: top.collect() }
}

fn policies(all: &[Policy]) -> Top<PolicyRow> {
    let mut sorted: Vec<&Policy> = all.iter().filter(|policy| policy.matched > 0).collect();
    sorted.sort_by_key(|policy| std::cmp::Reverse((policy.events, policy.matched)));
    let top = sorted.iter().take(NAMED).map(|policy| PolicyRow {
        name: policy.name.clone(),
        matched: policy.matched,
        events: policy.events,
        keys: policy.watched,
        evicted: policy.evicted,
    });
    Top { count: all.len() as u64, top: top.collect() }
}

impl Output {
    fn of<A>(sink: &Sink<A>, records: fn(&A) -> u64) -> Self {
        Self {
            name: sink.name.clone(),
            connected: sink.connection.map(|Connection { connected, .. }| connected),
            outages: sink.connection.map(|Connection { outages, .. }| outages),
            repeated: sink.repeated,
            sent: records(&sink.sent),
            queued: records(&sink.queued),
            spooled: records(&sink.spooled),
            capacity: sink.capacity,
            not_sent: records(&sink.not_sent),
            error: sink.error.clone(),
        }
    }
}

impl HitRow {
    fn of(hit: &Hit) -> Self {
        let Hit { timestamp, policy, kind, severity, summary } = hit.clone();
        Self { timestamp_ms: timestamp, policy, kind, severity, summary }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use serde_json::Value;

    use super::*;
    use crate::agent::status::testing;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/status.md");

    fn kind(value: &Value) -> String {
        match value {
            Value::String(_) => "string".to_owned(),
            Value::Bool(_) => "boolean".to_owned(),
            Value::Number(number) if number.is_f64() => "number".to_owned(),
            Value::Number(_) => "integer".to_owned(),
            Value::Object(_) => "object".to_owned(),
            Value::Null => "null".to_owned(),
            Value::Array(items) => items.first().map_or("[]".to_owned(), |item| kind(item) + "[]"),
        }
    }

    fn walk(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    found.insert(path.clone(), kind(value));
                    walk(&path, value, found);
                }
            }
            Value::Array(items) => {
                items.iter().for_each(|item| walk(&format!("{path}[]"), item, found));
            }
            _ => {}
        }
    }

    /// In both directions, for a snapshot that has everything.
    #[test]
    fn the_page_describes_every_key() {
        let rates = Some(Rates::default());
        let mut status = testing::status();
        let pins = status.host.as_mut().and_then(|host| host.pins.as_mut());
        pins.expect("pins").problem = Some("no bpffs".to_owned());
        let agent = status.agent.as_mut().expect("an agent");
        agent.privileges.sandbox.why = Some("no Landlock".to_owned());
        let document = Document::new(&status, &testing::condition(), rates);
        let mut found = BTreeMap::new();
        walk("", &serde_json::to_value(&document).expect("JSON"), &mut found);
        let page = fs::read_to_string(PAGE).expect("the page is there");
        let section =
            page.split("## The document").nth(1).and_then(|rest| rest.split("\n## ").next());
        let rows =
            section.expect("the section").lines().filter_map(|line| line.strip_prefix("| `"));
        let described: BTreeMap<String, String> = rows
            .map(|row| {
                let mut cells = row.split(" | ");
                let path = cells.next().expect("a path").trim_end_matches('`').to_owned();
                (path, cells.next().expect("a type").to_owned())
            })
            .collect();
        assert_eq!(found, described);
    }

    #[test]
    fn what_is_absent_has_no_key() {
        let document = Document::new(&Status::default(), &Condition::default(), None);
        let text = serde_json::to_string(&document).expect("JSON");
        assert!(!text.contains("null"), "{text}");
        assert!(text.starts_with(
            r#"{"health":{"healthy":true,"ready":false,"reasons":[]},"interfaces":[],"#
        ));
    }
}
