//! What a site changes of policies, and what is said of what it cannot change.

use super::*;
use crate::{
    diagnostic::SourceMap,
    nql::lists::Lists,
    policy::{
        alert::Severity,
        file::PolicyFile,
        load::{Loaded, load_tuned},
        model::Policy,
    },
    settings::document,
};

table! {
    /// The keys of the site, as the configuration has them.
    Site {
        /// Globs.
        enable: Vec<Setting<String>> = Vec::new();
        /// Globs.
        disable: Vec<Setting<String>> = Vec::new();
        /// Overrides.
        overrides as "override": Vec<Setting<Override>> = Vec::new();
    }
}

const POLICIES: &str = r#"
[[policy]]
name = "scan_slow"
match = "dstport == 22"
discard = ["srcip == 10.0.0.1"]
track_by = [["srcip"]]
window = "5m"
severity = { low = "count() >= 10", high = "count() >= 100" }

[[policy]]
name = "scan_fast"
enabled = false
match = "dstport == 23"
severity = { medium = "distinct(dstip) >= 10" }

[[policy]]
name = "telnet"
match = "dstport == 23"
suppress = "5m"
severity = "high"
"#;

fn tuning(text: &str) -> Tuning {
    let (document, faults) = document::parse(text);
    assert_eq!(faults, []);
    let mut faults = Vec::new();
    let site = Site::read(&document.expect("TOML"), "", &mut faults).expect("a table");
    assert_eq!(faults, []);
    Tuning {
        files: SourceMap::one("site.toml", text),
        enable: site.enable.value,
        disable: site.disable.value,
        overrides: site.overrides.value,
    }
}

fn loaded(policies: &str, site: &str) -> Loaded {
    let file = PolicyFile { path: "p.toml".to_owned(), text: policies.to_owned() };
    load_tuned(&[file], &Lists::default(), &tuning(site))
}

/// The policies under `site`, which has no fault.
fn tuned(site: &str) -> Vec<Policy> {
    let loaded = loaded(POLICIES, site);
    assert_eq!(loaded.report(), "");
    loaded.policies
}

fn enabled(site: &str) -> Vec<bool> {
    tuned(site).iter().map(|policy| policy.enabled).collect()
}

fn levels(policy: &Policy) -> Vec<String> {
    let level = |level: &crate::policy::model::Level| {
        format!("{}: {}", level.severity.name(), level.threshold.text)
    };
    policy.levels.iter().map(level).collect()
}

#[test]
fn globs_enable_and_disable_and_the_one_that_says_most_decides() {
    assert_eq!(enabled(""), [true, false, true]);
    assert_eq!(enabled("enable = ['scan_*']"), [true, true, true]);
    assert_eq!(enabled("disable = ['*']\nenable = ['scan_*']"), [true, true, false]);
    assert_eq!(enabled("enable = ['*']\ndisable = ['scan_*', 'telnet']"), [false, false, false]);
    assert_eq!(enabled("enable = ['scan_f*']\ndisable = ['scan_*']"), [false, true, true]);
    assert_eq!(enabled("enable = ['telnet']\ndisable = ['telnet']"), [true, false, false]);
}

#[test]
fn an_override_is_as_if_the_policy_said_so() {
    let common = "window = '1h'\nupdate = '10m'\nclear = 'count() < 2'\nmax_keys = 7\n";
    let site = format!(
        "[[override]]\nmatch = ['scan_slow', 'scan_f*']\n{common}\
         severity = {{ medium = 'distinct(dstport) >= 5', high = 'count() >= 1_000' }}\n\
         discard = ['srcip == 10.0.0.2']\n"
    );
    let written = format!(
        "[[policy]]\nname = 'scan_slow'\nmatch = 'dstport == 22'\ntrack_by = [['srcip']]\n{common}\
         discard = ['srcip == 10.0.0.1', 'srcip == 10.0.0.2']\n\
         severity.low = 'count() >= 10'\nseverity.medium = 'distinct(dstport) >= 5'\n\
         severity.high = 'count() >= 1_000'\n\
         [[policy]]\nname = 'scan_fast'\nmatch = 'dstport == 23'\nenabled = false\n{common}\
         discard = ['srcip == 10.0.0.2']\n\
         severity.medium = 'distinct(dstport) >= 5'\nseverity.high = 'count() >= 1_000'\n"
    );
    let expected = loaded(&written, "");
    assert_eq!(expected.report(), "");
    assert_eq!(tuned(&site)[..2], expected.policies);
}

