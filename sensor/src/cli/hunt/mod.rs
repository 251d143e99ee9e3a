//! `sensor hunt`: NQL over stored flows, and over files.
//!
//! * `args`: the flags; `range`, `question`: what they ask; `ask`: with all that is needed to answer.
//! * `watch`: progress and Ctrl-C. `found`: the answer and its forms (`rows`, `series`, `table`); `summary`: what it cost and lacks.
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
mod page;
mod pages;
mod policy;
mod question;
mod range;
mod rows;
mod series;
mod summary;
pub mod table;
pub mod watch;

use serde::Serialize;

pub use self::args::{EXAMPLES, HuntArgs, RangeArgs};
use self::{
    args::{HuntForm, OutputArgs},
    ask::{Asked, Asking},
    found::{Document, Found},
    range::Range,
    rows::Shown,
    summary::Cost,
};
use super::{
    exit::Failure,
    report::{Body, Outcome, report},
};
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
    let found = Found::of(answered.answer, &asked.wanted)?;
    let next = found.next();
    deliver(found, form, &asked.shown(args), &args.output)?;
    let (account, fault) = (&answered.account, answered.fault.as_deref());
    stdio::to_stderr(summary::faults(account, fault).styled());
    stdio::note(Cost::of(account, answered.elapsed, asked.is_foreign()).line(next.is_some()));
    if let Some(token) = next {
        stdio::note(format_args!("there may be more: next page: --after {token}"));
    }
    summary::failure(account, fault).map_or(Ok(()), |failure| Err(failure.into()))
}

/// Puts an answer where it is wanted.
fn deliver(
    mut found: Found,
    form: HuntForm,
    shown: &Shown,
    output: &OutputArgs,
) -> anyhow::Result<()> {
    match (&output.output, form) {
        (Some(path), HuntForm::Parquet) => file::parquet(path, found),
        (Some(path), form) => file::text(path, |out| found.write(form, shown, None, out)),
        (None, _) => {
            let width = stdio::output_width();
            let mut out = std::io::BufWriter::with_capacity(1 << 16, stdio::output());
            found.write(form, shown, width, &mut out)?;
            Ok(std::io::Write::flush(&mut out)?)
        }
    }
}

/// The form of an answer: the flag's, that of the name of the file, or what suits the reader of standard output.
fn form(args: &HuntArgs) -> anyhow::Result<HuntForm> {
    let OutputArgs { format, output } = &args.output;
    let ending = output.as_deref().and_then(|path| path.extension()?.to_str());
    let by_name = match ending {
        Some("parquet") => Some(HuntForm::Parquet),
        Some("csv") => Some(HuntForm::Csv),
        Some("txt") => Some(HuntForm::Table),
        _ => None,
    };
    let to_people = output.is_none() && stdio::output_is_terminal();
    let default = if to_people { HuntForm::Table } else { HuntForm::Json };
    let form = format.or(by_name).unwrap_or(default);
    if form == HuntForm::Parquet && output.is_none() {
        let fault = "Parquet files are written from their end: name one with -o, such as `-o flows.parquet`";
        return Err(Failure::usage(fault).into());
    }
    Ok(form)
}

/// What programs get.
#[derive(Serialize)]
struct Told {
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_ms: Option<u64>,
    #[serde(flatten)]
    found: Document,
    /// None where another answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
}

impl Told {
    fn new(query: &str, range: &Range, found: Document, cost: Option<Cost>) -> Self {
        Self {
            query: query.to_owned(),
            from_ms: (range.from > 0).then_some(range.from),
            to_ms: (range.to < u64::MAX).then_some(range.to),
            found,
            cost,
        }
    }
}

impl Body for Told {
    fn text(&self) -> String {
        String::new()
    }
}

fn document(args: &HuntArgs, now: u64) -> anyhow::Result<Outcome<Told>> {
    let Asking { asked, warnings: mut findings } = Asked::read(args, now)?;
    let answered = asked.answer(args)?;
    let mut found = Found::of(answered.answer, &asked.wanted)?;
    let (account, fault) = (&answered.account, answered.fault.as_deref());
    findings.extend(summary::faults(account, fault));
    let failure = summary::failure(account, fault);
    let mut cost = Cost::of(account, answered.elapsed, asked.is_foreign());
    cost.partial = failure.is_some();
    let found = found.document(&asked.shown(args))?;
    let body = Told::new(&args.query, &asked.range, found, Some(cost));
    Ok(Outcome { body, findings, failure })
}
