//! THE table of roles: what a host must have been seen doing for each. The limits are those of a small office; a host
//! below them trips no policy that the role would silence.

use super::{
    host::{Host, MOST, Part},
    service::Service::{
        Backup, Desktop, Dhcp, Directory, Dns, Echo, Files, Git, Mail, Mailbox, Metrics, Proxy,
        Ssh, Voice, Vpn, Web,
    },
};

/// A role, and what speaks for it.
pub struct Rule {
    /// The role.
    pub role: &'static str,
    /// What was seen, in words; `None` where that is not enough.
    pub evidence: fn(&Host) -> Option<String>,
}

const GIB: u64 = 1 << 30;

/// The rules.
pub const RULES: &[Rule] = &[
    Rule { role: "resolver", evidence: resolver },
    Rule { role: "mailserver", evidence: mail_server },
    Rule { role: "proxy", evidence: proxy },
    Rule { role: "scanner", evidence: scanner },
    Rule { role: "monitoring", evidence: monitoring },
    Rule { role: "backup", evidence: backup },
    Rule { role: "git_server", evidence: git_server },
    Rule { role: "vpn_gateway", evidence: vpn_gateway },
    Rule { role: "load_balancer", evidence: load_balancer },
    Rule { role: "directory", evidence: directory },
    Rule { role: "dhcp_server", evidence: dhcp_server },
    Rule { role: "voice_server", evidence: voice_server },
    Rule { role: "terminal_server", evidence: terminal_server },
];

fn inside(parts: &[&Part]) -> usize {
    parts.iter().map(|part| part.inside.count()).sum()
}

fn outside(parts: &[&Part]) -> usize {
    parts.iter().map(|part| part.outside.count()).sum()
}

fn resolver(host: &Host) -> Option<String> {
    let (serves, asks): (Vec<_>, Vec<_>) =
        (host.serving(&[Dns]).collect(), host.asking(&[Dns]).collect());
    let (clients, servers) = (inside(&serves), inside(&asks) + outside(&asks));
    (clients >= 5 && servers >= 1).then(|| {
        format!("answers DNS of {clients} internal hosts, and asks {servers} name servers")
    })
}

fn mail_server(host: &Host) -> Option<String> {
    let relays: Vec<_> = host.asking(&[Mail]).collect();
    let serves: Vec<_> = host.serving(&[Mail, Mailbox]).collect();
    let (domains, clients) = (outside(&relays), inside(&serves) + outside(&serves));
    (domains >= 5 && clients >= 1).then(|| {
        format!("delivers mail to {domains} external servers, and serves mail to {clients} hosts")
    })
}

fn proxy(host: &Host) -> Option<String> {
    let serves: Vec<_> = host.serving(&[Proxy]).collect();
    let web: Vec<_> = host.asking(&[Web]).collect();
    let (clients, sites) = (inside(&serves), outside(&web));
    (clients >= 5 && sites >= 10).then(|| {
        format!(
            "serves {clients} internal hosts on proxy ports, and fetches from {sites} web servers"
        )
    })
}

/// Tries much that does not answer, over many hosts and ports. That is also what an intruder does: the text says so.
fn scanner(host: &Host) -> Option<String> {
    let asking: Vec<_> = host.parts().iter().filter(|part| !part.serves()).collect();
    let asked: usize = asking.iter().map(|part| part.asked.count()).max().unwrap_or(0);
    let answered =
        asking.iter().map(|part| part.inside.count() + part.outside.count()).sum::<usize>();
    let targets = host.asked.count();
    (asked >= 25 && targets >= 250 && answered * 4 < targets).then(|| {
        format!(
            "tries {} addresses and ports, of which few answer; make sure that it scans on purpose",
            host.asked.shown()
        )
    })
}

fn monitoring(host: &Host) -> Option<String> {
    let asks: Vec<_> = host.asking(&[Metrics, Echo]).collect();
    let most = asks.iter().max_by_key(|part| part.inside.count().max(part.asked.count()))?;
    let hosts = most.inside.count().max(most.asked.count());
    // Again and again, and not once as who looks around does.
    (hosts >= 10 && most.records >= 3 * hosts as u64)
        .then(|| format!("asks {hosts} hosts for metrics or echoes, {} times", most.records))
}

fn backup(host: &Host) -> Option<String> {
    let parts: Vec<_> = host
        .serving(&[Backup])
        .chain(host.asking(&[Backup]))
        .chain(host.serving(&[Files, Ssh]))
        .chain(host.asking(&[Files, Ssh]))
        .collect();
    let own = host.serving(&[Backup]).chain(host.asking(&[Backup])).next().is_some();
    let (peers, octets) = (
        parts.iter().map(|part| part.inside.count()).max().unwrap_or(0),
        parts.iter().map(|part| part.received.max(part.sent)).sum::<u64>(),
    );
    let least = if own { GIB } else { 50 * GIB };
    (peers >= 3 && octets >= least)
        .then(|| format!("moves {} GiB between itself and {peers} internal hosts", octets / GIB))
}

fn git_server(host: &Host) -> Option<String> {
    let git: usize = host.serving(&[Git]).map(|part| part.inside.count()).sum();
    let ssh = host.serving(&[Ssh]).find(|part| part.inside.count() >= 5)?;
    let web: usize = host.serving(&[Web]).map(|part| part.inside.count()).sum();
    let clients = ssh.inside.count();
    // Pollers come back all day; people log in now and then.
    ((git >= 1 || web >= 5) && ssh.records >= 20 * clients as u64).then(|| {
        format!(
            "serves SSH to {clients} internal hosts in {} flows, and Git or web pages",
            ssh.records
        )
    })
}

fn vpn_gateway(host: &Host) -> Option<String> {
    let serves: Vec<_> = host.serving(&[Vpn]).collect();
    let peers = outside(&serves);
    (peers >= 3).then(|| format!("answers {peers} external hosts on ports of VPN protocols"))
}

fn load_balancer(host: &Host) -> Option<String> {
    let (front, back) = (host.serving(&[Web]).next()?, host.asking(&[Web, Proxy]).next()?);
    let clients = front.inside.count() + front.outside.count();
    let backends = back.inside.count();
    // What it gets from behind, it hands on.
    let alike = back.received / 2 <= front.sent && front.sent / 2 <= back.received;
    (clients >= 20 && backends >= 2 && back.outside.count() == 0 && alike && back.received > 0)
        .then(|| {
            format!("serves {clients} web clients with what {backends} internal servers send it")
        })
}

fn directory(host: &Host) -> Option<String> {
    served(host.serving(&[Directory]), 5, "Kerberos or LDAP")
}

fn dhcp_server(host: &Host) -> Option<String> {
    served(host.serving(&[Dhcp]), 5, "DHCP")
}

fn voice_server(host: &Host) -> Option<String> {
    served(host.serving(&[Voice]), 5, "SIP")
}

fn terminal_server(host: &Host) -> Option<String> {
    served(host.serving(&[Desktop]), 5, "remote desktops")
}

fn served<'h>(parts: impl Iterator<Item = &'h Part>, least: usize, what: &str) -> Option<String> {
    let clients: usize = parts.map(|part| part.inside.count()).sum();
    let shown = if clients < MOST { "" } else { "at least " };
    (clients >= least).then(|| format!("serves {what} to {shown}{clients} internal hosts"))
}
