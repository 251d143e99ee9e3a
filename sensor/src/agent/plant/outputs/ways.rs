//! The outputs of flow and DNS records that a configuration asks for, and how each is started.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::Context as _;
use sensor_core::{
    dns::DnsBatch,
    flow::{batch::FlowBatch, interfaces::SharedInterfaces},
    sync::Unpoisoned as _,
};

use super::options;
use crate::{
    agent::{
        config::{Config, store::StoreConfig},
        mode::Mode,
    },
    export::{
        clickhouse::{self, options::ClickHouseOptions},
        files::{
            Reopen,
            retention::Retention,
            rotated::{RotatedFile, Rotation},
        },
        held::{ring::Ring, sink::HeldSink},
        hits::{self, held::HeldHits},
        ipfix::{
            IpfixAlertSink, IpfixSink,
            metering::MeteringProcess,
            options::{Destination, FileOptions, IpfixOptions},
        },
        kafka::{self, options::KafkaOptions},
        log::{DnsLog, FlowLog, Format, lots::LotFile},
        nats::{self, options::NatsOptions},
        set::{Plan, Running},
        sink::{Sink, Tuning},
        store::{StoreSink, options::StoreOptions},
    },
};

/// An output of flow records, or of DNS records.
#[derive(Clone)]
pub enum Way {
    /// To a collector, or into IPFIX files.
    Ipfix(Destination, IpfixOptions),
    /// In lots that are acknowledged; records that may wait.
    Lots(Box<Lots>, u64),
    /// To the standard output; records that may wait.
    Stdout(u64),
    /// Into the flow store; records that may wait.
    Store(StoreOptions, u64),
    /// Into memory, for questions; records that may wait.
    Held(u64),
    /// Into a file of lines.
    Log {
        /// The file.
        path: PathBuf,
        /// When another takes its place; never for none.
        rotation: Option<Rotation>,
        /// Records that may wait.
        queue: u64,
    },
}

/// To whom lots go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lots {
    /// A table of ClickHouse.
    ClickHouse(ClickHouseOptions),
    /// A topic of Kafka.
    Kafka(KafkaOptions),
    /// A stream of NATS.
    Nats(NatsOptions),
}

impl Way {
    /// Whether what it has written is on this host.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Ipfix(Destination::Collector(_), _) | Self::Lots(..) | Self::Held(_) => false,
            Self::Ipfix(Destination::Files(_), _)
            | Self::Stdout(_)
            | Self::Store(..)
            | Self::Log { .. } => true,
        }
    }
}

impl Plan for Way {
    fn is_served_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ipfix(to, options), Self::Ipfix(other, of_other)) => {
                to.goes_on_as(other) && options.go_on_as(of_other)
            }
            (Self::Lots(to, _), Self::Lots(other, _)) => to == other,
            (Self::Stdout(_), Self::Stdout(_)) | (Self::Held(_), Self::Held(_)) => true,
            (Self::Store(own, _), Self::Store(other, _)) => own == other,
            (
                Self::Log { path, rotation, .. },
                Self::Log { path: other, rotation: rotated, .. },
            ) => (path, rotation) == (other, rotated),
            _ => false,
        }
    }

    /// IPFIX files have names of their own, two may be under way in a directory.
    fn place(&self) -> Option<String> {
        match self {
            // A lot that is under way and one that another begins have tokens of their own.
            Self::Ipfix(..) | Self::Lots(..) => None,
            Self::Stdout(_) => Some("standard output".to_owned()),
            Self::Held(_) => Some("held records".to_owned()),
            Self::Store(store, _) => Some(store.to_string()),
            Self::Log { path, .. } => Some(path.display().to_string()),
        }
    }

    fn tuning(&self) -> Tuning {
        match self {
            Self::Ipfix(destination, options) => {
                Tuning { queue: options.queue_records, ipfix: Some(options.tuning(destination)) }
            }
            Self::Lots(_, queue)
            | Self::Stdout(queue)
            | Self::Store(_, queue)
            | Self::Held(queue)
            | Self::Log { queue, .. } => Tuning { queue: *queue, ipfix: None },
        }
    }
}

