//! IP protocol numbers and their names (IANA "Assigned Internet Protocol Numbers"), in lower case.

/// The name of protocol `number`, `None` when none is assigned.
pub fn name(number: u8) -> Option<&'static str> {
    NAMES.get(usize::from(number)).copied().or(match number {
        253 | 254 => Some("experimental"),
        255 => Some("reserved"),
        _ => None,
    })
}

/// The protocol called `name`, without regard to case; common names that IANA spells otherwise count as well.
pub fn number(name: &str) -> Option<u8> {
    let other = OTHER_NAMES.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    let by_table = || NAMES.iter().position(|known| known.eq_ignore_ascii_case(name));
    match other {
        Some(&(_, number)) => Some(number),
        None => by_table().and_then(|position| u8::try_from(position).ok()),
    }
}

/// Whether flows of the protocol have ports; those of others have 0 there.
pub const fn has_ports(number: u8) -> bool {
    use sensor_common::packet::ip::protocol::{SCTP, TCP, UDP};
    matches!(number, TCP | UDP | SCTP)
}

/// Every name that [`number`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain(OTHER_NAMES.iter().map(|&(name, _)| name))
}

/// Names in common use beside IANA's. `experimental` has two numbers and is none.
const OTHER_NAMES: [(&str, u8); 4] =
    [("icmpv6", 58), ("icmp6", 58), ("ospf", 89), ("reserved", 255)];

/// Name of each number from 0 on.
const NAMES: [&str; 148] = [
    "hopopt",
    "icmp",
    "igmp",
    "ggp",
    "ipv4",
    "st",
    "tcp",
    "cbt",
    "egp",
    "igp",
    "bbn-rcc-mon",
    "nvp-ii",
    "pup",
    "argus",
    "emcon",
    "xnet",
    "chaos",
    "udp",
    "mux",
    "dcn-meas",
    "hmp",
    "prm",
    "xns-idp",
    "trunk-1",
    "trunk-2",
    "leaf-1",
    "leaf-2",
    "rdp",
    "irtp",
    "iso-tp4",
    "netblt",
    "mfe-nsp",
    "merit-inp",
    "dccp",
    "3pc",
    "idpr",
    "xtp",
    "ddp",
    "idpr-cmtp",
    "tp++",
    "il",
    "ipv6",
    "sdrp",
    "ipv6-route",
    "ipv6-frag",
    "idrp",
    "rsvp",
    "gre",
    "dsr",
    "bna",
    "esp",
    "ah",
    "i-nlsp",
    "swipe",
    "narp",
    "min-ipv4",
    "tlsp",
    "skip",
    "ipv6-icmp",
    "ipv6-nonxt",
    "ipv6-opts",
    "any-host",
    "cftp",
    "any-local",
    "sat-expak",
    "kryptolan",
    "rvd",
    "ippc",
    "any-dfs",
    "sat-mon",
    "visa",
    "ipcv",
    "cpnx",
    "cphb",
    "wsn",
    "pvp",
    "br-sat-mon",
    "sun-nd",
    "wb-mon",
    "wb-expak",
    "iso-ip",
    "vmtp",
    "secure-vmtp",
    "vines",
    "iptm",
    "nsfnet-igp",
    "dgp",
    "tcf",
    "eigrp",
    "ospfigp",
    "sprite-rpc",
    "larp",
    "mtp",
    "ax.25",
    "ipip",
    "micp",
    "scc-sp",
    "etherip",
    "encap",
    "any-enc",
    "gmtp",
    "ifmp",
    "pnni",
    "pim",
    "aris",
    "scps",
    "qnx",
    "a/n",
    "ipcomp",
    "snp",
    "compaq-peer",
    "ipx-in-ip",
    "vrrp",
    "pgm",
    "any-0-hop",
    "l2tp",
    "ddx",
    "iatp",
    "stp",
    "srp",
    "uti",
    "smp",
    "sm",
    "ptp",
    "isis-over-ipv4",
    "fire",
    "crtp",
    "crudp",
    "sscopmce",
    "iplt",
    "sps",
    "pipe",
    "sctp",
    "fc",
    "rsvp-e2e-ignore",
    "mobility-header",
    "udplite",
    "mpls-in-ip",
    "manet",
    "hip",
    "shim6",
    "wesp",
    "rohc",
    "ethernet",
    "aggfrag",
    "nsh",
    "homa",
    "bit-emu",
];

#[cfg(test)]
mod tests {
    use super::{name, number};

    #[test]
    fn well_known_numbers() {
        let numbers = [1, 6, 17, 47, 50, 58, 89, 112, 132, 136, 142, 143];
        let names = numbers.map(|number| name(number).unwrap_or_default());
        assert_eq!(
            names,
            [
                "icmp",
                "tcp",
                "udp",
                "gre",
                "esp",
                "ipv6-icmp",
                "ospfigp",
                "vrrp",
                "sctp",
                "udplite",
                "rohc",
                "ethernet"
            ]
        );
        assert_eq!(name(200), None);
    }

    #[test]
    fn names_and_numbers_agree() {
        for known in (0..=255).filter(|known| !matches!(known, 253 | 254)) {
            if let Some(name) = name(known) {
                assert_eq!(number(name), Some(known), "{name}");
            }
        }
        assert_eq!(number("ICMPv6"), Some(58));
        assert_eq!(number("experimental"), None);
    }
}
