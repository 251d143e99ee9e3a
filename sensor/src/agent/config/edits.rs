//! What of a configuration file has been changed since it was read, by section: a reload does not apply it, and must say so.

use toml::{Table, Value};

/// The sections that differ between two texts of the file, as they are written there: `[flow]`, `[[hits]]`; none where only
/// comments, spaces or the order differ.
///
/// # Errors
/// When the new text is no TOML.
pub fn between(old: &str, new: &str) -> Result<Vec<String>, toml::de::Error> {
    let new: Table = new.parse()?;
    // What the agent runs on was sound.
    let old: Table = old.parse().unwrap_or_default();
    let mut sections: Vec<String> = old
        .iter()
        .chain(new.iter().filter(|(name, _)| !old.contains_key(*name)))
        .filter(|(name, _)| old.get(*name) != new.get(*name))
        .map(|(name, value)| match value {
            Value::Array(entries) if entries.iter().all(Value::is_table) => format!("[[{name}]]"),
            Value::Table(_) => format!("[{name}]"),
            _ => name.clone(),
        })
        .collect();
    sections.sort();
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, expected: &[&str]) {
        assert_eq!(between(old, new).expect("both are TOML"), expected);
    }

    #[test]
    fn sections_that_differ_are_named_as_they_are_written() {
        let old =
            "[flow]\nidle_timeout = '15s'\n[log]\nlevel = 'info'\n[[hits]]\nurl = 'stdout:'\n";
        check(old, old, &[]);
        check(old, &format!("# a comment\n{}", old.replace(" = ", "=")), &[]);
        check(old, &old.replace("15s", "16s"), &["[flow]"]);
        check(old, &old.replace("[log]\nlevel = 'info'\n", ""), &["[log]"]);
        check(old, &format!("{old}\n[[hits]]\nurl = 'journald:'\n"), &["[[hits]]"]);
        check(old, &format!("{old}\n[geo]\nasn = 'x'\n[capture]\n"), &["[capture]", "[geo]"]);
        check("", "a = [1]\n", &["a"]);
        assert!(between(old, "[flow").is_err());
    }
}
