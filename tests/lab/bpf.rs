//! Programs of others: one that returns a value and nothing else, at an interface before or behind the sensor's; those that
//! put VLAN tags on and take them off; and somebody who takes the sensor's programs off.

#![expect(unsafe_code, reason = "bpf(2) takes pointers")]

use std::{
    ffi::CString,
    fs, io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

use anyhow::{Context, Result};

/// Where a program goes: `enum bpf_attach_type` of linux/bpf.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Hook {
    /// XDP, in the driver.
    Xdp = 37,
    /// tcx, ingress side.
    TcxIngress = 46,
    /// tcx, egress side.
    TcxEgress = 47,
}

/// `TC_ACT_OK`: the packet goes on, no further program is run.
pub const TC_OK: i32 = 0;
/// `TC_ACT_UNSPEC`: the next program is run.
pub const TC_NEXT: i32 = -1;
/// `XDP_DROP`.
pub const XDP_DROP: i32 = 1;
/// `XDP_PASS`.
pub const XDP_PASS: i32 = 2;

/// Calls bpf(2) with the structure that `command` reads.
fn bpf<T>(command: libc::c_int, mut attributes: T) -> io::Result<OwnedFd> {
    // SAFETY: the structure is alive and of the length given; each caller here passes what the command reads, with
    // pointers that are valid for their lengths. Commands whose result is no descriptor return 0, which is duplicated.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut attributes, size_of::<T>()) };
    match result {
        ..0 => Err(io::Error::last_os_error()),
        // SAFETY: standard input is open.
        0 => Ok(unsafe { OwnedFd::from_raw_fd(libc::dup(0)) }),
        // SAFETY: the kernel has just made this descriptor for us.
        descriptor => Ok(unsafe { OwnedFd::from_raw_fd(descriptor as libc::c_int) }),
    }
}

/// Attaches a program that returns `value` to interface `index` of this thread's namespace, in front of those that are
/// there or behind them, until the descriptor is closed.
///
/// # Errors
/// When the kernel refuses.
pub fn attach(index: u32, hook: Hook, value: i32, in_front: bool) -> Result<OwnedFd> {
    attach_program(index, hook, &[mov(0, value), EXIT], in_front)
}

/// Has `hook` of interface `index`, one of tcx, put VLAN tags on packets, or take them off, behind the programs that are
/// there, until the descriptor is closed. As with a VLAN device, a tag that is put on lies beside the frame.
///
/// # Errors
/// When the kernel refuses.
pub fn tag(index: u32, hook: Hook, tag: Tag) -> Result<OwnedFd> {
    // The context is the first argument already.
    let program = match tag {
        Tag::Push(vlan) => vec![
            mov(2, i32::from(0x8100u16.to_be())),
            mov(3, i32::from(vlan)),
            call(SKB_VLAN_PUSH),
            mov(0, TC_NEXT),
            EXIT,
        ],
        Tag::Pop => vec![call(SKB_VLAN_POP), mov(0, TC_NEXT), EXIT],
    };
    attach_program(index, hook, &program, false)
}

/// What becomes of a packet's outermost VLAN tag.
#[derive(Clone, Copy, Debug)]
pub enum Tag {
    /// It gets one, of this VLAN.
    Push(u16),
    /// It loses it.
    Pop,
}

/// Helpers, by their numbers in linux/bpf.h.
const SKB_VLAN_PUSH: i32 = 18;
/// As above.
const SKB_VLAN_POP: i32 = 19;

// Instructions of 8 octets: opcode, registers, offset, immediate.
const EXIT: u64 = 0x95;

/// `register = value`
fn mov(register: u64, value: i32) -> u64 {
    0xb7 | register << 8 | u64::from(value as u32) << 32
}

/// Calls a helper.
fn call(helper: i32) -> u64 {
    0x85 | u64::from(helper as u32) << 32
}

fn attach_program(index: u32, hook: Hook, program: &[u64], in_front: bool) -> Result<OwnedFd> {
    #[repr(C)]
    struct Load {
        program_type: u32,
        count: u32,
        instructions: u64,
        licence: u64,
        rest: [u64; 16],
    }
    let program_type = if hook == Hook::Xdp { 6 } else { 3 };
    let program = bpf(
        5,
        Load {
            program_type,
            count: program.len() as u32,
            instructions: program.as_ptr() as u64,
            licence: c"GPL".as_ptr() as u64,
            rest: [0; 16],
        },
    )
    .context("load a program")?;
    attach_loaded(index, hook, &program, in_front)
}

/// Attaches a program that is loaded already, as [`attach`] does.
///
/// # Errors
/// When the kernel refuses.
pub fn attach_loaded(index: u32, hook: Hook, program: &OwnedFd, in_front: bool) -> Result<OwnedFd> {
    #[repr(C)]
    struct Create {
        program: u32,
        interface: u32,
        attach_type: u32,
        flags: u32,
        rest: [u64; 4],
    }
    let flags = match hook {
        Hook::Xdp => 1 << 2,
        _ if in_front => 1 << 3,
        _ => 0,
    };
    let program = program.as_raw_fd() as u32;
    let link = Create { program, interface: index, attach_type: hook as u32, flags, rest: [0; 4] };
    bpf(28, link).context("attach a program")
}

/// Has `link` hold another program.
///
/// # Errors
/// When the kernel refuses.
pub fn update_link(link: &OwnedFd, program: &OwnedFd) -> Result<()> {
    let [link, program] = [link, program].map(|object| object.as_raw_fd() as u32);
    bpf(29, [link, program, 0, 0]).context("update a link").map(drop)
}

/// Puts `program` into the only element of an array of programs.
///
/// # Errors
/// When the kernel refuses.
pub fn put_program(array: &OwnedFd, program: &OwnedFd) -> Result<()> {
    let (key, value) = (0u32, program.as_raw_fd() as u32);
    let array = array.as_raw_fd() as u64;
    let element = [array, &raw const key as u64, &raw const value as u64, 0];
    bpf(2, element).context("put a program into an array").map(drop)
}

/// Pins `object` at `path`.
///
/// # Errors
/// When the kernel refuses.
pub fn pin(object: &OwnedFd, path: &Path) -> Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    bpf(6, [path.as_ptr() as u64, object.as_raw_fd() as u64]).context("pin an object").map(drop)
}

/// What is pinned at `path`.
///
/// # Errors
/// When there is nothing.
pub fn pinned(path: &Path) -> Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    bpf(7, [path.as_ptr() as u64, 0]).context("open a pin")
}

/// Takes off all programs that process `id` holds at interface `index` by links; returns how many.
///
/// # Errors
/// When the kernel refuses.
pub fn detach_links(id: u32, index: u32) -> Result<usize> {
    #[repr(C)]
    struct Number {
        number: u32,
        rest: [u32; 5],
    }
    let number = |number| Number { number, rest: [0; 5] };
    let mut detached = 0;
    for entry in fs::read_dir(format!("/proc/{id}/fdinfo"))? {
        // Descriptors may be closed meanwhile.
        let Ok(info) = fs::read_to_string(entry?.path()) else { continue };
        let value = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').trim().parse::<u32>().ok()
        };
        if let (Some(link), Some(at)) = (value("link_id"), value("ifindex"))
            && at == index
        {
            let link = bpf(30, number(link)).context("open a link")?;
            bpf(34, number(link.as_raw_fd() as u32)).context("detach a link")?;
            detached += 1;
        }
    }
    Ok(detached)
}
