//! A test file as it was written.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use toml::{Spanned, de::DeValue};

use crate::{
    diagnostic::Diagnostic,
    settings::schema::{Key, Setting, Table, Value, table, wrong_kind},
};

table! {
    /// The whole file.
    RawFile {
        /// The tests, one `[[test]]` each.
        test: Vec<Setting<RawCase>> = Vec::new();
    }
}

table! {
    /// `[[test]]`
    RawCase {
        /// Name.
        name: String = String::new();
        /// Policies that are tested; without it, all of the neighbour file.
        policies: Vec<Setting<String>> = Vec::new();
        /// Internal networks.
        internal: Vec<Setting<String>> = Vec::new();
        /// Labels: address, context, values.
        labels: Fields = Fields::default();
        /// Flows, one `[[test.flow]]` each.
        flow: Vec<Setting<Fields>> = Vec::new();
        /// How long time goes on after the last flow.
        wait: Duration = Duration::ZERO;
        /// The highest severity of all events.
        fires: Option<String> = None;
        /// The events, in their order.
        expect: Vec<Setting<Fields>> = Vec::new();
    }
}

/// A single value.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A whole number.
    Integer(u64),
    /// Any other number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
}

impl Scalar {
    /// As text.
    pub fn shown(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Bool(flag) => flag.to_string(),
            Self::Text(text) => text.clone(),
            Self::Texts(texts) => texts.join(", "),
        }
    }
}

/// A table of any keys; those of tables inside are joined to theirs by dots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub Vec<Entry>);

/// One value of a [`Fields`].
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Keys from the outermost to its own.
    pub path: Vec<String>,
    /// The value.
    pub value: Scalar,
    /// Where the value stands.
    pub span: Range<usize>,
}

impl Entry {
    /// Its key.
    pub fn name(&self) -> String {
        self.path.join(".")
    }
}

impl Fields {
    /// The entries by their outermost keys, which are taken off.
    pub fn by_first(&self) -> BTreeMap<String, Self> {
        let mut tables = BTreeMap::<String, Self>::new();
        for entry in &self.0 {
            if let Some((first, rest)) = entry.path.split_first() {
                let inner = Entry { path: rest.to_vec(), ..entry.clone() };
                tables.entry(first.clone()).or_default().0.push(inner);
            }
        }
        tables
    }
}

impl Value for Fields {
    const KIND: &'static str = "a table";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        if !found.get_ref().is_table() {
            faults.push(wrong_kind::<Self>(found, path));
            return None;
        }
        let mut entries = Vec::new();
        collect(found, &mut Vec::new(), &mut entries, faults);
        entries.sort_by_key(|entry| entry.span.start);
        Some(Self(entries))
    }
}

fn collect(
    found: &Spanned<DeValue<'_>>,
    path: &mut Vec<String>,
    entries: &mut Vec<Entry>,
    faults: &mut Vec<Diagnostic>,
) {
    let value = match found.get_ref() {
        DeValue::Table(table) => {
            for (name, value) in table {
                path.push(name.get_ref().to_string());
                collect(value, path, entries, faults);
                path.pop();
            }
            return;
        }
        DeValue::String(text) => Some(Scalar::Text(text.to_string())),
        DeValue::Boolean(flag) => Some(Scalar::Bool(*flag)),
        DeValue::Integer(number) => {
            u64::from_str_radix(number.as_str(), number.radix()).ok().map(Scalar::Integer)
        }
        DeValue::Float(number) => number.as_str().parse().ok().map(Scalar::Float),
        DeValue::Array(values) => {
            let texts = values.iter().map(|value| value.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(Scalar::Texts)
        }
        DeValue::Datetime(_) => None,
    };
    match value {
        Some(value) => entries.push(Entry { path: path.clone(), value, span: found.span() }),
        None => {
            let message = format!(
                "`{}` must be a text, a number, true or false, or a list of texts",
                path.join(".")
            );
            faults.push(Diagnostic::error(message, found.span()));
        }
    }
}
