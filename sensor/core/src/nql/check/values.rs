//! Values, read as the type of the field that they are compared with.

use std::{net::IpAddr, ops::Range};

use super::names::Target;
use crate::{
    diagnostic::{Diagnostic, Fix, nearest},
    flow::{
        fields::{Kind, TextRule},
        prefix, protocol,
    },
    nql::{
        codes, literal,
        sets::{AddressSet, IntegerSet, TextSet},
        typed::{Class, Comparison, Finite, Predicate},
    },
};

/// Collects the values of one condition into a predicate.
pub struct Reader<'t> {
    target: &'t Target,
    /// Whether it is a list, whose entries may be ranges.
    list: bool,
    integers: Vec<(u64, u64)>,
    prefixes: Vec<(IpAddr, u8)>,
    /// Ranges of addresses that are no prefixes.
    addresses: Vec<(IpAddr, IpAddr)>,
    texts: Vec<String>,
    /// The value of a type that has no sets.
    single: Option<Predicate>,
}

/// A warning, if there is one.
type Read = Result<Option<Diagnostic>, Diagnostic>;

impl<'t> Reader<'t> {
    /// Nothing read yet.
    pub fn new(target: &'t Target, list: bool) -> Self {
        Self {
            target,
            list,
            integers: Vec::new(),
            prefixes: Vec::new(),
            addresses: Vec::new(),
            texts: Vec::new(),
            single: None,
        }
    }

    /// Reads one value.
    pub fn value(&mut self, text: &str, span: &Range<usize>) -> Read {
        let target = self.target;
        match Class::of(target.kind) {
            Class::Integer => self.integers.push(self.numbers(target, text, span)?),
            Class::Float => {
                self.single = Some(Predicate::Float(Comparison::Equal, float(target, text, span)?));
            }
            Class::Bool => self.single = Some(Predicate::Bool(boolean(target, text, span)?)),
            Class::Address => return self.address(text, span),
            Class::Text => self.text(text, span)?,
        }
        Ok(None)
    }

    /// A number, or in a list a range of them: `1..5`, `1024..`, `..1023`.
    fn numbers(
        &self,
        target: &Target,
        text: &str,
        span: &Range<usize>,
    ) -> Result<(u64, u64), Diagnostic> {
        let ends = if self.list { text.split_once("..") } else { None };
        match ends.filter(|ends| *ends != ("", "")) {
            Some((low, high)) => {
                let end = |end: &str, open: u64| match end {
                    "" => Ok(open),
                    end => integer(target, end, span),
                };
                let range = (end(low, 0)?, end(high, target.maximum.unwrap_or(u64::MAX))?);
                in_order(range, text, span)
            }
            None => integer(target, text, span).map(|number| (number, number)),
        }
    }

    fn address(&mut self, text: &str, span: &Range<usize>) -> Read {
        if let Some((low, high)) = text.split_once("..").filter(|_| self.list) {
            let ends = (low.parse::<IpAddr>(), high.parse::<IpAddr>());
            return match ends {
                (Ok(low), Ok(high)) if low.is_ipv4() == high.is_ipv4() => {
                    self.addresses.push(in_order((low, high), text, span)?);
                    Ok(None)
                }
                _ => Err(wrong_type(self.target, text, span)
                    .help("a range of addresses is `10.0.0.1..10.0.0.9`")),
            };
        }
        let Some(prefix) = prefix::prefix(text) else {
            return Err(wrong_type(self.target, text, span)
                .help("an address such as 10.0.0.1 or a prefix such as 10.0.0.0/8"));
        };
        let canonical = prefix.canonical();
        self.prefixes.push((canonical.address, canonical.length));
        if canonical == prefix {
            return Ok(None);
        }
        let message = format!("`{text}` has host bits set");
        let written = format!("{}/{}", canonical.address, canonical.length);
        let help = format!("write `{written}`");
        let fix = Fix::write(span.clone(), written);
        Ok(Some(codes::HOST_BITS.at(span.clone(), message).help(help).fix(fix)))
    }

    fn text(&mut self, text: &str, span: &Range<usize>) -> Result<(), Diagnostic> {
        match self.target.text {
            TextRule::Exact | TextRule::IgnoreCase => self.texts.push(text.to_owned()),
            TextRule::Protocol => self
                .integers
                .extend(protocols(text, span)?.into_iter().map(|number| (number, number))),
            TextRule::Number => {
                let target = Target { maximum: Some(u8::MAX.into()), ..self.target.clone() };
                self.integers.push(self.numbers(&target, text, span)?);
            }
            TextRule::Mac => match literal::mac(text) {
                Some(octets) => self.texts.push(literal::mac_text(octets)),
                None => {
                    return Err(wrong_type(self.target, text, span)
                        .help("a MAC address such as 00:1b:21:aa:bb:cc"));
                }
            },
            TextRule::Choice(choices) => {
                let known = choices.iter().any(|choice| choice.eq_ignore_ascii_case(text));
                if !known {
                    return Err(unknown_choice(self.target, text, span, choices));
                }
                self.texts.push(text.to_owned());
            }
        }
        Ok(())
    }

    /// What was read; the faulty values are missing from it.
    pub fn finish(self) -> Predicate {
        if let Some(single) = self.single {
            return single;
        }
        let by_number = matches!(self.target.text, TextRule::Protocol | TextRule::Number);
        match Class::of(self.target.kind) {
            Class::Address => Predicate::Addresses(
                AddressSet::of(self.prefixes).union(&AddressSet::of_ranges(self.addresses)),
            ),
            Class::Text if !by_number => {
                let ignore_case = self.target.text != TextRule::Exact;
                Predicate::Texts(TextSet::new(self.texts, ignore_case))
            }
            _ => Predicate::Integers(IntegerSet::of_ranges(self.integers)),
        }
    }
}

