//! Faults found while resolving: those of the file have a place in it, those of flags a name.

use std::ops::RangeInclusive;

use sensor_core::{
    diagnostic::{Diagnostic, Finding, Findings},
    settings::{
        schema::{Flag, Origin, Setting},
        value::Quantity,
    },
};

/// All that is wrong with a configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// In the files, at places in all of them.
    pub file: Vec<Diagnostic>,
    /// On the command line.
    pub flags: Vec<Finding>,
}

impl Faults {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.file.is_empty() && self.flags.is_empty()
    }

    /// The number of faults.
    pub fn len(&self) -> usize {
        self.file.len() + self.flags.len()
    }

    /// "`path` `must`, but `found`", at the setting of the key `path`.
    pub fn report<T>(&mut self, setting: &Setting<T>, path: &str, must: &str, found: &str) {
        match &setting.origin {
            Origin::File(span) => {
                let fault = Diagnostic::error(format!("`{path}` {must}"), span.clone());
                self.file.push(fault.label(found));
            }
            Origin::Flag(Flag { name, text }) if text.is_empty() => {
                self.flags.push(Finding::error(format!("`{name}` {must}: {found}")));
            }
            Origin::Flag(Flag { name, text }) => {
                let fault = Diagnostic::error(format!("`{name}` {must}"), 0..text.len());
                self.flags.extend(Findings::located(name, text, &[fault.label(found)]));
            }
            Origin::Default => self.flags.push(Finding::error(format!("`{path}` {must}: {found}"))),
        }
    }

    /// As [`Self::report`], of a setting that repeats `first`.
    pub fn repeated<T, U>(
        &mut self,
        setting: &Setting<T>,
        first: &Setting<U>,
        path: &str,
        must: &str,
        found: &str,
    ) {
        self.report(setting, path, must, found);
        if let (Origin::File(_), Origin::File(first)) = (&setting.origin, &first.origin)
            && let Some(fault) = self.file.last_mut()
        {
            fault.first = Some(first.clone().into());
        }
    }

    /// The value of the key `path`; reported if it lies outside `range`.
    pub fn in_range<T: Quantity>(
        &mut self,
        setting: &Setting<T>,
        path: &str,
        range: RangeInclusive<T>,
    ) -> T {
        let value = setting.value;
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            let must = format!("must lie between {} and {}", least.shown(), most.shown());
            self.report(setting, path, &must, &format!("this is {}", value.shown()));
        }
        value
    }
}
