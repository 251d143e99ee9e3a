//! Files of labels and of reputation, as people and other programs write them.
//!
//! * Labels: `csv`, `json`, `toml`, all of which say `address or port`, `context`, `values`.
//! * Reputation: `list`, plain or with categories.

use std::ops::Range;

use super::{
    sources::{Report, Sources, unmapped, value},
    statement::{Origin, Subject},
};
use crate::{
    diagnostic::{Diagnostic, nearest},
    flow::{prefix::prefix, protocol},
};

mod csv;
mod json;
mod list;
mod toml;

pub(super) use self::{csv::quote, json::fault_in};

/// The forms of label files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines of `address,context,value[,value...]`.
    Csv,
    /// Addresses with their contexts, or a list of labels.
    Json,
    /// Addresses with their contexts.
    Toml,
}

impl Form {
    /// The form of a file with this name; what ends in neither `.json` nor `.toml` is CSV.
    pub fn of(name: &str) -> Self {
        let ends = |end: &str| name.len() > end.len() && name.to_ascii_lowercase().ends_with(end);
        match () {
            () if ends(".json") => Self::Json,
            () if ends(".toml") => Self::Toml,
            () => Self::Csv,
        }
    }
}

impl Sources {
    /// Reads a file of labels.
    pub fn labels(&mut self, name: &str, text: &str, form: Form) -> Report {
        let mut file = LabelFile::new(self, name, text);
        match form {
            Form::Csv => csv::read(&mut file),
            Form::Json => json::read(&mut file),
            Form::Toml => toml::read(&mut file),
        }
        file.report
    }

    /// Reads a reputation list; addresses of lines without a category are in `category`.
    pub fn reputation(&mut self, name: &str, text: &str, category: &str) -> Report {
        self.knows_reputation = true;
        list::read(self, name, text, category)
    }
}

/// A piece of the text, and where it stands.
#[derive(Clone, Debug)]
struct Piece<'t> {
    text: std::borrow::Cow<'t, str>,
    span: Range<usize>,
}

/// A label file on its way into [`Sources`].
struct LabelFile<'s, 't> {
    sources: &'s mut Sources,
    text: &'t str,
    source: u32,
    report: Report,
}

impl<'s, 't> LabelFile<'s, 't> {
    fn new(sources: &'s mut Sources, name: &str, text: &'t str) -> Self {
        let source = sources.source(name);
        Self { sources, text, source, report: Report::default() }
    }

    /// Judges one entry and adds it, or tells its first fault.
    fn entry(&mut self, line: u32, subject: &Piece<'_>, context: &Piece<'_>, values: &[Piece<'_>]) {
        match self.judge(line, subject, context, values) {
            Ok(()) => self.report.entries += 1,
            Err(fault) => self.report.fault(fault),
        }
    }

    fn judge(
        &mut self,
        line: u32,
        subject: &Piece<'_>,
        context: &Piece<'_>,
        values: &[Piece<'_>],
    ) -> Result<(), Diagnostic> {
        let about = read_subject(&subject.text).map_err(|wrong| wrong.at(&subject.span))?;
        let context = super::sources::context(&context.text)
            .map_err(|reason| Diagnostic::error(reason, context.span.clone()))?;
        for piece in values {
            value(&piece.text).map_err(|reason| Diagnostic::error(reason, piece.span.clone()))?;
        }
        let origin = Origin { source: self.source, line };
        self.sources.label(about, &context, values.iter().map(|piece| &*piece.text), origin);
        Ok(())
    }
}

/// What is wrong with the subject of a label.
struct WrongSubject(String, Option<String>);

impl WrongSubject {
    fn at(self, span: &Range<usize>) -> Diagnostic {
        let fault = Diagnostic::error(self.0, span.clone());
        match self.1 {
            Some(help) => fault.help(help),
            None => fault,
        }
    }
}

/// Reads `10.0.0.5`, `10.0.0.0/8` or `443/tcp`.
fn read_subject(text: &str) -> Result<Subject, WrongSubject> {
    if let Some(prefix) = prefix(text) {
        return Ok(Subject::Addresses(unmapped(prefix)));
    }
    let what =
        "an address such as 10.0.0.5, a prefix such as 10.0.0.0/8, or a port such as 443/tcp";
    let no_subject = || WrongSubject(format!("`{text}` is not an address"), Some(what.to_owned()));
    let (port, name) = text.split_once('/').ok_or_else(no_subject)?;
    let number: u64 = port.parse().map_err(|_| no_subject())?;
    let port = u16::try_from(number)
        .map_err(|_| WrongSubject(format!("port {number} is above 65535"), None))?;
    let protocol = match name.parse() {
        Ok(number) => Some(number),
        Err(_) => protocol::number(name),
    };
    let protocol = protocol.ok_or_else(|| {
        let meant = nearest(name, protocol::names()).map(|name| format!("did you mean `{name}`?"));
        WrongSubject(format!("`{name}` is not a protocol"), meant)
    })?;
    Ok(Subject::Port { protocol, port })
}

/// Where lines begin, for texts that are not read line by line.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    /// The line, from 1, that holds the byte at `offset`.
    fn number(&self, offset: usize) -> u32 {
        self.0.partition_point(|&start| start <= offset) as u32 + 1
    }
}

#[cfg(test)]
mod tests;
