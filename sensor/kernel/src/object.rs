//! Loading the eBPF object: sizes and secrets in, verified programs out.

use std::{
    hash::{BuildHasher, RandomState},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use aya::{
    Ebpf, EbpfLoader,
    programs::{Program, ProgramError},
};
use sensor_common::layout::{Geometry, names};

use super::{
    budget::Budget,
    error::KernelError,
    pins,
    refusal::{self, VerifierLog},
};

/// Those that stay at interfaces.
pub(super) const ATTACHED: [&str; 5] = [
    names::PROGRAM_INGRESS,
    names::PROGRAM_TC_INGRESS,
    names::PROGRAM_TC_EGRESS,
    names::PROGRAM_TC_INGRESS_L3,
    names::PROGRAM_TC_EGRESS_L3,
];

/// The programs that the agent uses.
const PROGRAMS: [&str; 8] = [
    names::PROGRAM_INGRESS,
    names::PROGRAM_TC_INGRESS,
    names::PROGRAM_TC_EGRESS,
    names::PROGRAM_TC_INGRESS_L3,
    names::PROGRAM_TC_EGRESS_L3,
    names::PROGRAM_SUCCESSOR,
    names::PROGRAM_PREDECESSOR,
    names::PROGRAM_CLOCK,
];

/// Makes the maps in the sizes of `budget`, or takes those that are pinned in `tables`, and pins there those that are not; has the
/// kernel verify every program.
///
/// # Errors
/// When there is no object, or the kernel refuses maps or programs.
pub(super) fn load(
    object: &[u8],
    budget: &Budget,
    tables: Option<&Path>,
    logs: &refusal::Directory,
) -> Result<Ebpf, KernelError> {
    if object.is_empty() {
        return Err(KernelError::NotBuilt);
    }
    let words = |geometry: Geometry| [geometry.slots, geometry.fold_slots];
    let (v4, v6) = (words(budget.v4), words(budget.v6));
    let seed = seed();
    let rows = budget.rows();
    let (entries_v4, entries_v6) = (rows * budget.v4.region(), rows * budget.v6.region());
    // Kernel types are not touched, so a kernel without BTF will do: aya asks for it only where relocations need it.
    let mut loader = EbpfLoader::new();
    if let Some(tables) = tables {
        for name in pins::SHARED {
            loader.map_pin_path(name, tables.join(name));
        }
    }
    let mut ebpf = loader
        .map_max_entries(names::FLOWS_V4, entries_v4)
        .map_max_entries(names::USED_V4, entries_v4)
        .map_max_entries(names::FLOWS_V6, entries_v6)
        .map_max_entries(names::USED_V6, entries_v6)
        .map_max_entries(names::BOOKS, budget.cpus)
        .map_max_entries(names::TAKEN_OVER, budget.cpus)
        .override_global(names::GEOMETRY_V4, &v4[..], true)
        .override_global(names::GEOMETRY_V6, &v6[..], true)
        .override_global(names::HASH_SEED, &seed, true)
        .load(object)
        .map_err(load_error)?;
    for name in PROGRAMS {
        verify(&mut ebpf, name, logs)?;
    }
    Ok(ebpf)
}

/// Maps that cannot be made for want of permission or memory are told as such, not as a fault of the object.
fn load_error(error: aya::EbpfError) -> KernelError {
    match error {
        aya::EbpfError::MapError(aya::maps::MapError::CreateError { io_error, .. }) => {
            KernelError::System { attempt: "make the kernel's flow tables", source: io_error }
        }
        other => KernelError::Load(other),
    }
}

/// Nobody who sends packets may know which keys meet in one set. The standard library seeds its hash maps from the
/// operating system's random numbers; here is one of those seeds.
fn seed() -> u64 {
    RandomState::new().hash_one(0u64)
}

/// Has the kernel load one program.
fn verify(
    ebpf: &mut Ebpf,
    name: &'static str,
    logs: &refusal::Directory,
) -> Result<(), KernelError> {
    let loaded = match ebpf.program_mut(name) {
        Some(Program::Xdp(xdp)) => xdp.load(),
        Some(Program::SchedClassifier(classifier)) => classifier.load(),
        _ => return Err(KernelError::Missing { what: "program", name }),
    };
    loaded.map_err(|error| match error {
        ProgramError::LoadError { io_error, verifier_log } => KernelError::Refused {
            program: name,
            log: VerifierLog::keep(name, &verifier_log.to_string(), logs),
            source: io_error,
        },
        source => KernelError::Program { program: name, source },
    })
}

/// A descriptor of its own for the loaded program `name`, usable from any thread.
pub(super) fn descriptor(ebpf: &Ebpf, name: &'static str) -> Result<OwnedFd, KernelError> {
    let descriptor = match ebpf.program(name) {
        Some(Program::Xdp(xdp)) => xdp.fd(),
        Some(Program::SchedClassifier(classifier)) => classifier.fd(),
        _ => return Err(KernelError::Missing { what: "program", name }),
    };
    descriptor
        .map_err(|source| KernelError::Program { program: name, source })?
        .as_fd()
        .try_clone_to_owned()
        .map_err(|source| KernelError::System { attempt: "duplicate a file descriptor", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_without_its_object_says_how_to_build_it() {
        let logs = refusal::Directory::default();
        let error = load(&[], &Budget::new(1 << 20, 1), None, &logs).unwrap_err();
        assert!(error.to_string().contains("cargo xtask build"), "{error}");
    }

    #[test]
    fn each_start_draws_its_own_seed() {
        assert_ne!(seed(), seed());
    }
}
