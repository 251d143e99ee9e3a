//! Hits of policies as data records: the flow that hit, which policy, and how grave that is.
//!
//! What IANA has no elements for stands in enterprise-specific ones (RFC 7011 section 3.2). Octets and packets are not in
//! these records: the flow has a record of its own, and a collector that knows nothing of hits would count them twice.

use std::net::IpAddr;

use super::{
    FIRST_TEMPLATE, VARIABLE_LENGTH,
    elements::{self, Element},
    options::TEXT_LIMIT,
};

/// A hit. Both addresses are of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitRecord {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Source port, 0 where there is none.
    pub source_port: u16,
    /// Destination port, 0 where there is none.
    pub destination_port: u16,
    /// IP protocol.
    pub protocol: u8,
    /// Index of the interface it came in by, 0 where it is not known.
    pub input: u32,
    /// Index of the interface it went out by, 0 where it is not known.
    pub output: u32,
    /// First packet of the incident, milliseconds since the epoch.
    pub start: u64,
    /// Last packet of the incident so far, milliseconds since the epoch.
    pub end: u64,
    /// When the policy said so, milliseconds since the epoch.
    pub observed: u64,
    /// Name of the policy; cut off at [`TEXT_LIMIT`] octets.
    pub policy: String,
    /// 1 low, 2 medium, 3 high.
    pub severity: u8,
    /// 1 start, 2 ongoing, 3 end, 4 hit.
    pub kind: u8,
    /// The incident that it belongs to.
    pub incident: u64,
    /// Flow records that it stands for.
    pub records: u64,
}

/// The enterprise-specific elements, by number and length.
pub const OWN_ELEMENTS: [Element; 5] =
    [POLICY_NAME, POLICY_SEVERITY, POLICY_EVENT_KIND, INCIDENT_ID, MATCHED_RECORD_COUNT];

/// `policyName`
const POLICY_NAME: Element = Element { id: 1, length: VARIABLE_LENGTH };
/// `policySeverity`
const POLICY_SEVERITY: Element = Element { id: 2, length: 1 };
/// `policyEventKind`
const POLICY_EVENT_KIND: Element = Element { id: 3, length: 1 };
/// `incidentId`
const INCIDENT_ID: Element = Element { id: 4, length: 8 };
/// `matchedRecordCount`
const MATCHED_RECORD_COUNT: Element = Element { id: 5, length: 8 };

/// The value of a field.
enum Value<'a> {
    Unsigned(u64),
    Address(IpAddr),
    Text(&'a str),
}

struct Field {
    element: Element,
    /// Whether the number is of the enterprise, and not of IANA.
    own: bool,
    value: fn(&HitRecord) -> Value<'_>,
}

/// The template of hits of one address family.
pub struct HitTemplate {
    /// Template identifier.
    pub id: u16,
    addresses: [Field; 2],
}

/// The templates of hits: IPv4 and IPv6.
pub static ALL: [HitTemplate; 2] = [
    HitTemplate {
        id: FIRST_TEMPLATE + 8,
        addresses: [
            iana(elements::SOURCE_IPV4_ADDRESS, |hit| Value::Address(hit.source)),
            iana(elements::DESTINATION_IPV4_ADDRESS, |hit| Value::Address(hit.destination)),
        ],
    },
    HitTemplate {
        id: FIRST_TEMPLATE + 9,
        addresses: [
            iana(elements::SOURCE_IPV6_ADDRESS, |hit| Value::Address(hit.source)),
            iana(elements::DESTINATION_IPV6_ADDRESS, |hit| Value::Address(hit.destination)),
        ],
    },
];

/// What both families have.
static COMMON: [Field; 13] = [
    iana(elements::SOURCE_TRANSPORT_PORT, |hit| Value::Unsigned(hit.source_port.into())),
    iana(elements::DESTINATION_TRANSPORT_PORT, |hit| Value::Unsigned(hit.destination_port.into())),
    iana(elements::PROTOCOL_IDENTIFIER, |hit| Value::Unsigned(hit.protocol.into())),
    iana(elements::INGRESS_INTERFACE, |hit| Value::Unsigned(hit.input.into())),
    iana(elements::EGRESS_INTERFACE, |hit| Value::Unsigned(hit.output.into())),
    iana(elements::FLOW_START_MILLISECONDS, |hit| Value::Unsigned(hit.start)),
    iana(elements::FLOW_END_MILLISECONDS, |hit| Value::Unsigned(hit.end)),
    iana(elements::OBSERVATION_TIME_MILLISECONDS, |hit| Value::Unsigned(hit.observed)),
    own(POLICY_NAME, |hit| Value::Text(&hit.policy)),
    own(POLICY_SEVERITY, |hit| Value::Unsigned(hit.severity.into())),
    own(POLICY_EVENT_KIND, |hit| Value::Unsigned(hit.kind.into())),
    own(INCIDENT_ID, |hit| Value::Unsigned(hit.incident)),
    own(MATCHED_RECORD_COUNT, |hit| Value::Unsigned(hit.records)),
];

