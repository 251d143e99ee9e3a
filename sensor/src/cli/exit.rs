//! How the program ends: the exit codes are a contract, and one failure is one message.

use std::{error::Error, io, process::ExitCode};

use sensor_core::diagnostic::{Finding, Findings, Theme};
use sensor_kernel::error::{ErrorKind, KernelError};
use sensor_store::error::Error as StoreError;

use crate::{
    agent::{
        config::{
            ConfigError,
            lists::{ListError, UnreadableList},
        },
        control::SocketError,
        inspect::{
            NamedFaults,
            policies::{PolicyFaults, UnknownPolicy, UnreadablePolicies},
        },
        privilege::sandbox::SandboxError,
        unread::UnreadFiles,
    },
    stdio,
};

/// What the caller of the program is told. The numbers are those of sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Success = 0,
    /// Anything that has no number of its own.
    Other = 1,
    /// The command line or the configuration is wrong.
    Usage = 64,
    /// The kernel lacks what is asked for.
    Kernel = 69,
    /// There is an answer, and something is lacking.
    Partial = 75,
    /// No permission.
    Permission = 77,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failure that knows how the program should end; put it into an error chain, most easily as its context:
/// `.context(Failure::kernel("XDP with frags needs Linux 5.18"))`.
#[derive(Debug, thiserror::Error)]
#[error("{}", with_findings(message, findings))]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, and what would be right.
    pub message: String,
    /// In detail, below the message.
    pub findings: Findings,
}

fn with_findings(message: &str, findings: &Findings) -> String {
    match findings.to_string().trim_end() {
        "" => message.to_owned(),
        findings => format!("{message}\n\n{findings}"),
    }
}

/// A failure that has been told already, in a document for programs.
#[derive(Debug, thiserror::Error)]
#[error("the document says what went wrong")]
pub struct AlreadyReported(pub Exit);

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), findings: Findings::default() }
    }

    /// What has no number of its own.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Exit::Other, message)
    }

    /// The command line or the configuration is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same with `findings` below the message.
    #[must_use]
    pub fn with(self, findings: Findings) -> Self {
        Self { findings, ..self }
    }

    /// The kernel lacks what is asked for.
    pub fn kernel(message: impl Into<String>) -> Self {
        Self::new(Exit::Kernel, message)
    }

    /// No permission.
    pub fn permission(message: impl Into<String>) -> Self {
        Self::new(Exit::Permission, message)
    }
}

/// The exit code of an error: what the outermost link of its chain that has an opinion says.
pub fn code(error: &anyhow::Error) -> Exit {
    // An anyhow context hides its type from the chain, so the error itself is asked first.
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.exit;
    }
    if let Some(AlreadyReported(exit)) = error.downcast_ref() {
        return *exit;
    }
    error.chain().find_map(opinion).unwrap_or(Exit::Other)
}

fn opinion(link: &(dyn Error + 'static)) -> Option<Exit> {
    if let Some(failure) = link.downcast_ref::<Failure>() {
        return Some(failure.exit);
    }
    if let Some(error) = link.downcast_ref::<KernelError>() {
        return Some(match error.kind() {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::Permission => Exit::Permission,
            ErrorKind::Unsupported => Exit::Kernel,
            ErrorKind::Other => Exit::Other,
        });
    }
    if link.is::<UnreadFiles>() {
        return Some(Exit::Partial);
    }
    if link.is::<SandboxError>() {
        return Some(Exit::Kernel);
    }
    if link.is::<PolicyFaults>() || link.is::<NamedFaults>() || link.is::<UnknownPolicy>() {
        return Some(Exit::Usage);
    }
    if let Some(SocketError::NoGroup { .. } | SocketError::Foreign { .. }) = link.downcast_ref() {
        return Some(Exit::Usage);
    }
    if let Some(ListError(unreadable)) = link.downcast_ref::<ListError>() {
        return Some(of_unreadable(unreadable.iter().map(|UnreadableList { source, .. }| source)));
    }
    if let Some(UnreadablePolicies(unreadable)) = link.downcast_ref() {
        return Some(of_unreadable(unreadable.iter().map(|(_, source)| source)));
    }
    if let Some(error) = link.downcast_ref::<ConfigError>() {
        return Some(match error {
            ConfigError::Read(unreadable) => {
                of_unreadable(unreadable.iter().map(|(_, source)| source))
            }
            ConfigError::Faulty { .. } => Exit::Usage,
        });
    }
    if let Some(error) = link.downcast_ref::<StoreError>() {
        // What a store says is wrong with it, or with whoever names it; else, what the system says.
        return matches!(error, StoreError::Locked { .. } | StoreError::Newer { .. })
            .then_some(Exit::Usage);
    }
    let error = link.downcast_ref::<io::Error>()?;
    match error.kind() {
        io::ErrorKind::PermissionDenied => Some(Exit::Permission),
        // Whoever read it has seen enough.
        _ if stdio::is_closed_output(error) => Some(Exit::Success),
        _ => None,
    }
}

/// What a user named and cannot be read is a mistake, unless all of it is there and may not be read.
fn of_unreadable<'a>(mut sources: impl Iterator<Item = &'a io::Error>) -> Exit {
    let all_denied = sources.all(|source| source.kind() == io::ErrorKind::PermissionDenied);
    if all_denied { Exit::Permission } else { Exit::Usage }
}

