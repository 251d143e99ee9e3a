//! Whatever a column holds can be set, and is read back.

use super::{columns::cell, *};
use crate::{
    flow::{
        fields::{Field, Reading, Row, Value},
        interfaces::Interfaces,
        profile::Profiles,
    },
    nql::literal,
};

/// A value that the field can have.
fn sample(field: &Field) -> Scalar {
    match field.reading {
        Reading::NotZero(_) => Scalar::Bool(true),
        Reading::Mac(_) => Scalar::Text("02:00:00:00:00:09".to_owned()),
        Reading::OptionalAddress(_) => Scalar::Text("198.51.100.7".to_owned()),
        Reading::Coded(_, value) => match (1..=u8::MAX).map(value).find(|v| *v != Value::Absent) {
            Some(Value::Text(text)) => Scalar::Text(text.to_owned()),
            Some(Value::Bool(flag)) => Scalar::Bool(flag),
            other => panic!("{field:?} has no text: {other:?}"),
        },
        _ => Scalar::Integer(5),
    }
}

#[test]
fn every_field_that_a_column_holds_can_be_set() {
    let mut set = Vec::new();
    for field in FIELDS {
        let value = sample(field);
        if cell(field, &value).is_none() {
            continue;
        }
        let path = field.name.split('.').map(str::to_owned).collect();
        let fields = Fields(vec![Entry { path, value: value.clone(), span: 0..0 }]);
        let mut draft = Draft { observed_by: Source::NetFlow, ..Draft::default() };
        let mut faults = Vec::new();
        assert!(draft.read(&fields, &mut faults), "{field:?}: {faults:?}");
        let mut batch = draft.batch();
        draft.push(&mut batch, &mut Profiles::default(), Default::default());
        let interfaces = Interfaces::default();
        let row = Row { batch: &batch, row: 0, interfaces: &interfaces };
        let read = match field.value(row) {
            Value::Integer(number) => Scalar::Integer(number),
            Value::Bool(flag) => Scalar::Bool(flag),
            Value::Text(text) => Scalar::Text(text.to_owned()),
            Value::Mac(octets) => Scalar::Text(literal::mac_text(octets)),
            Value::Ip(address) => Scalar::Text(address.to_string()),
            other => panic!("{field:?}: {other:?}"),
        };
        assert_eq!(read, value, "{field:?}");
        set.push(field.name);
    }
    for name in ["lengthmin", "lengthmax", "ttlmin", "action", "srcmac", "nexthop", "folded"] {
        assert!(set.contains(&name), "{name} is not among {set:?}");
    }
}
