//! Where a span of bytes lies: line and column, and the line as a terminal can show it.

use std::ops::Range;

use serde::Serialize;

/// Where a span lies in its text, and on the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The line that the span ends in.
    pub end_line: usize,
    /// The column behind its last character.
    pub end_column: usize,
    /// Characters of the span, line ends included; 0 where something is missing.
    pub length: usize,
    /// Characters of `text` before the carets.
    #[serde(skip)]
    pub indent: usize,
    /// Number of carets, at least 1.
    #[serde(skip)]
    pub width: usize,
    /// The source line as it can be shown: every character one column wide.
    #[serde(skip)]
    pub text: String,
}

impl Place {
    /// The place of `span`; one that runs over the end of its line is shown up to there.
    pub fn of(source_text: &str, span: &Range<usize>) -> Self {
        let start = source_text.floor_char_boundary(span.start);
        let end = source_text.ceil_char_boundary(span.end).max(start);
        let (before, rest) = source_text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = rest.find('\n').map_or(source_text.len(), |newline| start + newline);
        let line = source_text[line_start..line_end].trim_end_matches('\r');
        let in_line = |offset: usize| line.floor_char_boundary(offset - line_start);
        let columns_before = line[..in_line(start)].chars().count();
        let columns_through = line[..in_line(end)].chars().count();
        let line_number = before.matches('\n').count() + 1;
        let spanned = &source_text[start..end];
        let characters = |text: &str| text.chars().count();
        let mut place = Self {
            line: line_number,
            column: columns_before + 1,
            end_line: line_number + spanned.matches('\n').count(),
            end_column: match spanned.rfind('\n') {
                Some(newline) => characters(&spanned[newline + 1..]) + 1,
                None => columns_before + characters(spanned) + 1,
            },
            length: characters(spanned),
            indent: columns_before,
            width: (columns_through - columns_before).max(1),
            text: line.chars().map(shown).collect(),
        };
        place.clip();
        place
    }

    /// Cuts a very long line down to what is around the carets.
    fn clip(&mut self) {
        let length = self.text.chars().count();
        if length <= LINE_WIDTH {
            return;
        }
        let start = self.indent.saturating_sub(CONTEXT_WIDTH);
        let end = length.min(start + LINE_WIDTH);
        let head = if start > 0 { "…" } else { "" };
        let tail = if end < length { "…" } else { "" };
        let part: String = self.text.chars().skip(start).take(end - start).collect();
        self.text = format!("{head}{part}{tail}");
        self.indent -= start;
        self.width = self.width.min(end - start - self.indent).max(1);
        self.indent += usize::from(start > 0);
    }
}

/// A span in the text of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local<'a> {
    /// For messages.
    pub path: &'a str,
    /// Of the file alone.
    pub text: &'a str,
    /// In that text.
    pub span: Range<usize>,
}

impl Local<'_> {
    /// Where it begins, from 1.
    pub fn line(&self) -> usize {
        Place::of(self.text, &self.span).line
    }
}

/// Longest line that is shown as a whole, in characters.
const LINE_WIDTH: usize = 400;
/// Of a longer one, characters that are shown before the carets.
const CONTEXT_WIDTH: usize = 100;

/// A tab takes one column, so that carets stand right; other control characters must not reach the terminal.
pub fn shown(character: char) -> char {
    match character {
        '\t' => ' ',
        character if character.is_control() => char::REPLACEMENT_CHARACTER,
        character => character,
    }
}
