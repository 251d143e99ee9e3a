//! Questions to begin with.

use super::meta::Preset;

const ALL: [(&str, &str, &str, Option<&str>); 9] = [
    (
        "Between well-known ports",
        "(protocol == tcp || protocol == udp) && srcport < 1024 && dstport < 1024 && !(port in (0, 53, 67, 68, 123, 137, 138, 514))",
        "Neither end chose a high port: a service that speaks to a service, or something that pretends to be one",
        Some("flows"),
    ),
    (
        "Remote administration",
        "dstport in (22, 23, 3389, 5900, 5985, 5986)",
        "SSH, Telnet, RDP, VNC, WinRM",
        Some("now"),
    ),
    (
        "Databases",
        "dstport in (1433, 1521, 3306, 5432, 6379, 9042, 9200, 27017)",
        "Who talks to databases",
        Some("now"),
    ),
    ("File shares", "dstport in (139, 445, 2049)", "SMB and NFS", Some("now")),
    (
        "Unanswered connections",
        "protocol == tcp && tcpflags.syn == true && tcpflags.ack == false",
        "SYN and nothing behind it: scans, closed ports, dead services",
        Some("hunt"),
    ),
    (
        "Into the network",
        "srcinternal == false && dstinternal == true",
        "From outside to addresses of the site",
        Some("now"),
    ),
    (
        "Out of the network",
        "srcinternal == true && dstinternal == false",
        "From addresses of the site to outside",
        Some("now"),
    ),
    (
        "VPN and tunnels",
        "protocol in (gre, esp, ah) || dstport in (500, 1194, 1701, 4500, 51820)",
        "IPsec, GRE, OpenVPN, L2TP, WireGuard",
        Some("flows"),
    ),
    (
        "Name resolution elsewhere",
        "dstport in (53, 853) && dstinternal == false",
        "DNS that does not ask the site's resolvers",
        Some("now"),
    ),
];

/// All of them.
pub fn all() -> Vec<Preset> {
    let preset = |(name, q, doc, view): (&str, &str, &str, Option<&'static str>)| Preset {
        name: name.to_owned(),
        q: q.to_owned(),
        doc: doc.to_owned(),
        view,
    };
    ALL.into_iter().map(preset).collect()
}

#[cfg(test)]
mod tests {
    use sensor_core::nql::{Filter, Options, lists::Lists};

    #[test]
    fn each_can_be_asked() {
        let lists = Lists::default();
        for preset in super::all() {
            let compiled = Filter::compile(&preset.q, &Options::new(&lists));
            assert!(compiled.is_ok(), "{}: {compiled:?}", preset.name);
        }
    }
}
