//! Faults in a text that a person wrote, shown the way a compiler shows them.
//!
//! The configuration, queries and policies all have the same need: report every fault at once, each with its place, the
//! line it stands in and what would be right. This module knows nothing of their languages, and does no I/O. A [`Diagnostic`]
//! is what a reader of a text says; a [`Finding`] is that with its place in the file, which people are shown
//! ([`Findings`] as text) and programs read (as JSON).

use std::ops::Range;

use serde::Serialize;

mod finding;
mod fix;
mod place;
mod source_map;
mod theme;

pub use finding::{Finding, Findings};
pub use fix::{Edit, Fix};
pub use place::Local;
pub use source_map::SourceMap;
pub use theme::Theme;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The text cannot be used.
    Error,
    /// The text can be used, but probably does not mean what its author thinks.
    Warning,
    /// No fault: something that is pointed at.
    Note,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One fault, at one place of the source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code that documents and tests can name, such as `N101`; never reused for another fault.
    pub code: Option<&'static str>,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// Where: bytes of the source text. May be empty (a missing thing) and may end past the text.
    pub span: Range<usize>,
    /// What the carets say, where the message alone does not.
    pub label: Option<Box<str>>,
    /// What would be right.
    pub help: Option<String>,
    /// Where the first is of what may be there only once. Few have it, and errors are moved about.
    pub first: Option<Box<Range<usize>>>,
    /// What mends it, where that is certain. Its edits are of the text that was read.
    pub fix: Option<Box<Fix>>,
}

impl Diagnostic {
    /// An error without code, label and help.
    pub fn error(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            severity: Severity::Error,
            code: None,
            message: message.into(),
            span,
            label: None,
            help: None,
            first: None,
            fix: None,
        }
    }

    /// A warning without code, label and help.
    pub fn warning(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message, span) }
    }

    /// A note without a code, label and help.
    pub fn note(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { severity: Severity::Note, ..Self::error(message, span) }
    }

    /// The same with `label` beside the carets.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into().into()), ..self }
    }

    /// The same of a text that stands `by` bytes further behind.
    #[must_use]
    pub fn shift(self, by: usize) -> Self {
        let shift = |span: Range<usize>| span.start + by..span.end + by;
        Self {
            span: shift(self.span),
            first: self.first.map(|first| shift(*first).into()),
            fix: self.fix.map(|fix| fix.shift(by).into()),
            ..self
        }
    }

    /// The same at its place in another text, of which the one that was read is a part. Its edits are not of that text.
    #[must_use]
    pub fn moved(self, span: Range<usize>) -> Self {
        Self { span, fix: None, ..self }
    }

    /// The same with what mends it.
    #[must_use]
    pub fn fix(self, fix: Fix) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    /// The same with `help` below the source line.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Renders `diagnostics` over the text they were found in, in the given order, an empty line between two; without colour.
pub fn render(source_name: &str, source_text: &str, diagnostics: &[Diagnostic]) -> String {
    Findings::located(source_name, source_text, diagnostics).to_string()
}

