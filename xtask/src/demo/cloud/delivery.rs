//! What both clouds and the router deliver while the sensor runs.

use std::net::{Ipv4Addr, UdpSocket};

use anyhow::{Context, Result};

use super::{
    aws, azure,
    moment::Moment,
    netflow,
    site::{AWS, AZURE, Site},
    story::Flow,
};

/// Writes objects into the folders of a site, and datagrams to a port of this host.
pub struct Delivery<'a> {
    site: &'a Site,
    router: UdpSocket,
    now: Moment,
}

impl<'a> Delivery<'a> {
    /// To the sensor that listens for the router at `port`.
    ///
    /// # Errors
    /// When there is no socket.
    pub fn new(site: &'a Site, port: u16) -> Result<Self> {
        let router = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("bind the router's port")?;
        router.connect((Ipv4Addr::LOCALHOST, port)).context("connect the router's port")?;
        Ok(Self { site, router, now: Moment::now() })
    }

    /// The first minute.
    ///
    /// # Errors
    /// When something cannot be written or sent.
    pub fn ordinary(&self) -> Result<()> {
        self.aws(&aws::ordinary(self.now), self.now.before(60))?;
        self.azure(1)?;
        self.router(0, &netflow::ORDINARY)
    }

    /// The second minute, with what policies look for.
    ///
    /// # Errors
    /// When something cannot be written or sent.
    pub fn wanted(&self) -> Result<()> {
        self.aws(&aws::wanted(self.now), self.now)?;
        self.azure(2)?;
        self.router(1, &netflow::WANTED)
    }

    fn aws(&self, text: &str, end: Moment) -> Result<()> {
        let (key, octets) = aws::object(text, end).context("compress an object")?;
        self.site.deliver(AWS, &key, &octets)
    }

    fn azure(&self, minutes: usize) -> Result<()> {
        let blob = azure::blob(self.now, minutes);
        self.site.deliver(AZURE, &azure::name(self.now), blob.as_bytes())
    }

    fn router(&self, sequence: u32, flows: &[Flow]) -> Result<()> {
        let datagram = netflow::datagram(self.now, sequence, flows);
        self.router.send(&datagram).context("send as the router")?;
        Ok(())
    }
}
