//! Life cycles, determinism, bad times.
