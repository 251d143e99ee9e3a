//! What a policy means: names looked up, queries and thresholds compiled, values checked against each other.

use std::{ops::Range, sync::Arc, time::Duration};

use super::{
    by_source,
    raw::{Entries, RawPolicy, Severities, Texts, at, place, unknown},
    strings::Places,
    written::Words,
};
use crate::{
    diagnostic::Diagnostic,
    flow::fields::{Field, Kind, OwnedValue, TextRule},
    nql::{Filter, Options, lists::Lists, literal, typed::Typed},
    policy::{
        alert::{PolicySummary, Severity},
        model::{KEY_FIELDS, Level, Policy, Search},
        threshold::{self, Threshold, single_field},
    },
    settings::{schema::Setting, value::Quantity},
};

const WINDOW: (Duration, Duration) = (Duration::from_secs(15), Duration::from_hours(24));
const UPDATE: (Duration, Duration) = (Duration::ZERO, Duration::from_hours(24));
const HOLD: (Duration, Duration) = (Duration::ZERO, Duration::from_hours(24));
const REOPEN: (Duration, Duration) = (Duration::ZERO, Duration::from_hours(24));
const SUPPRESS: (Duration, Duration) = (Duration::ZERO, Duration::from_hours(24 * 30));
const LATENESS: (Duration, Duration) = (Duration::ZERO, Duration::from_hours(24));
const MAX_KEYS: (u64, u64) = (1, 10_000_000);

/// Resolves the policies of one file.
pub struct Resolver<'a> {
    /// Text of the file.
    pub text: &'a str,
    /// Lists that queries may name.
    pub lists: &'a Lists,
    /// What the dialect calls things.
    pub words: &'static Words,
    /// Faults so far.
    pub faults: &'a mut Vec<Diagnostic>,
}

