//! The value of a field, whatever its kind.

use std::net::IpAddr;

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
    /// One or more texts.
    Texts(&'a [String]),
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, Self::Text)
    }
}
