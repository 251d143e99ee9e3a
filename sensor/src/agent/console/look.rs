//! What of the agent is told: of its configuration, and of snapshots of its figures.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use sensor_core::{flow::profile::Profile, policy::model::Policy, sync::Unpoisoned as _};

use sensor_wire::ledger::Skipped;

use crate::{
    agent::{
        config::{Config, console::ConsoleConfig},
        control::observer::{Observer, Seen},
        plant::Plant,
        status::Status,
    },
    clock,
    console::{
        agent::{About, Agent, Fared, Label, Loss, NamedSource, Rates, Source, Stage, Standing},
        value::Count,
    },
};

/// Looks at an agent at work.
pub struct Looker {
    plant: Arc<Plant>,
    observer: Arc<Observer>,
    without_self: String,
    /// The policies, and when they were asked for, nanoseconds of a clock that never goes back.
    policies: Mutex<Option<(u64, Policies)>>,
}

type Policies = Vec<Arc<Policy>>;

/// How long policies are remembered, nanoseconds: the engine stands still while it is asked for them.
const REMEMBERED: u64 = 5_000_000_000;

impl Looker {
    /// At this one.
    pub fn new(
        console: &ConsoleConfig,
        config: &Config,
        plant: Arc<Plant>,
        observer: Arc<Observer>,
    ) -> Self {
        let without_self = without_self(console, config);
        Self { plant, observer, without_self, policies: Mutex::default() }
    }
}

impl Agent for Looker {
    fn about(&self) -> About {
        let status = self.observer.look().status;
        let mut contexts: Vec<String> =
            self.labels().into_iter().map(|label| label.context).collect();
        contexts.dedup();
        let plain = |source: Source| NamedSource {
            id: source.id,
            kind: source.kind,
            name: source.name,
            watermark_ms: source.watermark_ms,
        };
        About {
            host: host(),
            started_ms: status.agent.as_ref().map_or(0, |agent| agent.started),
            contexts,
            sources: sources(&status).into_iter().map(plain).collect(),
            without_self: Some(self.without_self.clone()),
        }
    }

    fn standing(&self) -> Standing {
        let Seen { status, condition, rates } = self.observer.look();
        let rates = rates.unwrap_or_default();
        Standing {
            sources: sources(&status),
            losses: losses(&status),
            policies: status.engine.policies.iter().map(fared).collect(),
            rates: Rates { bps: rates.bits, pps: rates.packets, fps: rates.records },
            reasons: condition.reasons.iter().map(ToString::to_string).collect(),
        }
    }

    fn policies(&self) -> Policies {
        let now = clock::monotonic();
        let mut known = self.policies.lock().unpoisoned();
        match &*known {
            Some((at, policies)) if now.saturating_sub(*at) < REMEMBERED => policies.clone(),
            _ => {
                let policies = self.plant.policies();
                *known = Some((now, policies.clone()));
                policies
            }
        }
    }

    fn profile(&self, address: IpAddr) -> Profile {
        self.plant.profile(address)
    }

    /// By context and value.
    fn labels(&self) -> Vec<Label> {
        let mut all: BTreeMap<(String, String), u64> = BTreeMap::new();
        self.plant.each_label(&mut |context, value| {
            *all.entry((context.to_owned(), value.to_owned())).or_default() += 1;
        });
        let label = |((context, value), profiles)| Label { context, value, profiles };
        all.into_iter().map(label).collect()
    }

    fn hits(&self) -> Vec<Arc<[u8]>> {
        self.plant.held_hits().map(|hits| hits.all()).unwrap_or_default()
    }
}

