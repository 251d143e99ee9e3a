//! What to say of facts, family by family: pure functions.

mod clock;
mod figures;
mod folders;
mod interfaces;
mod kernel;
mod memory;
mod peers;
mod sockets;
mod store;
mod user;

use super::{
    facts::{Facts, files::FileFacts},
    finding::{Area, Finding, Status},
    report::Report,
};

/// Everything that is to be said.
pub fn judge(facts: &Facts) -> Report {
    let mut findings = files(&facts.files);
    findings.extend(facts.folders.iter().map(folders::judge));
    findings.extend(facts.store.as_ref().map(store::judge));
    let mut interfaces = Vec::new();
    match &facts.capture {
        Some(capture) => {
            findings.extend(kernel::judge(&capture.kernel));
            findings.extend(user::judge(&facts.user));
            findings.extend(interfaces::judge(&capture.interfaces));
            interfaces = interfaces::listed(&capture.interfaces);
        }
        None => {
            let message = "no interface is captured: any kernel will do";
            findings.push(Finding::ok(Area::Kernel, message));
            findings.extend(user::judge(&facts.user));
        }
    }
    findings.extend(memory::judge(&facts.memory));
    findings.extend(sockets::judge(&facts.sockets, facts.user.id));
    findings.extend(clock::judge(&facts.clock));
    findings.extend(facts.peers.iter().map(peers::judge));
    let status = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok);
    Report { status, findings, interfaces, memory: memory::figures(&facts.memory) }
}

/// Faults that a message names.
const NAMED: usize = 3;

fn files(facts: &FileFacts) -> Vec<Finding> {
    let FileFacts { path, drop_ins, faults, warnings } = facts;
    let Some(path) = path else {
        return match faults.is_empty() {
            true => Vec::new(),
            false => vec![Finding::problem(Area::Files, shortened(faults))],
        };
    };
    let check = format!("sensor check --config {path}");
    let finding = match (faults.len(), warnings) {
        (0, 0) => match drop_ins {
            0 => Finding::ok(Area::Files, "valid, with every file that it names"),
            1 => Finding::ok(Area::Files, "valid with its drop-in, and every file that they name"),
            count => {
                let message =
                    format!("valid with its {count} drop-ins, and every file that they name");
                Finding::ok(Area::Files, message)
            }
        },
        (0, 1) => Finding::note(Area::Files, "valid, with a warning").remedy(check),
        (0, count) => {
            Finding::note(Area::Files, format_args!("valid, with {count} warnings")).remedy(check)
        }
        _ => Finding::problem(Area::Files, shortened(faults))
            .remedy(format_args!("{check} shows where")),
    };
    vec![finding.about(path)]
}

fn shortened(faults: &[String]) -> String {
    let mut shown = faults.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if faults.len() > NAMED {
        shown = format!("{shown}; and {} more faults", faults.len() - NAMED);
    }
    shown
}

#[cfg(test)]
pub(super) mod testing;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        let report = judge(&testing::troubled());
        assert_eq!(report.status, Status::Problem);
        assert_eq!(report.interfaces.len(), 2);
        let areas: Vec<_> = report.findings.iter().map(|finding| finding.area).collect();
        let mut grouped = areas.clone();
        grouped.dedup();
        let sorted: std::collections::BTreeSet<_> =
            grouped.iter().map(|area| area.name()).collect();
        assert_eq!(grouped.len(), sorted.len(), "each area stands in one place: {grouped:?}");
        for finding in &report.findings {
            let wants = finding.status >= Status::Warning;
            assert!(!wants || finding.remedy.is_some(), "nothing is to be done about {finding:?}");
        }
    }

    #[test]
    fn without_interfaces_any_kernel_will_do() {
        let report = judge(&Facts { capture: None, ..testing::troubled() });
        let kernel = report.findings.iter().filter(|finding| finding.area == Area::Kernel);
        let kernel: Vec<_> = kernel.map(|finding| finding.message.as_str()).collect();
        assert_eq!(kernel, ["no interface is captured: any kernel will do"]);
        assert!(report.interfaces.is_empty());
    }

    #[test]
    fn faults_of_files_are_told_in_short() {
        let faults = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let path = Some("s.toml".to_owned());
        let found = files(&FileFacts { path, faults: faults.clone(), ..FileFacts::default() });
        assert_eq!(found[0].message, "a; b; c; and 2 more faults");
        assert_eq!(found[0].remedy.as_deref(), Some("sensor check --config s.toml shows where"));
        let found = files(&FileFacts { faults, ..FileFacts::default() });
        assert_eq!(found[0].status, Status::Problem);
        assert_eq!(files(&FileFacts::default()), []);
        let path = Some("s.toml".to_owned());
        let warned = files(&FileFacts { path, warnings: 2, ..FileFacts::default() });
        assert_eq!(
            (warned[0].status, warned[0].message.as_str()),
            (Status::Note, "valid, with 2 warnings")
        );
        let path = Some("s.toml".to_owned());
        let found = files(&FileFacts { path, drop_ins: 2, ..FileFacts::default() });
        let valid = "valid with its 2 drop-ins, and every file that they name";
        assert_eq!((found[0].status, found[0].message.as_str()), (Status::Ok, valid));
    }
}