const fn iana(element: Element, value: fn(&HitRecord) -> Value<'_>) -> Field {
    Field { element, own: false, value }
}

const fn own(element: Element, value: fn(&HitRecord) -> Value<'_>) -> Field {
    Field { element, own: true, value }
}

/// The template for `hit`.
pub fn of(hit: &HitRecord) -> &'static HitTemplate {
    &ALL[usize::from(hit.source.is_ipv6())]
}

impl HitTemplate {
    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.addresses.iter().chain(&COMMON)
    }

    /// The template record, with `enterprise` for what is our own.
    pub fn template_record(&self, enterprise: u32) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.id.to_be_bytes());
        out.extend((self.fields().count() as u16).to_be_bytes());
        for Field { element, own, .. } in self.fields() {
            let bit = if *own { 0x8000 } else { 0 };
            out.extend((element.id | bit).to_be_bytes());
            out.extend(element.length.to_be_bytes());
            if *own {
                out.extend(enterprise.to_be_bytes());
            }
        }
        out
    }

    /// The data record of `hit`, which is of this family.
    pub fn data_record(&self, hit: &HitRecord) -> Vec<u8> {
        let mut out = Vec::new();
        for field in self.fields() {
            match (field.value)(hit) {
                Value::Unsigned(number) => {
                    let octets = number.to_be_bytes();
                    out.extend(&octets[8 - usize::from(field.element.length)..]);
                }
                Value::Address(IpAddr::V4(address)) => out.extend(address.octets()),
                Value::Address(IpAddr::V6(address)) => out.extend(address.octets()),
                Value::Text(text) => {
                    let text = &text[..text.floor_char_boundary(TEXT_LIMIT)];
                    out.push(text.len() as u8);
                    out.extend(text.as_bytes());
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipfix::{
        decode::MessageDecoder,
        encode::{Encoder, EncoderOptions, MINIMUM_MESSAGE_SIZE, Progress, TemplateRefresh},
    };

    fn hit(address: &str, policy: &str) -> HitRecord {
        HitRecord {
            source: address.parse().unwrap(),
            destination: address.parse().unwrap(),
            source_port: 40_000,
            destination_port: 22,
            protocol: 6,
            input: 2,
            output: 0,
            start: 1_700_000_000_000,
            end: 1_700_000_001_000,
            observed: 1_700_000_002_000,
            policy: policy.to_owned(),
            severity: 3,
            kind: 1,
            incident: 0x0123_4567_89ab_cdef,
            records: 7,
        }
    }

    #[test]
    fn both_families_are_read_again_even_from_the_smallest_message() {
        let mut encoder = Encoder::new(EncoderOptions {
            message_size: MINIMUM_MESSAGE_SIZE,
            observation_domain: 1,
            refresh: TemplateRefresh::Never,
            hits: Some(32_473),
        });
        let mut decoder = MessageDecoder::default();
        let long = "ä".repeat(100);
        let hits = [hit("192.0.2.1", "scan"), hit("2001:db8::1", &long)];
        let mut records = Vec::new();
        let mut counted = 0;
        for hit in &hits {
            loop {
                let progress = encoder.append_hit(hit, 0);
                if let Some(message) = encoder.finish(0) {
                    counted += message.hits;
                    let message = decoder.decode(message.bytes).unwrap();
                    records.extend(message.records);
                }
                encoder.next_message();
                if progress == Progress::Done {
                    break;
                }
            }
        }
        assert_eq!((records.len(), counted), (2, 2));
        for (record, hit) in records.iter().zip(&hits) {
            assert_eq!(record.template, of(hit).id);
            assert_eq!(record.number(11), Some(22));
            assert_eq!(record.number(0x8002), Some(3));
            assert_eq!(record.number(0x8004), Some(0x0123_4567_89ab_cdef));
            let (_, policy) = record.fields.iter().find(|(id, _)| *id == 0x8001).unwrap();
            assert_eq!(
                policy.as_slice(),
                &hit.policy.as_bytes()[..hit.policy.len().min(TEXT_LIMIT)]
            );
        }
        assert_eq!(records[0].number(8), Some(0xc000_0201));
        assert_eq!(records[1].number(27).map(|address| address >> 96), Some(0x2001_0db8));
    }

    #[test]
    fn templates_fit_in_the_smallest_message() {
        for template in &ALL {
            let length = template.template_record(1).len();
            assert!(length + 20 <= usize::from(MINIMUM_MESSAGE_SIZE), "{length}");
        }
    }
}
