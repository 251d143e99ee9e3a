//! The kinds of values that a configuration file holds, each read from TOML; durations and sizes also from flags.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use toml::{Spanned, de::DeValue};

use super::schema::{Key, Origin, Setting, Value, same, wrong_kind};
use crate::diagnostic::Diagnostic;

/// A number of bytes, written like `128MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Suffix and bytes, largest binary unit first, so that [`fmt::Display`] finds the shortest exact form.
const UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    /// A whole number and a unit; without a unit, bytes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = (&text[..digits], text[digits..].trim());
        let number: u64 =
            number.parse().map_err(|_| "a size is an integer and a unit".to_owned())?;
        let factor = match unit {
            "" => 1,
            unit => UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|&(_, factor)| factor)
                .ok_or_else(|| format!("`{unit}` is not a size unit"))?,
        };
        number.checked_mul(factor).map(Self).ok_or_else(|| "larger than 64 bits".to_owned())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS[..4]
            .iter()
            .find(|&&(_, factor)| self.0 >= factor && self.0.is_multiple_of(factor))
            .unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// Reads `60s`, `5m`, `1h 30m`, `250ms`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let number = text.trim();
    if number.parse::<u64>().is_ok_and(|number| number > 0) {
        return Err(format!("`{number}` has no unit; write `{number}s` for seconds"));
    }
    humantime::parse_duration(text).map_err(|error| match error {
        humantime::DurationError::NumberOverflow => {
            format!("`{number}` is too long")
        }
        error => error.to_string(),
    })
}

/// A value that has a range, and a way to be shown as the file writes it.
pub trait Quantity: Copy + PartialOrd {
    /// As in the file, without quotes.
    fn shown(self) -> String;
}

impl Quantity for u64 {
    fn shown(self) -> String {
        self.to_string()
    }
}

impl Quantity for ByteSize {
    fn shown(self) -> String {
        self.to_string()
    }
}

impl Quantity for Duration {
    fn shown(self) -> String {
        humantime::format_duration(self).to_string()
    }
}

impl Value for bool {
    const KIND: &'static str = "true or false";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let value = found.get_ref().as_bool();
        if value.is_none() {
            faults.push(wrong_kind::<Self>(found, path));
        }
        value
    }
}

impl Value for u64 {
    const KIND: &'static str = "a whole number";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let Some(integer) = found.get_ref().as_integer() else {
            faults.push(wrong_kind::<Self>(found, path));
            return None;
        };
        let value = Self::from_str_radix(integer.as_str(), integer.radix()).ok();
        if value.is_none() {
            faults.push(
                Diagnostic::error(format!("`{path}` must be {}", Self::KIND), found.span())
                    .label("negative or too large"),
            );
        }
        value
    }
}

/// Reads a string and lets `parse` make the value of it; its error becomes the label.
pub fn from_text<T: Value>(
    found: &Spanned<DeValue<'_>>,
    path: &str,
    faults: &mut Vec<Diagnostic>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let Some(text) = found.get_ref().as_str() else {
        faults.push(wrong_kind::<T>(found, path));
        return None;
    };
    parse(text)
        .map_err(|reason| {
            let message = format!("`{path}` must be {}", T::KIND);
            faults.push(Diagnostic::error(message, found.span()).label(reason));
        })
        .ok()
}

impl Value for String {
    const KIND: &'static str = "a string";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        from_text(found, path, faults, |text| Ok(text.to_owned()))
    }
}

impl Value for PathBuf {
    const KIND: &'static str = "a path";
    const IS_PATH: bool = true;

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        from_text(found, path, faults, |text| match text {
            "" => Err("this is empty".to_owned()),
            text => Ok(Self::from(text)),
        })
    }

    fn anchor(&mut self, directory: &Path) {
        *self = directory.join(&*self);
    }

    fn paths(&self, key: &str, show: &mut dyn FnMut(&str, &Path, &Origin)) {
        show(key, self, &Origin::Default);
    }
}

impl Value for Duration {
    const KIND: &'static str = "a duration such as \"60s\"";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        from_text(found, path, faults, parse_duration)
    }
}

