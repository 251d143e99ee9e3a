//! Takes messages apart, record by record: for tests, and for a look into a file.
//!
//! Values stay as octets, of whatever element; the templates and records are found as [`crate::decoder`] finds
//! them. It is strict, where the decoder goes on: anything that is wrong is the answer.

use std::collections::HashMap;

use super::{
    FIRST_TEMPLATE, MESSAGE_HEADER_LENGTH, OPTIONS_TEMPLATE_SET, TEMPLATE_SET, VERSION,
    message::Header,
};
use crate::{
    device::templates::KnownTemplate,
    ledger::{Ledger, Skipped},
    octets::Octets,
    records::{
        decode::{records_of, rest},
        fields::fields,
    },
    sets,
    template::{
        Dialect,
        parse::{self, Parsed},
    },
};

/// A message, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedMessage {
    /// Octets of the message.
    pub length: usize,
    /// Seconds since the epoch.
    pub export_time: u32,
    /// Sequence number.
    pub sequence: u32,
    /// Observation domain identifier.
    pub observation_domain: u32,
    /// Identifiers of the templates and options templates that it announces.
    pub templates: Vec<u16>,
    /// Its data records.
    pub records: Vec<Record>,
}

/// A data record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Identifier of its template.
    pub template: u16,
    /// How many of the fields are scope fields; 0 for a flow record.
    pub scope: usize,
    /// Element numbers (bit 15 set: enterprise-specific) and values.
    pub fields: Vec<(u16, Vec<u8>)>,
}

impl Record {
    /// The value of the first field of element `element`, as a number; None if there is none of at most 16 octets.
    pub fn number(&self, element: u16) -> Option<u128> {
        let (_, value) = self.fields.iter().find(|(id, _)| *id == element)?;
        (value.len() <= 16)
            .then(|| value.iter().fold(0, |number, octet| number << 8 | u128::from(*octet)))
    }
}

/// The decoder of one transport session.
#[derive(Debug, Default)]
pub struct MessageDecoder {
    templates: HashMap<(u32, u16), KnownTemplate>,
}

/// Splits the first message off a stream or a file; None when `bytes` do not hold it whole.
pub fn split_message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]);
    bytes.split_at_checked(usize::from(length).max(MESSAGE_HEADER_LENGTH))
}

impl MessageDecoder {
    /// Takes the message in `bytes` apart and learns its templates.
    ///
    /// # Errors
    /// The first thing that is wrong with it. What it announced is learnt all the same.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<DecodedMessage, Skipped> {
        let mut ledger = Ledger::default();
        let mut octets = Octets(bytes);
        let header = Header::take(&mut octets).ok_or(Skipped::HeaderTruncated)?;
        if header.version != VERSION {
            return Err(Skipped::Version);
        }
        let body = usize::from(header.length).checked_sub(MESSAGE_HEADER_LENGTH);
        let body = body.and_then(|body| octets.take(body)).ok_or(Skipped::MessageTruncated)?;
        let mut message = DecodedMessage {
            length: header.length.into(),
            export_time: header.export_time,
            sequence: header.sequence,
            observation_domain: header.observation_domain,
            templates: Vec::new(),
            records: Vec::new(),
        };
        let mut body = Octets(body);
        while let Some(set) = sets::next(&mut body, &mut ledger) {
            match set.id {
                TEMPLATE_SET => self.templates(set.body, false, &mut message)?,
                OPTIONS_TEMPLATE_SET => self.templates(set.body, true, &mut message)?,
                FIRST_TEMPLATE.. => self.records(set, &mut message, &mut ledger)?,
                _ => {}
            }
        }
        match Skipped::ALL.into_iter().find(|reason| ledger.skipped[*reason] != 0) {
            Some(reason) => Err(reason),
            None => Ok(message),
        }
    }

    fn templates(
        &mut self,
        set: &[u8],
        options: bool,
        message: &mut DecodedMessage,
    ) -> Result<(), Skipped> {
        let domain = message.observation_domain;
        let mut rest = Octets(set);
        while let Some(parsed) = parse::next(&mut rest, Dialect::Ipfix, options) {
            match parsed {
                Parsed::Template(template) => {
                    message.templates.push(template.id);
                    self.templates.insert((domain, template.id), KnownTemplate::new(template));
                }
                Parsed::Withdrawal(id) => {
                    self.templates.remove(&(domain, id));
                }
                Parsed::WithdrawAll => self.templates.retain(|(of, _), known| {
                    *of != domain || known.template.is_options() != options
                }),
                Parsed::Padding => {}
                Parsed::Skipped(reason) => return Err(reason),
            }
        }
        Ok(())
    }

    fn records(
        &self,
        set: sets::Set<'_>,
        message: &mut DecodedMessage,
        ledger: &mut Ledger,
    ) -> Result<(), Skipped> {
        let known = self
            .templates
            .get(&(message.observation_domain, set.id))
            .ok_or(Skipped::UnknownTemplate)?;
        let mut anchors = Vec::new();
        let (rows, end) = records_of(known.plan(), set.body, &mut anchors);
        rest(known.plan(), &set.body[end..], ledger);
        for row in 0..rows.len() {
            let (start, end) = rows.bounds(row);
            let record = fields(&known.template, &set.body[start..end]);
            message.records.push(Record {
                template: set.id,
                scope: known.template.scopes.into(),
                fields: record
                    .map(|(field, value)| {
                        let bit = if field.enterprise == 0 { 0 } else { 0x8000 };
                        (field.element | bit, value.to_vec())
                    })
                    .collect(),
            });
        }
        Ok(())
    }
}
