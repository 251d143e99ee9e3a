//! What would mend a text, as edits of it: what an editor offers as a button.

use std::ops::Range;

/// Edits that mend one fault. None overlaps another, and they are in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in a few words.
    pub label: String,
    /// How.
    pub edits: Vec<Edit>,
}

/// A part of the text, and what should stand in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the text; empty where something is only added.
    pub span: Range<usize>,
    /// What is written there.
    pub text: String,
}

impl Edit {
    /// `text` in the place of `span`.
    pub fn replace(span: Range<usize>, text: impl Into<String>) -> Self {
        Self { span, text: text.into() }
    }

    /// `text` before the byte `at`.
    pub fn insert(at: usize, text: impl Into<String>) -> Self {
        Self::replace(at..at, text)
    }
}

impl Fix {
    /// Edits under a label.
    pub fn new(label: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self { label: label.into(), edits }
    }

    /// `text` in the place of `span`.
    pub fn write(span: Range<usize>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { label: format!("write {text}"), edits: vec![Edit::replace(span, text)] }
    }

    /// The text after it.
    pub fn applied(&self, text: &str) -> String {
        let mut mended = String::with_capacity(text.len() + 16);
        let mut at = 0;
        for Edit { span, text: written } in &self.edits {
            mended.push_str(&text[at..span.start]);
            mended.push_str(written);
            at = span.end;
        }
        mended.push_str(&text[at..]);
        mended
    }

    pub(super) fn shift(mut self, by: usize) -> Self {
        for Edit { span, .. } in &mut self.edits {
            *span = span.start + by..span.end + by;
        }
        self
    }
}