/// Leaves out what the sensor itself sends and serves, by the ports that it is configured with.
fn without_self(console: &ConsoleConfig, config: &Config) -> String {
    let mut ports = vec![console.address.port()];
    ports.extend(config.metrics.iter().map(|metrics| metrics.address.port()));
    ports.sort_unstable();
    ports.dedup();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("!(local == true && port in ({}))", ports.join(", "))
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Where flows come from.
fn sources(status: &Status) -> Vec<Source> {
    let none = |id: String, kind, name: String| Source {
        id,
        kind,
        name,
        last_ms: None,
        watermark_ms: None,
        records: Count(0),
        lost: Count(0),
        state: "ok".to_owned(),
    };
    let ms = |time: u64| (time > 0).then_some(time);
    let mut all = Vec::new();
    if let Some(own) = &status.host {
        let lost: u64 = own
            .interfaces
            .iter()
            .map(|own| own.lost.rows().iter().map(|(_, lost)| lost).sum::<u64>())
            .sum();
        all.push(Source {
            records: own_records(status).into(),
            lost: lost.into(),
            ..none("kernel".to_owned(), "kernel", "this host".to_owned())
        });
    }
    for (id, device) in status.intake.iter().flat_map(|intake| &intake.devices) {
        let address = id.to_string();
        let name = if device.name.is_empty() { address.clone() } else { device.name.clone() };
        let lost = device.lost.flows + device.lost.datagrams + device.lost.samples;
        let malformed: u64 = Skipped::ALL
            .into_iter()
            .filter(|reason| reason.is_malformed())
            .map(|reason| device.ledger.skipped[reason])
            .sum();
        all.push(Source {
            records: device.ledger.flow_rows.into(),
            lost: lost.into(),
            state: match malformed {
                0 => "ok".to_owned(),
                octets => format!("{octets} octets could not be read"),
            },
            ..none(address, "device", name)
        });
    }
    for cloud in &status.followed {
        let flows: u64 = cloud.logs.iter().map(|log| log.ledger.flows).sum();
        all.push(Source {
            last_ms: ms(cloud.last_object),
            watermark_ms: ms(cloud.logs.iter().map(|log| log.newest).max().unwrap_or(0)),
            records: flows.into(),
            state: match (&cloud.error, cloud.silent) {
                (Some(error), _) => error.clone(),
                (None, true) => "silent for longer than usual".to_owned(),
                (None, false) => "ok".to_owned(),
            },
            ..none(format!("cloud {}", cloud.name), "cloud", cloud.name.clone())
        });
    }
    all
}

/// Flow records of this host: those of nobody else.
fn own_records(status: &Status) -> u64 {
    let devices = status.intake.iter().flat_map(|intake| intake.devices.values());
    let clouds = status.followed.iter().flat_map(|cloud| &cloud.logs);
    let others = devices.map(|device| device.ledger.flow_rows).sum::<u64>()
        + clouds.map(|log| log.ledger.flows).sum::<u64>();
    status.engine.initiators.records().saturating_sub(others)
}

/// What was lost, or would be counted here.
fn losses(status: &Status) -> Vec<Loss> {
    let mut all: Vec<Loss> = Vec::new();
    let mut add = |stage, reason: String, count: u64| match all
        .iter_mut()
        .find(|loss: &&mut Loss| loss.stage == stage && loss.reason == reason)
    {
        Some(loss) => loss.count.0 += u128::from(count),
        None => all.push(Loss { stage, reason, count: count.into() }),
    };
    if let Some(host) = &status.host {
        for interface in &host.interfaces {
            for (counter, lost) in interface.lost.rows() {
                add(Stage::Kernel, format!("packets: {counter} of {}", interface.name), lost);
            }
        }
        if let Some(pins) = &host.pins {
            add(Stage::Kernel, "packets of a sensor that was killed".to_owned(), pins.lost.packets);
        }
    }
    if let Some(intake) = &status.intake {
        for (name, listener) in &intake.listeners {
            add(
                Stage::Intake,
                format!("datagrams: the receive buffer of {name} was full"),
                listener.dropped,
            );
        }
        add(
            Stage::Intake,
            "datagrams beyond a device's rate limit".to_owned(),
            intake.limited.messages,
        );
        for device in intake.devices.values() {
            let lost = device.lost.flows + device.lost.datagrams + device.lost.samples;
            add(Stage::Intake, "never came, by sequence numbers".to_owned(), lost);
        }
    }
    for lost in &status.engine.lost {
        add(
            Stage::Engine,
            format!("flow records of {}: the queue was {}", lost.source, lost.reason),
            lost.flows,
        );
    }
    for sink in &status.sinks {
        add(Stage::Export, format!("flow records for {}", sink.name), sink.not_sent.flows);
    }
    for sink in &status.hits {
        add(Stage::Export, format!("hits for {}", sink.name), sink.not_sent);
    }
    all
}

fn fared(policy: &crate::agent::status::Policy) -> Fared {
    let per_row = |tested: u64| policy.spent.as_nanos() as f64 / tested as f64;
    Fared {
        name: policy.name.clone(),
        events: policy.events,
        tested: policy.tested,
        ns_per_row: (policy.tested > 0).then(|| per_row(policy.tested)),
    }
}
