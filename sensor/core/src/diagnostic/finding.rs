//! Faults and warnings with their places: one value, which people are shown and programs read.

use std::fmt;

use serde::Serialize;

use super::{
    Diagnostic, Severity, Theme,
    place::{Local, Place, shown},
};

/// One fault or warning. As JSON, it has the keys that `docs/json.md` describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The stable code, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// The file, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The place in the file, where it has one.
    #[serde(flatten)]
    place: Option<Place>,
    /// What is to be said of that place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Finding {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: None,
            message: message.into(),
            file: None,
            place: None,
            label: None,
            help: None,
        }
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, help: Some(help.into()), ..Self::error(message) }
    }

    /// Line in the file, from 1, where it has a place.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// The same, about a file that its message names.
    #[must_use]
    pub fn of_file(self, file: impl fmt::Display) -> Self {
        Self { file: Some(file.to_string()), ..self }
    }

    /// The same at a place of another file: where what it is about is named. What it said of its own file its message says.
    #[must_use]
    pub fn at(self, place: &Local<'_>) -> Self {
        let Local { path, text, span } = place;
        Self { file: Some((*path).to_owned()), place: Some(Place::of(text, span)), ..self }
    }

    /// The same of what repeats `first`.
    pub(super) fn behind(mut self, first: Option<Local<'_>>) -> Self {
        if let Some(Local { path, text, span }) = first {
            let Place { line, column, .. } = Place::of(text, &span);
            let first = format!("the first is at {path}:{line}:{column}");
            self.help = Some(self.help.map_or(first.clone(), |help| format!("{help}; {first}")));
        }
        self
    }

    pub(super) fn located(file: &str, text: &str, diagnostic: &Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity,
            code: diagnostic.code,
            message: diagnostic.message.clone(),
            file: Some(file.to_owned()),
            place: Some(Place::of(text, &diagnostic.span)),
            label: diagnostic.label.as_deref().map(str::to_owned),
            help: diagnostic.help.clone(),
        }
    }

    fn write(&self, out: &mut impl fmt::Write, theme: &Theme) -> fmt::Result {
        let (severity, message, gutter) = (theme.of(self.severity), theme.message, theme.gutter);
        write!(out, "{severity}{}", self.severity.name())?;
        if let Some(code) = self.code {
            write!(out, "[{code}]")?;
        }
        writeln!(out, "{severity:#}{message}: {}{message:#}", Shown(&self.message))?;
        let margin = self.place.as_ref().map_or(0, |place| place.line.to_string().len());
        if let Some(place) = &self.place {
            let file = self.file.as_deref().unwrap_or_default();
            let (line, column) = (place.line, place.column);
            writeln!(out, "{:margin$}{gutter}-->{gutter:#} {}:{line}:{column}", "", Shown(file))?;
            writeln!(out, "{:margin$} {gutter}|{gutter:#}", "")?;
            let text = place.text.trim_end();
            let gap = if text.is_empty() { "" } else { " " };
            writeln!(out, "{gutter}{line} |{gutter:#}{gap}{text}")?;
            let (indent, carets) = (place.indent, "^".repeat(place.width));
            write!(out, "{:margin$} {gutter}|{gutter:#} {:indent$}{severity}{carets}", "", "")?;
            if let Some(label) = self.label.as_deref().filter(|label| !label.is_empty()) {
                write!(out, " {}", Shown(label))?;
            }
            writeln!(out, "{severity:#}")?;
        }
        if let Some(help) = &self.help {
            let style = theme.help;
            writeln!(
                out,
                "{:margin$} {gutter}={gutter:#} {style}help{style:#}: {}",
                "",
                Shown(help)
            )?;
        }
        Ok(())
    }
}

/// Words that may quote a file: no control character of it reaches the terminal.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| {
            let character = if character == '\n' { character } else { shown(character) };
            fmt::Write::write_char(out, character)
        })
    }
}

/// Faults and warnings in the order in which they are told. As text, an empty line stands between two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// `diagnostics` of the text of a file.
    pub fn located(file: &str, text: &str, diagnostics: &[Diagnostic]) -> Self {
        let located = |diagnostic: &Diagnostic| {
            let first = diagnostic.first.as_deref().map(|span| Local {
                path: file,
                text,
                span: span.clone(),
            });
            Finding::located(file, text, diagnostic).behind(first)
        };
        diagnostics.iter().map(located).collect()
    }

    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of faults; warnings do not count.
    pub fn errors(&self) -> usize {
        self.0.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// With escape codes for colours, for a writer that takes them out where nobody wants them.
    pub fn styled(&self) -> impl fmt::Display {
        Styled(self)
    }

    fn write(&self, out: &mut impl fmt::Write, theme: &Theme) -> fmt::Result {
        for (number, finding) in self.0.iter().enumerate() {
            if number > 0 {
                out.write_char('\n')?;
            }
            finding.write(out, theme)?;
        }
        Ok(())
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out, &Theme::PLAIN)
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        self.0.extend(findings);
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        Self(findings.into_iter().collect())
    }
}

impl IntoIterator for Findings {
    type IntoIter = std::vec::IntoIter<Finding>;
    type Item = Finding;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

struct Styled<'a>(&'a Findings);

impl fmt::Display for Styled<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(out, &Theme::COLOR)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn finding(text: &str, span: std::ops::Range<usize>) -> Findings {
        Findings::located("f", text, &[Diagnostic::error("wrong", span).label("l").help("h")])
    }

    #[test]
    fn programs_get_the_whole_span() {
        let text = "é = [\n  'ü',\n]\n";
        let end = text.find(']').expect("a bracket") + 1;
        let found = serde_json::to_value(finding(text, text.find('[').expect("a bracket")..end));
        let expected = json!([{
            "severity": "error", "message": "wrong", "file": "f", "line": 1, "column": 5, "end_line": 3,
            "end_column": 2, "length": 10, "label": "l", "help": "h",
        }]);
        assert_eq!(found.expect("JSON"), expected);
        let plain = serde_json::to_value(Finding::error("no such file"));
        assert_eq!(plain.expect("JSON"), json!({ "severity": "error", "message": "no such file" }));
    }

    #[test]
    fn words_bring_no_escape_codes_of_their_own() {
        let diagnostic = Diagnostic::error("no `\x1b[2J`", 0..1).label("\x1b]0;t\x07").help("\x1b");
        let shown = Findings::located("\x1b[1m", "a", &[diagnostic]).to_string();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    }

    proptest! {
        /// Colours are added and change nothing else.
        #[test]
        fn without_its_colours_a_finding_is_plain(text in "[^\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]{0,40}", start in 0usize..60, length in 0usize..60) {
            let found = finding(&text, start..start + length);
            let styled = found.styled().to_string();
            prop_assert!(styled.contains("\x1b["));
            prop_assert_eq!(anstream::adapter::strip_str(&styled).to_string(), found.to_string());
        }
    }
}
