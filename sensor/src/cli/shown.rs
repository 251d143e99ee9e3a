//! The flags that say how flows are shown: the form of each, or only their largest groups.

use clap::{Args, ValueEnum};

use crate::{
    agent::top::{Shown, TopOptions},
    cli::exit::Failure,
    diagnostic::nearest,
    export::log::{Format, csv::Columns},
    flow::{
        fields::{self, Context, FIELDS, Field},
        top::{MOST_FIELDS, Metric},
    },
    nql::synonyms,
};

/// The form in which flows are printed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Destinations")]
pub struct FormArgs {
    /// How flows are printed [default: text on a terminal, JSON elsewhere]
    #[arg(long, value_name = "FORM")]
    pub format: Option<Form>,

    /// Columns of CSV, by the names of `sensor fields` [default: all fields, and labels]
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = field)]
    pub columns: Vec<&'static Field>,
}

/// A form of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One aligned line for each
    Text,
    /// One JSON object for each
    Json,
    /// Comma-separated values, with a line that names the columns
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

    /// What the flows of a group have in common: up to 7 fields
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = field, requires = "top",
          default_value = "srcip,dstip")]
    pub by: Vec<&'static Field>,

    /// What the groups are ordered by
    #[arg(long, value_name = "METRIC", value_parser = metric, requires = "top", default_value = "octets")]
    pub metric: Metric,
}

impl TopArgs {
    fn options(&self) -> anyhow::Result<Option<TopOptions>> {
        let Some(count) = self.top else { return Ok(None) };
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
/// Where groups are asked for by too many fields.
pub fn shown(form: &FormArgs, top: &TopArgs) -> anyhow::Result<Shown> {
    Ok(Shown { format: form.format(), top: top.options()? })
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("must be a number from 1 on".to_owned()),
        Ok(count) => Ok(count),
    }
}

fn field(name: &str) -> Result<&'static Field, String> {
    if let Some(synonym) = synonyms::meant(name, Context::Flow) {
        return Err(format!("what others call `{name}` is `{}` here", synonym.field));
    }
    let found = fields::find(name);
    found.ok_or_else(|| match nearest(name, FIELDS.iter().map(|field| field.name)) {
        Some(near) => format!("flows have no field `{name}`; did you mean `{near}`?"),
        None => format!("flows have no field `{name}`; `sensor fields` lists them"),
    })
}

fn metric(name: &str) -> Result<Metric, String> {
    Metric::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| {
        let all = Metric::ALL.map(Metric::name).join(", ");
        match synonyms::meant(name, Context::Flow) {
            Some(synonym) => {
                format!("what others call `{name}` is `{}` here; metrics are {all}", synonym.field)
            }
            None => format!("no metric; there are: {all}"),
        }
    })
}
