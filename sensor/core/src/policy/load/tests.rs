//! Whole files: what people get wrong, all of it at once, and what is left of the rest.

use super::*;
use crate::flow::batch::Source;

/// Faults as `file:line:column message: label`.
fn faults(loaded: &Loaded) -> Vec<String> {
    let mut all = Vec::new();
    for FileFaults { file, diagnostics } in &loaded.faults {
        for fault in diagnostics {
            let start = fault.span.start.min(file.text.len());
            let column = file.text[..start].rsplit('\n').next().unwrap_or_default().chars().count();
            let label = fault.label.as_ref().map_or(String::new(), |label| format!(": {label}"));
            let place = format!("{}:{}:{}", file.path, line(&file.text, start), column + 1);
            all.push(format!("{place} {}{label}", fault.message));
        }
    }
    all
}

fn load_texts(files: &[(&str, &str)]) -> Loaded {
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| PolicyFile { path: (*path).to_owned(), text: (*text).to_owned() })
        .collect();
    load(&files, &Lists::default())
}

const GOOD: &str = r#"
[[policy]]
name = "good"
match = "dstport == 22"
track_by = [["srcip", "dstip"]]
window = "5m"
severity = { medium = "distinct(srcport) >= 20" }
"#;

#[test]
fn every_mistake_at_once() {
    let bad = r#"
[[policy]]
name = "wrong field"
match = "dstprt == 22"

[[policy]]
name = "unknown function"
match = "dstport == 22"
severity = { high = "total(bits) >= 1" }

[[policy]]
name = "short window"
match = "dstport == 22"
window = "3s"
severity = { high = "sum(bits) >= 1" }

[[policy]]
name = "good"
match = "dstport == 23"

[[policy]]
name = "array"
match = "dstport == 22"
track_by = [["srcip", "tags"]]

[[policy]]
name = "mixed"
match = """
dstport == 22 &&
dstport == 23 || dstport == 24"""

[[policy]]
name = "mixed thresholds"
match = "dstport == 22"
severity = { low = "count() >= 1 && count() >= 2 || absent()", hihg = "count() > 1" }

[[policy]]
match = "dstport == 22"
windo = "5m"

[[policy]]
name = "no match"
severity = "urgent"

[[policy]]
name = "expects nothing"
match = "dstport == 22"
track_by = [["flowsrcip"]]
severity = { high = "absent()" }

[[policy]]
name = "still good"
match = "dstport == 25"

[[policy]]
name = "labels hits"
match = "dstport == 22"
label = { field = "srcip", context = "a", value = "b", at_severity = "medium" }

[[policy]]
name = "labels incidents"
match = "dstport == 22"
severity = { low = "count() > 2" }
label = { field = "srcip", context = "a", value = "b", at_severity = "midium" }
"#;
    let slip = "[[policy]]\nname = \"slip\nmatch = 'dstport == 1'\n";
    let broken = "[[policy]\nname = 'x'\n";
    let loaded =
        load_texts(&[("a.toml", GOOD), ("b.toml", bad), ("c.toml", slip), ("d.toml", broken)]);
    let found = faults(&loaded);
    let expected = [
        "b.toml:4:10 the flow context has no field `dstprt`: did you mean `dstport`?",
        "b.toml:9:22 unknown function `total`",
        "b.toml:14:10 `window` must lie between 15s and 1day: this is 3s",
        "b.toml:18:9 there is a policy `good` already: the first is at a.toml:2",
        "b.toml:24:24 `tags` is a list, not a single value to distinguish records by: this field is an array",
        "b.toml:30:15 mixing `&&` and `||` requires parentheses: ambiguous from here",
        "b.toml:35:50 mixing `&&` and `||` requires parentheses: ambiguous from here",
        "b.toml:35:64 there is no severity `hihg`: did you mean `high`?",
        "b.toml:37:1 the policy has no `name`",
        "b.toml:39:1 unknown key `windo` in [policy]: did you mean `window`?",
        "b.toml:41:1 the policy has no `match`",
        "b.toml:43:12 there is no severity `urgent`",
        "b.toml:49:12 `absent()` needs `expect`: the keys whose silence matters",
        "b.toml:58:70 `at_severity` needs thresholds: it labels incidents that reach a severity",
        "b.toml:64:70 there is no severity `midium`: did you mean `medium`?",
    ];
    for fault in expected {
        assert!(found.iter().any(|found| found == fault), "{fault}\nis not in\n{found:#?}");
    }
    assert!(found.iter().any(|fault| fault.starts_with("c.toml:2:")), "{found:#?}");
    assert!(found.iter().any(|fault| fault.starts_with("d.toml:1:")), "{found:#?}");
    let names: Vec<_> = loaded.policies.iter().map(|policy| policy.summary.name.as_str()).collect();
    assert_eq!(names, ["good", "still good"]);
    assert!(loaded.report().contains("--> b.toml:4:10"));
}

