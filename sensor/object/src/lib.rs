//! The eBPF object that `cargo xtask build` has built, as octets within the program that uses it.
//!
//! A crate of its own, on which only programs and labs depend: a change of the eBPF programs relinks them and compiles no
//! library anew, and the libraries can be compiled while the eBPF toolchain is still being installed.

/// The eBPF object; empty when it has not been built (`cargo xtask build`).
pub static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("SENSOR_BPF_OBJECT"));

/// The file that [`OBJECT`] was read from. Beside it lie the reference programs of benches and tests.
pub const PATH: &str = env!("SENSOR_BPF_OBJECT");
