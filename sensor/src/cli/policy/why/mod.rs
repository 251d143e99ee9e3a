//! `sensor policy why`: what becomes of single flows, and the report of `sensor replay --why`.
//!
//! * `input`: flows of the command line or a file. `one`: what a policy does with each. [`account`]: the report of a replay.
//! * `shown`: values and places, as both show them.

pub mod account;
mod input;
mod one;
mod shown;

use std::ops::ControlFlow;

use sensor_core::{
    diagnostic::Findings,
    nql::{json::RecordReader, typed::Subject},
    policy::why::Asked,
};

use self::{
    input::Flow,
    one::{Explained, Why},
};
use super::{
    args::WhyArgs,
    files::{Site, named},
};
use crate::{
    agent::{
        config::{self, overrides::Overrides},
        inspect::context,
    },
    cli::{
        exit::Failure,
        nql::Known,
        report::{Outcome, report},
    },
};

/// Says what the policy does with each flow.
pub fn why(arguments: &WhyArgs) -> anyhow::Result<()> {
    report(arguments.site.files.json, read(arguments))
}

fn read(arguments: &WhyArgs) -> anyhow::Result<Outcome<Why>> {
    let mut site = arguments.site.clone();
    site.files.paths.extend(arguments.policies.iter().cloned());
    let site = Site::read(&site)?;
    let loaded = site.load()?;
    let asked = account::asked(named(&loaded, &arguments.name)?, site.lists())?;
    let default = config::load(None, &Overrides::default())?;
    let config = site.config().unwrap_or(&default);
    // The flows may be of any host: none of their addresses is local.
    let (context, reports) = context::load(&config.context, None);
    let findings: Findings = reports.into_iter().flat_map(|report| report.faults).collect();
    let known = Known(context);
    let (tags, _) = config.tags(site.lists())?;

    let mut subjects: Vec<Subject> = Vec::new();
    for subject in asked.iter().flat_map(Asked::subjects) {
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    let mut why = Why::new(&asked[0]);
    let mut failed = None;
    input::for_each(&arguments.flow, &mut |line, flow: anyhow::Result<Flow>| {
        let read = flow.and_then(|mut flow| {
            flow.tag(&tags, &known)?;
            let mut wanted = subjects.clone();
            wanted.extend(flow.subjects().filter(|subject| !subjects.contains(subject)));
            let record = RecordReader::of(wanted).read_with(&flow.json(), Some(&known))?;
            Ok(Explained::of(&asked, &record, flow.source()?, line))
        });
        match read {
            Ok(explained) => why.add(explained),
            Err(error) => failed = Some((line, error)),
        }
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    match failed {
        Some((Some(line), error)) => Err(Failure::usage(format!("line {line}: {error:#}")).into()),
        Some((None, error)) => Err(Failure::usage(format!("--flow: {error:#}")).into()),
        None => Ok(Outcome::well(why, findings)),
    }
}
