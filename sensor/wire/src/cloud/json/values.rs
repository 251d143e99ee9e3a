//! Members of records as types that borrow from their octets and forgive what does not matter: a number may be a string and a
//! string a number, `null` is the same as nothing, a member may come twice, and one that is not known is remembered by name.
//!
//! They are filled in where they are to stay. With types that serde derives, which are moved as often as they are nested, a
//! record with seventy members takes three times as long.

use std::{borrow::Cow, marker::PhantomData, ops::Deref};

use super::{
    pull::{Read, Reader, Syntax},
    time,
};
use crate::cloud::{
    flows::{Ends, Via},
    ledger::{Ledger, Reason},
    text::{ipv4, ipv6, number},
};

/// Why a record, or a member, cannot be read, and what to tell of it.
pub type Fault<'a> = (Reason, &'a [u8]);

/// What a member may be.
pub trait Member<'a>: Default {
    /// Reads it.
    ///
    /// # Errors
    /// It is no JSON. Another kind of value is as good as none.
    fn fill(&mut self, reader: &mut Reader<'a>) -> Read<'a, ()>;
}

/// Reads the octets of a record.
///
/// # Errors
/// What is no JSON, with the octets around the place, or no object.
#[inline]
pub fn read<'a, T: Member<'a>>(octets: &'a [u8]) -> Result<T, Fault<'a>> {
    let mut reader = Reader::new(octets);
    let is_object = reader.peek() == b'{';
    let mut value = T::default();
    value.fill(&mut reader).map_err(|Syntax(rest)| (Reason::Syntax, around(octets, rest)))?;
    match (is_object, reader.rest().trim_ascii_start()) {
        (false, _) => Err((Reason::Value, octets)),
        (true, []) => Ok(value),
        (true, rest) => Err((Reason::Syntax, around(octets, rest))),
    }
}

/// The octets around the place where `rest` begins.
#[cold]
fn around<'a>(octets: &'a [u8], rest: &[u8]) -> &'a [u8] {
    let place = octets.len() - rest.len();
    &octets[place.saturating_sub(24)..(place + 24).min(octets.len())]
}

/// The addresses of a flow.
///
/// # Errors
/// One is none, or they are of different families.
#[inline]
pub fn ends<'a>(source: &'a [u8], destination: &'a [u8]) -> Result<Ends, Fault<'a>> {
    match (ipv4(source), ipv4(destination)) {
        (Some(source), Some(destination)) => Ok(Ends::V4(source, destination)),
        (one, other) => match (ipv6(source), ipv6(destination)) {
            (Some(source), Some(destination)) => Ok(Ends::V6(source, destination)),
            (None, _) if one.is_none() => Err((Reason::Address, source)),
            (_, None) if other.is_none() => Err((Reason::Address, destination)),
            _ => Err((Reason::Families, destination)),
        },
    }
}

/// An address that may be missing.
///
/// # Errors
/// It is none.
pub fn via(address: &[u8]) -> Result<Option<Via>, Fault<'_>> {
    if address.is_empty() {
        return Ok(None);
    }
    let v4 = ipv4(address).map(Via::V4);
    v4.or_else(|| ipv6(address).map(Via::V6)).map(Some).ok_or((Reason::Address, address))
}

/// A time as RFC 3339 has it, in milliseconds; none where it is missing, or before all logs.
///
/// # Errors
/// It is none.
#[inline]
pub fn time<'t>(text: &'t Text<'_>) -> Result<Option<u64>, Fault<'t>> {
    match text.octets() {
        [] => Ok(None),
        octets => time::rfc3339(octets).map(time::plausible).ok_or((Reason::Time, octets)),
    }
}

/// Text, empty where it is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, [u8]>);

impl Text<'_> {
    /// Its octets.
    #[inline(always)]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Whether nothing is told.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is this one, in upper or lower case.
    pub fn is(&self, text: &str) -> bool {
        self.0.eq_ignore_ascii_case(text.as_bytes())
    }

    /// This, or the other where it is missing.
    #[inline(always)]
    pub fn or<'o>(&'o self, other: &'o Self) -> &'o Self {
        if self.is_empty() { other } else { self }
    }
}

impl<'a> Member<'a> for Text<'a> {
    #[inline(always)]
    fn fill(&mut self, reader: &mut Reader<'a>) -> Read<'a, ()> {
        self.0 = reader.scalar()?;
        Ok(())
    }
}

