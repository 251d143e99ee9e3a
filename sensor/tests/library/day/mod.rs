//! An ordinary day of a company, in which nothing is wrong: 150 desks, its servers, a cluster, telephones, things, and the
//! noise of the Internet at its border.
//!
//! The day is a stream: every habit of everybody is a small generator with numbers of its own, two heaps bring what they do
//! into the order of time, and nothing else is held. The same size gives the same day. Roles are written as such roles are
//! found in general, with the ports of several vendors, and know no policy.

mod cluster;
mod desks;
mod flow;
mod forge;
mod habit;
mod mail;
mod mobile;
mod names;
mod noise;
mod routing;
mod scanner;
mod scene;
mod servers;
pub mod site;
mod storage;
mod stream;
mod things;
mod voice;
mod watch;

use habit::Habit;
pub use stream::Day;

use site::Size;

/// Midnight, at which the day begins: milliseconds since the epoch.
pub const START: u64 = 1_767_571_200_000;
/// Its length, milliseconds.
pub const DAY: u64 = 24 * 3_600_000;

/// What everybody does.
fn habits(size: Size) -> Vec<Habit> {
    let kinds: [fn(Size) -> Vec<Habit>; 14] = [
        desks::habits,
        names::habits,
        mobile::habits,
        voice::habits,
        things::habits,
        cluster::habits,
        watch::habits,
        forge::habits,
        mail::habits,
        servers::habits,
        storage::habits,
        routing::habits,
        noise::habits,
        scanner::habits,
    ];
    kinds.into_iter().flat_map(|kind| kind(size)).collect()
}
