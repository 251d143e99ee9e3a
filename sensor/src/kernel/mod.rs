//! The kernel side of the agent: the embedded eBPF object.

/// The eBPF object; empty when it has not been built (`cargo xtask build`).
pub static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("SENSOR_BPF_OBJECT"));
