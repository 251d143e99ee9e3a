//! Which format an object of a flow log has, by its first octets.

use sensor_core::flow::source::Source;

use super::{
    aws::{self, layout::Layout, reader},
    columnar, gcp, oci,
};

/// A format of flow logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// VPC or transit gateway flow logs of AWS.
    Aws,
    /// VPC flow logs of Google Cloud in JSON.
    Gcp,
    /// VCN flow logs of Oracle Cloud in JSON.
    Oci,
}

/// Octets of which the format can be told.
pub const ENOUGH: usize = 4096;

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aws, Self::Gcp, Self::Oci];

    /// What the command line and messages call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Oci => "oci",
        }
    }

    /// The format called `name`.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The cloud whose flows it tells.
    pub const fn source(self) -> Source {
        match self {
            Self::Aws => Source::Aws,
            Self::Gcp => Source::Gcp,
            Self::Oci => Source::Oracle,
        }
    }

    /// The format of an object that begins with `octets`: [`ENOUGH`] of them, or all.
    pub fn detect(octets: &[u8]) -> Option<Self> {
        if gcp::is_log(octets) {
            return Some(Self::Gcp);
        }
        if oci::is_log(octets) {
            return Some(Self::Oci);
        }
        if octets.starts_with(&columnar::MAGIC) {
            return Some(Self::Aws);
        }
        if aws::first(octets).is_some_and(|first| matches!(first, b'{' | b'[')) {
            return aws::envelopes::is_one(octets).then_some(Self::Aws);
        }
        let text = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
        let line = text.split(|octet| *octet == b'\n').next().unwrap_or_default();
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
            ("", None),
            ("hello world\n", None),
            ("{\"records\": []}", None),
            ("\u{7f}ELF", None),
        ] {
            assert_eq!(Format::detect(text.as_bytes()), format, "{text}");
        }
    }
}
