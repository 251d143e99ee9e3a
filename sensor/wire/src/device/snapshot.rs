//! All that a restart must not lose: templates, sampling, names. Plain values; whoever has files writes them.

use std::net::IpAddr;

use sensor_core::flow::application::ApplicationId;
use serde::{Deserialize, Serialize};

use super::{sampling::Sampling, session::SessionKey, succession::Trace, who::Who};
use crate::template::Template;

/// Version of the form; others are not read.
pub const VERSION: u32 = 1;

/// What is known of all devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`VERSION`].
    pub version: u32,
    /// The devices.
    pub devices: Vec<SavedDevice>,
}

/// What is known of one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDevice {
    /// Its address.
    pub address: IpAddr,
    /// Where its messages come from, where that is another address.
    #[serde(default)]
    pub source: Option<IpAddr>,
    /// When its data were first decoded, milliseconds since the epoch; 0 where that is not known.
    #[serde(default)]
    pub first_decoded: u64,
    /// When its data were last decoded, milliseconds since the epoch.
    pub last_decoded: u64,
    /// Sampling of all its domains.
    pub sampling: Sampling,
    /// Index, name and alias of its interfaces.
    pub interfaces: Vec<(u32, String, String)>,
    /// Its applications.
    pub applications: Vec<(ApplicationId, String)>,
    /// Its VRFs.
    pub vrfs: Vec<(u32, String)>,
    /// Its streams.
    pub sessions: Vec<SavedSession>,
}

/// What is known of one stream of messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSession {
    /// Version of its protocol.
    pub version: u8,
    /// Source port.
    pub port: u16,
    /// Observation domain.
    pub domain: u32,
    /// When its data were last decoded, milliseconds since the epoch.
    pub last_decoded: u64,
    /// What its messages have said of the process that sends them.
    #[serde(default)]
    pub trace: Trace,
    /// When the device booted, milliseconds since the epoch.
    pub boot: Option<u64>,
    /// Its sampling.
    pub sampling: Sampling,
    /// Its templates.
    pub templates: Vec<Template>,
}

impl SavedDevice {
    /// By what it is known.
    pub fn who(&self) -> Who {
        Who::from(self.source.unwrap_or(self.address)).agent(self.address)
    }
}

impl SavedSession {
    /// Which stream it was.
    pub fn key(&self) -> SessionKey {
        SessionKey { version: self.version, port: self.port, domain: self.domain }
    }
}
