//! What a process costs: processor time and memory, of it and of the processes it started.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

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
