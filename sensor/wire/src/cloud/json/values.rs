//! Members of records as types that borrow from their octets and forgive what does not matter: a number may be a string and a
//! string a number, `null` is the same as nothing, a member may come twice, and one that is not known is remembered by name.

use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::error::Category;

use super::time;
use crate::cloud::{
    flows::{Ends, Via},
    ledger::{Ledger, Reason},
    text::{ipv4, ipv6, number},
};

/// Why a record, or a member, cannot be read, and what to tell of it.
pub type Fault<'a> = (Reason, &'a [u8]);

/// Reads the octets of a record.
///
/// # Errors
/// What is no JSON, with the octets around the place; what has a member of another type.
#[inline]
pub fn read<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, Fault<'a>> {
    serde_json::from_slice(octets).map_err(|error| {
        let before = error.line().saturating_sub(1);
        let lines = octets.split_inclusive(|octet| *octet == b'\n').take(before);
        let place = lines.map(<[u8]>::len).sum::<usize>() + error.column();
        let around = place.saturating_sub(24)..(place + 24).min(octets.len());
        let reason = match error.classify() {
            Category::Data => Reason::Value,
            Category::Io | Category::Syntax | Category::Eof => Reason::Syntax,
        };
        (reason, octets.get(around).unwrap_or_default())
    })
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

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            #[inline]
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text.as_bytes())))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.as_bytes().to_vec())))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string().into_bytes())))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string().into_bytes())))
            }

            fn visit_bool<E: Error>(self, is: bool) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(if is { b"true" } else { b"false" })))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(Any)
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

impl<'de> Deserialize<'de> for Number {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            #[inline]
            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                Ok(match text {
                    "" | "-" => Number::Missing,
                    text => number(text.as_bytes()).map_or(Number::Wrong, Number::Is),
                })
            }

            #[inline]
            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number::Is(number))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Number, E> {
                Ok(Number::Wrong)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
                /// Doubles below are exact.
                const EXACT: f64 = (1_u64 << 53) as f64;
                let is_whole = (0.0..EXACT).contains(&number) && number.fract() == 0.0;
                Ok(if is_whole { Number::Is(number as u64) } else { Number::Wrong })
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Number, E> {
                Ok(Number::Wrong)
            }

            fn visit_unit<E: Error>(self) -> Result<Number, E> {
                Ok(Number::Missing)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Number, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Number::Wrong)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Number::Wrong)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// The name of a member.
#[derive(Debug)]
pub struct Key<'a>(pub Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }

            #[inline]
            fn visit_borrowed_bytes<E: Error>(self, octets: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(octets)))
            }

            fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(octets.to_vec())))
            }
        }

        deserializer.deserialize_bytes(Any)
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

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("objects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Many<T>, A::Error> {
                let mut all = Vec::new();
                while all.len() < KEPT {
                    match seq.next_element()? {
                        None => return Ok(Many(all)),
                        Some(one) => all.push(one),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Many(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Many<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| Many(vec![one]))
            }
        }

        deserializer.deserialize_any(Any(PhantomData))
    }
}

/// Members of an object that are not known and have a value, by name.
#[derive(Debug, Default)]
pub struct Unknown<'a>(Vec<Cow<'a, [u8]>>);

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
    pub fn pass<'de: 'a, A: MapAccess<'de>>(
        &mut self,
        key: Key<'de>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let is_there = map.next_value::<Option<IgnoredAny>>()?.is_some();
        if is_there && self.0.len() < MOST {
            self.0.push(key.0);
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

        impl<'de: $life, $life> serde::Deserialize<'de> for $name<$life> {
            #[inline]
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Members<$life>(std::marker::PhantomData<&$life ()>);

                impl<'de: $life, $life> serde::de::Visitor<'de> for Members<$life> {
                    type Value = $name<$life>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object of ", stringify!($name)))
                    }

                    #[inline]
                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let mut own = $name::default();
                        while let Some(key) = map.next_key::<$crate::cloud::json::values::Key<'de>>()? {
                            match &*key.0 {
                                $($($key)|+ => {
                                    own.$field = map.next_value::<Option<$type>>()?.unwrap_or_default();
                                })*
                                $($($known)|+ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                })?
                                _ => own.unknown.pass(key, &mut map)?,
                            }
                        }
                        Ok(own)
                    }
                }

                from.deserialize_map(Members(std::marker::PhantomData))
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
            ("{\"name\": \"x\",\n \"count\": }", Reason::Syntax, "\"name\": \"x\",\n \"count\": }"),
            ("{\"name\": \"x\"", Reason::Syntax, "{\"name\": \"x\""),
            ("{\"name\": {}}", Reason::Value, "{\"name\": {}}"),
            ("{\"inner\": 7}", Reason::Value, "{\"inner\": 7}"),
            ("[]", Reason::Value, "[]"),
            ("", Reason::Syntax, ""),
        ] {
            let (found, told) = read::<Entry<'_>>(text.as_bytes()).map(drop).expect_err(text);
            assert_eq!((found, String::from_utf8_lossy(told).as_ref()), (reason, what));
        }
        let octets = b"{\"name\": \"\xff\"}";
        assert_eq!(read::<Entry<'_>>(octets).map(drop), Err((Reason::Syntax, &octets[..])));
    }
}
