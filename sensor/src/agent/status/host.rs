//! The section of captured interfaces: the kernel's flow tables, the programs that fill them, and the interfaces.

use std::time::Duration;

use sensor_kernel::{accounts, attach::Attachment, budget::Budget, counters::LinkCounters};
use serde::Serialize;

use super::{
    figures::{Count, seconds},
    histogram::Histogram,
};
use crate::agent::host::coverage;

/// The kernel's flow tables and the programs that fill them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Host {
    /// The drains.
    pub drain: Drain,
    /// What passed the interfaces, and what of it the programs saw.
    pub coverage: coverage::Report,
    /// The interfaces that are watched now.
    pub interfaces: Vec<Interface>,
    /// The kernel's flow tables, IPv4 and IPv6.
    pub tables: [Table; 2],
    /// How long drains took.
    pub times: Times,
    /// Time since the last drain ended, or since the start, seconds; a gauge.
    #[serde(serialize_with = "seconds")]
    pub since_drain: Duration,
    /// Time between two drains, as configured, seconds; a gauge.
    #[serde(serialize_with = "seconds")]
    pub interval: Duration,
    /// Links and tables that outlive the sensor, where they were asked for.
    pub pins: Option<Pins>,
}

/// What goes on while no sensor runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pins {
    /// Where it is pinned.
    pub directory: String,
    /// Why nothing is pinned, if that is so.
    pub problem: Option<String>,
    /// Whether the tables are those of a sensor before.
    pub adopted_tables: bool,
    /// Links and filters that went on with a program of this sensor.
    pub adopted_links: u64,
    /// What was lost with sensors before that were killed.
    pub lost: Lost,
}

/// What was in the memory of sensors that were killed: taken out of the kernel's tables, and not passed on to the outputs.
pub type Lost = Count;

/// All drains of the kernel's tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drain {
    /// How many.
    pub drains: u64,
    /// Of these, those that came early because a table filled.
    pub early: u64,
    /// Of these, those whose ledger did not balance, which is a bug.
    pub out_of_balance: u64,
    /// IPv4 records of the tables.
    pub records_v4: u64,
    /// IPv6 records of the tables.
    pub records_v6: u64,
    /// What entered a program.
    pub seen: Count,
    /// What NICs add when they cut super-packets.
    pub segmented: Count,
    /// What is in flow records.
    pub recorded: Count,
    /// Of these, what was counted without its remote end.
    pub folded: Count,
    /// Frames without an IP packet.
    pub non_ip: Count,
    /// Frames that end before their IP header.
    pub truncated: Count,
    /// IP headers that contradict themselves.
    pub malformed: Count,
    /// IP packets that no table had room for.
    pub unattributed: Count,
}

impl Drain {
    /// The ledger: each entry by its name. `seen + segmented = recorded + non_ip + truncated + malformed + unattributed`;
    /// `folded` is part of `recorded`.
    pub fn ledger(&self) -> [(&'static str, Count); 8] {
        [
            ("seen", self.seen),
            ("segmented", self.segmented),
            ("recorded", self.recorded),
            ("folded", self.folded),
            ("non_ip", self.non_ip),
            ("truncated", self.truncated),
            ("malformed", self.malformed),
            ("unattributed", self.unattributed),
        ]
    }
}

/// A flow table of the kernel, a region of which belongs to each CPU; gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Slots of a region.
    pub slots: u64,
    /// Slots that the last drain found in use, in the fullest region.
    pub fullest: u64,
}

/// How long drains took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// The waits for a grace period.
    pub grace: Histogram,
    /// Whole drains, grace period included.
    pub drain: Histogram,
    /// How often the tables were not drained for much longer than the interval.
    pub gaps: u64,
    /// The longest of these times, seconds.
    #[serde(serialize_with = "seconds")]
    pub longest_gap: Duration,
}

