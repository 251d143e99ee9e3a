//! Values as people read them in a table: as they are, but for what a terminal obeys.
//!
//! Cells of CSV are none: these have quotes where a spreadsheet wants them.

use sensor_core::flow::fields::Value;

/// A text of somebody else's, with control characters and what cannot be seen spelled out: they would reach the terminal. A text that was spelled
/// out so stays as it is.
pub fn spelled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for own in text.chars() {
        match own {
            '"' | '\'' | '\\' => out.push(own),
            _ => out.extend(own.escape_debug()),
        }
    }
    out
}

/// The cell of a value; a dash where there is none.
pub fn cell(value: Value<'_>) -> String {
    let text = match value {
        Value::Absent => String::new(),
        Value::Text(text) => spelled(text),
        Value::Texts(texts) => spelled(&texts.join(", ")),
        Value::Integer(number) | Value::NumberText(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Ip(address) => address.to_string(),
        Value::Mac([a, b, c, d, e, f]) => {
            format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
        }
    };
    if text.is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_as_they_are_but_for_what_a_terminal_obeys() {
        let names = ["=a,b \"c\"", r"d\e", "it's ü"];
        for name in names {
            assert_eq!(cell(Value::Text(name)), name);
        }
        assert_eq!(cell(Value::Text("\u{1b}[2J\n\"\u{202e}")), r#"\u{1b}[2J\n"\u{202e}"#);
        let spelled_once = spelled("\u{7}");
        assert_eq!(
            (spelled_once.as_str(), spelled(&spelled_once)),
            (r"\u{7}", spelled_once.clone())
        );
        assert_eq!(cell(Value::Texts(&["a,b".to_owned(), "c".to_owned()])), "a,b, c");
        assert_eq!((cell(Value::Absent), cell(Value::Text(""))), ("-".to_owned(), "-".to_owned()));
        assert_eq!(cell(Value::Mac([0, 1, 2, 3, 4, 255])), "00:01:02:03:04:ff");
    }
}
