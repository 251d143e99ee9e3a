//! One thing that was found out, and what to do about it.

use std::fmt;

use serde::Serialize;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing suffers.
    Note,
    /// Something is lost, wrong or slow, and the rest works.
    Warning,
    /// The agent would not start, or what was asked for would not happen.
    Problem,
}

impl Status {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The files that the configuration names.
    Files,
    /// The running kernel.
    Kernel,
    /// This process: user and capabilities.
    User,
    /// The interfaces to capture.
    Interfaces,
    /// Memory of tables, cache and policies.
    Memory,
    /// Ports and sockets of this host.
    Sockets,
    /// The wall clock.
    Clock,
    /// Other hosts: collectors, outputs for hits, receivers of forwarded datagrams.
    Peers,
}

impl Area {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Kernel => "kernel",
            Self::User => "user",
            Self::Interfaces => "interfaces",
            Self::Memory => "memory",
            Self::Sockets => "sockets",
            Self::Clock => "clock",
            Self::Peers => "peers",
        }
    }
}

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub area: Area,
    /// The interface, address or file, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How much it matters.
    pub status: Status,
    /// What was found.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// This process may not see it: root sees more.
    pub needs_root: bool,
}

impl Finding {
    /// What is as it should be.
    pub fn ok(area: Area, message: impl fmt::Display) -> Self {
        Self::new(area, Status::Ok, message)
    }

    /// What is worth knowing.
    pub fn note(area: Area, message: impl fmt::Display) -> Self {
        Self::new(area, Status::Note, message)
    }

    /// Something suffers.
    pub fn warning(area: Area, message: impl fmt::Display) -> Self {
        Self::new(area, Status::Warning, message)
    }

    /// Something will not work.
    pub fn problem(area: Area, message: impl fmt::Display) -> Self {
        Self::new(area, Status::Problem, message)
    }

    /// What this process may not see.
    pub fn needs_root(area: Area, what: impl fmt::Display) -> Self {
        Self { needs_root: true, ..Self::note(area, format_args!("{what}: needs root")) }
    }

    /// What was found, of this weight.
    pub fn new(area: Area, status: Status, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        Self { area, subject: None, status, message, remedy: None, needs_root: false }
    }

    /// The same about one of several.
    #[must_use]
    pub fn about(self, subject: impl fmt::Display) -> Self {
        Self { subject: Some(subject.to_string()), ..self }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn remedy(self, remedy: impl fmt::Display) -> Self {
        Self { remedy: Some(remedy.to_string()), ..self }
    }
}
