//! `sensor policy suggest`: roles of hosts, proposed from recorded flows as a label file to review.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use sensor_core::{
    policy::{exempt, model::Policy},
    roles::{CONTEXT, Proposal, Roles, Seen},
    sync::Unpoisoned as _,
};

use super::{SiteArgs, SuggestArgs, args::FilesArgs, files::Site};
use crate::{
    agent::{
        config::{self, overrides::Overrides},
        exports, inspect, logging,
        mode::Mode,
        plant::top::PrintOptions,
        replay,
    },
    cli::args::Content,
    stdio,
};

/// Prints the proposals as CSV; what was read goes to stderr, as with `sensor replay`.
pub fn suggest(arguments: &SuggestArgs) -> anyhow::Result<()> {
    let config =
        config::load(arguments.config.as_deref(), &Overrides::default())?.without_outputs();
    logging::start(config.log.level);
    let contents = inspect::read(&config, Mode::Files, true)?;
    let roles = Arc::new(Mutex::new(Roles::default()));
    let shown = PrintOptions { roles: Some(Arc::clone(&roles)), ..PrintOptions::default() };
    let files = &arguments.files;
    match arguments.content {
        Content::Traffic => replay::replay(&config, None, contents, files, &shown),
        Content::Exports => {
            let options = exports::options(&config, false, None);
            exports::replay::replay(&config, None, contents, files, &shown, options)
        }
    }?;
    let roles = roles.lock().unpoisoned();
    let policies = policies(arguments.config.clone())?;
    Ok(stdio::print(format_args!("{}", text(&roles.proposals(), roles.seen(), &policies)))?)
}

/// The policies that roles exempt hosts from: those of the configuration, or the stock library.
fn policies(config: Option<PathBuf>) -> anyhow::Result<Vec<Policy>> {
    let files = FilesArgs { paths: Vec::new(), list: Vec::new(), json: Default::default() };
    Ok(Site::read(&SiteArgs { files, config })?.load_sound()?.policies)
}

fn text(proposals: &[Proposal], seen: Seen, policies: &[Policy]) -> String {
    let mut exempt = BTreeMap::<String, Vec<&str>>::new();
    for policy in policies.iter().filter(|policy| policy.enabled) {
        for role in exempt::by_label(policy, CONTEXT) {
            exempt.entry(role).or_default().push(&policy.summary.name);
        }
    }
    let mut text = String::new();
    // A string takes everything.
    let _ = writeln!(text, "# Proposed from {}.", period(seen));
    if seen.unwatched > 0 {
        let _ =
            writeln!(text, "# {} records had hosts for which there was no room.", seen.unwatched);
    }
    text.push_str(
        "# Review each line, delete what is wrong, and name this file in [labels] files.\n",
    );
    if proposals.is_empty() {
        text.push_str("# No host showed a role that it does not have yet.\n");
    }
    for Proposal { address, role, evidence } in proposals {
        let _ = writeln!(text, "\n# {address} {evidence}");
        match exempt.get(*role) {
            Some(names) => {
                let _ = writeln!(text, "# no longer evaluated for it: {}", names.join(", "));
            }
            None => text.push_str("# no enabled policy asks for this role\n"),
        }
        let _ = writeln!(text, "{address},{CONTEXT},{role}");
    }
    text
}

/// How much was read, and from when to when.
fn period(seen: Seen) -> String {
    let time = |milliseconds: u64| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
        humantime::format_rfc3339_seconds(time)
    };
    match (seen.first, seen.last) {
        (Some(first), Some(last)) => {
            format!("{} flow records between {} and {}", seen.records, time(first), time(last))
        }
        _ => "no flow records".to_owned(),
    }
}
