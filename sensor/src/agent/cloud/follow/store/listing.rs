//! Which parts of a bucket are listed: only days that may hold something new, where the names have days.
//!
//! From the prefix on, folders are looked at level by level until one holds years ([`super::layout`]); below it, days are listed whole, and
//! the others not at all. Objects outside of such folders are listed from the last name that nothing comes before any more,
//! where names follow the times of their objects, and from the first one otherwise.

use super::{
    bucket::{Bucket, BucketError, Page},
    layout::{self, Day, Level, Style},
};

/// Levels above the years.
const DEPTH: usize = 16;
/// Folders above the years; where there are more, a bucket is listed whole.
const FOLDERS: usize = 20_000;
/// Days that are listed without asking which of them there are.
const DAYS: u64 = 40;
/// Between two looks for folders of new accounts and regions, milliseconds.
const WALK: u64 = 600_000;
/// Between two complete listings of what has no days in its names, milliseconds.
const WHOLE: u64 = 3_600_000;

/// What lists the pages of a bucket.
pub trait Pages {
    /// As [`Bucket::page`].
    fn page(
        &self,
        prefix: &str,
        folders: bool,
        behind: Option<&str>,
        token: Option<String>,
    ) -> Result<Page, BucketError>;
}

impl Pages for Bucket {
    fn page(
        &self,
        prefix: &str,
        folders: bool,
        behind: Option<&str>,
        token: Option<String>,
    ) -> Result<Page, BucketError> {
        Self::page(self, prefix, folders, behind, token)
    }
}

/// A part of a bucket that is listed on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    /// What holds years.
    Dated { prefix: String, style: Style },
    /// Anything else: with what is in folders below, or without.
    Flat { prefix: String, deep: bool, seen: Order },
}

/// Whether names follow the times of their objects, so that new ones come behind all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Order {
    /// The time of the newest of the names so far.
    newest: u64,
    /// An object stands behind one that is newer by more than the objects are late.
    broken: bool,
    /// The last name before which nothing new comes.
    behind: Option<String>,
    /// When everything was listed.
    whole: u64,
}

impl Order {
    fn see(&mut self, name: &str, modified: u64, settled: u64, late: u64) {
        self.broken |= modified.saturating_add(late) < self.newest;
        self.newest = self.newest.max(modified);
        if modified < settled && self.newest < settled {
            self.behind = Some(name.to_owned());
        }
    }
}

/// What was learnt of the names in a bucket.
#[derive(Clone, Debug)]
pub struct Plan {
    prefix: String,
    late: u64,
    roots: Vec<Root>,
    walked: u64,
    /// Requests made so far.
    pub requests: u64,
}

impl Plan {
    /// Nothing is known yet. Objects may appear `late` milliseconds behind the date in their names.
    pub fn new(prefix: &str, late: u64) -> Self {
        Self { prefix: prefix.to_owned(), late, roots: Vec::new(), walked: 0, requests: 0 }
    }

    /// Shows `take` every page in which there may be objects that were written at `from` or later. `now` is the time.
    pub fn list<E: From<BucketError>>(
        &mut self,
        pages: &impl Pages,
        from: u64,
        now: u64,
        mut take: impl FnMut(Page) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.roots.is_empty() || now.saturating_sub(self.walked) >= WALK {
            self.walk(pages)?;
            self.walked = now;
        }
        let first = from.saturating_sub(self.late);
        // The clock of this host may be behind.
        let last = now + WALK;
        let mut roots = std::mem::take(&mut self.roots);
        let mut listed = Ok(());
        for root in &mut roots {
            listed = match root {
                Root::Dated { prefix, style } => {
                    let days = self.days(pages, prefix, *style, first, last)?;
                    days.iter().try_for_each(|day| self.whole(pages, day, &mut take))
                }
                Root::Flat { prefix, deep, seen } => {
                    let (prefix, deep) = (prefix.as_str(), *deep);
                    self.flat(pages, prefix, deep, seen, first, now, &mut take)
                }
            };
            if listed.is_err() {
                break;
            }
        }
        self.roots = roots;
        listed
    }

