//! The flags that say how flows are shown: the form of each, or only their largest groups.

use std::num::IntErrorKind;

use clap::{Args, ValueEnum};
use sensor_core::{
    flow::fields::Field,
    hunt::{GroupBy, MOST_FIELDS, Metric},
};

use crate::{
    agent::plant::top::{PrintOptions, TopOptions},
    cli::{exit::Failure, names},
    export::log::{Format, csv::Columns},
};

/// The form in which flows are printed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Destinations")]
pub struct FormArgs {
    /// Output format of flows and DNS records [default: text on a terminal, JSON elsewhere]
    #[arg(long, value_name = "FORM")]
    pub format: Option<Form>,

    /// Columns of CSV, by the names of `sensor fields` and `sensor fields --context dns` [default: all fields, and labels]
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = names::column)]
    pub columns: Vec<&'static Field>,
}

/// A form of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One aligned line each
    Text,
    /// One JSON object per line
    Json,
    /// Comma-separated values with a header line
    Csv,
}

impl FormArgs {
    /// What the flags say. Columns alone mean CSV.
    pub fn format(&self) -> Option<Format> {
        let form = self.format.or((!self.columns.is_empty()).then_some(Form::Csv))?;
        Some(match form {
            Form::Text => Format::Lines,
            Form::Json => Format::Json,
            Form::Csv => Format::Csv(Columns::chosen(self.columns.clone())),
        })
    }
}

/// Groups in place of flows.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Largest groups")]
pub struct TopArgs {
    /// Print only the N largest groups of flows, at the end
    #[arg(long, value_name = "N", value_parser = count)]
    pub top: Option<usize>,

    /// Fields to group by, up to 7; also prefixes (`srcip/24`, `srcip/24/64` for IPv4/IPv6) and labels (`label.src.role`)
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = names::group_by, requires = "top",
          default_value = "srcip,dstip")]
    pub by: Vec<GroupBy>,

    /// Metric to sort groups by
    #[arg(long, value_name = "METRIC", value_parser = metric, requires = "top", default_value = "octets")]
    pub metric: Metric,
}

impl TopArgs {
    fn options(&self) -> anyhow::Result<Option<TopOptions>> {
        let Some(count) = self.top else { return Ok(None) };
        each_once("--by", &self.by, |by| by.subject.name())?;
        if self.by.len() > MOST_FIELDS {
            let count = self.by.len();
            let fault = format!("--by names {count} fields; groups have {MOST_FIELDS} at most");
            return Err(Failure::usage(fault).into());
        }
        Ok(Some(TopOptions { count, by: self.by.clone(), metric: self.metric }))
    }
}

/// What both say.
///
/// # Errors
/// Where groups are asked for by too many fields, a field is named twice, or columns are chosen of what has none.
pub fn shown(form: &FormArgs, top: &TopArgs) -> anyhow::Result<PrintOptions> {
    each_once("--columns", &form.columns, |field| field.name.to_owned())?;
    if !form.columns.is_empty() {
        if top.top.is_some() {
            let fault = "--columns selects the columns of flows; with --top, use --by";
            return Err(Failure::usage(fault).into());
        }
        if form.format.is_some_and(|form| form != Form::Csv) {
            let fault = "--columns requires CSV: use --format csv or omit --format";
            return Err(Failure::usage(fault).into());
        }
    }
    Ok(PrintOptions { format: form.format(), top: top.options()?, ..PrintOptions::default() })
}

/// Refuses flags about flows where none are shown.
///
/// # Errors
/// Such a flag is given; `instead` is shown in place of flows.
pub fn no_flows(form: &FormArgs, top: &TopArgs, instead: &str) -> anyhow::Result<()> {
    let given = [
        ("--format", form.format.is_some()),
        ("--columns", !form.columns.is_empty()),
        ("--top", top.top.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => {
            let fault =
                format!("{flag} applies to flows, which {instead} replaces: use one of the two");
            Err(Failure::usage(fault).into())
        }
        None => Ok(()),
    }
}

/// A number of things, at least one.
///
/// # Errors
/// It is none.
pub fn count(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => {
            Err(format!("must be at most {}", usize::MAX))
        }
        Err(_) => Err("must be at least 1, and a whole number".to_owned()),
    }
}

/// A number of threads.
///
/// # Errors
/// What to write in its place.
pub fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=256) => Ok(count),
        _ => Err("must be from 1 to 256".to_owned()),
    }
}

/// The metric of a name.
///
/// # Errors
/// What to write in its place.
pub fn metric(name: &str) -> Result<Metric, String> {
    let known = name.to_ascii_lowercase();
    Metric::ALL.into_iter().find(|metric| metric.name() == known).ok_or_else(|| {
        let all = Metric::ALL.map(Metric::name).join(", ");
        match names::meant(&known) {
            Some(meant) => format!("{meant}; metrics are {all}"),
            None => format!("not a metric; use one of {all}"),
        }
    })
}

/// A name that stands there twice would be two columns or keys of one name.
///
/// # Errors
/// One does.
pub fn each_once<T: PartialEq>(
    flag: &str,
    named: &[T],
    name: impl Fn(&T) -> String,
) -> anyhow::Result<()> {
    match named.iter().enumerate().find(|(place, one)| named[..*place].contains(one)) {
        Some((_, one)) => Err(Failure::usage(format!("{flag} names `{}` twice", name(one))).into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_none_says_what_would_be_one() {
        assert_eq!((count("1"), count(&usize::MAX.to_string())), (Ok(1), Ok(usize::MAX)));
        let refused = |text: &str| count(text).unwrap_err();
        assert_eq!(refused("0"), "must be at least 1");
        assert_eq!(refused("99999999999999999999"), "must be at most 18446744073709551615");
        for text in ["-1", "x", "", "1.5"] {
            assert!(refused(text).starts_with("must be at least 1, and"), "{text}");
        }
    }
}
