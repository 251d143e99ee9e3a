//! A policy file as it was written: every key there is, its type and its default.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use toml::{Spanned, de::DeValue};

use crate::{
    diagnostic::{Diagnostic, nearest},
    settings::schema::{Key, Origin, Setting, Table, Value, table, wrong_kind},
};

table! {
    /// The whole file.
    RawFile {
        /// The policies, one `[[policy]]` each.
        policy: Vec<Setting<RawPolicy>> = Vec::new();
    }
}

table! {
    /// `[[policy]]`
    RawPolicy {
        /// Unique name.
        name: Option<String> = None;
        /// Other policies that it takes the place of.
        replaces: Texts = Texts::default();
        /// Group, free text.
        group: String = String::new();
        /// Whether it is evaluated.
        enabled: bool = true;
        /// What it means when it fires.
        description: String = String::new();
        /// MITRE ATT&CK technique ids, or own words.
        categories: Vec<Setting<String>> = Vec::new();
        /// NQL: the flows that it is about.
        matches as "match": Option<String> = None;
        /// NQL by source, in place of `match`.
        match_by: Entries = Entries::default();
        /// NQL: flows that are passed over.
        discard: Vec<Setting<String>> = Vec::new();
        /// Alternative keys, each a list of fields.
        track_by: Vec<Setting<Vec<Setting<String>>>> = Vec::new();
        /// Length of the window.
        window: Duration = Duration::from_mins(5);
        /// Between `ongoing` events; 0 for none.
        update: Duration = Duration::ZERO;
        /// Thresholds by severity; or a severity, where every matching flow is a hit.
        severity: Severities = Severities::Default;
        /// Threshold that ends an incident.
        clear: Option<String> = None;
        /// How long no threshold must hold for an incident to end; without it, the window.
        hold: Option<Duration> = None;
        /// How long after its end an incident that returns goes on; 0 for never.
        reopen: Duration = Duration::from_mins(15);
        /// Between hits of one key.
        suppress: Duration = Duration::from_mins(1);
        /// Fields that a response may use.
        factors: Vec<Setting<String>> = Vec::new();
        /// A label, in place of events or beside them.
        label: Option<RawLabel> = None;
        /// Keys whose silence is told by `absent()`.
        expect: Vec<Setting<Texts>> = Vec::new();
        /// Keys that are watched at most, of each alternative.
        max_keys: u64 = 100_000;
        /// How far a record may be behind the newest of its source; without it, the window.
        lateness: Option<Duration> = None;
    }
}

table! {
    /// `label = { ... }`
    RawLabel {
        /// The field that has the address.
        field: Option<String> = None;
        /// Context of the label.
        context: Option<String> = None;
        /// Its value, or several.
        value: Texts = Texts::default();
        /// How long it lasts.
        expires: Duration = Duration::from_hours(1);
        /// The severity from which on incidents are labelled; without it, the label takes the place of events.
        at_severity: Option<String> = None;
    }
}

/// A text, or a list of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts(pub Vec<Setting<String>>);

impl Value for Texts {
    const KIND: &'static str = "a string or a list of strings";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        match found.get_ref() {
            DeValue::String(text) => Some(Self(vec![at(text.to_string(), found.span())])),
            DeValue::Array(_) => Vec::read(found, path, faults).map(Self),
            _ => {
                faults.push(wrong_kind::<Self>(found, path));
                None
            }
        }
    }

    fn compare(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
        self.0.compare(&other.0, path, differing);
    }

    fn shift(&mut self, by: usize) {
        self.0.shift(by);
    }
}

/// A table of texts whose keys are judged later: names with their places, and values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries(pub Vec<(Setting<String>, Setting<String>)>);

/// Reads a table whose keys are names of somebody's choice: each with its place, in the order of the file. `None` where `found`
/// is no table, which is a fault of the kind `T`; a value with a fault is left out.
pub fn named<T: Value, V: Value>(
    found: &Spanned<DeValue<'_>>,
    path: &str,
    faults: &mut Vec<Diagnostic>,
) -> Option<Vec<(Setting<String>, Setting<V>)>> {
    let Some(table) = found.get_ref().as_table() else {
        faults.push(wrong_kind::<T>(found, path));
        return None;
    };
    let mut entries: Vec<_> = table
        .iter()
        .filter_map(|(name, value)| {
            let read = V::read(value, &format!("{path}.{}", name.get_ref()), faults)?;
            Some((at(name.get_ref().to_string(), name.span()), at(read, value.span())))
        })
        .collect();
    entries.sort_by_key(|(name, _)| place(name).start);
    Some(entries)
}

impl Value for Entries {
    const KIND: &'static str = "a table of strings";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        named::<Self, String>(found, path, faults).map(Self)
    }

    fn compare(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
        let texts = |entries: &Self| -> BTreeMap<String, String> {
            let text = |(name, text): &(Setting<String>, Setting<String>)| {
                (name.value.clone(), text.value.clone())
            };
            entries.0.iter().map(text).collect()
        };
        if texts(self) != texts(other) {
            differing.push(path.to_owned());
        }
    }

    fn shift(&mut self, by: usize) {
        for (name, text) in &mut self.0 {
            name.shift(by);
            text.shift(by);
        }
    }
}

/// What stands under `severity`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Severities {
    /// Nothing.
    #[default]
    Default,
    /// A severity.
    Name(Setting<String>),
    /// Thresholds by severity.
    Thresholds(Entries),
}

impl Value for Severities {
    const KIND: &'static str = "a severity, or a table of thresholds by severity";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        match found.get_ref() {
            DeValue::String(text) => Some(Self::Name(at(text.to_string(), found.span()))),
            DeValue::Table(_) => Entries::read(found, path, faults).map(Self::Thresholds),
            _ => {
                faults.push(wrong_kind::<Self>(found, path));
                None
            }
        }
    }

    fn compare(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
        match (self, other) {
            (Self::Default, Self::Default) => {}
            (Self::Name(one), Self::Name(other)) if one.value == other.value => {}
            (Self::Thresholds(one), Self::Thresholds(other)) => {
                one.compare(other, path, differing);
            }
            _ => differing.push(path.to_owned()),
        }
    }

    fn shift(&mut self, by: usize) {
        match self {
            Self::Default => {}
            Self::Name(name) => name.shift(by),
            Self::Thresholds(entries) => entries.shift(by),
        }
    }
}

/// A value that stands at `span`.
pub fn at<T>(value: T, span: Range<usize>) -> Setting<T> {
    Setting { value, origin: Origin::File(span) }
}

/// Where a setting stands; the beginning of the file, where it does not.
pub fn place<T>(setting: &Setting<T>) -> Range<usize> {
    match &setting.origin {
        Origin::File(span) => span.clone(),
        Origin::Default | Origin::Flag(_) => 0..0,
    }
}

/// "there is no `what` `found`", with the nearest of `known`.
pub fn unknown(what: &str, found: &Setting<String>, known: &[&str]) -> Diagnostic {
    let fault = Diagnostic::error(format!("there is no {what} `{}`", found.value), place(found));
    match nearest(&found.value, known.iter().copied()) {
        Some(near) => fault.label(format!("did you mean `{near}`?")),
        None => fault.help(format!("there are {}", known.join(", "))),
    }
}
