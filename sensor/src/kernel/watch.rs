//! Following interfaces as they come and go.
//!
//! A change of any link wakes the watcher, which then asks for the whole list; a moment's wait before that makes one
//! list out of a burst of changes. Routes may change by the thousand, so they are not listened to: with `auto`, the
//! default route is looked at with every list and every half minute.

use std::{collections::BTreeSet, io, time::Duration};

use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE};
use tokio::{sync::mpsc::Sender, time};

use super::{
    error::KernelError,
    links::{Link, LinkEvent, LinkPatterns, Selection, dump_default_route, dump_links, failed},
    netlink::Netlink,
};

/// How long changes are gathered.
const BURST: Duration = Duration::from_millis(50);

/// How often the default route is looked at.
const ROUTE_CHECK: Duration = Duration::from_secs(30);

/// Follows the interfaces of the network namespace in which it was made.
pub struct LinkWatch {
    netlink: Netlink,
    changes: TokioSocket,
    selection: Selection,
}

impl LinkWatch {
    /// Starts listening, and takes the first look: the interfaces of `patterns` that are there. Call from within a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`KernelError::NoInterface`] for a name that is not there, [`KernelError::NoDefaultRoute`] for `auto` without
    /// one, or when rtnetlink does not answer.
    pub fn new(patterns: LinkPatterns) -> Result<Self, KernelError> {
        // Listening begins before the first look, so that nothing falls in between.
        let changes = subscribe().map_err(failed)?;
        let mut netlink = Netlink::open().map_err(failed)?;
        let (links, default_route) = look(&mut netlink, &patterns).map_err(failed)?;
        let mut selection = Selection::new(patterns);
        selection.update(links.clone(), default_route);
        selection.check(&links)?;
        Ok(Self { netlink, changes, selection })
    }

    /// The interfaces that are asked for and there.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Sends every change since the first look, until nobody receives them.
    ///
    /// # Errors
    /// When rtnetlink does not answer.
    pub async fn run(self, events: Sender<LinkEvent>) -> Result<(), KernelError> {
        let Self { mut netlink, changes, mut selection } = self;
        loop {
            tokio::select! {
                changed = wait(&changes) => changed.map_err(failed)?,
                () = time::sleep(ROUTE_CHECK), if selection.patterns().auto() => {}
                () = events.closed() => return Ok(()),
            }
            let (links, default_route) =
                look(&mut netlink, selection.patterns()).map_err(failed)?;
            for event in selection.update(links, default_route) {
                if events.send(event).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// What is there now.
fn look(netlink: &mut Netlink, patterns: &LinkPatterns) -> io::Result<(Vec<Link>, BTreeSet<u32>)> {
    let links = dump_links(netlink)?;
    let default_route =
        if patterns.auto() { dump_default_route(netlink)? } else { BTreeSet::new() };
    Ok((links, default_route))
}

/// A socket that is told of every change of a link.
fn subscribe() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    socket.socket_mut().bind(&SocketAddr::new(0, libc::RTMGRP_LINK as u32))?;
    Ok(socket)
}

/// Returns a moment after something has changed.
async fn wait(changes: &TokioSocket) -> io::Result<()> {
    tolerate(changes.recv_from_full().await)?;
    time::sleep(BURST).await;
    loop {
        match changes.socket_ref().recv_from_full() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            result => tolerate(result)?,
        }
    }
}

/// Changes may come faster than they are read: that too only means that something has changed.
fn tolerate<T>(result: io::Result<T>) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error() != Some(libc::ENOBUFS) => Err(error),
        _ => Ok(()),
    }
}
