//! Takes messages apart, record by record: the encoder's mirror, for tests and for a look into a file.
//!
//! Values stay as octets. Whatever the input, nothing panics, and memory is bounded by the input's length and by
//! 65,280 templates per observation domain.

use std::collections::HashMap;

use super::{
    FIRST_TEMPLATE, MESSAGE_HEADER_LENGTH, OPTIONS_TEMPLATE_SET, SET_HEADER_LENGTH, TEMPLATE_SET,
    VARIABLE_LENGTH, VERSION,
};

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The message or a part of it ends too early, or a length points outside.
    #[error("a length points outside its message, set or record")]
    Truncated,
    /// Another version than 10.
    #[error("not an IPFIX message: version {0}")]
    Version(u16),
    /// A data set whose template is not known.
    #[error("data set {0} without a template")]
    UnknownTemplate(u16),
    /// A template with a field of no octets, by which a small message could make large records.
    #[error("template {0} has a field without octets")]
    EmptyField(u16),
}

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

#[derive(Clone, Debug)]
struct KnownTemplate {
    scope: usize,
    fields: Vec<(u16, u16)>,
}

/// The decoder of one transport session.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    templates: HashMap<(u32, u16), KnownTemplate>,
}

/// Splits the first message off a stream or a file; None when `bytes` do not hold it whole.
pub fn split_message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]);
    bytes.split_at_checked(usize::from(length).max(MESSAGE_HEADER_LENGTH))
}

impl Decoder {
    /// Takes the message in `bytes` apart and learns its templates.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<DecodedMessage, Malformed> {
        let mut rest = Reader(bytes);
        let version = rest.u16()?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let length = usize::from(rest.u16()?);
        let mut message = DecodedMessage {
            length,
            export_time: rest.u32()?,
            sequence: rest.u32()?,
            observation_domain: rest.u32()?,
            templates: Vec::new(),
            records: Vec::new(),
        };
        let body = length.checked_sub(MESSAGE_HEADER_LENGTH).ok_or(Malformed::Truncated)?;
        let mut sets = Reader(rest.take(body)?);
        while !sets.0.is_empty() {
            let (id, length) = (sets.u16()?, usize::from(sets.u16()?));
            let body = length.checked_sub(SET_HEADER_LENGTH).ok_or(Malformed::Truncated)?;
            let set = Reader(sets.take(body)?);
            match id {
                TEMPLATE_SET => self.templates(set, false, &mut message)?,
                OPTIONS_TEMPLATE_SET => self.templates(set, true, &mut message)?,
                FIRST_TEMPLATE.. => self.records(set, id, &mut message)?,
                _ => {}
            }
        }
        Ok(message)
    }

    fn templates(
        &mut self,
        mut set: Reader<'_>,
        options: bool,
        message: &mut DecodedMessage,
    ) -> Result<(), Malformed> {
        while set.0.len() >= 4 {
            let (id, count) = (set.u16()?, set.u16()?);
            if count == 0 {
                self.templates.remove(&(message.observation_domain, id));
                continue;
            }
            let scope = if options { usize::from(set.u16()?) } else { 0 };
            let mut fields = Vec::new();
            for _ in 0..count {
                let (element, length) = (set.u16()?, set.u16()?);
                if element & 0x8000 != 0 {
                    set.u32()?;
                }
                fields.push((element, length));
            }
            if fields.iter().any(|(_, length)| *length == 0) {
                return Err(Malformed::EmptyField(id));
            }
            self.templates
                .insert((message.observation_domain, id), KnownTemplate { scope, fields });
            message.templates.push(id);
        }
        Ok(())
    }

    fn records(
        &self,
        mut set: Reader<'_>,
        id: u16,
        message: &mut DecodedMessage,
    ) -> Result<(), Malformed> {
        let template = self
            .templates
            .get(&(message.observation_domain, id))
            .ok_or(Malformed::UnknownTemplate(id))?;
        let fixed = |(_, length): &(u16, u16)| match *length {
            VARIABLE_LENGTH => 1,
            length => usize::from(length),
        };
        let shortest: usize = template.fields.iter().map(fixed).sum();
        // What is shorter than a record is padding (RFC 7011 section 3.3.1).
        while set.0.len() >= shortest {
            let mut fields = Vec::with_capacity(template.fields.len());
            for (element, length) in &template.fields {
                let length =
                    if *length == VARIABLE_LENGTH { set.length()? } else { (*length).into() };
                fields.push((*element, set.take(length)?.to_vec()));
            }
            message.records.push(Record { template: id, scope: template.scope, fields });
        }
        Ok(())
    }
}

/// Octets that are taken from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.take(2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// The length of a variable-length value (RFC 7011 section 7).
    fn length(&mut self) -> Result<usize, Malformed> {
        match self.take(1)?[0] {
            u8::MAX => self.u16().map(usize::from),
            short => Ok(short.into()),
        }
    }
}