    /// Everything below a prefix.
    fn whole<E: From<BucketError>>(
        &mut self,
        pages: &impl Pages,
        prefix: &str,
        take: &mut impl FnMut(Page) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut token = None;
        loop {
            self.requests += 1;
            let mut page = pages.page(prefix, false, None, token)?;
            token = page.next.take();
            take(page)?;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the root is taken apart, since the plan counts requests meanwhile"
    )]
    fn flat<E: From<BucketError>>(
        &mut self,
        pages: &impl Pages,
        prefix: &str,
        deep: bool,
        seen: &mut Order,
        first: u64,
        now: u64,
        take: &mut impl FnMut(Page) -> Result<(), E>,
    ) -> Result<(), E> {
        let all = seen.broken || now.saturating_sub(seen.whole) >= WHOLE;
        let behind = if all { None } else { seen.behind.clone() };
        let mut order = match all {
            true => Order { whole: now, ..Order::default() },
            false => seen.clone(),
        };
        let mut token = None;
        loop {
            self.requests += 1;
            let mut page = pages.page(prefix, !deep, behind.as_deref(), token)?;
            token = page.next.take();
            for meta in &page.objects {
                let modified = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
                order.see(meta.location.as_ref(), modified, first, self.late);
            }
            take(page)?;
            if token.is_none() {
                break;
            }
        }
        *seen = order;
        Ok(())
    }

    /// The folders right below a prefix, and whether there are objects as well; none where there are too many.
    fn folders(
        &mut self,
        pages: &impl Pages,
        prefix: &str,
    ) -> Result<Option<(Vec<String>, bool)>, BucketError> {
        let (mut folders, mut objects, mut token) = (Vec::new(), false, None);
        loop {
            self.requests += 1;
            let page = pages.page(prefix, true, None, token)?;
            folders.extend(page.folders);
            // The folder itself, as some consoles make it, is no object.
            objects |= page.objects.iter().any(|meta| meta.size > 0);
            token = page.next;
            if folders.len() > FOLDERS {
                return Ok(None);
            }
            // A level full of objects is none of folders; it is listed as it is.
            if token.is_none() {
                return Ok(Some((folders, objects)));
            }
        }
    }

    /// Looks for what holds years.
    fn walk(&mut self, pages: &impl Pages) -> Result<(), BucketError> {
        let mut roots = Vec::new();
        let mut level = vec![self.prefix.clone()];
        for depth in 0..=DEPTH {
            let mut next = Vec::new();
            for prefix in level {
                let folders = if depth == DEPTH { None } else { self.folders(pages, &prefix)? };
                let Some((folders, objects)) = folders else {
                    roots.push(Root::Flat { prefix, deep: true, seen: Order::default() });
                    continue;
                };
                let (years, others): (Vec<_>, Vec<_>) =
                    folders.into_iter().partition(|folder| Style::of_year(last(folder)).is_some());
                if let Some(style) = years.first().and_then(|year| Style::of_year(last(year))) {
                    roots.push(Root::Dated { prefix: prefix.clone(), style });
                }
                if objects {
                    roots.push(Root::Flat { prefix, deep: false, seen: Order::default() });
                }
                next.extend(others);
            }
            if roots.len() + next.len() > FOLDERS {
                let prefix = self.prefix.clone();
                roots = vec![Root::Flat { prefix, deep: true, seen: Order::default() }];
                break;
            }
            level = next;
            if level.is_empty() {
                break;
            }
        }
        // What was learnt of an order is kept.
        for root in &mut roots {
            let same = self.roots.iter().find(|known| match (&*root, known) {
                (
                    Root::Flat { prefix, deep, .. },
                    Root::Flat { prefix: other, deep: other_deep, .. },
                ) => prefix == other && deep == other_deep,
                _ => false,
            });
            if let Some(same) = same {
                root.clone_from(same);
            }
        }
        self.roots = roots;
        Ok(())
    }

