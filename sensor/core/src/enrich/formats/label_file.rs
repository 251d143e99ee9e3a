//! A label file on its way into [`Sources`]: what its format has found is judged entry by entry.

use std::{borrow::Cow, ops::Range};

use crate::{
    diagnostic::{Diagnostic, nearest},
    enrich::{
        sources::{self, Report, Sources, unmapped, value},
        statement::{Origin, Subject},
    },
    flow::{prefix::prefix, protocol},
};

/// A piece of the text, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Piece<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) span: Range<usize>,
}

/// A label file on its way into [`Sources`].
pub(super) struct LabelFile<'s, 't> {
    pub(super) sources: &'s mut Sources,
    pub(super) text: &'t str,
    source: u32,
    pub(super) report: Report,
}

impl<'s, 't> LabelFile<'s, 't> {
    pub(super) fn new(sources: &'s mut Sources, name: &str, text: &'t str) -> Self {
        let source = sources.source(name);
        Self { sources, text, source, report: Report::default() }
    }

    /// Judges one entry and adds it, or tells its first fault.
    pub(super) fn entry(
        &mut self,
        line: u32,
        subject: &Piece<'_>,
        context: &Piece<'_>,
        values: &[Piece<'_>],
    ) {
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
        let context = sources::context(&context.text)
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
