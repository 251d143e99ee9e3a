//! The stock library on flow logs of clouds: what each policy sees there of what its own tests show it.

use std::{collections::BTreeSet, env, fs, path::Path};

use sensor_core::{
    flow::batch::Source,
    nql::typed::Subject,
    policy::{
        load::PolicyFile,
        model::Policy,
        stock,
        testcase::{self, Case},
    },
};

use crate::stock_policies;

/// The clouds whose logs differ in what they tell. NSG logs of Azure and those of IBM are as the VNet logs.
pub const CLOUDS: [Source; 4] = [Source::Aws, Source::AzureVnet, Source::Oracle, Source::Gcp];

/// What a policy sees in the logs of a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All that it sees elsewhere.
    All,
    /// Some of it, or less severe.
    Part,
    /// Nothing.
    Nothing,
}

/// What a policy sees where, and why that is not all: the fields that it asks for and that some of the logs do not tell, or
/// another reason.
pub struct Seen {
    pub policy: String,
    pub by: [Sight; CLOUDS.len()],
    pub why: String,
}

fn stem(file: &PolicyFile) -> &str {
    let name = file.path.rsplit('/').next().expect("a path");
    name.trim_end_matches(".toml").trim_end_matches(".test")
}

/// Each policy with its tests.
fn tested() -> Vec<(Policy, Vec<Case>)> {
    let policies = stock_policies();
    let files = stock::tests();
    let of = |file: &PolicyFile| {
        let policy = policies.iter().find(|policy| policy.summary.name == stem(file));
        (policy.expect("a policy").clone(), testcase::parse(&file.text).expect("sound tests"))
    };
    files.iter().map(of).collect()
}

fn sight(policy: &Policy, cases: &[Case], cloud: Source) -> Sight {
    let hits = cases.iter().filter(|case| !case.is_silent());
    let told = hits.filter_map(|case| case.in_log_of(cloud));
    let outcomes: Vec<_> =
        told.map(|case| testcase::run(&case, std::slice::from_ref(policy))).collect();
    match () {
        // About sources of other kinds.
        () if outcomes.is_empty() => Sight::Nothing,
        () if outcomes.iter().all(|outcome| outcome.passed) => Sight::All,
        () if outcomes.iter().any(|outcome| !outcome.fired.is_empty()) => Sight::Part,
        () => Sight::Nothing,
    }
}

/// What all policies see.
pub fn all() -> Vec<Seen> {
    let seen = tested().into_iter().map(|(policy, cases)| {
        let by = CLOUDS.map(|cloud| sight(&policy, &cases, cloud));
        let less = CLOUDS.into_iter().zip(by).filter(|(_, sight)| *sight != Sight::All);
        let less: Vec<Source> = less.map(|(cloud, _)| cloud).collect();
        Seen { policy: policy.summary.name.clone(), by, why: why(&policy, &cases, &less) }
    });
    seen.collect()
}

/// Why these clouds show a policy less.
fn why(policy: &Policy, cases: &[Case], less: &[Source]) -> String {
    let asked = asked(policy);
    let (mut lacking, mut is_told, mut is_logged) = (BTreeSet::new(), false, false);
    for cloud in less {
        for case in cases.iter().filter(|case| !case.is_silent()) {
            let Some(there) = case.in_log_of(*cloud) else { continue };
            is_told = true;
            let there = there.told();
            if !there.is_empty() {
                is_logged = true;
                let told = case.told();
                lacking
                    .extend(told.difference(&there).filter(|name| asked.contains(*name)).copied());
            }
        }
    }
    let lacking: Vec<_> = lacking.iter().map(|name| format!("`{name}`")).collect();
    match () {
        () if !lacking.is_empty() => lacking.join(", "),
        () if less.is_empty() => String::new(),
        () if !is_told => "sources of another kind".to_owned(),
        () if !is_logged => "flows that are not logged".to_owned(),
        () if less == [Source::Gcp] => {
            "counts of a few packets, or small ones of octets".to_owned()
        }
        () => "what its query says of the kind of source".to_owned(),
    }
}

/// The fields that a policy asks for, anywhere.
fn asked(policy: &Policy) -> BTreeSet<&'static str> {
    let mut asked = BTreeSet::new();
    for query in Source::ALL.into_iter().filter_map(|source| policy.search.of(source)) {
        query.for_each_subject(&mut |subject| {
            if let Subject::Field(field) = subject {
                asked.insert(field.name);
            }
        });
    }
    asked
}

const CATALOGUE: &str = "docs/stock-policies.md";
const BEGIN: &str = "<!-- clouds: written by the test `the_table_of_clouds_is_fresh` -->\n";
const END: &str = "<!-- end of clouds -->\n";

#[test]
fn the_table_of_clouds_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CATALOGUE);
    let catalogue = fs::read_to_string(&path).expect("the document can be read");
    let (head, rest) = catalogue.split_once(BEGIN).expect("the place of the table");
    let (_, tail) = rest.split_once(END).expect("the end of the table");
    let fresh = format!("{head}{BEGIN}{}{END}{tail}", table());
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &fresh).expect("the catalogue can be written");
    } else {
        assert!(catalogue == fresh, "sensor/{CATALOGUE}: run with UPDATE_EXPECT=1 to rewrite it");
    }
}

fn table() -> String {
    let (whole, less): (Vec<Seen>, Vec<Seen>) =
        all().into_iter().partition(|seen| seen.by == [Sight::All; CLOUDS.len()]);
    let blind = less.iter().filter(|seen| seen.by == [Sight::Nothing; CLOUDS.len()]).count();
    let names: Vec<_> = whole.iter().map(|seen| format!("`{}`", seen.policy)).collect();
    let mut text = format!(
        "\n{} policies see in all these logs what they see elsewhere, {} in some of them or less, {blind} nothing.\n\n\
         | policy | AWS | Azure, IBM | Oracle | Google | asks for what these logs do not tell |\n|---|---|---|---|---|---|\n",
        whole.len(),
        less.len() - blind,
    );
    for Seen { policy, by, why } in &less {
        let marks = by.map(|sight| match sight {
            Sight::All => "all",
            Sight::Part => "part",
            Sight::Nothing => "-",
        });
        text += &format!("| `{policy}` | {} | {why} |\n", marks.join(" | "));
    }
    text + &format!("\nAll, everywhere: {}.\n\n", names.join(", "))
}

/// Begins the line of a test file that says why near misses are none where a cloud tells less of them.
const TOLD_LESS: &str = "# In flow logs fires: ";

#[test]
fn what_is_no_case_elsewhere_is_none_in_a_cloud() {
    let mut failures = String::new();
    for (file, (policy, cases)) in stock::tests().iter().zip(tested()) {
        let own = std::slice::from_ref(&policy);
        let mut fired = String::new();
        for cloud in CLOUDS {
            let silent = cases.iter().filter(|case| case.is_silent());
            for case in silent.filter_map(|case| case.in_log_of(cloud)) {
                let outcome = testcase::run(&case, own);
                if !outcome.passed {
                    let (name, difference) = (&case.name, &outcome.difference);
                    fired += &format!("  by {}: {name}\n{difference}", cloud.name());
                }
            }
        }
        if fired.is_empty() == file.text.contains(TOLD_LESS) {
            failures += &format!("{}:\n{fired}", policy.summary.name);
        }
    }
    assert!(failures.is_empty(), "fires, or is said to:\n{failures}");
}
