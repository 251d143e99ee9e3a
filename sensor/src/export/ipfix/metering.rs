//! What the metering process tells every collector about itself: packets it had to ignore, and the interfaces that
//! it meters. One for all sinks; the agent keeps it up to date.

use std::sync::{Arc, Mutex};

use sensor_core::{
    flow::{
        interfaces::{self, Interfaces},
        totals::Totals,
    },
    sync::Unpoisoned as _,
};
use sensor_wire::ipfix::options::{Interface, Loss};
use tokio::sync::watch;

/// The shared state.
#[derive(Debug)]
pub struct MeteringProcess {
    ignored: Mutex<Loss>,
    interfaces: watch::Sender<Arc<[Interface]>>,
}

impl MeteringProcess {
    /// Nothing ignored, no interfaces known.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { ignored: Mutex::default(), interfaces: watch::Sender::new(Arc::from([])) })
    }

    /// Counts packets that no flow record tells of, at `now` (milliseconds since the epoch).
    pub fn add_ignored(&self, packets: u64, octets: u64, now: u64) {
        let mut ignored = self.ignored.lock().unpoisoned();
        ignored.add(Totals { flows: 0, packets, octets }, now);
    }

    /// What was ignored so far.
    pub fn ignored(&self) -> Loss {
        *self.ignored.lock().unpoisoned()
    }

    /// The names of the interfaces; collectors are told at once, if they have changed, and with the templates.
    pub fn set_interfaces(&self, interfaces: &Interfaces) {
        let interfaces: Arc<[Interface]> = interfaces.0.iter().map(announced).collect();
        self.interfaces.send_if_modified(|known| {
            let changed = *known != interfaces;
            if changed {
                *known = interfaces.clone();
            }
            changed
        });
    }

    /// The interfaces, and news of them.
    pub(super) fn interfaces(&self) -> watch::Receiver<Arc<[Interface]>> {
        self.interfaces.subscribe()
    }
}

fn announced((index, interface): (&u32, &interfaces::Interface)) -> Interface {
    let (name, description) = (interface.name.clone(), interface.alias.clone());
    Interface { index: *index, name, description }
}
