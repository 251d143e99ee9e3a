//! One active flow: when it ends and why, whether what comes next still belongs to it, and what of it outlives a cut.
//!
//! A flow that reaches the active timeout is cut: its record leaves, and the entry stays for as long as the flow would without
//! packets (the idle timeout). A packet within that time goes on with the flow, which keeps what is known of who opened it.

use std::cmp::Ordering;

use sensor_common::{
    key::Common,
    packet::{Fragment, ip::protocol},
    tcp::{self, ACK, FIN, RST, SYN},
};

use super::{CacheOptions, wheel::Links};
use crate::flow::{
    batch::{EndReason, Part},
    delta::FlowDelta,
    initiator::Initiator,
};

/// One active flow.
#[derive(Clone, Copy, Debug)]
pub struct Entry<const N: usize> {
    /// Packed key.
    pub key: [u64; N],
    /// What was counted since the last cut. Without packets: nothing yet; `start` and `end` are those of the record before.
    pub counts: FlowDelta,
    /// Place in the wheel.
    pub links: Links,
    /// FIN or RST was seen: the flow ends after a linger.
    pub ended: bool,
    /// The record goes on where an earlier one was cut.
    pub continued: bool,
    /// Who opened the connection.
    pub opened: Opened,
}

/// What the cache has found out about who opened a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Nothing so far.
    Unseen,
    /// Who did.
    By(Initiator),
    /// Nothing for as long as the flow lives: both directions began at once, or before anybody looked.
    Unclear,
}

impl Opened {
    /// The same of the flow in the other direction.
    pub fn turned(self) -> Self {
        match self {
            Self::By(initiator) => Self::By(initiator.turned()),
            Self::Unseen | Self::Unclear => self,
        }
    }
}

impl<const N: usize> Entry<N> {
    /// A flow that begins with `delta`.
    pub fn new(key: &[u64; N], delta: &FlowDelta) -> Self {
        Self {
            key: *key,
            counts: *delta,
            links: Links::default(),
            ended: ends(key, delta),
            continued: false,
            opened: Opened::Unseen,
        }
    }

    /// True where the record has left and no packet has come since.
    pub fn is_cut(&self) -> bool {
        self.counts.packets == 0
    }

    /// Leaves what outlives the record.
    pub fn cut(&mut self) {
        let FlowDelta { start, end, macs, .. } = self.counts;
        self.counts = FlowDelta {
            octets: 0,
            packets: 0,
            layer2_octets: 0,
            start,
            end,
            tcp_flags: 0,
            ttl_min: 0,
            ttl_max: 0,
            macs,
        };
    }

    /// Whether the flow, whose record was cut, goes on with `delta`.
    pub fn goes_on(&self, delta: &FlowDelta, options: &CacheOptions) -> bool {
        // A first segment opens another connection, on whatever ports.
        let opens = is_tcp(&self.key) && tcp::first(delta.tcp_flags) & SYN != 0;
        !opens && delta.start < self.deadline(options)
    }

    /// Goes on after a cut with `delta`.
    pub fn resume(&mut self, delta: &FlowDelta) {
        let Self { links, opened, .. } = *self;
        *self = Self { links, opened, continued: true, ..Self::new(&self.key, delta) };
    }

    /// When the flow ends if nothing more comes, in ms.
    pub fn silent_at(&self, options: &CacheOptions) -> u64 {
        let quiet = if self.ended { options.end_linger } else { options.idle_timeout };
        self.counts.end.saturating_add(quiet)
    }

    /// When the record ends if nothing more comes, in ms; where that has left, the flow.
    pub fn deadline(&self, options: &CacheOptions) -> u64 {
        let silent = self.silent_at(options);
        if self.is_cut() {
            return silent;
        }
        silent.min(self.counts.start.saturating_add(options.active_timeout))
    }

    /// Why the flow, whose deadline has come, ends.
    pub fn reason(&self, options: &CacheOptions) -> EndReason {
        let FlowDelta { start, end, .. } = self.counts;
        if self.ended {
            EndReason::EndOfFlow
        } else if end.saturating_add(options.idle_timeout)
            <= start.saturating_add(options.active_timeout)
        {
            EndReason::IdleTimeout
        } else {
            EndReason::ActiveTimeout
        }
    }

