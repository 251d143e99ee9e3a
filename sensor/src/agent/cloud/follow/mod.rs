//! Cloud flow logs while they come: objects that appear and grow, read once each, over restarts.
//!
//! * [`seam`]: between what finds objects and what decodes them. [`decoding`]: the thread that decodes, in lots. [`mod@object`]: one object.
//! * [`state`]: what was read. [`journal`]: the same on disk. [`print`]: whether an object has only grown.
//! * [`figures`], [`silence`]: what is counted of a source, and whether it has fallen silent.

pub mod decoding;
pub mod figures;
pub mod journal;
pub mod object;
pub mod print;
pub mod seam;
pub mod silence;
pub mod state;
#[cfg(test)]
mod tests;
