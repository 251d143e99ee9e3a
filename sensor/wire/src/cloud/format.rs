//! Which format an object of a log has, by its first octets.

use sensor_core::flow::source::Source;

use super::{
    aws::{self, layout::Layout, reader},
    azure, columnar, gcp, ibm, oci, text,
};

/// A format of flow logs, or of logs of DNS queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// VPC or transit gateway flow logs of AWS.
    Aws,
    /// Flow logs of Azure: of network security groups and of virtual networks.
    Azure,
    /// VPC flow logs of IBM Cloud.
    Ibm,
    /// VPC flow logs of Google Cloud in JSON.
    Gcp,
    /// VCN flow logs of Oracle Cloud in JSON.
    Oci,
    /// Query logs of the Route 53 Resolver of AWS. They come in the same envelopes as flow logs, and are read by the same decoder.
    Route53,
    /// Query logs of Cloud DNS in JSON, likewise.
    GcpDns,
    /// Query logs of DNS security policies of Azure.
    AzureDns,
}

/// Octets of which the format can be told.
pub const ENOUGH: usize = 4096;

impl Format {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Aws,
        Self::Azure,
        Self::Ibm,
        Self::Gcp,
        Self::Oci,
        Self::Route53,
        Self::GcpDns,
        Self::AzureDns,
    ];

    /// What the command line and messages call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Ibm => "ibm",
            Self::Gcp => "gcp",
            Self::Oci => "oci",
            Self::Route53 => "route53",
            Self::GcpDns => "gcp-dns",
            Self::AzureDns => "azure-dns",
        }
    }

    /// The format called `name`.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The cloud whose log it is.
    pub const fn source(self) -> Source {
        match self {
            Self::Aws | Self::Route53 => Source::Aws,
            Self::Azure | Self::AzureDns => Source::Azure,
            Self::Ibm => Source::Ibm,
            Self::Gcp | Self::GcpDns => Source::Gcp,
            Self::Oci => Source::Oracle,
        }
    }

    /// The format of an object that begins with `octets`: [`ENOUGH`] of them, or all.
    pub fn detect(octets: &[u8]) -> Option<Self> {
        if octets.starts_with(&columnar::MAGIC) {
            return Some(Self::Aws);
        }
        if azure::is_log(octets) {
            return Some(Self::Azure);
        }
        if ibm::is_log(octets) {
            return Some(Self::Ibm);
        }
        if gcp::is_log(octets) {
            return Some(Self::Gcp);
        }
        if oci::is_log(octets) {
            return Some(Self::Oci);
        }
        if azure::dns::is_log(octets) {
            return Some(Self::AzureDns);
        }
        if gcp::dns::is_log(octets) {
            return Some(Self::GcpDns);
        }
        if aws::query::is_log(octets) {
            return Some(Self::Route53);
        }
        let is_json = text::first(octets).is_some_and(|first| matches!(first, b'{' | b'['));
        if is_json && aws::envelopes::is_one(octets) {
            return Some(Self::Aws);
        }
        let plain = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
        let line = plain.split(|octet| *octet == b'\n').next().unwrap_or_default();
        let line = reader::behind_time(line.strip_suffix(b"\r").unwrap_or(line));
        Layout::of_heading(line).or_else(|| Layout::of_record(line)).map(|_| Self::Aws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_found_by_their_names_and_first_octets() {
        for format in Format::ALL {
            assert_eq!(Format::find(format.name()), Some(format));
        }
        for (text, format) in [
            ("version account-id interface-id srcaddr dstaddr\n", Some(Format::Aws)),
            ("\u{feff}srcaddr dstaddr srcport\r\n", Some(Format::Aws)),
            (
                "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
                Some(Format::Aws),
            ),
            (
                "2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA\n",
                Some(Format::Aws),
            ),
            (
                "2026-09-21T14:13:20.000Z 2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA\n",
                Some(Format::Aws),
            ),
            ("PAR1\u{15}\u{4}", Some(Format::Aws)),
            (
                "\n{\"messageType\": \"DATA_MESSAGE\", \"owner\": \"1\", \"logEvents\": [",
                Some(Format::Aws),
            ),
            ("{\"message\":\"2 123456789010 eni-1 ", Some(Format::Aws)),
            ("[{\"src_addr\":\"10.0.0.1\",\"dst_addr\":\"10.0.0.2\"", Some(Format::Aws)),
            // What Pub/Sub pushes, and what any program logs.
            ("{\"message\":{\"data\":\"eyJ9\"},\"subscription\":\"s\"}", None),
            ("{\"message\":\"started\",\"level\":\"info\"}", None),
            ("", None),
            ("hello world\n", None),
            ("{\"records\": []}", None),
            ("\u{feff}{\"records\": [{\"time\": \"\", \"FlowLogVersion\": 4", Some(Format::Azure)),
            (
                ",{\"properties\": {\"flows\": [{\"flows\": [{\"flowTuples\": []",
                Some(Format::Azure),
            ),
            ("\n{ \"version\": \"0.0.1\", \"collector_crn\": \"crn\"", Some(Format::Ibm)),
            ("{\"note\": \"flow_logs\"", None),
            (
                "\u{feff}\n[ {\"logName\":\"projects/p/logs/compute.googleapis.com%2Fvpc_flows\"}]",
                Some(Format::Gcp),
            ),
            (
                "{\"logName\":\"projects/p/logs/networkmanagement.googleapis.com%2Fvpc_flows\",\"jsonPayl",
                Some(Format::Gcp),
            ),
            ("{\"logName\":\"projects/p/logs/cloudaudit.googleapis.com%2Factivity\"}", None),
            ("vpc_flows\"", None),
            ("{\"type\":\"com.oraclecloud.vcn.flowlogs.DataEvent\"", Some(Format::Oci)),
            (
                "{\"version\":\"1.100000\",\"vpc_id\":\"vpc-1\",\"query_timestamp\":\"2026-",
                Some(Format::Route53),
            ),
            (
                "{\"srcaddr\":\"10.0.0.1\",\"vpc_id\":\"vpc-1\",\"query_name\":\"a.\",\"answers\":[",
                Some(Format::Route53),
            ),
            (
                "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"message\":\"{\\\"query_timestamp\\\":",
                Some(Format::Route53),
            ),
            (
                "{\"time\":\"2026-\",\"resourceId\":\"/\",\"category\":\"DnsResponse\",",
                Some(Format::AzureDns),
            ),
            ("{\"query_name\":\"a.\",\"client\":\"10.0.0.1\"}", None),
            ("2026-01-31T00:00:00Z query_timestamp", None),
            (
                "[{\"logName\":\"projects/p/logs/dns.googleapis.com%2Fdns_queries\",\"jsonPayl",
                Some(Format::GcpDns),
            ),
            ("{\"type\":\"com.oraclecloud.objectstorage.getobject\"}", None),
            ("\u{7f}ELF", None),
        ] {
            assert_eq!(Format::detect(text.as_bytes()), format, "{text}");
        }
    }
}