#[test]
fn each_change_is_told_with_its_place_and_what_was_before() {
    let site = "enable = ['scan_fast']\n[[override]]\nmatch = 'scan_*'\nwindow = '1h'\n\
        discard = ['''\nsrcip == 10.0.0.2\n&& dstport == 7''']\n\
        [[override]]\nmatch = 'scan_slow'\nwindow = '2h'\nseverity.high = 'count() > 200'\n";
    let changes = loaded(POLICIES, site).changes;
    let shown = |name: &str| -> Vec<String> {
        let shown = |change: &Change| {
            let Change { file, line, source: _, key, value, was } = change;
            format!("{file}:{line} {key} {value}, was {}", was.as_deref().unwrap_or("not there"))
        };
        changes.get(name).into_iter().flatten().map(shown).collect()
    };
    assert_eq!(
        shown("scan_slow"),
        [
            "site.toml:4 window '1h', was \"5m\"",
            "site.toml:5 discard ''' srcip == 10.0.0.2 && dstport == 7''', was not there",
            "site.toml:11 severity.high 'count() > 200', was \"count() >= 100\"",
            "site.toml:10 window '2h', was '1h'",
        ]
    );
    assert_eq!(
        shown("scan_fast"),
        [
            "site.toml:1 enabled true, was false",
            "site.toml:4 window '1h', was not there",
            "site.toml:5 discard ''' srcip == 10.0.0.2 && dstport == 7''', was not there",
        ]
    );
    assert_eq!(shown("telnet"), [""; 0]);
}

#[test]
fn no_more_than_the_highest_severity_is_told() {
    let policies = tuned("override = [{ match = '*', max_severity = 'medium' }]");
    assert_eq!(levels(&policies[0]), ["low: count() >= 10", "medium: count() >= 100"]);
    assert_eq!(levels(&policies[1]), ["medium: distinct(dstip) >= 10"]);
    assert_eq!(policies[2].severity, Severity::Medium);
    let policies = tuned("override = [{ match = '*', max_severity = 'low' }]");
    assert_eq!(levels(&policies[0]), ["low: count() >= 10"]);
    assert_eq!(levels(&policies[1]), ["low: distinct(dstip) >= 10"]);
    assert_eq!(policies[2].severity, Severity::Low);
}

#[test]
fn hits_become_incidents_by_thresholds() {
    let policies = tuned("override = [{ match = 'telnet', severity.low = 'count() > 3' }]");
    assert_eq!(levels(&policies[2]), ["low: count() > 3"]);
    assert_eq!(policies[2].window, 300_000);
    let policies = tuned("override = [{ match = 'telnet', severity = 'low', suppress = '1h' }]");
    assert_eq!((policies[2].severity, policies[2].suppress), (Severity::Low, 3_600_000));
}

#[test]
fn faults_are_told_once_where_the_site_wrote_them() {
    let site = "[[override]]\nmatch = 'scan_*'\nwindow = '3s'\ndiscard = ['dstprt == 1']\n";
    let loaded = loaded(POLICIES, site);
    let names: Vec<_> = loaded.policies.iter().map(|policy| &policy.summary.name).collect();
    assert_eq!(names, ["telnet"], "what an override spoils is left out");
    let [faults] = loaded.faults.as_slice() else { panic!("{}", loaded.report()) };
    let shown: Vec<_> = faults.diagnostics.iter().map(|fault| &site[fault.span.clone()]).collect();
    assert_eq!(shown, ["'3s'", "dstprt"]);
    assert_eq!(faults.file.path, "site.toml");
}

