//! What all HTTP servers of the agent share: their TCP sockets, TLS and tokens, and the bounds of their connections.
//!
//! * [`endpoint`]: an address and its TLS. [`token`]: secrets in files.
//! * [`serve`]: connections; [`limit`]: how many; [`timed`]: how long a write may wait.

pub mod endpoint;
pub mod limit;
pub mod serve;
pub mod timed;
pub mod token;
