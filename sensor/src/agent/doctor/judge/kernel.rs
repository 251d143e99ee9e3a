//! Whether the kernel takes the programs, and what that costs.

use crate::agent::doctor::{
    facts::kernel::{KernelFacts, PinFacts, PinTrouble, TrialOutcome},
    finding::{Area::Kernel, Finding},
};

/// All that is to be said of it.
pub fn judge(facts: &KernelFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &facts.means {
        Err(error) => findings.push(Finding::problem(Kernel, error)),
        Ok(means) => findings.push(match means.judge_kernel() {
            Err(error) => Finding::problem(Kernel, error).remedy(
                "install a newer kernel; without capturing, any kernel receives flow exports (--listen)",
            ),
            Ok(()) if means.has_tcx() => {
                Finding::ok(Kernel, format_args!("Linux {}, with tcx", means.release))
            }
            Ok(()) => Finding::ok(
                Kernel,
                format_args!("Linux {}; clsact in place of tcx, which needs 6.6", means.release),
            ),
        }),
    }
    findings.extend(trial(facts));
    findings.extend(jit(facts.jit));
    findings.push(match facts.membarrier {
        true => Finding::ok(Kernel, "membarrier(2) waits for grace periods"),
        // Kernels with nohz_full CPUs refuse it, and so do sandboxes.
        false => {
            Finding::ok(Kernel, "no membarrier(2): an update of a map waits for grace periods")
        }
    });
    findings.push(match facts.btf {
        true => Finding::ok(Kernel, "BTF is there; the programs do not need it"),
        false => Finding::ok(Kernel, "no BTF; the programs do not need it"),
    });
    findings.extend(security(facts));
    findings.push(pins(facts));
    findings.push(Finding::ok(
        Kernel,
        "tables count towards the control group's memory, not towards RLIMIT_MEMLOCK",
    ));
    findings
}

fn trial(facts: &KernelFacts) -> Option<Finding> {
    Some(match &facts.trial {
        TrialOutcome::Verified => {
            Finding::ok(Kernel, "the verifier accepts all programs (loaded, not attached)")
        }
        // Why not is said elsewhere: the kernel is too old, or capabilities are missing.
        TrialOutcome::NotTried => match &facts.means {
            Ok(means) if means.judge_kernel().is_ok() => {
                Finding::needs_root(Kernel, "whether the verifier accepts the programs")
            }
            _ => return None,
        },
        TrialOutcome::Failed { message, permission, not_built } => {
            let finding = Finding::problem(Kernel, message);
            match (not_built, permission) {
                (true, _) => finding,
                (_, true) => finding.remedy(who_forbids(facts)),
                (_, false) => {
                    finding.remedy("report it with the whole verifier log and the kernel's release")
                }
            }
        }
    })
}

/// Whether there is a place for pins. Without one the sensor counts all the same, but for what passes over a restart.
fn pins(facts: &KernelFacts) -> Finding {
    let Some(PinFacts { directory, trouble }) = &facts.pins else {
        return match &facts.bpffs {
            Some(mount) => Finding::ok(
                Kernel,
                format_args!("BPF file system at {mount}; needed for capture.pin = true only"),
            ),
            None => Finding::ok(
                Kernel,
                "no BPF file system is mounted; needed for capture.pin = true only",
            ),
        };
    };
    let without =
        "without pins, packets between the end of the sensor and its next start are not counted";
    let directory = directory.display();
    match trouble {
        None => Finding::ok(Kernel, format_args!("pins in {directory}, on a BPF file system")),
        Some(PinTrouble::NotMounted(mount)) => Finding::warning(
            Kernel,
            format_args!(
                "capture.pin = true, but {directory} is not on a BPF file system: {without}"
            ),
        )
        .remedy(format!("mount -t bpf bpf {}", mount.display())),
        Some(PinTrouble::Other(why)) => {
            Finding::warning(Kernel, format_args!("capture.pin = true, but {why}: {without}"))
                .remedy("make the directory accessible to the sensor, or set capture.pin_path")
        }
    }
}

/// Who may have forbidden a call that the capabilities allow.
fn who_forbids(facts: &KernelFacts) -> String {
    let mut suspects = Vec::new();
    if facts.seccomp {
        suspects.push("a seccomp filter holds this process: let it call bpf(2)".to_owned());
    }
    if facts.lockdown.as_deref() == Some("confidentiality") {
        suspects.push("the kernel is locked down: boot it with lockdown=integrity".to_owned());
    }
    let enforcing = ["selinux", "apparmor", "smack", "tomoyo"];
    let modules = facts.modules.iter().flatten();
    let modules: Vec<_> =
        modules.filter(|name| enforcing.contains(&name.as_str())).map(String::as_str).collect();
    if !modules.is_empty() {
        suspects.push(format!(
            "{} may forbid it: look for denials in the kernel's log",
            modules.join(", ")
        ));
    }
    if suspects.is_empty() {
        suspects.push("a sandbox may forbid bpf(2): run it outside, or let it through".to_owned());
    }
    suspects.join("\n")
}

fn jit(jit: Option<bool>) -> Option<Finding> {
    Some(match jit? {
        true => Finding::ok(Kernel, "the BPF JIT is on"),
        false => Finding::warning(
            Kernel,
            "the BPF JIT is off: programs are interpreted, which costs several times the CPU",
        )
        .remedy("sysctl -w net.core.bpf_jit_enable=1"),
    })
}

