//! Standard output and standard error: the one place that writes to them.
//!
//! `println!` and `eprintln!` panic when the other end is gone, and a log pipe whose reader ends must not end an agent: lints
//! refuse them. Here nothing panics. What goes to standard error may be lost, which is nobody's fault; what goes to standard
//! output gives an error, which ends a listing quietly where its reader has seen enough ([`is_closed_output`]).

mod backlog;

use std::{
    fmt::Display,
    io::{self, ErrorKind, IsTerminal as _, Write},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};

use self::backlog::Backlog;

/// What waits for a reader of standard error, once the agent runs: see [`detach`].
static BACKLOG: OnceLock<Arc<Backlog>> = OnceLock::new();

/// Whether only what is wrong is told.
static QUIET: AtomicBool = AtomicBool::new(false);

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It goes as it should.
    Note,
    /// Somebody should look at it.
    Warning,
    /// What was to be done is not done.
    Failure,
}

/// Who has what is said on standard error, once it is handed over.
static HEIR: OnceLock<fn(Urgency, &str)> = OnceLock::new();

/// From now on `log` has what would be written to standard error, without colours. Progress is shown to nobody.
pub fn hand_over(log: fn(Urgency, &str)) {
    let _ = HEIR.set(log);
}

/// From now on [`note`] and [`progress`] write nothing.
pub fn be_quiet() {
    QUIET.store(true, Relaxed);
}

/// Whether [`be_quiet`] was called.
pub fn is_quiet() -> bool {
    QUIET.load(Relaxed)
}

/// Writes what goes as it should to standard error: what is watched, what came of it. Nothing where [`be_quiet`] was called.
pub fn note(text: impl Display) {
    if !is_quiet() {
        tell(Urgency::Note, &text);
    }
}

/// Writes what somebody has asked for to standard error.
pub fn reply(text: impl Display) {
    tell(Urgency::Note, &text);
}

/// Writes what somebody should look at to standard error. Without text, nothing is written.
pub fn to_stderr(text: impl Display) {
    tell(Urgency::Warning, &text);
}

/// Writes why something is not done to standard error.
pub fn failure(text: impl Display) {
    tell(Urgency::Failure, &text);
}

/// A line end is added where the text has none. Escape codes of colours are taken out where nobody wants them.
fn tell(urgency: Urgency, text: &dyn Display) {
    let mut text = text.to_string();
    if !text.is_empty() {
        if let Some(log) = HEIR.get() {
            return log(urgency, strip_str(&text).to_string().trim_end());
        }
        if !error_has_color() {
            text = strip_str(&text).to_string();
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        error(text.into_bytes());
    }
}

/// Writes to standard error as it is: a line of progress that the next one replaces.
pub fn progress(text: impl Display) {
    if !is_quiet() && HEIR.get().is_none() {
        error(text.to_string().into_bytes());
    }
}

fn error(text: Vec<u8>) {
    match BACKLOG.get() {
        Some(backlog) => backlog.push(text),
        // Nobody reads it: there is nobody to tell either.
        None => drop(io::stderr().write_all(&text)),
    }
}

/// From now on nothing waits for whoever reads standard error: a thread of its own writes, and what does not fit into its
/// bounded memory is counted and told when the reader goes on. For the agent, whose drains and signals must not wait. The thread
/// begins with `first`.
pub fn detach(first: fn()) {
    let backlog = Arc::new(Backlog::default());
    let writer = backlog.clone();
    let thread = std::thread::Builder::new().name("stderr".to_owned());
    // Without a thread, everything is written as before.
    let write = move || {
        first();
        writer.write_to(io::stderr());
    };
    if thread.spawn(write).is_ok() {
        let _ = BACKLOG.set(backlog);
    }
}

/// Waits until what was told has been written, at most so long.
pub fn finish(within: Duration) {
    if let Some(backlog) = BACKLOG.get() {
        backlog.drained(within);
    }
}

/// Whether standard error is written in colour: as `--color` says, else the environment (`NO_COLOR`, `CLICOLOR_FORCE`,
/// `CLICOLOR`, `TERM`), else on a terminal.
pub fn error_has_color() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// The same of standard output.
fn output_has_color() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Whether people read standard error.
pub fn error_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether people read standard output.
pub fn output_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the terminal where people read standard output; none where it is no terminal.
pub fn output_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Lines of the log, as `tracing` writes them: one `write` each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        error(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard output; its errors say so.
#[derive(Debug)]
pub struct Output(io::Stdout);

/// What went wrong with standard output, and nowhere else.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
struct OutputError(#[source] io::Error);

/// Standard output as a writer.
pub fn output() -> Output {
    Output(io::stdout())
}

/// Writes to standard output, all of it.
///
/// # Errors
/// When it is closed or full.
pub fn print(text: impl Display) -> io::Result<()> {
    let mut out = output();
    out.write_all(text.to_string().as_bytes())?;
    out.flush()
}

/// The same for people: escape codes of colours are taken out where nobody wants them.
///
/// # Errors
/// When it is closed or full.
pub fn print_styled(text: impl Display) -> io::Result<()> {
    if output_has_color() { print(text) } else { print(strip_str(&text.to_string())) }
}

/// Whether an error says that nobody reads standard output any more.
pub fn is_closed_output(error: &io::Error) -> bool {
    let ours = error.get_ref().is_some_and(|inner| inner.is::<OutputError>());
    ours && error.kind() == ErrorKind::BrokenPipe
}

fn of_output(error: io::Error) -> io::Error {
    match error.kind() {
        // `write_all` looks for it, and goes on.
        ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, OutputError(error)),
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(of_output)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(of_output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_output_is_one() {
        let broken = || io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_closed_output(&of_output(broken())));
        assert!(!is_closed_output(&broken()));
        assert!(!is_closed_output(&of_output(io::Error::from(ErrorKind::StorageFull))));
        assert_eq!(of_output(ErrorKind::Interrupted.into()).kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn an_error_says_where_once() {
        let error = anyhow::Error::from(of_output(io::Error::other("it is full")));
        assert_eq!(format!("{error:#}"), "cannot write to standard output: it is full");
    }
}
