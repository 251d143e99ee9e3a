//! Faults of what the agent depends on: collectors, disks, pipes, files and ports go away, are full, or are replaced under it. It goes
//! on, says each fault once with what to do, counts every record, and takes up again by itself.
//!
//! What single outputs do is tested beside them (`export`, `export_files`, `export_paths`, `hits_*`), an interactive listing whose
//! reader ends in `agent_operation`, and a UDP port that is taken at a reload in `reload`.

mod collectors;
mod disk;
mod fleet;
mod pipes;
mod ports;
mod receiver;
mod replaced;
mod site;
mod store;
