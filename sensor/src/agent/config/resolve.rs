//! From what was written to what the agent runs on: every range, URL and pattern is checked, all faults at once.

use sensor_core::{
    diagnostic::Findings, flow::cache::CacheOptions, nql::lists::Lists, policy::tags::TagRule,
};

use super::{
    capture::{self, CaptureConfig},
    clickhouse,
    cloud::{self, CloudConfig},
    collector::{self, CollectorConfig},
    console::{self, ConsoleConfig},
    context::{self, ContextConfig},
    control::{self, ControlConfig},
    device,
    engine::{self, EngineConfig},
    error::ConfigError,
    export::{self, ExportConfig},
    faults::Faults,
    flow, forward,
    hits::{self, HitsConfig},
    ingest::{self, IngestConfig},
    intake, ipfix_file, kafka, listen,
    lists::{self, ListFiles},
    log::{self, LogConfig},
    metrics::{self, MetricsConfig},
    nats,
    overrides::Overrides,
    policies::{self, PoliciesConfig},
    sections::Sections,
    security::{self, SecurityConfig},
    store::{self, StoreConfig},
    tag,
    written::Written,
};

use crate::{
    export::{
        clickhouse::options::ClickHouseOptions, ipfix::options::FileOptions,
        kafka::options::KafkaOptions, nats::options::NatsOptions,
    },
    intake::options::Options,
};

/// Everything the agent was told, checked and in its units.
#[derive(Clone, Debug)]
pub struct Config {
    /// What packets are taken from the kernel, and how.
    pub capture: CaptureConfig,
    /// When flows end.
    pub flow: CacheOptions,
    /// How the work on flows is shared out.
    pub engine: EngineConfig,
    /// What holds for every collector.
    pub export: ExportConfig,
    /// Where IPFIX is sent; no endpoint twice.
    pub collectors: Vec<CollectorConfig>,
    /// IPFIX files, where they are wanted.
    pub ipfix_file: Option<FileOptions>,
    /// Flow records and hits that are kept on this host, where they are wanted.
    pub store: Option<StoreConfig>,
    /// Tables of ClickHouse that flow records are inserted into.
    pub clickhouse: Vec<ClickHouseOptions>,
    /// Topics of Kafka that they are sent to.
    pub kafka: Vec<KafkaOptions>,
    /// Subjects of NATS that they are sent to.
    pub nats: Vec<NatsOptions>,
    /// What holds for everything that routers send: where to, who they are, where it is sent on to.
    pub intake: Options,
    /// Flow logs of clouds that are followed.
    pub clouds: Vec<CloudConfig>,
    /// Where some of them are pushed to.
    pub ingest: Option<IngestConfig>,
    /// Which policies are asked.
    pub policies: PoliciesConfig,
    /// Where hits of policies go.
    pub hits: HitsConfig,
    /// What is known beside the flows themselves, and where from.
    pub context: ContextConfig,
    /// The socket by which the agent is reached.
    pub control: ControlConfig,
    /// The page and its API; `None` for none.
    pub console: Option<ConsoleConfig>,
    /// Where metrics and health are found; `None`: on that socket alone.
    pub metrics: Option<MetricsConfig>,
    /// What the agent takes from itself once it has started.
    pub security: SecurityConfig,
    /// The agent's own log, and flows as lines.
    pub log: LogConfig,
    /// The lists that queries can name.
    pub lists: ListFiles,
    /// The files, for what is found to be wrong later.
    pub written: Written,
}

impl Config {
    /// Whether flows, DNS records or hits go to stdout as they come.
    pub fn prints(&self) -> bool {
        self.log.print_flows || self.log.print_dns || self.hits.prints()
    }

    /// The same without policies and outputs, for verbs that only look at flows.
    #[must_use]
    pub fn without_outputs(self) -> Self {
        Self { policies: PoliciesConfig::default(), ..self.without_sinks() }
    }

    /// The same without outputs: policies are asked, and nobody is told.
    #[must_use]
    pub fn without_sinks(mut self) -> Self {
        self.collectors.clear();
        self.ipfix_file = None;
        self.store = None;
        self.console = None;
        self.clickhouse.clear();
        self.kafka.clear();
        self.nats.clear();
        self.hits = HitsConfig { outputs: Vec::new(), ipfix: None };
        self.log.print_flows = false;
        self.log.flow_log = None;
        self.log.print_dns = false;
        self.log.dns_log = None;
        self
    }
}

impl Config {
    /// The rules of flow tags, whose queries may name `lists`, and what is doubtful about them.
    ///
    /// # Errors
    /// All faults of the queries.
    pub fn tags(&self, lists: &Lists) -> Result<(Vec<TagRule>, Findings), ConfigError> {
        let faults = |file| Faults { file, flags: Vec::new() };
        match tag::compile(&self.context.tags, lists) {
            Ok((rules, warnings)) => Ok((rules, self.written.findings(&faults(warnings)))),
            Err(file) => {
                Err(ConfigError::Faulty { files: self.written.files.clone(), faults: faults(file) })
            }
        }
    }
}

/// Judges the files with the flags laid over them.
pub fn resolve(sections: &Sections, overrides: &Overrides) -> Result<Config, Faults> {
    let mut faults = Faults::default();
    let listens = !sections.listen.value.is_empty();
    // Who only takes in flows of others need not be able to load programs.
    let takes_in = listens || !sections.cloud.value.is_empty();
    let interface = &sections.interface.value;
    let export = export::resolve(&sections.export.value, &mut faults);
    let listeners = listen::resolve(&sections.listen.value, &mut faults);
    let devices = device::resolve(&sections.device.value, &mut faults);
    let forwards = forward::resolve(&sections.forward.value, listens, &mut faults);
    let config = Config {
        capture: capture::resolve(&sections.capture.value, interface, takes_in, &mut faults),
        flow: flow::resolve(&sections.flow.value, &mut faults),
        engine: engine::resolve(&sections.engine.value, &mut faults),
        collectors: collector::resolve(&sections.collector.value, &export, &mut faults),
        export,
        ipfix_file: ipfix_file::resolve(&sections.ipfix_file, &mut faults),
        store: store::resolve(&sections.store, &mut faults),
        clickhouse: clickhouse::resolve(&sections.clickhouse.value, &mut faults),
        kafka: kafka::resolve(&sections.kafka.value, &mut faults),
        nats: nats::resolve(&sections.nats.value, &mut faults),
        intake: intake::resolve(&sections.intake.value, listeners, devices, forwards, &mut faults),
        clouds: cloud::resolve(&sections.cloud.value, &mut faults),
        ingest: ingest::resolve(&sections.ingest.value, &sections.cloud.value, &mut faults),
        policies: policies::resolve(&sections.policies.value),
        hits: hits::resolve(&sections.hits.value, overrides, &mut faults),
        context: context::resolve(sections, &mut faults),
        control: control::resolve(&sections.control.value, &mut faults),
        console: console::resolve(&sections.console.value, &mut faults),
        metrics: metrics::resolve(&sections.metrics.value, &mut faults),
        security: security::resolve(&sections.security.value, &mut faults),
        log: log::resolve(&sections.log.value, overrides, &mut faults),
        lists: lists::resolve(&sections.lists.value, &mut faults),
        written: Written::default(),
    };
    if faults.is_empty() { Ok(config) } else { Err(faults) }
}
