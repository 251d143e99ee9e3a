//! Where records and hits go: every collector, the IPFIX files, the flow logs and the outputs of hits, each with its own queue
//! and account.

mod lent;
mod options;

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use sensor_core::{
    flow::{
        batch::FlowBatch,
        interfaces::{Interfaces, SharedInterfaces},
    },
    policy::event::Event,
};

use self::lent::Lent;
use super::top::Shown;
use crate::{
    agent::{
        config::Config,
        mode::Mode,
        status::{self, Flows, Status},
    },
    export::{
        files::{Reopen, retention::Retention, rotated::RotatedFile},
        hits::Hits,
        ipfix::{Exporter, metering::MeteringProcess, options::Destination},
        log::FlowLog,
        sink::Sink,
    },
};

/// Sinks of records and of hits.
pub struct Outputs {
    sinks: Vec<Box<dyn Sink>>,
    hits: Hits,
    reopen: Arc<Reopen>,
    metering: Arc<MeteringProcess>,
    lent: Mutex<Lent>,
    mode: Mode,
}

impl Outputs {
    /// Starts every output that `config` names. `shown` says how flows are printed, `interfaces` will name their interfaces.
    ///
    /// # Errors
    /// When a file or a certificate cannot be opened. A collector that cannot be reached is no error.
    pub fn start(
        config: &Config,
        mode: Mode,
        shown: &Shown,
        interfaces: &SharedInterfaces,
    ) -> anyhow::Result<Self> {
        let reopen = Arc::<Reopen>::default();
        let mut hits = Hits::start(config.hits.outputs.clone(), &reopen)?;
        let metering = MeteringProcess::new();
        let export = &config.export;
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        for collector in &config.collectors {
            let destination = Destination::Collector(collector.options.clone());
            let options = options::exporter(config, collector.mtu, mode);
            let exporter = Exporter::start(destination, options, &metering)?;
            add_hits(&mut hits, config, &exporter);
            sinks.push(Box::new(exporter));
        }
        if let Some(files) = &config.ipfix_file {
            let directory = &files.directory;
            // Later trouble is bridged; a directory that cannot be is a mistake.
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot create directory {}", directory.display()))?;
            let mut files = files.clone();
            if mode == Mode::Files {
                // What is replayed ends by itself, and is wanted whole.
                files.retention = Retention::default();
            }
            let destination = Destination::Files(files);
            let options = options::exporter(config, u16::MAX, mode);
            let exporter = Exporter::start(destination, options, &metering)?;
            add_hits(&mut hits, config, &exporter);
            sinks.push(Box::new(exporter));
        }
        if config.log.print_flows {
            let format = shown.format();
            sinks.push(Box::new(FlowLog::to_stdout(format, interfaces.clone(), export.queue)?));
        }
        if let Some(path) = &config.log.flow_log {
            // What is replayed ends by itself, and is wanted whole.
            let rotation = (mode == Mode::Live).then(|| config.log.rotation.clone());
            let file = RotatedFile::open(path.clone(), rotation, reopen.clone())
                .with_context(|| format!("cannot open the flow log {}", path.display()))?;
            sinks.push(Box::new(FlowLog::to_file(file, interfaces.clone(), export.queue)?));
        }
        Ok(Self { sinks, hits, reopen, metering, lent: Mutex::default(), mode })
    }

    /// Hands a batch to every sink; gives back one that none of them needs any more, this or an earlier one.
    pub fn offer(&self, batch: FlowBatch) -> Option<FlowBatch> {
        if batch.is_empty() || self.sinks.is_empty() {
            return Some(batch);
        }
        let batch = Arc::new(batch);
        for sink in &self.sinks {
            // What is turned away is in the sink's account.
            if self.mode.waits() {
                sink.offer_waiting(&batch);
            } else {
                sink.offer(&batch);
            }
        }
        self.lent.lock().unwrap_or_else(PoisonError::into_inner).exchange(batch)
    }

    /// Hands an event to every output of hits.
    pub fn tell(&self, event: Event) {
        let event = Arc::new(event);
        if self.mode.waits() {
            self.hits.offer_waiting(&event);
        } else {
            self.hits.offer(&event);
        }
    }

    /// Lets flow logs and files of hits be opened anew.
    pub fn reopen(&self) {
        self.reopen.ask();
    }

    /// Fills in how every output stands.
    pub fn report(&self, status: &mut Status) {
        status.sinks = self.sinks.iter().map(|sink| standing(&**sink)).collect();
        status.hits = self.hits.reports().into_iter().map(Into::into).collect();
    }

    /// True where nothing is put out.
    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty() && self.hits.is_empty()
    }

    /// True once nobody reads what is printed, and nothing else is put out.
    pub fn is_pointless(&self) -> bool {
        let sinks = self.sinks.is_empty() || self.sinks.iter().all(|sink| sink.is_pointless());
        let hits = self.hits.is_empty() || self.hits.is_pointless();
        sinks && hits && !self.is_empty()
    }

    /// Tells collectors the names of the interfaces.
    pub fn set_interfaces(&self, interfaces: &Interfaces) {
        self.metering.set_interfaces(interfaces);
    }

    /// Counts packets that no flow record tells of, for the exporters' statistics. `now` is ms since the epoch.
    pub fn add_ignored(&self, packets: u64, octets: u64, now: u64) {
        self.metering.add_ignored(packets, octets, now);
    }

    /// Sends what waits, within `deadline`, and fills in how every output ended. In a replay whoever reads the standard output
    /// may take longer.
    pub fn finish(mut self, deadline: Duration, status: &mut Status) {
        for sink in &self.sinks {
            sink.stop(deadline);
        }
        self.hits.stop(deadline);
        let patient = self.mode.waits();
        let end = |sink: &mut Box<dyn Sink>| {
            if patient {
                sink.end();
            } else {
                sink.leave();
            }
            standing(&**sink)
        };
        status.sinks = self.sinks.iter_mut().map(end).collect();
        status.hits = self.hits.end(patient).into_iter().map(Into::into).collect();
    }
}

/// How a sink stands.
fn standing(sink: &dyn Sink) -> status::Sink<Flows> {
    status::Sink::new(sink.name().to_owned(), sink.account(), sink.last_error())
}

/// Lets an exporter take hits as well, where the configuration wants that.
fn add_hits(hits: &mut Hits, config: &Config, exporter: &Exporter) {
    if let (Some(wanted), Some(output)) = (&config.hits.ipfix, exporter.hits()) {
        hits.add(wanted.selection.clone(), Box::new(output));
    }
}
