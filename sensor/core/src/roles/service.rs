//! Services by the ports that IANA or common use has given them, as far as roles follow from them.

use sensor_common::packet::ip::protocol::{TCP, UDP};

/// What a host asks for or offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Names.
    Dns,
    /// Mail between servers.
    Mail,
    /// Mailboxes of users, and mail that they hand in.
    Mailbox,
    /// Web pages and interfaces.
    Web,
    /// Connections on behalf of others.
    Proxy,
    /// Remote shells, which also carry Git.
    Ssh,
    /// Git's own protocol.
    Git,
    /// Kerberos and LDAP.
    Directory,
    /// Files: SMB, NFS.
    Files,
    /// Network parameters.
    Dhcp,
    /// Tunnels.
    Vpn,
    /// Remote desktops.
    Desktop,
    /// Telephony.
    Voice,
    /// Backups, by programs that have a port of their own.
    Backup,
    /// Figures of hosts and devices.
    Metrics,
    /// Echo requests.
    Echo,
    /// Anything else.
    Other,
}

use Service::{
    Backup, Desktop, Dhcp, Directory, Dns, Files, Git, Mail, Mailbox, Metrics, Proxy, Ssh, Voice,
    Vpn, Web,
};

/// A service, its protocols, and its ports from the first to the last of each range.
type Row = (Service, &'static [u8], &'static [(u16, u16)]);

/// Ports by service. Backups: rsync 873, NDMP 10000, Bacula and Bareos 9101-9103, Veeam 6160 and 6162, NetBackup 1556 and
/// 13724, Proxmox 8007. Metrics: SNMP, NRPE 5666, Zabbix agents 10050, exporters of Prometheus 9100-9999.
const PORTS: &[Row] = &[
    (Dns, &[TCP, UDP], &[(53, 53), (853, 853)]),
    (Mail, &[TCP], &[(25, 25)]),
    (Mailbox, &[TCP], &[(110, 110), (143, 143), (465, 465), (587, 587), (993, 993), (995, 995)]),
    (Web, &[TCP, UDP], &[(80, 80), (443, 443), (8000, 8006), (8081, 8099), (8443, 8443)]),
    (Proxy, &[TCP], &[(1080, 1080), (3128, 3128), (8080, 8080), (8118, 8118)]),
    (Ssh, &[TCP], &[(22, 22)]),
    (Git, &[TCP], &[(9418, 9418)]),
    (Directory, &[TCP, UDP], &[(88, 88), (389, 389), (464, 464), (636, 636), (3268, 3269)]),
    (Files, &[TCP, UDP], &[(139, 139), (445, 445), (2049, 2049)]),
    (Dhcp, &[UDP], &[(67, 67), (547, 547)]),
    (
        Vpn,
        &[TCP, UDP],
        &[(500, 500), (1194, 1194), (1701, 1701), (1723, 1723), (4500, 4500), (51820, 51820)],
    ),
    (Desktop, &[TCP, UDP], &[(3389, 3389), (5900, 5909)]),
    (Voice, &[TCP, UDP], &[(5060, 5061)]),
    (
        Backup,
        &[TCP],
        &[
            (873, 873),
            (1556, 1556),
            (6160, 6162),
            (8007, 8007),
            (9101, 9103),
            (10000, 10000),
            (13724, 13724),
        ],
    ),
    (Metrics, &[TCP, UDP], &[(161, 161), (5666, 5666), (9100, 9100), (9104, 9999), (10050, 10050)]),
];

impl Service {
    /// The service of a port; `None` for one that stands for nothing here.
    pub fn of(protocol: u8, port: u16) -> Option<Self> {
        let stands = |ranges: &[(u16, u16)]| {
            ranges.iter().any(|(first, last)| (*first..=*last).contains(&port))
        };
        PORTS
            .iter()
            .find(|(_, protocols, ranges)| protocols.contains(&protocol) && stands(ranges))
            .map(|(service, ..)| *service)
    }
}
