//! The system calls that neither the standard library nor aya makes for us: bpf(2) links, test runs and
//! maps of maps, membarrier(2), and clocks.
//!
//! Each function is one call, with the kernel's structure written out beside it.

#![expect(unsafe_code, reason = "system calls take pointers")]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

pub(super) mod objects;

/// `enum bpf_cmd` of linux/bpf.h.
mod command {
    pub const MAP_CREATE: libc::c_int = 0;
    pub const MAP_UPDATE_ELEM: libc::c_int = 2;
    pub const PROG_TEST_RUN: libc::c_int = 10;
    pub const PROG_GET_FD_BY_ID: libc::c_int = 13;
    pub const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
    pub const PROG_QUERY: libc::c_int = 16;
    pub const LINK_CREATE: libc::c_int = 28;
    pub const LINK_UPDATE: libc::c_int = 29;
}

/// `enum bpf_map_type` of linux/bpf.h.
const MAP_TYPE_ARRAY: u32 = 2;
/// As above.
const MAP_TYPE_ARRAY_OF_MAPS: u32 = 12;

/// Where a link hooks a program in: `enum bpf_attach_type` of linux/bpf.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum LinkType {
    /// XDP of an interface.
    Xdp = 37,
    /// tcx, ingress side.
    TcxIngress = 46,
    /// tcx, egress side.
    TcxEgress = 47,
}

/// Run in the driver only (`XDP_FLAGS_DRV_MODE` of linux/if_link.h).
pub(super) const XDP_NATIVE: u32 = 1 << 2;
/// Run in the stack, on any device (`XDP_FLAGS_SKB_MODE`).
pub(super) const XDP_GENERIC: u32 = 1 << 1;
/// In front of all programs that are there (`BPF_F_BEFORE` of linux/bpf.h, without a program that it is relative to).
pub(super) const TCX_FIRST: u32 = 1 << 3;

/// Calls bpf(2).
///
/// # Safety
/// `attributes` must be the structure that `command` reads, with every pointer in it valid for its stated length.
unsafe fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the structure is alive and of the length given; its content is the caller's promise.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The file descriptor that a call has just returned.
fn owned(descriptor: libc::c_long) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for us, so nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(descriptor as libc::c_int) }
}

/// Hooks `program` into an interface until the returned descriptor is closed, be it by the death of the process.
///
/// XDP links replace nothing (`EBUSY`); tcx links go behind the programs that are there, with [`TCX_FIRST`] in front.
pub(super) fn link_create(
    program: BorrowedFd<'_>,
    interface: u32,
    link_type: LinkType,
    flags: u32,
) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        program: u32,
        interface: u32,
        attach_type: u32,
        flags: u32,
        relative: u32,
        reserved: u32,
        expected_revision: u64,
    }
    let mut attributes = Attributes {
        program: program.as_raw_fd() as u32,
        interface,
        attach_type: link_type as u32,
        flags,
        relative: 0,
        reserved: 0,
        expected_revision: 0,
    };
    // SAFETY: the structure is `link_create` of `union bpf_attr` and holds no pointer.
    unsafe { bpf(command::LINK_CREATE, &mut attributes) }.map(owned)
}

/// Has `link` hold `program` instead of what it holds, at the same place. Each packet comes to one of the two.
pub(super) fn link_update(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    #[repr(C)]
    struct Attributes {
        link: u32,
        program: u32,
        flags: u32,
        old_program: u32,
    }
    let mut attributes = Attributes {
        link: link.as_raw_fd() as u32,
        program: program.as_raw_fd() as u32,
        flags: 0,
        old_program: 0,
    };
    // SAFETY: the structure is `link_update` of `union bpf_attr` and holds no pointer.
    unsafe { bpf(command::LINK_UPDATE, &mut attributes) }.map(drop)
}

/// What the kernel says of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkInfo {
    /// The link's number.
    pub id: u32,
    /// The interface that it hooks into; 0 once it hooks into none, because it was detached or its interface is gone.
    pub interface: u32,
}

/// Asks where an XDP or tcx link hooks in.
pub(super) fn link_info(link: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    /// `struct bpf_link_info`, as far as the member that XDP and tcx links share.
    #[repr(C)]
    #[derive(Default)]
    struct Info {
        link_type: u32,
        id: u32,
        program: u32,
        padding: u32,
        interface: u32,
        attach_type: u32,
    }
    let mut info = Info::default();
    object_info(link, &mut info)?;
    Ok(LinkInfo { id: info.id, interface: info.interface })
}

