//! The guide says what is true: its policies load, and the table of the catalogue is that of the library.
//! `UPDATE_EXPECT=1` writes the table anew.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use sensor_core::{
    nql::lists::Lists,
    policy::{
        load::{PolicyFile, load},
        model::Policy,
        testcase,
    },
};

use crate::stock_policies;

const BEGIN: &str = "<!-- policies: written by the test `the_table_is_fresh` -->\n";
const END: &str = "<!-- end of policies -->\n";

/// How to write policies, and which there are.
const GUIDE: &str = "docs/policies.md";
const CATALOGUE: &str = "docs/stock-policies.md";

fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).expect("the document can be read")
}

#[test]
fn the_table_is_fresh() {
    let catalogue = read(CATALOGUE);
    let (head, rest) = catalogue.split_once(BEGIN).expect("the place of the table");
    let (_, tail) = rest.split_once(END).expect("the end of the table");
    let fresh = format!("{head}{BEGIN}{}{END}{tail}", table());
    if env::var_os("UPDATE_EXPECT").is_some() && catalogue != fresh {
        fs::write(path(CATALOGUE), &fresh).expect("the catalogue can be written");
        return;
    }
    assert!(
        catalogue == fresh,
        "sensor/{CATALOGUE} is stale; run with UPDATE_EXPECT=1 to rewrite it"
    );
}

fn table() -> String {
    let policies = stock_policies();
    let mut groups = BTreeMap::<&str, Vec<&Policy>>::new();
    for policy in &policies {
        groups.entry(&policy.summary.group).or_default().push(policy);
    }
    let on = policies.iter().filter(|policy| policy.enabled).count();
    let mut text = format!("\n{} policies, {on} of them enabled by default.\n", policies.len());
    for (group, policies) in groups {
        write!(
            text,
            "\n### {group}\n\n| policy | default | severity | ATT&CK | description |\n|---|---|---|---|---|\n"
        )
        .expect("a string takes everything");
        for policy in policies {
            let summary = &policy.summary;
            let on = if policy.enabled { "on" } else { "off" };
            writeln!(
                text,
                "| `{}` | {on} | {} | {} | {} |",
                summary.name,
                severities(policy),
                summary.categories.join(", ").to_uppercase(),
                summary.description
            )
            .expect("a string takes everything");
        }
    }
    text.push('\n');
    text
}

fn severities(policy: &Policy) -> String {
    if !policy.gives_events() {
        return "label".to_owned();
    }
    if policy.levels.is_empty() {
        return format!("{}, each hit", policy.severity.name());
    }
    let levels: Vec<_> = policy.levels.iter().map(|level| level.severity.name()).collect();
    levels.join(", ")
}

/// The fenced blocks of the guide that begin with `begin`.
fn blocks(begin: &str) -> Vec<String> {
    let guide = read(GUIDE);
    let blocks = guide.split("```toml\n").skip(1);
    let blocks =
        blocks.map(|rest| rest.split("```").next().expect("the text of the block").to_owned());
    blocks.filter(|block| block.starts_with(begin)).collect()
}

#[test]
fn policies_of_the_guide_load_and_its_tests_pass() {
    let blocks_of_policies = blocks("[[policy]]");
    assert!(blocks_of_policies.len() >= 3);
    let mut policies = Vec::new();
    for text in blocks_of_policies {
        let file = PolicyFile { path: "policies.md".to_owned(), text };
        let loaded = load(&[file], &Lists::default());
        assert!(loaded.faults.is_empty(), "{}", loaded.report());
        policies.extend(loaded.policies);
    }
    let tests = blocks("[[test]]");
    assert!(!tests.is_empty());
    for text in tests {
        for case in testcase::parse(&text).expect("the guide's tests are well formed") {
            let own: Vec<_> = policies
                .iter()
                .filter(|p| case.policies.contains(&p.summary.name))
                .cloned()
                .collect();
            assert!(!own.is_empty(), "{}: about no policy of the guide", case.name);
            let outcome = testcase::run(&case, &own);
            assert!(outcome.passed, "{}\n{}", case.name, outcome.difference);
        }
    }
}
