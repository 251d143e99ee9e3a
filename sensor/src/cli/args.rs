//! The arguments of each verb, and how flags become [`Overrides`] of the configuration file.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::{
    content::{CloudArgs, Content},
    exit::Failure,
    kind::RecordKindArg,
    report::JsonArgs,
    shown::{FormArgs, TopArgs, shown},
};
use crate::agent::{
    config::{self, overrides::Overrides, value::parse_duration},
    exports,
    logging::format::LogFormat,
    plant::top::PrintOptions,
};

/// Closes the help of the program.
pub const EXIT_CODES: &str = "\
Exit codes:
  0   success
  64  invalid command line or configuration
  69  the kernel lacks a required feature
  75  the answer is partial (hunt, store)
  77  permission denied
  1   any other error";

/// Closes the help of `run`.
pub const RUN_EXAMPLES: &str = "\
Examples:
  sensor run                                        the default route's interface
  sensor run -i 'eth*' --collector udp://10.0.0.5   all eth interfaces, exported to a collector
  sensor run --policies stock --print flows,hits    also evaluate the stock policies
  sensor run --listen netflow://0.0.0.0:2055        flow exports of routers only; needs no root
  sensor run --config /etc/sensor/sensor.toml       as a service

Signals:
  INT, TERM, QUIT  stop: detach, flush queues, print the summary
  HUP              reload the configuration and the files it names; reopen flow logs and hit files
  USR1             print the summary so far";

/// Closes the help of `replay`.
pub const REPLAY_EXAMPLES: &str = "\
Examples:
  sensor replay morning.pcap.gz | jq .octets        flows as JSON lines
  sensor replay --print none --ipfix-file DIR FILE  flows as IPFIX files
  sensor replay --as exports netflow.pcap           flows exported by routers
  sensor replay --policies stock AWSLogs/           flow logs of a cloud, from a copy of their bucket
  sensor replay --why ssh_brute_force day.pcap.gz   why that policy did or did not fire";

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Capture")]
pub struct RunArgs {
    /// Interface to capture: a name, a glob such as 'eth*', or 'auto' for the default route's interface; repeatable
    #[arg(short, long, value_name = "IFACE", action = ArgAction::Append)]
    pub interface: Vec<String>,

    /// Receive flow exports on netflow://, ipfix:// or sflow://ADDRESS:PORT (UDP), tcp:// or tls:// (IPFIX); repeatable.
    /// Without -i, no interface is captured
    #[arg(long, help_heading = "Intake", value_name = "URL", action = ArgAction::Append)]
    pub listen: Vec<String>,

    /// Accept devices from this network; repeatable [default: loopback, private and link-local addresses]
    #[arg(long, help_heading = "Intake", value_name = "CIDR", action = ArgAction::Append)]
    pub allow: Vec<String>,

    /// Forward each received datagram to udp://HOST:PORT; repeatable
    #[arg(long, help_heading = "Intake", value_name = "URL", action = ArgAction::Append)]
    pub forward: Vec<String>,

    /// Forward datagrams with the device's source address instead of our own
    #[arg(long, help_heading = "Intake", requires = "forward")]
    pub keep_source: bool,

    /// Serve the console, a page in a browser, at this address [default: 127.0.0.1:8686]; `sensor page` prints how to open it
    #[arg(long, help_heading = "General", value_name = "ADDRESS:PORT", num_args = 0..=1, require_equals = true, default_missing_value = config::console::LISTEN)]
    pub console: Option<String>,

    /// Interval at which to drain the kernel's flow tables [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub interval: Option<Duration>,

    /// Stop after this time
    #[arg(long, value_name = "TIME", value_parser = parse_run_time)]
    pub duration: Option<Duration>,

    /// Hook that counts received packets: auto, xdp, tc or generic; prefix it with `NAME=` to limit it to an interface name
    /// or glob; repeatable
    #[arg(long, value_name = "[NAME=]HOOK", action = ArgAction::Append)]
    pub ingress: Vec<String>,

    /// Use generic XDP on every interface that no --ingress or `[[interface]]` matches; it counts merged packets once
    #[arg(long)]
    pub generic_xdp: bool,

    /// Form of the log [default: journal for a service whose stderr goes to systemd's journal, else text]
    #[arg(long, help_heading = "General", value_name = "FORM")]
    pub log_format: Option<LogFormat>,

    /// What holds for replays as well.
    #[command(flatten)]
    pub flows: FlowArgs,
}

