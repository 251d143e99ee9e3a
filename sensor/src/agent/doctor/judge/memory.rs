//! Whether what the configuration takes is there.

use sensor_core::policy::detector::footprint::Footprint;

use super::figures::{size, thousands};
use crate::agent::doctor::{
    facts::memory::MemoryFacts,
    finding::{Area::Memory, Finding},
    report,
};

/// Keys of which the memory is told: as many as a busy host may have.
const EXAMPLE: u64 = 100_000;

/// All that is to be said of it.
pub fn judge(facts: &MemoryFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(tables) = &facts.tables {
        let message = format!("kernel tables: {tables}");
        findings.push(match tables.octets() > tables.memory {
            true => Finding::warning(Memory, message)
                .remedy("raise capture.kernel_memory to what is needed"),
            false => Finding::ok(Memory, message),
        });
    }
    if let Some((flows, octets)) = facts.cache {
        let message = format!(
            "flow cache: {} with {} flows (flow.max_flows)",
            size(octets),
            thousands(flows as u64)
        );
        findings.push(Finding::ok(Memory, message));
    }
    if let Some((state, buffers)) = facts.intake {
        let message = format!(
            "intake: {} (intake.memory), and {} in receive buffers",
            size(state),
            size(buffers)
        );
        findings.push(Finding::ok(Memory, message));
    }
    findings.extend(policies(facts));
    findings.extend(sum(facts));
    findings
}

fn policies(facts: &MemoryFacts) -> Option<Finding> {
    let (count, Footprint { keys, octets }) = facts.policies.filter(|(count, _)| *count > 0)?;
    let (keys, octets) = (keys as u64, octets as u64);
    let each = octets / keys.max(1);
    let message = format!(
        "policies: {} for each {} keys watched; {count} policies have room for {} keys in all (max_keys)",
        size(each.saturating_mul(EXAMPLE)),
        thousands(EXAMPLE),
        thousands(keys),
    );
    Some(Finding::ok(Memory, message))
}

/// What is taken for certain, against what there is.
fn sum(facts: &MemoryFacts) -> Option<Finding> {
    let taken = certain(facts);
    if taken == 0 {
        return None;
    }
    let of_group =
        facts.group.map(|(limit, used)| (limit.saturating_sub(used), "the control group"));
    let of_host = facts.available.map(|available| (available, "this host"));
    let (room, whose) = of_group.into_iter().chain(of_host).min_by_key(|(room, _)| *room)?;
    let message =
        format!("{} in all, without policies; {whose} has {} left", size(taken), size(room));
    Some(if taken > room {
        Finding::problem(Memory, message)
            .remedy("lower capture.kernel_memory and flow.max_flows, or give it more memory")
    } else if taken > room / 2 {
        Finding::warning(Memory, message)
            .remedy("watch process_resident_memory_bytes, or lower flow.max_flows")
    } else {
        Finding::ok(Memory, message)
    })
}

fn certain(facts: &MemoryFacts) -> u64 {
    let report::Memory { kernel_tables, flow_cache, intake, .. } = figures(facts);
    [kernel_tables, flow_cache, intake].into_iter().fold(0, u64::saturating_add)
}

/// As numbers.
pub fn figures(facts: &MemoryFacts) -> report::Memory {
    let (_, policies) = facts.policies.unwrap_or_default();
    report::Memory {
        kernel_tables: facts.tables.as_ref().map_or(0, |tables| tables.octets()),
        flow_cache: facts.cache.map_or(0, |(_, octets)| octets),
        intake: facts.intake.map_or(0, |(state, buffers)| state.saturating_add(buffers)),
        policy_keys: policies.keys as u64,
        policies: policies.octets as u64,
    }
}

#[cfg(test)]
mod tests {
    use sensor_kernel::budget::Budget;

    use super::*;
    use crate::agent::doctor::finding::Status;

    const MIB: u64 = 1 << 20;

    fn facts() -> MemoryFacts {
        MemoryFacts {
            tables: Some(Budget::new(128 * MIB, 2)),
            cache: Some((1 << 20, 150 * MIB)),
            intake: Some((64 * MIB, 32 * MIB)),
            policies: Some((3, Footprint { keys: 300_000, octets: 150_000_000 })),
            available: Some(8192 * MIB),
            group: None,
        }
    }

    fn last(facts: &MemoryFacts) -> (Status, String) {
        let found = judge(facts);
        let last = found.last().expect("a sum");
        (last.status, last.message.clone())
    }

    #[test]
    fn the_sum_is_held_against_the_narrower_of_host_and_group() {
        let taken = "320.4 MiB in all, without policies; ";
        assert_eq!(last(&facts()), (Status::Ok, format!("{taken}this host has 8.0 GiB left")));
        let grouped = |limit| MemoryFacts { group: Some((limit * MIB, 24 * MIB)), ..facts() };
        let (status, message) = last(&grouped(1024));
        assert_eq!(
            (status, message),
            (Status::Ok, format!("{taken}the control group has 1000.0 MiB left"))
        );
        assert_eq!(last(&grouped(524)).0, Status::Warning);
        assert_eq!(last(&grouped(324)).0, Status::Problem);
        let unknown = MemoryFacts { available: None, ..facts() };
        assert!(last(&unknown).1.starts_with("policies: "), "nothing to hold it against");
    }

    #[test]
    fn tables_beyond_their_budget_are_told() {
        let many = MemoryFacts { tables: Some(Budget::new(MIB, 64)), ..facts() };
        assert_eq!(judge(&many)[0].status, Status::Warning);
        assert_eq!(judge(&facts())[0].status, Status::Ok);
    }

    #[test]
    fn what_is_not_asked_for_takes_nothing() {
        let nothing = MemoryFacts { available: Some(1), ..MemoryFacts::default() };
        assert_eq!(judge(&nothing), []);
        assert_eq!(figures(&nothing), report::Memory::default());
        let found = judge(&facts());
        assert!(
            found[3].message.starts_with("policies: 47.7 MiB for each 100,000 keys"),
            "{found:?}"
        );
    }
}
