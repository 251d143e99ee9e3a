//! Where records go: every collector, the IPFIX files, the flow logs, each with its own queue and account.

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
    nql::{Filter, lists::Lists},
    policy::event::Event,
};

use super::{
    analysis::{Analysis, Origin, Summary},
    filter::FlowFilter,
    lent::Lent,
    top::{Collected, Shown},
};
use crate::{
    agent::{config::Config, inspect::Contents},
    export::{
        account::Account,
        files::{Reopen, retention::Retention, rotated::RotatedFile},
        hits::{self, Hits},
        ipfix::{
            Exporter,
            metering::MeteringProcess,
            options::{Destination, ExportTime, ExporterOptions, HitOptions},
        },
        log::FlowLog,
        sink::Sink,
    },
    stdio,
};

/// What a source does when an output has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Goes on; the records are counted as not sent. For the kernel, which does not wait.
    Never,
    /// Waits. For files.
    Always,
}

/// Where every batch passes: context and policies, then the outputs of records and of hits.
pub struct Outputs {
    analysis: Analysis,
    /// Lists that the filter may name.
    lists: Lists,
    hits: Hits,
    reopen: Arc<Reopen>,
    sinks: Vec<Box<dyn Sink>>,
    top: Option<Collected>,
    filter: Option<Mutex<FlowFilter>>,
    patience: Patience,
    lent: Mutex<Lent>,
    interfaces: SharedInterfaces,
    metering: Arc<MeteringProcess>,
}

impl Outputs {
    /// Starts every output that `config` names, for the flows that fulfil `filter`; `contents` is what was read of the files that
    /// it names. `shown` says how flows are printed.
    ///
    /// # Errors
    /// When a file or a certificate cannot be opened. A collector that cannot be reached is no error.
    pub fn start(
        config: &Config,
        filter: Option<&Filter>,
        contents: Contents,
        patience: Patience,
        shown: &Shown,
    ) -> anyhow::Result<Self> {
        let origin = match patience {
            Patience::Never => Origin::Live,
            Patience::Always => Origin::Files,
        };
        let Contents { lists, named, warnings } = contents;
        stdio::tell(warnings.styled());
        let analysis = Analysis::start(config, named, origin);
        let reopen = Arc::<Reopen>::default();
        let mut hits = Hits::start(config.hits.outputs.clone(), &reopen)?;
        let interfaces = SharedInterfaces::default();
        let metering = MeteringProcess::new();
        let export = &config.export;
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        for collector in &config.collectors {
            let destination = Destination::Collector(collector.options.clone());
            let options = exporter_options(config, collector.mtu, patience);
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
            if patience == Patience::Always {
                // What is replayed ends by itself, and is wanted whole.
                files.retention = Retention::default();
            }
            let destination = Destination::Files(files);
            let options = exporter_options(config, u16::MAX, patience);
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
            let rotation = (patience == Patience::Never).then(|| config.log.rotation.clone());
            let file = RotatedFile::open(path.clone(), rotation, reopen.clone())
                .with_context(|| format!("cannot open the flow log {}", path.display()))?;
            sinks.push(Box::new(FlowLog::to_file(file, interfaces.clone(), export.queue)?));
        }
        let filter = filter.map(|query| Mutex::new(FlowFilter::new(query)));
        let lent = Mutex::default();
        let top = Collected::new(shown);
        Ok(Self {
            analysis,
            lists,
            hits,
            reopen,
            sinks,
            top,
            filter,
            patience,
            lent,
            interfaces,
            metering,
        })
    }

    /// Asks the policies of a batch, and hands it to every output; gives back one that none of them needs any more, this or
    /// an earlier one.
    pub fn offer(&self, mut batch: FlowBatch) -> Option<FlowBatch> {
        self.analysis.pass(&mut batch, &self.interfaces.get(), |event| self.tell(event));
        if let Some(filter) = &self.filter {
            let mut filter = filter.lock().unwrap_or_else(PoisonError::into_inner);
            filter.apply(&mut batch, &self.interfaces.get());
        }
        if let Some(top) = &self.top {
            top.add(&batch, &self.interfaces.get());
        }
        if batch.is_empty() || self.sinks.is_empty() {
            return Some(batch);
        }
        let batch = Arc::new(batch);
        for sink in &self.sinks {
            // What is turned away is in the sink's account.
            match self.patience {
                Patience::Never => sink.offer(&batch),
                Patience::Always => sink.offer_waiting(&batch),
            };
        }
        self.lent.lock().unwrap_or_else(PoisonError::into_inner).exchange(batch)
    }

    fn tell(&self, event: Event) {
        let event = Arc::new(event);
        match self.patience {
            Patience::Never => self.hits.offer(&event),
            Patience::Always => self.hits.offer_waiting(&event),
        }
    }

