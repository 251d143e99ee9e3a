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
/// Pages of objects alone, after which no folders are looked for.
const PAGES: usize = 10;
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

    /// The folders right below a prefix, and whether there are objects as well; none where there are too many of either.
    fn folders(
        &mut self,
        pages: &impl Pages,
        prefix: &str,
    ) -> Result<Option<(Vec<String>, bool)>, BucketError> {
        let (mut folders, mut objects, mut token) = (Vec::new(), false, None);
        for asked in 1.. {
            self.requests += 1;
            let page = pages.page(prefix, true, None, token)?;
            folders.extend(page.folders);
            // The folder itself, as some consoles make it, is no object.
            objects |= page.objects.iter().any(|meta| meta.size > 0);
            token = page.next;
            if token.is_none() {
                return Ok(Some((folders, objects)));
            }
            // A level full of objects is none of folders.
            if folders.len() > FOLDERS || folders.is_empty() && asked == PAGES {
                break;
            }
        }
        Ok(None)
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
                if let Some(style) = years.last().and_then(|year| Style::of_year(last(year))) {
                    if !self.has_days(pages, &years, style)? {
                        roots.push(Root::Flat { prefix, deep: true, seen: Order::default() });
                        continue;
                    }
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

    /// Whether there are days below the newest of `years`: a year may also be a name like any other.
    fn has_days(
        &mut self,
        pages: &impl Pages,
        years: &[String],
        style: Style,
    ) -> Result<bool, BucketError> {
        let mut newest = years.iter().max().cloned();
        for level in [Level::Month, Level::Day] {
            let Some(prefix) = newest else { return Ok(false) };
            let folders = self.folders(pages, &prefix)?.map(|(folders, _)| folders);
            let mut folders = folders.unwrap_or_default();
            folders.retain(|folder| style.number(level, last(folder)).is_some());
            newest = folders.into_iter().max();
        }
        Ok(newest.is_some())
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
        // Where there are too many names to find folders.
        let mut whole = Vec::new();
        let mut level: Vec<(Vec<u16>, String)> = vec![(Vec::new(), prefix.to_owned())];
        for kind in [Level::Year, Level::Month, Level::Day] {
            let mut next = Vec::new();
            for (above, prefix) in level {
                let Some((folders, _)) = self.folders(pages, &prefix)? else {
                    whole.push(prefix);
                    continue;
                };
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
        Ok(level.into_iter().map(|(_, prefix)| prefix).chain(whole).collect())
    }
}

/// The last part of a folder's name.
fn last(folder: &str) -> &str {
    let folder = folder.trim_end_matches('/');
    folder.rsplit_once('/').map_or(folder, |(_, last)| last)
}

#[cfg(test)]
mod tests;
