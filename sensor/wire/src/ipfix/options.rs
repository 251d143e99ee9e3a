//! Options templates and records (RFC 7011 sections 3.4.2 and 4.1 to 4.3): what the sensor says about itself.
//!
//! As with flow templates, one table per template makes both the template record and the data records.

use sensor_core::flow::totals::{Amount, Totals};

use super::{
    FIRST_TEMPLATE, VARIABLE_LENGTH,
    elements::{self, Element},
};

/// Records that got lost, and when the first and the last one did, in milliseconds since the epoch (0: none did).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss<A = Totals> {
    /// What was lost. Packets that no flow record was made of count as no flows.
    pub totals: A,
    /// First loss.
    pub first: u64,
    /// Last loss.
    pub last: u64,
}

impl<A: Amount> Loss<A> {
    /// Counts a loss at `now`, milliseconds since the epoch.
    pub fn add(&mut self, lost: A, now: u64) {
        if lost == A::default() {
            return;
        }
        self.totals += lost;
        if self.first == 0 {
            self.first = now;
        }
        self.last = self.last.max(now);
    }
}

/// The totals that a sensor reports about itself since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Observation domain that they are about.
    pub observation_domain: u32,
    /// Identifies the metering and the exporting process on this host.
    pub process: u32,
    /// Octets of the messages sent to this collector before this one.
    pub exported_octets: u64,
    /// Messages sent to this collector before this one.
    pub exported_messages: u64,
    /// Flow records sent to this collector before this message.
    pub exported_flows: u64,
    /// Packets that the metering process could not account to a flow.
    pub ignored: Loss,
    /// Flow records that this collector should have got and did not.
    pub not_sent: Loss,
}

/// A network interface by its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Linux `ifindex`.
    pub index: u32,
    /// Its name. What is beyond [`TEXT_LIMIT`] octets is cut off.
    pub name: String,
    /// Its description (Linux `ifalias`), possibly empty; cut off like the name.
    pub description: String,
}

/// Octets of the longest string that is sent.
pub const TEXT_LIMIT: usize = 64;

/// The value of a field.
enum Value<'a> {
    Unsigned(u64),
    Text(&'a str),
}

/// One field of an options template about a `T`.
struct Field<T> {
    element: Element,
    value: fn(&T) -> Value<'_>,
}

/// An options template: its first `scope` fields say what the rest is about.
pub struct OptionsTemplate<T: 'static> {
    /// Template identifier.
    pub id: u16,
    scope: u16,
    fields: &'static [Field<T>],
}

impl<T> OptionsTemplate<T> {
    /// Octets of the options template record.
    pub fn template_record_length(&self) -> usize {
        6 + 4 * self.fields.len()
    }

    /// Writes the options template record to `out`, which is that long.
    pub fn write_template_record(&self, out: &mut [u8]) {
        let words = [self.id, self.fields.len() as u16, self.scope]
            .into_iter()
            .chain(self.fields.iter().flat_map(|field| [field.element.id, field.element.length]));
        for (place, word) in out.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
    }

    /// Octets of the data record about `subject`.
    pub fn data_record_length(&self, subject: &T) -> usize {
        let length = |field: &Field<T>| match (field.value)(subject) {
            Value::Text(text) => 1 + cut(text).len(),
            Value::Unsigned(_) => usize::from(field.element.length),
        };
        self.fields.iter().map(length).sum()
    }

    /// Writes the data record about `subject` to `out`, which is that long.
    pub fn write_data_record(&self, subject: &T, mut out: &mut [u8]) {
        let mut put = |bytes: &[u8]| {
            let (place, rest) = std::mem::take(&mut out).split_at_mut(bytes.len());
            place.copy_from_slice(bytes);
            out = rest;
        };
        for field in self.fields {
            match (field.value)(subject) {
                Value::Text(text) => {
                    let text = cut(text);
                    put(&[text.len() as u8]);
                    put(text.as_bytes());
                }
                Value::Unsigned(number) => {
                    put(&number.to_be_bytes()[8 - usize::from(field.element.length)..]);
                }
            }
        }
    }
}