/// The numbers that compare so with the one in `text`.
pub fn ordered(
    target: &Target,
    comparison: Comparison,
    text: &str,
    span: &Range<usize>,
) -> Result<IntegerSet, Diagnostic> {
    let number = integer(target, text, span)?;
    let maximum = target.maximum.unwrap_or(u64::MAX);
    let below = number.checked_sub(1).map(|below| IntegerSet::range(0, below));
    let above = number.checked_add(1).map(|above| IntegerSet::range(above, maximum));
    Ok(match comparison {
        Comparison::Equal => IntegerSet::range(number, number),
        Comparison::Less => below.unwrap_or_default(),
        Comparison::LessOrEqual => IntegerSet::range(0, number),
        Comparison::Greater => above.unwrap_or_default(),
        Comparison::GreaterOrEqual => IntegerSet::range(number, maximum),
    })
}

/// A range whose ends are in order.
fn in_order<T: PartialOrd + ToString>(
    (low, high): (T, T),
    text: &str,
    span: &Range<usize>,
) -> Result<(T, T), Diagnostic> {
    if low <= high {
        return Ok((low, high));
    }
    let message = format!("the range `{text}` ends before it begins");
    let swapped = Fix::write(span.clone(), format!("{}..{}", high.to_string(), low.to_string()));
    let diagnostic = codes::OUT_OF_RANGE.at(span.clone(), message);
    Err(diagnostic.help("put the lower bound first").fix(swapped))
}

fn integer(target: &Target, text: &str, span: &Range<usize>) -> Result<u64, Diagnostic> {
    let maximum = target.maximum.unwrap_or(u64::MAX);
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let diagnostic = wrong_type(target, text, span);
        return Err(match text.strip_suffix(',') {
            Some(first) => diagnostic
                .help(format!("for one of several values: `{} in ({first}, ...)`", target.name)),
            None => match range_ends(text) {
                Some((low, high)) => {
                    let name = &target.name;
                    diagnostic.help(format!("for a range: `{name} in ({low}..{high})`"))
                }
                None => diagnostic.help("an integer without sign or unit"),
            },
        });
    }
    match text.parse() {
        Ok(number) if number <= maximum => Ok(number),
        _ => Err(out_of_range(target, text, span, maximum)),
    }
}

/// The ends of a range, however it is written.
fn range_ends(text: &str) -> Option<(u64, u64)> {
    let (low, high) = text.split_once("..").or_else(|| text.split_once(['-', ':']))?;
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((low, high))
}

/// Reads a floating point number.
pub fn float(target: &Target, text: &str, span: &Range<usize>) -> Result<Finite, Diagnostic> {
    let number = text.parse().ok().and_then(Finite::new);
    number.ok_or_else(|| wrong_type(target, text, span).help("a number such as 0.5"))
}

fn boolean(target: &Target, text: &str, span: &Range<usize>) -> Result<bool, Diagnostic> {
    match text {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(wrong_type(target, text, span).help("`true` or `false`")),
    }
}

/// The numbers of a protocol name; one, except for `experimental` (RFC 3692).
fn protocols(text: &str, span: &Range<usize>) -> Result<Vec<u64>, Diagnostic> {
    if text.eq_ignore_ascii_case("experimental") {
        return Ok(vec![253, 254]);
    }
    if let Some(number) = literal::protocol_number(text) {
        return Ok(vec![number.into()]);
    }
    let diagnostic = codes::UNKNOWN_PROTOCOL.at(span.clone(), format!("unknown protocol `{text}`"));
    Err(match nearest(text, protocol::names()) {
        Some(near) => meant(diagnostic, near),
        None => diagnostic.help("a name such as tcp, or a number up to 255"),
    })
}

fn unknown_choice(
    target: &Target,
    text: &str,
    span: &Range<usize>,
    choices: &[&'static str],
) -> Diagnostic {
    let message = format!("`{}` is never `{text}`", target.name);
    let diagnostic = codes::UNKNOWN_CHOICE
        .at(span.clone(), message)
        .help(format!("its values are `{}`", choices.join("`, `")));
    match nearest(text, choices.iter().copied()) {
        Some(near) => meant(diagnostic, near),
        None => diagnostic,
    }
}

/// With the value that was probably meant.
fn meant(diagnostic: Diagnostic, near: &str) -> Diagnostic {
    let span = diagnostic.span.clone();
    diagnostic.label(format!("did you mean `{near}`?")).fix(Fix::write(span, near))
}

fn wrong_type(target: &Target, text: &str, span: &Range<usize>) -> Diagnostic {
    let expected = match (target.kind, target.text) {
        (Kind::Unsigned(_) | Kind::Integer, _) | (_, TextRule::Number) => "a number",
        (Kind::Float, _) => "a number",
        (Kind::Bool, _) => "true or false",
        (Kind::Ip, _) => "an address",
        (_, TextRule::Mac) => "a MAC address",
        (Kind::Text | Kind::TextList, _) => "a text",
    };
    let message = format!("`{}` is {expected}, and `{text}` is not", target.name);
    codes::WRONG_TYPE.at(span.clone(), message)
}

fn out_of_range(target: &Target, text: &str, span: &Range<usize>, maximum: u64) -> Diagnostic {
    codes::OUT_OF_RANGE
        .at(span.clone(), format!("`{}` cannot be {text}", target.name))
        .help(format!("its values go from 0 to {maximum}"))
}
