//! The configuration, read anew while flows pass: what of it is put in force, and what waits for a restart.
//!
//! A reload has two halves. Everything is read, judged and opened first; whatever has a fault refuses the reload, and nothing
//! has changed. Then every room changes over, which cannot fail. (One exception: an output that needs the file of another
//! opens it when that one has ended.) Whoever asks for a reload gets an [`Answer`]; the log says the same. [`InForce`] is
//! what others see of the configuration.

use std::{
    mem,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ring::digest::{self, SHA256};
use sensor_core::{
    diagnostic::{Findings, SourceMap},
    sync::Unpoisoned as _,
};
use serde::Serialize;

use super::{
    cloud::follow::Clouds,
    config::{Config, context::ContextConfig, diff::Diff},
    host::capture,
    ingest::{self, IngestControl},
    inspect::{self, Contents},
    intake::Sockets,
    inventories::Watch,
    logging,
    mode::Mode,
    plant::{Plant, PreparedOutputs, reload::Renewal},
    privilege::{
        Privileges,
        capabilities::{self, Role},
    },
    status::{Status, agent::Configuration},
};
use crate::intake;

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
    /// Which part: `configuration` where the reload was refused, so that nothing has changed.
    pub what: String,
    /// Why it could not be replaced; over several lines where files have faults.
    pub why: String,
}

impl KeptPart {
    fn new(what: &str, why: &str) -> Self {
        Self { what: what.to_owned(), why: why.trim_end().to_owned() }
    }
}

/// The rooms that a reload changes.
pub struct Rooms {
    /// Context, policies, outputs.
    pub plant: Arc<Plant>,
    /// Cloud flow logs that are followed.
    pub clouds: Clouds,
    /// Where some of them are pushed to.
    pub ingest: Option<IngestControl>,
    /// What routers send.
    pub intake: Sockets,
    /// Packets of this host; none where the agent was started without any.
    pub capture: Option<capture::Control>,
}

/// What a reload has ready: from here on nothing can fail that would leave half of it in force.
struct Ready {
    config: Config,
    contents: Contents,
    outputs: PreparedOutputs,
    intake: intake::Change,
    ingest: ingest::Change,
    capture: Option<capture::Change>,
}

/// The configurations that a reload compares with the file.
pub struct Reconfiguration {
    /// That of the start: what needs a restart is in force as it says.
    started: Config,
    /// That of the last reload.
    in_force: Config,
    rooms: Rooms,
    privileges: Privileges,
    shown: InForce,
    /// The files of inventories.
    watch: Watch,
    /// When they were looked at last.
    looked_at: Instant,
}

impl Reconfiguration {
    /// The agent has started with `config` at `now`, milliseconds since the epoch, and has these `privileges` left.
    pub fn new(config: &Config, rooms: Rooms, privileges: Privileges, now: u64) -> Self {
        let shown = InForce::default();
        let path = config.written.path.as_ref();
        shown.change(|shown| {
            *shown = Configuration {
                path: path.map(|path| path.display().to_string()),
                drop_ins: config.written.drop_ins(),
                sha256: path.map(|_| sha256(&config.written.files)),
                since: now,
                reloaded: true,
                refusal: None,
                restart: Vec::new(),
            };
        });
        let (started, in_force) = (config.clone(), config.clone());
        let mut watch = Watch::default();
        watch.reads(in_force.context.inventory_files());
        Self { started, in_force, rooms, privileges, shown, watch, looked_at: Instant::now() }
    }

    /// What others may look at.
    pub fn shown(&self) -> InForce {
        self.shown.clone()
    }

    /// Reads the configuration again, and all that it names, and puts it in force: all of it but the keys that need a restart,
    /// or nothing where anything has a fault. `now` is milliseconds since the epoch.
    pub fn reload(&mut self, now: u64) -> Answer {
        let start = Instant::now();
        let mut answer = match self.prepare() {
            Ok(ready) => self.put_in_force(ready, now, start),
            Err(error) => self.refuse(&error),
        };
        answer.took_ms = start.elapsed().as_millis() as u64;
        let why = answer.kept.iter().map(|kept| format!("{}: {}", kept.what, kept.why));
        let why = why.collect::<Vec<_>>().join("\n");
        self.shown.change(|shown| {
            shown.reloaded = answer.complete;
            shown.refusal = (!answer.complete).then_some(why);
        });
        answer
    }

    /// Whether it is time to look at inventories of clouds, if there are any.
    pub fn is_refresh_due(&mut self) -> bool {
        let ContextConfig { inventories, refresh, .. } = &self.in_force.context;
        let is_due = !inventories.is_empty() && self.looked_at.elapsed() >= *refresh;
        if is_due {
            self.looked_at = Instant::now();
        }
        is_due
    }

    /// Looks whether inventories of clouds have changed, and puts in force what they say now: their labels, and nothing else.
    pub fn refresh(&mut self, now: u64) {
        let Self { in_force, watch, .. } = self;
        if !watch.is_due(in_force.context.inventory_files()) {
            return;
        }
        watch.reads(in_force.context.inventory_files());
        match inspect::context(in_force, Mode::Live) {
            Ok(sources) => {
                let Renewal { pause, .. } = self.rooms.plant.refresh(in_force, sources, now);
                let waited_ms = (pause.as_secs_f64() * 1e4).round() / 10.0;
                tracing::info!(waited_ms, "inventories of clouds have changed: labels refreshed");
            }
            Err(error) => tracing::error!(
                "inventories of clouds have changed and cannot be used, their old labels stay in force: {error:#}"
            ),
        }
    }

