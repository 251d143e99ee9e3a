//! A query as it was written: names unresolved, values unread, each with its place in the text.
//!
//! Parentheses are not kept; the nesting says where they were needed. Two trees are equal when they say the same,
//! wherever in a text they stand.

use std::ops::Range;

/// Something and where it stands in the text, in bytes. The place does not count for equality.
#[derive(Clone, Debug, Eq)]
pub struct Spanned<T> {
    /// What.
    pub node: T,
    /// Where.
    pub span: Range<usize>,
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl<T> Spanned<T> {
    /// `node` at `span`.
    pub fn new(node: T, span: Range<usize>) -> Self {
        Self { node, span }
    }
}

/// A query; `None` is the empty one, which every record fulfils.
pub type Query = Option<Expression>;

/// A boolean expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// `A && B && ...`, at least two.
    And(Vec<Self>),
    /// `A || B || ...`, at least two.
    Or(Vec<Self>),
    /// `!(A)`, or with the word `not`.
    Not(Box<Self>, NotForm),
    /// A comparison.
    Condition(Condition),
    /// A place that could not be read; a diagnostic tells why. Only in queries that have errors.
    Invalid,
}

/// How a negation was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotForm {
    /// `!`, before a group.
    Symbol,
    /// `not`, before anything.
    Word,
}

/// `field operator value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Name of a field or alias, in lower case.
    pub field: Spanned<String>,
    /// The operator.
    pub operator: Spanned<Operator>,
    /// What the field is compared with.
    pub value: Spanned<Operand>,
}

/// An operator of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
    /// `in`
    In,
    /// `not in`
    NotIn,
}

impl Operator {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Match => "=~",
            Self::NotMatch => "!~",
            Self::In => "in",
            Self::NotIn => "not in",
        }
    }

    /// True for those that say the opposite of another.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotMatch | Self::NotIn)
    }

    /// True for `in` and `not in`.
    pub fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::NotIn)
    }

    /// True for `=~` and `!~`.
    pub fn takes_pattern(self) -> bool {
        matches!(self, Self::Match | Self::NotMatch)
    }

    /// True for `<`, `<=`, `>` and `>=`.
    pub fn is_order(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual)
    }
}

/// The right side of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// One value.
    Literal(Literal),
    /// `/.../`, without the slashes, escapes as written.
    Regex(String),
    /// `(a, b, ...)`, at least one.
    List(Vec<Spanned<Literal>>),
    /// `$name`, without `$`.
    NamedList(String),
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// Without quotes: what it is depends on the field.
    Word(String),
    /// In quotes, escapes resolved.
    Quoted(String, Quote),
}

impl Literal {
    /// The text.
    pub fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Quoted(text, _) => text,
        }
    }
}

/// Which quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// `'`
    Single,
    /// `"`
    Double,
}

impl Quote {
    /// The character.
    pub fn character(self) -> char {
        match self {
            Self::Single => '\'',
            Self::Double => '"',
        }
    }
}
