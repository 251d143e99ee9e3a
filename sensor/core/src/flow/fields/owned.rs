//! Values that outlive the row they were read from.

use std::net::IpAddr;

use super::Value;

/// As [`Value`], with texts of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedValue {
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
    Text(Box<str>),
    /// A number that the language treats as text.
    NumberText(u64),
    /// One or more texts.
    Texts(Box<[String]>),
}

impl OwnedValue {
    /// A copy; `None` for what is absent.
    pub fn of(value: Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Absent => return None,
            Value::Integer(number) => Self::Integer(number),
            Value::Float(number) => Self::Float(number),
            Value::Bool(flag) => Self::Bool(flag),
            Value::Ip(address) => Self::Ip(address),
            Value::Mac(address) => Self::Mac(address),
            Value::Text(text) => Self::Text(text.into()),
            Value::NumberText(number) => Self::NumberText(number),
            Value::Texts(texts) => Self::Texts(texts.into()),
        })
    }

    /// The value, borrowed.
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Integer(number) => Value::Integer(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Ip(address) => Value::Ip(*address),
            Self::Mac(address) => Value::Mac(*address),
            Self::Text(text) => Value::Text(text),
            Self::NumberText(number) => Value::NumberText(*number),
            Self::Texts(texts) => Value::Texts(texts),
        }
    }
}
