//! Reputation lists: an address or a prefix a line, alone or as the first field of CSV with categories behind it.
//!
//! `#` and `;` begin a remark, as the lists in circulation have them.

use super::{
    super::{
        sources::{Report, Sources, unmapped, value},
        statement::{Fact, Origin, Statement},
    },
    csv,
};
use crate::{diagnostic::Diagnostic, flow::prefix::prefix};

pub(super) fn read(sources: &mut Sources, name: &str, text: &str, category: &str) -> Report {
    let source = sources.source(name);
    let own = sources.texts.number(category);
    let (mut report, mut fields, mut offset) = (Report::default(), Vec::new(), 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let start = offset;
        offset += line.len();
        let line = line.split(['#', ';']).next().unwrap_or_default().trim_end();
        if line.is_empty() {
            continue;
        }
        if let Err(fault) = csv::split(line, start, &mut fields) {
            report.fault(fault);
            continue;
        }
        let address = &fields[0];
        let Some(prefix) = prefix(&address.text).map(unmapped) else {
            let message = format!("`{}` is not an address", address.text);
            report.fault(Diagnostic::error(message, address.span.clone()));
            continue;
        };
        let origin = Origin { source, line: number as u32 + 1 };
        let categories: Vec<_> =
            fields[1..].iter().filter(|field| !field.text.is_empty()).collect();
        if let Some((field, reason)) =
            categories.iter().find_map(|field| Some((field, value(&field.text).err()?)))
        {
            report.fault(Diagnostic::error(reason, field.span.clone()));
            continue;
        }
        report.entries += 1;
        let state = |category| Statement {
            prefix,
            fact: Fact::Reputation(category),
            network: None,
            origin,
        };
        if categories.is_empty() {
            sources.statements.push(state(own));
        }
        for category in categories {
            let category = sources.texts.number(&category.text);
            sources.statements.push(state(category));
        }
    }
    report
}
