//! Cloud flow logs while they come: objects that appear and grow, read once each, over restarts.
//!
//! * [`seam`]: between what finds objects and what decodes them; [`items`]: what they say to each other. [`folder`]: a folder that mirrors a bucket.
//!   [`store`]: the bucket itself.
//! * [`described`]: what is known of a source beforehand. [`decoding`]: the thread that decodes, in lots; [`told`]: what comes of that. [`mod@object`], [`opened`]: one object. [`outlet`]: to the plant.
//! * [`omission`]: what is left out because it is known otherwise.
//! * [`state`]: what was read. [`journal`], [`keeper`]: the same on disk. [`mod@print`]: whether an object has only grown.
//! * [`figures`], [`silence`]: what is counted of a source, and whether it has fallen silent.
//!
//! Each `[[cloud]]` has three threads: one finds objects, one decodes them, one writes the state.

pub mod decoding;
pub mod described;
pub mod figures;
pub mod folder;
pub mod items;
pub mod journal;
pub mod keeper;
pub mod object;
pub mod omission;
pub mod opened;
pub mod outlet;
pub mod print;
pub mod seam;
pub mod silence;
pub mod state;
pub mod store;
pub mod told;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, mpsc::sync_channel},
    thread::{Builder, JoinHandle},
};

use anyhow::Context as _;
use sensor_core::sync::Unpoisoned as _;

use self::{
    decoding::{Decoding, Work},
    described::Described,
    figures::{Figures, Followed},
    folder::Folder,
    journal::Journal,
    keeper::Keeper,
    omission::{InForce, Omissions, Site},
    outlet::PlantOutlet,
    seam::{Desk, ObjectSource, Stop, WAITING},
    silence::Silence,
    state::State,
    store::queue::Queue,
};
use crate::{
    agent::{
        config::{
            Config,
            cloud::{CloudConfig, Place},
        },
        ingest::{Pushed, hub::Hub},
        plant::Plant,
        privilege::capabilities::{self, Role},
    },
    clock, stdio,
};

/// Everything that is followed, for whoever changes it. Clones share it.
#[derive(Clone)]
pub struct Clouds(Arc<Shared>);

struct Shared {
    plant: Mutex<Option<Arc<Plant>>>,
    running: Mutex<Vec<Running>>,
    /// Figures by name, also of what a reload has ended.
    figures: Mutex<BTreeMap<String, Arc<Figures>>>,
    /// Where objects are pushed to.
    hub: Hub,
    /// By which networks and addresses something is left out.
    site: InForce,
}

/// A source that is followed.
struct Running {
    config: CloudConfig,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

/// What finds the objects of a source, and what stands before their names in messages.
fn source_of(config: &CloudConfig, hub: &Hub) -> (Box<dyn ObjectSource>, String) {
    match &config.place {
        Place::Folder { root, poll } => {
            let prefix = format!("{}/", root.display());
            (Box::new(Folder::new(root.clone(), *poll)), prefix)
        }
        Place::Store(store) => {
            let source: Box<dyn ObjectSource> = match &store.queue {
                Some(queue) => Box::new(Queue::new(store.clone(), queue.clone())),
                None => Box::new(store::Followed::new(store.clone())),
            };
            (source, store.root())
        }
        Place::Push(push) => {
            let name = &config.name;
            let pushed = Pushed::new(hub, name, push.clone(), config.format);
            (Box::new(pushed), format!("/ingest/{name}"))
        }
    }
}

impl Clouds {
    /// Follows what `config` names.
    ///
    /// # Errors
    /// A state file that cannot be used.
    pub fn start(config: &Config, plant: &Arc<Plant>) -> anyhow::Result<Self> {
        let shared = Shared {
            plant: Mutex::new(Some(plant.clone())),
            running: Mutex::default(),
            figures: Mutex::default(),
            hub: Hub::default(),
            site: InForce::new(Site::of(config)),
        };
        let clouds = Self(Arc::new(shared));
        for cloud in &config.clouds {
            clouds.follow(cloud)?;
        }
        Ok(clouds)
    }

    fn follow(&self, config: &CloudConfig) -> anyhow::Result<()> {
        let now = clock::now();
        let (source, prefix) = source_of(config, &self.0.hub);
        let silence = Silence::new(config.silent_after, now);
        let mut all = self.0.figures.lock().unpoisoned();
        let figures = match all.get(&config.name) {
            Some(figures) => {
                figures.begin_again(prefix.clone(), silence);
                figures.clone()
            }
            None => {
                let figures = Arc::new(Figures::new(&config.name, prefix.clone(), silence));
                all.insert(config.name.clone(), figures.clone());
                figures
            }
        };
        drop(all);
        let Some(plant) = self.0.plant.lock().unpoisoned().clone() else { return Ok(()) };
        let started = start(config, source, prefix, &figures, plant, &self.0.site);
        // Whoever is told of trouble knows which cloud it is of.
        let (stop, threads) = started
            .inspect_err(|error| figures.trouble(Some(&format!("{error:#}"))))
            .with_context(|| format!("cloud {}", config.name))?;
        let running = Running { config: config.clone(), stop, threads };
        self.0.running.lock().unpoisoned().push(running);
        stdio::note(format_args!("cloud {}: following {}", config.name, shown(config)));
        Ok(())
    }