/// Arguments of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// What holds for live traffic as well.
    #[command(flatten)]
    pub flows: FlowArgs,

    /// Content of the files: traffic, the NetFlow, IPFIX and sFlow exports of routers, or flow logs of clouds
    /// [default: cloud where the first file is such a log, else traffic]
    #[arg(long = "as", help_heading = "Input", value_name = "CONTENT")]
    pub content: Option<Content>,

    /// What the files say themselves.
    #[command(flatten)]
    pub cloud: CloudArgs,

    /// Meaning of OUT counters in records that also have IN counters; overrides `[[device]]` [default: same]
    #[arg(long, help_heading = "Input", value_name = "WHAT")]
    pub out_counters: Option<OutCounters>,

    /// Report at the end why this policy does or does not fire: flows tested, discarded by each line, matched, and the key
    /// nearest to a threshold; repeatable. Without --policies and --config, of the stock library
    #[arg(long, help_heading = "Policies", value_name = "NAME", action = ArgAction::Append)]
    pub why: Vec<String>,

    /// Print the report of --why as one JSON document, including errors (sensor/docs/json.md)
    #[arg(long, help_heading = "Policies", requires = "why", conflicts_with = "print")]
    pub json: bool,

    /// Files to read, in this order; '-' is stdin. Captures (pcap, pcapng), with --as exports also IPFIX files; flow logs of
    /// clouds, or folders of them; plain, gzip or zstd
    #[arg(help_heading = "Input", value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
}

/// What the OUT counters of devices count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutCounters {
    /// The same packets as the IN counters, counted when they left
    Same,
    /// Packets of the reverse direction, which become a separate flow
    Reverse,
}

impl From<OutCounters> for exports::OutCounters {
    fn from(counters: OutCounters) -> Self {
        match counters {
            OutCounters::Same => Self::Same,
            OutCounters::Reverse => Self::Reverse,
        }
    }
}

/// How flows are made, and where they go.
#[derive(Args, Debug)]
#[command(next_help_heading = "Flows")]
pub struct FlowArgs {
    /// Active timeout: report a long-lived flow this often [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub active_timeout: Option<Duration>,

    /// Idle timeout: end a flow after this time without a packet [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub idle_timeout: Option<Duration>,

    /// Export IPFIX to udp://, tcp:// or tls://HOST:PORT; ?source=ADDRESS|INTERFACE sets the source; repeatable
    #[arg(long, help_heading = "Destinations", value_name = "URL", action = ArgAction::Append)]
    pub collector: Vec<String>,

    /// Write IPFIX files (RFC 5655) into this directory
    #[arg(long, help_heading = "Destinations", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub ipfix_file: Option<PathBuf>,

    /// Keep flow records and hits in this folder, to search them later
    #[arg(long, help_heading = "Destinations", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,

    /// Print and export only flows that match this NQL query
    #[arg(long, help_heading = "Destinations", value_name = "QUERY")]
    pub filter: Option<String>,

    /// Print and log only DNS records that match this NQL query of the dns context
    #[arg(long, help_heading = "Destinations", value_name = "QUERY")]
    pub dns_filter: Option<String>,

    /// List that queries reference as $NAME: a file with one value per line; repeatable
    #[arg(long, help_heading = "Destinations", value_name = "NAME=FILE", value_parser = parse_list,
          action = ArgAction::Append)]
    pub list: Vec<(String, PathBuf)>,

    /// Evaluate every flow against these policies: files, directories, or 'stock' for the built-in library; repeatable
    #[arg(long, help_heading = "Policies", value_name = "PATH", action = ArgAction::Append)]
    pub policies: Vec<PathBuf>,

    /// Skip invalid policies instead of refusing to start
    #[arg(long, help_heading = "Policies")]
    pub lenient: bool,

    /// What to print on stdout, comma-separated [default: flows and DNS records; with --policies, hits; with --config, as
    /// configured]
    #[arg(long, help_heading = "Destinations", value_name = "WHAT", value_delimiter = ',')]
    pub print: Vec<Print>,

    /// The form of printed flows.
    #[command(flatten)]
    pub form: FormArgs,

    /// Groups in place of flows.
    #[command(flatten)]
    pub top: TopArgs,

    /// Append flows to this file, as JSON lines
    #[arg(long, help_heading = "Destinations", value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub flow_log: Option<PathBuf>,

    /// Append DNS records (query logs of clouds) to this file, as JSON lines
    #[arg(long, help_heading = "Destinations", value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub dns_log: Option<PathBuf>,

    /// Observation domain ID in IPFIX messages [default: 1]
    #[arg(long, help_heading = "Destinations", value_name = "ID")]
    pub observation_domain: Option<u32>,

    /// Configuration file (TOML), with the drop-ins conf.d/*.toml beside it; flags override them. Relative paths are relative to the file
    #[arg(long, help_heading = "General", value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Increase the log level: -v by one step, -vv by two; the summary then has a line for each policy
    #[arg(short, long, help_heading = "General", action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
}

