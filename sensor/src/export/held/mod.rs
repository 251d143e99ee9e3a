//! The last flow records, held in memory for whoever asks questions of them: an output like others, with a thread of its own, so that
//! neither the source nor another output waits for a reader.
//!
//! * [`ring`]: what is held, [`batch`] by batch, and since when that is all that came. [`snapshot`]: what is held at a moment, as questions see it.
//! * [`sink`]: the thread; hits that are held have one as well.

pub mod batch;
pub mod ring;
pub mod sink;
pub mod snapshot;
