//! Which source a flow comes from, and of what kind it is. An address identifies a router, but a cloud's flow log and a file have none: whoever
//! tells sources apart (time lines, accounts, names) uses a [`SourceId`].

use std::{fmt, net::IpAddr};

use serde::{Serialize, Serializer};

/// The identity of a source. Its text is the name that users see where nobody configured another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceId {
    /// This host.
    Host,
    /// A device that exports flows, by its address; IPv4-mapped IPv6 addresses are IPv4 addresses.
    Device(IpAddr),
    /// One flow log of a cloud account. Each log is a source of its own: logs of one account arrive minutes apart.
    Cloud {
        /// Which cloud.
        provider: Source,
        /// The account, subscription, project or tenancy.
        account: String,
        /// The log within it, as the cloud names it.
        log: String,
    },
    /// A file of flows, by its name.
    File(String),
}

impl SourceId {
    /// The address of a device; none for other sources.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Device(address) => Some(*address),
            Self::Host | Self::Cloud { .. } | Self::File(_) => None,
        }
    }
}

impl From<IpAddr> for SourceId {
    fn from(address: IpAddr) -> Self {
        Self::Device(address.to_canonical())
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Device(address) => address.fmt(f),
            Self::Cloud { account, log, .. } => write!(f, "{account}/{log}"),
            Self::File(name) => f.write_str(name),
        }
    }
}

impl Serialize for SourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What `flowtype` may be: the names of [`Source`] in their order.
pub const FLOW_TYPES: [&str; 9] =
    ["host", "netflow", "sflow", "aws", "azure", "azure-vnet", "gcp", "ibm", "oracle"];

/// What a flow was observed by (NQL `flowtype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Source {
    /// This host's interfaces, or a capture file.
    Host,
    /// A device that exports NetFlow or IPFIX.
    NetFlow,
    /// A device that exports sFlow.
    Sflow,
    /// A VPC or transit gateway flow log of AWS.
    Aws,
    /// A flow log of an Azure network security group.
    Azure,
    /// A flow log of an Azure virtual network.
    AzureVnet,
    /// A VPC flow log of Google Cloud.
    Gcp,
    /// A VPC flow log of IBM Cloud.
    Ibm,
    /// A VCN flow log of Oracle Cloud.
    Oracle,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Host,
        Self::NetFlow,
        Self::Sflow,
        Self::Aws,
        Self::Azure,
        Self::AzureVnet,
        Self::Gcp,
        Self::Ibm,
        Self::Oracle,
    ];

    /// The value of `flowtype`.
    pub fn name(self) -> &'static str {
        FLOW_TYPES[self as usize]
    }

    /// True for the flow logs of clouds.
    pub const fn is_cloud(self) -> bool {
        !matches!(self, Self::Host | Self::NetFlow | Self::Sflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_where_its_name_does() {
        for (at, kind) in Source::ALL.into_iter().enumerate() {
            assert_eq!((kind as usize, kind.name()), (at, FLOW_TYPES[at]));
            assert_eq!(kind.is_cloud(), at > 2);
        }
    }

    #[test]
    fn each_kind_has_a_name_and_only_devices_have_addresses() {
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let v4: IpAddr = [192, 0, 2, 1].into();
        let cloud = SourceId::Cloud {
            provider: Source::Aws,
            account: "123456789012".to_owned(),
            log: "fl-0a".to_owned(),
        };
        for (id, name, address) in [
            (SourceId::Host, "host", None),
            (SourceId::from(mapped), "192.0.2.1", Some(v4)),
            (cloud, "123456789012/fl-0a", None),
            (SourceId::File("flows.csv".to_owned()), "flows.csv", None),
        ] {
            assert_eq!((id.to_string().as_str(), id.address()), (name, address));
            assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{name}\""));
        }
    }
}
