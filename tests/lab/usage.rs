//! What a process costs: processor time and memory, of it and of the processes it started.

use std::{fs, mem::MaybeUninit, process::Child, time::Duration};

use anyhow::{Context, Result, ensure};

/// What a process cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Time on a processor, user and system, of all threads.
    pub time: Duration,
    /// Octets of the highest resident memory.
    pub memory: u64,
}

/// Waits for the end of a process; what it cost.
///
/// # Errors
/// When it is no child, or did not end well.
#[expect(unsafe_code, reason = "wait4(2) alone tells what one child took")]
pub fn of_ended(child: &Child) -> Result<Cost> {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let mut status = 0;
    // SAFETY: both pointers are valid for writes, and the process is a child that nobody else waits for.
    let waited =
        unsafe { libc::wait4(child.id().cast_signed(), &raw mut status, 0, usage.as_mut_ptr()) };
    ensure!(waited == child.id().cast_signed(), "wait4: {}", std::io::Error::last_os_error());
    ensure!(libc::WIFEXITED(status), "ended by a signal");
    // SAFETY: zeroed is a valid value, and wait4 has filled it.
    let usage = unsafe { usage.assume_init() };
    let time = |time: libc::timeval| {
        Duration::new(time.tv_sec.cast_unsigned(), time.tv_usec.cast_unsigned() as u32 * 1000)
    };
    let memory = usage.ru_maxrss.cast_unsigned() * 1024;
    Ok(Cost { time: time(usage.ru_utime) + time(usage.ru_stime), memory })
}

/// Time on a processor so far, user and system, of all threads of `id` and of its descendants. That of threads which have
/// ended is not in it.
///
/// # Errors
/// When there is no such process.
pub fn cpu_time(id: u32) -> Result<Duration> {
    let mut total = 0;
    for process in family(id)? {
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            // Its first number: nanoseconds on a processor (kernel: Documentation/scheduler/sched-stats.rst).
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            total += text.split(' ').next().context("no number")?.parse::<u64>()?;
        }
    }
    Ok(Duration::from_nanos(total))
}

/// Highest resident memory so far in MiB, summed over `id` and its descendants.
///
/// # Errors
/// When there is no such process.
pub fn peak_memory(id: u32) -> Result<u64> {
    let mut kib = 0;
    for process in family(id)? {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        kib += line.split_whitespace().next().context("no number")?.parse::<u64>()?;
    }
    Ok(kib.div_ceil(1024))
}

/// Time that all processors of the machine have spent in soft interrupts so far, in ticks of 10 ms.
///
/// # Errors
/// When `/proc/stat` has no such column.
pub fn softirq() -> Result<Duration> {
    // Columns: user, nice, system, idle, iowait, irq, softirq (proc_stat(5)), in units of USER_HZ, which is 100.
    const SOFTIRQ: usize = 6;
    let text = fs::read_to_string("/proc/stat")?;
    let all = text.lines().next().and_then(|line| line.strip_prefix("cpu ")).context("no `cpu`")?;
    let ticks = all.split_whitespace().nth(SOFTIRQ).context("no softirq column")?;
    Ok(Duration::from_millis(ticks.parse::<u64>()? * 10))
}

/// `id`, its children, theirs and so on.
fn family(id: u32) -> Result<Vec<u32>> {
    let mut all = vec![id];
    let mut next = 0;
    while let Some(&process) = all.get(next) {
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            let children = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        next += 1;
    }
    Ok(all)
}
