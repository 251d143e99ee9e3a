//! Programs of `bench.o` at work on interfaces: one that only passes, and one that makes frames.

use anyhow::{Context, Result};
use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, MapData},
    programs::{TestRun, TestRunAttrs, TestRunOptions, Xdp, XdpMode},
};
use sensor_common::layout::names;

use crate::{agent, netns::Netns};

/// The object, with tables as small as they can be: these programs keep none.
fn load() -> Result<Ebpf> {
    let mut loader = EbpfLoader::new();
    for name in [names::FLOWS_V4, names::FLOWS_V6, names::USED_V4, names::USED_V6, names::BOOKS] {
        loader.map_max_entries(name, 1);
    }
    Ok(loader.load(&agent::object("bench.o")?)?)
}

fn xdp<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp> {
    let program: &mut Xdp = ebpf.program_mut(name).context("no such program")?.try_into()?;
    program.load()?;
    Ok(program)
}

/// An XDP program that passes every frame, attached in the driver until this is dropped.
#[derive(Debug)]
pub struct Pass {
    _ebpf: Ebpf,
}

impl Pass {
    /// Attaches it to `device` in `netns`.
    ///
    /// # Errors
    /// When it cannot be loaded or attached.
    pub fn attach(netns: &Netns, device: &str) -> Result<Self> {
        let mut ebpf = load()?;
        netns
            .enter(|| xdp(&mut ebpf, "pass")?.attach(device, XdpMode::Driver).context("pass"))??;
        Ok(Self { _ebpf: ebpf })
    }
}

/// Sends `count` copies of `frame` out of `device` in `netns`, as fast as the kernel makes them, each with one of
/// `flows` (a power of two) IPv4 source addresses, those of the network that the frame's own is in. The other end must
/// run XDP. Frames may be lost in transit: ask the receiving interface how many there were.
///
/// # Errors
/// When the kernel refuses.
pub fn flood(netns: &Netns, device: &str, frame: &[u8], flows: u32, count: u32) -> Result<()> {
    let mut ebpf = load()?;
    let index = netns.run(&format!("cat /sys/class/net/{device}/ifindex"))?;
    set(&mut ebpf, "FLOWS_MASK", flows - 1)?;
    set(&mut ebpf, "OUTPUT", index.trim().parse()?)?;
    netns.enter(|| -> Result<()> {
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.repeat = count;
        options.attrs = TestRunAttrs::new().xdp_live_frames(64);
        xdp(&mut ebpf, "generate")?.test_run(options)?;
        Ok(())
    })?
}

fn set(ebpf: &mut Ebpf, map: &str, value: u32) -> Result<()> {
    let mut map: Array<&mut MapData, u32> = ebpf.map_mut(map).context("no such map")?.try_into()?;
    Ok(map.set(0, value, 0)?)
}
