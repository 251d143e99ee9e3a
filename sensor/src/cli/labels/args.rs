//! The arguments of `sensor labels` and its verbs.

use std::{net::IpAddr, path::PathBuf};

use clap::{ArgAction, Args, Subcommand, ValueEnum, ValueHint};
use sensor_core::enrich::import;

use crate::cli::report::JsonArgs;

/// Closes the help of `labels`.
const EXAMPLES: &str = "\
Examples:
  sensor labels show --config /etc/sensor/sensor.toml 10.0.0.5
  sensor labels check labels.csv ports.csv
  aws ec2 describe-instances > instances.json
  sensor labels import aws instances.json > labels.csv";

/// Arguments of `labels`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LabelsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: LabelsCommand,
}

/// The verbs of `labels`.
#[derive(Debug, Subcommand)]
pub enum LabelsCommand {
    /// Show everything known about an address, with the source file and line
    Show(ShowArgs),
    /// Validate label files and report all errors; exit code 64 if there are any
    Check(CheckArgs),
    /// Convert the output of a cloud's command line tool into a label file
    Import(ImportArgs),
}

/// Arguments of `labels show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Configuration file (TOML) with labels, networks, geography and reputation
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Additional label file; repeatable
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, action = ArgAction::Append)]
    pub labels: Vec<PathBuf>,

    /// The addresses
    #[arg(value_name = "IP", required = true)]
    pub addresses: Vec<IpAddr>,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}

/// Arguments of `labels check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Label files: CSV, JSON or TOML, by file name extension
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}

/// Arguments of `labels import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The cloud
    #[arg(value_name = "CLOUD")]
    pub cloud: Cloud,

    /// JSON output of the cloud's tool, all files of one cloud together; `-` is stdin
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
}

/// A cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Cloud {
    /// `aws ec2 describe-instances`, `... describe-network-interfaces`, `... describe-subnets`, `... describe-security-groups`
    Aws,
    /// `gcloud compute instances list --format=json`
    Gcp,
    /// `oci compute instance list`, `... list-vnics`, `oci compute vnic-attachment list`, `oci network nsg list`
    Oci,
    /// `az vm list-ip-addresses`, `az vm list -d`, `az network nic list`
    Azure,
}

impl From<Cloud> for import::Cloud {
    fn from(cloud: Cloud) -> Self {
        match cloud {
            Cloud::Aws => Self::Aws,
            Cloud::Gcp => Self::Gcp,
            Cloud::Oci => Self::Oci,
            Cloud::Azure => Self::Azure,
        }
    }
}
