//! Who observes DNS queries.

/// Who observed a query (NQL `datasrc`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DnsSource {
    /// The resolver of a VPC of AWS.
    Route53,
    /// Cloud DNS of Google Cloud.
    GcpDns,
    /// The resolver of a virtual network of Azure.
    AzureDns,
}

impl DnsSource {
    /// The value of `datasrc`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Route53 => "route53",
            Self::GcpDns => "gcp-dns",
            Self::AzureDns => "azure-dns",
        }
    }
}