/// Prints the error chain, once, and says how to end.
pub fn report(error: &anyhow::Error) -> Exit {
    let exit = code(error);
    if exit != Exit::Success && !error.is::<AlreadyReported>() {
        stdio::failure(message(error));
    }
    exit
}

/// The error chain, in colour.
fn message(error: &anyhow::Error) -> String {
    let said = chain(error);
    let style = Theme::COLOR.error;
    let said = match carried(error) {
        // They end the text of whoever carries them.
        Some(findings) => match said.strip_suffix(findings.to_string().trim_end()) {
            Some(before) => format!("{before}{}", findings.styled()),
            None => said,
        },
        None => said,
    };
    format!("{style}sensor:{style:#} {said}")
}

/// What is wrong, for programs: what the error carries, or else its message.
pub fn findings(error: &anyhow::Error) -> Findings {
    carried(error)
        .filter(|findings| !findings.is_empty())
        .unwrap_or_else(|| [Finding::error(chain(error))].into_iter().collect())
}

/// The findings of the outermost link that has some.
fn carried(error: &anyhow::Error) -> Option<Findings> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(failure.findings.clone());
    }
    error.chain().find_map(|link| {
        if let Some(failure) = link.downcast_ref::<Failure>() {
            return Some(failure.findings.clone());
        }
        if let Some(PolicyFaults(findings)) = link.downcast_ref() {
            return Some(findings.clone());
        }
        if let Some(NamedFaults(findings)) = link.downcast_ref() {
            return Some(findings.clone());
        }
        if let Some(error) = link.downcast_ref::<ListError>() {
            return Some(error.findings());
        }
        if let Some(error) = link.downcast_ref::<UnreadablePolicies>() {
            return Some(error.findings());
        }
        link.downcast_ref::<ConfigError>().map(ConfigError::findings)
    })
}

/// The messages of an error's chain, the outermost first; what one of them has said, the next does not say again.
fn chain(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for link in error.chain().map(ToString::to_string) {
        if said.is_empty() || link.starts_with(&said) {
            said = link;
        } else if let Some(rest) = repeated(&said, &link) {
            said.push_str(rest);
        } else if !said.contains(&link) {
            said.push_str(": ");
            said.push_str(&link);
        }
    }
    said
}

/// What `link` says beyond the part that `said` ends with, up to a colon: `open F` and `open F: No such file`.
fn repeated<'l>(said: &str, link: &'l str) -> Option<&'l str> {
    let ends = link.match_indices(": ").map(|(at, _)| at);
    ends.filter(|&at| said.ends_with(&format!(": {}", &link[..at]))).last().map(|at| &link[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io_error(kind: io::ErrorKind) -> anyhow::Error {
        anyhow::Error::from(io::Error::from(kind))
    }

    #[test]
    fn a_control_socket_that_the_configuration_rules_out_is_a_mistake_in_it() {
        let error = anyhow::Error::from(SocketError::NoGroup { group: "g".to_owned() });
        assert_eq!(code(&error.context("start")), Exit::Usage);
        let error = anyhow::Error::from(SocketError::Foreign { path: "f".into() });
        assert_eq!(code(&error), Exit::Usage);
    }

    #[test]
    fn failures_keep_their_code_below_and_as_context() {
        let below = anyhow::Error::from(Failure::kernel("no tcx")).context("cannot attach");
        let above = io_error(io::ErrorKind::NotFound).context(Failure::kernel("no tcx"));
        let between = above.context("cannot attach");
        assert_eq!(code(&below), Exit::Kernel);
        assert_eq!(code(&between), Exit::Kernel);
        assert_eq!(format!("{below:#}"), "cannot attach: no tcx");
    }

    #[test]
    fn a_chain_does_not_repeat_itself() {
        for (links, expected) in [
            (&["a", "b", "c"] as &[&str], "a: b: c"),
            (&["open F", "open F: No such file"], "open F: No such file"),
            (
                &["cannot start", "open F", "open F: No such file"],
                "cannot start: open F: No such file",
            ),
            (&["open F: No such file", "No such file"], "open F: No such file"),
            (&["a"], "a"),
        ] {
            let (last, outer) = links.split_last().expect("a link");
            let innermost = anyhow::anyhow!((*last).to_owned());
            let error =
                outer.iter().rev().fold(innermost, |error, link| error.context((*link).to_owned()));
            assert_eq!(chain(&error), expected);
        }
    }

    #[test]
    fn the_outermost_opinion_counts() {
        let denied = io_error(io::ErrorKind::PermissionDenied);
        assert_eq!(code(&denied.context("cannot open")), Exit::Permission);
        let denied = io_error(io::ErrorKind::PermissionDenied);
        assert_eq!(code(&denied.context(Failure::usage("no such file"))), Exit::Usage);
    }

    #[test]
    fn other_errors() {
        assert_eq!(code(&anyhow::anyhow!("anything")), Exit::Other);
        assert_eq!(code(&io_error(io::ErrorKind::NotFound)), Exit::Other);
        assert_eq!(code(&io_error(io::ErrorKind::BrokenPipe)), Exit::Other);
    }
}
