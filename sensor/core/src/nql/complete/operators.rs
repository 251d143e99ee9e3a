//! Which operators a field can stand before.

use crate::{
    flow::fields::{Field, Kind},
    nql::ast::Operator::{
        self, Equal, Greater, GreaterOrEqual, In, Less, LessOrEqual, Match, NotEqual, NotIn,
        NotMatch,
    },
};

/// Those of labels.
pub(super) const OF_LABELS: [Operator; 4] = [Equal, NotEqual, In, NotIn];

/// Operators that a field can stand before.
pub fn operators(field: &Field) -> Vec<Operator> {
    let mut all = vec![Equal, NotEqual];
    if matches!(field.kind, Kind::Unsigned(_) | Kind::Integer | Kind::Float) {
        all.extend([Less, LessOrEqual, Greater, GreaterOrEqual]);
    }
    if field.patterns {
        all.extend([Match, NotMatch]);
    }
    if !matches!(field.kind, Kind::Float | Kind::Bool) {
        all.extend([In, NotIn]);
    }
    all
}
