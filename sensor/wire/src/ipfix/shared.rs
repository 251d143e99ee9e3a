//! What numbers in flow records stand for: observation points, and common properties (RFC 5473). An options record says so of
//! each number, before the first flow that has it.
//!
//! IANA has elements for the names of an interface and of a network; what else a cloud tells stands in enterprise-specific
//! ones, behind those of hits.

use std::sync::Arc;

use sensor_core::flow::{
    attributes::{Attribute, Attributes},
    interned::Interned,
    point::PointAttribute,
    properties::CommonProperty,
};

use super::{
    FIRST_TEMPLATE, MESSAGE_HEADER_LENGTH, OPTIONS_TEMPLATE_SET, VARIABLE_LENGTH,
    elements::{
        COMMON_PROPERTIES_ID, ENTERPRISE_BIT, Element, INTERFACE_NAME, OBSERVATION_POINT_ID,
        VRF_NAME, own,
    },
    message::MessageBuilder,
};

/// A kind of what flows share, as an options template.
pub struct Kind {
    /// Identifier of the template.
    pub template: u16,
    /// The number, which is the scope.
    pub(crate) scope: Element,
    /// The elements of the texts, in the order of their attributes.
    pub(crate) texts: &'static [u16],
}

/// Observation points.
pub const POINTS: Kind = Kind {
    template: FIRST_TEMPLATE + 20,
    scope: OBSERVATION_POINT_ID,
    texts: &{
        let mut elements = [0; PointAttribute::ALL.len()];
        let mut at = 0;
        while at < elements.len() {
            elements[at] = match PointAttribute::ALL[at] {
                PointAttribute::Interface => INTERFACE_NAME.id,
                PointAttribute::Vpc => VRF_NAME.id,
                PointAttribute::Account => own(16),
                PointAttribute::Subnet => own(17),
                PointAttribute::Instance => own(18),
                PointAttribute::Region => own(19),
                PointAttribute::Zone => own(20),
            };
            at += 1;
        }
        elements
    },
};

/// Common properties.
pub const PROPERTIES: Kind = Kind {
    template: FIRST_TEMPLATE + 21,
    scope: COMMON_PROPERTIES_ID,
    texts: &{
        let mut elements = [0; CommonProperty::ALL.len()];
        let mut at = 0;
        while at < elements.len() {
            elements[at] = match CommonProperty::ALL[at] {
                CommonProperty::Rule => own(21),
                CommonProperty::RejectReason => own(22),
                CommonProperty::FlowState => own(23),
                CommonProperty::Encryption => own(24),
                CommonProperty::DataStatus => own(25),
            };
            at += 1;
        }
        elements
    },
};

/// Which numbers of a table of `T` the other end has been told of.
#[derive(Debug)]
pub struct Told<T> {
    table: Option<Arc<T>>,
    /// By number.
    numbers: Vec<bool>,
    /// The template has been sent.
    pub template: bool,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self { table: None, numbers: Vec::new(), template: false }
    }
}

impl<T> Told<T> {
    /// Nothing has been told.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Numbers of `table` are those of the flows to come.
    pub fn begin(&mut self, table: &Arc<T>) {
        if !self.table.as_ref().is_some_and(|own| Arc::ptr_eq(own, table)) {
            self.table = Some(table.clone());
            self.numbers.clear();
        }
    }

    /// Whether this one is to be told.
    pub fn is_new(&self, number: u32) -> bool {
        number != 0 && !self.numbers.get(number as usize).copied().unwrap_or_default()
    }

    /// This one has been told.
    pub fn insert(&mut self, number: u32) {
        let number = number as usize;
        if self.numbers.len() <= number {
            self.numbers.resize(number + 1, false);
        }
        self.numbers[number] = true;
    }
}