fn security(facts: &KernelFacts) -> Vec<Finding> {
    let verified = facts.trial == TrialOutcome::Verified;
    let lockdown = match facts.lockdown.as_deref() {
        None => None,
        Some("none") => Some(Finding::ok(Kernel, "no lockdown")),
        Some(mode) if verified || mode == "integrity" => Some(Finding::ok(
            Kernel,
            format_args!("lockdown {mode} does not concern these programs"),
        )),
        Some(mode) => Some(Finding::note(
            Kernel,
            format_args!("lockdown {mode}: it may forbid programs that read kernel memory"),
        )),
    };
    let modules = match &facts.modules {
        Some(modules) => {
            Finding::ok(Kernel, format_args!("security modules: {}", modules.join(", ")))
        }
        None => {
            Finding::ok(Kernel, "lockdown and security modules unknown: securityfs is not mounted")
        }
    };
    lockdown.into_iter().chain([modules]).collect()
}

#[cfg(test)]
mod tests {
    use sensor_kernel::probe::Means;

    use super::*;
    use crate::agent::doctor::{finding::Status, judge::testing::kernel};

    fn worst(facts: &KernelFacts) -> Vec<Finding> {
        judge(facts).into_iter().filter(|finding| finding.status > Status::Ok).collect()
    }

    #[test]
    fn a_kernel_that_offers_everything_has_nothing_to_be_told() {
        assert_eq!(worst(&kernel()), []);
    }

    #[test]
    fn a_kernel_that_is_too_old_is_a_problem_and_nothing_is_tried() {
        let facts = KernelFacts {
            means: Ok(Means::of((5, 10), u64::MAX)),
            trial: TrialOutcome::NotTried,
            ..kernel()
        };
        let found = worst(&facts);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].status, Status::Problem);
        assert!(found[0].message.starts_with("kernel 5.10.0 is too old"), "{found:?}");
        let old = KernelFacts { means: Ok(Means::of((6, 1), u64::MAX)), ..kernel() };
        assert_eq!(worst(&old), [], "clsact is as good");
        assert!(judge(&old)[0].message.contains("clsact in place of tcx"));
    }

    #[test]
    fn programs_that_could_not_be_tried_need_root() {
        let facts = KernelFacts {
            means: Ok(Means::of((6, 12), 0)),
            trial: TrialOutcome::NotTried,
            ..kernel()
        };
        let found = worst(&facts);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].needs_root && found[0].message.ends_with("needs root"));
    }

    #[test]
    fn a_refusal_names_who_may_forbid_it() {
        let refused = |permission| TrialOutcome::Failed {
            message: "refused".into(),
            permission,
            not_built: false,
        };
        let remedy = |facts: KernelFacts| {
            let found = worst(&facts);
            assert_eq!(found[0].status, Status::Problem, "{found:?}");
            found[0].remedy.clone().unwrap_or_default()
        };
        let base = KernelFacts { trial: refused(true), modules: None, ..kernel() };
        assert!(remedy(base.clone()).starts_with("a sandbox may forbid bpf(2)"));
        let all = KernelFacts {
            seccomp: true,
            lockdown: Some("confidentiality".into()),
            modules: Some(vec!["yama".into(), "selinux".into()]),
            ..base
        };
        let all = remedy(all);
        assert_eq!(all.lines().count(), 3, "{all}");
        assert!(
            all.contains("seccomp")
                && all.contains("lockdown=integrity")
                && all.contains("selinux may")
        );
        let verifier = KernelFacts { trial: refused(false), ..kernel() };
        assert!(remedy(verifier).contains("verifier log"));
    }

    #[test]
    fn pins_that_are_asked_for_need_a_bpf_file_system() {
        let wish = |trouble| {
            let pins = Some(PinFacts { directory: "/sys/fs/bpf/sensor".into(), trouble });
            worst(&KernelFacts { pins, bpffs: None, ..kernel() })
        };
        assert_eq!(worst(&KernelFacts { bpffs: None, ..kernel() }), [], "nobody asks for any");
        assert_eq!(wish(None), []);
        let missing = wish(Some(PinTrouble::NotMounted("/sys/fs/bpf".into())));
        assert_eq!((missing.len(), missing[0].status), (1, Status::Warning));
        assert!(
            missing[0].message.starts_with(
                "capture.pin = true, but /sys/fs/bpf/sensor is not on a BPF file system: without"
            ),
            "{missing:?}"
        );
        assert_eq!(missing[0].remedy.as_deref(), Some("mount -t bpf bpf /sys/fs/bpf"));
        let refused = wish(Some(PinTrouble::Other("cannot use the pins in /x: no".into())));
        assert!(refused[0].message.contains("cannot use the pins in /x: no: without pins"));
    }

    #[test]
    fn what_costs_or_may_forbid_is_told() {
        let found = worst(&KernelFacts { jit: Some(false), ..kernel() });
        assert_eq!((found.len(), found[0].status), (1, Status::Warning));
        let confidential = Some("confidentiality".to_owned());
        let locked = KernelFacts { lockdown: confidential, ..kernel() };
        assert_eq!(worst(&locked), [], "the verifier has spoken");
        let untried = KernelFacts { trial: TrialOutcome::NotTried, ..locked };
        assert!(worst(&untried).iter().any(|finding| finding.message.starts_with("lockdown conf")));
    }
}