/// An interface that is watched, and what it counts itself since it came up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// The hook of received packets.
    pub ingress: String,
    /// The hook of sent packets.
    pub egress: String,
    /// Packets received.
    pub rx_packets: u64,
    /// Octets received.
    pub rx_octets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_octets: u64,
    /// Packets that it lost, by the name of the kernel's counter.
    pub lost: InterfaceLosses,
}

/// Packets that an interface lost before a program could see them, or instead of sending them. The meanings are those of
/// linux/if_link.h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InterfaceLosses {
    /// `rx_errors`
    pub rx_errors: u64,
    /// `rx_dropped`: by driver or stack.
    pub rx_dropped: u64,
    /// `rx_over_errors`: the receive ring overflowed.
    pub rx_over: u64,
    /// `rx_fifo_errors`: a FIFO of the device overflowed.
    pub rx_fifo: u64,
    /// `rx_missed_errors`: the host had no buffer for the device.
    pub rx_missed: u64,
    /// `rx_nohandler`
    pub rx_nohandler: u64,
    /// `tx_dropped`
    pub tx_dropped: u64,
}

impl InterfaceLosses {
    /// Each counter by its name.
    pub fn rows(&self) -> [(&'static str, u64); 7] {
        let Self { rx_errors, rx_dropped, rx_over, rx_fifo, rx_missed, rx_nohandler, tx_dropped } =
            *self;
        [
            ("rx_errors", rx_errors),
            ("rx_dropped", rx_dropped),
            ("rx_over", rx_over),
            ("rx_fifo", rx_fifo),
            ("rx_missed", rx_missed),
            ("rx_nohandler", rx_nohandler),
            ("tx_dropped", tx_dropped),
        ]
    }
}

impl Interface {
    /// The interface under `name`, with programs as `attachment` says.
    pub fn of(name: &str, attachment: &Attachment, counters: &LinkCounters) -> Self {
        let [rx_packets, tx_packets] = counters.packets;
        let [rx_octets, tx_octets] = counters.octets;
        Self {
            name: name.to_owned(),
            ingress: attachment.ingress().to_string(),
            egress: attachment.egress().to_string(),
            rx_packets,
            rx_octets,
            tx_packets,
            tx_octets,
            lost: InterfaceLosses {
                rx_errors: counters.rx_errors,
                rx_dropped: counters.rx_dropped,
                rx_over: counters.rx_over,
                rx_fifo: counters.rx_fifo,
                rx_missed: counters.rx_missed,
                rx_nohandler: counters.rx_nohandler,
                tx_dropped: counters.tx_dropped,
            },
        }
    }
}

/// Times without a drain, in words.
pub fn gaps(count: u64, longest: Duration) -> String {
    let times = if count == 1 { "once" } else { &format!("{count} times") };
    let (seconds, most) = (longest.as_secs_f64(), if count == 1 { "" } else { " at most" });
    format!(
        "{times} the flow tables were not drained for {seconds:.1} s{most}: the sensor was stopped, or had no CPU"
    )
}

impl Table {
    /// The tables of `budget`; a drain found so many slots in use in the fullest regions.
    pub fn of(budget: &Budget, fullest: [u32; 2]) -> [Self; 2] {
        let [v4, v6] = fullest.map(u64::from);
        [(budget.v4.slots, v4), (budget.v6.slots, v6)]
            .map(|(slots, fullest)| Self { slots: u64::from(slots), fullest })
    }
}

impl From<&accounts::Totals> for Drain {
    fn from(totals: &accounts::Totals) -> Self {
        let accounts::Totals { epochs, early, out_of_balance, records_v4, records_v6, accounts } =
            totals;
        Self {
            drains: *epochs,
            early: *early,
            out_of_balance: *out_of_balance,
            records_v4: *records_v4,
            records_v6: *records_v6,
            seen: accounts.seen.into(),
            segmented: accounts.segmented.into(),
            recorded: accounts.recorded.into(),
            folded: accounts.folded.into(),
            non_ip: accounts.non_ip.into(),
            truncated: accounts.truncated.into(),
            malformed: accounts.malformed.into(),
            unattributed: accounts.unattributed.into(),
        }
    }
}
