//! Names of directions.

use sensor_common::key::Direction;

/// The name of a direction in a batch; none for what is none.
pub fn direction_name(direction: u8) -> Option<&'static str> {
    match direction {
        way if way == Direction::Ingress as u8 => Some("ingress"),
        way if way == Direction::Egress as u8 => Some("egress"),
        _ => None,
    }
}
