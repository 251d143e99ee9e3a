//! What is said of programs that were taken off an interface or put behind others.

use sensor_kernel::attach::{HookChange, HookEvent};

use super::coverage::word;

/// Logs what has become of a program on `interface`.
pub fn tell(interface: &str, HookEvent { direction, change }: &HookEvent) {
    let direction = word(*direction);
    match change {
        HookChange::Reattached => tracing::warn!(
            interface,
            direction,
            "our program was taken off, or the interface made anew: attached again"
        ),
        HookChange::Missing(reason) => tracing::error!(
            interface,
            direction,
            reason,
            "our program was taken off and cannot be attached again: packets pass unseen; attempts go on"
        ),
        HookChange::Moved(others) => tracing::warn!(
            interface,
            direction,
            others = others.join(", "),
            "another program was put before ours and could keep packets from it: ours is first again"
        ),
        HookChange::Behind(others) => tracing::warn!(
            interface,
            direction,
            others = others.join(", "),
            "other programs run before ours, and what they do not let by passes unseen; attach them behind it, or start \
             the sensor after them"
        ),
    }
}
