//! Files out of reach (Landlock): in this thread, and in all that it starts from then on.
//!
//! The kernel says "permission denied" to who goes beyond, which reads as if somebody had to change a mode. So a reload asks
//! [`Fence::check`] first, which goes by the same inodes as the kernel.

use std::{
    collections::HashMap,
    fmt,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::Path,
    thread,
};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, LandlockStatus, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus,
};

use super::rules::{self, Right, Rule};
use crate::agent::config::paths::{Access, NamedPath};

/// The latest version whose rights are in use: of later ones come rights that the agent has no word for.
const LATEST: ABI = ABI::V5;

/// Since this version files may be renamed from one directory into another, as pins are.
const FIRST: ABI = ABI::V2;

/// What is left in reach.
#[derive(Clone, Debug, Default)]
pub struct Fence {
    /// By device and number: whether it may be written to.
    places: HashMap<(u64, u64), bool>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel has none, or one of old.
    #[error(
        "this kernel has no Landlock that is new enough ({0}); Linux 5.19 or newer with `landlock` in CONFIG_LSM or lsm= has"
    )]
    Missing(String),
    /// It refuses.
    #[error("the kernel refuses Landlock: {0}")]
    Refused(#[from] RulesetError),
}

impl Right {
    fn of(self) -> BitFlags<AccessFs> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        match self {
            Self::Read => read,
            Self::Execute => AccessFs::ReadFile | AccessFs::Execute,
            Self::Write => {
                read | AccessFs::WriteFile
                    | AccessFs::Truncate
                    | AccessFs::MakeReg
                    | AccessFs::MakeDir
                    | AccessFs::MakeSock
                    | AccessFs::RemoveFile
                    | AccessFs::RemoveDir
                    | AccessFs::Refer
            }
        }
    }
}

fn ruleset() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default().handle_access(AccessFs::from_all(LATEST))?.create()
}

/// The version of the kernel's Landlock, where it is new enough. It is found by a thread that tries, and ends.
///
/// # Errors
/// Where there is none.
pub fn version() -> Result<String, SandboxError> {
    let tried = thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, || ruleset()?.restrict_self());
        thread.ok()?.join().ok()
    });
    let Some(tried) = tried else { return Err(SandboxError::Missing("not asked".to_owned())) };
    of_status(&tried?)
}

fn of_status(status: &RestrictionStatus) -> Result<String, SandboxError> {
    match status.landlock {
        LandlockStatus::NotEnabled => Err(SandboxError::Missing("switched off".to_owned())),
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            let version = kernel_abi.map_or(effective_abi.to_string(), |abi| abi.to_string());
            if effective_abi < FIRST || status.ruleset == RulesetStatus::NotEnforced {
                return Err(SandboxError::Missing(format!("version {version}")));
            }
            Ok(version)
        }
        _ => Err(SandboxError::Missing("not built in".to_owned())),
    }
}

/// Leaves this thread in reach of what `rules` say, and of nothing else.
///
/// # Errors
/// Where the kernel has none, or refuses.
pub fn enter(rules: &[Rule]) -> Result<Fence, SandboxError> {
    let mut fence = Fence::default();
    let mut ruleset = ruleset()?;
    for Rule { path, right } in rules {
        // What is not there needs no rule: of system paths, many are not.
        let (Ok(place), Ok(found)) = (PathFd::new(path), fs::metadata(path)) else { continue };
        let mut access = right.of();
        if !found.is_dir() {
            access &= AccessFs::from_file(LATEST);
        }
        // What has no place in a file system, such as the pipe behind /dev/stdout, is in reach in any case.
        if !(found.is_file() || found.is_dir()) && fs::canonicalize(path).is_err() {
            continue;
        }
        ruleset = ruleset.add_rule(PathBeneath::new(place, access))?;
        fence.admit(&found, *right);
    }
    of_status(&ruleset.restrict_self()?)?;
    Ok(fence)
}

/// Leaves this thread what it has open.
pub fn enter_nothing() {
    let _ = ruleset().and_then(RulesetCreated::restrict_self);
}

/// Paths that are out of reach.
#[derive(Debug, thiserror::Error)]
pub struct Outside(Vec<NamedPath>);

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for NamedPath { key, path, access } in &self.0 {
            let what = if access.writes() { "write to" } else { "read" };
            let path = path.display();
            writeln!(f, "{key}: the sandbox does not let the sensor {what} {path}")?;
        }
        f.write_str(
            "the sandbox is made at the start, of what the configuration then names: restart the sensor to allow this \
             (security.sandbox)",
        )
    }
}

impl Fence {
    /// From now on what was `found` is in reach.
    pub fn admit(&mut self, found: &Metadata, right: Right) {
        let writes = self.places.entry((found.dev(), found.ino())).or_default();
        *writes |= right == Right::Write;
    }

    /// Whether the agent can use everything of `named`, as far as this fence is concerned.
    ///
    /// # Errors
    /// What is out of reach.
    pub fn check(&self, named: &[NamedPath]) -> Result<(), Outside> {
        let outside = named.iter().filter(|named| !self.allows(&named.path, named.access));
        let outside: Vec<NamedPath> = outside.cloned().collect();
        if outside.is_empty() { Ok(()) } else { Err(Outside(outside)) }
    }

    fn allows(&self, path: &Path, access: Access) -> bool {
        let writes = access.writes();
        // What is there already, or else the directory in which it would be made.
        match rules::existing(path) {
            Ok(found) => found.ancestors().any(|place| self.holds(place, writes)),
            // What keeps it from being found is not ours to tell.
            Err(_) => true,
        }
    }

    fn holds(&self, place: &Path, writes: bool) -> bool {
        let found = fs::symlink_metadata(place);
        let allowed = found.ok().and_then(|found| self.places.get(&(found.dev(), found.ino())));
        allowed.is_some_and(|may_write| *may_write || !writes)
    }
}
