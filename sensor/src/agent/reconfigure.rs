//! The configuration, read anew while flows pass: what of it is put in force, and what waits for a restart.
//!
//! Whoever asks for a reload gets an [`Answer`]; the log says the same. [`InForce`] is what others see of the configuration.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use ring::digest::{SHA256, digest};
use sensor_core::sync::Unpoisoned as _;
use serde::Serialize;

use super::{
    config::{
        Config,
        diff::{self, Diff},
    },
    inspect::{NamedFaults, paths},
    logging,
    mode::Mode,
    plant::{
        Plant,
        reload::{Kept, Renewal},
    },
    status::{Status, agent::Configuration},
};

/// What of the configuration is in force, for others to look at.
#[derive(Clone, Default)]
pub struct InForce(Arc<Mutex<Configuration>>);

impl InForce {
    /// The state of now.
    pub fn get(&self) -> Configuration {
        self.0.lock().unpoisoned().clone()
    }

    fn change(&self, change: impl FnOnce(&mut Configuration)) {
        change(&mut self.0.lock().unpoisoned());
    }
}

/// What came of a reload. Its JSON is described in `docs/json.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Whether everything that a reload can put in force is in force.
    pub complete: bool,
    /// Changed keys that are in force now.
    pub applied: Vec<String>,
    /// Changed keys that wait for a restart, those of earlier reloads included.
    pub restart: Vec<String>,
    /// What stays in force as it was, with the reason.
    pub kept: Vec<KeptPart>,
    /// Policies that are active now.
    pub policies: usize,
    /// Of these, new or changed ones.
    pub policies_changed: usize,
    /// How long the reload took, milliseconds.
    pub took_ms: u64,
}

/// A part of the old state that stays in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptPart {
    /// Which part.
    pub what: String,
    /// Why it could not be replaced; over several lines where files have faults.
    pub why: String,
}

impl KeptPart {
    fn new(what: &str, why: &str) -> Self {
        Self { what: what.to_owned(), why: why.trim_end().to_owned() }
    }
}

/// The configurations that a reload compares with the file.
pub struct Reconfiguration {
    /// That of the start: what needs a restart is in force as it says.
    started: Config,
    /// That of the last reload.
    in_force: Config,
    shown: InForce,
}

impl Reconfiguration {
    /// The agent has started with `config` at `now`, milliseconds since the epoch.
    pub fn new(config: &Config, now: u64) -> Self {
        let shown = InForce::default();
        let path = config.written.path.as_ref();
        shown.change(|shown| {
            *shown = Configuration {
                path: path.map(|path| path.display().to_string()),
                sha256: path.map(|_| sha256(&config.written.text)),
                since: now,
                reloaded: true,
                refusal: None,
            };
        });
        Self { started: config.clone(), in_force: config.clone(), shown }
    }

    /// What others may look at.
    pub fn shown(&self) -> InForce {
        self.shown.clone()
    }

    /// Reads the configuration again, and all that it names, and puts it in force. Where it has faults, the old stays in force;
    /// keys that need a restart are named. `now` is milliseconds since the epoch.
    pub fn reload(&mut self, plant: &Plant, now: u64) -> Answer {
        let answer = self.renew(plant, now);
        let why = answer.kept.iter().map(|kept| format!("{}: {}", kept.what, kept.why));
        let why = why.collect::<Vec<_>>().join("\n");
        self.shown.change(|shown| {
            shown.reloaded = answer.complete;
            shown.refusal = (!answer.complete).then_some(why);
        });
        answer
    }

    fn renew(&mut self, plant: &Plant, now: u64) -> Answer {
        let start = Instant::now();
        let config = match self.read() {
            Ok(config) => config,
            Err(error) => {
                tracing::error!("reload refused, the old configuration stays in force: {error:#}");
                plant.refuse_reload();
                let kept = vec![KeptPart::new("configuration", &format!("{error:#}"))];
                let took_ms = start.elapsed().as_millis() as u64;
                return Answer { kept, took_ms, policies: active(plant), ..Answer::default() };
            }
        };
        let new = &config.written.sections;
        let Diff { applied, .. } = Diff::between(&self.in_force.written.sections, new);
        let Diff { restart, .. } = Diff::between(&self.started.written.sections, new);
        for key in &restart {
            let section = diff::section(key);
            tracing::warn!(
                section,
                key,
                "this key has changed; restart the sensor to put it in force"
            );
        }
        let mut kept = Vec::new();
        if let Err(error) = plant.apply(&config) {
            tracing::error!("the old outputs stay in force: {error:#}");
            kept.push(KeptPart::new("outputs", &format!("{error:#}")));
        }
        logging::set_level(config.log.level);
        let Renewal { kept: named, policies, changed, .. } = plant.reload(&config, now);
        kept.extend(named.into_iter().map(|Kept { what, why }| KeptPart::new(what, &why)));
        let sections = match diff::sections(&applied).join(", ") {
            none if none.is_empty() => "none".to_owned(),
            sections => sections,
        };
        let took_ms = start.elapsed().as_millis() as u64;
        if kept.is_empty() {
            tracing::info!(sections, took_ms, "configuration reloaded");
        } else {
            tracing::warn!(
                sections,
                took_ms,
                "configuration reloaded, but for what is named above"
            );
        }
        self.shown.change(|shown| {
            shown.sha256 = shown.path.as_ref().map(|_| sha256(&config.written.text));
            shown.since = now;
        });
        self.in_force = config;
        let complete = kept.is_empty();
        Answer { complete, applied, restart, kept, policies, policies_changed: changed, took_ms }
    }

    /// The configuration as it is now; that in force where there is no file, or one that can be read only once.
    fn read(&self) -> anyhow::Result<Config> {
        let Some(config) = self.in_force.reread() else { return Ok(self.in_force.clone()) };
        let config = config?;
        let faults = paths::faults(&config, Mode::Live);
        match faults.is_empty() {
            true => Ok(config),
            false => Err(NamedFaults(faults.into_iter().collect()).into()),
        }
    }
}

/// Policies in force.
fn active(plant: &Plant) -> usize {
    let mut status = Status::default();
    plant.report(&mut status);
    status.engine.policies.len()
}

/// SHA-256 in hexadecimal digits.
fn sha256(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// In both directions.
    #[test]
    fn the_page_describes_every_key_of_an_answer() {
        let answer = Answer { kept: vec![KeptPart::new("outputs", "x\n")], ..Answer::default() };
        let document = serde_json::to_value(&answer).expect("JSON");
        let keys = |value: &serde_json::Value, below: &str| -> BTreeSet<String> {
            let members = value.as_object().expect("an object");
            members.keys().map(|key| format!("{below}{key}")).collect()
        };
        let mut found = keys(&document, "");
        found.extend(keys(&document["kept"][0], "kept[]."));
        let page = include_str!("../../docs/status.md");
        let section = page.split("## The answer to a reload").nth(1).expect("the section");
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), found);
    }

    #[test]
    fn the_hash_is_that_of_sha256sum() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256("abc"), expected);
    }
}