impl Resolver<'_> {
    /// The policy; `None` where it has no name or no query at all. It is of no use where a fault was found.
    pub fn policy(&mut self, raw: &RawPolicy, region: &Range<usize>) -> Option<Policy> {
        let header = region.start..region.start + self.header(region);
        let name = self.name(raw, &header);
        let mut distinct = Vec::new();
        let (levels, severity) = self.severities(&raw.severity.value, &mut distinct);
        let clear =
            raw.clear.value.as_ref().and_then(|text| {
                self.threshold(&at(text.clone(), place(&raw.clear)), &mut distinct)
            });
        if clear.is_some() && levels.is_empty() {
            let message = format!("`clear` needs thresholds under `{}`", self.words.severity);
            self.faults.push(Diagnostic::error(message, place(&raw.clear)));
        }
        for (name, given, span) in [
            ("hold", raw.hold.is_given(), place(&raw.hold)),
            ("reopen", raw.reopen.is_given(), place(&raw.reopen)),
        ] {
            if given && levels.is_empty() {
                let message = format!("`{name}` needs thresholds under `{}`", self.words.severity);
                self.faults.push(Diagnostic::error(message, span));
            }
        }
        if raw.suppress.is_given() && !levels.is_empty() {
            let fault = Diagnostic::error(
                "`suppress` applies only to policies without thresholds",
                place(&raw.suppress),
            );
            self.faults
                .push(fault.help("with thresholds, use `update` for the interval of reports"));
        }
        let window = self.duration(&raw.window, self.words.window, WINDOW);
        let search = self.search(raw, &header);
        let track_by = self.keys(&raw.track_by);
        let mut policy = Policy {
            summary: Arc::new(PolicySummary {
                name: name.clone().unwrap_or_default(),
                group: raw.group.value.clone(),
                description: raw.description.value.clone(),
                categories: values(&raw.categories.value),
                search: raw.matches.value.clone().unwrap_or_default(),
                window: if levels.is_empty() { 0 } else { (window / 1000) as u32 },
                update: (self.duration(&raw.update, self.words.update, UPDATE) / 1000) as u32,
                factors: self.factors(&raw.factors.value),
            }),
            source: None,
            enabled: raw.enabled.value,
            search: search?,
            label: self.label_rule(raw, &track_by),
            track_by,
            window: if levels.is_empty() { 0 } else { window },
            update: raw.update.value.as_millis() as u64,
            severity,
            distinct,
            clear,
            hold: self.duration_or(&raw.hold, "hold", HOLD, window),
            reopen: self.duration(&raw.reopen, "reopen", REOPEN),
            levels,
            suppress: self.duration(&raw.suppress, "suppress", SUPPRESS),
            expect: Vec::new(),
            max_keys: self.in_range(&raw.max_keys, "max_keys", MAX_KEYS) as usize,
            lateness: self.duration_or(&raw.lateness, "lateness", LATENESS, window),
        };
        policy.expect = self.expected(raw, &policy);
        name.map(|_| policy)
    }

    /// Reports a name that another policy has.
    pub fn duplicate(&mut self, name: &str, first: &str, region: &Range<usize>) {
        let header = region.start..region.start + self.header(region);
        let written = self.text[region.start..region.end.min(self.text.len())].find(name);
        let span = written.map_or(header, |at| region.start + at..region.start + at + name.len());
        let fault = Diagnostic::error(format!("there is a policy `{name}` already"), span);
        self.faults.push(fault.label(format!("the first is at {first}")));
    }

    /// Length of the first line of a region.
    fn header(&self, region: &Range<usize>) -> usize {
        let text = &self.text[region.start..region.end.min(self.text.len())];
        text.lines().next().unwrap_or_default().trim_end().len()
    }

    fn name(&mut self, raw: &RawPolicy, header: &Range<usize>) -> Option<String> {
        let fault = match raw.name.value.as_deref() {
            Some(name) if !name.trim().is_empty() && !name.contains(char::is_control) => {
                return Some(name.to_owned());
            }
            Some(_) => Diagnostic::error(
                "a name is at least one character, none of them control",
                place(&raw.name),
            ),
            None if raw.name.is_given() => return None,
            None => Diagnostic::error("the policy has no `name`", header.clone()),
        };
        self.faults.push(fault);
        None
    }

    fn search(&mut self, raw: &RawPolicy, header: &Range<usize>) -> Option<Search> {
        let discards: Vec<Typed> = raw
            .discard
            .value
            .iter()
            .filter_map(|query| self.query(query).map(Typed::negated))
            .collect();
        let whole = |query: Typed| match discards.is_empty() {
            true => query,
            false => Typed::And([query].into_iter().chain(discards.clone()).collect()),
        };
        let any = raw
            .matches
            .value
            .as_ref()
            .and_then(|text| self.query(&at(text.clone(), place(&raw.matches))).map(&whole));
        let mut of_names = Vec::new();
        for (name, query) in &raw.match_by.value.0 {
            let query = self.query(query).map(&whole);
            let known = by_source::names();
            if known.contains(&name.value.as_str()) {
                of_names.extend(query.map(|query| (name.value.as_str(), query)));
            } else {
                self.faults.push(unknown("source of flows", name, &known));
            }
        }
        let by_source = by_source::spread(of_names);
        if !raw.matches.is_given() && raw.match_by.value.0.is_empty() && !raw.match_by.is_given() {
            let message = format!("the policy has no `{}`", self.words.matches);
            self.faults.push(Diagnostic::error(message, header.clone()));
        }
        Some(Search { any, by_source, discards: discards.len() })
    }

    /// Compiles a query; its faults and warnings are told at their places in the file.
    fn query(&mut self, query: &Setting<String>) -> Option<Typed> {
        let (typed, diagnostics) = match Filter::compile(&query.value, &Options::new(self.lists)) {
            Ok(filter) => (Some(filter.typed), filter.warnings),
            Err(faults) => (None, faults),
        };
        self.inside(query, diagnostics);
        typed
    }

    fn threshold(
        &mut self,
        text: &Setting<String>,
        distinct: &mut Vec<&'static Field>,
    ) -> Option<Threshold> {
        match threshold::parse(&text.value, distinct) {
            Ok(threshold) => Some(threshold),
            Err(faults) => {
                self.inside(text, faults);
                None
            }
        }
    }

    /// Reports what is wrong inside a string.
    pub(super) fn inside(&mut self, string: &Setting<String>, diagnostics: Vec<Diagnostic>) {
        if diagnostics.is_empty() {
            return;
        }
        let places = Places::of(&string.value, place(string), self.text);
        self.faults.extend(diagnostics.into_iter().map(|diagnostic| {
            let span = places.of_part(&diagnostic.span);
            diagnostic.moved(span)
        }));
    }

    fn severities(
        &mut self,
        severities: &Severities,
        distinct: &mut Vec<&'static Field>,
    ) -> (Vec<Level>, Severity) {
        let mut levels = Vec::new();
        match severities {
            Severities::Default => {}
            Severities::Name(name) => match severity(&name.value) {
                Some(severity) => return (levels, severity),
                None => {
                    let fault = unknown("severity", name, &Severity::ALL.map(Severity::name));
                    let help = "write thresholds as a table: `severity = { high = \"...\" }`";
                    self.faults.push(Diagnostic { help: Some(help.to_owned()), ..fault });
                }
            },
            Severities::Thresholds(Entries(entries)) => {
                for (name, text) in entries {
                    let threshold = self.threshold(text, distinct);
                    match severity(&name.value) {
                        Some(severity)
                            if levels.iter().any(|level: &Level| level.severity == severity) =>
                        {
                            let message =
                                format!("there is a threshold for `{}` already", name.value);
                            self.faults.push(Diagnostic::error(message, place(name)));
                        }
                        Some(severity) => {
                            levels.extend(threshold.map(|threshold| Level { severity, threshold }));
                        }
                        None => self.faults.push(unknown(
                            "severity",
                            name,
                            &Severity::ALL.map(Severity::name),
                        )),
                    }
                }
            }
        }
        levels.sort_by_key(|level| level.severity);
        (levels, Severity::Medium)
    }

    fn keys(
        &mut self,
        track_by: &Setting<Vec<Setting<Vec<Setting<String>>>>>,
    ) -> Vec<Vec<&'static Field>> {
        let mut keys = Vec::new();
        for key in &track_by.value {
            if key.value.len() > KEY_FIELDS {
                let fault =
                    Diagnostic::error(format!("a key has {KEY_FIELDS} fields at most"), place(key));
                self.faults.push(fault.label(format!("this has {}", key.value.len())));
            }
            let mut fields: Vec<&'static Field> = Vec::new();
            for name in &key.value {
                match self.field(name) {
                    Some(field) if fields.contains(&field) => {
                        let message = format!("`{}` is in this key already", name.value);
                        self.faults.push(Diagnostic::error(message, place(name)));
                    }
                    field => fields.extend(field),
                }
            }
            keys.push(fields);
        }
        if keys.is_empty() {
            keys.push(Vec::new());
        }
        keys
    }

    pub(super) fn field(&mut self, name: &Setting<String>) -> Option<&'static Field> {
        let found = single_field(&name.value.to_ascii_lowercase(), 0..name.value.len());
        found.map_err(|fault| self.inside(name, vec![fault])).ok()
    }

    fn factors(&mut self, factors: &[Setting<String>]) -> Vec<String> {
        for factor in factors {
            self.field(factor);
        }
        values(factors)
    }

    fn expected(&mut self, raw: &RawPolicy, policy: &Policy) -> Vec<Vec<OwnedValue>> {
        let absent = policy.asks(|quantity| quantity.is_none());
        let given = !raw.expect.value.is_empty();
        let fault = match (absent, given) {
            (true, false) => Some((
                "`absent()` needs `expect`: the keys whose silence matters",
                place(&raw.severity),
            )),
            (false, true) => {
                Some(("`expect` needs a threshold with `absent()`", place(&raw.expect)))
            }
            (true, true) if policy.track_by.len() != 1 || policy.track_by[0].is_empty() => {
                Some(("`expect` needs one key under `track_by`", place(&raw.expect)))
            }
            _ => None,
        };
        if let Some((message, span)) = fault {
            self.faults.push(Diagnostic::error(message, span));
            return Vec::new();
        }
        let Some(key) = policy.track_by.first() else { return Vec::new() };
        raw.expect.value.iter().filter_map(|entry| self.expected_key(entry, key)).collect()
    }

    fn expected_key(
        &mut self,
        entry: &Setting<Texts>,
        key: &[&'static Field],
    ) -> Option<Vec<OwnedValue>> {
        let texts = &entry.value.0;
        if texts.len() != key.len() {
            let names: Vec<&str> = key.iter().map(|field| field.name).collect();
            let message =
                format!("the key is {}, so each entry has {} values", names.join(", "), key.len());
            self.faults.push(Diagnostic::error(message, place(entry)));
            return None;
        }
        let mut read = |(text, field): (&Setting<String>, &&'static Field)| {
            let value = value(&text.value, field);
            if value.is_none() {
                let message = format!("`{}` is not a value of `{}`", text.value, field.name);
                let fault = Diagnostic::error(message, place(text));
                self.faults.push(fault.label(format!("the type is {}", field.kind.name())));
            }
            value
        };
        texts.iter().zip(key).map(&mut read).collect::<Vec<_>>().into_iter().collect()
    }

    /// As [`Self::duration`], for a setting that may be missing.
    fn duration_or(
        &mut self,
        setting: &Setting<Option<Duration>>,
        name: &str,
        range: (Duration, Duration),
        default: u64,
    ) -> u64 {
        match setting.value {
            Some(value) => self.duration(&at(value, place(setting)), name, range),
            None => default,
        }
    }

    /// A duration in milliseconds.
    pub(super) fn duration(
        &mut self,
        setting: &Setting<Duration>,
        name: &str,
        range: (Duration, Duration),
    ) -> u64 {
        self.in_range(setting, name, range).as_millis() as u64
    }

    fn in_range<T: Quantity>(&mut self, setting: &Setting<T>, name: &str, range: (T, T)) -> T {
        let value = setting.value;
        if value < range.0 || value > range.1 {
            let (least, most) = (range.0.shown(), range.1.shown());
            let message = format!("`{name}` must lie between {least} and {most}");
            let fault = Diagnostic::error(message, place(setting));
            self.faults.push(fault.label(format!("this is {}", value.shown())));
        }
        value
    }
}