/// A number without sign, written as one or as a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Number {
    /// Nothing is told.
    #[default]
    Missing,
    /// This one.
    Is(u64),
    /// Something else, or a number that is too high.
    Wrong,
}

impl Number {
    /// It, where it is told; `what` names it.
    ///
    /// # Errors
    /// Something else is told, or a number that is too high.
    #[inline(always)]
    pub fn get<T: TryFrom<u64>>(self, what: &'static str) -> Result<Option<T>, Fault<'static>> {
        match self {
            Self::Missing => Ok(None),
            Self::Is(number) => match T::try_from(number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err((Reason::Number, what.as_bytes())),
            },
            Self::Wrong => Err((Reason::Number, what.as_bytes())),
        }
    }
}

impl<'a> Member<'a> for Number {
    #[inline(always)]
    fn fill(&mut self, reader: &mut Reader<'a>) -> Read<'a, ()> {
        let first = reader.peek();
        let text = reader.scalar()?;
        *self = match number(&text) {
            Some(number) => Self::Is(number),
            None => other(first, &text),
        };
        Ok(())
    }
}

/// What text is that is no plain number.
#[cold]
fn other(first: u8, text: &[u8]) -> Number {
    /// Doubles below are exact.
    const EXACT: f64 = (1_u64 << 53) as f64;
    match (first, text) {
        (b'"', b"" | b"-") | (b'n', b"") => return Number::Missing,
        (b'"', _) => return Number::Wrong,
        _ => {}
    }
    let number: Option<f64> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    match number {
        Some(number) if (0.0..EXACT).contains(&number) && number.fract() == 0.0 => {
            Number::Is(number as u64)
        }
        _ => Number::Wrong,
    }
}

/// A value that is read later, as something else.
#[derive(Debug, Default)]
pub struct Raw<'a>(Option<Reader<'a>>);

impl<'a> Raw<'a> {
    /// Reads it; none where it is missing.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn read<T: Member<'a>>(&self) -> Result<Option<T>, Fault<'a>> {
        let Some(mut reader) = self.0 else { return Ok(None) };
        let mut value = T::default();
        let fault = |Syntax(rest): Syntax<'a>| (Reason::Syntax, &rest[..rest.len().min(SHOWN)]);
        value.fill(&mut reader).map(|()| Some(value)).map_err(fault)
    }
}

impl<'a> Member<'a> for Raw<'a> {
    fn fill(&mut self, reader: &mut Reader<'a>) -> Read<'a, ()> {
        let is_object = reader.peek() == b'{';
        self.0 = Some(reader.skip()?).filter(|_| is_object);
        Ok(())
    }
}

/// Objects in an array, or one without it: the first few.
#[derive(Debug)]
pub struct Many<T>(Vec<T>);

/// Objects of an array that are kept.
const KEPT: usize = 16;

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for Many<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T: Member<'a>> Member<'a> for Many<T> {
    fn fill(&mut self, reader: &mut Reader<'a>) -> Read<'a, ()> {
        self.0.clear();
        let mut one = |reader: &mut Reader<'a>| {
            if self.0.len() == KEPT {
                return reader.skip().map(drop);
            }
            let mut value = T::default();
            value.fill(reader)?;
            self.0.push(value);
            Ok(())
        };
        match reader.peek() {
            b'[' => reader.array(one),
            b'{' => one(reader),
            _ => reader.skip().map(drop),
        }
    }
}

/// Members of an object that are not known and have a value, by name.
#[derive(Debug, Default)]
pub struct Unknown<'a>(Vec<Box<[u8]>>, PhantomData<&'a ()>);

/// Unknown members of one object that are remembered.
const MOST: usize = 64;
/// Octets of their names that are shown.
const SHOWN: usize = 64;

