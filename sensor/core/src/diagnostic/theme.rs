//! The colours of diagnostics and of what else people read.

use anstyle::{AnsiColor, Style};

use super::Severity;

/// A style for each part; those of [`Theme::PLAIN`] write nothing.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// What is wrong: the word `error`, and its carets.
    pub error: Style,
    /// The same of warnings.
    pub warning: Style,
    /// The message beside that word.
    pub message: Style,
    /// Line numbers and the rule beside the source line.
    pub gutter: Style,
    /// The word `help`.
    pub help: Style,
    /// Headings of tables.
    pub heading: Style,
    /// Headings of the help, as clap styles its own.
    pub help_heading: Style,
}

impl Theme {
    /// No colour.
    pub const PLAIN: Self = Self {
        error: Style::new(),
        warning: Style::new(),
        message: Style::new(),
        gutter: Style::new(),
        help: Style::new(),
        heading: Style::new(),
        help_heading: Style::new(),
    };

    /// The colours that compilers use.
    pub const COLOR: Self = Self {
        error: AnsiColor::BrightRed.on_default().bold(),
        warning: AnsiColor::Yellow.on_default().bold(),
        message: Style::new().bold(),
        gutter: AnsiColor::BrightBlue.on_default().bold(),
        help: AnsiColor::BrightCyan.on_default().bold(),
        heading: Style::new().bold(),
        help_heading: Style::new().bold().underline(),
    };

    /// The style of a severity.
    pub fn of(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
            Severity::Note => self.help,
        }
    }
}
