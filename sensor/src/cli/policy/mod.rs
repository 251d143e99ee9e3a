//! `sensor policy`: policies by themselves, without a sensor.

mod args;
mod explain;
mod files;
mod test;

use std::io::Write as _;

pub use args::{FilesArgs, PolicyArgs, PolicyCommand};

use crate::{policy::model::Policy, stdio};

/// Does what was asked.
pub fn policy(arguments: &PolicyArgs) -> anyhow::Result<()> {
    match &arguments.command {
        PolicyCommand::Check(arguments) => check(arguments),
        PolicyCommand::Test(arguments) => test::test(arguments),
        PolicyCommand::List(arguments) => list(arguments),
        PolicyCommand::Explain(arguments) => explain::explain(arguments),
    }
}

fn check(arguments: &FilesArgs) -> anyhow::Result<()> {
    let loaded = files::load_sound(arguments)?;
    let enabled = loaded.policies.iter().filter(|policy| policy.enabled).count();
    let count = loaded.policies.len();
    stdio::print(format_args!("{count} policies, {enabled} of them enabled: no fault\n"))?;
    Ok(())
}

fn list(arguments: &FilesArgs) -> anyhow::Result<()> {
    let loaded = files::load_sound(arguments)?;
    let width = |of: fn(&Policy) -> &str| {
        loaded.policies.iter().map(|policy| of(policy).chars().count()).max().unwrap_or(0)
    };
    let (names, groups) = (width(|p| &p.summary.name), width(|p| &p.summary.group));
    let mut out = stdio::output();
    for policy in &loaded.policies {
        let enabled = if policy.enabled { "on " } else { "off" };
        let summary = &policy.summary;
        writeln!(
            out,
            "{enabled}  {:names$}  {:groups$}  {}",
            summary.name,
            summary.group,
            gives(policy)
        )?;
    }
    Ok(())
}

/// What a policy gives, in a few words.
fn gives(policy: &Policy) -> String {
    match (&policy.label, policy.has_thresholds()) {
        (Some(label), _) => format!("label {}", label.context),
        (None, false) => format!("hit, {}", policy.severity.name()),
        (None, true) => {
            policy.levels.iter().map(|level| level.severity.name()).collect::<Vec<_>>().join(", ")
        }
    }
}