#[test]
fn a_policy_takes_the_place_of_others() {
    let own = "[[policy]]\nname = 'telnet'\nmatch = 'dstport == 2323'\nreplaces = 'telnet'\n\
        [[policy]]\nname = 'scan'\nmatch = 'dstport == 1'\nreplaces = ['scan_slow', 'scan_fast', 'ssh_brute_force']\n";
    let file = |path: &str, text: &str| PolicyFile { path: path.to_owned(), text: text.to_owned() };
    let load = |own: &str| {
        let files = [file("p.toml", POLICIES), file("own.toml", own)];
        load_tuned(&files, &Lists::default(), &Tuning::default())
    };
    let sound = load(own);
    assert_eq!(sound.report(), "");
    let names: Vec<_> = sound.policies.iter().map(|policy| policy.summary.name.as_str()).collect();
    assert_eq!(names, ["telnet", "scan"]);
    assert_eq!(sound.policies[0].summary.search, "dstport == 2323");
    let report = load(&own.replace("'scan_slow'", "'scan_slwo'")).report();
    assert!(report.contains("no policy is named `scan_slwo`\n --> own.toml:8:13\n"), "{report}");
    assert!(report.contains("did you mean `scan_slow`?"), "{report}");
}

/// What the queries of a policy say of a flow.
fn selects(policy: &Policy, record: &str) -> bool {
    let query = policy.search.any.as_ref().expect("a query");
    let record = crate::nql::json::RecordReader::new(query).read(record.as_bytes());
    crate::nql::reference::matches(query, &record.expect("a record"))
}

const ROLES: &str = "[[policy]]\nname = 'scan'\nmatch = 'dstport == 22 && label.dst.role != proxy'\n\
    discard = ['label.src.role in (scanner, monitoring)']\n";

