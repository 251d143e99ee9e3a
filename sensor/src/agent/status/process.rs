//! What this process uses, by the proc file system.

use std::{fs, path::Path};

use super::agent::Process;

/// Clock ticks in a second (`USER_HZ`): the same on every architecture that the agent is built for.
const TICKS: f64 = 100.0;
/// The unit of `/proc/self/status`, octets.
const KIBI: u64 = 1024;

/// What the process uses now; `None` where the system does not tell.
pub fn read() -> Option<Process> {
    let own = Path::new("/proc/self");
    let stat = fs::read_to_string(own.join("stat")).ok()?;
    let status = fs::read_to_string(own.join("status")).ok()?;
    let descriptors = fs::read_dir(own.join("fd")).map_or(0, Iterator::count);
    // The directory itself was one of them.
    parse(&stat, &status, (descriptors as u64).saturating_sub(1))
}

fn parse(stat: &str, status: &str, descriptors: u64) -> Option<Process> {
    // The name, in parentheses, may have spaces. Fields 14 and 15 are the times (proc(5)); 3 is the first behind the name.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let row = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    Some(Process {
        cpu: (ticks(14)? + ticks(15)?) as f64 / TICKS,
        resident: row("VmRSS:")? * KIBI,
        virtual_memory: row("VmSize:")? * KIBI,
        threads: row("Threads:")?,
        descriptors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_kernel_are_read_by_their_fields() {
        let stat =
            "4242 (a (b) c) S 1 4242 4242 0 -1 4194560 1200 0 0 0 150 75 0 0 20 0 7 0 100 1 2 3";
        let status = "Name:\ta\nVmSize:\t  2048 kB\nVmRSS:\t    512 kB\nThreads:\t7\n";
        let expected = Process {
            cpu: 2.25,
            resident: 512 << 10,
            virtual_memory: 2 << 20,
            threads: 7,
            descriptors: 9,
        };
        assert_eq!(parse(stat, status, 9), Some(expected));
        assert_eq!(parse("", status, 9), None);
        assert_eq!(parse(stat, "", 9), None);
    }

    #[test]
    fn this_process_has_figures() {
        let process = read().expect("the proc file system is there");
        assert!(process.threads > 0 && process.resident > 0 && process.descriptors > 0);
    }
}
