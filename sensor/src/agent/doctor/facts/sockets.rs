//! Ports to listen on and the control socket: whether they can be had, tried by the code that will open them.

use std::{fs, io, net::SocketAddr};

use super::holder::Holder;
use crate::{
    agent::{
        config::Config,
        control::{SocketError, trial_of_socket},
        inspect::writable::{self, Place},
        web::endpoint,
    },
    intake::{self, options::Transport},
};

/// All of them.
#[derive(Debug, Default)]
pub struct SocketFacts {
    /// `[[listen]]`, `[metrics]` and `[ingest]`.
    pub ports: Vec<Port>,
    /// Octets that receive buffers are to hold.
    pub wanted: u64,
    /// What they may hold without CAP_NET_ADMIN (`net.core.rmem_max`).
    pub limit: Option<u64>,
    /// The control socket; `None` where there is to be none.
    pub control: Option<ControlFacts>,
}

/// A port to listen on.
#[derive(Debug)]
pub struct Port {
    /// As it is called in the configuration.
    pub name: String,
    pub address: SocketAddr,
    pub is_udp: bool,
    /// For datagrams, octets that the receive buffer would have.
    pub trial: io::Result<Option<usize>>,
    /// Who has it.
    pub holder: Option<Holder>,
}

/// The control socket.
#[derive(Debug)]
pub struct ControlFacts {
    pub path: String,
    /// Somebody chose its path: the agent does not start without it.
    pub chosen: bool,
    pub trial: Result<(), ControlTrouble>,
}

/// Why there is to be no control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlTrouble {
    /// Another sensor answers there.
    Taken,
    /// Anything else.
    Other(String),
}

/// Tries all of them.
pub fn gather(config: &Config) -> SocketFacts {
    let trials = intake::trials(&config.intake);
    let listeners = config.intake.listeners.iter().zip(trials);
    let listeners = listeners.map(|(listener, trial)| {
        let is_udp = listener.transport == Transport::Udp;
        port(listener.name.clone(), listener.address, is_udp, trial)
    });
    let metrics = config.metrics.iter().map(|metrics| {
        let trial = endpoint::trial(metrics.address).map(|()| None);
        port(format!("metrics on {}", metrics.address), metrics.address, false, trial)
    });
    let pushed = config.ingest.iter().map(|ingest| {
        let trial = endpoint::trial(ingest.address).map(|()| None);
        port(format!("ingest on {}", ingest.address), ingest.address, false, trial)
    });
    let limit = fs::read_to_string("/proc/sys/net/core/rmem_max");
    SocketFacts {
        ports: listeners.chain(metrics).chain(pushed).collect(),
        wanted: config.intake.receive_buffer as u64,
        limit: limit.ok().and_then(|text| text.trim().parse().ok()),
        control: config.control.socket.as_ref().map(|path| ControlFacts {
            path: path.display().to_string(),
            chosen: config.control.required,
            trial: control(config),
        }),
    }
}

fn port(name: String, address: SocketAddr, is_udp: bool, trial: io::Result<Option<usize>>) -> Port {
    let is_taken = matches!(&trial, Err(error) if error.kind() == io::ErrorKind::AddrInUse);
    let holder = is_taken.then(|| Holder::of(address, is_udp)).flatten();
    Port { name, address, is_udp, trial, holder }
}

fn control(config: &Config) -> Result<(), ControlTrouble> {
    match trial_of_socket(&config.control) {
        Ok(()) => {}
        Err(SocketError::Taken { .. }) => return Err(ControlTrouble::Taken),
        Err(error) => {
            let source = std::error::Error::source(&error);
            let source = source.map(|source| format!(": {source}")).unwrap_or_default();
            return Err(ControlTrouble::Other(format!("{error}{source}")));
        }
    }
    let parent = config.control.socket.as_ref().and_then(|path| path.parent());
    let fault = parent.and_then(|parent| writable::fault(&Place::Directory(parent.to_owned())));
    fault.map_or(Ok(()), |fault| Err(ControlTrouble::Other(fault.message)))
}
