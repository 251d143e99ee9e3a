//! What the kernel says of itself meanwhile: its log from a moment on, and whether it is tainted.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
};

use anyhow::{Context, Result, ensure};

/// Words of a kernel that has found a fault in itself, or in a packet whose owner it trusts.
const FAULTS: [&str; 9] = [
    "BUG",
    "WARNING:",
    "Oops",
    "Call Trace",
    "general protection",
    "hw csum failure",
    "refcount",
    "unregister_netdevice: waiting",
    "rcu_sched self-detected stall on CPU",
];

/// The log from when this was made.
#[derive(Debug)]
pub struct KernelLog {
    file: File,
    taint: String,
}

impl KernelLog {
    /// From now on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn from_now() -> Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .context("open /dev/kmsg")?;
        file.seek(SeekFrom::End(0)).context("go to the end of /dev/kmsg")?;
        Ok(Self { file, taint: taint()? })
    }

    /// Fails with what tells of a fault since.
    ///
    /// # Errors
    /// Where there is such a line, or the kernel is tainted by more than it was.
    pub fn assert_clean(&mut self) -> Result<()> {
        let lines = self.lines()?;
        let faults: Vec<_> =
            lines.iter().filter(|line| FAULTS.iter().any(|word| line.contains(word))).collect();
        ensure!(faults.is_empty(), "the kernel's log: {faults:#?}");
        let now = taint()?;
        ensure!(now == self.taint, "the kernel is tainted: {now} instead of {}", self.taint);
        Ok(())
    }

    /// One record each, as /dev/kmsg has them.
    fn lines(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            match self.file.read(&mut buffer) {
                Ok(length) => lines.push(String::from_utf8_lossy(&buffer[..length]).into_owned()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(lines),
                // Older records were overwritten; reading goes on behind them.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) => return Err(error).context("read /dev/kmsg"),
            }
        }
    }
}

fn taint() -> Result<String> {
    fs::read_to_string("/proc/sys/kernel/tainted").context("read the taint of the kernel")
}
