//! Whose templates serve a stream of messages that has told none itself.
//!
//! UDP knows no connections: streams are told apart by their source port. A router's port may move, since a NAT forgets it
//! or the router's process starts anew; and two processes may share an address, a domain and a template number, and mean
//! different things by it (RFC 7011 section 8: templates belong to one transport session). Who reads the data of one by the
//! templates of the other exchanges addresses and counts without a word, and who waits for templates that come in half an
//! hour loses what comes until then. So a newcomer is held against each owner of templates in the same domain:
//!
//! | owner spoke behind the newcomer's first message | sequence | boot time | verdict |
//! |---|---|---|---|
//! | yes | any, but both take turns in counting | same, untold | [`Verdict::Continues`] |
//! | yes | other | any | [`Verdict::Apart`] |
//! | no | the next number, not 0 | same, untold | [`Verdict::Continues`] |
//! | no | some numbers lost | same, untold | [`Verdict::Continues`] once the owner pauses |
//! | no | any | behind the owner's last word: a reboot | [`Verdict::Succeeds`] once the owner pauses |
//! | no | other | same, untold | [`Verdict::Succeeds`] once the owner is silent |
//! | no | any | another, before the owner's last word: both ran at once | [`Verdict::Succeeds`] once the owner is [`DEAD`] |
//!
//! Before that the verdict is [`Verdict::Open`], and data wait. Number 0 is where every process begins, and says nothing. An
//! owner pauses when it has not been heard for twice its longest gap, and is silent after four times, within bounds. What
//! was heard before a restart of ours counts as heard; that nothing was heard while nobody listened does not count as
//! silence.

use serde::{Deserialize, Serialize};

/// What the header of one message says of the process that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sign {
    /// When it was received, milliseconds since the epoch.
    pub at: u64,
    /// Its sequence number.
    pub number: u32,
    /// Milliseconds since the process started, where the protocol tells.
    pub uptime: Option<u32>,
}

impl Sign {
    /// True when `other`, which has come later, was sent before.
    fn overtook(self, other: Self) -> bool {
        let back = self.number.wrapping_sub(other.number);
        (1..=OVERTAKEN).contains(&back) && other.at.saturating_sub(self.at) <= LATE
    }
}

/// What the messages of one stream have said so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    first: Option<Sign>,
    last: Option<Sign>,
    /// By how much the number behind the last one is higher, at most.
    units: u32,
    /// The longest gaps between messages, milliseconds: of the current period, and of the one before.
    gaps: [u64; 2],
    /// When the current period began.
    period: u64,
    /// Since when it is listened to, where that is later than its last word.
    #[serde(skip)]
    listening: u64,
}

/// How a stream of which no template is known relates to one that has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the same process, on another port: all that is known of it moves along.
    Continues,
    /// The owner has gone, and its device goes on: its templates hold until the newcomer's come, or it comes back.
    Succeeds,
    /// It will show: wait.
    Open,
    /// Two processes: nothing is shared.
    Apart,
}

/// How a number relates to the last one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Next,
    /// Forward, by little beside what was counted so far.
    Close,
    Other,
}

/// How the boot times of two processes relate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Boot {
    Same,
    /// Later than the last word of the one before.
    Later,
    Other,
    Untold,
}

/// Milliseconds by which boot times may differ: some tell seconds, and datagrams wait on their way.
const TOLERANCE: u64 = 5_000;
/// A message of the owner that is not later than this, in milliseconds, may have been overtaken.
pub const LATE: u64 = 2_000;
/// By how much the number of such a message may be lower.
const OVERTAKEN: u32 = 1024;
/// Numbers that are no more than so much higher, modulo 2^32, have gone forward.
const FORWARD: u32 = 1 << 20;
/// Numbers up to this are those of a process that has not been sending for long.
const BEGINNING: u32 = 1024;
/// Milliseconds within which the longest gap is looked for.
const PERIOD: u64 = 600_000;
/// Least and most of a pause, milliseconds; and where only one message is known.
const PAUSE: [u64; 3] = [2_000, 900_000, 60_000];
/// Least and most of a silence.
const SILENCE: [u64; 3] = [30_000, 3_600_000, 300_000];
/// Milliseconds after which nobody comes back.
pub const DEAD: u64 = 3_600_000;

