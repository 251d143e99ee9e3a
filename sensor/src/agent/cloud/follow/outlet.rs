//! From the decoding of a source to the plant. Unlike routers and the kernel, an object can wait: so a batch waits for room in the
//! engine, and in the queues of the outputs, and nothing of a log is lost because something else is busy.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sensor_core::{dns::DnsBatch, flow::batch::FlowBatch};

use super::{decoding::Outlet, seam::Stop};
use crate::agent::plant::Plant;

/// Between two looks at whether there is room, or everything is out.
const LOOK: Duration = Duration::from_millis(2);
/// How long the outputs may still take at the end.
const LAST: Duration = Duration::from_secs(4);

/// The way to the plant.
pub struct PlantOutlet(pub Arc<Plant>);

impl PlantOutlet {
    fn wait_for_room(&self, stop: &Stop) {
        while !self.0.has_room() && !stop.is_asked() {
            stop.wait(LOOK);
        }
    }
}

impl Outlet for PlantOutlet {
    fn offer(&self, batch: FlowBatch, stop: &Stop) {
        self.wait_for_room(stop);
        drop(self.0.offer_waiting(batch));
    }

    fn offer_dns(&self, batch: DnsBatch, stop: &Stop) {
        self.wait_for_room(stop);
        self.0.offer_dns(batch);
    }

    fn deliver(&self, stop: &Stop) -> bool {
        let Self(plant) = self;
        let delivery = plant.delivery();
        let mut deadline = None;
        while !plant.is_delivered(&delivery) {
            if stop.is_asked() {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + LAST);
                if Instant::now() >= deadline {
                    return false;
                }
            }
            std::thread::sleep(LOOK);
        }
        true
    }
}
