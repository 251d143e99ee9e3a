//! The arguments of `sensor hunt`.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum, ValueHint};
use sensor_core::{
    flow::fields::Field,
    hunt::{GroupBy, Metric, Order},
    nql::sql::Place,
};

use crate::{
    agent::config::value::parse_duration,
    cli::{
        args::{OutCounters, parse_list},
        content::{CloudArgs, Content},
        hunt::page::Token,
        names,
        report::JsonArgs,
        shown::{count, metric, threads},
    },
};

/// Closes the help of `hunt`.
pub const EXAMPLES: &str = "\
Examples:
  sensor hunt 'ip == 192.0.2.7' --last 24h          every flow of a host
  sensor hunt 'dstport == 22' --top 10 --by srcip   who sends most to SSH
  sensor hunt --every 1m --by protocol --from 14:00 --to 15:00
  sensor hunt 'tcpflags.syn == true' --top 20 --by srcip --distinct dstport
  sensor hunt 'dstport == 22' --also 'dstport == 3389' --by srcip --every 1h    who tries both within an hour
  sensor hunt 'srcip == 10.0.0.0/8' --from yesterday --fields end,srcip,dstip,octets --format csv
  sensor hunt 'dstport == 53' --format parquet -o dns.parquet
  sensor hunt --policy scan_vertical --last 30d      what a policy would have reported
  sensor hunt --hit 5f0c6d1e00a8b3c2-0 --store /var/lib/sensor/store    the flows of a hit
  sensor hunt 'dstport == 23' --file day.pcap.gz    the same language over other files
  sensor hunt 'dstport == 23' --on clickhouse://db.example/security --last 1h    and over a table of ClickHouse

Times are UTC, or with --local those of the host's zone: -2h, 14:30, yesterday 14:30, monday, 2026-11-30,
2026-11-30T14:30:00Z, seconds since the epoch. A range begins with --from and ends before --to.

Exit code 75 says that the answer is partial: something could not be read, or it was stopped with Ctrl-C.";

/// Arguments of `hunt`.
#[derive(Args, Debug)]
pub struct HuntArgs {
    /// Query in NQL; without it, all flows
    #[arg(value_name = "QUERY", default_value = "", hide_default_value = true)]
    pub query: String,

    /// Where flows are read from.
    #[command(flatten)]
    pub source: SourceArgs,

    /// When they were received.
    #[command(flatten)]
    pub range: RangeArgs,

    /// Flows that are shown.
    #[command(flatten)]
    pub rows: RowArgs,

    /// Groups and sums in place of flows.
    #[command(flatten)]
    pub sums: SumArgs,

    /// What the answer looks like.
    #[command(flatten)]
    pub output: OutputArgs,

    /// Run this policy over the flows and print its hits: a name of the stock library or of the configuration, or a file;
    /// repeatable. With a query, over what it selects
    #[arg(long, help_heading = "Policies", value_name = "NAME|FILE", action = ArgAction::Append,
          conflicts_with_all = ["top", "every", "distinct", "also", "fields", "limit", "order", "after", "explain", "output"])]
    pub policy: Vec<String>,

    /// Only flows of this stored hit: those that fulfil the query of its policy, have its tracked values, and were received in its time. An id of
    /// `sensor hits list`, or an incident
    #[arg(long, help_heading = "Policies", value_name = "ID", conflicts_with_all = ["file", "on", "policy", "also"])]
    pub hit: Option<String>,

    /// Labels and other context of addresses: as stored with each flow (then), or looked up in the files of --config (now)
    /// [default: then; of --file, now: without --config, by the built-in networks]
    #[arg(long, help_heading = "Input", value_name = "WHEN")]
    pub labels: Option<LabelsArg>,

    /// Show how the question would be answered, and answer nothing: what is read, what is left out and why
    #[arg(long, conflicts_with = "file")]
    pub explain: bool,

    /// Threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,

    /// List that the query references as $NAME: a file with one value per line; repeatable
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_list, action = ArgAction::Append)]
    pub list: Vec<(String, PathBuf)>,

    /// Print one JSON document on stdout, including errors (sensor/docs/json.md); exit codes stay the same
    #[command(flatten)]
    pub json: JsonArgs,
}

/// Where flows are read from.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Input")]
pub struct SourceArgs {
    /// Folder of the flow store [default: `store.folder` of the configuration]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "file")]
    pub store: Option<PathBuf>,

    /// Read these files in place of the store, in this order; repeatable: segments of a store, captures (pcap, pcapng), with
    /// --as exports also captured NetFlow, IPFIX and sFlow, IPFIX files, flow logs of clouds or folders of them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, action = ArgAction::Append)]
    pub file: Vec<PathBuf>,

