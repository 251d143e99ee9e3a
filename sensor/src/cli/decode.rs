//! `sensor decode`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use sensor_core::{diagnostic::Findings, nql::lists::Lists};

use super::{
    args::OutCounters,
    content::{CloudArgs, Content},
    exit::Failure,
    nql,
    report::{Body, JsonArgs, Outcome, report},
    shown::{Form, FormArgs, TopArgs, no_flows, shown},
};
use crate::agent::{
    cloud,
    config::{self, overrides::Overrides},
    exports::{
        self,
        decode::{self as agent, Show},
        raw::{
            self,
            compare::{self, report::Report},
        },
    },
};

/// Closes the help of `decode`.
pub const EXAMPLES: &str = "\
Examples:
  sensor decode exports.pcap | jq -c '[.srcip, .dstip, .bitsxrate]'
  sensor decode --options exports.pcap.gz           sampling rates, interface names and statistics of the routers
  sensor decode --ledger exports.pcapng             account of every octet
  sensor decode --raw exports.pcap                  sets, templates and records, by an independent parser
  sensor decode --compare exports.pcap              where netflow_parser and this decoder differ
  sensor decode --config sensor.toml exports.pcap   with the [[device]] settings of the routers
  sensor decode --top 10 --by srcip exports.pcap    top senders
  sensor decode --ledger AWSLogs/                   account of every record of cloud flow logs
  sensor decode --dns-filter 'rcode == nxdomain' vpcdnsquerylogs/   queries for names that are not there
  tcpdump -w - -U udp port 2055 | sensor decode -";

/// Arguments of `decode`.
#[derive(Args, Debug)]
pub struct DecodeArgs {
    /// Show options records instead of flows
    #[arg(long)]
    pub options: bool,

    /// Show the octet ledger of each device instead of flows
    #[arg(long)]
    pub ledger: bool,

    /// Show datagrams instead of flows, as an independent parser (netflow_parser) decodes them: headers, sets, templates, records
    ///
    /// A second opinion on NetFlow 5, 7, 9 and IPFIX exports that look wrong: text, or with --format json
    /// one JSON document per datagram.
    #[arg(long, conflicts_with_all = ["options", "ledger", "inner_headers", "columns", "top", "out_counters", "config"])]
    pub raw: bool,

    /// Show where netflow_parser and this decoder differ, instead of flows
    ///
    /// Compares sets, templates, records and fields of NetFlow 5, 7, 9 and IPFIX, and the flow records with their fields.
    /// Exit code 1 if they differ.
    #[arg(long, conflicts_with_all = ["raw", "options", "ledger", "inner_headers", "format", "columns", "top", "out_counters", "config"])]
    pub compare: bool,

    /// The document of `--compare`.
    #[command(flatten)]
    pub json: JsonArgs,

    /// For sampled tunnel packets (VXLAN, GRE, IPIP), show the flow of the inner packet
    #[arg(long)]
    pub inner_headers: bool,

    /// The form of flows.
    #[command(flatten)]
    pub form: FormArgs,

    /// Groups in place of flows.
    #[command(flatten)]
    pub top: TopArgs,

    /// Show only DNS records that match this NQL query of the dns context
    #[arg(long, value_name = "QUERY", conflicts_with_all = ["raw", "compare", "options"])]
    pub dns_filter: Option<String>,

    /// Meaning of OUT counters in records that also have IN counters; overrides `[[device]]` [default: same]
    #[arg(long, help_heading = "Input", value_name = "WHAT")]
    pub out_counters: Option<OutCounters>,

    /// Configuration file (TOML) of the agent; its `[[device]]` tables and `intake.inner_headers` apply
    #[arg(long, help_heading = "Input", value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Content of the files [default: cloud where the first file is such a log, else exports]
    #[arg(long = "as", help_heading = "Input", value_name = "CONTENT", conflicts_with_all = ["raw", "compare"])]
    pub content: Option<Content>,

    /// What the files say themselves.
    #[command(flatten)]
    pub cloud: CloudArgs,

    /// Files to read, in this order; '-' is stdin. Captures (pcap, pcapng) of NetFlow 5, 7, 9, IPFIX (UDP, TCP) and
    /// sFlow 5, and IPFIX files; flow logs of clouds, or folders of them; plain, gzip or zstd
    #[arg(help_heading = "Input", value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
}

/// Decodes the files of the command line.
pub fn decode(args: &DecodeArgs) -> anyhow::Result<()> {
    if args.compare {
        return report(args.json, compared(args));
    }
    if args.json.json {
        return Err(Failure::usage(
            "--json requires --compare; for flows as JSON lines use `--format json`",
        )
        .into());
    }
    if args.raw {
        return match args.form.format {
            Some(Form::Csv) => {
                Err(Failure::usage("--raw does not support `--format csv`; use `text` or `json`")
                    .into())
            }
            form => raw::print(&args.files, form == Some(Form::Json)),
        };
    }
    let shown = shown(&args.form, &args.top)?;
    for (flag, given) in [("--options", args.options), ("--ledger", args.ledger)] {
        if given {
            no_flows(&args.form, &args.top, flag)?;
        }
    }
    let flows = (!args.options && !args.ledger).then_some(shown);
    if args.content == Some(Content::Traffic) {
        let fault = "decode reads exports and flow logs: use `sensor replay` for traffic";
        return Err(Failure::usage(fault).into());
    }
    // Its faults are told whatever the files hold.
    let config = config::load(args.config.as_deref(), &Overrides::default())?;
    if let Some(input) = args.cloud.input(args.content, &args.files, &config.context)? {
        if args.options || args.inner_headers || args.out_counters.is_some() {
            let fault = "--options, --inner-headers and --out-counters apply to exports of routers";
            return Err(Failure::usage(fault).into());
        }
        let lists = Lists::default();
        let dns_filter = args.dns_filter.as_deref();
        let dns_filter = dns_filter.map(|query| nql::dns_filter(query, &lists)).transpose()?;
        let show = cloud::decode::Show { flows, dns_filter, ledger: args.ledger };
        return cloud::decode::decode(&args.files, show, input);
    }
    let show = Show { flows, options: args.options, ledger: args.ledger };
    let out_counters = args.out_counters.map(Into::into);
    let options = exports::options(&config, args.inner_headers, out_counters);
    agent::decode(&args.files, show, options)
}

fn compared(args: &DecodeArgs) -> anyhow::Result<Outcome<Report>> {
    let found = compare::compare(&args.files)?;
    let failure = match found.count() {
        0 => None,
        1 => Some(Failure::other("the decoders differ in one place")),
        count => Some(Failure::other(format!("the decoders differ in {count} places"))),
    };
    Ok(Outcome { body: found, findings: Findings::default(), failure })
}

impl Body for Report {
    fn text(&self) -> String {
        Report::text(self)
    }
}