impl Kind {
    /// The options template record.
    pub fn template_record(&self, enterprise: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let count = self.texts.len() as u16 + 1;
        for word in [self.template, count, 1, self.scope.id, self.scope.length] {
            out.extend(word.to_be_bytes());
        }
        for id in self.texts {
            out.extend(id.to_be_bytes());
            out.extend(VARIABLE_LENGTH.to_be_bytes());
            if id & ENTERPRISE_BIT != 0 {
                out.extend(enterprise.to_be_bytes());
            }
        }
        out
    }

    /// The data record about a number that stands for `texts`, for a message of so many octets. Where they do not all fit, the
    /// longest are cut.
    pub fn data_record<'a>(
        &self,
        number: u32,
        texts: impl ExactSizeIterator<Item = &'a str> + Clone,
        message_size: u16,
    ) -> Vec<u8> {
        let mut out = number.to_be_bytes().to_vec();
        let room = usize::from(message_size) - MESSAGE_HEADER_LENGTH - 4 - out.len();
        let octets =
            |limit: usize| texts.clone().map(|text| 1 + text.len().min(limit)).sum::<usize>();
        // The length of a short field is an octet (RFC 7011 section 7), of which 255 says something else.
        let limit = (0..u8::MAX.into()).rev().find(|limit| octets(*limit) <= room).unwrap_or(0);
        for text in texts {
            let text = &text[..text.floor_char_boundary(limit)];
            out.push(text.len() as u8);
            out.extend(text.as_bytes());
        }
        out
    }
}

