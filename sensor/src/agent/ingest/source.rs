//! The side of the source: while it runs, requests find the way to its desk.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sensor_wire::cloud::format::Format;

use super::{delivery::Channel, hub::Hub};
use crate::agent::{
    cloud::follow::seam::{Desk, ObjectSource, Stop},
    config::push::PushConfig,
};

/// Between two looks at what waits.
const TICK: Duration = Duration::from_secs(1);

/// A source whose objects are pushed.
pub struct Pushed {
    hub: Hub,
    name: String,
    push: PushConfig,
    format: Option<Format>,
}

impl Pushed {
    /// The source called `name`, whose objects have this format, or one that they tell.
    pub fn new(hub: &Hub, name: &str, push: PushConfig, format: Option<Format>) -> Self {
        hub.announce(name);
        Self { hub: hub.clone(), name: name.to_owned(), push, format }
    }
}

impl ObjectSource for Pushed {
    fn run(self: Box<Self>, desk: &Desk, stop: &Stop) {
        let Self { hub, name, push, format } = *self;
        let channel = Arc::new(Channel::new(push, format, desk.clone(), Instant::now()));
        hub.open(&name, channel.clone());
        while !stop.wait(TICK) {
            channel.tick(Instant::now());
        }
        hub.close(&name);
    }
}