/// What goes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Print {
    /// One line per flow: aligned on a terminal, JSON elsewhere
    Flows,
    /// One line per DNS record: aligned on a terminal, JSON elsewhere
    Dns,
    /// One line per policy hit: text on a terminal, JSON elsewhere
    Hits,
    /// Nothing
    None,
}

/// Arguments of `fields`.
#[derive(Args, Debug)]
pub struct FieldsArgs {
    /// Kind of records
    #[arg(long, value_enum, default_value_t = RecordKindArg::Flow, value_name = "KIND")]
    pub context: RecordKindArg,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Configuration file (TOML), with the drop-ins conf.d/*.toml beside it
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: PathBuf,

    /// Configuration that a sensor runs on: also list the keys that differ from it, and whether a reload applies them
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub against: Option<PathBuf>,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}

impl RunArgs {
    /// The flags that stand for keys of the configuration.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            interfaces: self.interface.clone(),
            interval: self.interval,
            ingress: self.ingress.clone(),
            generic_xdp: self.generic_xdp.then_some(true),
            listen: self.listen.clone(),
            allow: self.allow.clone(),
            forward: self.forward.clone(),
            keep_source: self.keep_source,
            console: self.console.clone(),
            log_format: self.log_format,
            ..self.flows.overrides()
        }
    }
}

impl FlowArgs {
    /// How flows are shown.
    ///
    /// # Errors
    /// Flags that exclude each other.
    pub fn shown(&self) -> anyhow::Result<PrintOptions> {
        if self.print.contains(&Print::None) && self.print.iter().any(|what| *what != Print::None) {
            let fault = "--print combines `none` with other values: use one or the other";
            return Err(Failure::usage(fault).into());
        }
        let shown = shown(&self.form, &self.top)?;
        Ok(PrintOptions { policies: self.verbose > 0, ..shown })
    }

    /// Whether a flag asks for an output.
    pub fn has_outputs(&self) -> bool {
        let sinks =
            !self.collector.is_empty() || self.ipfix_file.is_some() || self.flow_log.is_some();
        let sinks = sinks || self.dns_log.is_some() || self.store.is_some();
        sinks || !self.print.is_empty()
    }

    /// The flags that stand for keys of the configuration. Whoever gives neither a file nor `--print` wants to
    /// see flows, or hits where there are policies; with a file, flows where a filter or a form is asked for.
    pub fn overrides(&self) -> Overrides {
        let prints = |what| self.print.contains(&what);
        let by_default = self.print.is_empty() && self.config.is_none();
        // Who says which flows or how they look wants to see them, whatever the file says.
        let asked = self.filter.is_some() || self.form.format().is_some();
        let print_flows = match self.print.is_empty() {
            false => Some(prints(Print::Flows)),
            true if self.top.top.is_some() => Some(false),
            true if by_default => Some(self.policies.is_empty()),
            true => asked.then_some(true),
        };
        let asked = self.dns_filter.is_some() || self.form.format().is_some();
        let print_dns = match self.print.is_empty() {
            false => Some(prints(Print::Dns)),
            true if self.top.top.is_some() => Some(false),
            true if by_default => Some(self.policies.is_empty()),
            true => asked.then_some(true),
        };
        Overrides {
            active_timeout: self.active_timeout,
            idle_timeout: self.idle_timeout,
            observation_domain: self.observation_domain,
            collectors: self.collector.clone(),
            ipfix_file: self.ipfix_file.clone(),
            store: self.store.clone(),
            policies: self.policies.clone(),
            lenient: self.lenient,
            print_flows,
            print_hits: prints(Print::Hits) || by_default && !self.policies.is_empty(),
            flow_log: self.flow_log.clone(),
            print_dns,
            dns_log: self.dns_log.clone(),
            lists: self.list.clone(),
            verbose: self.verbose,
            ..Overrides::default()
        }
    }
}

/// How long to run. No time at all would attach programs for nothing.
fn parse_run_time(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("must be greater than zero, such as 10s".to_owned()),
        duration => Ok(duration),
    }
}

/// `NAME=FILE`; `$` before the name does not count.
pub fn parse_list(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.trim_start_matches('$').to_owned(), PathBuf::from(file)))
        }
        _ => Err("a list is NAME=FILE, such as blocked=blocked.txt".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Arguments, Command};

    fn run(arguments: &str) -> RunArgs {
        let arguments = ["sensor", "run"].into_iter().chain(arguments.split_whitespace());
        match Arguments::parse_from(arguments).command {
            Command::Run(run) => run,
            other => panic!("not run: {other:?}"),
        }
    }

    #[test]
    fn every_flag_of_run() {
        let run = run(
            "--config f.toml -i eth0 --interface eth1 --collector udp://a:1 --collector tcp://b:2 \
             --ipfix-file dir --store kept --print none --active-timeout 60s --idle-timeout 15s --interval 500ms \
             --duration 10s --ingress tc --ingress eth1=xdp --generic-xdp --observation-domain 7 --flow-log flows.json --dns-log dns.json --list a=b --list $c=d --policies stock --policies mine --lenient -vv \
             --listen netflow://0.0.0.0 --listen tcp://[::] --allow 192.0.2.0/24 \
             --forward udp://c:2055 --keep-source --console --log-format json",
        );
        assert_eq!(run.duration, Some(Duration::from_secs(10)));
        assert_eq!(run.flows.config, Some(PathBuf::from("f.toml")));
        assert_eq!(
            run.overrides(),
            Overrides {
                interfaces: vec!["eth0".to_owned(), "eth1".to_owned()],
                interval: Some(Duration::from_millis(500)),
                ingress: vec!["tc".into(), "eth1=xdp".into()],
                generic_xdp: Some(true),
                listen: vec!["netflow://0.0.0.0".to_owned(), "tcp://[::]".to_owned()],
                allow: vec!["192.0.2.0/24".to_owned()],
                forward: vec!["udp://c:2055".to_owned()],
                keep_source: true,
                console: Some("127.0.0.1:8686".to_owned()),
                active_timeout: Some(Duration::from_secs(60)),
                idle_timeout: Some(Duration::from_secs(15)),
                observation_domain: Some(7),
                collectors: vec!["udp://a:1".to_owned(), "tcp://b:2".to_owned()],
                ipfix_file: Some(PathBuf::from("dir")),
                store: Some(PathBuf::from("kept")),
                policies: vec![PathBuf::from("stock"), PathBuf::from("mine")],
                lenient: true,
                print_flows: Some(false),
                print_hits: false,
                flow_log: Some(PathBuf::from("flows.json")),
                print_dns: Some(false),
                dns_log: Some(PathBuf::from("dns.json")),
                lists: [("a", "b"), ("c", "d")]
                    .map(|(name, file)| (name.to_owned(), PathBuf::from(file)))
                    .into(),
                log_format: Some(LogFormat::Json),
                verbose: 2,
            }
        );
    }

    #[test]
    fn a_run_lasts_longer_than_nothing() {
        assert_eq!(parse_run_time("1ms"), Ok(Duration::from_millis(1)));
        assert!(parse_run_time("0s").is_err_and(|error| error.contains("greater than zero")));
    }

    #[test]
    fn flows_are_printed_unless_a_file_decides() {
        assert_eq!(run("").overrides().print_flows, Some(true));
        assert_eq!(run("--config f").overrides().print_flows, None);
        assert_eq!(run("--config f --print flows").overrides().print_flows, Some(true));
        for asked in ["--format csv", "--columns srcip", "--filter srcport<1024"] {
            let of = |arguments: &str| run(&format!("{arguments} {asked}")).overrides().print_flows;
            assert_eq!(of("--config f"), Some(true), "{asked}");
            assert_eq!(of("--config f --print none"), Some(false), "{asked}");
        }
        assert_eq!(run("--top 3").overrides().print_flows, Some(false));
    }

    #[test]
    fn dns_records_are_printed_where_flows_are_unless_somebody_chooses() {
        let of = |arguments: &str| {
            let overrides = run(arguments).overrides();
            (overrides.print_flows, overrides.print_dns)
        };
        for (arguments, flows, dns) in [
            ("", Some(true), Some(true)),
            ("--policies stock", Some(false), Some(false)),
            ("--config f", None, None),
            ("--print dns", Some(false), Some(true)),
            ("--print flows", Some(true), Some(false)),
            ("--print flows,dns", Some(true), Some(true)),
            ("--config f --dns-filter rcode==nxdomain", None, Some(true)),
            ("--config f --filter srcport<1024", Some(true), None),
            ("--top 3", Some(false), Some(false)),
        ] {
            assert_eq!(of(arguments), (flows, dns), "{arguments}");
        }
    }
}
