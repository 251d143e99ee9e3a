//! What answers tell of the agent itself, beside its flows; and who knows it.

use std::{net::IpAddr, sync::Arc};

use sensor_core::{flow::profile::Profile, policy::model::Policy};
use serde::Serialize;

use super::value::Count;

/// Who knows the agent.
pub trait Agent: Send + Sync {
    /// What stays while it runs.
    fn about(&self) -> About;

    /// How it is doing.
    fn standing(&self) -> Standing;

    /// The policies in force.
    fn policies(&self) -> Vec<Arc<Policy>>;

    /// What is known about an address.
    fn profile(&self, address: IpAddr) -> Profile;

    /// Labels of addresses, by context and value.
    fn labels(&self) -> Vec<Label>;

    /// Hits that are held, as they are stored: the oldest first.
    fn hits(&self) -> Vec<Arc<[u8]>>;
}

/// A label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The `role` of `label.src.role`.
    pub context: String,
    /// The value.
    pub value: String,
    /// Kinds of addresses that have it: those that differ in nothing that is known of them are one.
    pub profiles: u64,
}

/// What stays while the agent runs.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The host.
    pub host: String,
    /// When the agent was started, milliseconds since the epoch.
    pub started_ms: u64,
    /// Contexts of labels.
    pub contexts: Vec<String>,
    /// Where flows come from.
    pub sources: Vec<NamedSource>,
    /// Leaves out the sensor's own traffic: a query.
    pub without_self: Option<String>,
}

/// A source of flows, as it is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedSource {
    /// Tells it from others.
    pub id: String,
    /// `kernel`, `device` or `cloud`.
    pub kind: &'static str,
    /// For people.
    pub name: String,
    /// What it has told of is whole up to then, milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark_ms: Option<u64>,
}

/// How the agent is doing.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Where flows come from.
    pub sources: Vec<Source>,
    /// What was lost, by stage and reason; also what was not.
    pub losses: Vec<Loss>,
    /// How policies have fared, by name.
    pub policies: Vec<Fared>,
    /// How fast things go.
    pub rates: Rates,
    /// What is wrong; nothing where all is well.
    pub reasons: Vec<String>,
}

/// A source of flows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Tells it from others.
    pub id: String,
    /// `kernel`, `device` or `cloud`.
    pub kind: &'static str,
    /// For people.
    pub name: String,
    /// When its last record came, milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<u64>,
    /// What it has told of is whole up to then, milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark_ms: Option<u64>,
    /// Flow records.
    pub records: Count,
    /// Records, or datagrams, that never came.
    pub lost: Count,
    /// `ok`, or what is wrong.
    pub state: String,
}

/// Something that was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Where.
    pub stage: Stage,
    /// Why.
    pub reason: String,
    /// How much.
    pub count: Count,
}

/// Where something may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Packets, before or in the flow tables of the kernel.
    Kernel,
    /// What devices and clouds sent.
    Intake,
    /// Flow records before the policies.
    Engine,
    /// Flow records and hits on their way out.
    Export,
}

/// How a policy has fared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fared {
    /// Its name, as [`Policy::shown_name`] has it.
    pub name: String,
    /// Events.
    pub events: u64,
    /// Records that it was asked of.
    pub tested: u64,
    /// Nanoseconds that its matches took, each record that it was asked of.
    pub ns_per_row: Option<f64>,
}

/// Per second, over the last ten seconds or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Captured bits.
    pub bps: f64,
    /// Captured packets.
    pub pps: f64,
    /// Flow records of all sources.
    pub fps: f64,
}

/// Losses by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// See [`Stage::Kernel`].
    pub kernel: Count,
    /// See [`Stage::Intake`].
    pub intake: Count,
    /// See [`Stage::Engine`].
    pub engine: Count,
    /// See [`Stage::Export`].
    pub export: Count,
}

impl Lost {
    /// Sums of `losses`.
    pub fn of(losses: &[Loss]) -> Self {
        let mut all = Self::default();
        for loss in losses {
            let own = match loss.stage {
                Stage::Kernel => &mut all.kernel,
                Stage::Intake => &mut all.intake,
                Stage::Engine => &mut all.engine,
                Stage::Export => &mut all.export,
            };
            own.0 += loss.count.0;
        }
        all
    }
}

/// `GET /sources`
#[derive(Clone, Debug, Serialize)]
pub struct Sources {
    /// Where flows come from.
    pub sources: Vec<Source>,
    /// What was lost.
    pub losses: Vec<Loss>,
}

/// The event `tick`: each second.
#[derive(Clone, Debug, Serialize)]
pub struct Tick {
    /// When, milliseconds since the epoch.
    pub t: u64,
    /// How fast things go.
    #[serde(flatten)]
    pub rates: Rates,
    /// What was lost since the start.
    pub lost: Lost,
}

/// The event `health`: at the beginning, and when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Whether all is well.
    pub ok: bool,
    /// What is not.
    pub reasons: Vec<String>,
}

impl Health {
    /// Of a standing.
    pub fn of(standing: &Standing) -> Self {
        Self { ok: standing.reasons.is_empty(), reasons: standing.reasons.clone() }
    }
}
