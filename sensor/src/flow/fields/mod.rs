//! THE table of flow fields: one row a field, from which everything that names fields is derived.
//!
//! A row says how NQL and JSON call the field, which type it has, which IPFIX or NetFlow elements feed it (IANA
//! numbers, the host path's first), and how to read it from a batch. Rows without `read` are part of the
//! language, but no source fills them yet.

use std::net::IpAddr;

mod router;
mod row;
mod table;

pub use row::Row;
pub use table::FIELDS;

/// One field.
#[derive(Clone, Copy)]
pub struct Field {
    /// Name in NQL and JSON.
    pub name: &'static str,
    /// Type of its values.
    pub kind: Kind,
    /// IPFIX elements (IANA numbers) that carry it.
    pub elements: &'static [u16],
    /// Part of the public language, or an extension of it.
    pub origin: Origin,
    /// One line for people.
    pub doc: &'static str,
    /// Reads the field of a row; `None` when no source fills it yet.
    pub read: Option<fn(Row<'_>) -> Value<'_>>,
}

const fn field(
    name: &'static str,
    kind: Kind,
    elements: &'static [u16],
    doc: &'static str,
) -> Field {
    Field { name, kind, elements, origin: Origin::Documented, doc, read: None }
}

impl Field {
    const fn extension(mut self) -> Self {
        self.origin = Origin::Extension;
        self
    }

    const fn read(mut self, read: fn(Row<'_>) -> Value<'_>) -> Self {
        self.read = Some(read);
        self
    }
}

/// Type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned integer of so many bits.
    Unsigned(u8),
    /// Integer of 64 bits.
    Integer,
    /// Floating point number.
    Float,
    /// True or false.
    Bool,
    /// IPv4 or IPv6 address.
    Ip,
    /// Text.
    Text,
    /// Any number of texts.
    TextList,
}

impl Kind {
    /// The type's name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsigned(_) | Self::Integer => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Ip => "ip",
            Self::Text => "string",
            Self::TextList => "string[]",
        }
    }
}

/// Where a field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The public NQL documentation.
    Documented,
    /// This project.
    Extension,
}

/// The value of a field in one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// The row has none.
    Absent,
    /// Integer.
    Integer(u64),
    /// Floating point number, finite.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Address.
    Ip(IpAddr),
    /// MAC address.
    Mac([u8; 6]),
    /// Text.
    Text(&'a str),
    /// A number that the language treats as text.
    NumberText(u64),
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, Self::Text)
    }
}

/// The field called `name`.
pub fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}
