//! Policies that take the place of others: `replaces`.

use std::collections::BTreeSet;

use super::{raw::place, written::Written};
use crate::{
    diagnostic::{Diagnostic, nearest},
    policy::stock,
};

/// Takes out the policies that others replace. A policy may replace one of its own name.
pub(super) fn replace(read: &mut [(Vec<Written>, Vec<Diagnostic>)]) {
    let written = || read.iter().flat_map(|(written, _)| written);
    let replaced: BTreeSet<String> =
        written().flat_map(|written| written.replaces()).map(str::to_owned).collect();
    if replaced.is_empty() {
        return;
    }
    // Those of the stock library are known, whether it is in use or not.
    let loaded = written().filter_map(Written::name).map(str::to_owned);
    let known: Vec<String> = loaded.chain(stock::names().map(str::to_owned)).collect();
    for (written, faults) in read {
        for name in written.iter().flat_map(|written| &written.policy.replaces.value.0) {
            let text = name.value.as_str();
            if !known.contains(&name.value) {
                let fault = Diagnostic::error(format!("no policy is named `{text}`"), place(name));
                faults.push(match nearest(text, known.iter().map(String::as_str)) {
                    Some(near) => fault.label(format!("did you mean `{near}`?")),
                    None => fault.help("`sensor policy list` shows the names"),
                });
            }
        }
        faults.sort_by_key(|fault| fault.span.start);
        written.retain(|written| {
            written.name().is_none_or(|name| {
                !replaced.contains(name) || written.replaces().any(|own| own == name)
            })
        });
    }
}

impl Written {
    fn replaces(&self) -> impl Iterator<Item = &str> {
        self.policy.replaces.value.0.iter().map(|name| name.value.as_str())
    }
}
