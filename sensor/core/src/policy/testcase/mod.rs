//! Tests of policies: flows in, expected events out, through the real detector with simulated time.
//!
//! A file `NAME.test.toml` stands beside `NAME.toml`. Each `[[test]]` lists flows by the names of NQL fields, and says what
//! must come of them: the exact events under `expect`, or, with `fires`, the highest severity alone.

mod expected;
mod flows;
mod outcome;
mod raw;
mod run;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

pub use outcome::Outcome;
pub use run::run;

use self::{
    expected::Expected,
    flows::Draft,
    raw::{RawCase, RawFile},
};
use crate::{
    diagnostic::Diagnostic,
    flow::{
        batch::Source,
        prefix::{Prefix, prefix},
    },
    settings::{
        document,
        schema::{Origin, Setting, Value as _},
    },
};

/// One test.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name.
    pub name: String,
    /// The policies it is about; empty for all of its neighbour file.
    pub policies: Vec<String>,
    /// Internal networks; what is not in them is external, unless a flow says otherwise.
    internal: Vec<Prefix>,
    flows: Vec<Draft>,
    /// How long time goes on after the last flow.
    wait: Duration,
    expected: Expected,
}

impl Case {
    /// Whether no event must come of it: a near miss.
    pub fn is_silent(&self) -> bool {
        match &self.expected {
            Expected::Fires(fires) => fires == "nothing",
            Expected::Events(events) => events.is_empty(),
        }
    }

    /// The same flows as the log of a cloud tells them, as far as it does; none where one is of another cloud.
    pub fn in_log_of(&self, cloud: Source) -> Option<Self> {
        let told: Result<Vec<_>, _> = self.flows.iter().map(|flow| flow.in_log_of(cloud)).collect();
        Some(Self { flows: told.ok()?.into_iter().flatten().collect(), ..self.clone() })
    }

    /// The names of the fields that some flow has a value for.
    pub fn told(&self) -> BTreeSet<&'static str> {
        self.flows.iter().flat_map(Draft::told).collect()
    }

    /// The other half of each connection alone, of which no event must come.
    pub fn replies(&self) -> Self {
        Self {
            flows: self.flows.iter().filter_map(Draft::reply).collect(),
            expected: Expected::Fires("nothing".to_owned()),
            ..self.clone()
        }
    }
}

/// What `fires` may say.
const FIRES: [&str; 6] = ["nothing", "low", "medium", "high", "hit", "label"];

/// Networks that are internal where a test does not say which are: RFC 1918, RFC 4193.
const INTERNAL: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// Reads a test file.
///
/// # Errors
/// All faults, with places in `text`.
pub fn parse(text: &str) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let (document, mut faults) = document::parse(text);
    let mut more = Vec::new();
    let raw = document.and_then(|document| RawFile::read(&document, "", &mut more));
    let cases = raw.map(|raw| raw.test.value).unwrap_or_default();
    let cases: Vec<_> = cases.into_iter().filter_map(|raw| case(&raw, &mut more)).collect();
    document::add_to_sound_lines(&mut faults, more, text);
    if faults.is_empty() { Ok(cases) } else { Err(faults) }
}

fn case(raw: &Setting<RawCase>, faults: &mut Vec<Diagnostic>) -> Option<Case> {
    let header = place(raw);
    let raw = &raw.value;
    let known = faults.len();
    if raw.name.value.is_empty() && !raw.name.is_given() {
        faults.push(Diagnostic::error("the test has no `name`", header.clone()));
    }
    let internal = read_internal(&raw.internal, faults);
    let flows = raw.flow.value.iter().filter_map(|flow| {
        let mut draft = Draft::default();
        for (address, labels) in raw.labels.value.by_first() {
            draft.label(&address, &labels, faults);
        }
        draft.read(&flow.value, faults).then_some(draft)
    });
    let flows = flows.collect();
    let expected = match (&raw.fires.value, raw.expect.is_given()) {
        (Some(fires), false) if FIRES.contains(&fires.as_str()) => Expected::Fires(fires.clone()),
        (Some(_), false) => {
            let fault = Diagnostic::error(
                format!("`fires` is one of {}", FIRES.join(", ")),
                place(&raw.fires),
            );
            faults.push(fault);
            return None;
        }
        (None, true) => Expected::Events(
            raw.expect.value.iter().map(|event| outcome::expected(event, faults)).collect(),
        ),
        (fires, _) => {
            let span = if fires.is_some() { place(&raw.fires) } else { header };
            let fault = Diagnostic::error("a test has either `fires` or `expect`", span);
            faults
                .push(fault.help("`fires = \"nothing\"` or `expect = []` if no event is expected"));
            return None;
        }
    };
    (faults.len() == known).then(|| Case {
        name: raw.name.value.clone(),
        policies: raw.policies.value.iter().map(|name| name.value.clone()).collect(),
        internal,
        flows,
        wait: raw.wait.value,
        expected,
    })
}

fn read_internal(
    prefixes: &Setting<Vec<Setting<String>>>,
    faults: &mut Vec<Diagnostic>,
) -> Vec<Prefix> {
    if !prefixes.is_given() {
        return INTERNAL.iter().filter_map(|text| prefix(text)).collect();
    }
    let read = |text: &Setting<String>| {
        let prefix = prefix(&text.value);
        if prefix.is_none() {
            let message = format!("`{}` is not a network", text.value);
            faults.push(Diagnostic::error(message, place(text)));
        }
        prefix
    };
    prefixes.value.iter().filter_map(read).collect()
}

fn place<T>(setting: &Setting<T>) -> std::ops::Range<usize> {
    match &setting.origin {
        Origin::File(span) => span.clone(),
        Origin::Default | Origin::Flag(_) => 0..0,
    }
}