/// The severity that is called `name`.
pub fn severity(name: &str) -> Option<Severity> {
    Severity::ALL.into_iter().find(|severity| severity.name() == name)
}

fn values(settings: &[Setting<String>]) -> Vec<String> {
    settings.iter().map(|setting| setting.value.clone()).collect()
}

/// A text as a value of a field; `None` where it is none.
pub fn value(text: &str, field: &Field) -> Option<OwnedValue> {
    Some(match (field.kind, field.text) {
        (Kind::Unsigned(_) | Kind::Integer, _) => {
            let number = text.parse().ok()?;
            OwnedValue::Integer(Some(number).filter(|number| Some(*number) <= field.maximum())?)
        }
        (Kind::Float, _) => OwnedValue::Float(text.parse().ok().filter(|n: &f64| n.is_finite())?),
        (Kind::Bool, _) => OwnedValue::Bool(text.parse().ok()?),
        (Kind::Ip, _) => OwnedValue::Ip(text.parse().ok()?),
        (Kind::Text, TextRule::Number) => OwnedValue::NumberText(text.parse().ok()?),
        (Kind::Text, TextRule::Mac) => OwnedValue::Mac(literal::mac(text)?),
        (Kind::Text, TextRule::Protocol) => {
            let number = literal::protocol_number(text)?;
            let name = crate::flow::protocol::name(number);
            name.map_or(OwnedValue::NumberText(number.into()), |name| OwnedValue::Text(name.into()))
        }
        (Kind::Text, TextRule::Choice(choices)) => {
            let known = choices.iter().find(|choice| choice.eq_ignore_ascii_case(text))?;
            OwnedValue::Text((*known).into())
        }
        (Kind::Text, _) => OwnedValue::Text(text.into()),
        (Kind::TextList, _) => return None,
    })
}
