//! What can go wrong at the kernel border, each naming the thing and the attempt.
//!
//! [`KernelError::kind`] says what sort of matter it is, from which the command line makes its exit code.

use std::io;

use thiserror::Error;

use super::refusal::VerifierLog;

/// The sort of matter an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user asked for something that does not exist.
    Usage,
    /// The process may not do this.
    Permission,
    /// The kernel cannot do this, or the agent was built without its eBPF object.
    Unsupported,
    /// Anything else.
    Other,
}

/// An attempt at the kernel border that failed.
#[derive(Debug, Error)]
pub enum KernelError {
    /// The agent carries no eBPF object.
    #[error("this agent was built without its eBPF object; build it with `cargo xtask build`")]
    NotBuilt,
    /// Capabilities are missing.
    #[error(
        "no permission to load eBPF programs: {missing} missing; run as root, or grant the agent \
         CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"
    )]
    Permission {
        /// Names of the missing capabilities.
        missing: String,
    },
    /// The kernel is older than the floor.
    #[error("kernel {release} is too old: the sensor needs Linux {floor} or newer (xdp.frags)")]
    TooOld {
        /// Release of the running kernel.
        release: String,
        /// Oldest release that will do.
        floor: &'static str,
    },
    /// The object could not be read, or a map could not be made.
    #[error("cannot load the eBPF object")]
    Load(#[source] aya::EbpfError),
    /// The object lacks something that the agent looks for: agent and object come from different builds.
    #[error("the eBPF object has no {what} `{name}`; rebuild with `cargo xtask build`")]
    Missing {
        /// "map" or "program".
        what: &'static str,
        /// Its name.
        name: &'static str,
    },
    /// The kernel's verifier refused a program.
    #[error("the kernel rejects the eBPF program `{program}`: {source}; {log}")]
    Refused {
        /// Its name.
        program: &'static str,
        /// What the verifier said.
        log: VerifierLog,
        /// What the system call returned.
        source: io::Error,
    },
    /// A loaded program could not be used.
    #[error("cannot use the eBPF program `{program}`")]
    Program {
        /// Its name.
        program: &'static str,
        /// Why.
        #[source]
        source: aya::programs::ProgramError,
    },
    /// A map could not be used.
    #[error("cannot use the eBPF map `{map}`")]
    Map {
        /// Its name.
        map: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A system call failed.
    #[error("cannot {attempt}")]
    System {
        /// What was attempted, in the infinitive.
        attempt: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No such interface.
    #[error("no interface named `{name}`; available: {present}")]
    NoInterface {
        /// What was asked for.
        name: String,
        /// Names of the interfaces that exist.
        present: String,
    },
    /// An interface without which the agent is not to start.
    #[error(
        "no captured interface is named `{name}`, but {by} requires one; captured: {captured}; available: {present}"
    )]
    Required {
        /// Name or glob.
        name: String,
        /// What requires it.
        by: String,
        /// What sort of matter that is.
        kind: ErrorKind,
        /// Names of the interfaces that are captured.
        captured: String,
        /// Names of the interfaces that exist.
        present: String,
    },
    /// Not a valid name or glob.
    #[error("`{pattern}` is not a valid interface name or glob: {reason}")]
    BadPattern {
        /// What was asked for.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no default route to take the interface from.
    #[error(
        "no default route, so `auto` selects no interface; name one with -i, available: {present}"
    )]
    NoDefaultRoute {
        /// Names of the interfaces that exist.
        present: String,
    },
    /// No way to attach worked.
    #[error("cannot attach to {interface} ({direction}): {reasons}")]
    Attach {
        /// Interface name.
        interface: String,
        /// "ingress" or "egress".
        direction: &'static str,
        /// Each hook tried, with why it would not do.
        reasons: String,
    },
}

impl KernelError {
    /// What sort of matter this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoInterface { .. } | Self::BadPattern { .. } | Self::NoDefaultRoute { .. } => {
                ErrorKind::Usage
            }
            Self::Permission { .. } => ErrorKind::Permission,
            Self::NotBuilt | Self::TooOld { .. } | Self::Attach { .. } => ErrorKind::Unsupported,
            Self::Required { kind, .. } => *kind,
            // The verifier's own refusal is EACCES, too.
            Self::Refused { source, .. } if source.raw_os_error() == Some(libc::EPERM) => {
                ErrorKind::Permission
            }
            Self::Refused { .. } => ErrorKind::Unsupported,
            Self::Map { source, .. } | Self::System { source, .. } => {
                if is_permission(source) {
                    ErrorKind::Permission
                } else {
                    ErrorKind::Other
                }
            }
            Self::Load(_) | Self::Missing { .. } | Self::Program { .. } => ErrorKind::Other,
        }
    }
}

fn is_permission(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_tell_permission_from_missing_features() {
        let system = |code| KernelError::System {
            attempt: "wait for a grace period",
            source: io::Error::from_raw_os_error(code),
        };
        assert_eq!(system(libc::EPERM).kind(), ErrorKind::Permission);
        assert_eq!(system(libc::EINVAL).kind(), ErrorKind::Other);
        assert_eq!(KernelError::NotBuilt.kind(), ErrorKind::Unsupported);
        let refused = |code| KernelError::Refused {
            program: "ingress",
            log: VerifierLog::default(),
            source: io::Error::from_raw_os_error(code),
        };
        assert_eq!(refused(libc::EINVAL).kind(), ErrorKind::Unsupported);
        assert_eq!(refused(libc::EACCES).kind(), ErrorKind::Unsupported);
        assert_eq!(refused(libc::EPERM).kind(), ErrorKind::Permission);
    }
}