/// The candidate that `name` was probably meant to be: within a third of its length in edits (one at least), not counting
/// case. Of two equally near, the first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let length = name.chars().count();
    let most_edits = (length / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= most_edits)
        .map(|candidate| (strsim::osa_distance(&name, &candidate.to_lowercase()), candidate))
        .filter(|&(edits, candidate)| edits <= most_edits && edits < candidate.chars().count())
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Marks the span in `text` by `<` and `>`, which are taken out.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let start = text.find('<').expect("the test marks the start of the span");
        let end = text.find('>').expect("the test marks the end of the span") - 1;
        let diagnostic = Diagnostic::error("wrong", start..end).label("here");
        let shown = render("f", &text.replace(['<', '>'], ""), &[diagnostic]);
        assert_eq!(shown, expected, "shown:\n{shown}");
    }

    #[test]
    fn all_parts() {
        let diagnostic = Diagnostic {
            code: Some("N101"),
            ..Diagnostic::error("unknown field `dstprt`", 0..6)
                .label("did you mean `dstport`?")
                .help("`sensor fields` lists them")
        };
        let warning =
            Diagnostic { severity: Severity::Warning, ..Diagnostic::error("always true", 10..12) };
        assert_eq!(
            render("query", "dstprt == 22", &[diagnostic, warning]),
            "\
error[N101]: unknown field `dstprt`
 --> query:1:1
  |
1 | dstprt == 22
  | ^^^^^^ did you mean `dstport`?
  = help: `sensor fields` lists them

warning: always true
 --> query:1:11
  |
1 | dstprt == 22
  |           ^^
"
        );
    }

    #[test]
    fn line_and_column() {
        check(
            "a\nb = <cd> e\nf\n",
            "error: wrong\n --> f:2:5\n  |\n2 | b = cd e\n  |     ^^ here\n",
        );
    }

    #[test]
    fn columns_are_characters() {
        check("é→ = <üü>\n", "error: wrong\n --> f:1:6\n  |\n1 | é→ = üü\n  |      ^^ here\n");
    }

    #[test]
    fn tabs_take_one_column() {
        check("\ta\t<b>", "error: wrong\n --> f:1:4\n  |\n1 |  a b\n  |    ^ here\n");
    }

    #[test]
    fn terminal_escapes_are_not_passed_on() {
        check("\x1b[2J<b>", "error: wrong\n --> f:1:5\n  |\n1 | \u{fffd}[2Jb\n  |     ^ here\n");
    }

    #[test]
    fn span_over_line_ends_is_clipped() {
        check("ab <cd\r\nef>\n", "error: wrong\n --> f:1:4\n  |\n1 | ab cd\n  |    ^^ here\n");
    }

    #[test]
    fn empty_span_at_the_end_is_one_caret() {
        check("ab\n<>", "error: wrong\n --> f:2:1\n  |\n2 |\n  | ^ here\n");
        check("ab<>", "error: wrong\n --> f:1:3\n  |\n1 | ab\n  |   ^ here\n");
        check("<>", "error: wrong\n --> f:1:1\n  |\n1 |\n  | ^ here\n");
    }

    #[test]
    fn margin_grows_with_the_line_number() {
        let text = format!("{}<x>", "\n".repeat(99));
        check(&text, "error: wrong\n   --> f:100:1\n    |\n100 | x\n    | ^ here\n");
    }

    proptest! {
        #[test]
        fn any_span_of_any_text_renders(text in "(?s).{0,40}", start in 0usize..200, length in 0usize..200) {
            let shown = render("f", &text, &[Diagnostic::error("wrong", start..start + length)]);
            prop_assert_eq!(shown.lines().count(), 5);
            prop_assert!(shown.contains('^'));
        }
    }

    #[test]
    fn very_long_lines_are_cut() {
        let text = format!("{}here{}", "é".repeat(1000), "b".repeat(2000));
        let shown = render("f", &text, &[Diagnostic::error("wrong", 2000..2004)]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1], " --> f:1:1001");
        assert_eq!(lines[3], format!("1 | …{}here{}…", "é".repeat(100), "b".repeat(296)));
        assert_eq!(lines[4], format!("  | {}^^^^", " ".repeat(101)));
        let shown = render("f", &text, &[Diagnostic::error("wrong", 0..text.len())]);
        assert_eq!(shown.lines().last(), Some(format!("  | {}", "^".repeat(400)).as_str()));
    }

    #[test]
    fn nearest_names() {
        let names = ["srcip", "dstip", "srcport", "dstport", "flowcount"];
        for (typed, expected) in [
            ("dstprt", Some("dstport")),
            ("DstPort", Some("dstport")),
            ("srcpi", Some("srcip")),
            ("flow_count", Some("flowcount")),
            ("zebra", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, names), expected, "{typed}");
        }
        assert_eq!(nearest("x", ["a"]), None, "a whole name of edits is no likeness");
    }
}