#[test]
fn every_key() {
    let text = r#"
[[policy]]
name = "all"
group = "g"
enabled = false
description = "d"
categories = ["t1", "t2"]
match = 'dstport == 22'
match_by = { sflow = "dstport == 23", aws = "dstport == 24", cloud = "dstport == 25" }
discard = ["srcip == 10.0.0.1", "srcip == 10.0.0.2"]
track_by = [["srcip", "dstip"], ["dstip"]]
window = "2h"
update = "10m"
severity = { high = "count() >= 3", low = "count() >= 1" }
clear = "count() < 1"
hold = "30s"
reopen = "1h"
factors = ["srcip"]
max_keys = 7
lateness = "1m"
"#;
    let loaded = load_texts(&[("a.toml", text)]);
    assert_eq!(faults(&loaded), [""; 0]);
    let policy = &loaded.policies[0];
    assert!(!policy.enabled);
    assert_eq!((policy.window, policy.update, policy.lateness), (7_200_000, 600_000, 60_000));
    assert_eq!((policy.summary.window, policy.summary.update), (7200, 600));
    assert_eq!(policy.levels.len(), 2);
    assert_eq!(policy.levels[0].threshold.text.as_ref(), "count() >= 1");
    assert_eq!((policy.track_by.len(), policy.max_keys), (2, 7));
    assert_eq!(policy.search.by_source.len(), 7, "sFlow and six clouds");
    assert_ne!(policy.search.of(Source::Aws), policy.search.of(Source::Gcp));
    assert_eq!(policy.search.of(Source::Oracle), policy.search.of(Source::Gcp));
    assert!(policy.clear.is_some());
    assert_eq!((policy.hold, policy.reopen), (30_000, 3_600_000));
}

#[test]
fn fusion_models() {
    let text = r#"{"data": [{
  "id": "x1", "name": "netbios", "description": "d", "categories": ["t1498"], "enabled": true,
  "algo_record_type": "flow", "system": false, "updated": null, "factors": ["srcip"],
  "search_by": [{"type": "all", "search": ["protocol == udp && srcport == 137"]},
                {"type": "netflow", "search": ["srcport == 137", "srcport == 138"]}],
  "discards": ["srcip == 10.1.0.0\/16"],
  "track_by": [["dstip"]], "rollupperiod": 300, "updateinterval": 600,
  "thresholds": [{"severity": "high", "threshold": "avg(bitsxrate) >= 20000000"}]
}, {
  "name": "learn", "search_by": [{"type": "all", "search": ["dstport == 6881"]}], "track_by": [["srcip"]],
  "action": [{"type": "label", "field": "srcip", "context": "bt", "labels": ["yes"]}], "expiration": 60
}]}"#;
    let loaded = load_texts(&[("a.json", text)]);
    assert_eq!(faults(&loaded), [""; 0]);
    let [netbios, learn] = &loaded.policies[..] else { panic!("two policies") };
    assert_eq!((netbios.window, netbios.update), (300_000, 600_000));
    assert_eq!((netbios.hold, netbios.reopen), (300_000, 900_000), "by default");
    assert_eq!(netbios.levels[0].threshold.text.as_ref(), "avg(bitsxrate) >= 20000000");
    assert_eq!(netbios.search.by_source.len(), 1);
    assert_eq!(learn.label.as_ref().map(|label| label.expires), Some(60_000));
    let bad = "{\"name\": \"x\", \"rollupperiod\": 3,\n \"search_by\": [{\"search\": [\"\\u0064stprt == 1\"]}],\n \"thresholds\": [{\"severity\": \"low\", \"threshold\": \"sum(bit) > 1\"}]}";
    assert_eq!(
        faults(&load_texts(&[("a.json", bad), ("b.json", "{\"name\": }")])),
        [
            "a.json:1:31 `rollupperiod` must lie between 15s and 1day: this is 3s",
            "a.json:2:29 the flow context has no field `dstprt`: did you mean `dstport`?",
            "a.json:3:55 unknown metric `bit`: did you mean `bits`?",
            "b.json:1:10 not JSON: expected value",
        ]
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(at in 0..GOOD.len(), insert in "(?s).{0,3}", json in "(?s)[\\[\\]{}\":, a-z0-9]{0,40}") {
        if GOOD.is_char_boundary(at) {
            let text = format!("{}{insert}{}", &GOOD[..at], &GOOD[at..]);
            let loaded = load_texts(&[("a.toml", &text), ("b.json", &json)]);
            proptest::prop_assert!(loaded.report().len() >= loaded.errors());
        }
    }
}
