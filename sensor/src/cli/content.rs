//! The flags that say what files hold.

use std::{path::PathBuf, sync::Arc};

use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::exit::Failure;
use crate::agent::{
    cloud::{self, Double, Format, Hints, Input, Layout, Reporting},
    config::context::ContextConfig,
    inspect,
};

/// What files to replay hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Content {
    /// Packets
    Traffic,
    /// Datagrams of devices, or IPFIX messages
    Exports,
    /// Flow logs of clouds and logs of their DNS resolvers, each file in the format that its first octets tell
    Cloud,
    /// VPC and transit gateway flow logs of AWS as text, JSON or Parquet
    Aws,
    /// Flow logs of Azure, of network security groups and of virtual networks
    Azure,
    /// VPC flow logs of IBM Cloud
    Ibm,
    /// VPC flow logs of Google Cloud, as Cloud Logging exports them
    Gcp,
    /// VCN flow logs of Oracle Cloud, as Logging exports them
    Oci,
    /// Query logs of Route 53 Resolver of AWS
    Route53,
    /// Query logs of Cloud DNS of Google Cloud, as Cloud Logging exports them
    GcpDns,
    /// Query logs of DNS security policies of Azure
    AzureDns,
}

impl Content {
    /// What it says of flow logs of clouds; none where it is something else.
    pub fn cloud(self) -> Option<Option<Format>> {
        match self {
            Self::Traffic | Self::Exports => None,
            Self::Cloud => Some(None),
            Self::Aws => Some(Some(Format::Aws)),
            Self::Azure => Some(Some(Format::Azure)),
            Self::Ibm => Some(Some(Format::Ibm)),
            Self::Gcp => Some(Some(Format::Gcp)),
            Self::Oci => Some(Some(Format::Oci)),
            Self::Route53 => Some(Some(Format::Route53)),
            Self::GcpDns => Some(Some(Format::GcpDns)),
            Self::AzureDns => Some(Some(Format::AzureDns)),
        }
    }
}

/// What flow logs of clouds do not say of themselves.
#[derive(Args, Clone, Debug, Default)]
pub struct CloudArgs {
    /// Fields of an AWS flow log whose lines nothing names, in their order: 'version account-id ...'
    #[arg(long, help_heading = "Input", value_name = "FIELDS", value_parser = Layout::parse)]
    pub layout: Option<Layout>,

    /// What to do with traffic that flow logs of clouds tell more than once: keep it all; keep one-side, of what internal
    /// addresses send what their own interfaces logged; or match, what was seen first [default: keep]
    #[arg(long, help_heading = "Input", value_name = "MODE", value_parser = double())]
    pub double: Option<Double>,
}

fn double() -> impl TypedValueParser<Value = Double> {
    PossibleValuesParser::new(Double::ALL.map(Double::name))
        .try_map(|name| Double::from_name(&name).ok_or("no such mode"))
}

impl CloudArgs {
    /// How `files` are to be read as flow logs of clouds; none where they are none.
    ///
    /// # Errors
    /// Something that only such logs have is given for what is none.
    pub fn input(
        &self,
        content: Option<Content>,
        files: &[PathBuf],
        context: &ContextConfig,
    ) -> anyhow::Result<Option<Input>> {
        let format = match content {
            Some(content) => content.cloud(),
            None => (self.layout.is_some() || cloud::is_log(files)).then_some(None),
        };
        let Some(format) = format else {
            if self.layout.is_some() {
                let fault = "--layout applies to flow logs of AWS: add --as aws or remove it";
                return Err(Failure::usage(fault).into());
            }
            if self.double.is_some() {
                let fault = "--double applies to flow logs of clouds: add --as cloud or remove it";
                return Err(Failure::usage(fault).into());
            }
            return Ok(None);
        };
        // Only AWS has layouts, and without names of fields nothing else tells that it is one.
        let format = format.or(self.layout.is_some().then_some(Format::Aws));
        let reporting = Reporting {
            // Of files, people want to see what is in them.
            double: self.double.unwrap_or(Double::Keep),
            internal: Arc::new(inspect::context::internal_networks(context)),
            own: None,
        };
        Ok(Some(Input { format, hints: Hints { layout: self.layout.clone() }, reporting }))
    }
}