/// The outputs that `config` asks for.
pub fn of(config: &Config, mode: Mode) -> Vec<Way> {
    let export = &config.export;
    let mut ways: Vec<Way> = Vec::new();
    for collector in &config.collectors {
        let destination = Destination::Collector(collector.options.clone());
        ways.push(Way::Ipfix(destination, options::ipfix(config, collector.mtu, mode)));
    }
    if let Some(files) = &config.ipfix_file {
        let mut files = files.clone();
        if mode == Mode::Files {
            // What is replayed ends by itself, and is wanted whole.
            files.retention = Retention::default();
        }
        let destination = Destination::Files(files);
        ways.push(Way::Ipfix(destination, options::ipfix(config, u16::MAX, mode)));
    }
    if let Some(store) = store(config, mode) {
        ways.push(Way::Store(store.records, export.queue));
    }
    let tables = config.clickhouse.iter().cloned().map(Lots::ClickHouse);
    let topics = config.kafka.iter().cloned().map(Lots::Kafka);
    let subjects = config.nats.iter().cloned().map(Lots::Nats);
    for lots in tables.chain(topics).chain(subjects) {
        ways.push(Way::Lots(Box::new(lots), export.queue));
    }
    if config.log.print_flows {
        ways.push(Way::Stdout(export.queue));
    }
    if let Some(path) = config.log.flow_log.clone() {
        // What is replayed ends by itself, and is wanted whole.
        let rotation = (mode == Mode::Live).then(|| config.log.rotation.clone());
        ways.push(Way::Log { path, rotation, queue: export.queue });
    }
    ways
}

/// Nothing is deleted.
const KEPT_WHOLE: sensor_store::plan::Retention =
    sensor_store::plan::Retention { age: None, octets: None, free: None };

/// The store that is written to. What is replayed is stored where a flag says so: the store of the configuration is that of the agent.
fn store(config: &Config, mode: Mode) -> Option<StoreConfig> {
    let mut store = config.store.clone()?;
    if mode == Mode::Files {
        config.written.overrides.store.as_ref()?;
        // What is replayed ends by itself, and is wanted whole.
        store.records.store.retention = KEPT_WHOLE;
        store.hits.iter_mut().for_each(|hits| hits.hits.retention = KEPT_WHOLE);
    }
    Some(store)
}

/// The outputs of DNS records that `config` asks for.
pub fn of_dns(config: &Config, mode: Mode) -> Vec<Way> {
    let queue = config.export.queue;
    let stdout = config.log.print_dns.then_some(Way::Stdout(queue));
    let rotation = (mode == Mode::Live).then(|| config.log.rotation.clone());
    let file = config.log.dns_log.clone().map(|path| Way::Log { path, rotation, queue });
    stdout.into_iter().chain(file).collect()
}

/// Starts outputs, with what they have in common.
pub struct Starter {
    /// How flows are printed.
    pub format: Format,
    /// Names of interfaces.
    pub interfaces: SharedInterfaces,
    /// What the sensor reports about itself.
    pub metering: Arc<MeteringProcess>,
    /// The wish to have files opened anew.
    pub reopen: Arc<Reopen>,
    /// What sinks that have been started take of hits.
    pub sinks: Mutex<Vec<(Way, IpfixAlertSink)>>,
    /// The records that are held; none without a console when the agent was started.
    pub held: Option<Arc<Ring>>,
    /// The hits that are held, likewise.
    pub held_hits: Option<Arc<HeldHits>>,
}