impl<'a> Unknown<'a> {
    /// Passes over the value of a member, which is remembered unless it is `null`.
    ///
    /// # Errors
    /// The value is no JSON.
    #[cold]
    pub fn pass(&mut self, name: &[u8], reader: &mut Reader<'a>) -> Read<'a, ()> {
        let is_there = reader.peek() != b'n';
        reader.skip()?;
        if is_there && self.0.len() < MOST {
            self.0.push(name.into());
        }
        Ok(())
    }

    /// Counts them; `within` is what stands before their names.
    #[inline(always)]
    pub fn count(&self, within: &str, ledger: &mut Ledger) {
        for name in &self.0 {
            count(name, within, ledger);
        }
    }
}

#[cold]
fn count(name: &[u8], within: &str, ledger: &mut Ledger) {
    let name = String::from_utf8_lossy(&name[..name.len().min(SHOWN)]);
    let name = name.chars().filter(|character| !character.is_control());
    let name: String = within.chars().chain(name).collect();
    ledger.unknown(&name, 1);
}

/// Declares a type for the objects that have these members. A member that is `null` is as one that is missing; of one that comes
/// twice the last counts. Those after `beside` are known and not read.
macro_rules! object {
    (
        $(#[$about:meta])*
        $name:ident<$life:lifetime> {
            $($(#[$told:meta])* $field:ident: $type:ty = $($key:literal)|+,)*
        }
        $(beside $($known:literal)|+;)?
    ) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        pub struct $name<$life> {
            $($(#[$told])* pub $field: $type,)*
            /// Members that are not known.
            pub unknown: $crate::cloud::json::values::Unknown<$life>,
        }

        impl<$life> $crate::cloud::json::values::Member<$life> for $name<$life> {
            fn fill(
                &mut self,
                reader: &mut $crate::cloud::json::pull::Reader<$life>,
            ) -> $crate::cloud::json::pull::Read<$life, ()> {
                if reader.peek() != b'{' {
                    return reader.skip().map(drop);
                }
                reader.object(|name, reader| match name {
                    $($($key)|+ => $crate::cloud::json::values::Member::fill(&mut self.$field, reader),)*
                    $($($known)|+ => reader.skip().map(drop),)?
                    _ => self.unknown.pass(name, reader),
                })
            }
        }
    };
}

pub(crate) use object;

#[cfg(test)]
mod tests {
    use super::*;

    object! {
        /// A record.
        Entry<'a> {
            /// A text.
            name: Text<'a> = b"name" | b"Name",
            /// A number.
            count: Number = b"count",
            /// An object within.
            inner: Inner<'a> = b"inner",
            /// Several.
            all: Many<Inner<'a>> = b"all",
        }
        beside b"other" | b"another";
    }

    object! {
        /// An object.
        Inner<'a> {
            /// A text.
            name: Text<'a> = b"name",
        }
    }

    fn entry(text: &str) -> Entry<'_> {
        read(text.as_bytes()).expect("an entry")
    }

    #[test]
    fn members_are_read_however_they_are_written() {
        let all = entry(
            r#"{"name": "x\u00e9", "count": "18446744073709551615", "inner": {"name": "y"}, "other": [1, {}],
                "all": [{"name": 5}, {"name": true}, {"name": -1}, {}], "another": null}"#,
        );
        assert_eq!((all.name.octets(), all.count), ("xé".as_bytes(), Number::Is(u64::MAX)));
        assert_eq!(all.inner.name.octets(), b"y");
        let names: Vec<_> = all.all.iter().map(|inner| inner.name.octets()).collect();
        assert_eq!(names, [&b"5"[..], b"true", b"-1", b""]);
        assert!(all.unknown.0.is_empty());
        assert_eq!(entry(r#"{"all": {"name": "x"}}"#).all[0].name.octets(), b"x");
        let many = format!("{{\"all\": [{}], \"name\": \"behind\"}}", vec!["{}"; 100].join(","));
        assert_eq!((entry(&many).all.len(), entry(&many).name.is("behind")), (KEPT, true));
        let none = entry(r#"{"name": null, "count": null, "inner": null, "all": null}"#);
        assert!(none.name.is_empty() && none.count == Number::Missing && none.all.is_empty());
        let twice = entry(r#"{"Name": "A", "n\u0061me": "b"}"#);
        assert!(
            twice.name.is("B") && !twice.name.is("A") && twice.inner.name.or(&twice.name).is("b")
        );
    }

    #[test]
    fn numbers_are_told_from_what_is_none() {
        for (text, expected) in [
            ("0", Number::Is(0)),
            ("\"12\"", Number::Is(12)),
            ("18446744073709551615", Number::Is(u64::MAX)),
            ("1e3", Number::Is(1000)),
            ("5.0", Number::Is(5)),
            ("\"\"", Number::Missing),
            ("\"-\"", Number::Missing),
            ("null", Number::Missing),
            ("18446744073709551616", Number::Wrong),
            ("\"18446744073709551616\"", Number::Wrong),
            ("5.5", Number::Wrong),
            ("-5", Number::Wrong),
            ("-0.5", Number::Wrong),
            ("1e300", Number::Wrong),
            ("true", Number::Wrong),
            ("[1, [2]]", Number::Wrong),
            ("{\"a\": {}}", Number::Wrong),
            ("\"x\"", Number::Wrong),
        ] {
            let text = format!("{{\"count\": {text}, \"name\": \"behind\"}}");
            let entry = entry(&text);
            assert_eq!((entry.count, entry.name.is("behind")), (expected, true), "{text}");
        }
        assert_eq!(Number::Is(255).get("x"), Ok(Some(255_u8)));
        assert_eq!(Number::Is(256).get::<u8>("x"), Err((Reason::Number, &b"x"[..])));
        assert_eq!(Number::Missing.get::<u8>("x"), Ok(None));
        assert_eq!(Number::Wrong.get::<u8>("x"), Err((Reason::Number, &b"x"[..])));
    }

    #[test]
    fn addresses_and_times_are_read_or_named() {
        let read = |source: &'static str, destination: &'static str| {
            ends(source.as_bytes(), destination.as_bytes())
        };
        assert_eq!(read("10.0.0.1", "0.0.0.2"), Ok(Ends::V4(0x0a00_0001, 2)));
        assert_eq!(read("::1", "::2"), Ok(Ends::V6(1, 2)));
        assert_eq!(read("x", "10.0.0.1"), Err((Reason::Address, &b"x"[..])));
        assert_eq!(read("10.0.0.1", ""), Err((Reason::Address, &b""[..])));
        assert_eq!(read("10.0.0.1", "::2"), Err((Reason::Families, &b"::2"[..])));
        assert_eq!(
            (via(b""), via(b"0.0.0.9"), via(b"::9")),
            (Ok(None), Ok(Some(Via::V4(9))), Ok(Some(Via::V6(9))))
        );
        assert_eq!(via(b"9"), Err((Reason::Address, &b"9"[..])));
        let text = |text: &'static str| Text(Cow::Borrowed(text.as_bytes()));
        assert_eq!(time(&text("2001-09-09T01:46:40Z")), Ok(Some(1_000_000_000_000)));
        assert_eq!(time(&text("1970-01-01T00:00:00Z")), Ok(None));
        assert_eq!(time(&text("")), Ok(None));
        assert_eq!(time(&text("now")), Err((Reason::Time, &b"now"[..])));
    }

    #[test]
    fn unknown_members_are_counted_by_name_where_they_have_a_value() {
        let text = r#"{"new": 1, "nothing": null, "new": [], "l\nong": "x", "inner": {"own": {}}}"#;
        let (entry, mut ledger) = (entry(text), Ledger::default());
        entry.unknown.count("", &mut ledger);
        entry.inner.unknown.count("inner.", &mut ledger);
        let unknown: Vec<_> =
            ledger.unknown.iter().map(|(name, count)| (&**name, *count)).collect();
        assert_eq!(unknown, [("inner.own", 1), ("long", 1), ("new", 2)]);
        let many: String = (0..200).map(|at| format!("\"m{at}\": 1,")).collect();
        let many = format!("{{{many} \"name\": \"x\"}}");
        let many = read::<Entry<'_>>(many.as_bytes()).expect("an entry");
        assert_eq!((many.unknown.0.len(), many.name.is("x")), (MOST, true));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        for (text, reason, what) in [
            (
                "{\"name\": \"xyz\",\n \"count\": }",
                Reason::Syntax,
                "name\": \"xyz\",\n \"count\": }",
            ),
            ("{\"name\": \"x\"", Reason::Syntax, "{\"name\": \"x\""),
            ("{\"name\": \"x\"} y", Reason::Syntax, "{\"name\": \"x\"} y"),
            ("{\"inner\": {\"name\" \"x\"}}", Reason::Syntax, "{\"inner\": {\"name\" \"x\"}}"),
            ("[]", Reason::Value, "[]"),
            ("", Reason::Syntax, ""),
        ] {
            let (found, told) = read::<Entry<'_>>(text.as_bytes()).map(drop).expect_err(text);
            assert_eq!((found, String::from_utf8_lossy(told).as_ref()), (reason, what));
        }
        // A value of another kind is none, and octets that are no text are kept as they are.
        let other = entry(r#"{"name": {}, "inner": 7, "all": "x", "count": 1}"#);
        let is_none = other.name.is_empty() && other.inner.name.is_empty() && other.all.is_empty();
        assert_eq!((is_none, other.count), (true, Number::Is(1)));
        let octets = read::<Entry<'_>>(b"{\"name\": \"\xff\"}").expect("an entry");
        assert_eq!(octets.name.octets(), b"\xff");
    }
}