/// Writes to a message, of a session with this enterprise and size of messages, what `numbers` of `table` stand for, of
/// those that the other end does not know; whether all of that fits.
pub(super) fn tell<A: Attribute, const N: usize>(
    (message, enterprise, size): (&mut MessageBuilder, u32, u16),
    kind: &Kind,
    told: &mut Told<Interned<Attributes<A, N>>>,
    numbers: &[u32],
    table: &Arc<Interned<Attributes<A, N>>>,
) -> bool {
    if numbers.is_empty() {
        return true;
    }
    if !told.template {
        let record = kind.template_record(enterprise);
        let Some(out) = message.template_record(OPTIONS_TEMPLATE_SET, record.len()) else {
            return false;
        };
        out.copy_from_slice(&record);
        told.template = true;
    }
    told.begin(table);
    for number in numbers {
        if told.is_new(*number) {
            let record = kind.data_record(*number, table.get(*number).texts(), size);
            let Some(out) = message.data_records_mut(kind.template, record.len(), 1) else {
                return false;
            };
            out.copy_from_slice(&record);
            told.insert(*number);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use sensor_core::flow::{
        batch::{Addresses, FlowBatch, Source},
        columns::Column,
        point::{ObservationPoint, Points},
        properties::{CommonProperties, PropertySets},
    };

    use super::*;
    use crate::ipfix::{
        decode::{MessageDecoder, Record},
        encode::{ENTERPRISE, Encoder, EncoderOptions, MINIMUM_MESSAGE_SIZE, TemplateRefresh},
    };

    /// One flow for each of these numbers.
    fn batch(numbers: usize) -> FlowBatch {
        let mut batch = FlowBatch::v4(Source::Aws);
        batch.untold = Column::UNTOLD_BY_CLOUDS | Column::PORTS | Column::Start.bit();
        batch.packets = vec![3; numbers];
        batch.level();
        if let Addresses::V4 { source, destination } = &mut batch.addresses {
            source.resize(numbers, 1);
            destination.resize(numbers, 2);
        }
        batch
    }

    fn encoder() -> Encoder {
        Encoder::new(EncoderOptions {
            message_size: MINIMUM_MESSAGE_SIZE,
            observation_domain: 1,
            refresh: TemplateRefresh::Never,
            hits: None,
        })
    }

    /// The records of these batches, decoded.
    fn records(batches: &[FlowBatch]) -> Vec<Record> {
        let (mut encoder, mut decoder) = (encoder(), MessageDecoder::default());
        let mut records = Vec::new();
        for batch in batches {
            encoder.encode(batch, 0, |message| {
                assert!(message.bytes.len() <= MINIMUM_MESSAGE_SIZE.into());
                records.extend(decoder.decode(message.bytes).expect("a message").records);
            });
        }
        records
    }

    fn text(record: &Record, id: u16) -> String {
        let field = record.fields.iter().find(|(own, _)| *own == id);
        String::from_utf8(field.expect("a field").1.clone()).expect("text")
    }

    #[test]
    fn points_are_told_once_before_their_flows_and_nothing_is_told_that_is_unknown() {
        let points = Arc::new(Points::default());
        let numbers: Vec<u32> = (0..9)
            .map(|at| {
                let mut point = ObservationPoint::default();
                point.set(PointAttribute::Interface, format!("eni-{at}"));
                point.set(PointAttribute::Vpc, "vpc-".to_owned() + &"x".repeat(200));
                point.set(PointAttribute::Subnet, "y".repeat(200));
                point.set(PointAttribute::Account, "123456789012");
                points.intern(point)
            })
            .collect();
        let batches = [&numbers[..], &[0, numbers[3], numbers[8]], &numbers[..2]].map(|rows| {
            let mut batch = batch(rows.len());
            batch.points = points.clone();
            batch.observation_point = rows.to_vec();
            batch
        });
        let (mut told, mut flows) = (Vec::new(), 0);
        for record in records(&batches) {
            if record.template == POINTS.template {
                let number = record.number(138).expect("a scope") as u32;
                let at = numbers.iter().position(|own| *own == number).expect("known");
                assert_eq!(text(&record, 82), format!("eni-{at}"));
                assert_eq!(text(&record, own(16)), "123456789012");
                let vpc = text(&record, 236);
                assert!(vpc.starts_with("vpc-xxxxxx") && vpc.len() == 136, "{vpc}");
                told.push(number);
            } else if let Some(number) = record.number(138) {
                assert!(number == 0 || told.contains(&(number as u32)));
                for untold in [5, 7, 11, 32, 152, 10, 14, 6] {
                    assert_eq!(record.number(untold), None, "{untold}");
                }
                flows += 1;
            }
        }
        assert_eq!((told, flows), (numbers.clone(), 14));
    }

    #[test]
    fn what_a_cloud_says_in_words_is_told_once_and_each_flow_refers_to_it() {
        let all = Arc::new(PropertySets::default());
        let [deny, allow] = ["deny-all", "allow-web"].map(|rule| {
            let mut properties = CommonProperties::default();
            properties.set(CommonProperty::Rule, rule);
            properties.set(CommonProperty::Encryption, "NX");
            all.intern(properties)
        });
        let mut batch = batch(4);
        batch.properties = all;
        batch.common_properties = vec![deny, allow, 0, deny];
        batch.traffic_path = vec![8, 0, 2, 1];
        batch.via_v4 = vec![0x0a00_0001, 0, 0, 0];
        let records = records(&[batch]);
        let is_told = |record: &&Record| record.template == PROPERTIES.template;
        let told: Vec<_> = records.iter().filter(is_told).collect();
        let rule = |number: u128| {
            let record = told.iter().find(|record| record.number(137) == Some(number));
            record
                .map(|record| (text(record, own(21)), text(record, own(24)), text(record, own(22))))
        };
        let words = |rule: &str| Some((rule.to_owned(), "NX".to_owned(), String::new()));
        let flows: Vec<_> = records.iter().filter(|record| record.number(4).is_some()).collect();
        let rules: Vec<_> =
            flows.iter().map(|flow| rule(flow.number(137).expect("a number"))).collect();
        assert_eq!(rules, [words("deny-all"), words("allow-web"), None, words("deny-all")]);
        let numbers = |id: u16| flows.iter().map(|flow| flow.number(id)).collect::<Vec<_>>();
        assert_eq!(numbers(own(26)), [Some(8), Some(0), Some(2), Some(1)]);
        assert_eq!(numbers(own(27)), [Some(0x0a00_0001), Some(0), Some(0), Some(0)]);
        assert_eq!((told.len(), ENTERPRISE), (2, 32_473));
    }
}
