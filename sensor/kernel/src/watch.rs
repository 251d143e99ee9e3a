//! Following interfaces as they come and go.
//!
//! A change of any link wakes the watcher, which then asks for the whole list; a moment's wait before that makes one
//! list out of a burst of changes. With `auto`, a change of a default route does so, too. Other routes may change by the
//! thousand; they are told from default ones in the message itself, and nothing is asked for because of them.

use std::{io, time::Duration};

use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE};
use tokio::{
    sync::mpsc::{Sender, UnboundedReceiver, unbounded_channel},
    time,
};

use super::{
    error::{ErrorKind, KernelError},
    links::{Link, LinkEvent, LinkPatterns, Selection, dump_links, failed, listed},
    netlink::{Netlink, messages},
    routes::{self, DefaultRoutes},
};

/// How long changes are gathered.
const BURST: Duration = Duration::from_millis(50);

/// How many datagrams of a burst are read before it is looked what is there.
const BURST_DATAGRAMS: usize = 4096;

/// What becomes of names that no interface has at the start, and of [`AUTO`](super::links::AUTO) without a default route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// They are refused.
    Refused,
    /// They are waited for.
    Awaited,
}

/// A name or glob that a captured interface must have from the start.
#[derive(Clone, Debug)]
pub struct Required {
    /// The name or glob.
    pub name: String,
    /// What requires it, for messages.
    pub by: String,
    /// What sort of matter it is when there is none.
    pub kind: ErrorKind,
}

/// Follows the interfaces of the network namespace in which it was made.
pub struct LinkWatch {
    netlink: Netlink,
    changes: TokioSocket,
    selection: Selection,
}

impl LinkWatch {
    /// Starts listening, and takes the first look: the interfaces of `patterns` that are there. For each of `required`
    /// one must be. Call from within a tokio runtime.
    ///
    /// # Errors
    /// Where what is missing is refused, [`KernelError::NoInterface`] for a name that is not there, and
    /// [`KernelError::NoDefaultRoute`] for `auto` without one; [`KernelError::Required`]; when rtnetlink does not answer.
    pub fn new(
        patterns: LinkPatterns,
        missing: Missing,
        required: &[Required],
    ) -> Result<Self, KernelError> {
        // Listening begins before the first look, so that nothing falls in between.
        let changes = subscribe(patterns.auto()).map_err(failed)?;
        let mut netlink = Netlink::open().map_err(failed)?;
        let (links, default_routes) = look(&mut netlink, &patterns).map_err(failed)?;
        let mut selection = Selection::new(patterns);
        selection.update(links.clone(), default_routes);
        match missing {
            Missing::Refused => selection.check(&links)?,
            Missing::Awaited => selection.wait_for_the_missing(),
        }
        for Required { name, by, kind } in required {
            let wanted = LinkPatterns::new([name])?;
            if !selection.links().any(|link| wanted.name(link)) {
                return Err(KernelError::Required {
                    name: name.clone(),
                    by: by.clone(),
                    kind: *kind,
                    captured: listed(selection.links()),
                    present: listed(&links),
                });
            }
        }
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
        let (_, never) = unbounded_channel();
        self.run_asked(events, never).await
    }

    /// As [`Self::run`]; from when `asked` gives other patterns these are followed.
    ///
    /// # Errors
    /// When rtnetlink does not answer.
    pub async fn run_asked(
        self,
        events: Sender<LinkEvent>,
        mut asked: UnboundedReceiver<LinkPatterns>,
    ) -> Result<(), KernelError> {
        let Self { mut netlink, mut changes, mut selection } = self;
        loop {
            let mut asks = false;
            tokio::select! {
                changed = wait(&changes) => changed.map_err(failed)?,
                Some(patterns) = asked.recv() => {
                    // What changes meanwhile is seen by the look below.
                    if patterns.auto() != selection.patterns().auto() {
                        changes = subscribe(patterns.auto()).map_err(failed)?;
                    }
                    selection.ask_for(patterns);
                    asks = true;
                }
                () = events.closed() => return Ok(()),
            }
            let (links, default_routes) = loop {
                match look(&mut netlink, selection.patterns()) {
                    // It changes faster than it can be listed.
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                        time::sleep(BURST).await;
                    }
                    seen => break seen.map_err(failed)?,
                }
            };
            let mut told = selection.update(links, default_routes);
            if asks {
                selection.wait_for_the_missing();
                told.push(LinkEvent::Awaiting(selection.awaited().clone()));
            }
            for event in told {
                if events.send(event).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// The interfaces of `patterns` that are there now, and all that are there: one look, which follows nothing.
///
/// # Errors
/// When rtnetlink does not answer.
pub fn glance(patterns: LinkPatterns) -> Result<(Selection, Vec<Link>), KernelError> {
    let look = Netlink::open().and_then(|mut netlink| look(&mut netlink, &patterns));
    let (links, default_routes) = look.map_err(failed)?;
    let mut selection = Selection::new(patterns);
    selection.update(links.clone(), default_routes);
    selection.wait_for_the_missing();
    Ok((selection, links))
}

/// What is there now.
fn look(netlink: &mut Netlink, patterns: &LinkPatterns) -> io::Result<(Vec<Link>, DefaultRoutes)> {
    let links = dump_links(netlink)?;
    let default_routes = match patterns.auto() {
        true => DefaultRoutes::dump(netlink)?,
        false => DefaultRoutes::default(),
    };
    Ok((links, default_routes))
}

/// A socket that is told of every change of a link, and of a route where that matters.
fn subscribe(routes: bool) -> io::Result<TokioSocket> {
    let mut groups = libc::RTMGRP_LINK;
    if routes {
        groups |= libc::RTMGRP_IPV4_ROUTE | libc::RTMGRP_IPV6_ROUTE;
    }
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    socket.socket_mut().bind(&SocketAddr::new(0, groups as u32))?;
    Ok(socket)
}

/// Returns a moment after something has changed.
async fn wait(changes: &TokioSocket) -> io::Result<()> {
    while !matters(changes.recv_from_full().await)? {}
    time::sleep(BURST).await;
    for _ in 0..BURST_DATAGRAMS {
        match changes.socket_ref().recv_from_full() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            result => drop(matters(result)?),
        }
    }
    Ok(())
}

/// Whether what was received tells of a link or of a default route. Changes may come faster than they are read
/// (`ENOBUFS`): then one of those that were dropped may.
fn matters(received: io::Result<(Vec<u8>, SocketAddr)>) -> io::Result<bool> {
    match received {
        Ok((datagram, _)) => Ok(messages(&datagram).any(|message| match message {
            Ok(message) => match message.message_type {
                libc::RTM_NEWROUTE | libc::RTM_DELROUTE => routes::is_default(message.body),
                _ => true,
            },
            Err(_) => true,
        })),
        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(true),
        Err(error) => Err(error),
    }
}