impl Starter {
    /// Starts an output.
    ///
    /// # Errors
    /// When a file or a certificate cannot be opened. A collector that cannot be reached is no error.
    pub fn start(&self, way: &Way) -> anyhow::Result<Box<dyn Sink<FlowBatch>>> {
        let interfaces = self.interfaces.clone();
        Ok(match way {
            Way::Ipfix(destination, options) => {
                if let Destination::Files(FileOptions { directory, .. }) = destination {
                    // Later trouble is bridged; a directory that cannot be is a mistake.
                    fs::create_dir_all(directory).with_context(|| {
                        format!("cannot create directory {}", directory.display())
                    })?;
                }
                let sink = IpfixSink::start(destination.clone(), *options, &self.metering)?;
                if let Some(hits) = sink.hits() {
                    self.sinks().push((way.clone(), hits));
                }
                Box::new(sink)
            }
            Way::Store(options, queue) => Box::new(StoreSink::start(options, *queue)?),
            Way::Held(queue) => {
                let ring = self.held.clone().context("no records are held")?;
                Box::new(HeldSink::start(ring, *queue)?)
            }
            Way::Lots(lots, queue) => Box::new(match &**lots {
                Lots::ClickHouse(options) => clickhouse::start(options, interfaces, *queue)?,
                Lots::Kafka(options) => kafka::start(options, interfaces, *queue)?,
                Lots::Nats(options) => nats::start(options, interfaces, *queue)?,
            }),
            Way::Stdout(queue) => {
                Box::new(FlowLog::to_stdout(self.format.clone(), interfaces, *queue)?)
            }
            Way::Log { path, rotation, queue } => {
                let file = self.open("flow log", path, rotation.as_ref())?;
                Box::new(FlowLog::to_file(file, interfaces, *queue)?)
            }
        })
    }

    /// Starts an output of DNS records.
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub fn start_dns(&self, way: &Way) -> anyhow::Result<Box<dyn Sink<DnsBatch>>> {
        let interfaces = self.interfaces.clone();
        Ok(match way {
            Way::Log { path, rotation, queue } => {
                let file = self.open("DNS log", path, rotation.as_ref())?;
                Box::new(DnsLog::to_file(file, interfaces, *queue)?)
            }
            // No others are asked for.
            Way::Stdout(_) | Way::Held(_) | Way::Store(..) | Way::Ipfix(..) | Way::Lots(..) => {
                let queue = way.tuning().queue;
                Box::new(DnsLog::to_stdout(self.format.clone(), interfaces, queue)?)
            }
        })
    }

    /// Opens a file for lines; `what` is what messages call it.
    fn open(
        &self,
        what: &str,
        path: &Path,
        rotation: Option<&Rotation>,
    ) -> anyhow::Result<LotFile> {
        let open = || RotatedFile::open(path.to_owned(), rotation.cloned(), self.reopen.clone());
        LotFile::open(path, open)
            .with_context(|| format!("cannot open the {what} {}", path.display()))
    }

    fn sinks(&self) -> MutexGuard<'_, Vec<(Way, IpfixAlertSink)>> {
        self.sinks.lock().unpoisoned()
    }

    /// The outputs of hits that `config` asks for: those of their own, and those of the sinks among `ways`.
    pub fn hits(&self, config: &Config, mode: Mode, ways: &[Way]) -> Vec<hits::Way> {
        let own = config.hits.outputs.iter().cloned().map(hits::Way::own);
        let mut all: Vec<hits::Way> = own.collect();
        all.extend(store(config, mode).and_then(|store| store.hits).map(hits::Way::stored));
        all.extend(self.held_hits.clone().map(hits::Way::held));
        let sinks = self.sinks();
        for way in ways {
            // The youngest: an older one has been ended, or is about to be.
            let hits = sinks.iter().rev().find(|(plan, _)| way.is_served_by(plan));
            if let (Some(wanted), Some((_, hits))) = (&config.hits.ipfix, hits) {
                all.push(hits::Way::Ipfix(wanted.selection.clone(), hits.clone()));
            }
        }
        all
    }

    /// The outputs of flow records that `config` asks for. What is held follows from the start alone: whoever asks was given it then.
    pub fn ways(&self, config: &Config, mode: Mode) -> Vec<Way> {
        let held = self.held.as_ref().map(|_| Way::Held(config.export.queue));
        of(config, mode).into_iter().chain(held).collect()
    }

    /// Forgets the sinks that are not `running` any more.
    pub fn retain(&self, running: &[Running<Way, FlowBatch>]) {
        let is_running = |plan: &Way| running.iter().any(|running| running.plan.is_served_by(plan));
        self.sinks().retain(|(plan, _)| is_running(plan));
    }
}
