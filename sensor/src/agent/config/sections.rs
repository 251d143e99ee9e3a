//! The configuration file as it was written: every section there is.
//!
//! [`parse`] checks form only (known keys, right types); what the values mean together is judged by [`super::resolve`],
//! after the flags of the command line have had their say.

use std::{collections::HashMap, ops::Range, path::PathBuf};

use sensor_core::{
    diagnostic::Diagnostic,
    settings::{
        document,
        named::Named,
        schema::{Key, Setting, Table, Value, table},
    },
};
use toml::{Spanned, de::DeValue};

use super::{
    capture::Capture, clickhouse::ClickHouse, cloud::Cloud, collector::Collector, console::Console,
    control::Control, device::Device, engine::Engine, export::Export, flow::Flow, forward::Forward,
    geo::Geo, hits::Hits, ingest::Ingest, intake::Intake, interface::Interface,
    ipfix_file::IpfixFile, kafka::Kafka, labels::Labels, listen::Listen, log::Log,
    metrics::Metrics, nats::Nats, networks::Networks, policies::Policies, reputation::Reputation,
    security::Security, store::Store, tag::Tag,
};

table! {
    /// The whole file.
    Sections {
        /// What packets are taken from the kernel, and how.
        capture: Capture = Capture::default();
        /// What holds for single interfaces; one `[[interface]]` each.
        interface: Vec<Setting<Interface>> = Vec::new();
        /// When flows end.
        flow: Flow = Flow::default();
        /// How the work on flows is shared out.
        engine: Engine = Engine::default();
        /// What holds for every collector.
        export: Export = Export::default();
        /// Where IPFIX is sent; one `[[collector]]` each.
        collector: Vec<Setting<Collector>> = Vec::new();
        /// IPFIX files (RFC 5655), written where a directory is given.
        ipfix_file: IpfixFile = IpfixFile::default();
        /// Flow records and hits that are kept on this host, where a folder is given.
        store: Store = Store::default();
        /// Tables that flow records are inserted into; one `[[clickhouse]]` each.
        clickhouse: Vec<Setting<ClickHouse>> = Vec::new();
        /// Topics that flow records are sent to; one `[[kafka]]` each.
        kafka: Vec<Setting<Kafka>> = Vec::new();
        /// Subjects that flow records are sent to; one `[[nats]]` each.
        nats: Vec<Setting<Nats>> = Vec::new();
        /// Where routers send their flows to; one `[[listen]]` each.
        listen: Vec<Setting<Listen>> = Vec::new();
        /// What holds for everything that routers send.
        intake: Intake = Intake::default();
        /// What is known of routers beforehand; one `[[device]]` each.
        device: Vec<Setting<Device>> = Vec::new();
        /// Where received datagrams are sent on to; one `[[forward]]` each.
        forward: Vec<Setting<Forward>> = Vec::new();
        /// Flow logs of clouds that are followed; one `[[cloud]]` each.
        cloud: Vec<Setting<Cloud>> = Vec::new();
        /// Where flow logs are pushed to.
        ingest: Ingest = Ingest::default();
        /// Which policies are asked.
        policies: Policies = Policies::default();
        /// Where hits of policies are sent; one `[[hits]]` each.
        hits: Vec<Setting<Hits>> = Vec::new();
        /// Labels of addresses and ports.
        labels: Labels = Labels::default();
        /// Which networks are internal.
        networks: Networks = Networks::default();
        /// Countries, cities and AS.
        geo: Geo = Geo::default();
        /// Lists of addresses with a bad name; one `[[reputation]]` each.
        reputation: Vec<Setting<Reputation>> = Vec::new();
        /// Tags of flows; one `[[tag]]` each.
        tag: Vec<Setting<Tag>> = Vec::new();
        /// The socket by which a running agent is reached.
        control: Control = Control::default();
        /// The page in a browser, and its API.
        console: Console = Console::default();
        /// Where metrics and health are found.
        metrics: Metrics = Metrics::default();
        /// What the agent takes from itself once it has started.
        security: Security = Security::default();
        /// The agent's own log, and flows as JSON lines.
        log: Log = Log::default();
        /// Lists that queries name by `$NAME`: name and file.
        lists: Named<PathBuf> = Named::default();
    }
}

/// Reads the text of a configuration file, with all faults of form in the order of the text. `None` is returned where the
/// text is broken, see [`document::parse`].
pub fn parse(text: &str) -> (Option<Sections>, Vec<Diagnostic>) {
    let (document, mut faults) = document::parse(text);
    let Some(document) = document else { return (None, faults) };
    let mut faults_of_form = Vec::new();
    let raw = Sections::read(&document, "", &mut faults_of_form);
    // The first at a place is the one that the place has; a large file may have a fault in every line.
    let faults_by_place = faults_of_form.iter().enumerate().rev();
    let by_place = faults_by_place.map(|(index, fault)| (fault.span.clone(), index)).collect();
    name_homes(&document, Sections::KEYS, &mut faults_of_form, &by_place);
    document::add_to_sound_lines(&mut faults, faults_of_form, text);
    (raw, faults)
}

/// Keys that older files have, and what they are called now.
const RENAMED: [(&str, &str); 2] = [("exporter", "[[device]]"), ("exporters", "`devices`")];

/// Adds to faults of unknown keys what such a key is called now, or which section it belongs in, unless they know a better
/// word.
fn name_homes(
    found: &Spanned<DeValue<'_>>,
    known: &[Key],
    faults: &mut [Diagnostic],
    by_place: &HashMap<Range<usize>, usize>,
) {
    match found.get_ref() {
        DeValue::Array(elements) => {
            elements.iter().for_each(|element| name_homes(element, known, faults, by_place));
        }
        DeValue::Table(table) => {
            for (name, value) in table {
                if let Some(key) = known.iter().find(|key| key.name == name.get_ref()) {
                    name_homes(value, key.inner, faults, by_place);
                    continue;
                }
                let is_home =
                    |section: &&Key| section.inner.iter().any(|key| key.name == name.get_ref());
                let Some(&index) = by_place.get(&name.span()) else { continue };
                let fault = &mut faults[index];
                if let Some((_, now)) = RENAMED.iter().find(|(old, _)| old == name.get_ref()) {
                    (fault.label, fault.help) = (Some(format!("renamed to {now}").into()), None);
                } else if let Some(home) = Sections::KEYS.iter().find(is_home)
                    && fault.label.is_none()
                {
                    fault.help = Some(format!("`{}` belongs in [{}]", name.get_ref(), home.name));
                }
            }
        }
        _ => {}
    }
}
