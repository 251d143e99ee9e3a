//! What is known of the agent at a moment: a snapshot of all rooms, and what it says together with earlier ones.

use std::{sync::Mutex, time::Instant};

use sensor_core::sync::Unpoisoned as _;

use super::steady::Steady;
use crate::{
    agent::{
        reconfigure::InForce,
        status::{
            Status,
            agent::{Agent, Privileges},
            condition::{Condition, Watch},
            process,
            rates::{History, Rates},
        },
    },
    clock,
};

/// Fills in the section of a room.
pub type Fill = Box<dyn Fn(&mut Status) + Send + Sync>;

/// Watches the agent.
pub struct Observer {
    rooms: Vec<Fill>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    watch: Watch,
    history: History,
    steady: Steady,
}

/// What is known at a moment.
pub struct Seen {
    /// The figures.
    pub status: Status,
    /// Whether the agent is healthy.
    pub condition: Condition,
    /// How fast things go; none at the first look.
    pub rates: Option<Rates>,
}

impl Observer {
    /// Of an agent with these rooms.
    pub fn new(rooms: Vec<Fill>) -> Self {
        Self { rooms, memory: Mutex::default() }
    }

    /// A snapshot. Nothing waits for it.
    fn snapshot(&self) -> Status {
        let mut status = Status::default();
        self.rooms.iter().for_each(|fill| fill(&mut status));
        status
    }

    /// Looks at the agent.
    pub fn look(&self) -> Seen {
        let status = self.snapshot();
        let now = Instant::now();
        let memory = &mut *self.memory.lock().unpoisoned();
        let condition = memory.watch.look(now, &status);
        let rates = memory.history.rates(now, &status);
        Seen { status, condition, rates }
    }

    /// Looks at the agent; what a counter has been it is at least.
    pub fn look_steadily(&self) -> Seen {
        let mut seen = self.look();
        let memory = &mut *self.memory.lock().unpoisoned();
        memory.steady.hold(&mut seen.status);
        seen
    }
}

/// The process itself: it started at `started`, milliseconds since the epoch, and `in_force` is of its configuration, and `privileges` are what it
/// has kept.
pub fn this_process(started: u64, in_force: InForce, privileges: Privileges) -> Fill {
    Box::new(move |status| {
        status.agent = Some(Agent {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            started,
            now: clock::now(),
            process: process::read(),
            configuration: in_force.get(),
            privileges: privileges.clone(),
        });
    })
}
