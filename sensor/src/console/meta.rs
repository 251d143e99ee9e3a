//! What can be asked, and of what.

use sensor_core::{
    flow::fields::{FIELDS, Field},
    nql::{ast::Operator, complete::operators},
};
use serde::Serialize;

use super::{
    agent::{About, NamedSource},
    desk::{Desk, LIVE},
    presets,
    value::Count,
};

/// `GET /meta`
#[derive(Clone, Debug, Serialize)]
pub struct Meta {
    /// Of the sensor.
    pub version: &'static str,
    /// The host that it runs on.
    pub host: String,
    /// When it was started, milliseconds since the epoch.
    pub started_ms: u64,
    /// What time it is there.
    pub now_ms: u64,
    /// What is held.
    pub held: Held,
    /// Whether flows are stored as well.
    pub store: bool,
    /// Bounds of questions of what is held.
    pub limits: Limits,
    /// The fields of flows.
    pub fields: Vec<FieldTold>,
    /// Contexts of labels: `label.src.NAME`.
    pub contexts: Vec<String>,
    /// Where flows come from.
    pub sources: Vec<NamedSource>,
    /// Questions to begin with.
    pub presets: Vec<Preset>,
    /// Leaves out the sensor's own traffic: a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_self: Option<String>,
}

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Records.
    pub flows: Count,
    /// All that was received from then on is held, milliseconds since the epoch.
    pub from_ms: u64,
    /// When the last was received.
    pub to_ms: u64,
}

/// Bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Records that are held, at most.
    pub flows: u64,
    /// Milliseconds.
    pub query_ms: u64,
    /// Rows that are looked at.
    pub rows: u64,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldTold {
    /// Its name.
    pub name: &'static str,
    /// The type of its values.
    pub r#type: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Operators that it can stand before.
    pub ops: Vec<&'static str>,
    /// Whether flows can be grouped by it.
    pub groupable: bool,
    /// What it counts, where it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
}

/// A question to begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preset {
    /// What it is called.
    pub name: String,
    /// The query.
    pub q: String,
    /// What it finds.
    pub doc: String,
    /// In which view.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<&'static str>,
}

/// Answers; it is `now` now, milliseconds since the epoch.
pub fn ask(desk: &Desk, now: u64) -> Meta {
    let About { host, started_ms, contexts, sources, without_self } = desk.agent.about();
    let held = desk.held.snapshot();
    let from_ms = held.whole_from();
    let to_ms = held.received().map_or(from_ms, |(_, last)| last);
    Meta {
        version: env!("CARGO_PKG_VERSION"),
        host,
        started_ms,
        now_ms: now,
        held: Held { flows: held.records().into(), from_ms, to_ms },
        store: desk.store.is_some(),
        limits: Limits { flows: desk.held.most(), query_ms: LIVE.time_ms, rows: LIVE.rows },
        fields: FIELDS.iter().filter(|field| field.is_filled()).map(told).collect(),
        contexts,
        sources,
        presets: presets::all(),
        without_self,
    }
}

fn told(field: &Field) -> FieldTold {
    FieldTold {
        name: field.name,
        r#type: field.kind.name(),
        doc: field.doc,
        ops: operators(field).into_iter().map(Operator::symbol).collect(),
        groupable: true,
        unit: unit(field.name),
    }
}

/// What a field counts.
fn unit(name: &str) -> Option<&'static str> {
    Some(match name {
        "octets" | "layer2octets" | "lengthmin" | "lengthmax" => "octets",
        "bits" | "bitsxrate" => "bits",
        "packets" | "packetsxrate" => "packets",
        "start" | "end" | "duration" => "ms",
        "timestamp" | "flowrtime" => "s",
        _ => return None,
    })
}
