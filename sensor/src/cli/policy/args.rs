//! The arguments of `sensor policy` and its verbs.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueHint};

use crate::cli::{args::parse_list, content::Content, report::JsonArgs};

/// Closes the help of `policy`.
const EXAMPLES: &str = r#"Examples:
  sensor policy list
  sensor policy check /etc/sensor/policies
  sensor policy test policies --filter ssh
  sensor policy check --json policies | jq -r '.diagnostics[] | "\(.file):\(.line): \(.message)"'
  sensor policy explain ssh_brute_force
  sensor policy explain ssh_brute_force --config /etc/sensor/sensor.toml
  sensor policy why ssh_brute_force --flow 'srcip=10.0.0.5 srcport=22 dstip=192.0.2.7 protocol=tcp packets=3'
  sensor policy suggest day.pcap.gz > roles.csv"#;

/// Arguments of `policy`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PolicyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// The verbs of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Validate policy files and report all errors; exit code 64 if there are any
    Check(SiteArgs),
    /// Run the tests beside policy files, NAME.test.toml beside NAME.toml; exit code 1 if one fails
    Test(TestArgs),
    /// List policies: name, group, severities, whether enabled
    List(SiteArgs),
    /// Show how a policy is evaluated: compiled query, keys, windows, thresholds
    Explain(ExplainArgs),
    /// Say what becomes of flows: the first condition that fails, the discard that passes them over, or their key and what the
    /// thresholds have of them
    Why(WhyArgs),
    /// Write the stock library to a directory: policies, their tests, their lists; overwrites nothing
    Export(ExportArgs),
    /// Propose roles of hosts (resolver, proxy, scanner, backup, ...) from recorded flows, as a label file to review
    Suggest(SuggestArgs),
}

/// Policy files.
#[derive(Args, Clone, Debug)]
pub struct FilesArgs {
    /// Policy files (TOML, or JSON of the Fusion API) or directories of them [default: the stock library]
    #[arg(value_name = "DIR|FILE", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,

    /// List that queries reference as $NAME: a file with one value per line; repeatable. Files lists/NAME.txt next to the
    /// policies are found automatically
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_list, action = ArgAction::Append)]
    pub list: Vec<(String, PathBuf)>,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}

/// Policies as files have them, or as a configuration changes them.
#[derive(Args, Clone, Debug)]
pub struct SiteArgs {
    /// Which files.
    #[command(flatten)]
    pub files: FilesArgs,

    /// Read the policies of this configuration instead: its files, and what it enables, disables and overrides
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "paths")]
    pub config: Option<PathBuf>,
}

/// Arguments of `policy test`.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// Which files.
    #[command(flatten)]
    pub files: FilesArgs,

    /// Run only tests whose file name or name contains this
    #[arg(long, value_name = "NAME")]
    pub filter: Option<String>,
}

/// Arguments of `policy explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Name of the policy
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Which files.
    #[command(flatten)]
    pub site: SiteArgs,
}

/// Arguments of `policy why`.
#[derive(Args, Debug)]
pub struct WhyArgs {
    /// Name of the policy
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The flow: FIELD=VALUE words ('srcip=10.0.0.1 dstport=22 protocol=tcp', commas between the values of a list), or a file
    /// of flows as JSON lines; '-' is stdin
    #[arg(long, value_name = "FLOW|FILE", required = true)]
    pub flow: String,

    /// Which files.
    #[command(flatten)]
    pub site: SiteArgs,

    /// The same as DIR|FILE: files, directories, or 'stock' for the built-in library; repeatable
    #[arg(long, value_name = "PATH", action = ArgAction::Append, conflicts_with_all = ["config", "paths"],
          value_hint = ValueHint::AnyPath)]
    pub policies: Vec<PathBuf>,
}

/// Arguments of `policy export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Directory to write to; it is created if need be
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
}

/// Arguments of `policy suggest`.
#[derive(Args, Debug)]
pub struct SuggestArgs {
    /// Captures to read, in this order; '-' is stdin
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,

    /// Content of the files: traffic, the NetFlow, IPFIX and sFlow exports of routers, or flow logs of clouds
    #[arg(long = "as", value_name = "CONTENT", default_value = "traffic")]
    pub content: Content,

    /// Configuration of the agent: its networks and labels apply, its outputs do not; hosts that have a role are not
    /// proposed for it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}
