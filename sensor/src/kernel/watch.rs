//! Following interfaces as they come and go.
//!
//! A change of any link wakes the watcher, which then asks for the whole list; a moment's wait before that makes one
//! list out of a burst of changes. Routes may change by the thousand, so they are not listened to: with `auto`, the
//! default route is looked at with every list and every half minute.

use std::{collections::BTreeSet, io, time::Duration};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc::Sender,
    time,
};

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
    changes: Socket,
    selection: Selection,
}

impl LinkWatch {
    /// Starts listening, and takes the first look: the interfaces of `patterns` that are there.
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

    /// Sends every change since the first look, until nobody receives them. Call from within a tokio runtime.
    ///
    /// # Errors
    /// When rtnetlink does not answer.
    pub async fn run(self, events: Sender<LinkEvent>) -> Result<(), KernelError> {
        let Self { mut netlink, changes, mut selection } = self;
        let changes = AsyncFd::with_interest(changes, Interest::READABLE).map_err(failed)?;
        loop {
            tokio::select! {
                changed = wait(&changes) => changed.map_err(failed)?,
                () = time::sleep(ROUTE_CHECK), if selection.patterns().auto() => {}
                () = events.closed() => return Ok(()),
            }
            let (links, default_route) = look(&mut netlink, selection.patterns()).map_err(failed)?;
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
fn subscribe() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind(&SocketAddr::new(0, libc::RTMGRP_LINK as u32))?;
    socket.set_non_blocking(true)?;
    Ok(socket)
}

/// Returns a moment after something has changed.
async fn wait(changes: &AsyncFd<Socket>) -> io::Result<()> {
    changes.readable().await?.retain_ready();
    time::sleep(BURST).await;
    let mut ready = changes.readable().await?;
    loop {
        match changes.get_ref().recv_from_full() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // Changes came faster than they were read: that too means that something has changed.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            Err(error) => return Err(error),
        }
    }
    ready.clear_ready();
    Ok(())
}
