//! What is so on this host: each family asks the system once, and judges nothing.

pub mod clock;
pub mod files;
pub mod folders;
pub mod holder;
pub mod interfaces;
pub mod kernel;
pub mod memory;
pub mod peers;
pub mod sockets;
pub mod store;
pub mod user;

use std::time::Duration;

use sensor_kernel::probe::Means;

use self::{
    clock::ClockFacts, files::FileFacts, folders::FolderFacts, interfaces::InterfaceFacts,
    kernel::KernelFacts, memory::MemoryFacts, peers::PeerFacts, sockets::SocketFacts,
    store::StoreFacts, user::UserFacts,
};
use crate::agent::config::Config;

/// Everything that is judged.
pub struct Facts {
    pub files: FileFacts,
    /// Of flow logs that are followed.
    pub folders: Vec<FolderFacts>,
    /// Of the flow store, where there is one.
    pub store: Option<StoreFacts>,
    /// None where no interface is captured: then the kernel need not offer anything.
    pub capture: Option<CaptureFacts>,
    pub user: UserFacts,
    pub memory: MemoryFacts,
    pub sockets: SocketFacts,
    pub clock: ClockFacts,
    pub peers: Vec<PeerFacts>,
}

/// What capturing takes.
pub struct CaptureFacts {
    pub kernel: KernelFacts,
    pub interfaces: InterfaceFacts,
}

impl Facts {
    /// Asks the system for all of them.
    pub fn gather(config: &Config, object: &[u8], patience: Duration) -> Self {
        let (files, contents) = files::gather(config);
        let means = Means::look();
        let captures = !config.capture.interfaces.is_empty();
        let capture = captures.then(|| {
            let (kernel, trial) = kernel::gather(&means, &config.capture.pins, object);
            CaptureFacts { kernel, interfaces: interfaces::gather(config, &means, trial) }
        });
        Self {
            files,
            folders: folders::gather(config),
            store: store::gather(config),
            capture,
            user: user::gather(config, &means),
            memory: memory::gather(config, contents.as_ref()),
            sockets: sockets::gather(config),
            clock: clock::gather(),
            peers: peers::gather(config, patience),
        }
    }
}
