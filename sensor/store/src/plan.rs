//! What to do with the files of a store, decided by their names alone. No I/O.

use crate::names::SegmentName;

/// Files whose records are all in another file as well: what a crash leaves between the making of a file and the deletion of those
/// that it was made of. Of two with the same records, the first stays. In any order.
pub fn superseded(segments: &[SegmentName]) -> Vec<SegmentName> {
    let mut all = segments.to_vec();
    // Those that may hold others first.
    all.sort_by_key(|own| (own.first, std::cmp::Reverse(own.last), own.from, own.to));
    let mut widest: Option<SegmentName> = None;
    all.retain(|own| match widest {
        Some(other) if own.is_inside(&other) => true,
        _ => {
            widest = Some(*own);
            false
        }
    });
    all
}

/// The number that the next record gets: higher than those of all records that are there.
pub fn next_sequence(segments: &[SegmentName], journals: impl IntoIterator<Item = u64>) -> u64 {
    let sealed = segments.iter().map(|own| own.last + 1);
    sealed.chain(journals).max().unwrap_or(1).max(1)
}

/// Records that were sealed up to here: those of a journal before it are in files already.
pub fn sealed_up_to(segments: &[SegmentName]) -> u64 {
    segments.iter().map(|own| own.last + 1).max().unwrap_or(0)
}

/// What is worth being compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// Records that a file should have.
    pub rows: u64,
    /// The hour before which hours are over, hours since the epoch.
    pub before: u64,
}

/// Files to be made into one, the first that are found: neighbours by the numbers of their records, of one hour that is over, each of
/// fewer than half the records that a file should have, and together of no more. Empty where nothing is to be done.
pub fn compact(segments: &[SegmentName], wanted: Compaction) -> Vec<SegmentName> {
    let mut all = segments.to_vec();
    all.sort_unstable();
    let mut run: Vec<SegmentName> = Vec::new();
    let mut rows = 0;
    for own in all {
        let is_small = own.hour() < wanted.before && own.rows() < wanted.rows / 2;
        let fits = run.last().is_some_and(|last| {
            last.last + 1 == own.first
                && last.hour() == own.hour()
                && rows + own.rows() <= wanted.rows
        });
        if !(is_small && fits) {
            if run.len() > 1 {
                break;
            }
            run.clear();
            rows = 0;
        }
        if is_small {
            rows += own.rows();
            run.push(own);
        }
    }
    if run.len() > 1 { run } else { Vec::new() }
}

/// How long files are kept. What is not set has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Milliseconds since the last record of a file was received.
    pub age: Option<u64>,
    /// Octets of all files.
    pub octets: Option<u64>,
    /// Octets that shall be free on the disk.
    pub free: Option<u64>,
}

/// Files to be deleted, oldest first by the numbers of their records: those whose time is over, and as many more as there have to be.
/// Each comes with its octets; `free` are those of the disk.
pub fn expire(
    segments: &[(SegmentName, u64)],
    retention: Retention,
    now: u64,
    free: u64,
) -> Vec<SegmentName> {
    let mut all = segments.to_vec();
    all.sort_unstable();
    let mut left: u64 = all.iter().map(|(_, octets)| octets).sum();
    let mut free = free;
    let mut expired = Vec::new();
    let is_old =
        |own: &SegmentName| retention.age.is_some_and(|age| own.to.saturating_add(age) < now);
    for (own, octets) in all {
        let too_many = retention.octets.is_some_and(|most| left > most);
        let too_little_free = retention.free.is_some_and(|least| free < least);
        if too_many || too_little_free || is_old(&own) {
            left -= octets;
            free = free.saturating_add(octets);
            expired.push(own);
        }
    }
    expired
}

