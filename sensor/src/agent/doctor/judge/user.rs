//! What this process may not do.

use crate::agent::{
    doctor::{
        facts::user::UserFacts,
        finding::{Area::User, Finding},
    },
    privilege::Outlook,
};

/// All that is to be said of it.
pub fn judge(facts: &UserFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let who = if facts.id == 0 { "root".to_owned() } else { format!("user {}", facts.id) };
    if !facts.missing.is_empty() {
        let missing = facts.missing.join(", ");
        let message = format!("{who} lacks {missing}: no program can be loaded and attached");
        findings.push(Finding::problem(User, message).remedy(
            "run it as root; or as the service does: systemd-run -P -p User=sensor \
             -p AmbientCapabilities='CAP_BPF CAP_PERFMON CAP_NET_ADMIN' sensor doctor",
        ));
    } else if facts.captures {
        findings.push(Finding::ok(
            User,
            format_args!("{who} has CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"),
        ));
    }
    if facts.captures && facts.in_user_namespace {
        let message = "this is a user namespace: its capabilities do not count for bpf(2)";
        let remedy = "start the container without a user namespace of its own";
        findings.push(Finding::warning(User, message).remedy(remedy));
    }
    if facts.lacks_net_raw {
        let message = format!("{who} lacks CAP_NET_RAW, which `keep_source` of [[forward]] takes");
        findings.push(Finding::problem(User, message).remedy(
            "grant CAP_NET_RAW (systemctl edit sensor: AmbientCapabilities=CAP_NET_RAW), or forward without keep_source",
        ));
    }
    if findings.is_empty() {
        findings
            .push(Finding::ok(User, format_args!("{who}; this configuration takes no capability")));
    }
    findings.extend(sandbox(&facts.sandbox));
    findings
}

fn sandbox(outlook: &Outlook) -> Option<Finding> {
    Some(match outlook {
        Outlook::Off => return None,
        Outlook::On { version } => Finding::ok(
            User,
            format_args!(
                "Landlock {version}: files that the configuration does not name will be out of reach"
            ),
        ),
        Outlook::Without { why } => Finding::note(User, format_args!("no sandbox: {why}")),
        Outlook::Refused { why } => Finding::problem(User, why)
            .remedy("use a kernel that has it, or security.sandbox = \"auto\""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::doctor::finding::Status;

    fn statuses(facts: &UserFacts) -> Vec<(Status, String)> {
        judge(facts).into_iter().map(|finding| (finding.status, finding.message)).collect()
    }

    #[test]
    fn a_sandbox_is_told_and_its_absence_matters_where_it_is_insisted_on() {
        let told = |sandbox| {
            let facts = UserFacts { sandbox, ..UserFacts::default() };
            statuses(&facts).into_iter().skip(1).collect::<Vec<_>>()
        };
        assert_eq!(told(Outlook::Off), []);
        let on = "Landlock 4: files that the configuration does not name will be out of reach";
        assert_eq!(told(Outlook::On { version: "4".into() }), [(Status::Ok, on.to_owned())]);
        let without = Outlook::Without { why: "none".into() };
        assert_eq!(told(without), [(Status::Note, "no sandbox: none".to_owned())]);
        let refused = Outlook::Refused { why: "none".into() };
        assert_eq!(told(refused), [(Status::Problem, "none".to_owned())]);
    }

    #[test]
    fn what_is_missing_is_named_where_it_is_needed() {
        let captures = UserFacts { captures: true, ..UserFacts::default() };
        let all = "root has CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN".to_owned();
        assert_eq!(statuses(&captures), [(Status::Ok, all)]);
        let poor =
            UserFacts { id: 1000, missing: vec!["CAP_BPF", "CAP_PERFMON"], ..captures.clone() };
        let found = statuses(&poor);
        let message = "user 1000 lacks CAP_BPF, CAP_PERFMON: no program can be loaded and attached";
        assert_eq!(found, [(Status::Problem, message.to_owned())]);
        let contained = UserFacts { in_user_namespace: true, ..captures };
        assert_eq!(statuses(&contained)[1].0, Status::Warning);
    }

    #[test]
    fn who_only_listens_needs_nothing_but_for_foreign_sources() {
        let listens = UserFacts { id: 7, in_user_namespace: true, ..UserFacts::default() };
        let nothing = "user 7; this configuration takes no capability".to_owned();
        assert_eq!(statuses(&listens), [(Status::Ok, nothing)]);
        let forwards = UserFacts { lacks_net_raw: true, ..listens };
        let found = statuses(&forwards);
        assert_eq!((found.len(), found[0].0), (1, Status::Problem));
        assert!(found[0].1.contains("CAP_NET_RAW"));
    }
}
