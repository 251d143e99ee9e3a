//! All flows that a query selects, however many: a window of time after the other, and within a window page by page, so that memory does
//! not grow with the store. Flows come in the order of the time of receipt, and the same store yields the same pages.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use sensor_core::{
    diagnostic::{Finding, Findings},
    flow::fields::Needs,
    hunt::{self, Answer, Order, Page, Place, Progress, Question, Rows, Said, archive::Archive},
};

use super::{ask::Asked, range::Range, watch};
use crate::{
    cli::exit::{Exit, Failure},
    export::log::line::octets,
    stdio,
};

/// Flows of a page.
const PAGE: usize = 100_000;

/// What has been read so far.
#[derive(Debug, Default)]
pub struct Pages {
    /// Flows that were handed on.
    pub records: AtomicU64,
    /// Whether Ctrl-C was pressed.
    pub is_stopped: bool,
    faults: BTreeSet<String>,
}

impl Pages {
    /// Reads all flows that are asked for, with these columns; `each` gets a page, and may end it.
    ///
    /// # Errors
    /// When the kernel refuses a thread.
    pub fn each(
        &mut self,
        asked: &Asked,
        archive: &dyn Archive,
        needs: Needs,
        mut each: impl FnMut(Rows) -> ControlFlow<()>,
    ) -> anyhow::Result<()> {
        let windows = windows(archive, &asked.range);
        let all: u64 = archive.files().iter().map(|file| file.rows).sum();
        let progress: Vec<Progress> = windows.iter().map(|_| Progress::default()).collect();
        let Self { records, is_stopped, faults } = self;
        let records = &*records;
        let line = |elapsed: Duration| {
            let read = records.load(Relaxed);
            let rate = (read as f64 / elapsed.as_secs_f64().max(1e-3)) as u64;
            let [read, all, rate] = [read, all, rate].map(octets);
            Some(format!("{read} of up to {all} records, {rate} records/s"))
        };
        let cancel = || progress.iter().for_each(Progress::cancel);
        watch::watched(true, line, cancel, || {
            for (window, progress) in windows.iter().zip(&progress) {
                let mut own = Window { asked, archive, needs, window: *window, progress };
                let flow = own.pages(records, &mut each);
                faults.extend(progress.account().faults);
                *is_stopped |= progress.is_cancelled();
                if flow.is_break() || *is_stopped {
                    break;
                }
            }
        })
    }

    /// Tells what was read; `what` became of the records.
    ///
    /// # Errors
    /// Something is lacking.
    pub fn end(self, what: &str, seconds: f64) -> anyhow::Result<()> {
        let help = "`sensor store verify` names all damage; the rest was read";
        let faults: Findings =
            self.faults.iter().map(|fault| Finding::warning(fault.clone(), help)).collect();
        stdio::to_stderr(faults.styled());
        let records = self.records.into_inner();
        let rate = (records as f64 / seconds.max(1e-3)) as u64;
        let [records, rate] = [records, rate].map(octets);
        stdio::note(format_args!("{records} records {what} in {seconds:.2} s, {rate} records/s"));
        let message = match (self.is_stopped, faults.is_empty()) {
            (true, _) => "the answer is partial: it was stopped before all was read",
            (false, false) => {
                "the answer is partial: something could not be read, see the warnings"
            }
            (false, true) => return Ok(()),
        };
        Err(Failure { exit: Exit::Partial, ..Failure::other(message) }.into())
    }
}

/// A window of time.
struct Window<'w> {
    asked: &'w Asked,
    archive: &'w dyn Archive,
    needs: Needs,
    window: (u64, u64),
    progress: &'w Progress,
}

impl Window<'_> {
    fn pages(
        &mut self,
        records: &AtomicU64,
        each: &mut impl FnMut(Rows) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Self { asked, archive, needs, window: (from, to), progress } = *self;
        let mut after: Option<Place> = None;
        loop {
            let page =
                Page { order: Order::OldestFirst, most: PAGE, after, needs, count_all: false };
            let from = after.map_or(from, |after| after.time);
            let query = asked.question.query.clone();
            let question = Question { query, from, to, said: Said::Rows(page) };
            let Answer::Rows(mut rows) = hunt::run(&question, archive, &asked.options, progress)
            else {
                return ControlFlow::Break(());
            };
            let (mut count, mut last) = (0, None);
            rows.for_each(|_, _, place| {
                count += 1;
                last = Some(place);
            });
            // Of a page that was stopped, nobody knows what is lacking in the middle.
            if progress.is_cancelled() || each(rows).is_break() {
                return ControlFlow::Break(());
            }
            records.fetch_add(count as u64, Relaxed);
            if count < PAGE || last.is_none() {
                return ControlFlow::Continue(());
            }
            after = last;
        }
    }
}

/// Windows of time with about as many records as a page, by what is known of files: those of other times are not opened again for each page.
fn windows(archive: &dyn Archive, range: &Range) -> Vec<(u64, u64)> {
    let asked_files = archive.files().iter().filter(|file| file.received.1 >= range.from);
    let mut files: Vec<(u64, u64)> = asked_files.map(|file| (file.received.0, file.rows)).collect();
    files.sort_unstable();
    let (mut windows, mut begin, mut rows) = (Vec::new(), range.from, 0);
    for (from, own) in files {
        if rows >= PAGE as u64 && begin < from && from < range.to {
            windows.push((begin, from));
            (begin, rows) = (from, 0);
        }
        rows += own;
    }
    windows.push((begin, range.to));
    windows
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sensor_core::hunt::archive::{File, Pieces, Unreadable};

    use super::*;
    use crate::cli::when::Zone;

    struct Files(Vec<File>);

    impl Archive for Files {
        fn files(&self) -> &[File] {
            &self.0
        }

        fn open(&self, _: usize) -> Result<Arc<dyn Pieces>, Unreadable> {
            Err(Unreadable::Gone)
        }
    }

    #[test]
    fn windows_cover_the_range_and_have_about_a_page_each() {
        let file = |from: u64| File {
            name: String::new(),
            rows: PAGE as u64 / 2,
            received: (from, from + 9),
        };
        let files = Files((0..6).map(|hour| file(100 + 10 * hour)).rev().collect());
        let of = |from, to| windows(&files, &Range { from, to, zone: Zone::Utc });
        assert_eq!(of(0, u64::MAX), [(0, 120), (120, 140), (140, u64::MAX)]);
        assert_eq!(of(125, 135), [(125, 135)]);
        assert_eq!(
            windows(&Files(Vec::new()), &Range { from: 1, to: 2, zone: Zone::Utc }),
            [(1, 2)]
        );
    }
}
