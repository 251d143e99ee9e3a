//! Whether a host can be reached as an output would reach it, without telling it anything: a name is resolved, a route is
//! found, and for streams hands are shaken. The connection is closed at once.

use std::net::{IpAddr, SocketAddr};

use super::{
    connect::Peer,
    error::NetError,
    tls::{TlsClient, TlsOptions},
    udp,
};

/// How messages would travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams: nobody answers, so the way is found and nothing more.
    Udp,
    /// A TCP connection.
    Tcp,
    /// TLS over TCP.
    Tls(TlsOptions),
}

/// How far one came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The address of the other end.
    pub address: SocketAddr,
    /// The own address that messages leave from.
    pub from: IpAddr,
    /// Addresses of the name.
    pub addresses: usize,
}

/// Tries the way to `peer`.
///
/// # Errors
/// How far it leads.
pub async fn reach(peer: &Peer, transport: &Transport) -> Result<Reached, NetError> {
    // What is wrong with certificates is told before anybody is bothered.
    let tls = match transport {
        Transport::Tls(options) => Some(TlsClient::new(options, &peer.host)?),
        Transport::Udp | Transport::Tcp => None,
    };
    let addresses = peer.resolve().await?.len();
    if *transport == Transport::Udp {
        return route(peer).await.map(|(address, from)| Reached { address, from, addresses });
    }
    let (stream, address) = peer.tcp().await?;
    let from = stream.local_address();
    let from = from.map_err(|source| NetError::Connect { address: address.to_string(), source })?;
    if let Some(client) = tls {
        Peer::shake_hands(&client, stream, address).await?;
    }
    Ok(Reached { address, from: from.ip(), addresses })
}

/// The first address that there is a route to.
async fn route(peer: &Peer) -> Result<(SocketAddr, IpAddr), NetError> {
    let mut last = None;
    for address in peer.resolve().await? {
        match udp::connect(peer, address) {
            Ok((_, from)) => return Ok((address, from)),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or(NetError::Closed))
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, net::TcpListener};

    use super::*;
    use crate::export::net::source::Source;

    fn peer(port: u16) -> Peer {
        Peer { host: "127.0.0.1".into(), port, source: Source::Any }
    }

    #[tokio::test]
    async fn a_receiver_of_streams_sees_a_connection_and_no_octet() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let reached = reach(&peer(address.port()), &Transport::Tcp).await.unwrap();
        assert_eq!(reached, Reached { address, from: [127, 0, 0, 1].into(), addresses: 1 });
        let (mut stream, _) = listener.accept().unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).unwrap();
        assert!(told.is_empty(), "{told:?}");
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_told_for_streams_alone() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = reach(&peer(port), &Transport::Tcp).await.unwrap_err();
        assert!(error.to_string().contains("onnection refused"), "{error}");
        assert!(reach(&peer(port), &Transport::Udp).await.is_ok());
    }

    #[tokio::test]
    async fn certificates_come_before_the_first_packet() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let ca = Some("/no/such/file".into());
        let tls = Transport::Tls(TlsOptions { ca, ..TlsOptions::default() });
        let error = reach(&peer(listener.local_addr().unwrap().port()), &tls).await.unwrap_err();
        assert!(error.to_string().contains("/no/such/file"), "{error}");
        assert!(listener.accept().is_err(), "nobody has connected");
    }
}
