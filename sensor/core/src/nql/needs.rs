//! What a query looks at: which columns, and which value in a row.

use super::{
    literal,
    typed::{Subject, Typed},
};
use crate::flow::{
    columns::Column,
    fields::{Needs, Row, Value},
    profile::Side,
};

impl Subject {
    /// The columns that it is read from.
    pub fn needs(&self) -> Needs {
        match self {
            Self::Field(field) => field.needs(),
            Self::Label(side, _) => Needs::profile(*side),
            Self::PortLabel(_) => Needs::columns(Column::PORTS | Column::Protocol.bit()),
        }
    }
}

impl Subject {
    /// The value in a row. Of the labels of two ports, those of the source's come first.
    pub fn value<'a>(&self, row: Row<'a>) -> Value<'a> {
        match self {
            Self::Field(field) => field.value(row),
            Self::Label(side, context) => row.batch.profile(*side, row.row).label(context),
            Self::PortLabel(protocol) => {
                let Some(protocol) = literal::protocol_number(protocol) else {
                    return Value::Absent;
                };
                match row.port_label(Side::Source, protocol) {
                    Value::Absent => row.port_label(Side::Destination, protocol),
                    value => value,
                }
            }
        }
    }
}

impl Typed {
    /// The columns that decide it.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::NONE;
        self.for_each_subject(&mut |subject| needs = needs.and(subject.needs()));
        needs
    }
}