#[test]
fn roles_that_exempt_go_by_the_names_of_the_site() {
    let site = "[[override]]\nmatch = 'scan'\nroles = { scanner = ['scanner', 'nessus'], proxy = 'squid' }\n";
    let loaded = loaded(ROLES, site);
    assert_eq!(loaded.report(), "");
    for (labels, expected) in [
        (r#""label.src.role": ["nessus"]"#, false),
        (r#""label.src.role": ["scanner"]"#, false),
        (r#""label.src.role": ["monitoring"]"#, false),
        (r#""label.dst.role": ["squid"]"#, false),
        (r#""label.dst.role": ["proxy"]"#, true),
        (r#""label.dst.role": ["nessus"]"#, true),
    ] {
        let record = format!("{{\"dstport\": 22, {labels}}}");
        assert_eq!(selects(&loaded.policies[0], &record), expected, "{labels}");
    }
    let exempt = crate::policy::exempt::by_label(&loaded.policies[0], "role");
    assert_eq!(
        exempt.into_iter().collect::<Vec<_>>(),
        ["monitoring", "nessus", "scanner", "squid"]
    );
    let changes = &loaded.changes["scan"];
    let shown: Vec<_> = changes.iter().map(|c| (c.line, &*c.key, &*c.value)).collect();
    assert_eq!(
        shown,
        [(3, "roles.scanner", "['scanner', 'nessus']"), (3, "roles.proxy", "'squid'")]
    );
}

#[test]
fn a_role_that_exempts_from_none_of_the_policies_is_a_fault() {
    let site = "[[override]]\nmatch = '*'\nroles = { scaner = 'x', proxy = 'squid' }\n";
    let loaded = loaded(&format!("{POLICIES}{ROLES}"), site);
    assert_eq!(loaded.errors(), 1);
    let report = loaded.report();
    assert!(report.contains("the role `scaner` exempts from none of these policies"), "{report}");
    assert!(
        report.contains("site.toml:3:11") && report.contains("did you mean `scanner`?"),
        "{report}"
    );
}

#[test]
fn a_source_has_limits_of_its_own() {
    let site = "[[override]]\nmatch = 'scan_slow'\nwindow = '2h'\n\
        [[override]]\nmatch = 'scan_*'\nsource = 'border-*'\nseverity.low = 'count() >= 500'\n\
        [[override]]\nmatch = 'scan_slow'\nsource = '192.0.2.0/24'\nwindow = '1h'\n";
    let loaded = loaded(POLICIES, site);
    assert_eq!(loaded.report(), "");
    let shown = |policy: &Policy| {
        let source = policy.source.as_deref().unwrap_or("-");
        format!("{} {source} {} {}", policy.summary.name, policy.window, levels(policy).join(", "))
    };
    assert_eq!(
        loaded.policies.iter().map(shown).collect::<Vec<_>>(),
        [
            "scan_slow - 7200000 low: count() >= 10, high: count() >= 100",
            "scan_slow border-* 7200000 low: count() >= 500, high: count() >= 100",
            "scan_slow 192.0.2.0/24 3600000 low: count() >= 10, high: count() >= 100",
            "scan_fast - 300000 medium: distinct(dstip) >= 10",
            "scan_fast border-* 300000 low: count() >= 500, medium: distinct(dstip) >= 10",
            "telnet - 0 ",
        ]
    );
    assert_eq!(loaded.by_name().count(), 3);
    // Each flow is of one of them: of several sources, the last.
    for (source, expected) in [
        (r#""flowtype": "host""#, [true, false, false]),
        (r#""flowsrcname": "border-1", "flowsrcip": "10.0.0.9""#, [false, true, false]),
        (r#""flowsrcname": "border-1", "flowsrcip": "192.0.2.9""#, [false, false, true]),
        (r#""flowsrcname": "core", "flowsrcip": "192.0.2.9""#, [false, false, true]),
    ] {
        let record = format!("{{\"dstport\": 22, \"srcip\": \"10.0.0.2\", {source}}}");
        let found: Vec<_> = loaded.policies[..3].iter().map(|p| selects(p, &record)).collect();
        assert_eq!(found, expected, "{source}");
        let discarded = record.replace("10.0.0.2", "10.0.0.1");
        assert!(loaded.policies[..3].iter().all(|policy| !selects(policy, &discarded)));
    }
    let changes = &loaded.changes["scan_slow"];
    let shown: Vec<_> =
        changes.iter().map(|c| (c.line, &*c.key, c.source.as_deref().unwrap_or("-"))).collect();
    assert_eq!(
        shown,
        [(3, "window", "-"), (7, "severity.low", "border-*"), (11, "window", "192.0.2.0/24")]
    );
}

const SILENT: &str = "[[policy]]\nname = 'silent'\nmatch = ''\ntrack_by = [['flowsrcname']]\nwindow = '5m'\n\
    expect = ['r1', 'r2']\nseverity = { high = 'absent()' }\n";

#[test]
fn keys_that_are_expected_of_a_source_are_not_expected_of_others() {
    let site = "[[override]]\nmatch = '*'\nsource = 'r9'\nmax_severity = 'low'\n\
        [[override]]\nmatch = 'silent'\nsource = 'r2'\nwindow = '1h'\nexpect = ['r2']\n";
    let loaded = loaded(&format!("{POLICIES}{SILENT}"), site);
    assert_eq!(loaded.report(), "");
    let silent = loaded.policies.iter().filter(|policy| policy.summary.name == "silent");
    let shown: Vec<_> = silent
        .map(|policy| {
            let keys = policy.expect.iter().flatten().map(crate::nql::literal::value_text);
            (policy.source.as_deref(), policy.window / 60_000, keys.collect::<Vec<_>>().join(" "))
        })
        .collect();
    assert_eq!(shown, [(None, 5, "r1".to_owned()), (Some("r2"), 60, "r2".to_owned())]);
    assert!(loaded.policies.iter().any(|policy| policy.source.as_deref() == Some("r9")));
}

#[test]
fn what_cannot_be_limited_to_a_source_is_told() {
    let site = "[[override]]\nmatch = 'silent'\nsource = 'r1'\nwindow = '1h'\n\
        [[override]]\nmatch = 'silent'\nsource = ' '\nwindow = '1h'\n[[override]]\nmatch = 'silent'\nsource = 'x'\n";
    let report = loaded(SILENT, site).report();
    for part in [
        "site.toml:3:10",
        "say which of its keys are those of this source",
        "site.toml:7:10",
        "a source is a name",
        "changes nothing",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
}