/// Who a program is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProgramInfo {
    /// Digest of its instructions.
    pub tag: [u8; 8],
    /// Its name, the first 15 octets.
    pub name: String,
}

/// Asks who a program is.
pub(super) fn program_info(program: BorrowedFd<'_>) -> io::Result<ProgramInfo> {
    /// `struct bpf_prog_info`, as far as the name.
    #[repr(C)]
    #[derive(Default)]
    struct Info {
        program_type: u32,
        id: u32,
        tag: [u8; 8],
        lengths: [u32; 2],
        instructions: [u64; 2],
        load_time: u64,
        user: u32,
        map_count: u32,
        maps: u64,
        name: [u8; 16],
    }
    let mut info = Info::default();
    object_info(program, &mut info)?;
    let end = info.name.iter().position(|&octet| octet == 0).unwrap_or(info.name.len());
    let name = String::from_utf8_lossy(&info.name[..end]).into_owned();
    Ok(ProgramInfo { tag: info.tag, name })
}

/// Has the kernel describe a link or a program in the first octets of its structure for that, which `info` is.
fn object_info<T: Default>(object: BorrowedFd<'_>, info: &mut T) -> io::Result<()> {
    #[repr(C)]
    struct Attributes {
        object: u32,
        length: u32,
        info: u64,
    }
    let mut attributes = Attributes {
        object: object.as_raw_fd() as u32,
        length: size_of::<T>() as u32,
        info: std::ptr::from_mut(info) as u64,
    };
    // SAFETY: the structure is `info` of `union bpf_attr`; the kernel writes at most `length` octets to where `info`
    // points, integers all, and takes the zeros there for absent buffers.
    unsafe { bpf(command::OBJ_GET_INFO_BY_FD, &mut attributes) }.map(drop)
}

/// A descriptor of the program `id`. Needs CAP_SYS_ADMIN.
pub(super) fn program_by_id(id: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        id: u32,
        next: u32,
        flags: u32,
    }
    let mut attributes = Attributes { id, next: 0, flags: 0 };
    // SAFETY: the structure is the part of `union bpf_attr` for the commands by number, and holds no pointer.
    unsafe { bpf(command::PROG_GET_FD_BY_ID, &mut attributes) }.map(owned)
}

/// Programs that one tcx hook can hold (`BPF_MPROG_MAX` of linux/bpf_mprog.h).
const TCX_PROGRAMS: usize = 64;

/// The programs at a tcx hook in the order in which they run: the program's number, and its link's, 0 without one.
pub(super) fn tcx_programs(interface: u32, hook: LinkType) -> io::Result<Vec<(u32, u32)>> {
    #[repr(C)]
    struct Attributes {
        interface: u32,
        attach_type: u32,
        query_flags: u32,
        attach_flags: u32,
        programs: u64,
        count: u32,
        padding: u32,
        program_flags: u64,
        links: u64,
        link_flags: u64,
        revision: u64,
    }
    let (mut programs, mut links) = ([0u32; TCX_PROGRAMS], [0u32; TCX_PROGRAMS]);
    let mut attributes = Attributes {
        interface,
        attach_type: hook as u32,
        query_flags: 0,
        attach_flags: 0,
        programs: programs.as_mut_ptr() as u64,
        count: TCX_PROGRAMS as u32,
        padding: 0,
        program_flags: 0,
        links: links.as_mut_ptr() as u64,
        link_flags: 0,
        revision: 0,
    };
    // SAFETY: the structure is `query` of `union bpf_attr`; both arrays are valid for `count` numbers, other pointers
    // are null, which the kernel takes for not asked for.
    unsafe { bpf(command::PROG_QUERY, &mut attributes) }?;
    let count = (attributes.count as usize).min(TCX_PROGRAMS);
    Ok(programs.into_iter().zip(links).take(count).collect())
}

/// What a test run returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// The program's return value.
    pub value: u32,
    /// Mean duration of one run, nanoseconds.
    pub duration: u32,
}

/// Runs a loaded XDP or tc program `repeat` times over `frame` (at least 14 octets), on this thread's CPU.
///
/// # Errors
/// What bpf(2) `BPF_PROG_TEST_RUN` gives, for example `EINVAL` for a frame too short.
pub fn test_run(program: BorrowedFd<'_>, frame: &[u8], repeat: u32) -> io::Result<TestRun> {
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        program: u32,
        value: u32,
        data_size_in: u32,
        data_size_out: u32,
        data_in: u64,
        data_out: u64,
        repeat: u32,
        duration: u32,
        context_size_in: u32,
        context_size_out: u32,
        context_in: u64,
        context_out: u64,
        flags: u32,
        cpu: u32,
        batch_size: u32,
        reserved: u32,
    }
    let mut attributes = Attributes {
        program: program.as_raw_fd() as u32,
        data_size_in: frame.len() as u32,
        data_in: frame.as_ptr() as u64,
        repeat,
        ..Attributes::default()
    };
    // SAFETY: the structure is `test` of `union bpf_attr`; `data_in` is valid for `data_size_in` octets, other
    // pointers are null with size 0.
    unsafe { bpf(command::PROG_TEST_RUN, &mut attributes) }?;
    Ok(TestRun { value: attributes.value, duration: attributes.duration })
}

