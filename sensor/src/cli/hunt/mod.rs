//! `sensor hunt`: NQL over stored flows, and over files.
//!
//! * `args`: the flags; `range`, `question`, `hit`: what they ask; `ask`: with all that is needed to answer.
//! * `watch`: progress and Ctrl-C. `output`: where answers go. `found`: the answer and its forms (`rows`, `series`, `shared`, `table`); `summary`: what it cost and lacks.
//! * `explain`: how it would be answered. `page`: where the next page begins. `file`: answers in files. `pages`: all
//!   flows, however many; `policy`: what policies would have reported of them; `export`: into files. `elsewhere`: questions to ClickHouse.

mod args;
mod ask;
pub mod elsewhere;
mod explain;
pub mod export;
#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "edge: the file of -o")]
mod file;
mod found;
pub mod hit;
mod output;
mod page;
mod pages;
mod policy;
mod question;
pub mod range;
mod rows;
mod series;
mod shared;
mod summary;
pub mod table;
pub mod watch;

use sensor_core::hunt::Partial;

pub use self::args::{EXAMPLES, HuntArgs, RangeArgs};
use self::{
    args::HuntForm,
    ask::{Asked, Asking},
    found::Found,
    output::{Told, deliver, form},
    summary::Cost,
};
use super::report::{Outcome, report};
use crate::{clock, stdio};

/// Answers the question of the command line.
pub fn hunt(args: &HuntArgs) -> anyhow::Result<()> {
    let now = clock::now();
    if !args.policy.is_empty() {
        return policy::run(args, now);
    }
    if args.json.json {
        // The document is all that is said.
        stdio::be_quiet();
    }
    if let Some(place) = &args.source.on {
        return elsewhere::hunt(args, place, now);
    }
    if args.explain {
        return report(args.json, explain::explain(args, now));
    }
    if args.json.json {
        return report(args.json, document(args, now));
    }
    let form = form(args)?;
    let Asking { asked, warnings } = Asked::read(args, now)?;
    stdio::to_stderr(warnings.styled());
    if form == HuntForm::Parquet {
        file::refuse_sums(&asked.wanted)?;
    }
    let answered = asked.answer(args)?;
    let found = Found::of(answered.answer, &asked.wanted, 1 + args.sums.also.len())?;
    let next = found.next();
    let (account, fault) = (&answered.account, answered.fault.as_deref());
    let is_whole = account.partial != Some(Partial::Cancelled);
    deliver(found, form, &asked.shown(args), &args.output, is_whole)?;
    stdio::to_stderr(summary::faults(account, fault).styled());
    stdio::note(Cost::of(account, answered.elapsed, asked.is_foreign()).line(next.is_some()));
    if let Some(token) = next {
        stdio::note(format_args!("there may be more: next page: --after {token}"));
    }
    summary::failure(account, fault).map_or(Ok(()), |failure| Err(failure.into()))
}

fn document(args: &HuntArgs, now: u64) -> anyhow::Result<Outcome<Told>> {
    let Asking { asked, warnings: mut findings } = Asked::read(args, now)?;
    let answered = asked.answer(args)?;
    let mut found = Found::of(answered.answer, &asked.wanted, 1 + args.sums.also.len())?;
    let (account, fault) = (&answered.account, answered.fault.as_deref());
    findings.extend(summary::faults(account, fault));
    let failure = summary::failure(account, fault);
    let mut cost = Cost::of(account, answered.elapsed, asked.is_foreign());
    cost.partial = failure.is_some();
    let found = found.document(&asked.shown(args))?;
    let body = Told::new(args, &asked.range, found, Some(cost));
    Ok(Outcome { body, findings, failure })
}
