//! Faults of the host around a capturing agent: whatever happens to its interfaces, to its process or to its memory, each packet
//! that reached a program is in a flow record or under a name.
//!
//! * `interfaces`: deleted, renamed, moved, two hundred at once, shared with another agent.
//! * `process`: stopped, without a bpffs, in little memory.
//! * `wire`: what they run on.
//!
//! Elsewhere: programs taken off or overtaken (`coverage`), agents killed and replaced (`restart`), a flood of sources
//! (`agent_flood`), full disks and outputs that cannot be reached (`agent_operation`), what the watch of interfaces tells
//! (`attach`), interfaces that a reload adds and removes (`reload`).

mod interfaces;
mod process;
mod wire;
