//! The agent as a process: memory with a million active flows, and CPU time while nothing happens.
//!
//! Frames of a million sources go over a veth pair between two namespaces, at a rate that a table region can hold
//! between two glances; the agent's own accounts say how many flows it saw.

#![expect(unsafe_code, reason = "packet sockets and clock ticks are asked of libc")]

use std::{
    ffi::CString,
    fs, io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tests::netns::Netns;

/// Active flows to hold.
const FLOWS: u32 = 1_000_000;
/// Frames of one burst, and the pause behind it: 200,000 new flows a second.
const BURST: u32 = 2_000;
const PAUSE: Duration = Duration::from_millis(10);
/// How long the idle agent is watched.
const IDLE: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    // SAFETY: geteuid(2) takes nothing and cannot fail.
    ensure!(unsafe { libc::geteuid() } == 0, "needs root, for namespaces and eBPF programs");
    let (near, far) = (Netns::new("bench")?, Netns::new("bench")?);
    near.veth("va", &far, "vb")?;
    let agent = Agent::start(&far)?;
    let before = agent.cpu_time()?;
    thread::sleep(IDLE);
    let idle = agent.cpu_time()?.saturating_sub(before);
    println!(
        "idle agent: {:.2} % of a core over {} s",
        idle.as_secs_f64() * 100.0 / IDLE.as_secs_f64(),
        IDLE.as_secs()
    );
    let empty = agent.memory("VmHWM")?;
    near.enter(|| send_flows("va"))??;
    thread::sleep(Duration::from_secs(2));
    let peak = agent.memory("VmHWM")?;
    println!("peak RSS: {empty} MiB empty, {peak} MiB with {FLOWS} active IPv4 flows");
    println!("the agent's own summary:\n{}", agent.finish()?);
    Ok(())
}

struct Agent(Child);

impl Agent {
    fn start(namespace: &Netns) -> Result<Self> {
        let binary = std::env::var_os("SENSOR_BINARY")
            .map_or_else(|| PathBuf::from("target/release/sensor"), PathBuf::from);
        let mut command: Command = namespace.command(&binary.display().to_string());
        command.args(["run", "-i", "vb", "--ingress", "xdp", "--print", "none"]);
        command.args(["--idle-timeout", "60s"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let agent = Self(child.with_context(|| format!("start {}", binary.display()))?);
        thread::sleep(Duration::from_secs(2));
        Ok(agent)
    }

    /// A memory figure of `/proc/PID/status`, in MiB.
    fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find(|line| line.starts_with(name)).context("no such figure")?;
        let kib: u64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kib.div_ceil(1024))
    }

    /// User and system time so far.
    fn cpu_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // Behind the command's name in parentheses: utime and stime are fields 14 and 15 of the whole line.
        let fields: Vec<&str> =
            stat.rsplit_once(')').context("no name")?.1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        // SAFETY: sysconf(3) takes a number.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as u64;
        Ok(Duration::from_millis(ticks * 1000 / per_second))
    }

    fn finish(mut self) -> Result<String> {
        let id = self.0.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status()?.success(), "kill {id}");
        let mut errors = String::new();
        let mut pipe = self.0.stderr.take().context("no stderr")?;
        io::Read::read_to_string(&mut pipe, &mut errors)?;
        self.0.wait()?;
        Ok(errors)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends one UDP packet from each of [`FLOWS`] sources.
fn send_flows(interface: &str) -> Result<()> {
    let name = CString::new(interface)?;
    // SAFETY: the name ends with a zero octet and outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    ensure!(index != 0, io::Error::last_os_error());
    // SAFETY: socket(2) takes numbers.
    let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) };
    ensure!(socket >= 0, io::Error::last_os_error());
    // SAFETY: the descriptor is open and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: plain numbers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = index as i32;
    let mut frame = [0u8; 60];
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
    frame[14..24].copy_from_slice(&[0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17]);
    frame[30..34].copy_from_slice(&[192, 0, 2, 2]);
    frame[34..40].copy_from_slice(&[0x30, 0x39, 0, 9, 0, 26]);
    for flow in 0..FLOWS {
        frame[26..30].copy_from_slice(&(0x0a00_0000 + flow).to_be_bytes());
        // SAFETY: frame and address are valid for the lengths given.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                (&raw const address).cast(),
                size_of_val(&address) as u32,
            )
        };
        ensure!(sent == frame.len() as isize, io::Error::last_os_error());
        if flow % BURST == BURST - 1 {
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}
