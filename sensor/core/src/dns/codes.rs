//! Names that IANA gives to numbers of DNS: the registries of types, classes and response codes ("Domain Name System (DNS) Parameters").
//!
//! One table a registry. A number without a name is written as RFC 3597 has it: `TYPE65280`, `CLASS7`; response codes alike.

/// Names for numbers.
#[derive(Debug)]
pub struct Registry {
    /// What stands before a number that has no name.
    prefix: &'static str,
    /// In the order of the numbers.
    names: &'static [(u16, &'static str)],
    /// Other names in use.
    others: &'static [(&'static str, u16)],
}

impl Registry {
    /// The name of a number.
    pub fn name(&self, number: u16) -> Option<&'static str> {
        let at = self.names.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(self.names[at].1)
    }

    /// What is written for a number that has no name.
    pub fn unnamed(&self, number: u16) -> String {
        format!("{}{number}", self.prefix)
    }

    /// The number that `text` names in any case, or is, with what stands before numbers or without.
    pub fn number(&self, text: &str) -> Option<u16> {
        let is = |name: &str| name.eq_ignore_ascii_case(text);
        let named = self.names.iter().find(|(_, name)| is(name)).map(|(number, _)| *number);
        let other = || self.others.iter().find(|(name, _)| is(name)).map(|(_, number)| *number);
        named.or_else(other).or_else(|| {
            let begin = text.get(..self.prefix.len());
            let has_prefix = begin.is_some_and(|begin| begin.eq_ignore_ascii_case(self.prefix));
            let digits = if has_prefix { &text[self.prefix.len()..] } else { text };
            // No sign.
            digits.starts_with(|first: char| first.is_ascii_digit()).then(|| digits.parse().ok())?
        })
    }
}

/// Types of records and queries.
#[rustfmt::skip]
pub static TYPES: Registry = Registry {
    prefix: "TYPE",
    names: &[
        (1, "A"), (2, "NS"), (3, "MD"), (4, "MF"), (5, "CNAME"), (6, "SOA"), (7, "MB"), (8, "MG"), (9, "MR"), (10, "NULL"),
        (11, "WKS"), (12, "PTR"), (13, "HINFO"), (14, "MINFO"), (15, "MX"), (16, "TXT"), (17, "RP"), (18, "AFSDB"), (19, "X25"),
        (20, "ISDN"), (21, "RT"), (22, "NSAP"), (23, "NSAP-PTR"), (24, "SIG"), (25, "KEY"), (26, "PX"), (27, "GPOS"),
        (28, "AAAA"), (29, "LOC"), (30, "NXT"), (31, "EID"), (32, "NIMLOC"), (33, "SRV"), (34, "ATMA"), (35, "NAPTR"),
        (36, "KX"), (37, "CERT"), (38, "A6"), (39, "DNAME"), (40, "SINK"), (41, "OPT"), (42, "APL"), (43, "DS"), (44, "SSHFP"),
        (45, "IPSECKEY"), (46, "RRSIG"), (47, "NSEC"), (48, "DNSKEY"), (49, "DHCID"), (50, "NSEC3"), (51, "NSEC3PARAM"),
        (52, "TLSA"), (53, "SMIMEA"), (55, "HIP"), (56, "NINFO"), (57, "RKEY"), (58, "TALINK"), (59, "CDS"), (60, "CDNSKEY"),
        (61, "OPENPGPKEY"), (62, "CSYNC"), (63, "ZONEMD"), (64, "SVCB"), (65, "HTTPS"), (66, "DSYNC"), (67, "HHIT"), (68, "BRID"),
        (99, "SPF"), (100, "UINFO"), (101, "UID"), (102, "GID"), (103, "UNSPEC"), (104, "NID"), (105, "L32"), (106, "L64"),
        (107, "LP"), (108, "EUI48"), (109, "EUI64"), (128, "NXNAME"), (249, "TKEY"), (250, "TSIG"), (251, "IXFR"), (252, "AXFR"),
        (253, "MAILB"), (254, "MAILA"), (255, "ANY"), (256, "URI"), (257, "CAA"), (258, "AVC"), (259, "DOA"), (260, "AMTRELAY"),
        (261, "RESINFO"), (262, "WALLET"), (263, "CLA"), (264, "IPN"), (32768, "TA"), (32769, "DLV"),
    ],
    others: &[("*", 255)],
};

/// Classes.
pub static CLASSES: Registry = Registry {
    prefix: "CLASS",
    names: &[(1, "IN"), (3, "CH"), (4, "HS"), (254, "NONE"), (255, "ANY")],
    others: &[("INTERNET", 1), ("CHAOS", 3), ("HESIOD", 4), ("*", 255)],
};

/// Response codes.
#[rustfmt::skip]
pub static RESPONSE_CODES: Registry = Registry {
    prefix: "RCODE",
    names: &[
        (0, "NOERROR"), (1, "FORMERR"), (2, "SERVFAIL"), (3, "NXDOMAIN"), (4, "NOTIMP"), (5, "REFUSED"), (6, "YXDOMAIN"),
        (7, "YXRRSET"), (8, "NXRRSET"), (9, "NOTAUTH"), (10, "NOTZONE"), (11, "DSOTYPENI"), (16, "BADVERS"), (17, "BADKEY"),
        (18, "BADTIME"), (19, "BADMODE"), (20, "BADNAME"), (21, "BADALG"), (22, "BADTRUNC"), (23, "BADCOOKIE"),
    ],
    others: &[("BADSIG", 16), ("NOTIMPL", 4)],
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_stands_for_one_number_in_any_case() {
        for registry in [&TYPES, &CLASSES, &RESPONSE_CODES] {
            assert!(registry.names.is_sorted_by(|one, next| one.0 < next.0), "{}", registry.prefix);
            let names: BTreeSet<&str> = registry.names.iter().map(|(_, name)| *name).collect();
            assert_eq!(names.len(), registry.names.len());
            for (number, name) in registry.names {
                assert_eq!(registry.name(*number), Some(*name));
                assert_eq!(registry.number(&name.to_lowercase()), Some(*number));
                assert_eq!(registry.number(&number.to_string()), Some(*number));
            }
            for (name, number) in registry.others {
                assert!(registry.name(*number).is_some() && !names.contains(name), "{name}");
                assert_eq!(registry.number(name), Some(*number));
            }
        }
    }

    #[test]
    fn numbers_without_a_name_have_a_form_of_their_own() {
        assert_eq!((TYPES.name(65280), TYPES.unnamed(65280)), (None, "TYPE65280".to_owned()));
        assert_eq!(CLASSES.unnamed(7), "CLASS7");
        assert_eq!(RESPONSE_CODES.unnamed(24), "RCODE24");
        for (text, expected) in [
            ("TYPE65280", Some(65280)),
            ("type28", Some(28)),
            ("TYPE65536", None),
            ("TYPE", None),
            ("TYPE+1", None),
            ("-1", None),
            ("", None),
            ("é", None),
            ("AAAAA", None),
        ] {
            assert_eq!(TYPES.number(text), expected, "{text}");
        }
    }
}