impl Trace {
    /// Notes a message, behind which the number is higher by `units` at most.
    pub fn note(&mut self, sign: Sign, units: u32) {
        if let Some(last) = self.last {
            let gap = sign.at.saturating_sub(last.at);
            if sign.at.saturating_sub(self.period) >= PERIOD {
                (self.gaps, self.period) = ([0, self.gaps[0]], sign.at);
            }
            self.gaps[0] = self.gaps[0].max(gap);
        } else {
            self.period = sign.at;
        }
        self.first.get_or_insert(sign);
        if self.last.is_some_and(|last| last.overtook(sign)) {
            // The later one stands; that something was heard counts.
            self.last = self.last.map(|last| Sign { at: last.at.max(sign.at), ..last });
        } else {
            (self.last, self.units) = (Some(sign), units);
        }
    }

    /// True when `sign` was sent before the last message, and has come behind it.
    pub fn overtook(&self, sign: Sign) -> bool {
        self.last.is_some_and(|last| last.overtook(sign))
    }

    /// Notes that nobody has listened until `now`.
    pub fn listen_from(&mut self, now: u64) {
        self.listening = now;
    }

    /// What of it outlives a restart.
    #[must_use]
    pub fn saved(&self) -> Self {
        Self { listening: 0, ..*self }
    }

    /// The last message.
    pub fn last(&self) -> Option<Sign> {
        self.last
    }

    /// When the last message was received; 0 for never.
    pub fn heard(&self) -> u64 {
        self.last.map_or(0, |last| last.at)
    }

    /// Whether `sign` has the number behind the last one: what a device that counts, however it counts, can mean.
    fn step(&self, number: u32) -> Step {
        let Some(last) = self.last.filter(|_| number != 0) else { return Step::Other };
        let forward = number.wrapping_sub(last.number);
        // Some count messages where the protocol says records.
        if (self.units.min(1)..=self.units.max(1)).contains(&forward) {
            Step::Next
        } else if (1..=number / 64).contains(&forward) {
            Step::Close
        } else {
            Step::Other
        }
    }

    /// Whether the process that sends the stream's next message `sign` has started since the last one, as after a reboot:
    /// its numbers have gone back, and it came up behind the last message or, where no uptime tells, its numbers begin.
    pub fn begins_anew(&self, sign: Sign) -> bool {
        let Some(last) = self.last else { return false };
        let is_back = sign.number < last.number && sign.number.wrapping_sub(last.number) > FORWARD;
        if !is_back || last.overtook(sign) {
            return false;
        }
        match self.boot(sign) {
            Boot::Later => true,
            Boot::Same | Boot::Untold | Boot::Other => {
                // Who sends without a pause may have two counts.
                sign.number <= BEGINNING && sign.at.saturating_sub(last.at) > LATE
            }
        }
    }

    fn boot(&self, sign: Sign) -> Boot {
        let Some(last) = self.last else { return Boot::Untold };
        let (Some(then), Some(now)) = (last.uptime, sign.uptime) else { return Boot::Untold };
        let since = sign.at.saturating_sub(last.at);
        // Uptimes wrap, and so do the times of the boot made of them. Clocks drift, by less than a thousandth.
        let expected = then.wrapping_add(since as u32);
        let difference = u64::from((now.wrapping_sub(expected) as i32).unsigned_abs());
        if difference <= TOLERANCE + (since >> 10) {
            Boot::Same
        } else if u64::from(now) < since {
            Boot::Later
        } else {
            Boot::Other
        }
    }

    /// True when `self`, `owner` and `sign`, the next message of `self`, have followed each other in one count.
    fn takes_turns(&self, owner: &Self, sign: Sign) -> bool {
        owner.last.is_some_and(|last| self.step(last.number) == Step::Next)
            && owner.step(sign.number) == Step::Next
            && matches!(owner.boot(sign), Boot::Same | Boot::Untold)
    }

    /// Whether it has not been heard for much longer than is usual for it.
    pub fn is_silent(&self, now: u64) -> bool {
        self.has_paused(now, 4, SILENCE)
    }

