//! Which format an object of a flow log has, by its first octets.

use sensor_core::flow::source::Source;

use super::{aws::layout::Layout, azure, ibm};

/// A format of flow logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// VPC or transit gateway flow logs of AWS as text.
    Aws,
    /// Flow logs of Azure: of network security groups and of virtual networks.
    Azure,
    /// VPC flow logs of IBM Cloud.
    Ibm,
}

/// Octets of which the format can be told.
pub const ENOUGH: usize = 4096;

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aws, Self::Azure, Self::Ibm];

    /// What the command line and messages call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Ibm => "ibm",
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
            Self::Azure => Source::Azure,
            Self::Ibm => Source::Ibm,
        }
    }

    /// The format of an object that begins with `octets`: [`ENOUGH`] of them, or all.
    pub fn detect(octets: &[u8]) -> Option<Self> {
        let text = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
        if matches!(text.trim_ascii_start().first(), Some(b'{' | b'[' | b',')) {
            return Self::of_members(text);
        }
        let line = text.split(|octet| *octet == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Layout::of_heading(line).or_else(|| Layout::of_record(line)).map(|_| Self::Aws)
    }
}

/// Members that only one format has: an object of it has one of them where it begins.
const MEMBERS: &[(Format, &[&str])] =
    &[(Format::Azure, azure::MEMBERS), (Format::Ibm, ibm::MEMBERS)];

impl Format {
    /// The format of JSON that begins so.
    fn of_members(text: &[u8]) -> Option<Self> {
        let has = |name: &&str| {
            let quoted = [b"\"", name.as_bytes(), b"\""].concat();
            text.windows(quoted.len()).any(|part| part.eq_ignore_ascii_case(&quoted))
        };
        MEMBERS.iter().find(|(_, names)| names.iter().any(has)).map(|(format, _)| *format)
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
            ("\u{feff}{\"records\": [{\"time\": \"\", \"FlowLogVersion\": 4", Some(Format::Azure)),
            (
                ",{\"properties\": {\"flows\": [{\"flows\": [{\"flowTuples\": []",
                Some(Format::Azure),
            ),
            ("\n{ \"version\": \"0.0.1\", \"collector_crn\": \"crn\"", Some(Format::Ibm)),
            ("{\"note\": \"flow_logs\"", None),
            ("\u{7f}ELF", None),
        ] {
            assert_eq!(Format::detect(text.as_bytes()), format, "{text}");
        }
    }
}
