//! How items are typed in Parquet files.

use std::sync::Arc;

use parquet::{
    basic::{LogicalType, Repetition, TimeUnit, Type as Physical},
    errors::Result,
    schema::types::{Type, TypePtr},
};

use super::FLOW_TYPE;
use crate::layout::{Form, Item};

/// The physical type of a form, its length where that is fixed, and what it means.
pub fn types(form: Form) -> (Physical, Option<i32>, Option<LogicalType>) {
    match form {
        Form::Number(64) => (Physical::INT64, None, Some(LogicalType::integer(64, false))),
        Form::Number(bits) => {
            (Physical::INT32, None, Some(LogicalType::integer(bits.cast_signed(), false)))
        }
        Form::Sequence => (Physical::INT64, None, Some(LogicalType::integer(64, false))),
        Form::Time => (Physical::INT64, None, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        Form::Address | Form::Ipv4 | Form::Ipv6 | Form::Application => {
            (Physical::FIXED_LEN_BYTE_ARRAY, Some(16), None)
        }
        Form::Mac => (Physical::FIXED_LEN_BYTE_ARRAY, Some(6), None),
        Form::Document(_) => (Physical::BYTE_ARRAY, None, Some(LogicalType::Json)),
    }
}

/// The schema of a file with these items, each of which all rows tell or not.
///
/// # Errors
/// What the crate says.
pub fn schema(items: &[(Item, bool)]) -> Result<TypePtr> {
    let mut fields = Vec::with_capacity(items.len() + 1);
    for (item, all_tell) in items {
        let (physical, length, meaning) = types(item.form());
        let repetition = if *all_tell { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let mut builder = Type::primitive_type_builder(item.name(), physical)
            .with_repetition(repetition)
            .with_logical_type(meaning);
        if let Some(length) = length {
            builder = builder.with_length(length);
        }
        fields.push(Arc::new(builder.build()?));
    }
    let flow_type = Type::primitive_type_builder(FLOW_TYPE, Physical::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::String));
    fields.push(Arc::new(flow_type.build()?));
    Ok(Arc::new(Type::group_type_builder("flows").with_fields(fields).build()?))
}
