//! Captured interfaces: the ledger, the kernel's tables, the drains, what the interfaces count themselves.

use super::metric::{Family, Kind, MOST, Metric, View, counter, gauge};
use crate::agent::{
    host::coverage::{Passed, word},
    status::{
        Count,
        host::{Host, Interface, Table},
    },
};

fn host(view: &View, family: &mut Family<'_>, put: impl FnOnce(&Host, &mut Family<'_>)) {
    if let Some(host) = &view.status.host {
        put(host, family);
    }
}

/// Each row of the ledger.
fn ledger(view: &View, family: &mut Family<'_>, figure: fn(&Count) -> u64) {
    host(view, family, |host, family| {
        for (entry, count) in host.drain.ledger() {
            family.put(&[entry], figure(&count));
        }
    });
}

/// What was lost with a sensor that was killed.
fn lost(view: &View, family: &mut Family<'_>, figure: fn(&Count) -> u64) {
    host(view, family, |host, family| {
        if let Some(pins) = &host.pins {
            family.put(&[], figure(&pins.lost));
        }
    });
}

fn tables(view: &View, family: &mut Family<'_>, figure: fn(&Table) -> u64) {
    host(view, family, |host, family| {
        for (name, table) in ["ipv4", "ipv6"].iter().zip(&host.tables) {
            family.put(&[name], figure(table));
        }
    });
}

/// Both directions of each interface.
fn interfaces(view: &View, family: &mut Family<'_>, figure: fn(&Interface) -> [u64; 2]) {
    host(view, family, |host, family| {
        for (at, direction) in ["ingress", "egress"].iter().enumerate() {
            let rows = host.interfaces.iter();
            family.each_with(&[direction], rows.map(|each| (&each.name, figure(each)[at])));
        }
    });
}

/// Both directions of each interface whose counters are compared with what the programs saw.
fn passed(view: &View, family: &mut Family<'_>, figure: fn(&Passed) -> u64) {
    host(view, family, |host, family| {
        for direction in ["ingress", "egress"] {
            let rows = host.coverage.current.iter();
            let rows = rows.filter(|passed| word(passed.direction) == direction);
            family.each_with(&[direction], rows.map(|each| (&each.interface, figure(each))));
        }
    });
}