impl Value for ByteSize {
    const KIND: &'static str = "a size such as \"64MiB\"";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        from_text(found, path, faults, str::parse)
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;
    const INNER: &'static [Key] = T::INNER;
    const IS_PATH: bool = T::IS_PATH;

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        T::read(found, path, faults).map(Some)
    }

    fn compare(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
        match (self, other) {
            (Some(one), Some(other)) => one.compare(other, path, differing),
            (None, None) => {}
            _ => differing.push(path.to_owned()),
        }
    }

    fn lay_over(&mut self, later: Self) {
        match (&mut *self, later) {
            (Some(value), Some(later)) => value.lay_over(later),
            (_, later) => *self = later,
        }
    }

    fn anchor(&mut self, directory: &Path) {
        if let Some(value) = self {
            value.anchor(directory);
        }
    }

    fn shift(&mut self, by: usize) {
        if let Some(value) = self {
            value.shift(by);
        }
    }

    fn paths(&self, key: &str, show: &mut dyn FnMut(&str, &Path, &Origin)) {
        self.iter().for_each(|value| value.paths(key, show));
    }
}

/// A list; each element knows its own place. Every faulty element is reported.
impl<T: Value> Value for Vec<Setting<T>> {
    const KIND: &'static str =
        if T::INNER.is_empty() { "a list" } else { "a list of tables, each under a [[header]]" };
    const INNER: &'static [Key] = T::INNER;
    const IS_PATH: bool = T::IS_PATH;
    const IS_LIST: bool = true;

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let Some(elements) = found.get_ref().as_array() else {
            let fault = wrong_kind::<Self>(found, path);
            faults.push(if found.get_ref().is_table() {
                fault.help(format!("write [[{path}]], since there may be more than one"))
            } else {
                fault
            });
            return None;
        };
        let read = |(index, element): (usize, &Spanned<DeValue<'_>>)| {
            // The place of a table is clear from the line that is shown.
            let index = if T::INNER.is_empty() { format!("[{index}]") } else { String::new() };
            let value = T::read(element, &format!("{path}{index}"), faults)?;
            Some(Setting { value, origin: Origin::File(element.span()) })
        };
        let values: Vec<_> = elements.iter().enumerate().map(read).collect();
        values.into_iter().collect()
    }

    fn compare(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
        let pairs = || self.iter().zip(other);
        if self.len() != other.len() || !pairs().all(|(one, other)| same(&one.value, &other.value))
        {
            differing.push(path.to_owned());
        }
    }

    fn lay_over(&mut self, later: Self) {
        if T::INNER.is_empty() {
            self.clear();
        }
        self.extend(later);
    }

    fn anchor(&mut self, directory: &Path) {
        self.iter_mut().for_each(|element| element.value.anchor(directory));
    }

    fn shift(&mut self, by: usize) {
        self.iter_mut().for_each(|element| element.shift(by));
    }

    fn paths(&self, key: &str, show: &mut dyn FnMut(&str, &Path, &Origin)) {
        self.iter().for_each(|element| element.paths(key, show));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("1B", 1),
            ("64 KiB", 64 << 10),
            ("128MiB", 128 << 20),
            ("2GB", 2_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for (text, reason) in [
            ("", "a size is an integer and a unit"),
            ("-1MiB", "a size is an integer and a unit"),
            ("1.5GiB", "`.5GiB` is not a size unit"),
            ("1PiB", "`PiB` is not a size unit"),
            ("99999999TiB", "larger than 64 bits"),
        ] {
            assert_eq!(text.parse::<ByteSize>(), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("2"), Err("`2` has no unit; write `2s` for seconds".to_owned()));
        assert!(parse_duration("soon").is_err());
        for text in ["99999999999999999h", "99999999999999999999999s"] {
            assert_eq!(parse_duration(text), Err(format!("`{text}` is too long")));
        }
    }

    #[test]
    fn sizes_show_their_largest_exact_unit() {
        for text in ["128MiB", "1536KiB", "1000B", "0B", "3TiB"] {
            assert_eq!(text.parse::<ByteSize>().map(|size| size.to_string()), Ok(text.to_owned()));
        }
    }
}
