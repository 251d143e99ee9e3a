//! `sensor policy check`: every fault of policy files, or that there is none.

use serde::Serialize;

use super::{SiteArgs, files};
use crate::cli::report::{Body, Outcome, report};

/// How many policies there are.
#[derive(Serialize)]
struct Counts {
    policies: usize,
    enabled: usize,
}

/// Fails with every fault of the files.
pub fn check(arguments: &SiteArgs) -> anyhow::Result<()> {
    report(arguments.files.json, read(arguments))
}

fn read(arguments: &SiteArgs) -> anyhow::Result<Outcome<Counts>> {
    let site = files::Site::read(arguments)?;
    let loaded = site.load_sound()?;
    let enabled = loaded.by_name().filter(|policy| policy.enabled).count();
    let counts = Counts { policies: loaded.by_name().count(), enabled };
    let mut findings = loaded.findings();
    findings.extend(site.advice(&loaded.policies));
    Ok(Outcome::well(counts, findings))
}

impl Body for Counts {
    fn text(&self) -> String {
        format!("{} policies, {} of them enabled: no fault\n", self.policies, self.enabled)
    }
}
