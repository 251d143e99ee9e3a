//! Where answers go: to standard output, into a file, into a document for programs.

use serde::Serialize;

use super::{
    args::{HuntArgs, HuntForm, OutputArgs},
    file,
    found::{Document, Found},
    range::Range,
    rows::Shown,
    summary::Cost,
};
use crate::{
    cli::{exit::Failure, report::Body},
    stdio,
};

/// Puts an answer where it is wanted; one that `is_whole`, not stopped, in place of a file that is there.
pub fn deliver(
    mut found: Found,
    form: HuntForm,
    shown: &Shown,
    output: &OutputArgs,
    is_whole: bool,
) -> anyhow::Result<()> {
    match (&output.output, form) {
        (Some(path), HuntForm::Parquet) => file::parquet(path, found, is_whole),
        (Some(path), form) => {
            file::text(path, |out| found.write(form, shown, None, out).map(|()| is_whole))
        }
        (None, _) => {
            let width = stdio::output_width();
            let mut out = std::io::BufWriter::with_capacity(1 << 16, stdio::output());
            found.write(form, shown, width, &mut out)?;
            Ok(std::io::Write::flush(&mut out)?)
        }
    }
}

/// The form of an answer: the flag's, that of the name of the file, or what suits the reader of standard output.
pub fn form(args: &HuntArgs) -> anyhow::Result<HuntForm> {
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
pub struct Told {
    query: String,
    /// The queries beside it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    also: Vec<String>,
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
    /// An answer, and what it cost, where that is known.
    pub fn new(args: &HuntArgs, range: &Range, found: Document, cost: Option<Cost>) -> Self {
        Self {
            query: args.query.clone(),
            also: args.sums.also.clone(),
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
