//! Whether the agent could open its sockets.

use std::io;

use super::figures::size;
use crate::agent::doctor::{
    facts::sockets::{ControlFacts, ControlTrouble, Port, SocketFacts},
    finding::{Area::Sockets, Finding},
};

/// All that is to be said of them, to the user of this number.
pub fn judge(facts: &SocketFacts, user: u32) -> Vec<Finding> {
    let ports = facts.ports.iter().map(|port| of_port(port, user).about(&port.name));
    let mut findings: Vec<_> = ports.collect();
    findings.extend(buffers(facts));
    findings.extend(facts.control.as_ref().and_then(control));
    findings
}

fn of_port(port: &Port, user: u32) -> Finding {
    let error = match &port.trial {
        Ok(_) => return Finding::ok(Sockets, "free"),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::AddrInUse => taken(port, user),
        io::ErrorKind::AddrNotAvailable => {
            let message = format!("no interface has the address {}", port.address.ip());
            let any = if port.address.is_ipv4() { "0.0.0.0" } else { "[::]" };
            Finding::problem(Sockets, message)
                .remedy(format_args!("listen on an address of this host, or on {any}"))
        }
        io::ErrorKind::PermissionDenied => {
            let message = format!("this user may not listen on port {}", port.address.port());
            Finding::problem(Sockets, message).remedy(
                "grant CAP_NET_BIND_SERVICE (systemctl edit sensor: AmbientCapabilities=CAP_NET_BIND_SERVICE), \
                 or listen on a port from 1024 on",
            )
        }
        _ => Finding::problem(Sockets, format_args!("cannot listen: {error}")),
    }
}

fn taken(port: &Port, user: u32) -> Finding {
    match &port.holder {
        Some(holder) if holder.is_sensor() => {
            let message = format!("a running sensor has it (process {})", holder.process);
            Finding::note(Sockets, message).remedy("stop that one before you start another")
        }
        Some(holder) => {
            let message = format!("taken by {} (process {})", holder.name, holder.process);
            Finding::problem(Sockets, message).remedy("stop that process, or choose another port")
        }
        None => {
            let protocol = if port.is_udp { "u" } else { "t" };
            let command = format!("ss -lnp{protocol} 'sport = :{}'", port.address.port());
            let whose = if user == 0 { "" } else { "; by whom: needs root" };
            let finding =
                Finding::problem(Sockets, format_args!("taken by another process{whose}"));
            Finding { needs_root: user != 0, ..finding }
                .remedy(format_args!("{command} shows which; stop it, or choose another port"))
        }
    }
}

/// What receive buffers would hold: the least of all listeners for datagrams.
fn buffers(facts: &SocketFacts) -> Option<Finding> {
    let given = facts.ports.iter().filter_map(|port| port.trial.as_ref().ok().copied().flatten());
    let (given, wanted) = (given.min()? as u64, facts.wanted);
    if given >= wanted {
        let message =
            format!("receive buffers hold {}, as intake.receive_buffer says", size(wanted));
        return Some(Finding::ok(Sockets, message));
    }
    let limit =
        facts.limit.map(|limit| format!(" (net.core.rmem_max is {limit})")).unwrap_or_default();
    let message = format!(
        "receive buffers would hold {}, not {}{limit}: bursts may be lost",
        size(given),
        size(wanted)
    );
    Some(Finding::warning(Sockets, message).remedy(format_args!(
        "sysctl -w net.core.rmem_max={wanted}, or give the sensor CAP_NET_ADMIN"
    )))
}

fn control(facts: &ControlFacts) -> Option<Finding> {
    let ControlFacts { path, chosen, trial } = facts;
    let finding = match trial {
        Ok(()) => Finding::ok(Sockets, "the control socket can be made"),
        Err(ControlTrouble::Taken) => {
            let message = "a running sensor answers there";
            Finding::note(Sockets, message)
                .remedy("`sensor status` asks it; another sensor needs another control.socket")
        }
        Err(ControlTrouble::Other(error)) if *chosen => Finding::problem(Sockets, error)
            .remedy("make it possible, or set control.socket to another path"),
        // Without it there is no status, tap or reload; the agent runs all the same.
        Err(ControlTrouble::Other(error)) => {
            let message = format!("{error}: no `sensor status`, `tap` and `reload`");
            Finding::note(Sockets, message)
                .remedy("run it as the service does, or set control.socket to another path")
        }
    };
    Some(finding.about(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::doctor::{facts::holder::Holder, finding::Status};

    fn port(trial: io::Result<Option<usize>>, holder: Option<(u32, &str)>) -> Port {
        Port {
            name: "netflow://0.0.0.0:2055".into(),
            address: "0.0.0.0:2055".parse().unwrap(),
            is_udp: true,
            trial,
            holder: holder.map(|(process, name)| Holder { process, name: name.into() }),
        }
    }

    fn error(code: i32) -> io::Result<Option<usize>> {
        Err(io::Error::from_raw_os_error(code))
    }

    #[test]
    fn ports() {
        for (port, user, status, part) in [
            (port(Ok(None), None), 0, Status::Ok, "free"),
            (
                port(error(libc::EADDRINUSE), Some((7, "nfcapd"))),
                0,
                Status::Problem,
                "nfcapd (process 7)",
            ),
            (
                port(error(libc::EADDRINUSE), Some((7, "sensor"))),
                0,
                Status::Note,
                "a running sensor",
            ),
            (port(error(libc::EADDRINUSE), None), 0, Status::Problem, "taken by another process"),
            (port(error(libc::EADDRINUSE), None), 9, Status::Problem, "by whom: needs root"),
            (port(error(libc::EADDRNOTAVAIL), None), 0, Status::Problem, "has the address 0.0.0.0"),
            (port(error(libc::EACCES), None), 9, Status::Problem, "port 2055"),
            (port(error(libc::EMFILE), None), 0, Status::Problem, "cannot listen: "),
        ] {
            let found = of_port(&port, user);
            assert_eq!(found.status, status, "{found:?}");
            assert!(found.message.contains(part), "{found:?}");
            assert_eq!(found.needs_root, part.contains("needs root"));
        }
        let found = of_port(&port(error(libc::EADDRINUSE), None), 0);
        assert!(found.remedy.unwrap().starts_with("ss -lnpu 'sport = :2055' shows which"));
    }

    #[test]
    fn the_smallest_receive_buffer_counts() {
        let facts = |given: &[usize]| SocketFacts {
            ports: given.iter().map(|&given| port(Ok(Some(given)), None)).collect(),
            wanted: 4 << 20,
            limit: Some(212_992),
            control: None,
        };
        assert_eq!(buffers(&facts(&[])), None);
        assert_eq!(buffers(&facts(&[4 << 20])).unwrap().status, Status::Ok);
        let short = buffers(&facts(&[4 << 20, 212_992])).unwrap();
        assert_eq!(short.status, Status::Warning);
        assert!(short.message.contains("0.2 MiB, not 4.0 MiB"), "{short:?}");
        assert!(short.remedy.unwrap().starts_with("sysctl -w net.core.rmem_max=4194304"));
    }

    #[test]
    fn a_control_socket_that_nobody_chose_is_done_without() {
        let other = || Err(ControlTrouble::Other("cannot create".into()));
        for (chosen, trial, status) in [
            (false, Ok(()), Status::Ok),
            (true, Err(ControlTrouble::Taken), Status::Note),
            (false, other(), Status::Note),
            (true, other(), Status::Problem),
        ] {
            let facts = ControlFacts { path: "/run/s".into(), chosen, trial };
            assert_eq!(control(&facts).unwrap().status, status, "{facts:?}");
        }
    }
}
