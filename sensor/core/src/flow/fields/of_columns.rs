//! Fields that have just the numbers of a column, where a row tells them: all about them follows from the row of the column.

use super::{
    Field,
    Kind::{Integer, Unsigned},
    field,
    reading::told,
};
use crate::flow::columns::{Column, DataType};

/// How many there are.
const COUNT: usize = {
    let (mut count, mut at) = (0, 0);
    while at < Column::ALL.len() {
        count += Column::ALL[at].own_field().is_some() as usize;
        at += 1;
    }
    count
};

/// All of them, in the order of the columns.
pub(super) const FIELDS: [Field; COUNT] = {
    let mut fields = [field("", Integer, &[], ""); COUNT];
    let (mut count, mut at) = (0, 0);
    while at < Column::ALL.len() {
        let column = Column::ALL[at];
        if let Some(meaning) = column.own_field() {
            fields[count] = of_column(column, meaning);
            count += 1;
        }
        at += 1;
    }
    fields
};

const fn of_column(column: Column, meaning: &'static str) -> Field {
    let kind = match column.data_type() {
        DataType::Unsigned8 => Unsigned(8),
        DataType::Unsigned16 => Unsigned(16),
        DataType::Unsigned32 => Unsigned(32),
        DataType::Unsigned64 | DataType::Milliseconds => Integer,
        _ => panic!("what is no number needs a row in the table of fields"),
    };
    field(column.name(), kind, column.elements(), meaning).extension().number(told(column))
}

/// `before`, the fields of columns, and `after`.
pub(super) const fn between<const ALL: usize>(before: &[Field], after: &[Field]) -> [Field; ALL] {
    assert!(ALL == before.len() + COUNT + after.len());
    let mut all = [FIELDS[0]; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < before.len() {
            before[at]
        } else if at < before.len() + COUNT {
            FIELDS[at - before.len()]
        } else {
            after[at - before.len() - COUNT]
        };
        at += 1;
    }
    all
}

/// How many that makes.
pub(super) const fn count(before: &[Field], after: &[Field]) -> usize {
    before.len() + COUNT + after.len()
}
