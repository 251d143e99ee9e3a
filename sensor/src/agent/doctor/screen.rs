//! A [`Report`] as one screen of text.

use std::fmt::{self, Write as _};

use sensor_core::diagnostic::Theme;

use super::{
    finding::{Finding, Status},
    report::Report,
};

/// The screen. Writing to a `String` cannot fail.
pub fn text(report: &Report, theme: &Theme) -> String {
    let mut screen = String::new();
    row(&mut screen, "doctor", &summary(report, theme));
    let mut area = None;
    for finding in &report.findings {
        let heading = if area == Some(finding.area) { "" } else { finding.area.name() };
        area = Some(finding.area);
        show(&mut screen, heading, finding, theme);
    }
    screen
}

fn row(screen: &mut String, heading: &str, text: &dyn fmt::Display) {
    let _: fmt::Result = writeln!(screen, "{heading:<11} {text}");
}

/// `1 problem, 2 warnings`.
fn summary(report: &Report, theme: &Theme) -> String {
    let counted = [Status::Problem, Status::Warning, Status::Note].map(|status| {
        let style = style(status, theme);
        match report.count(status) {
            0 => None,
            1 => Some(format!("{style}1 {}{style:#}", status.name())),
            count => Some(format!("{style}{count} {}s{style:#}", status.name())),
        }
    });
    let counted: Vec<_> = counted.into_iter().flatten().collect();
    if counted.is_empty() { "everything is as it should be".to_owned() } else { counted.join(", ") }
}

fn show(screen: &mut String, heading: &str, finding: &Finding, theme: &Theme) {
    let style = style(finding.status, theme);
    let word = format!("{style}{:<8}{style:#}", finding.status.name());
    let subject = finding.subject.as_ref().map(|subject| format!("{subject}: "));
    let message = plain(&(subject.unwrap_or_default() + &finding.message));
    let mut lines = message.lines();
    row(screen, heading, &format_args!("{word} {}", lines.next().unwrap_or_default()));
    lines.for_each(|line| row(screen, "", &format_args!("{:<8} {line}", "")));
    for line in finding.remedy.iter().flat_map(|remedy| remedy.lines()) {
        row(screen, "", &format_args!("{:<8} -> {}", "", plain(line)));
    }
}

fn style(status: Status, theme: &Theme) -> impl fmt::Display + Copy {
    match status {
        Status::Problem => theme.error,
        Status::Warning => theme.warning,
        Status::Note => theme.help,
        Status::Ok => Theme::PLAIN.message,
    }
}

/// What may come from outside, without control characters; lines stay.
fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;
    use crate::agent::doctor::judge::{judge, testing::troubled};

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/doctor.txt");

    /// `UPDATE_EXPECT=1 cargo test -p sensor --lib doctor` writes it.
    #[test]
    fn a_screen_with_something_of_everything_is_as_pinned() {
        let found = text(&judge(&troubled()), &Theme::PLAIN);
        if env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(GOLDEN, &found).expect("the golden file can be written");
        }
        assert_eq!(found, fs::read_to_string(GOLDEN).unwrap_or_default(), "{found}");
        assert!(!found.contains('\x1b'));
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        let mut report = judge(&troubled());
        report.findings[0].message = "a\x1b[2Jb\nc".into();
        let found = text(&report, &Theme::PLAIN);
        assert!(found.contains("a\u{fffd}[2Jb\n                     c\n"), "{found}");
    }
}
