//! From the decoding of a source to the plant. Unlike routers and the kernel, an object can wait: so a batch waits for room in the
//! engine, and in the queues of the outputs, and nothing of a log is lost because something else is busy.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sensor_core::flow::batch::FlowBatch;

use super::{decoding::Outlet, seam::Stop};
use crate::agent::plant::Plant;

/// Between two looks at whether there is room, or everything is out.
const LOOK: Duration = Duration::from_millis(2);
/// How long the outputs may still take at the end.
const LAST: Duration = Duration::from_secs(4);

/// The way to the plant.
pub struct PlantOutlet(pub Arc<Plant>);

impl Outlet for PlantOutlet {
    fn offer(&self, batch: FlowBatch, stop: &Stop) {
        let Self(plant) = self;
        while !plant.has_room() && !stop.is_asked() {
            stop.wait(LOOK);
        }
        drop(plant.offer_waiting(batch));
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
