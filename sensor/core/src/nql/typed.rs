//! The typed form of a query: what remains when names are resolved, aliases spelled out and values read.
//!
//! It is what evaluators and the optimiser see. Three rules make it small:
//!
//! * **A test is only ever positive.** `!=`, `!~` and `not in` are [`Typed::Not`] around the positive test, also around
//!   the whole expansion of an alias (`ip != X` is `Not(Or(dstip is X, srcip is X))`).
//! * **A test of a value that is absent is false.** With the first rule, `!=` and `!~` are then true of it. So `Not` may
//!   be pushed through `And` and `Or`, but not into a test: `Not(port < 5)` is not `port >= 5`.
//! * **A test of a list (tags, labels, categories) is true if it holds for any of its values.** So `!=` is "none of them".
//!
//! Equality and hashes are structural, so equal conditions of many queries can be shared.

use std::sync::Arc;

use super::{
    lists::{ListForm, NamedList},
    pattern::Pattern,
    sets::{AddressSet, IntegerSet, TextSet},
};
use crate::flow::{
    fields::{Field, Kind},
    profile::{Attribute, Side},
};

/// A query, typed. `And` and `Or` have at least two operands when they come from the checker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Typed {
    /// The same for every record; the empty query is `Constant(true)`.
    Constant(bool),
    /// All hold.
    And(Vec<Self>),
    /// At least one holds.
    Or(Vec<Self>),
    /// Does not hold.
    Not(Box<Self>),
    /// The subject has a value that fulfils the predicate.
    Test(Subject, Predicate),
    /// Both fields have a value, and these compare so. Both are of one class (see [`Class`]), text is compared exactly
    /// unless the left field ignores case; only `Equal` for classes without an order.
    Compare(Subject, Comparison, Subject),
}

impl Typed {
    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(!value),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Calls `each` for everything that is looked at, as often as it stands in the query.
    pub fn for_each_subject<'t>(&'t self, each: &mut dyn FnMut(&'t Subject)) {
        match self {
            Self::Constant(_) => {}
            Self::And(operands) | Self::Or(operands) => {
                operands.iter().for_each(|operand| operand.for_each_subject(each));
            }
            Self::Not(operand) => operand.for_each_subject(each),
            Self::Test(subject, _) => each(subject),
            Self::Compare(left, _, right) => {
                each(left);
                each(right);
            }
        }
    }

    /// Calls `each` for every test, as often as it stands in the query.
    pub fn for_each_test<'t>(&'t self, each: &mut dyn FnMut(&'t Subject, &'t Predicate)) {
        match self {
            Self::Constant(_) | Self::Compare(..) => {}
            Self::And(operands) | Self::Or(operands) => {
                operands.iter().for_each(|operand| operand.for_each_test(each));
            }
            Self::Not(operand) => operand.for_each_test(each),
            Self::Test(subject, predicate) => each(subject, predicate),
        }
    }

    /// `Or` of `operands`, without a level where there is but one.
    pub fn any(mut operands: Vec<Self>) -> Self {
        match operands.len() {
            0 => Self::Constant(false),
            1 => operands.remove(0),
            _ => Self::Or(operands),
        }
    }
}

/// What a test looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A field of the table. Where [`Field::attribute`] is `Some`, the value hangs on the address of that side and is found
    /// in its profile; else it is read from the row.
    Field(&'static Field),
    /// The labels of the address on one side, in one context (lower case).
    Label(Side, String),
    /// The labels of either port, for flows of this protocol (by name, lower case, or by number).
    PortLabel(String),
}

impl Subject {
    /// The side whose address profile holds the value: tests of such subjects are decided once per profile.
    pub fn side(&self) -> Option<Side> {
        match self {
            Self::Field(field) => field.attribute().map(|(side, _)| side),
            Self::Label(side, _) => Some(*side),
            Self::PortLabel(_) => None,
        }
    }

    /// What is taken from the profile, for fields that hang on an address.
    pub fn attribute(&self) -> Option<Attribute> {
        match self {
            Self::Field(field) => field.attribute().map(|(_, attribute)| attribute),
            Self::Label(..) | Self::PortLabel(_) => None,
        }
    }

    /// Name as in a query.
    pub fn name(&self) -> String {
        match self {
            Self::Field(field) => field.name.to_owned(),
            Self::Label(Side::Source, context) => format!("label.src.{context}"),
            Self::Label(Side::Destination, context) => format!("label.dst.{context}"),
            Self::PortLabel(protocol) => format!("label.port.{protocol}"),
        }
    }
}

/// What is asked of a value. Each kind goes with the fields of one [`Class`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// Lies in the set. All of `==`, `<`, `<=`, `>`, `>=` and `in` on whole numbers: `dstport < 1024` is `0..=1023`.
    /// May be empty (`dstport > 65535`). Also `protocol` (as a test of the field `protocolint`), `icmptype` and `icmpcode`.
    Integers(IntegerSet),
    /// Compares so with the number.
    Float(Comparison, Finite),
    /// Is this truth value.
    Bool(bool),
    /// Lies in one of the ranges. `==` and `in`, addresses and prefixes.
    Addresses(AddressSet),
    /// Is one of the texts. `==` and `in`; texts are folded to lower case where the field ignores case.
    Texts(TextSet),
    /// Matches the pattern.
    Matches(Arc<Pattern>),
    /// Is in the named list, as it is when the test is made, its values read in this form.
    Listed(Arc<NamedList>, ListForm),
}

/// Order of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds of two values that `order` relates (left to right); `None` where they have no order.
    pub fn holds(self, order: Option<std::cmp::Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        })
    }

    /// Whether it holds of two values that have an order.
    #[inline(always)]
    pub fn holds_of<T: Ord + Copy>(self, left: T, right: T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    /// The same of the right to the left.
    #[must_use]
    pub fn swapped(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    /// As written in a query.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// Types as far as comparing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Whole numbers of any width.
    Integer,
    /// Floating point.
    Float,
    /// Truth values.
    Bool,
    /// Addresses.
    Address,
    /// Texts and lists of texts.
    Text,
}

impl Class {
    /// The class of a kind of field.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Unsigned(_) | Kind::Integer => Self::Integer,
            Kind::Float => Self::Float,
            Kind::Bool => Self::Bool,
            Kind::Ip => Self::Address,
            Kind::Text | Kind::TextList => Self::Text,
        }
    }
}

/// A finite floating point number, equal and hashed by its bits (`-0.0` is made `0.0`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Finite(u64);

impl Finite {
    /// `None` for infinities and what is no number.
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then(|| Self((number + 0.0).to_bits()))
    }

    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}
