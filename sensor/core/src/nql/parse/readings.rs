//! The two readings of a chain that mixes AND and OR, spelled out.

use std::ops::Range;

use super::lex::Connective;
use crate::{
    diagnostic::{Diagnostic, Edit, Fix},
    nql::codes,
};

/// Longest operand that is shown as it is, in characters.
const SHOWN: usize = 40;
/// Longest reading that is shown as it is, in characters.
const LINE: usize = 240;

/// The diagnostic of a chain: its operands, at their places in the text, and what joins them (one less).
/// Where a reading of them is not sound, since an operand has a fault of its own, they are shown as letters.
pub fn ambiguous(
    text: &str,
    spans: &[Range<usize>],
    connectives: &[(Connective, Range<usize>)],
    is_sound: impl Fn(&str) -> bool,
) -> Diagnostic {
    let operands: Vec<&str> = spans.iter().map(|span| &text[span.clone()]).collect();
    let operands = operands.as_slice();
    let other = connectives.iter().find(|(connective, _)| *connective != connectives[0].0);
    let span = other.map_or(0..0, |(_, span)| span.clone());
    let joined: Vec<Connective> = connectives.iter().map(|&(connective, _)| connective).collect();
    let mut readings =
        [Connective::And, Connective::Or].map(|tighter| reading(operands, &joined, tighter));
    let cut = |reading: &String| reading.contains('…');
    let is_shown =
        |reading: &String| reading.chars().count() <= LINE && (cut(reading) || is_sound(reading));
    if !readings.iter().all(is_shown) {
        let operands = ["A", "B", "C"];
        let joined = [
            joined[0],
            if joined[0] == Connective::And { Connective::Or } else { Connective::And },
        ];
        readings =
            [Connective::And, Connective::Or].map(|tighter| reading(&operands, &joined, tighter));
    }
    let [first, second] = readings;
    codes::MIXED_CONNECTIVES
        .at(span, "mixing `&&` and `||` requires parentheses")
        .label("ambiguous from here")
        .help(format!("write `{first}`\n      or `{second}`"))
        .fix(Fix::new("add parentheses", parentheses(text, spans, &joined)))
}

/// Parentheses around what `&&` joins, as the other languages read it.
fn parentheses(text: &str, spans: &[Range<usize>], connectives: &[Connective]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let runs = connectives.chunk_by(|one, next| one == next);
    let mut at = 0;
    for run in runs {
        if run[0] == Connective::And {
            let last = &spans[at + run.len()];
            let end = last.start + text[last.clone()].trim_end().len();
            edits.push(Edit::insert(spans[at].start, "("));
            edits.push(Edit::insert(end, ")"));
        }
        at += run.len();
    }
    edits
}

/// The chain with parentheses around the runs that `tighter` joins.
fn reading(operands: &[&str], connectives: &[Connective], tighter: Connective) -> String {
    let mut out = String::new();
    let mut rest = connectives;
    let mut next = 0;
    loop {
        let run = rest.iter().take_while(|&&connective| connective == tighter).count();
        let (open, close) = if run > 0 { ("(", ")") } else { ("", "") };
        out.push_str(open);
        for (i, operand) in operands[next..=next + run].iter().enumerate() {
            if i > 0 {
                out.push_str(&format!(" {} ", tighter.symbol()));
            }
            out.push_str(&shortened(operand));
        }
        out.push_str(close);
        next += run + 1;
        match rest.get(run) {
            None => return out,
            Some(loose) => out.push_str(&format!(" {} ", loose.symbol())),
        }
        rest = &rest[run + 1..];
    }
}

/// An operand on one line, its middle left out when it is long.
fn shortened(operand: &str) -> String {
    let line = operand.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = line.chars().count();
    if length <= SHOWN {
        return line;
    }
    let head: String = line.chars().take(SHOWN / 2).collect();
    let tail: String = line.chars().skip(length - SHOWN / 2 + 1).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readings() {
        use Connective::{And, Or};
        let operands = ["a", "b", "c", "d"];
        for (connectives, and_tighter, or_tighter) in [
            ([And, Or, And], "(a && b) || (c && d)", "a && (b || c) && d"),
            ([Or, Or, And], "a || b || (c && d)", "(a || b || c) && d"),
            ([And, And, Or], "(a && b && c) || d", "a && b && (c || d)"),
        ] {
            assert_eq!(reading(&operands, &connectives, And), and_tighter);
            assert_eq!(reading(&operands, &connectives, Or), or_tighter);
        }
    }
}
