//! A query while somebody types it: what its parts are, what is wrong, what may come next. All of it comes from
//! [`sensor_core::nql::complete`]; here are documents, in the units of UTF-16 that browsers count.

use sensor_core::{
    flow::fields::RecordKind,
    hunt::{Answer, Distinct, GroupBy, Grouping, Metric, Question, Said},
    nql::{
        Options,
        complete::{self, Seen, Values},
        typed::Typed,
    },
};
use serde::{Deserialize, Serialize};

use super::{
    desk::{Desk, LIVE},
    fault::{Fault, Told, Units},
    value,
};

/// Values that are offered for a field.
const OFFERED: usize = 50;
/// How far back values are looked for, milliseconds.
const RECENT: u64 = 600_000;
/// Groups that are held meanwhile.
const MOST_GROUPS: usize = 100_000;

/// `POST /nql/check`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckAsk {
    /// The query.
    pub q: String,
    /// Where something is to be typed, in units of UTF-16.
    pub cursor: usize,
    /// What it is about: `flow`, `dns`, `alert` or `audit`.
    #[serde(default)]
    pub context: Option<String>,
}

/// What there is to say.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Whether it can be asked.
    pub ok: bool,
    /// The query as the sensor writes it; as it is where it has faults.
    pub norm: String,
    /// Its parts.
    pub tokens: Vec<Token>,
    /// Faults and warnings.
    pub diagnostics: Vec<Told>,
    /// What may come.
    pub completion: Completion,
    /// Fields that it names.
    pub columns: Vec<String>,
}

/// A part of the query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Where it begins, in units of UTF-16.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// What it is: `field`, `operator`, `value`, `string`, `logic`, `paren` or `comment`.
    pub kind: &'static str,
}

/// What may be written in the place of a part.
#[derive(Clone, Debug, Serialize)]
pub struct Completion {
    /// Where that begins, in units of UTF-16.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// The likeliest first.
    pub items: Vec<Item>,
}

/// A text that may be written.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    /// The text.
    pub text: String,
    /// What it is, as in tokens.
    pub kind: &'static str,
    /// What it means.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Answers.
///
/// # Errors
/// A context that there is not.
pub fn ask(desk: &Desk, asked: &CheckAsk) -> Result<Checked, Fault> {
    let name = asked.context.as_deref().unwrap_or(RecordKind::Flow.name());
    let context =
        RecordKind::ALL.into_iter().find(|context| context.name() == name).ok_or_else(|| {
            Fault::request(format!("`context` is `flow`, `dns`, `alert` or `audit`, not `{name}`"))
        })?;
    let text = asked.q.as_str();
    let options = Options { context, ..Options::new(&desk.lists) };
    let complete::Checked { ok, norm, parts, diagnostics, fields } =
        complete::check(text, &options);
    let units = Units::of(text);
    let cursor = units.byte(asked.cursor);
    // What is too long is not read, and has no parts worth a word.
    let of_flows = Flows(desk);
    let known: &dyn Values = if context == RecordKind::Flow { &of_flows } else { &() };
    let complete::Completion { span, offers } = complete::complete(text, cursor, &options, known);
    let item = |offer: complete::Offer| Item {
        text: offer.text,
        kind: offer.kind.name(),
        detail: offer.detail,
    };
    Ok(Checked {
        ok,
        norm: norm.unwrap_or_else(|| text.to_owned()),
        tokens: parts
            .into_iter()
            .map(|part| Token {
                from: units.at(part.span.start).utf16,
                to: units.at(part.span.end).utf16,
                kind: part.kind.name(),
            })
            .collect(),
        diagnostics: diagnostics.iter().map(|fault| Told::of(&units, fault)).collect(),
        completion: Completion {
            from: units.at(span.start).utf16,
            to: units.at(span.end).utf16,
            items: offers.into_iter().map(item).collect(),
        },
        columns: fields,
    })
}

/// Values of the flows that are held.
struct Flows<'d>(&'d Desk);

impl Values for Flows<'_> {
    fn of(&self, name: &str) -> Vec<Seen> {
        self.seen(name).unwrap_or_default()
    }

    fn contexts(&self) -> Vec<String> {
        self.0.agent.about().contexts
    }
}

impl Flows<'_> {
    /// Those of the last minutes, the most frequent first; of an alias or of labels of either end, those of both.
    fn seen(&self, name: &str) -> Option<Vec<Seen>> {
        use sensor_core::flow::fields::find_alias;
        let names: Vec<String> =
            match (find_alias(RecordKind::Flow, name), name.strip_prefix("label.ip.")) {
                (Some(alias), _) => alias.fields.iter().map(|name| (*name).to_owned()).collect(),
                (None, Some(context)) => {
                    ["src", "dst"].map(|end| format!("label.{end}.{context}")).into()
                }
                (None, None) => vec![name.to_owned()],
            };
        let mut all: Vec<(u128, String)> = Vec::new();
        for name in names {
            let by = vec![GroupBy::named(&name).ok()?];
            let held = self.0.held.snapshot();
            let (_, last) = held.received()?;
            let grouping = Grouping {
                by: by.clone(),
                period: None,
                metrics: vec![Metric::Flows],
                most_groups: MOST_GROUPS,
            };
            let question = Question {
                query: Typed::Constant(true),
                from: last.saturating_sub(RECENT).max(held.whole_from()),
                to: u64::MAX,
                said: Said::Groups(grouping, Distinct::default()),
            };
            let (Answer::Groups(groups), _) = self.0.ask_held(&held, &question, LIVE) else {
                return None;
            };
            for group in groups.largest(Metric::Flows, OFFERED) {
                let flows = u128::from(group.sums.flows());
                for value in value::key(&by, &group.values) {
                    let texts = match value {
                        serde_json::Value::Null => Vec::new(),
                        serde_json::Value::String(text) => vec![text],
                        serde_json::Value::Array(texts) => texts
                            .iter()
                            .filter_map(|text| Some(text.as_str()?.to_owned()))
                            .collect(),
                        other => vec![other.to_string()],
                    };
                    for text in texts {
                        match all.iter_mut().find(|(_, known)| *known == text) {
                            Some((sum, _)) => *sum += flows,
                            None => all.push((flows, text)),
                        }
                    }
                }
            }
        }
        all.sort_by(|(a, left), (b, right)| b.cmp(a).then_with(|| left.cmp(right)));
        all.truncate(OFFERED);
        let seen =
            |(flows, value): (u128, String)| Seen { detail: format!("{flows} flows"), value };
        Some(all.into_iter().map(seen).collect())
    }
}