    /// Lets time pass for the policies: `now` is milliseconds since the epoch.
    pub fn advance(&self, now: u64) {
        self.analysis.advance(now, |event| self.tell(event));
    }

    /// Reads lists, context and policies anew, and lets flow logs and files of hits be opened anew.
    pub fn reload(&self, config: &Config, now: u64) {
        self.reopen.ask();
        let (lists, result) = config.lists.reread(&self.lists);
        if let Err(error) = result {
            tracing::error!("{error}; keeping its old values");
        }
        if let Some(edited) = config.edited() {
            tracing::warn!("{edited}");
        }
        self.analysis.reload(config, &lists, now, |event| self.tell(event));
        self.analysis.leave(self.lists.follow(&lists));
    }

    /// Every output's name and account, as they stand.
    pub fn accounts(&self) -> (Vec<(String, Account)>, Vec<hits::Report>) {
        let sinks = self.sinks.iter().map(|sink| (sink.name().to_owned(), sink.account()));
        (sinks.collect(), self.hits.reports())
    }

    /// How the policies have fared.
    pub fn policies(&self) -> Summary {
        self.analysis.summary()
    }

    /// True once nobody reads what is printed, and nothing else is put out.
    pub fn is_pointless(&self) -> bool {
        let sinks = self.sinks.is_empty() || self.sinks.iter().all(|sink| sink.is_pointless());
        let hits = self.hits.is_empty() || self.hits.is_pointless();
        sinks && hits && !(self.sinks.is_empty() && self.hits.is_empty())
    }

    /// Flow records that did not fulfil the filter; `None` without one.
    pub fn held_back(&self) -> Option<u64> {
        let filter = self.filter.as_ref()?;
        Some(filter.lock().unwrap_or_else(PoisonError::into_inner).held_back())
    }

    /// Tells all outputs the names of the interfaces.
    pub fn set_interfaces(&self, interfaces: Interfaces) {
        self.metering.set_interfaces(&interfaces);
        self.interfaces.set(interfaces);
    }

    /// Counts packets that no flow record tells of, for the exporters' statistics. `now` is ms since the epoch.
    pub fn add_ignored(&self, packets: u64, octets: u64, now: u64) {
        self.metering.add_ignored(packets, octets, now);
    }

    /// Says so where flows and hits go nowhere at all.
    pub fn warn_of_silence(&self) {
        if self.sinks.is_empty() && self.hits.is_empty() && self.top.is_none() {
            tracing::info!(
                "no output selected for flows or hits: add --print flows, --print hits, --top, --ipfix-file, --flow-log or --collector"
            );
        }
    }

    /// Ends all incidents, sends what waits, within `deadline`, and returns every output's name and final account. In a replay
    /// whoever reads the standard output may take longer.
    pub fn finish(mut self, deadline: Duration) -> (Vec<(String, Account)>, Vec<hits::Report>) {
        self.analysis.finish(|event| self.tell(event));
        for sink in &self.sinks {
            sink.stop(deadline);
        }
        self.hits.stop(deadline);
        let patient = self.patience == Patience::Always;
        let end = |sink: &mut Box<dyn Sink>| {
            if patient {
                sink.end();
            } else {
                sink.leave();
            }
            (sink.name().to_owned(), sink.account())
        };
        let accounts = self.sinks.iter_mut().map(end).collect();
        if let Some(top) = &self.top {
            // A reader that has gone away wants no more.
            let _ = top.print();
        }
        (accounts, self.hits.end(patient))
    }
}

/// Lets an exporter take hits as well, where the configuration wants that.
fn add_hits(hits: &mut Hits, config: &Config, exporter: &Exporter) {
    if let (Some(wanted), Some(output)) = (&config.hits.ipfix, exporter.hits()) {
        hits.add(wanted.selection.clone(), Box::new(output));
    }
}

/// Hits that may wait for the end of a replay, when they are sent.
const HITS_IN_REPLAY: u64 = 1 << 20;

fn exporter_options(config: &Config, message_size: u16, patience: Patience) -> ExporterOptions {
    let export = &config.export;
    let replay = patience == Patience::Always;
    ExporterOptions {
        message_size,
        observation_domain: export.observation_domain,
        statistics_interval: export.statistics_interval,
        queue_records: export.queue,
        export_time: if replay { ExportTime::FlowEnd } else { ExportTime::Clock },
        // A process number would make every replay different.
        process: if replay { 1 } else { std::process::id() },
        hits: config.hits.ipfix.as_ref().map(|hits| HitOptions {
            enterprise: hits.enterprise,
            queue: if replay { HITS_IN_REPLAY } else { hits.queue },
        }),
    }
}