    /// Reads, and opens, everything that is new. Nothing has changed so far.
    fn prepare(&self) -> anyhow::Result<Ready> {
        self.privileges.check_file(&self.in_force)?;
        let config = match self.in_force.reread() {
            Some(config) => config?,
            // There is no file, or one that can be read only once.
            None => self.in_force.clone(),
        };
        self.privileges.check(&config)?;
        let contents = inspect::read(&config, Mode::Live, config.policies.lenient)?;
        let intake = self.rooms.intake.prepare(&config).map_err(NotOpened)?;
        capabilities::born(Role::Files, || self.rooms.clouds.prepare(&config))??;
        let ingest = capabilities::born(Role::Files, || ingest::Change::prepare(&config))??;
        let capture = self.rooms.capture.as_ref();
        let capture =
            capture.map(|capture| capture.prepare(&self.in_force, &config)).transpose()?;
        // The last: what has been started here is used.
        let prepare = || self.rooms.plant.prepare(&config);
        let outputs = capabilities::born(Role::Files, prepare)??;
        Ok(Ready { config, contents, outputs, intake, ingest, capture })
    }

    fn refuse(&self, error: &anyhow::Error) -> Answer {
        tracing::error!("reload refused, the old configuration stays in force: {error:#}");
        self.rooms.plant.refuse_reload();
        let kept = vec![KeptPart::new("configuration", &format!("{error:#}"))];
        let policies = active(&self.rooms.plant);
        let restart = self.shown.get().restart;
        Answer { kept, restart, policies, ..Answer::default() }
    }

    fn put_in_force(&mut self, ready: Ready, now: u64, start: Instant) -> Answer {
        let Ready { config, contents, outputs, intake, ingest, capture } = ready;
        let Diff { applied, .. } = Diff::between(&self.in_force, &config);
        let Diff { restart, .. } = Diff::between(&self.started, &config);
        let Rooms { plant, clouds, ingest: pushed, intake: sockets, capture: packets } =
            &self.rooms;
        let outputs = plant.swap(outputs);
        let Renewal { policies, changed, pause } = plant.reload(&config, contents, now);
        sockets.apply(intake);
        if let (Some(packets), Some(change)) = (packets, capture) {
            packets.apply(change);
        }
        if let Some(pushed) = pushed {
            pushed.apply(ingest);
        }
        clouds.apply(&config);
        logging::set_level(config.log.level);
        self.shown.change(|shown| {
            shown.drop_ins = config.written.drop_ins();
            shown.sha256 = shown.path.as_ref().map(|_| sha256(&config.written.files));
            shown.since = now;
            shown.restart.clone_from(&restart);
        });
        self.watch.reads(config.context.inventory_files());
        let interfaces = mem::replace(&mut self.in_force, config).capture.interfaces;
        if interfaces.is_empty() || self.in_force.capture.interfaces.is_empty() {
            self.in_force.capture.interfaces = interfaces;
        }
        // Last, since old outputs may take their time for what they have waiting.
        let settled = capabilities::born(Role::Files, || plant.settle(outputs));
        let settled = settled.map_err(anyhow::Error::from).flatten();
        let kept = settled.err().map(|error| KeptPart::new("outputs", &format!("{error:#}")));
        let answer = Answer {
            complete: kept.is_none(),
            applied,
            restart,
            kept: kept.into_iter().collect(),
            policies,
            policies_changed: changed,
            took_ms: 0,
        };
        log(&answer, pause, start);
        answer
    }
}

/// Says in one line what has become of everything.
fn log(answer: &Answer, pause: Duration, start: Instant) {
    let Answer { policies, policies_changed, .. } = answer;
    let keys = |keys: &[String]| match keys {
        [] => "none".to_owned(),
        keys => keys.join(", "),
    };
    let (applied, restart) = (keys(&answer.applied), keys(&answer.restart));
    let took_ms = start.elapsed().as_millis() as u64;
    let waited_ms = (pause.as_secs_f64() * 1e4).round() / 10.0;
    macro_rules! tell {
        ($level:ident, $($text:tt)*) => {
            tracing::$level!(
                applied, restart, policies, policies_changed, took_ms, waited_ms, $($text)*
            )
        };
    }
    match answer.kept.as_slice() {
        [] if answer.restart.is_empty() => tell!(info, "configuration reloaded"),
        [] => {
            tell!(warn, "configuration reloaded; restart the sensor to put `restart` in force too");
        }
        [kept, ..] => {
            tell!(error, "configuration reloaded, but for {}: {}", kept.what, kept.why);
        }
    }
}

/// What cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("what the configuration asks for cannot be opened\n\n{}", .0.to_string().trim_end())]
struct NotOpened(Findings);

/// Policies in force.
fn active(plant: &Plant) -> usize {
    let mut status = Status::default();
    plant.report(&mut status);
    status.engine.policies.len()
}

/// SHA-256 in hexadecimal digits, of the files one behind the other: that of `cat FILE conf.d/*.toml | sha256sum`.
fn sha256(files: &SourceMap) -> String {
    let mut context = digest::Context::new(&SHA256);
    files.files().for_each(|(_, text)| context.update(text.as_bytes()));
    context.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
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
        assert_eq!(sha256(&SourceMap::one("f", "abc")), expected);
        let mut files = SourceMap::one("f", "a");
        files.push("conf.d/1.toml", "");
        files.push("conf.d/2.toml", "bc");
        assert_eq!(sha256(&files), expected);
    }
}