/// As much of `text` as is sent.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_LIMIT)]
}

macro_rules! field {
    ($element:ident, |$subject:ident| $value:expr) => {
        Field { element: elements::$element, value: |$subject| Value::Unsigned($value.into()) }
    };
    ($element:ident, text |$subject:ident| $value:expr) => {
        Field { element: elements::$element, value: |$subject| Value::Text($value) }
    };
}

/// Metering process statistics (RFC 7011 section 4.1).
pub static METERING_STATISTICS: OptionsTemplate<Statistics> = OptionsTemplate {
    id: FIRST_TEMPLATE + 16,
    scope: 2,
    fields: &[
        field!(OBSERVATION_DOMAIN_ID, |s| s.observation_domain),
        field!(METERING_PROCESS_ID, |s| s.process),
        field!(EXPORTED_MESSAGE_TOTAL_COUNT, |s| s.exported_messages),
        field!(EXPORTED_FLOW_RECORD_TOTAL_COUNT, |s| s.exported_flows),
        field!(EXPORTED_OCTET_TOTAL_COUNT, |s| s.exported_octets),
    ],
};

/// Metering process reliability statistics (RFC 7011 section 4.2): first and last ignored packet in this order.
pub static METERING_RELIABILITY: OptionsTemplate<Statistics> = OptionsTemplate {
    id: FIRST_TEMPLATE + 17,
    scope: 2,
    fields: &[
        field!(OBSERVATION_DOMAIN_ID, |s| s.observation_domain),
        field!(METERING_PROCESS_ID, |s| s.process),
        field!(IGNORED_PACKET_TOTAL_COUNT, |s| s.ignored.totals.packets),
        field!(IGNORED_OCTET_TOTAL_COUNT, |s| s.ignored.totals.octets),
        field!(OBSERVATION_TIME_MILLISECONDS, |s| s.ignored.first),
        field!(OBSERVATION_TIME_MILLISECONDS, |s| s.ignored.last),
    ],
};

/// Exporting process reliability statistics (RFC 7011 section 4.3): first and last lost flow in this order.
pub static EXPORTING_RELIABILITY: OptionsTemplate<Statistics> = OptionsTemplate {
    id: FIRST_TEMPLATE + 18,
    scope: 1,
    fields: &[
        field!(EXPORTING_PROCESS_ID, |s| s.process),
        field!(NOT_SENT_FLOW_TOTAL_COUNT, |s| s.not_sent.totals.flows),
        field!(NOT_SENT_PACKET_TOTAL_COUNT, |s| s.not_sent.totals.packets),
        field!(NOT_SENT_OCTET_TOTAL_COUNT, |s| s.not_sent.totals.octets),
        field!(OBSERVATION_TIME_MILLISECONDS, |s| s.not_sent.first),
        field!(OBSERVATION_TIME_MILLISECONDS, |s| s.not_sent.last),
    ],
};

/// The options templates that report [`Statistics`].
pub static STATISTICS: [&OptionsTemplate<Statistics>; 3] =
    [&METERING_STATISTICS, &METERING_RELIABILITY, &EXPORTING_RELIABILITY];

/// Interface names: the number in `ingressInterface` and `egressInterface` means this.
pub static INTERFACE_NAMES: OptionsTemplate<Interface> = OptionsTemplate {
    id: FIRST_TEMPLATE + 19,
    scope: 1,
    fields: &[
        field!(INGRESS_INTERFACE, |i| i.index),
        field!(INTERFACE_NAME, text | i | &i.name),
        field!(INTERFACE_DESCRIPTION, text | i | &i.description),
    ],
};

const _: () = assert!(
    elements::INTERFACE_NAME.length == VARIABLE_LENGTH && TEXT_LIMIT < 255,
    "strings carry their length in one octet"
);
