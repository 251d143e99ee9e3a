//! Whether what is sent would arrive.

use std::io;

use crate::{
    agent::doctor::{
        facts::peers::{Outcome, PeerFacts},
        finding::{Area::Peers, Finding},
    },
    export::net::{error::NetError, reach::Reached},
};

/// What is to be said of one.
pub fn judge(facts: &PeerFacts) -> Finding {
    let finding = match &facts.outcome {
        Outcome::Reached(reached) => Finding::ok(Peers, way(reached, facts.is_udp)),
        Outcome::Failed(error) => {
            let finding = Finding::problem(Peers, error);
            match remedy(error) {
                Some(remedy) => finding.remedy(remedy),
                None => finding,
            }
        }
        Outcome::Silent(patience) => {
            let message = format!("no answer within {} ms", patience.as_millis());
            let remedy = "look for a firewall on the way, and whether name server and host are up";
            Finding::problem(Peers, message).remedy(remedy)
        }
        Outcome::ByProxy(variable) => {
            let message = format!("{variable} is set: the way through a proxy was not tried");
            Finding::note(Peers, message).remedy("sensor hits test sends a test event all the way")
        }
        Outcome::Local(Ok(())) => Finding::ok(Peers, "there"),
        Outcome::Local(Err(error)) => {
            Finding::problem(Peers, format_args!("cannot be reached: {error}"))
                .remedy("start systemd-journald, or send hits elsewhere")
        }
        Outcome::Store(Ok(())) => Finding::ok(Peers, "lets in"),
        Outcome::Store(Err(error)) => Finding::problem(Peers, error),
    };
    finding.about(format_args!("{} {}", facts.role, facts.name))
}

fn way(Reached { address, from, addresses }: &Reached, is_udp: bool) -> String {
    let others = match addresses {
        0 | 1 => String::new(),
        _ => format!(", the first that works of {addresses} addresses"),
    };
    match is_udp {
        true => format!(
            "leads to {address}{others} from {from}; whether anybody receives there, UDP does not tell"
        ),
        false => format!("{address}{others} answers, from {from}"),
    }
}

fn remedy(error: &NetError) -> Option<&'static str> {
    Some(match error {
        NetError::Resolve { .. } => {
            "correct the name, or look at /etc/resolv.conf and the name server"
        }
        NetError::Source { .. } => {
            "correct `source`: an address of this host, or an interface that has one"
        }
        NetError::Connect { source, .. } => match source.kind() {
            io::ErrorKind::ConnectionRefused => "start the receiver, or correct the port",
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                "add a route (ip route get ADDRESS shows what there is)"
            }
            io::ErrorKind::TimedOut => "look for a firewall on the way",
            _ => return None,
        },
        NetError::Handshake { .. } | NetError::Closed | NetError::Lost(_) => {
            "compare `ca`, `server_name` and the client's certificate with what the receiver expects, and the clocks of both"
        }
        NetError::Certificate(_) | NetError::Tls(_) => "correct the files under `tls`",
        NetError::Send(_) | NetError::Refused => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::agent::doctor::finding::Status;

    fn judged(is_udp: bool, outcome: Outcome) -> Finding {
        let name = "udp://collector:4739".to_owned();
        judge(&PeerFacts { role: "collector", name, is_udp, outcome })
    }

    fn reached(addresses: usize) -> Outcome {
        let (address, from) = ("192.0.2.1:4739".parse().unwrap(), [192, 0, 2, 9].into());
        Outcome::Reached(Reached { address, from, addresses })
    }

    #[test]
    fn ways_that_lead_there() {
        let udp = judged(true, reached(1));
        assert_eq!(udp.status, Status::Ok);
        assert_eq!(udp.subject.as_deref(), Some("collector udp://collector:4739"));
        assert!(
            udp.message.starts_with("leads to 192.0.2.1:4739 from 192.0.2.9; whether"),
            "{udp:?}"
        );
        let tcp = judged(false, reached(3)).message;
        assert_eq!(
            tcp,
            "192.0.2.1:4739, the first that works of 3 addresses answers, from 192.0.2.9"
        );
    }

    #[test]
    fn ways_that_do_not_come_with_what_to_do() {
        let system = |code| io::Error::from_raw_os_error(code);
        let connect =
            |code| NetError::Connect { address: "192.0.2.1:1".into(), source: system(code) };
        for (error, remedy) in [
            (connect(libc::ECONNREFUSED), "start the receiver"),
            (connect(libc::ENETUNREACH), "add a route"),
            (
                NetError::Resolve { host: "h".into(), source: system(libc::ENOENT) },
                "correct the name",
            ),
            (
                NetError::Handshake { address: "a".into(), source: system(libc::EPROTO) },
                "compare `ca`",
            ),
            (NetError::Tls("none".into()), "correct the files"),
        ] {
            let found = judged(false, Outcome::Failed(error));
            assert_eq!(found.status, Status::Problem);
            assert!(found.remedy.as_ref().unwrap().starts_with(remedy), "{found:?}");
        }
        let silent = judged(false, Outcome::Silent(Duration::from_secs(5)));
        assert_eq!(
            (silent.status, silent.message.as_str()),
            (Status::Problem, "no answer within 5000 ms")
        );
        assert_eq!(judged(false, Outcome::ByProxy("HTTPS_PROXY")).status, Status::Note);
        assert_eq!(judged(false, Outcome::Local(Ok(()))).status, Status::Ok);
        assert_eq!(
            judged(false, Outcome::Local(Err(system(libc::ENOENT)))).status,
            Status::Problem
        );
    }
}
