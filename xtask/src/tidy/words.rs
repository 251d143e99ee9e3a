//! Words that no file of the project may hold.

use super::{File, Finding};

/// A word, and what would be right. Spelt in two halves, so that this file may be checked as well.
const FORBIDDEN: &[(&[&str], &str)] = &[
    (&["/wo", "rk/"], "a path of somebody's machine; write paths relative to the root"),
    (&["to", "do!("], "unfinished code; finish it or leave it out"),
    (&["unimple", "mented!("], "unfinished code; finish it or leave it out"),
    (&["FIX", "ME"], "unfinished work; finish it or file an issue"),
    (&["#[ig", "nore"], "a test that nobody runs; run it or delete it"),
];

/// Forbidden words in any text of the tree.
pub fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (halves, right) in FORBIDDEN {
        let word = halves.concat();
        for (index, line) in file.text.lines().enumerate() {
            if line.contains(&word) {
                let what = format!("`{word}` is {right}");
                findings.push(Finding { path: file.path.clone(), line: index + 1, what });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_forbidden_word_is_found_in_its_line() {
        for (halves, _) in FORBIDDEN {
            let text = format!("fine\n    {} here\n", halves.concat());
            let findings = check(&File { path: "a.md".to_owned(), text });
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].line, 2);
        }
        let text = "working on the to do list; ignored\n".to_owned();
        assert_eq!(check(&File { path: "a.md".to_owned(), text }), []);
    }
}
