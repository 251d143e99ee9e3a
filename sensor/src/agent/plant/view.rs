//! What a tap shows of the batches that come: the records that fulfil its query, as lines, not more of them a second than it
//! may. Where there are more, every n-th is shown, and a line says so. Time is an argument.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use sensor_core::{
    flow::{batch::FlowBatch, fields::Row, interfaces::SharedInterfaces},
    nql::{Filter, columns::BatchFilter},
};

use crate::export::log::{json, line};

/// How a record is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One aligned line, for people.
    Text,
    /// One JSON object in a line.
    Json,
}

/// Between two accounts.
const SECOND: Duration = Duration::from_secs(1);

/// Begins a line that is no record but says what is not shown; neither form of a record begins so.
pub const REMARK: &str = "# ";

/// What one tap sees.
pub struct View {
    filter: BatchFilter,
    interfaces: SharedInterfaces,
    form: Form,
    /// Records that are shown in a second at most.
    rate: u64,
    /// Every so-manieth match is shown.
    stride: u64,
    second: Option<Instant>,
    matched: u64,
    shown: u64,
}

impl View {
    /// A view of what fulfils `filter`, at most `rate` records a second.
    pub fn new(filter: &Filter, interfaces: SharedInterfaces, form: Form, rate: u64) -> Self {
        Self {
            filter: BatchFilter::new(&filter.typed),
            interfaces,
            form,
            rate: rate.max(1),
            stride: 1,
            second: None,
            matched: 0,
            shown: 0,
        }
    }

    /// What comes before the first record.
    pub fn heading(&self, out: &mut Vec<u8>) {
        if self.form == Form::Text {
            // Writing to a `Vec` cannot fail.
            let _: std::io::Result<()> = writeln!(out, "{REMARK}{}", line::HEADING);
        }
    }

    /// Appends the records of `batch` that are to be shown.
    pub fn show(&mut self, batch: &FlowBatch, out: &mut Vec<u8>) {
        let Self { filter, interfaces, form, rate, stride, matched, shown, .. } = self;
        let interfaces = &*interfaces.get();
        for row in filter.rows(batch, interfaces) {
            *matched += 1;
            if *shown < *rate && (*matched - 1).is_multiple_of(*stride) {
                *shown += 1;
                let row = Row { batch, row, interfaces };
                match form {
                    Form::Text => line::write_row(out, row),
                    Form::Json => json::write_row(out, row),
                }
            }
        }
    }

    /// Once a second: appends a remark where records were not shown, those that the tap `missed` among them.
    pub fn account(&mut self, now: Instant, missed: impl FnOnce() -> u64, out: &mut Vec<u8>) {
        let since = *self.second.get_or_insert(now);
        if now.duration_since(since) < SECOND {
            return;
        }
        let missed = missed();
        let Self { matched, shown, .. } = *self;
        if shown < matched || missed > 0 {
            let _: std::io::Result<()> =
                write!(out, "{REMARK}sampled: {shown} of {matched} matching records shown");
            if missed > 0 {
                let _: std::io::Result<()> =
                    write!(out, "; {missed} more came too fast to be looked at");
            }
            out.push(b'\n');
        }
        self.stride = matched.div_ceil(self.rate).max(1);
        (self.matched, self.shown, self.second) = (0, 0, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_core::{
        flow::testing,
        nql::{Options, lists::Lists},
    };

    fn view(query: &str, form: Form, rate: u64) -> View {
        let filter = Filter::compile(query, &Options::new(&Lists::default())).expect("a query");
        View::new(&filter, SharedInterfaces::default(), form, rate)
    }

    fn batch(rows: u16) -> FlowBatch {
        let (start, end) = (1_700_000_000_000, 1_700_000_001_000);
        let mut batch = testing::flow(0, start, end, 100);
        (1..rows)
            .for_each(|host| testing::push(&mut batch, host, start, end, 100 + u64::from(host)));
        batch
    }

    fn lines(out: &mut Vec<u8>) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(out)).expect("text");
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_matches_is_shown_in_either_form() {
        let mut out = Vec::new();
        view("octets >= 102", Form::Json, 100).show(&batch(4), &mut out);
        let octets = |line: &String| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["octets"].as_u64()
        };
        assert_eq!(lines(&mut out).iter().map(octets).collect::<Vec<_>>(), [Some(102), Some(103)]);
        let mut text = view("", Form::Text, 100);
        text.heading(&mut out);
        text.show(&batch(1), &mut out);
        let lines = lines(&mut out);
        assert!(lines[0].starts_with("# LAST SEEN"), "{lines:?}");
        assert!(lines[1].starts_with("2023-11-14 22:13:21.000"), "{lines:?}");
    }

    #[test]
    fn what_comes_too_fast_is_sampled_evenly_and_told() {
        let (mut out, start) = (Vec::new(), Instant::now());
        let mut view = view("", Form::Json, 10);
        view.account(start, || 0, &mut out);
        view.show(&batch(40), &mut out);
        assert_eq!(lines(&mut out).len(), 10, "the rate of a second");
        view.account(start + SECOND, || 7, &mut out);
        let told =
            "# sampled: 10 of 40 matching records shown; 7 more came too fast to be looked at";
        assert_eq!(lines(&mut out), [told]);
        // From then on every fourth, over the whole second.
        view.show(&batch(20), &mut out);
        assert_eq!(lines(&mut out).len(), 5);
        view.show(&batch(20), &mut out);
        assert_eq!(lines(&mut out).len(), 5);
        view.account(start + 2 * SECOND, || 0, &mut out);
        assert_eq!(lines(&mut out), ["# sampled: 10 of 40 matching records shown"]);
        // Quiet again, after a second whose records are still sampled.
        view.show(&batch(4), &mut out);
        lines(&mut out);
        view.account(start + 3 * SECOND, || 0, &mut out);
        lines(&mut out);
        view.show(&batch(4), &mut out);
        assert_eq!(lines(&mut out).len(), 4);
        view.account(start + 4 * SECOND, || 0, &mut out);
        assert_eq!(lines(&mut out), [""; 0]);
    }
}