    /// The prefixes of the days from one time to another, oldest first.
    fn days(
        &mut self,
        pages: &impl Pages,
        prefix: &str,
        style: Style,
        first: u64,
        last_time: u64,
    ) -> Result<Vec<String>, BucketError> {
        if let Some(days) = layout::days(first, last_time, DAYS) {
            return Ok(days.into_iter().map(|day| format!("{prefix}{}", style.day(day))).collect());
        }
        let (from, to) = (Day::of(first), Day::of(last_time));
        let mut level: Vec<(Vec<u16>, String)> = vec![(Vec::new(), prefix.to_owned())];
        for kind in [Level::Year, Level::Month, Level::Day] {
            let mut next = Vec::new();
            for (above, prefix) in level {
                let Some((folders, _)) = self.folders(pages, &prefix)? else { continue };
                for folder in folders {
                    let number = style.number(kind, last(&folder));
                    if let Some(number) = number
                        && layout::may_hold(&above, number, from, to)
                    {
                        let above = above.iter().copied().chain([number]).collect();
                        next.push((above, folder));
                    }
                }
            }
            next.sort();
            level = next;
        }
        Ok(level.into_iter().map(|(_, prefix)| prefix).collect())
    }
}

/// The last part of a folder's name.
fn last(folder: &str) -> &str {
    let folder = folder.trim_end_matches('/');
    folder.rsplit_once('/').map_or(folder, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeSet};

    use object_store::{ObjectMeta, path::Path};

    use super::*;

    const HOUR: u64 = 3_600_000;
    /// 2026-11-30, 12:00.
    const NOON: u64 = 1_796_040_000_000;

    /// Names with times, listed two a page.
    #[derive(Default)]
    struct Made {
        objects: Vec<(String, u64)>,
        asked: RefCell<Vec<String>>,
    }

    impl Made {
        fn new(objects: &[(&str, u64)]) -> Self {
            let mut objects: Vec<_> =
                objects.iter().map(|(name, time)| ((*name).to_owned(), *time)).collect();
            objects.sort();
            Self { objects, asked: RefCell::default() }
        }

        fn asked(&self) -> Vec<String> {
            std::mem::take(&mut self.asked.borrow_mut())
        }
    }

    impl Pages for Made {
        fn page(
            &self,
            prefix: &str,
            folders: bool,
            behind: Option<&str>,
            token: Option<String>,
        ) -> Result<Page, BucketError> {
            if token.is_none() {
                let behind = behind.map(|behind| format!(" >{behind}")).unwrap_or_default();
                self.asked.borrow_mut().push(format!("{prefix}{behind}"));
            }
            let mut page = Page::default();
            let mut names = BTreeSet::new();
            let after = token.as_deref().or(behind).unwrap_or("");
            let all = self
                .objects
                .iter()
                .filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after);
            for (name, modified) in all {
                let below = &name[prefix.len()..];
                if folders && let Some((folder, _)) = below.split_once('/') {
                    names.insert(format!("{prefix}{folder}/"));
                    continue;
                }
                if page.objects.len() == 2 {
                    page.next =
                        page.objects.last().map(|meta: &ObjectMeta| meta.location.to_string());
                    break;
                }
                page.objects.push(ObjectMeta {
                    location: Path::parse(name).expect("a name"),
                    last_modified: (std::time::UNIX_EPOCH
                        + std::time::Duration::from_millis(*modified))
                    .into(),
                    size: 1,
                    e_tag: None,
                    version: None,
                });
            }
            page.folders = names.into_iter().filter(|name| name.as_str() > after).collect();
            Ok(page)
        }
    }

    fn names(plan: &mut Plan, made: &Made, from: u64, now: u64) -> Vec<String> {
        let mut names = Vec::new();
        plan.list(made, from, now, |page| {
            names.extend(page.objects.iter().map(|meta| meta.location.to_string()));
            Ok::<_, BucketError>(())
        })
        .expect("listed");
        names
    }

    #[test]
    fn only_days_that_may_hold_something_new_are_listed() {
        let made = Made::new(&[
            ("p/AWSLogs/1/vpcflowlogs/eu/2024/01/05/a", NOON),
            ("p/AWSLogs/1/vpcflowlogs/eu/2026/11/29/a", NOON),
            ("p/AWSLogs/1/vpcflowlogs/eu/2026/11/30/a", NOON),
            ("p/AWSLogs/1/vpcflowlogs/eu/2026/11/30/b", NOON),
            ("p/AWSLogs/1/vpcflowlogs/eu/2026/11/30/c", NOON),
            ("p/AWSLogs/2/vpcflowlogs/us/year=2026/month=11/day=30/hour=11/d", NOON),
            ("p/r/y=2026/m=11/d=30/h=11/m=00/macAddress=1/PT1H.json", NOON),
            ("other/2026/11/30/x", NOON),
        ]);
        let mut plan = Plan::new("p/", HOUR);
        let found = names(&mut plan, &made, NOON, NOON);
        assert_eq!(
            found,
            [
                "p/r/y=2026/m=11/d=30/h=11/m=00/macAddress=1/PT1H.json",
                "p/AWSLogs/1/vpcflowlogs/eu/2026/11/30/a",
                "p/AWSLogs/1/vpcflowlogs/eu/2026/11/30/b",
                "p/AWSLogs/1/vpcflowlogs/eu/2026/11/30/c",
                "p/AWSLogs/2/vpcflowlogs/us/year=2026/month=11/day=30/hour=11/d",
            ]
        );
        made.asked();
        // The folders are known for a while: one request each, and a second page.
        let before = plan.requests;
        assert_eq!(names(&mut plan, &made, NOON, NOON + 60_000).len(), 5);
        let days = [
            "p/r/y=2026/m=11/d=30/",
            "p/AWSLogs/1/vpcflowlogs/eu/2026/11/30/",
            "p/AWSLogs/2/vpcflowlogs/us/year=2026/month=11/day=30/",
        ];
        assert_eq!(made.asked(), days);
        assert_eq!(plan.requests - before, 4);
        // Shortly after midnight late objects of the day before are still found, and those of a clock that is ahead.
        let midnight = NOON + 12 * HOUR;
        names(&mut plan, &made, midnight, midnight + 60_000);
        assert!(made.asked().contains(&"p/AWSLogs/1/vpcflowlogs/eu/2026/11/30/".to_owned()));
        names(&mut plan, &made, midnight - 60_000, midnight - 60_000);
        assert!(made.asked().contains(&"p/AWSLogs/1/vpcflowlogs/eu/2026/12/01/".to_owned()));
    }

    #[test]
    fn a_long_past_is_looked_for_instead_of_guessed() {
        let made = Made::new(&[
            ("2019/02/03/a", NOON),
            ("2024/01/05/a", NOON),
            ("2026/11/29/a", NOON),
            ("2026/11/30/a", NOON),
        ]);
        let mut plan = Plan::new("", HOUR);
        let all = ["2019/02/03/a", "2024/01/05/a", "2026/11/29/a", "2026/11/30/a"];
        assert_eq!(names(&mut plan, &made, 0, NOON), all);
        let year = 366 * 24 * HOUR;
        assert_eq!(names(&mut plan, &made, NOON - year, NOON), all[2..]);
        // The prefix, years, and below each of them.
        assert!(plan.requests < 25, "{}", plan.requests);
    }

    #[test]
    fn names_that_follow_their_times_are_listed_from_the_last_settled_one() {
        let mut made =
            Made::new(&[("p/a1", NOON - 5 * HOUR), ("p/a2", NOON - 3 * HOUR), ("p/a3", NOON)]);
        let mut plan = Plan::new("p/", HOUR);
        assert_eq!(names(&mut plan, &made, NOON, NOON), ["p/a1", "p/a2", "p/a3"]);
        made.asked();
        assert_eq!(names(&mut plan, &made, NOON, NOON + 1), ["p/a3"]);
        assert_eq!(made.asked(), ["p/ >p/a2"]);
        // Once an hour everything is listed, for what came out of order.
        made.objects.insert(0, ("p/a0".to_owned(), NOON));
        assert_eq!(names(&mut plan, &made, NOON, NOON + HOUR), ["p/a0", "p/a1", "p/a2", "p/a3"]);
        // And from then on every time: these names do not follow their times.
        assert_eq!(
            names(&mut plan, &made, NOON, NOON + HOUR + 1),
            ["p/a0", "p/a1", "p/a2", "p/a3"]
        );
    }

    #[test]
    fn objects_beside_folders_of_years_are_found_and_an_empty_bucket_is_looked_at_again() {
        let mut made = Made::new(&[]);
        let mut plan = Plan::new("", HOUR);
        assert!(names(&mut plan, &made, NOON, NOON).is_empty());
        made.objects = vec![("2026/11/30/a".to_owned(), NOON), ("b".to_owned(), NOON)];
        assert_eq!(names(&mut plan, &made, NOON, NOON + 1), ["2026/11/30/a", "b"]);
    }
}
