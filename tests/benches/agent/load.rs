//! The sensor, softflowd and pmacctd one after the other on the same wire, each exporting to nfcapd: what they saw, what
//! of it they accounted for, and what that cost.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use tests::{
    netns::Netns,
    peers::require,
    program::{Program, release_binary},
    usage,
};

use crate::sender::Sender;

/// Active flows, and packets a second.
const FLOWS: u32 = 50_000;
const RATE: u32 = 1_000_000;
/// Packets in all.
const PACKETS: u64 = 15_000_000;
/// Where nfcapd listens.
const PORT: u16 = 4739;

/// A program that counts flows, and how it is asked to.
struct Probe {
    name: &'static str,
    start: fn(&Netns, &Path) -> Result<Program>,
    /// Packets that it says it has seen.
    seen: fn(&Program, &Path) -> Result<Option<u64>>,
}

const PROBES: [Probe; 4] = [
    Probe { name: "sensor, XDP", start: |netns, _| sensor(netns, "xdp"), seen: |_, _| Ok(None) },
    Probe { name: "sensor, tc", start: |netns, _| sensor(netns, "tc"), seen: |_, _| Ok(None) },
    Probe { name: "softflowd", start: softflowd, seen: seen_by_softflowd },
    Probe { name: "pmacctd", start: pmacctd, seen: |_, _| Ok(None) },
];

/// Prints the table.
pub fn compare(near: &Netns, far: &Netns) -> Result<()> {
    let bare = softirq_of(|| send(near))?;
    println!(
        "\n{PACKETS} packets of {FLOWS} UDP flows, {RATE} a second; stock policies in the sensor; export to nfcapd\n\
         CPU in all is user and system time, and what soft interrupts took beyond the {:.0} ns a packet of the bare wire",
        nanoseconds(bare.0)
    );
    println!(
        "{:<12}{:>12}{:>12}{:>13}{:>15}{:>14}{:>10}",
        "", "rate, 1/s", "seen, %", "accounted, %", "user+sys, % *", "CPU in all, ns", "RSS, MiB"
    );
    for probe in
        PROBES.iter().filter(|probe| probe.name.starts_with("sensor") || require(probe.name))
    {
        row(probe, near, far, bare.0)?;
    }
    println!(
        "* of one core, while packets come\n\
         With XDP a veth device copies each packet of a socket first, which no driver of a NIC does: see `bench kernel` for the \
         program's own cost."
    );
    Ok(())
}

fn row(probe: &Probe, near: &Netns, far: &Netns, bare: Duration) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let collector = nfcapd(far, directory.path())?;
    let program = (probe.start)(far, directory.path())?;
    let before = usage::cpu_time(program.id())?;
    let (softirq, took) = softirq_of(|| send(near))?;
    let spent = usage::cpu_time(program.id())?.saturating_sub(before);
    let settled = program.settled()?;
    let memory = program.peak_memory()?;
    let seen = (probe.seen)(&program, directory.path())?;
    let said = program.finish()?;
    // Past the datagrams that its end sent.
    thread::sleep(Duration::from_secs(2));
    let accounted = total(&collector.finish()?, "Packets: ").context("nfcapd tells no packets")?;
    let seen = seen.or_else(|| seen_by_sensor(&said)).unwrap_or(accounted);
    let share = |packets: u64| packets as f64 * 100.0 / PACKETS as f64;
    println!(
        "{:<12}{:>12.0}{:>12.2}{:>13.2}{:>15.1}{:>14.0}{memory:>10}",
        probe.name,
        PACKETS as f64 / took.as_secs_f64(),
        share(seen),
        share(accounted),
        spent.as_secs_f64() * 100.0 / took.as_secs_f64(),
        nanoseconds(settled + softirq.saturating_sub(bare)),
    );
    Ok(())
}

fn send(near: &Netns) -> Result<Duration> {
    near.enter(|| Sender::new("va", FLOWS)?.send(PACKETS, RATE))?
}

/// Time in soft interrupts while `work` goes on, and what it returns.
fn softirq_of(work: impl FnOnce() -> Result<Duration>) -> Result<(Duration, Duration)> {
    let before = usage::softirq()?;
    let took = work()?;
    Ok((usage::softirq()?.saturating_sub(before), took))
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9 / PACKETS as f64
}

fn nfcapd(netns: &Netns, directory: &Path) -> Result<Program> {
    let flows = directory.join("flows");
    fs::create_dir(&flows)?;
    let mut command = netns.command("nfcapd");
    command.args(["-b", "127.0.0.1", "-B", "64000000", "-p", &PORT.to_string(), "-w"]).arg(flows);
    Program::start(command)
}

fn sensor(netns: &Netns, ingress: &str) -> Result<Program> {
    let mut command = netns.command(&release_binary());
    command.args(["run", "-i", "vb", "--ingress", ingress]);
    command.args("--print none --policies stock --collector".split(' '));
    command.arg(format!("udp://127.0.0.1:{PORT}"));
    Program::start(command)
}

fn seen_by_sensor(said: &str) -> Option<u64> {
    let row = said.lines().find_map(|line| line.trim().strip_prefix("seen "))?;
    row.split_whitespace().next()?.parse().ok()
}

fn softflowd(netns: &Netns, directory: &Path) -> Result<Program> {
    let mut command = netns.command("softflowd");
    // Its default table holds 8,192 flows, and its default buffer 2 MiB.
    command.args("-i vb -N -d -v 9 -B 67108864 -t maxlife=60 -t expint=1 -m".split(' '));
    command.arg((4 * FLOWS).to_string()).args(["-n", &format!("127.0.0.1:{PORT}")]);
    command.arg("-c").arg(directory.join("control")).arg("-p").arg(directory.join("pid"));
    Program::start(command)
}

fn seen_by_softflowd(_: &Program, directory: &Path) -> Result<Option<u64>> {
    let order = |order: &str| -> Result<String> {
        let mut command = Command::new("softflowctl");
        let output = command.arg("-c").arg(directory.join("control")).arg(order).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "softflowctl {order}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let seen = total(&order("statistics")?, "Packets processed: ");
    // A signal ends it without a word of the flows that are active.
    order("expire-all")?;
    thread::sleep(Duration::from_secs(2));
    Ok(seen)
}

fn pmacctd(netns: &Netns, directory: &Path) -> Result<Program> {
    let path = directory.join("pmacctd.conf");
    // Buffers as its documentation recommends for high rates; the default table holds 8,192 flows.
    let text = format!(
        "daemonize: false\npcap_interface: vb\npromisc: false\nplugins: nfprobe\n\
         plugin_pipe_size: 134217728\nplugin_buffer_size: 131072\n\
         nfprobe_receiver: 127.0.0.1:{PORT}\nnfprobe_version: 10\nnfprobe_maxflows: {}\n\
         nfprobe_timeouts: expint=1:maxlife=60\n\
         aggregate: src_host, dst_host, src_port, dst_port, proto, tos\n",
        4 * FLOWS
    );
    fs::write(&path, text)?;
    let mut command = netns.command("pmacctd");
    command.arg("-f").arg(path);
    Program::start(command)
}

/// The sum of the numbers that follow `label`.
fn total(text: &str, label: &str) -> Option<u64> {
    let numbers = text.match_indices(label).filter_map(|(at, _)| {
        let digits = text[at + label.len()..].split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u64>().ok()
    });
    numbers.reduce(|sum, number| sum + number)
}