pub(super) const ROWS: &[Metric] = &[
    counter(
        "sensor_ledger_packets",
        &["entry"],
        "Packets by entry of the kernel ledger: seen + segmented = recorded + non_ip + truncated + malformed + unattributed; folded is part of recorded.",
        |view, family| ledger(view, family, |count| count.packets),
    ),
    counter(
        "sensor_ledger",
        &["entry"],
        "Octets of whole frames by entry of the kernel ledger.",
        |view, family| {
            ledger(view, family, |count| count.octets);
        },
    )
    .bytes(),
    counter(
        "sensor_killed_lost_packets",
        &[],
        "Packets in the memory of the sensor before, which was killed; with capture.pin.",
        |view, family| lost(view, family, |count| count.packets),
    ),
    counter(
        "sensor_killed_lost",
        &[],
        "Octets of whole frames in the memory of the sensor before, which was killed; with capture.pin.",
        |view, family| lost(view, family, |count| count.octets),
    )
    .bytes(),
    counter(
        "sensor_kernel_table_records",
        &["family"],
        "Records read from the kernel's flow tables.",
        |view, family| {
            host(view, family, |host, family| {
                family.put(&["ipv4"], host.drain.records_v4);
                family.put(&["ipv6"], host.drain.records_v6);
            });
        },
    ),
    gauge(
        "sensor_kernel_table_slots",
        &["family"],
        "Slots of each CPU's flow table in the kernel.",
        |view, family| {
            tables(view, family, |table| table.slots);
        },
    ),
    gauge(
        "sensor_kernel_table_used_slots",
        &["family"],
        "Slots in use at the last drain, on the CPU that used most.",
        |view, family| tables(view, family, |table| table.fullest),
    ),
    counter("sensor_drains", &[], "Drains of the kernel's flow tables.", |view, family| {
        host(view, family, |host, family| family.put(&[], host.drain.drains));
    }),
    counter(
        "sensor_drains_early",
        &[],
        "Drains that came early because a table filled.",
        |view, family| {
            host(view, family, |host, family| family.put(&[], host.drain.early));
        },
    ),
    counter(
        "sensor_drains_out_of_balance",
        &[],
        "Drains whose ledger did not balance, which is a bug.",
        |view, family| {
            host(view, family, |host, family| family.put(&[], host.drain.out_of_balance));
        },
    ),
    counter(
        "sensor_drain_gaps",
        &[],
        "Times in which the kernel's flow tables were not drained for 2 s longer than capture.interval: the sensor was stopped, or had no CPU.",
        |view, family| {
            host(view, family, |host, family| family.put(&[], host.times.gaps));
        },
    ),
    gauge("sensor_drain_age", &[], "Time since the last drain ended.", |view, family| {
        host(view, family, |host, family| family.put(&[], host.since_drain.as_secs_f64()));
    })
    .seconds(),
    gauge(
        "sensor_drain_duration",
        &[],
        "How long drains took, grace period included.",
        |view, family| {
            host(view, family, |host, family| family.histogram(&[], &host.times.drain));
        },
    )
    .seconds()
    .of_kind(Kind::Histogram),
    gauge(
        "sensor_grace_period_duration",
        &[],
        "How long drains waited for a grace period.",
        |view, family| {
            host(view, family, |host, family| family.histogram(&[], &host.times.grace));
        },
    )
    .seconds()
    .of_kind(Kind::Histogram),
    gauge(
        "sensor_interface",
        &["interface", "ingress", "egress"],
        "A captured interface and the hooks of its programs.",
        |view, family| {
            host(view, family, |host, family| {
                for each in host.interfaces.iter().take(MOST) {
                    family.put(&[&each.name, &each.ingress, &each.egress], true);
                }
            });
        },
    )
    .of_kind(Kind::Info),
    counter(
        "sensor_interface_packets",
        &["interface", "direction"],
        "Packets that the interface counted itself, since it came up.",
        |view, family| interfaces(view, family, |each| [each.rx_packets, each.tx_packets]),
    ),
    counter(
        "sensor_interface",
        &["interface", "direction"],
        "Octets that the interface counted itself, since it came up.",
        |view, family| interfaces(view, family, |each| [each.rx_octets, each.tx_octets]),
    )
    .bytes(),
    counter(
        "sensor_interface_lost_packets",
        &["interface", "counter"],
        "Packets that the interface lost before a program saw them or instead of sending them, by the kernel's counter (linux/if_link.h).",
        |view, family| {
            host(view, family, |host, family| {
                let names = host.interfaces.first().map(|each| each.lost.rows().map(|row| row.0));
                for (at, counter) in names.iter().flatten().enumerate() {
                    let rows = host.interfaces.iter();
                    family.each_with(
                        &[counter],
                        rows.map(|each| (&each.name, each.lost.rows()[at].1)),
                    );
                }
            });
        },
    ),
    counter(
        "sensor_interface_seen_packets",
        &["interface", "direction"],
        "Packets that the programs saw on interfaces whose own counters can be compared, since these were grouped.",
        |view, family| passed(view, family, |passed| passed.seen),
    ),
    counter(
        "sensor_interface_counted_packets",
        &["interface", "direction"],
        "Packets that these interfaces counted meanwhile.",
        |view, family| passed(view, family, |passed| passed.counted),
    ),
    counter(
        "sensor_interface_unseen_packets",
        &["interface", "direction"],
        "Packets that passed these interfaces and no program saw, at least.",
        |view, family| passed(view, family, |passed| passed.unseen),
    ),
    counter(
        "sensor_programs_restored",
        &[],
        "Programs put back after others had detached or preceded them.",
        |view, family| {
            host(view, family, |host, family| family.put(&[], host.coverage.restored));
        },
    ),
    gauge(
        "sensor_interfaces_absent",
        &[],
        "Configured names under which no interface is there.",
        |view, family| {
            host(view, family, |host, family| family.put(&[], host.coverage.absent.len() as u64));
        },
    ),
    gauge(
        "sensor_flow_cache_flows",
        &[],
        "Flows that are active in the flow cache.",
        |view, family| {
            if let Some(cache) = view.status.cache {
                family.put(&[], cache.active);
            }
        },
    ),
    counter(
        "sensor_flow_cache_evicted_flows",
        &[],
        "Flows that ended early because the flow cache was full.",
        |view, family| {
            if let Some(cache) = view.status.cache {
                family.put(&[], cache.evicted);
            }
        },
    ),
];
