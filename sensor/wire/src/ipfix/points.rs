//! What observation points are: an options record for each that flows have named, before the first flow that does.
//!
//! IANA has elements for the names of an interface and of a network; what else a cloud tells stands in enterprise-specific
//! ones, behind those of hits.

use std::sync::Arc;

use sensor_core::flow::point::{ObservationPoint, PointAttribute, Points};

use super::{
    FIRST_TEMPLATE, MESSAGE_HEADER_LENGTH, VARIABLE_LENGTH,
    elements::{INTERFACE_NAME, OBSERVATION_POINT_ID, VRF_NAME},
    options::TEXT_LIMIT,
};

/// Identifier of the options template.
pub const TEMPLATE: u16 = FIRST_TEMPLATE + 20;
/// The enterprise of elements that IANA does not have, where none is configured: that of examples (RFC 5612).
pub const ENTERPRISE: u32 = 32_473;

/// An element, and whether it is the enterprise's.
const fn element(attribute: PointAttribute) -> (u16, bool) {
    match attribute {
        PointAttribute::Interface => (INTERFACE_NAME.id, false),
        PointAttribute::Vpc => (VRF_NAME.id, false),
        PointAttribute::Account => (16, true),
        PointAttribute::Subnet => (17, true),
        PointAttribute::Instance => (18, true),
        PointAttribute::Region => (19, true),
        PointAttribute::Zone => (20, true),
    }
}

/// Which points the other end has been told of.
#[derive(Debug, Default)]
pub struct Told {
    /// The table whose numbers they are.
    table: Option<Arc<Points>>,
    /// By number.
    numbers: Vec<bool>,
    /// The template has been sent.
    pub template: bool,
}

impl Told {
    /// Nothing has been told.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Numbers of `table` are those of the flows to come.
    pub fn begin(&mut self, table: &Arc<Points>) {
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

/// The options template record.
pub fn template_record(enterprise: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let count = PointAttribute::ALL.len() as u16 + 1;
    for word in [TEMPLATE, count, 1, OBSERVATION_POINT_ID.id, OBSERVATION_POINT_ID.length] {
        out.extend(word.to_be_bytes());
    }
    for attribute in PointAttribute::ALL {
        let (id, is_own) = element(attribute);
        out.extend((id | if is_own { 0x8000 } else { 0 }).to_be_bytes());
        out.extend(VARIABLE_LENGTH.to_be_bytes());
        if is_own {
            out.extend(enterprise.to_be_bytes());
        }
    }
    out
}

/// The data record about a point, for a message of so many octets.
pub fn data_record(number: u32, point: &ObservationPoint, message_size: u16) -> Vec<u8> {
    let mut out = number.to_be_bytes().to_vec();
    let room = usize::from(message_size) - MESSAGE_HEADER_LENGTH - 4 - out.len();
    let limit = (room / PointAttribute::ALL.len() - 1).min(TEXT_LIMIT);
    for attribute in PointAttribute::ALL {
        let text = point.get(attribute).unwrap_or_default();
        let text = &text[..text.floor_char_boundary(limit)];
        out.push(text.len() as u8);
        out.extend(text.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use sensor_core::flow::{
        batch::{FlowBatch, Source},
        columns::Column,
    };

    use super::*;
    use crate::ipfix::{
        decode::MessageDecoder,
        encode::{Encoder, EncoderOptions, MINIMUM_MESSAGE_SIZE, TemplateRefresh},
    };

    /// Flows at these points, one each.
    fn batch(points: &Arc<Points>, numbers: &[u32]) -> FlowBatch {
        let mut batch = FlowBatch::v4(Source::Aws);
        batch.points = points.clone();
        batch.untold = Column::UNTOLD_BY_CLOUDS | Column::PORTS | Column::Start.bit();
        batch.observation_point = numbers.to_vec();
        batch.packets = vec![3; numbers.len()];
        batch.level();
        if let sensor_core::flow::batch::Addresses::V4 { source, destination } =
            &mut batch.addresses
        {
            source.resize(numbers.len(), 1);
            destination.resize(numbers.len(), 2);
        }
        batch
    }

    #[test]
    fn points_are_told_once_before_their_flows_and_nothing_is_told_that_is_unknown() {
        let points = Arc::new(Points::default());
        let numbers: Vec<u32> = (0..9)
            .map(|at| {
                let mut point = ObservationPoint::default();
                point.set(PointAttribute::Interface, format!("eni-{at}"));
                point.set(PointAttribute::Vpc, "vpc-".to_owned() + &"x".repeat(200));
                point.set(PointAttribute::Account, "123456789012");
                points.intern(point)
            })
            .collect();
        let mut encoder = Encoder::new(EncoderOptions {
            message_size: MINIMUM_MESSAGE_SIZE,
            observation_domain: 1,
            refresh: TemplateRefresh::Never,
            hits: None,
        });
        let mut decoder = MessageDecoder::default();
        let mut told = Vec::new();
        let mut flows = 0;
        for rows in [&numbers[..], &[0, numbers[3], numbers[8]], &numbers[..2]] {
            encoder.encode(&batch(&points, rows), 0, |message| {
                let message = decoder.decode(message.bytes).expect("a message");
                for record in message.records {
                    if record.template == TEMPLATE {
                        let number = record.number(138).expect("a scope") as u32;
                        let text = |id: u16| {
                            let field = record.fields.iter().find(|(own, _)| *own == id);
                            String::from_utf8(field.expect("a field").1.clone()).expect("text")
                        };
                        let at = numbers.iter().position(|own| *own == number).expect("known");
                        assert_eq!(text(82), format!("eni-{at}"));
                        assert_eq!(text(0x8000 | 16), "123456789012");
                        assert!(
                            text(236).starts_with("vpc-xxxxxx") && text(236).len() <= TEXT_LIMIT
                        );
                        told.push(number);
                    } else if let Some(number) = record.number(138) {
                        assert!(number == 0 || told.contains(&(number as u32)));
                        for untold in [5, 7, 11, 32, 152, 10, 14, 6] {
                            assert_eq!(record.number(untold), None, "{untold}");
                        }
                        flows += 1;
                    }
                }
            });
        }
        assert_eq!((told, flows), (numbers.clone(), 14));
    }
}
