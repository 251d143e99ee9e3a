//! Fusion's own JSON: `traffic_detection_model` objects, by their documented attribute names.
//!
//! They become the same raw form as TOML policies, with places in the JSON text, so that both are judged alike.

use std::{fmt, ops::Range, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    raw::{Entries, RawLabel, RawPolicy, Severities, Texts, at, place},
    written::{Words, Written, regions},
};
use crate::{
    diagnostic::Diagnostic,
    settings::schema::{Key, Origin, Setting, Table, Value, table},
};

const WORDS: Words = Words {
    matches: "search_by",
    window: "rollupperiod",
    update: "updateinterval",
    severity: "thresholds",
};

table! {
    /// One `traffic_detection_model`.
    Model {
        /// Name.
        name: Option<String> = None;
        /// Description.
        description: String = String::new();
        /// Categories.
        categories: Vec<Setting<String>> = Vec::new();
        /// `flow` or `dns`.
        algo_record_type: String = "flow".to_owned();
        /// Whether it is evaluated.
        enabled: bool = true;
        /// Queries by source.
        search_by: Vec<Setting<Row>> = Vec::new();
        /// Queries of flows that are passed over.
        discards: Vec<Setting<String>> = Vec::new();
        /// Keys.
        track_by: Vec<Setting<Vec<Setting<String>>>> = Vec::new();
        /// Thresholds.
        thresholds: Vec<Setting<Level>> = Vec::new();
        /// Window, seconds.
        rollupperiod: u64 = 300;
        /// Seconds between `ongoing` events.
        updateinterval: u64 = 0;
        /// Fields that a response may use.
        factors: Vec<Setting<String>> = Vec::new();
        /// Labels to write.
        action: Vec<Setting<Action>> = Vec::new();
        /// Seconds that the labels last.
        expiration: u64 = 3600;
        /// Ours: group.
        group: String = String::new();
        /// What follows is of the portal, or read-only there, and says nothing to an agent.
        id: Unused = Unused;
        /// See `id`.
        algo_type: Unused = Unused;
        /// See `id`.
        beta: Unused = Unused;
        /// See `id`.
        recommended: Unused = Unused;
        /// See `id`.
        system: Unused = Unused;
        /// See `id`.
        systemdefault: Unused = Unused;
        /// See `id`.
        subscription: Unused = Unused;
        /// See `id`.
        subscriptiontype: Unused = Unused;
        /// See `id`.
        created: Unused = Unused;
        /// See `id`.
        updated: Unused = Unused;
        /// See `id`.
        bypassdisplay: Unused = Unused;
        /// See `id`.
        bypassrule: Unused = Unused;
        /// See `id`.
        ndm_score_threat: Unused = Unused;
        /// See `id`.
        ndm_score_confidence: Unused = Unused;
    }
}

table! {
    /// One row of `search_by`.
    Row {
        /// `all`, or a source.
        source as "type": String = "all".to_owned();
        /// Queries, of which one must hold.
        search: Texts = Texts::default();
    }
}

table! {
    /// One row of `thresholds`.
    Level {
        /// Severity.
        severity: String = "medium".to_owned();
        /// Threshold.
        threshold: Option<String> = None;
    }
}

table! {
    /// One row of `action`.
    Action {
        /// What to do; labels are all there is.
        kind as "type": Unused = Unused;
        /// The field that has the address.
        field: Option<String> = None;
        /// Context of the label.
        context: Option<String> = None;
        /// Its values.
        labels: Texts = Texts::default();
    }
}

/// A value that is read by nobody.
#[derive(Clone, Debug, PartialEq)]
pub struct Unused;

impl Value for Unused {
    const KIND: &'static str = "anything";

    fn read(_: &Spanned<DeValue<'_>>, _: &str, _: &mut Vec<Diagnostic>) -> Option<Self> {
        Some(Self)
    }
}

/// Reads a text: one model, a list of them, or an answer of the API that has them under `data`.
pub fn read(text: &str) -> (Vec<Written>, Vec<Diagnostic>) {
    let mut faults = Vec::new();
    let root: &RawValue = match serde_json::from_str(text) {
        Ok(root) => root,
        Err(error) => return (Vec::new(), vec![syntax(text, &error)]),
    };
    let mut models = Vec::new();
    collect(document(root, text), &mut models);
    let mut policies = Vec::new();
    for model in &models {
        if let Some(read) = Model::read(model, "", &mut faults) {
            policies.push(at(raw(read, &mut faults), model.span()));
        }
    }
    (regions(policies, text.len(), &WORDS), faults)
}

fn syntax(text: &str, error: &serde_json::Error) -> Diagnostic {
    let before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = text.floor_char_boundary((before + error.column().saturating_sub(1)).min(text.len()));
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    Diagnostic::error(format!("not JSON: {message}"), at..at + 1)
}