/// Octets of an object's name, the zero at its end included (`BPF_OBJ_NAME_LEN`).
const NAME: usize = 16;

/// The part of `union bpf_attr` for making a map.
#[repr(C)]
#[derive(Default)]
struct MapAttributes {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    inner: u32,
    numa_node: u32,
    name: [u8; NAME],
}

impl MapAttributes {
    fn make(mut self) -> io::Result<OwnedFd> {
        // SAFETY: the structure is the map creation part of `union bpf_attr` and holds no pointer.
        unsafe { bpf(command::MAP_CREATE, &mut self) }.map(owned)
    }
}

/// Makes an array map of one `u32`, or, with `inner`, an array of one map like it.
pub(super) fn map_create(inner: Option<BorrowedFd<'_>>) -> io::Result<OwnedFd> {
    let attributes = MapAttributes {
        map_type: if inner.is_some() { MAP_TYPE_ARRAY_OF_MAPS } else { MAP_TYPE_ARRAY },
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        inner: inner.map_or(0, |map| map.as_raw_fd() as u32),
        ..MapAttributes::default()
    };
    attributes.make()
}

/// Puts a descriptor, of a map or a program, into the only element of an array of those. Where it is of maps, this returns
/// after an RCU grace period.
pub(super) fn array_update(array: BorrowedFd<'_>, element: BorrowedFd<'_>) -> io::Result<()> {
    #[repr(C)]
    struct Attributes {
        map: u32,
        reserved: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    let key = 0u32;
    let value = element.as_raw_fd() as u32;
    let mut attributes = Attributes {
        map: array.as_raw_fd() as u32,
        reserved: 0,
        key: std::ptr::from_ref(&key) as u64,
        value: std::ptr::from_ref(&value) as u64,
        flags: 0,
    };
    // SAFETY: the structure is the element part of `union bpf_attr`; key and value are four octets each, as the map
    // was made.
    unsafe { bpf(command::MAP_UPDATE_ELEM, &mut attributes) }.map(drop)
}

/// Commands of membarrier(2), `enum membarrier_cmd` of linux/membarrier.h.
pub(super) mod membarrier_command {
    /// Which commands are there?
    pub const QUERY: libc::c_int = 0;
    /// Wait until every CPU has passed through a quiescent state.
    pub const GLOBAL: libc::c_int = 1;
}

/// Calls membarrier(2) and returns its result, a mask for [`membarrier_command::QUERY`].
pub(super) fn membarrier(command: libc::c_int) -> io::Result<libc::c_long> {
    // SAFETY: the call takes numbers only.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A reading of `clock`, nanoseconds.
pub(super) fn clock_gettime(clock: libc::clockid_t) -> io::Result<u64> {
    read_clock(clock, libc::clock_gettime)
}

/// The resolution of `clock`, nanoseconds.
pub(super) fn clock_getres(clock: libc::clockid_t) -> io::Result<u64> {
    read_clock(clock, libc::clock_getres)
}

fn read_clock(
    clock: libc::clockid_t,
    call: unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int,
) -> io::Result<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the call to fill.
    if unsafe { call(clock, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// How the wall clock is kept (adjtimex(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDiscipline {
    /// Somebody, an NTP client for example, says that it is right.
    pub synchronized: bool,
    /// By how much it may be wrong, microseconds; means something while it is synchronized.
    pub max_error: u64,
}

/// Asks how the wall clock is kept. Takes no privilege.
///
/// # Errors
/// When a sandbox forbids the call.
pub fn clock_discipline() -> io::Result<ClockDiscipline> {
    // SAFETY: all of its bits zero are a valid `timex`: integers, and `modes` 0, which changes nothing.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives until the call returns.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    let unsynchronized = timex.status & libc::STA_UNSYNC != 0 || state == libc::TIME_ERROR;
    let max_error = u64::try_from(timex.maxerror).unwrap_or(0);
    Ok(ClockDiscipline { synchronized: !unsynchronized, max_error })
}