    fn has_paused(&self, now: u64, factor: u64, [least, most, unknown]: [u64; 3]) -> bool {
        let gap = self.gaps[0].max(self.gaps[1]);
        let long = if gap == 0 && self.first == self.last {
            unknown
        } else {
            gap.saturating_mul(factor).clamp(least, most)
        };
        now.saturating_sub(self.heard().max(self.listening)) >= long
    }
}

/// How the stream whose trace is `newcomer`, empty where `sign` is its first message, relates to that of `owner`, as of
/// `sign.at`.
pub fn judge(owner: &Trace, newcomer: &Trace, sign: Sign) -> Verdict {
    let (now, first) = (sign.at, newcomer.first.unwrap_or(sign));
    if newcomer.takes_turns(owner, sign) {
        return Verdict::Continues;
    }
    if owner.heard() > first.at.saturating_add(LATE) {
        return Verdict::Apart;
    }
    let (pauses, silent) = (owner.has_paused(now, 2, PAUSE), owner.is_silent(now));
    match (owner.step(first.number), owner.boot(first)) {
        (Step::Next, Boot::Same | Boot::Untold) => Verdict::Continues,
        (Step::Close, Boot::Same | Boot::Untold) if pauses => Verdict::Continues,
        (_, Boot::Later) if pauses => Verdict::Succeeds,
        (_, Boot::Same | Boot::Untold) if silent => Verdict::Succeeds,
        _ if owner.has_paused(now, 0, [DEAD; 3]) => Verdict::Succeeds,
        _ => Verdict::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_700_000_000_000;
    /// Milliseconds for which the owner has run at `T`.
    const UP: u64 = 1_000_000;

    fn sign(at: u64, number: u32, uptime: Option<u64>) -> Sign {
        Sign { at: T + at, number, uptime: uptime.map(|uptime| uptime as u32) }
    }

    /// An owner that was heard every minute up to `T`, up for [`UP`], with the number 1,000.
    fn owner(uptime: bool) -> Trace {
        let mut trace = Trace::default();
        for minute in 0..=5 {
            let back = (5 - minute) * 60_000;
            let uptime = uptime.then(|| (UP - back) as u32);
            trace.note(Sign { at: T - back, number: 995 + minute as u32, uptime }, 1);
        }
        trace
    }

    /// The verdicts on a newcomer with `first`, that many milliseconds behind it while the owner says nothing.
    fn verdicts(owner: &Trace, first: Sign) -> [Verdict; 4] {
        let mut newcomer = Trace::default();
        newcomer.note(first, 1);
        [0, 120_000, 240_000, DEAD].map(|later| {
            let sign = Sign { at: first.at + later, number: first.number.wrapping_add(7), ..first };
            if later == 0 {
                judge(owner, &Trace::default(), first)
            } else {
                judge(owner, &newcomer, sign)
            }
        })
    }

    #[test]
    fn every_row_of_the_table() {
        use Verdict::{Continues, Open, Succeeds};
        let at = 1_000;
        let same = Some(UP + at);
        for (what, uptime, first, expected) in [
            ("a port that moves, NetFlow 9", true, sign(at, 1001, same), [Continues; 4]),
            ("a port that moves, IPFIX", false, sign(at, 1001, None), [Continues; 4]),
            (
                "a port that moves, and some were lost in transit",
                true,
                sign(at, 1012, same),
                [Open, Continues, Continues, Continues],
            ),
            (
                "and so with IPFIX",
                false,
                sign(at, 1012, None),
                [Open, Continues, Continues, Continues],
            ),
            (
                "a reboot: it came up behind the last word",
                true,
                sign(at, 0, Some(300)),
                [Open, Succeeds, Succeeds, Succeeds],
            ),
            (
                "a reboot, IPFIX: no uptime tells",
                false,
                sign(at, 0, None),
                [Open, Open, Succeeds, Succeeds],
            ),
            (
                "its process started anew, its uptime is the device's",
                true,
                sign(at, 0, same),
                [Open, Open, Succeeds, Succeeds],
            ),
            (
                "a second probe that has run for longer",
                true,
                sign(at, 77, Some(9 * UP)),
                [Open, Open, Open, Succeeds],
            ),
            (
                "a second probe that counts the same by chance",
                true,
                sign(at, 1001, Some(9 * UP)),
                [Open, Open, Open, Succeeds],
            ),
            (
                "a second probe behind a NAT, IPFIX",
                false,
                sign(at, 50_000_000, None),
                [Open, Open, Succeeds, Succeeds],
            ),
        ] {
            assert_eq!(verdicts(&owner(uptime), first), expected, "{what}");
        }
    }

    #[test]
    fn who_is_heard_behind_the_newcomer_lives() {
        let mut owner = owner(true);
        let mut newcomer = Trace::default();
        let first = sign(1_000, 0, Some(300));
        newcomer.note(first, 1);
        owner.note(sign(60_000, 1001, Some(UP + 60_000)), 1);
        for later in [60_000, 600_000, 24 * DEAD] {
            let sign = sign(later, 5, Some(later));
            assert_eq!(judge(&owner, &newcomer, sign), Verdict::Apart, "after {later}");
        }
    }

    #[test]
    fn what_was_overtaken_is_no_sign_of_life() {
        let mut owner = owner(true);
        let mut newcomer = Trace::default();
        newcomer.note(sign(1_000, 1002, Some(UP + 1_000)), 1);
        owner.note(sign(1_100, 1001, Some(UP + 900)), 1);
        let next = sign(2_000, 1003, Some(UP + 2_000));
        assert_ne!(judge(&owner, &newcomer, next), Verdict::Apart);
    }

    #[test]
    fn two_ports_of_one_count_are_one_process() {
        let (mut owner, mut newcomer) = (owner(true), Trace::default());
        newcomer.note(sign(1_000, 1003, Some(UP + 1_000)), 1);
        owner.note(sign(9_000, 1004, Some(UP + 9_000)), 1);
        let next = sign(9_500, 1005, Some(UP + 9_500));
        assert_eq!(judge(&owner, &newcomer, next), Verdict::Continues);
        // In step, each with a count of its own.
        let beside = sign(9_500, 1004, Some(UP + 9_500));
        assert_eq!(judge(&owner, &newcomer, beside), Verdict::Apart);
    }

    /// Two probes that were started together: the same boot time, and numbers from 0 on.
    #[test]
    fn a_first_number_says_nothing() {
        let mut owner = Trace::default();
        owner.note(sign(0, u32::MAX, Some(UP)), 1);
        assert_eq!(judge(&owner, &Trace::default(), sign(1, 0, Some(UP))), Verdict::Open);
        let mut owner = Trace::default();
        owner.note(sign(0, 0, None), 0);
        assert_eq!(judge(&owner, &Trace::default(), sign(1, 0, None)), Verdict::Open);
    }

    #[test]
    fn silence_while_nobody_listened_is_none() {
        let text = serde_json::to_string(&owner(false)).unwrap();
        let mut owner: Trace = serde_json::from_str(&text).unwrap();
        let start = 9 * DEAD;
        owner.listen_from(T + start);
        let first = sign(start + 1, 0, None);
        assert_eq!(
            verdicts(&owner, first),
            [Verdict::Open, Verdict::Open, Verdict::Succeeds, Verdict::Succeeds]
        );
        // A port that has moved meanwhile.
        let first = sign(start + 1, 1010, None);
        assert_eq!(verdicts(&owner, first)[..2], [Verdict::Open, Verdict::Continues]);
    }

    #[test]
    fn uptimes_wrap_and_clocks_drift() {
        let mut owner = Trace::default();
        owner.note(sign(0, 9, Some((1 << 32) - 500)), 1);
        let first = sign(3_600_000, 10, Some(3_599_500 + 3_000));
        assert_eq!(judge(&owner, &Trace::default(), first), Verdict::Continues);
    }

    #[test]
    fn a_busy_owner_is_missed_sooner() {
        let mut owner = Trace::default();
        (0..100).for_each(|n| owner.note(sign(u64::from(n) * 10, 1000 + n, None), 1));
        let judge_at = |at| {
            let mut newcomer = Trace::default();
            newcomer.note(sign(1_000, 0, None), 1);
            judge(&owner, &newcomer, sign(at, 5, None))
        };
        assert_eq!((judge_at(29_000), judge_at(31_000)), (Verdict::Open, Verdict::Succeeds));
    }
}
