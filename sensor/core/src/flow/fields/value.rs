//! The value of a field, whatever its kind.

use std::{fmt, net::IpAddr};

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
    /// Its plain text; `None` for what is absent, is no single value or has no one spelling.
    pub fn plain(self) -> Option<Plain<'a>> {
        Some(match self {
            Self::Integer(number) | Self::NumberText(number) => Plain::Number(number),
            Self::Ip(address) => Plain::Ip(address),
            Self::Text(text) => Plain::Text(text),
            Self::Absent | Self::Float(_) | Self::Bool(_) | Self::Mac(_) | Self::Texts(_) => {
                return None;
            }
        })
    }

    pub(crate) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, Self::Text)
    }
}

/// A value that has one spelling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain<'a> {
    /// In decimal.
    Number(u64),
    /// As RFC 5952 and dotted quads have it.
    Ip(IpAddr),
    /// As it is.
    Text(&'a str),
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(out),
            Self::Ip(address) => address.fmt(out),
            Self::Text(text) => text.fmt(out),
        }
    }
}