    /// Why `delta` does not belong to the record any more, if so.
    pub fn end_before(&self, delta: &FlowDelta, options: &CacheOptions) -> Option<EndReason> {
        // A new connection on the ports of one that has ended. Within one tick nobody is that fast: there it is the
        // beginning of the same one, counted by another CPU whose table is drained later.
        let reopened = self.ended && delta.tcp_flags & SYN != 0 && delta.start > self.counts.end;
        (reopened || delta.start >= self.deadline(options)).then(|| self.reason(options))
    }

    /// Adds `delta`; true where it is the first that ends the connection.
    pub fn absorb(&mut self, delta: &FlowDelta) -> bool {
        absorb(&mut self.counts, delta);
        let ends_now = !self.ended && ends(&self.key, delta);
        self.ended |= ends_now;
        ends_now
    }

    /// What is known of the record that ends for `reason`.
    pub fn part(&self, reason: EndReason) -> Part {
        let initiator = match self.opened {
            Opened::By(initiator) => Some(initiator),
            Opened::Unseen | Opened::Unclear => None,
        };
        Part { reason, initiator, continued: self.continued }
    }

    /// What is known of who opened the flow, or follows from the first segment of a TCP connection, if that was seen.
    pub fn seen(&self) -> Opened {
        let by = Initiator::of_first_segment(tcp::first(self.counts.tcp_flags));
        match (self.opened, by) {
            (Opened::Unseen, Some(by))
                if is_tcp(&self.key) && !Common::of_words(&self.key).folded =>
            {
                Opened::By(by)
            }
            (known, _) => known,
        }
    }

    /// Whether the flow of the reversed key is the other direction of the same conversation, and may have to be told who opened
    /// it, or know it.
    pub fn has_counterpart(&self) -> bool {
        let common = Common::of_words(&self.key);
        !common.folded
            && common.fragment == Fragment::None
            && match common.protocol {
                protocol::TCP => self.is_refused(),
                protocol::ICMP | protocol::ICMPV6 => false,
                _ => true,
            }
    }

    /// Whether a flow of TCP is an attempt that nothing has come of, or begins with what does not tell who opened it, such as the
    /// RST that refuses an attempt. In an established connection, the first segments of both directions tell.
    fn is_refused(&self) -> bool {
        match self.opened {
            Opened::Unseen => true,
            Opened::By(_) => tcp::all(self.counts.tcp_flags) & ACK == 0,
            Opened::Unclear => false,
        }
    }

    /// Whether it tells who opened a conversation which of both directions began first. Of TCP the first segments tell; where they
    /// were not seen, the connection is older than both.
    pub fn order_tells(&self) -> bool {
        !is_tcp(&self.key)
    }

    /// Orders flows by when they began: one that goes on after a cut did before what is held of it.
    pub fn age(&self) -> (bool, u64) {
        (!self.continued, self.counts.start)
    }
}

fn is_tcp<const N: usize>(key: &[u64; N]) -> bool {
    key[N - 1] as u8 == protocol::TCP
}

/// True when `delta` holds the end of a TCP connection.
fn ends<const N: usize>(key: &[u64; N], delta: &FlowDelta) -> bool {
    is_tcp(key) && delta.tcp_flags & (FIN | RST) != 0
}

fn absorb(counts: &mut FlowDelta, delta: &FlowDelta) {
    counts.octets = counts.octets.saturating_add(delta.octets);
    counts.packets = counts.packets.saturating_add(delta.packets);
    counts.layer2_octets = counts.layer2_octets.saturating_add(delta.layer2_octets);
    counts.tcp_flags = match delta.start.cmp(&counts.start) {
        Ordering::Greater => tcp::joined(counts.tcp_flags, delta.tcp_flags),
        Ordering::Less => tcp::joined(delta.tcp_flags, counts.tcp_flags),
        Ordering::Equal => tcp::joined_at_once(counts.tcp_flags, delta.tcp_flags),
    };
    counts.start = counts.start.min(delta.start);
    counts.end = counts.end.max(delta.end);
    counts.ttl_min = counts.ttl_min.min(delta.ttl_min);
    counts.ttl_max = counts.ttl_max.max(delta.ttl_max);
}
