//! `sensor policy suggest`: roles of hosts, proposed from recorded flows as a label file to review.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use sensor_core::{
    diagnostic::Findings,
    policy::{exempt, model::Policy},
    roles::{CONTEXT, Proposal, Roles, Seen},
    sync::Unpoisoned as _,
};
use serde::Serialize;

use super::{SiteArgs, SuggestArgs, args::FilesArgs, files::Site};
use crate::{
    agent::{
        cloud,
        config::{self, overrides::Overrides},
        exports, inspect, logging,
        mode::Mode,
        plant::{Filters, top::PrintOptions},
        replay,
    },
    cli::{
        content::Content,
        report::{Body, Outcome, report},
    },
    clock, stdio,
};

/// What hosts were seen to do.
#[derive(Serialize)]
struct Suggested {
    records: u64,
    unwatched_records: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ms: Option<u64>,
    proposals: Vec<Proposed>,
}

/// A role of a host.
#[derive(Serialize)]
struct Proposed {
    address: IpAddr,
    role: &'static str,
    evidence: String,
    /// Enabled policies that are no longer evaluated for it.
    policies: Vec<String>,
}

/// Prints the proposals as CSV; what was read goes to stderr, as with `sensor replay`.
pub fn suggest(arguments: &SuggestArgs) -> anyhow::Result<()> {
    if arguments.json.json {
        // The document is all that is said.
        stdio::be_quiet();
    }
    report(arguments.json, read(arguments))
}

fn read(arguments: &SuggestArgs) -> anyhow::Result<Outcome<Suggested>> {
    let config =
        config::load(arguments.config.as_deref(), &Overrides::default())?.without_outputs();
    logging::start(config.log.level, logging::format::LogFormat::Text);
    let contents = inspect::read(&config, Mode::Files, true)?;
    let roles = Arc::new(Mutex::new(Roles::default()));
    let shown = PrintOptions { roles: Some(Arc::clone(&roles)), ..PrintOptions::default() };
    let (files, filters) = (&arguments.files, Filters::default());
    match arguments.content {
        Content::Traffic => replay::replay(&config, &filters, contents, files, &shown),
        Content::Exports => {
            let options = exports::options(&config, false, None);
            exports::replay::replay(&config, &filters, contents, files, &shown, options)
        }
        content => {
            let format = content.cloud().flatten();
            let (hints, reporting) = Default::default();
            let input = cloud::Input { format, hints, reporting, now: clock::now() };
            cloud::replay::replay(&config, &filters, contents, files, &shown, input)
        }
    }?;
    let roles = roles.lock().unpoisoned();
    let policies = policies(arguments.config.clone())?;
    let suggested = Suggested::of(&roles.proposals(), roles.seen(), &policies);
    Ok(Outcome::well(suggested, Findings::default()))
}

/// The policies that roles exempt hosts from: those of the configuration, or the stock library.
fn policies(config: Option<PathBuf>) -> anyhow::Result<Vec<Policy>> {
    let files = FilesArgs { paths: Vec::new(), list: Vec::new(), json: Default::default() };
    Ok(Site::read(&SiteArgs { files, config })?.load_sound()?.policies)
}

impl Suggested {
    fn of(proposals: &[Proposal], seen: Seen, policies: &[Policy]) -> Self {
        let mut exempt = BTreeMap::<String, Vec<String>>::new();
        let policies = policies.iter().filter(|policy| policy.enabled && policy.source.is_none());
        for policy in policies {
            for role in exempt::by_label(policy, CONTEXT) {
                exempt.entry(role).or_default().push(policy.summary.name.clone());
            }
        }
        let proposed = |Proposal { address, role, evidence }: &Proposal| Proposed {
            address: *address,
            role,
            evidence: evidence.clone(),
            policies: exempt.get(*role).cloned().unwrap_or_default(),
        };
        Self {
            records: seen.records,
            unwatched_records: seen.unwatched,
            first_ms: seen.first,
            last_ms: seen.last,
            proposals: proposals.iter().map(proposed).collect(),
        }
    }
}

impl Body for Suggested {
    /// A label file.
    fn text(&self) -> String {
        let mut text = String::new();
        // A string takes everything.
        let _ = writeln!(text, "# Proposed from {}.", self.period());
        if self.unwatched_records > 0 {
            let records = self.unwatched_records;
            let _ = writeln!(text, "# {records} records had hosts for which there was no room.");
        }
        text.push_str(
            "# Review each line, delete what is wrong, and name this file in [labels] files.\n",
        );
        if self.proposals.is_empty() {
            text.push_str("# No host showed a role that it does not have yet.\n");
        }
        for Proposed { address, role, evidence, policies } in &self.proposals {
            let _ = writeln!(text, "\n# {address} {evidence}");
            match policies.as_slice() {
                [] => text.push_str("# no enabled policy asks for this role\n"),
                names => {
                    let _ = writeln!(text, "# no longer evaluated for it: {}", names.join(", "));
                }
            }
            let _ = writeln!(text, "{address},{CONTEXT},{role}");
        }
        text
    }
}

impl Suggested {
    /// How much was read, and from when to when.
    fn period(&self) -> String {
        let time = |milliseconds: u64| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
            humantime::format_rfc3339_seconds(time)
        };
        match (self.first_ms, self.last_ms) {
            (Some(first), Some(last)) => {
                format!("{} flow records between {} and {}", self.records, time(first), time(last))
            }
            _ => "no flow records".to_owned(),
        }
    }
}