/// Of files that expire, those before which another stays, and the number of the first record that stays. A clock that was set back
/// makes such files.
pub fn out_of_turn(
    segments: &[(SegmentName, u64)],
    expired: &[SegmentName],
) -> (Vec<SegmentName>, u64) {
    let stays = segments.iter().map(|(own, _)| own).filter(|own| !expired.contains(own));
    let front = stays.clone().map(|own| own.first).min().unwrap_or(u64::MAX);
    let is_held = |own: &SegmentName| stays.clone().any(|other| own.is_inside(other));
    let early = expired.iter().filter(|own| own.first > front && !is_held(own));
    (early.copied().collect(), front)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn named(first: u64, last: u64, hour: u64) -> SegmentName {
        SegmentName { first, last, from: hour * HOUR + first, to: hour * HOUR + last }
    }

    #[test]
    fn what_is_in_another_file_is_superseded() {
        let [a, b, c] = [named(1, 10, 0), named(11, 20, 0), named(21, 30, 0)];
        let all = named(1, 20, 0);
        assert_eq!(superseded(&[a, b, c]), []);
        assert_eq!(superseded(&[c, b, all, a]), [a, b]);
        // The same records twice: one stays.
        let again = SegmentName { to: HOUR, ..a };
        assert_eq!(superseded(&[again, a]).len(), 1);
        assert_eq!(superseded(&[]), []);
    }

    #[test]
    fn numbers_go_on_behind_all_that_are_there() {
        assert_eq!(next_sequence(&[], []), 1);
        assert_eq!(next_sequence(&[named(1, 10, 5), named(11, 20, 1)], []), 21);
        assert_eq!(next_sequence(&[named(1, 10, 5)], [41, 12]), 41);
        assert_eq!(sealed_up_to(&[named(5, 9, 0), named(1, 4, 0)]), 10);
    }

    #[test]
    fn neighbours_of_an_hour_that_is_over_are_compacted() {
        let wanted = Compaction { rows: 100, before: 7 };
        let small: Vec<_> = (0..5).map(|at| named(at * 30 + 1, at * 30 + 30, 6)).collect();
        // Three of them are 90 records.
        assert_eq!(compact(&small, wanted), small[..3]);
        assert_eq!(compact(&small, Compaction { before: 6, ..wanted }), []);
        // A gap, another hour, a large one between them.
        assert_eq!(compact(&[small[0], small[2]], wanted), []);
        assert_eq!(compact(&[small[0], named(31, 60, 5)], wanted), []);
        let large = named(31, 90, 6);
        assert_eq!(compact(&[small[0], large, named(91, 95, 6)], wanted), []);
        // What is behind something that cannot be.
        assert_eq!(compact(&[small[0], large, small[3], small[4]], wanted), small[3..]);
        // A clock that was set back does not bring files out of order.
        let back = [named(1, 10, 6), named(11, 20, 2), named(21, 30, 6)];
        assert_eq!(compact(&back, wanted), []);
    }

    #[test]
    fn files_that_expire_before_others_are_told_apart() {
        let all = [named(1, 10, 9), named(11, 20, 2), named(21, 30, 9), named(21, 25, 9)];
        let files: Vec<_> = all.iter().map(|own| (*own, 1)).collect();
        assert_eq!(out_of_turn(&files, &all[1..2]), (vec![all[1]], 1));
        assert_eq!(out_of_turn(&files, &all[..2]), (Vec::new(), 21));
        // Its records are in another that stays.
        assert_eq!(out_of_turn(&files, &all[3..]), (Vec::new(), 1));
        assert_eq!(out_of_turn(&files, &all), (Vec::new(), u64::MAX));
    }

    #[test]
    fn the_oldest_files_expire_first() {
        let files: Vec<_> = (0..4).map(|at| (named(at * 10 + 1, at * 10 + 10, at), 100)).collect();
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        let none = Retention::default();
        assert_eq!(expire(&files, none, u64::MAX, 0), []);
        let age = Retention { age: Some(HOUR), ..none };
        assert_eq!(expire(&files, age, 3 * HOUR, 0), names[..2]);
        let octets = Retention { octets: Some(150), ..none };
        assert_eq!(expire(&files, octets, 0, 0), names[..3]);
        let free = Retention { free: Some(1000), ..none };
        assert_eq!(expire(&files, free, 0, 1000), []);
        assert_eq!(expire(&files, free, 0, 850), names[..2]);
        assert_eq!(expire(&files, free, 0, 0), names);
    }
}