    /// Ask ClickHouse in place of the store: `clickhouse://HOST[:PORT]/DATABASE[/TABLE]`, port 8123 by HTTP, others by HTTPS
    /// [default: port 8443, table flows]
    #[arg(long, value_name = "URL", value_parser = Place::parse,
          conflicts_with_all = ["store", "file", "labels", "policy", "after", "distinct", "threads"])]
    pub on: Option<Place>,

    /// File with `user:password` for --on
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "on")]
    pub on_auth_file: Option<PathBuf>,

    /// Content of the files [default: what their first octets tell]
    #[arg(long = "as", value_name = "CONTENT", requires = "file")]
    pub content: Option<Content>,

    /// What the files say themselves.
    #[command(flatten)]
    pub cloud: CloudArgs,

    /// Meaning of OUT counters in records that also have IN counters; overrides `[[device]]` [default: same]
    #[arg(long, value_name = "WHAT", requires = "file")]
    pub out_counters: Option<OutCounters>,

    /// Configuration file (TOML) of the sensor; its store, lists, labels, networks and policies apply
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// When flows were received.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Time")]
pub struct RangeArgs {
    /// Only flows received within this time until now, such as 24h
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with_all = ["from", "to"])]
    pub last: Option<Duration>,

    /// Only flows received from then on
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Only flows received before then
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub to: Option<String>,

    /// Read and show times in the host's zone, not in UTC
    #[arg(long)]
    pub local: bool,
}

/// Which flows are shown, and what of them.
#[derive(Args, Debug)]
#[command(next_help_heading = "Flows")]
pub struct RowArgs {
    /// Fields to show, by the names of `sensor fields` [default: a line for people, all fields for machines]
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = names::field)]
    pub fields: Vec<&'static Field>,

    /// Show at most this many flows
    #[arg(long, value_name = "N", value_parser = count, default_value_t = 1000)]
    pub limit: usize,

    /// Which flows come first [default: oldest]
    #[arg(long, value_name = "ORDER")]
    pub order: Option<OrderArg>,

    /// Go on behind the last flow of another answer, by the token that it gave
    #[arg(long, value_name = "TOKEN", value_parser = Token::parse)]
    pub after: Option<Token>,
}

/// Groups and sums in place of flows.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Groups")]
pub struct SumArgs {
    /// Show only the N largest groups of flows; with --every, the N largest lines and the rest as `Other`
    #[arg(long, value_name = "N", value_parser = count)]
    pub top: Option<usize>,

    /// Fields to group by, up to 7; also prefixes (`srcip/24`, `srcip/24/64` for IPv4/IPv6) and labels (`label.src.role`)
    /// [default: srcip,dstip with --top, none otherwise]
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = names::group_by)]
    pub by: Vec<GroupBy>,

    /// Metric to sort groups by
    #[arg(long, value_name = "METRIC", value_parser = metric, default_value = "octets")]
    pub metric: Metric,

    /// Sum up over time: a line for each period, such as 1m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub every: Option<Duration>,

    /// Another query: show what flows of all queries have in common, by --by (up to 5 fields), and within the same --every; repeatable, 4 times at most
    #[arg(long, value_name = "QUERY", action = ArgAction::Append, requires = "by",
          conflicts_with_all = ["distinct", "fields", "limit", "order", "after", "on"])]
    pub also: Vec<String>,

    /// Count the distinct values of these fields, in all flows or in each group; groups with most come first
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = names::group_by)]
    pub distinct: Vec<GroupBy>,
}

/// What the answer looks like.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Destinations")]
pub struct OutputArgs {
    /// Output format [default: table on a terminal, JSON elsewhere; with -o, what the name ends with]
    #[arg(long, value_name = "FORM", conflicts_with = "json")]
    pub format: Option<HuntForm>,

    /// Write the answer to this file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "json")]
    pub output: Option<PathBuf>,
}

/// A form of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HuntForm {
    /// Aligned columns, as many as the terminal is wide
    #[value(alias = "text")]
    Table,
    /// One JSON object per line
    Json,
    /// Comma-separated values with a header line
    Csv,
    /// Flows as a segment of the store: a Parquet file, with -o
    Parquet,
}

/// Which context addresses have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LabelsArg {
    /// As stored with each flow
    Then,
    /// As the configuration says now
    Now,
}

/// Which flows come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderArg {
    /// The oldest
    Oldest,
    /// The newest
    Newest,
}

impl From<OrderArg> for Order {
    fn from(order: OrderArg) -> Self {
        match order {
            OrderArg::Oldest => Self::OldestFirst,
            OrderArg::Newest => Self::NewestFirst,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use sensor_core::nql::{Filter, Options, lists::Lists};

    use crate::cli::{Arguments, Command, control, hunt::EXAMPLES, store};

    /// Words of a command line, as a shell reads them: quotes are single ones.
    fn words(line: &str) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for (at, part) in line.split('\'').enumerate() {
            match at % 2 {
                1 => words.push(part.to_owned()),
                _ => words.extend(part.split_whitespace().map(str::to_owned)),
            }
        }
        words
    }

    #[test]
    fn examples_can_be_typed() {
        let lists = Lists::default();
        let mut queries = 0;
        for text in [EXAMPLES, control::TAP_EXAMPLES, store::EXAMPLES] {
            for line in text.lines().filter(|line| line.starts_with("  sensor ")) {
                // What is meant stands behind two spaces or more; what becomes of the output, behind a bar.
                let line = line.trim().split("   ").next().unwrap_or_default();
                let line = line.split(" | ").next().unwrap_or_default();
                let parsed = Arguments::try_parse_from(words(line));
                let parsed = parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
                let query = match parsed.command {
                    Command::Hunt(arguments) => arguments.query,
                    Command::Tap(arguments) => arguments.query,
                    _ => continue,
                };
                let compiled = Filter::compile(&query, &Options::new(&lists));
                assert!(compiled.is_ok(), "{line}: {compiled:?}");
                queries += 1;
            }
        }
        assert!(queries > 8, "{queries}");
    }
}
