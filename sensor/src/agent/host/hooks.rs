//! What is said of programs that were taken off an interface or put behind others.

use sensor_kernel::attach::{HookChange, HookEvent};

use super::coverage::word;

/// Logs what has become of a program on `interface`.
pub fn log_event(interface: &str, HookEvent { direction, change }: &HookEvent) {
    let direction = word(*direction);
    match change {
        HookChange::Reattached => tracing::warn!(
            interface,
            direction,
            "our program was detached, or the interface recreated: attached again"
        ),
        HookChange::Missing(reason) => tracing::error!(
            interface,
            direction,
            reason,
            "our program was detached and cannot be attached again: packets are missed; retrying"
        ),
        HookChange::Moved(others) => tracing::warn!(
            interface,
            direction,
            others = others.join(", "),
            "another program was attached in front of ours and may have consumed packets: ours is first again"
        ),
        HookChange::Behind(others) => tracing::warn!(
            interface,
            direction,
            others = others.join(", "),
            "other programs run before ours and may consume packets; attach them after ours, or start the sensor after them"
        ),
    }
}
