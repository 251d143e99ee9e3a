//! Values of a test, read as what a field needs.

use std::{net::IpAddr, time::Duration};

use crate::{policy::testcase::raw::Scalar, settings::value::parse_duration};

/// When tests begin, milliseconds since the epoch.
pub const BEGIN: u64 = 1_700_000_000_000;

/// A whole number.
pub fn number<T: TryFrom<u64>>(value: &Scalar) -> Result<T, String> {
    let number = match value {
        Scalar::Integer(number) => Some(*number),
        Scalar::Text(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.ok_or("must be a whole number")?;
    T::try_from(number).map_err(|_| "is out of range".to_owned())
}

/// True or false.
pub fn flag(value: &Scalar) -> Result<bool, String> {
    match value {
        Scalar::Bool(flag) => Ok(*flag),
        _ => Err("must be true or false".to_owned()),
    }
}

/// One or several texts.
pub fn texts(value: &Scalar) -> Vec<String> {
    match value {
        Scalar::Texts(texts) => texts.clone(),
        other => vec![other.shown()],
    }
}

/// The place of a text among `choices`.
pub fn choice(value: &Scalar, choices: &[&str]) -> Result<usize, String> {
    let text = value.shown();
    let found = choices.iter().position(|choice| *choice == text);
    found.ok_or_else(|| format!("must be {}", choices.join(" or ")))
}

/// An address.
pub fn address(value: &Scalar) -> Result<IpAddr, String> {
    value.shown().parse().map_err(|_| "must be an address".to_owned())
}

fn duration(value: &Scalar) -> Result<u64, String> {
    let text = value.shown();
    parse_duration(&text)
        .map(|time: Duration| time.as_millis() as u64)
        .map_err(|why| format!("must be a duration: {why}"))
}

/// A time: after the beginning of the test as a duration in a text, or milliseconds since the epoch as a number.
pub fn time(value: &Scalar) -> Result<u64, String> {
    match value {
        Scalar::Integer(time) => Ok(*time),
        Scalar::Text(_) => Ok(BEGIN + duration(value)?),
        _ => Err("must be milliseconds since the epoch, or a duration such as \"5s\"".to_owned()),
    }
}
