//! The one form that all dialects are printed from.

use super::stored::Stored;
use crate::nql::typed::Comparison;

/// Something that has a value in each record, or none (NULL).
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// No value.
    Nothing,
    /// A whole number.
    Integer(u64),
    /// A floating point number.
    Real(f64),
    /// A text.
    Text(String),
    /// A truth value.
    Flag(bool),
    /// An address of 16 octets.
    Address(u128),
    /// A MAC address.
    Mac([u8; 6]),
    /// What is stored; times as times.
    Stored(Stored),
    /// A time that is stored, as milliseconds since the epoch.
    Milliseconds(Stored),
    /// What stands in a document.
    Document(Stored, Vec<Step>, Shape),
    /// The value at hand of [`Expr::SomeOf`].
    Element,

    /// The value beside the first condition that holds, or else the last; conditions are never NULL.
    Case(Vec<(Self, Self)>, Box<Self>),
    /// The first, or where that has no value, the second.
    Or(Box<Self>, Box<Self>),
    /// The first list, or if it is empty, the second.
    List(Box<Self>, Box<Self>),
    /// A number, but not 0.
    NotZero(Box<Self>),
    /// A text, but not the empty one.
    NotEmpty(Box<Self>),
    /// The first minus the second, at least 0.
    Difference(Box<Self>, Box<Self>),
    /// A product of numbers, at most the highest of 64 bits. None of the factors but the first is 0.
    Product(Vec<Self>),
    /// A product of numbers, of 128 bits.
    WideProduct(Vec<Self>),
    /// A sum of small numbers.
    Sum(Vec<Self>),
    /// Rounded down; the divisor is not 0.
    Quotient(Box<Self>, Box<Self>),
    /// Without so many low bits.
    Shifted(Box<Self>, u8),
    /// These bits alone.
    Masked(Box<Self>, u64),
    /// An address, but of so many leading bits of IPv4 and of IPv6.
    Prefix(Box<Self>, u8, u8),
    /// A whole number as a floating point number.
    AsReal(Box<Self>),
    /// A product of floating point numbers.
    RealProduct(Box<Self>, Box<Self>),
    /// A quotient of floating point numbers; the divisor is not 0.
    RealQuotient(Box<Self>, Box<Self>),
    /// A list of texts as JSON; no value for one without any.
    Spelled(Box<Self>),
    /// A MAC address as text.
    SpelledMac(Box<Self>),
    /// A number in decimal.
    Decimal(Box<Self>),
    /// A text in ASCII lower case.
    Folded(Box<Self>),
    /// The address that a text is, IPv4 mapped.
    Parsed(Box<Self>),

    /// All hold.
    All(Vec<Self>),
    /// One holds.
    Any(Vec<Self>),
    /// The opposite.
    Not(Box<Self>),
    /// There is a value.
    IsTold(Box<Self>),
    /// They compare so.
    Compare(Box<Self>, Comparison, Box<Self>),
    /// Between the two, which are included.
    Between(Box<Self>, Box<Self>, Box<Self>),
    /// Is one of these.
    In(Box<Self>, Vec<Self>),
    /// One of both ends of the flow has the address.
    Ends(u128),
    /// A text matches a regular expression, in the syntax of RE2, anywhere.
    Matches(Box<Self>, String),
    /// A text is at most so many edits away from the word.
    Near(Box<Self>, String, usize),
    /// Some element of a list fulfils the condition.
    SomeOf(Box<Self>, Box<Self>),
    /// Two lists have an element in common.
    Shared(Box<Self>, Box<Self>),
    /// What holds; false instead of no value.
    Definite(Box<Self>),
}

/// A step into a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// To the member of this name.
    Key(String),
    /// To the member that is called as the number is in decimal.
    Number(Box<Expr>),
    /// To the element at this place, from 0 on.
    At(usize),
}

/// As what a part of a document is read; where there is none of the kind, there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A floating point number.
    Real,
    /// A truth value.
    Flag,
    /// A list of texts; empty where there is none.
    Texts,
    /// The length of a list.
    Count,
}

impl Expr {
    /// A column of batches.
    pub fn column(column: crate::flow::columns::Column) -> Self {
        match Stored::of(column) {
            stored if stored.values() == super::stored::Values::Time => Self::Milliseconds(stored),
            stored => Self::Stored(stored),
        }
    }

    /// A member of a document.
    pub fn member(document: Stored, keys: &[&str], shape: Shape) -> Self {
        let steps = keys.iter().map(|key| Step::Key((*key).to_owned())).collect();
        Self::Document(document, steps, shape)
    }

    /// Whether both are equal.
    pub fn equals(self, other: Self) -> Self {
        Self::Compare(Box::new(self), Comparison::Equal, Box::new(other))
    }

    /// Whether it is another number than this one.
    pub fn differs(self, other: u64) -> Self {
        Self::Not(Box::new(self.equals(Self::Integer(other))))
    }

    /// Whether it is one of these numbers.
    pub fn is_one_of(self, numbers: impl IntoIterator<Item = u64>) -> Self {
        Self::In(Box::new(self), numbers.into_iter().map(Self::Integer).collect())
    }

    /// Whether both are so.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Flag(true), other) => other,
            (own, Self::Flag(true)) => own,
            (Self::All(mut all), Self::All(others)) => {
                all.extend(others);
                Self::All(all)
            }
            (Self::All(mut all), other) => {
                all.push(other);
                Self::All(all)
            }
            (own, Self::All(mut all)) => {
                all.insert(0, own);
                Self::All(all)
            }
            (own, other) => Self::All(vec![own, other]),
        }
    }

    /// Whether one of them is so.
    pub fn any(mut all: Vec<Self>) -> Self {
        match all.len() {
            0 => Self::Flag(false),
            1 => all.remove(0),
            _ => Self::Any(all),
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Flag(flag) => Self::Flag(!flag),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Its value, or the number where it has none.
    pub fn or(self, number: u64) -> Self {
        Self::Or(Box::new(self), Box::new(Self::Integer(number)))
    }
}
