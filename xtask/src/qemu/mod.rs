//! Runs a program on another kernel: the kernel, an initial file system made for the occasion, and an emulated machine.
//!
//! "Does it load on my kernel" is a test like any other, and what may stop a kernel is tried on one that is nobody's. The
//! machine starts, runs one script as its first process, and powers off. Where the processor can virtualize, KVM runs it;
//! hosts that are virtual themselves often cannot, and there it is emulated (tcg), several times slower.

mod initramfs;
mod kernel;

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

pub use self::kernel::{Kernel, Series};

/// After this the machine is switched off: a kernel that hangs must not hang the tests.
const LIMIT: Duration = Duration::from_secs(480);

/// All that the emulator knows, but for the string instructions that processors are quick at: a kernel that sees these
/// flags copies and clears by `rep movsb` and `rep stosb`, which the emulator does octet by octet. The tests of the
/// programs take seven times as long with them.
const CPU: &str = "max,erms=off,fsrm=off";

/// The last line of a run begins with this.
const MARKER: &str = "EXIT=";

/// What became of a script.
pub struct Output {
    /// Its exit code.
    pub code: i32,
}

/// Boots `kernel` with `files` (path here, path there; shared libraries follow by themselves), runs the shell `script`
/// as root, and passes the console through to the terminal.
///
/// # Errors
/// When the machine does not start, does not end in time, or ends without having run the script to its end.
pub fn boot(kernel: &Kernel, files: &[(&Path, &str)], script: &str) -> Result<Output> {
    let directory = tempfile::tempdir().context("make a directory for the initial file system")?;
    let image = directory.path().join("initramfs.cpio");
    initramfs::build(kernel, files, script, &image)?;
    let start = Instant::now();
    let accelerators = accelerators();
    println!("boots {} under qemu ({})", kernel.release(), accelerators.join(", else "));
    let mut machine = Machine::start(kernel, &image, accelerators)?;
    let code = machine.watch(start + LIMIT)?;
    println!("powered off after {:.0} s", start.elapsed().as_secs_f32());
    match code {
        Some(code) => Ok(Output { code }),
        None => bail!("the virtual machine ended before the script did; its console is above"),
    }
}

/// What may run the machine, the best first. There are devices of KVM (that of paravirtualized hosts, for one) that run
/// guests made for them alone: only where the processor itself virtualizes is KVM taken.
fn accelerators() -> &'static [&'static str] {
    let usable = OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if usable && virtualizes(&processor) { &["kvm", "tcg"] } else { &["tcg"] }
}

/// Whether `/proc/cpuinfo` tells of VT-x or AMD-V.
fn virtualizes(processor: &str) -> bool {
    let flags = processor.lines().filter(|line| line.starts_with("flags"));
    flags.flat_map(str::split_whitespace).any(|flag| flag == "vmx" || flag == "svm")
}

/// A running qemu; killed when this goes.
struct Machine(Child);

impl Machine {
    fn start(kernel: &Kernel, image: &Path, accelerators: &[&str]) -> Result<Self> {
        Command::new("qemu-system-x86_64")
            .args(accelerators.iter().flat_map(|accelerator| ["-accel", accelerator]))
            .args(["-cpu", CPU, "-smp", "2", "-m", "2048"])
            .args(["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel"])
            .arg(kernel.image())
            .arg("-initrd")
            .arg(image)
            .args(["-append", "console=ttyS0 panic=-1 quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map(Self)
            .context("start qemu-system-x86_64")
    }

    /// Prints the console until it closes; returns the script's exit code where it came to one.
    fn watch(&mut self, deadline: Instant) -> Result<Option<i32>> {
        let console = self.0.stdout.take().context("the console of qemu")?;
        let lines = lines(console);
        let mut code = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) => match exit_code(&line) {
                    Some(said) => code = Some(said),
                    None => println!("  | {line}"),
                },
                Err(RecvTimeoutError::Disconnected) => return Ok(code),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the virtual machine did not end within {} s", LIMIT.as_secs())
                }
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself, which is the usual case.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lines of the console, read by a thread so that waiting for them can end.
fn lines(console: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The code in the script's last line.
fn exit_code(line: &str) -> Option<i32> {
    line.strip_prefix(MARKER)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_needs_a_processor_that_virtualizes() {
        assert!(virtualizes("processor\t: 0\nflags\t\t: fpu vme vmx smx\n"));
        assert!(virtualizes("flags\t\t: fpu svm\n"));
        assert!(!virtualizes("flags\t\t: fpu vme\nvmx flags\t: vnmi ept\nbugs\t\t: svm\n"));
    }

    #[test]
    fn the_exit_code_is_read_from_its_line_only() {
        assert_eq!(exit_code("EXIT=0"), Some(0));
        assert_eq!(exit_code("EXIT=101"), Some(101));
        assert_eq!(exit_code("EXIT="), None);
        assert_eq!(exit_code("echo EXIT=0"), None);
    }
}
