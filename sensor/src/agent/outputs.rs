//! Where records go: every collector, the IPFIX files, the flow logs, each with its own queue and account.

use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;

use super::config::{CollectorConfig, Config, ExportConfig, IpfixFileConfig, endpoint};
use crate::{
    export::{
        account::Account,
        ipfix::{
            Exporter,
            metering::MeteringProcess,
            options::{
                CollectorOptions, Destination, ExportTime, ExporterOptions, FileOptions,
                TlsOptions, Transport,
            },
        },
        log::{FlowLog, Format},
    },
    flow::{
        batch::FlowBatch,
        interfaces::{Interfaces, SharedInterfaces},
    },
    wire::ipfix::options::Interface,
};

/// What a source does when an output has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Goes on; the records are counted as not sent. For the kernel, which does not wait.
    Never,
    /// Waits. For files.
    Always,
}

/// All outputs.
pub struct Outputs {
    exporters: Vec<Exporter>,
    logs: Vec<FlowLog>,
    patience: Patience,
    interfaces: SharedInterfaces,
    metering: Arc<MeteringProcess>,
}

impl Outputs {
    /// Starts every output that `config` names.
    ///
    /// # Errors
    /// When a file or a certificate cannot be opened. A collector that cannot be reached is no error.
    pub fn start(config: &Config, patience: Patience) -> anyhow::Result<Self> {
        let interfaces = SharedInterfaces::default();
        let metering = MeteringProcess::new();
        let export = &config.export;
        let mut exporters = Vec::new();
        for collector in &config.collectors {
            let destination = Destination::Collector(collector_options(collector, export));
            let options = exporter_options(export, collector.mtu, patience);
            exporters.push(Exporter::start(destination, options, &metering)?);
        }
        if let Some(files) = &config.ipfix_file {
            let destination = Destination::Files(file_options(files));
            let options = exporter_options(export, u16::MAX, patience);
            exporters.push(Exporter::start(destination, options, &metering)?);
        }
        let mut logs = Vec::new();
        if config.log.print_flows {
            let format = if io::stdout().is_terminal() { Format::Lines } else { Format::Json };
            logs.push(FlowLog::to_stdout(format, interfaces.clone(), export.queue)?);
        }
        if let Some(path) = &config.log.flow_log {
            let log = FlowLog::to_file(path, interfaces.clone(), export.queue)
                .with_context(|| format!("cannot open the flow log {}", path.display()))?;
            logs.push(log);
        }
        Ok(Self { exporters, logs, patience, interfaces, metering })
    }

    /// Hands a batch to every output.
    pub fn offer(&self, batch: FlowBatch) {
        let batch = Arc::new(batch);
        for exporter in &self.exporters {
            match self.patience {
                Patience::Never => exporter.offer(&batch),
                Patience::Always => exporter.offer_waiting(&batch),
            };
        }
        for log in &self.logs {
            match self.patience {
                Patience::Never => log.offer(&batch),
                Patience::Always => log.offer_waiting(&batch),
            };
        }
    }

    /// True once nobody reads what is printed, and nothing else is put out.
    pub fn is_pointless(&self) -> bool {
        self.exporters.is_empty()
            && !self.logs.is_empty()
            && self.logs.iter().all(FlowLog::is_closed)
    }

    /// Tells all outputs the names of the interfaces.
    pub fn set_interfaces(&self, interfaces: Interfaces) {
        let known = interfaces.0.iter().map(|(index, interface)| Interface {
            index: *index,
            name: interface.name.clone(),
            description: interface.alias.clone(),
        });
        self.metering.set_interfaces(known.collect());
        self.interfaces.set(interfaces);
    }

    /// Counts packets that no flow record tells of, for the exporters' statistics. `now` is ms since the epoch.
    pub fn add_ignored(&self, packets: u64, octets: u64, now: u64) {
        self.metering.add_ignored(packets, octets, now);
    }

    /// Sends what waits, within `deadline`, and returns every output's name and final account.
    pub fn finish(self, deadline: Duration) -> Vec<(String, Account)> {
        for exporter in &self.exporters {
            exporter.stop(deadline);
        }
        let mut accounts = Vec::new();
        for exporter in self.exporters {
            accounts.push((exporter.name().to_owned(), exporter.join()));
        }
        for log in self.logs {
            accounts.push((log.name().to_owned(), log.join()));
        }
        accounts
    }
}

fn exporter_options(
    export: &ExportConfig,
    message_size: u16,
    patience: Patience,
) -> ExporterOptions {
    let replay = patience == Patience::Always;
    ExporterOptions {
        message_size,
        observation_domain: export.observation_domain,
        statistics_interval: export.statistics_interval,
        queue_records: export.queue,
        export_time: if replay { ExportTime::FlowEnd } else { ExportTime::Clock },
        // A process number would make every replay different.
        process: if replay { 1 } else { std::process::id() },
    }
}

fn collector_options(collector: &CollectorConfig, export: &ExportConfig) -> CollectorOptions {
    let transport = match collector.endpoint.transport {
        endpoint::Transport::Udp => Transport::Udp {
            template_interval: export.template_interval,
            template_messages: export.template_messages,
        },
        endpoint::Transport::Tcp => Transport::Tcp,
        endpoint::Transport::Tls => {
            let tls = collector.tls.clone().unwrap_or_default();
            let (certificate, key) = tls.identity.unzip();
            Transport::Tls(TlsOptions {
                ca: tls.ca,
                certificate,
                key,
                server_name: tls.server_name,
            })
        }
    };
    let endpoint = &collector.endpoint;
    CollectorOptions { transport, host: endpoint.host.clone(), port: endpoint.port }
}

fn file_options(files: &IpfixFileConfig) -> FileOptions {
    FileOptions {
        rotate_octets: files.max_size,
        rotate_interval: files.max_age,
        ..FileOptions::new(files.directory.clone())
    }
}
