//! The arguments of `sensor nql` and its verbs.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueHint};

use crate::cli::{args::parse_list, kind::RecordKindArg};

/// Closes the help of `nql`.
const EXAMPLES: &str = "\
Examples:
  sensor nql check 'dstport < 1024 && srcip == 10.0.0.0/8'
  sensor nql explain 'dstport == 80 || dstport == 443 || dstport >= 8000'
  sensor nql filter 'label.ip.role == db' --labels labels.csv flows.json.gz
  sensor nql filter 'srcinternal == true && dstport in (22, 23)' flows.json";

/// Arguments of `nql`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct NqlArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: NqlCommand,
}

/// The verbs of `nql`.
#[derive(Debug, Subcommand)]
pub enum NqlCommand {
    /// Validate a query and report all errors; exit code 64 if there are any
    Check(QueryArgs),
    /// Show the evaluation plan of a flow query: its tests, in order
    Explain(QueryArgs),
    /// Filter JSON lines: print the records that match a query
    Filter(FilterArgs),
}

/// A query and how to read it.
#[derive(Args, Debug)]
pub struct QueryArgs {
    /// The query; quote it to protect it from the shell
    #[arg(value_name = "QUERY")]
    pub query: String,

    /// Accept the public language only, without this project's extensions
    #[arg(long)]
    pub strict: bool,

    /// Kind of record that the query applies to
    #[arg(long, value_name = "CONTEXT", default_value = "flow")]
    pub context: RecordKindArg,

    /// List that the query references as $NAME: a file with one value per line; repeatable
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_list, action = ArgAction::Append)]
    pub list: Vec<(String, PathBuf)>,
}

/// Arguments of `nql filter`.
#[derive(Args, Debug)]
pub struct FilterArgs {
    /// The query.
    #[command(flatten)]
    pub query: QueryArgs,

    /// Configuration file (TOML) whose labels, networks, geography and reputation enrich the records
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Additional label file; repeatable
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, action = ArgAction::Append)]
    pub labels: Vec<PathBuf>,

    /// JSON lines, plain, gzip or zstd, keys as in `sensor fields`, flat or nested [default: '-', stdin]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}
