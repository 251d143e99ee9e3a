//! The crate netflow_parser, and what it finds as [`Reading`]s. Nothing else in the agent knows the crate.

mod json;

use std::{
    fmt::Debug,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use netflow_parser::{
    AutoScopedParser, FieldValue, IpfixField, NetflowPacket, NetflowParser, V9Field,
    variable_versions::{
        ipfix,
        v9::{self, ScopeDataField},
    },
};
use sensor_core::flow::elements;
use sensor_wire::{
    octets::Octets,
    sflow,
    template::{Specifier, names},
};

use self::json::json;
use super::{
    document::{Field, Message, Reading, Refused, Set, Template, TemplateField},
    guarded, values,
};

/// Devices, by address and domain, whose templates are kept: the oldest go first.
const MOST_DEVICES: usize = 4096;
/// Templates that each of them may have.
const MOST_TEMPLATES: usize = 1024;
/// Records of a set: as many as the longest datagram can hold.
const MOST_RECORDS: usize = 65_535;
/// Octets that datagrams can have at most.
const LONGEST: usize = 65_535;
/// Octets of the headers of messages.
const V5_HEADER: usize = 24;
const V9_HEADER: usize = 20;
const IPFIX_HEADER: usize = 16;
/// Octets of a set's header.
const SET_HEADER: usize = 4;

/// A record of NetFlow 5 or 7: the crate's structures differ in name only.
macro_rules! fixed {
    ($flow:expr) => {{
        let flow = $flow;
        // Widths are those of the structure, which are those of the record.
        macro_rules! field {
            ($name:literal, $value:expr) => {
                Field {
                    name: $name.to_owned(),
                    value: $value.into(),
                    octets: $value.to_be_bytes().to_vec(),
                }
            };
        }
        let address = |name: &str, address: Ipv4Addr| Field {
            name: name.to_owned(),
            value: address.to_string().into(),
            octets: address.octets().to_vec(),
        };
        vec![
            address("sourceIPv4Address", flow.src_addr),
            address("destinationIPv4Address", flow.dst_addr),
            address("ipNextHopIPv4Address", flow.next_hop),
            field!("ingressInterface", flow.input),
            field!("egressInterface", flow.output),
            field!("packetDeltaCount", flow.d_pkts),
            field!("octetDeltaCount", flow.d_octets),
            field!("flowStartSysUpTime", flow.first),
            field!("flowEndSysUpTime", flow.last),
            field!("sourceTransportPort", flow.src_port),
            field!("destinationTransportPort", flow.dst_port),
            field!("tcpControlBits", flow.tcp_flags),
            field!("protocolIdentifier", flow.protocol_number),
            field!("ipClassOfService", flow.tos),
            field!("bgpSourceAsNumber", flow.src_as),
            field!("bgpDestinationAsNumber", flow.dst_as),
            field!("sourceIPv4PrefixLength", flow.src_mask),
            field!("destinationIPv4PrefixLength", flow.dst_mask),
        ]
    }};
}

macro_rules! fixed_message {
    ($header:expr, $records:expr) => {
        Message {
            version: $header.version,
            sequence: $header.flow_sequence,
            domain: None,
            uptime_ms: Some($header.sys_up_time),
            export_time: $header.unix_secs,
            export_nanoseconds: Some($header.unix_nsecs),
            sets: vec![Set {
                id: None,
                length: None,
                kind: "data",
                templates: Vec::new(),
                records: $records,
                rest_octets: None,
            }],
        }
    };
}

/// The decoder, with the templates that it has met.
pub struct ReferenceDecoder(AutoScopedParser);

impl ReferenceDecoder {
    /// Without any template.
    ///
    /// # Errors
    /// When the crate refuses the limits above.
    pub fn new() -> anyhow::Result<Self> {
        let builder = NetflowParser::builder()
            .with_cache_size(MOST_TEMPLATES)
            .with_max_records_per_flowset(MOST_RECORDS);
        let parser = AutoScopedParser::try_with_builder(builder)?.with_max_sources(MOST_DEVICES)?;
        Ok(Self(parser))
    }

    /// Decodes the datagram `octets` of the device at `from`. Whatever the crate does, this returns.
    pub fn read(&mut self, from: IpAddr, octets: &[u8]) -> Reading {
        let refused = |refused, fault: String| Reading {
            undecoded_octets: octets.len(),
            fault: Some(fault),
            refused: Some(refused),
            ..Reading::default()
        };
        if is_sflow(octets) {
            return refused(Refused::Sflow, "sFlow, which netflow_parser does not read".to_owned());
        }
        if octets.len() > LONGEST {
            let fault = format!("longer than a datagram can be ({LONGEST} octets)");
            return refused(Refused::TooLong, fault);
        }
        match guarded::call(|| self.parse(from, octets)) {
            Ok(reading) => reading,
            Err(message) => {
                // What it was about to change is in no state to go on from.
                self.forget();
                let fault = format!(
                    "netflow_parser panicked, and has forgotten the templates up to here: {message}"
                );
                refused(Refused::Panic, fault)
            }
        }
    }

    /// Forgets all templates.
    fn forget(&mut self) {
        // The limits have been accepted before.
        if let Ok(new) = Self::new() {
            *self = new;
        }
    }

    fn parse(&mut self, from: IpAddr, octets: &[u8]) -> Reading {
        // Templates hold for an address and domain, whatever the port.
        let parsed = self.0.parse_from_source(SocketAddr::new(from, 0), octets);
        let mut decoded = 0;
        let mut messages = Vec::with_capacity(parsed.packets.len());
        for packet in parsed.packets {
            let (message, length) = match packet {
                NetflowPacket::V5(packet) => {
                    let length = V5_HEADER + 48 * packet.flowsets.len();
                    let header = packet.header;
                    let records = packet.flowsets.iter().map(|flow| fixed!(flow)).collect();
                    (fixed_message!(header, records), length)
                }
                NetflowPacket::V7(packet) => {
                    let length = V5_HEADER + 52 * packet.flowsets.len();
                    let header = packet.header;
                    let records = packet.flowsets.iter().map(|flow| fixed!(flow)).collect();
                    (fixed_message!(header, records), length)
                }
                NetflowPacket::V9(packet) => {
                    let header = packet.header;
                    let lengths = packet.flowsets.iter().map(|set| usize::from(set.header.length));
                    let length = V9_HEADER + lengths.sum::<usize>();
                    let message = Message {
                        version: header.version,
                        sequence: header.sequence_number,
                        domain: Some(header.source_id),
                        uptime_ms: Some(header.sys_up_time),
                        export_time: header.unix_secs,
                        export_nanoseconds: None,
                        sets: packet.flowsets.into_iter().map(v9_set).collect(),
                    };
                    (message, length)
                }
                NetflowPacket::IPFix(packet) => {
                    let header = packet.header;
                    let lengths = packet.flowsets.iter().map(|set| usize::from(set.header.length));
                    let length = IPFIX_HEADER + lengths.sum::<usize>();
                    let message = Message {
                        version: header.version,
                        sequence: header.sequence_number,
                        domain: Some(header.observation_domain_id),
                        uptime_ms: None,
                        export_time: header.export_time,
                        export_nanoseconds: None,
                        sets: packet.flowsets.into_iter().map(ipfix_set).collect(),
                    };
                    (message, length)
                }
                _ => continue,
            };
            decoded += length;
            messages.push(message);
        }
        Reading {
            messages,
            undecoded_octets: octets.len().saturating_sub(decoded),
            fault: parsed.error.map(|error| without_input(&error.to_string())),
            refused: None,
        }
    }
}

/// The message of the crate, which may have the rest of the datagram in it as a list of numbers, without that.
fn without_input(message: &str) -> String {
    const LIST: &str = "input: [";
    let Some((before, list)) = message.split_once(LIST) else { return message.to_owned() };
    let (list, behind) = list.split_once(']').unwrap_or((list, ""));
    let octets = if list.is_empty() { 0 } else { list.split(',').count() };
    format!("{before}input: {octets} octets{behind}")
}

/// Whether a datagram is one of sFlow, of whatever version.
pub fn is_sflow(octets: &[u8]) -> bool {
    // Its version has 32 bits, where others have 16.
    matches!(Octets(octets).u32(), Some(1..=sflow::datagram::VERSION))
}

/// What a set holds: its kind, and the octets of it that are in values, where it has records.
struct Body {
    kind: &'static str,
    templates: Vec<Template>,
    records: Vec<Vec<Field>>,
    value_octets: Option<usize>,
}

impl Body {
    fn templates(kind: &'static str, templates: Vec<Template>) -> Self {
        Self { kind, templates, records: Vec::new(), value_octets: None }
    }

    fn records(kind: &'static str, records: Vec<Vec<Field>>, octets: usize) -> Self {
        Self { kind, templates: Vec::new(), records, value_octets: Some(octets) }
    }

    /// Of a set that was not decoded.
    fn none(kind: &'static str) -> Self {
        Self::records(kind, Vec::new(), 0)
    }

    fn into_set(self, id: u16, length: u16) -> Set {
        let room = usize::from(length).saturating_sub(SET_HEADER);
        let rest = self.value_octets.map(|octets| room.saturating_sub(octets));
        Set {
            id: Some(id),
            length: Some(length),
            kind: self.kind,
            templates: self.templates,
            records: self.records,
            rest_octets: rest.filter(|rest| *rest != 0),
        }
    }
}

fn v9_set(set: v9::FlowSet) -> Set {
    use v9::FlowSetBody;
    let body = match set.body {
        FlowSetBody::Template(set) => {
            Body::templates("templates", set.templates.iter().map(v9_template).collect())
        }
        FlowSetBody::OptionsTemplate(set) => {
            let templates = set.templates.iter().map(v9_options_template).collect();
            Body::templates("options templates", templates)
        }
        FlowSetBody::Data(data) => records("data", &data.fields, v9_name),
        FlowSetBody::OptionsData(data) => v9_options(&data),
        FlowSetBody::NoTemplate(_) => Body::none("data without template"),
        FlowSetBody::Empty => Body::none("empty"),
    };
    body.into_set(set.header.flowset_id, set.header.length)
}

fn ipfix_set(set: ipfix::FlowSet) -> Set {
    use ipfix::FlowSetBody;
    let templates = |templates: &[ipfix::Template]| {
        let one = |template: &ipfix::Template| Template {
            id: template.template_id,
            fields: template.fields.iter().map(|field| ipfix_field(field, false)).collect(),
        };
        Body::templates("templates", templates.iter().map(one).collect())
    };
    let options_templates = |templates: &[ipfix::OptionsTemplate]| {
        let one = |template: &ipfix::OptionsTemplate| Template {
            id: template.template_id,
            fields: (0..template.scope_field_count)
                .map(|_| true)
                .chain(std::iter::repeat(false))
                .zip(&template.fields)
                .map(|(scope, field)| ipfix_field(field, scope))
                .collect(),
        };
        Body::templates("options templates", templates.iter().map(one).collect())
    };
    let body = match set.body {
        FlowSetBody::Template(template) => templates(&[template]),
        FlowSetBody::Templates(several) => templates(&several),
        FlowSetBody::OptionsTemplate(template) => options_templates(&[template]),
        FlowSetBody::OptionsTemplates(several) => options_templates(&several),
        FlowSetBody::V9Template(template) => {
            Body::templates("templates", vec![v9_template(&template)])
        }
        FlowSetBody::V9Templates(several) => {
            Body::templates("templates", several.iter().map(v9_template).collect())
        }
        FlowSetBody::V9OptionsTemplate(template) => {
            Body::templates("options templates", vec![v9_options_template(&template)])
        }
        FlowSetBody::V9OptionsTemplates(several) => {
            let templates = several.iter().map(v9_options_template).collect();
            Body::templates("options templates", templates)
        }
        FlowSetBody::Data(data) => records("data", &data.fields, ipfix_name),
        FlowSetBody::OptionsData(data) => records("options", &data.fields, ipfix_name),
        FlowSetBody::V9Data(data) => records("data", &data.fields, v9_name),
        FlowSetBody::V9OptionsData(data) => v9_options(&data),
        FlowSetBody::NoTemplate(_) => Body::none("data without template"),
        FlowSetBody::Empty => Body::none("empty"),
    };
    body.into_set(set.header.header_id, set.header.length)
}

fn records<F>(
    kind: &'static str,
    records: &[Vec<(F, FieldValue)>],
    name: impl Fn(&F) -> String,
) -> Body {
    let mut octets = 0;
    let mut one = |(field, value): &(F, FieldValue)| {
        octets += value.byte_len();
        field_of(name(field), value)
    };
    let records = records.iter().map(|record| record.iter().map(&mut one).collect()).collect();
    Body::records(kind, records, octets)
}

fn v9_options(data: &v9::OptionsData) -> Body {
    let mut octets = 0;
    let mut all = Vec::with_capacity(data.fields.len());
    for record in &data.fields {
        let mut fields = Vec::new();
        for scope in &record.scope_fields {
            let (element, value) = match scope {
                ScopeDataField::System(value) => (1, value),
                ScopeDataField::Interface(value) => (2, value),
                ScopeDataField::LineCard(value) => (3, value),
                ScopeDataField::NetFlowCache(value) => (4, value),
                ScopeDataField::Template(value) => (5, value),
                ScopeDataField::Unknown(element, value) => (*element, value),
            };
            octets += value.len();
            let specifier = v9_scope(element, value.len() as u16);
            fields.push(Field {
                name: scope_name(element),
                value: values::value(&specifier, value),
                octets: value.clone(),
            });
        }
        for (field, value) in &record.options_fields {
            octets += value.byte_len();
            fields.push(field_of(v9_name(field), value));
        }
        all.push(fields);
    }
    Body::records("options", all, octets)
}

fn v9_template(template: &v9::Template) -> Template {
    Template { id: template.template_id, fields: template.fields.iter().map(v9_field).collect() }
}

fn v9_options_template(template: &v9::OptionsTemplate) -> Template {
    let scope = |field: &v9::OptionsTemplateScopeField| TemplateField {
        name: scope_name(field.field_type_number),
        element: field.field_type_number,
        enterprise: None,
        length: field.field_length,
        scope: true,
    };
    let scopes = template.scope_fields.iter().map(scope);
    let fields = scopes.chain(template.option_fields.iter().map(v9_field)).collect();
    Template { id: template.template_id, fields }
}

fn v9_scope(element: u16, length: u16) -> Specifier {
    Specifier { enterprise: Specifier::SCOPE, element, length }
}

/// What RFC 3954 section 6.1 calls a scope, or its number.
fn scope_name(element: u16) -> String {
    names::name(&v9_scope(element, 0))
        .map_or_else(|| format!("scope{element}"), |(name, _)| name.to_owned())
}

fn field_of(name: String, value: &FieldValue) -> Field {
    let mut octets = Vec::with_capacity(value.byte_len());
    // Where it cannot write what it has read, it has no octets to compare.
    let written = value.write_be_bytes(&mut octets);
    Field { name, value: json(value), octets: written.map_or_else(|_| Vec::new(), |()| octets) }
}

fn v9_field(field: &v9::TemplateField) -> TemplateField {
    TemplateField {
        name: v9_name(&field.field_type),
        element: field.field_type_number,
        enterprise: None,
        length: field.field_length,
        scope: false,
    }
}

fn ipfix_field(field: &ipfix::TemplateField, scope: bool) -> TemplateField {
    TemplateField {
        name: ipfix_name(&field.field_type),
        element: field.field_type_number,
        enterprise: field.enterprise_number,
        length: field.field_length,
        scope,
    }
}

/// IANA's name, else the crate's.
fn v9_name(field: &V9Field) -> String {
    elements::name(u16::from(*field)).map_or_else(|| format!("{field:?}"), str::to_owned)
}

/// IANA's name, else the crate's, else enterprise and number.
fn ipfix_name(field: &IpfixField) -> String {
    match field {
        IpfixField::IANA(field) => iana(field),
        IpfixField::Enterprise { enterprise_number, field_number } => {
            format!("{enterprise_number}:{field_number}")
        }
        other => format!("{other:?}"),
    }
}

/// The crate writes names in another case.
fn iana(field: &impl Debug) -> String {
    let name = format!("{field:?}");
    elements::number(&name).and_then(elements::name).map_or(name, str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_do_not_repeat_the_datagram() {
        for (said, shown) in [
            ("Error { input: [1, 2, 3], code: Verify }", "Error { input: 3 octets, code: Verify }"),
            ("Error { input: [], code: Verify }", "Error { input: 0 octets, code: Verify }"),
            ("input: [1, 2", "input: 2 octets"),
            ("too short", "too short"),
        ] {
            assert_eq!(without_input(said), shown);
        }
    }

    #[test]
    fn what_the_crate_is_not_asked_about_is_said() {
        let mut decoder = ReferenceDecoder::new().unwrap();
        let mut refused = |octets: &[u8]| {
            let reading = decoder.read([192, 0, 2, 1].into(), octets);
            assert_eq!((reading.undecoded_octets, reading.messages.len()), (octets.len(), 0));
            reading.refused
        };
        assert_eq!(refused(&[0, 0, 0, 5, 0, 0, 0, 1]), Some(Refused::Sflow));
        assert_eq!(refused(&vec![0; LONGEST + 1]), Some(Refused::TooLong));
        assert_eq!(refused(&[0, 11, 0, 0]), None, "of no version that anybody knows");
    }
}
