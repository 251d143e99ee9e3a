//! Labels as TOML: a table for each address, a key for each context.
//!
//! ```toml
//! ["10.0.0.5"]
//! role = "web"
//! securitygroup = ["production", "pci"]
//! ```

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    label_file::{LabelFile, Piece},
    lines::Lines,
};
use crate::diagnostic::Diagnostic;

pub(super) fn read(file: &mut LabelFile<'_, '_>) {
    let lines = Lines::of(file.text);
    let (document, errors) = DeTable::parse_recoverable(file.text);
    for error in errors {
        let span = error.span().unwrap_or_default();
        file.report.fault(Diagnostic::error(error.message(), span));
    }
    for (subject, contexts) in document.get_ref() {
        let subject = Piece { text: subject.get_ref().clone(), span: subject.span() };
        let Some(contexts) = contexts.get_ref().as_table() else {
            let fault = Diagnostic::error("an address has a table of contexts", contexts.span());
            file.report.fault(fault.help("[\"10.0.0.5\"] on a line, and role = \"web\" below it"));
            continue;
        };
        for (context, values) in contexts {
            let line = lines.number(context.span().start);
            let context = Piece { text: context.get_ref().clone(), span: context.span() };
            match texts(values) {
                Ok(values) => file.entry(line, &subject, &context, &values),
                Err(fault) => file.report.fault(fault),
            }
        }
    }
}

/// One text or many.
fn texts<'t>(found: &Spanned<DeValue<'t>>) -> Result<Vec<Piece<'t>>, Diagnostic> {
    match found.get_ref() {
        DeValue::String(text) => Ok(vec![Piece { text: text.clone(), span: found.span() }]),
        DeValue::Array(values) => {
            let texts = values.iter().map(|value| match value.get_ref() {
                DeValue::String(text) => Ok(Piece { text: text.clone(), span: value.span() }),
                _ => Err(no_text(value.span())),
            });
            texts.collect()
        }
        _ => Err(no_text(found.span())),
    }
}

fn no_text(span: std::ops::Range<usize>) -> Diagnostic {
    Diagnostic::error("values are strings", span).help("put it in quotes")
}