    /// Sees that the states of what `config` newly names can be used. Nothing has changed so far.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn prepare(&self, config: &Config) -> anyhow::Result<()> {
        let running = self.0.running.lock().unpoisoned();
        for cloud in &config.clouds {
            // What is in use is being written.
            if !running.iter().any(|running| running.config.state == cloud.state) {
                journal::check(&cloud.state).with_context(|| format!("cloud {}", cloud.name))?;
            }
        }
        Ok(())
    }

    /// Goes on with what `config` names: what is as it was goes on undisturbed, the rest ends with its lot and starts anew.
    pub fn apply(&self, config: &Config) {
        self.0.site.set(Site::of(config));
        let mut running = self.0.running.lock().unpoisoned();
        let (kept, gone) =
            running.drain(..).partition(|running| config.clouds.contains(&running.config));
        *running = kept;
        let known: Vec<CloudConfig> =
            running.iter().map(|running| running.config.clone()).collect();
        drop(running);
        for running in gone {
            let name = running.config.name.clone();
            running.end();
            if let Some(figures) = self.0.figures.lock().unpoisoned().get(&name) {
                figures.end();
            }
            stdio::note(format_args!("cloud {name}: ended by a reload"));
        }
        for cloud in config.clouds.iter().filter(|cloud| !known.contains(cloud)) {
            // The figures have the reason, and so has the log.
            let _ = self.follow(cloud);
        }
        let is_pushed = |cloud: &CloudConfig| matches!(cloud.place, Place::Push(_));
        let pushed = config.clouds.iter().filter(|cloud| is_pushed(cloud));
        let is_configured = |name: &str| pushed.clone().any(|cloud| cloud.name == name);
        self.0.hub.forget(is_configured);
    }

    /// Where objects are pushed to.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// How every source stands.
    pub fn report(&self) -> Vec<Followed> {
        let now = clock::now();
        let figures = self.0.figures.lock().unpoisoned();
        figures.values().map(|figures| figures.report(now)).collect()
    }

    /// Whether a thread has ended by itself.
    pub fn is_broken(&self) -> bool {
        let running = self.0.running.lock().unpoisoned();
        running.iter().any(|running| running.threads.iter().any(JoinHandle::is_finished))
    }

    /// Ends everything, each with its lot, and lets go of the plant.
    pub fn stop(&self) {
        let running = std::mem::take(&mut *self.0.running.lock().unpoisoned());
        running.iter().for_each(|running| running.stop.ask());
        running.into_iter().for_each(Running::end);
        drop(self.0.plant.lock().unpoisoned().take());
    }
}

impl Running {
    fn end(self) {
        self.stop.ask();
        for thread in self.threads {
            // That it panicked has been told.
            let _ = thread.join();
        }
    }
}

fn shown(config: &CloudConfig) -> String {
    match &config.place {
        Place::Folder { root, .. } => root.display().to_string(),
        Place::Store(store) => match &store.queue {
            Some(queue) => format!("{store} by {queue}"),
            None => store.to_string(),
        },
        Place::Push(push) => format!("/ingest/{} ({})", config.name, push.protocol.name()),
    }
}

/// Starts the threads of a source.
fn start(
    config: &CloudConfig,
    source: Box<dyn ObjectSource>,
    prefix: String,
    figures: &Arc<Figures>,
    plant: Arc<Plant>,
    site: &InForce,
) -> anyhow::Result<(Stop, Vec<JoinHandle<()>>)> {
    let now = clock::now();
    let begin = || {
        let (journal, state) =
            Journal::open(&config.state, || State::new(now, config.begin.floor(now)))?;
        let state = Arc::new(Mutex::new(state));
        anyhow::Ok((Keeper::start(journal, state.clone())?, state))
    };
    let (keeper, state) = capabilities::born(Role::Files, begin)??;
    let (objects, receiver) = sync_channel(WAITING);
    let stop = Stop::default();
    let desk = Desk { objects, state: state.clone(), figures: figures.clone(), stop: stop.clone() };
    let described = Described {
        name: config.name.as_str().into(),
        prefix,
        format: config.format,
        hints: config.hints.clone(),
        profile: config.profile.clone(),
    };
    let decoding = Decoding {
        described: Arc::new(described),
        objects: receiver,
        state,
        keeper,
        figures: figures.clone(),
        stop: stop.clone(),
        outlet: PlantOutlet(plant),
        omissions: Omissions::new(config.omission, site.clone()),
        work: Work::default(),
    };
    let decode = Builder::new().name("cloud-decode".to_owned()).spawn(move || {
        capabilities::kept(Role::Nothing);
        decoding.run();
    })?;
    let asked = stop.clone();
    let find = Builder::new().name("cloud-find".to_owned()).spawn(move || {
        capabilities::kept(Role::Files);
        source.run(&desk, &asked);
    });
    match find {
        Ok(find) => Ok((stop, vec![find, decode])),
        Err(error) => {
            stop.ask();
            let _ = decode.join();
            Err(error.into())
        }
    }
}

#[cfg(test)]
mod tests;
