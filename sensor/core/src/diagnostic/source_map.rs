//! Texts of several files that are read as one, such as a configuration and the files laid over it.
//!
//! The texts stand one behind the other, so that one number says a place in any of them: values, faults and queries need not know
//! that there is more than one file. Only who shows a place to people asks here which file it is in.

use std::ops::Range;

use super::{Diagnostic, Finding, Findings, place::Local};

/// The texts, each from the start of a line on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap {
    text: String,
    files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    path: String,
    range: Range<usize>,
}

impl SourceMap {
    /// One file alone.
    pub fn one(path: impl Into<String>, text: &str) -> Self {
        let mut map = Self::default();
        map.push(path, text);
        map
    }

    /// Adds a file behind the others; the place where its text begins.
    pub fn push(&mut self, path: impl Into<String>, text: &str) -> usize {
        if !self.files.is_empty() {
            self.text.push('\n');
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.files.push(File { path: path.into(), range: start..self.text.len() });
        start
    }

    /// All texts: where there is one file, its own.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Path and text of each.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|file| (file.path.as_str(), &self.text[file.range.clone()]))
    }

    /// The file that a place is in, and where; of no files, none.
    pub fn local(&self, span: &Range<usize>) -> Option<Local<'_>> {
        let File { path, range } = &self.files[self.index(span)?];
        let span = span.start - range.start..span.end.max(span.start) - range.start;
        Some(Local { path, text: &self.text[range.clone()], span })
    }

    /// Which file a place is in. The end of a text belongs to it.
    fn index(&self, span: &Range<usize>) -> Option<usize> {
        let behind = self.files.partition_point(|file| file.range.start <= span.start);
        behind.checked_sub(1)
    }

    /// `diagnostics` of the texts, each in its file.
    pub fn findings(&self, diagnostics: &[Diagnostic]) -> Findings {
        let located = |diagnostic: &Diagnostic| {
            let Local { path, text, span } = self.local(&diagnostic.span)?;
            let finding = Finding::located(path, text, &diagnostic.clone().moved(span));
            let first = diagnostic.first.as_deref().and_then(|first| self.local(first));
            Some(finding.behind(first))
        };
        diagnostics.iter().filter_map(located).collect()
    }

    /// The same by file, with places in its own text: path, text and what is wrong with it.
    pub fn by_file(&self, diagnostics: Vec<Diagnostic>) -> Vec<(&str, &str, Vec<Diagnostic>)> {
        let mut by_file: Vec<_> =
            self.files().map(|(path, text)| (path, text, Vec::new())).collect();
        for diagnostic in diagnostics {
            if let (Some(index), Some(Local { span, .. })) =
                (self.index(&diagnostic.span), self.local(&diagnostic.span))
            {
                by_file[index].2.push(diagnostic.moved(span));
            }
        }
        by_file.retain(|(_, _, diagnostics)| !diagnostics.is_empty());
        by_file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_shown_in_its_file() {
        let mut map = SourceMap::one("a", "one\ntwo");
        assert_eq!(map.text(), "one\ntwo");
        assert_eq!(map.push("empty", ""), 8);
        assert_eq!(map.push("b", "three\n"), 9);
        assert_eq!(map.files().map(|(path, _)| path).collect::<Vec<_>>(), ["a", "empty", "b"]);
        let place = |span: Range<usize>| {
            let local = map.local(&span).unwrap();
            (local.path.to_owned(), local.line(), local.span.clone())
        };
        assert_eq!(place(4..7), ("a".to_owned(), 2, 4..7));
        assert_eq!(place(7..7), ("a".to_owned(), 2, 7..7), "the end of a text is in it");
        assert_eq!(place(8..8), ("empty".to_owned(), 1, 0..0));
        assert_eq!(place(9..14), ("b".to_owned(), 1, 0..5));
        assert_eq!(place(15..20).0, "b", "what is missing at the end of the last");
        assert_eq!(SourceMap::default().local(&(0..1)), None);

        let wrong = Diagnostic::error("wrong", 9..14);
        let repeated =
            Diagnostic { first: Some((4..7).into()), ..Diagnostic::error("again", 9..14) };
        let shown = map.findings(&[wrong.clone(), repeated]).to_string();
        let carets = " --> b:1:1\n  |\n1 | three\n  | ^^^^^\n";
        let first = "  = help: the first is at a:2:1\n";
        assert_eq!(shown, format!("error: wrong\n{carets}\nerror: again\n{carets}{first}"));

        let early = Diagnostic::error("early", 0..3);
        let by_file = map.by_file(vec![early.clone(), wrong]);
        let expected = [
            ("a", "one\ntwo", vec![early]),
            ("b", "three\n", vec![Diagnostic::error("wrong", 0..5)]),
        ];
        assert_eq!(by_file, expected);
    }
}