/// The models inside a document.
fn collect<'t>(found: Spanned<DeValue<'t>>, models: &mut Vec<Spanned<DeValue<'t>>>) {
    let span = found.span();
    match found.into_inner() {
        DeValue::Array(elements) => elements.into_iter().for_each(|one| collect(one, models)),
        DeValue::Table(mut table) => {
            let wrapper = ["data", "traffic_detection_model"]
                .into_iter()
                .find(|name| table.get(*name).is_some_and(|inner| !inner.get_ref().is_str()));
            match wrapper.and_then(|name| table.remove(name)) {
                Some(inner) => collect(inner, models),
                None => models.push(Spanned::new(span, DeValue::Table(table))),
            }
        }
        other => models.push(Spanned::new(span, other)),
    }
}

/// A JSON value as a TOML one, with its place in `text`; what is null is left out.
fn document<'t>(value: &'t RawValue, text: &'t str) -> Spanned<DeValue<'t>> {
    let written = value.get();
    let span = span(written, text);
    let inner = match written.as_bytes().first() {
        Some(b'{') => {
            let entries =
                serde_json::from_str::<RawEntries<'_>>(written).map_or(Vec::new(), |e| e.0);
            let mut table = DeTable::new();
            for (name, value) in entries {
                if value.get() != "null" {
                    // The key stands before its value; where exactly does not matter for what follows.
                    let before =
                        text[..span_start(value, text)].rfind(&*name).unwrap_or(span.start);
                    let key = Spanned::new(before..before + name.len(), name.into());
                    table.insert(key, document(value, text));
                }
            }
            DeValue::Table(table)
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(written).unwrap_or_default();
            let elements = elements.into_iter().filter(|element| element.get() != "null");
            DeValue::Array(elements.map(|element| document(element, text)).collect())
        }
        Some(b'"') => {
            DeValue::String(serde_json::from_str::<String>(written).unwrap_or_default().into())
        }
        // Numbers, true and false are written as in TOML, except for exponents of whole numbers, which TOML reads as well.
        _ => DeValue::parse(written).map_or(DeValue::Boolean(false), Spanned::into_inner),
    };
    Spanned::new(span, inner)
}

fn span_start(value: &RawValue, text: &str) -> usize {
    span(value.get(), text).start
}

/// Where a part of `text` stands in it.
fn span(part: &str, text: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize).min(text.len());
    start..(start + part.len()).min(text.len())
}

/// The entries of an object, in their order.
struct RawEntries<'t>(Vec<(String, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for RawEntries<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries).map(Self)
    }
}

/// A model in the form of TOML policies.
fn raw(model: Model, faults: &mut Vec<Diagnostic>) -> RawPolicy {
    if model.algo_record_type.value != "flow" {
        let fault = Diagnostic::error(
            "only models about flows can be evaluated",
            place(&model.algo_record_type),
        );
        faults.push(fault.label(format!("this is about `{}`", model.algo_record_type.value)));
    }
    let mut policy = RawPolicy {
        name: model.name,
        group: model.group,
        enabled: model.enabled,
        description: model.description,
        categories: model.categories,
        discard: model.discards,
        track_by: model.track_by,
        window: seconds(&model.rollupperiod),
        update: seconds(&model.updateinterval),
        factors: model.factors,
        ..RawPolicy::default()
    };
    for row in model.search_by.value {
        let place_of_row = place(&row);
        let Row { source, search } = row.value;
        let query = any_of(&search, place_of_row);
        if source.value == "all" {
            policy.matches = Setting { value: Some(query.value), origin: query.origin };
        } else {
            policy.match_by.origin = query.origin.clone();
            policy.match_by.value.0.push((source, query));
        }
    }
    let levels = model.thresholds.value.into_iter().filter_map(|level| {
        let Level { severity, threshold } = level.value;
        Some((severity, Setting { value: threshold.value?, origin: threshold.origin }))
    });
    let levels: Vec<_> = levels.collect();
    if !levels.is_empty() {
        policy.severity.origin = model.thresholds.origin;
        policy.severity.value = Severities::Thresholds(Entries(levels));
    }
    if let Some(action) = model.action.value.into_iter().next() {
        let origin = action.origin.clone();
        let Action { field, context, labels, .. } = action.value;
        let expires = seconds(&model.expiration);
        let label = RawLabel { field, context, value: labels, expires, ..RawLabel::default() };
        policy.label = Setting { value: Some(label), origin };
    }
    policy
}

/// One query out of several, of which one must hold. A single one keeps its place.
fn any_of(search: &Setting<Texts>, row: Range<usize>) -> Setting<String> {
    match &search.value.0[..] {
        [one] => one.clone(),
        several => {
            let grouped: Vec<String> =
                several.iter().map(|one| format!("({})", one.value)).collect();
            at(grouped.join(" || "), row)
        }
    }
}

fn seconds(setting: &Setting<u64>) -> Setting<Duration> {
    let origin: Origin = setting.origin.clone();
    Setting { value: Duration::from_secs(setting.value), origin }
}
