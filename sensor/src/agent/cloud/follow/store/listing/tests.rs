//! What of a bucket is listed, with made names.

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
                page.next = page.objects.last().map(|meta: &ObjectMeta| meta.location.to_string());
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
    assert_eq!(names(&mut plan, &made, NOON, NOON + HOUR + 1), ["p/a0", "p/a1", "p/a2", "p/a3"]);
}

#[test]
fn years_without_days_are_folders_like_others() {
    let made = Made::new(&[("p/2025/11/30-a", NOON), ("p/2026/11/30-b", NOON), ("p/2026/c", NOON)]);
    let mut plan = Plan::new("p/", HOUR);
    let all = ["p/2025/11/30-a", "p/2026/11/30-b", "p/2026/c"];
    assert_eq!(names(&mut plan, &made, NOON, NOON), all);
}

#[test]
fn a_level_of_objects_alone_is_not_searched_for_folders_to_its_end() {
    let objects: Vec<(String, u64)> = (0..200).map(|at| (format!("p/{at:04}"), NOON)).collect();
    let made = Made { objects, ..Made::default() };
    let mut plan = Plan::new("p/", HOUR);
    assert_eq!(names(&mut plan, &made, NOON, NOON).len(), 200);
    // Two a page: ten for folders, and all of them once.
    assert_eq!(plan.requests, 10 + 100);
}

#[test]
fn objects_beside_folders_of_years_are_found_and_an_empty_bucket_is_looked_at_again() {
    let mut made = Made::new(&[]);
    let mut plan = Plan::new("", HOUR);
    assert!(names(&mut plan, &made, NOON, NOON).is_empty());
    made.objects = vec![("2026/11/30/a".to_owned(), NOON), ("b".to_owned(), NOON)];
    assert_eq!(names(&mut plan, &made, NOON, NOON + 1), ["2026/11/30/a", "b"]);
}
