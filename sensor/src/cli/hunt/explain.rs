//! `sensor hunt --explain`: how a question would be answered.

use sensor_core::{
    diagnostic::Theme,
    hunt::{self, ExplainedFile, Fate, FileFate, Said},
    nql::columns::{self, Program},
};
use serde::Serialize;

use super::{
    args::HuntArgs,
    ask::{Asked, Asking, Source},
};
use crate::{
    cli::{
        exit::Failure,
        report::{Body, Outcome},
    },
    export::log::line::octets,
};

/// How it would be answered.
#[derive(Serialize)]
pub struct Explained {
    query: String,
    range: String,
    /// The tests of the query, in order.
    tests: Vec<String>,
    /// Columns that decide which flows match.
    filter: Vec<&'static str>,
    /// Columns that only the answer needs.
    late: Vec<&'static str>,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    name: String,
    records: u64,
    /// `opened`, `time`, `gone` or `unreadable`.
    fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    row_groups: usize,
    read: usize,
    read_unasked: usize,
    by_time: usize,
    by_statistics: usize,
    by_filter: usize,
    /// Records of the row groups that would be read.
    records_read: u64,
}

impl File {
    fn of(file: ExplainedFile) -> Self {
        let ExplainedFile { name, rows, fate } = file;
        let mut own = Self {
            name,
            records: rows,
            fate: "opened",
            fault: None,
            row_groups: 0,
            read: 0,
            read_unasked: 0,
            by_time: 0,
            by_statistics: 0,
            by_filter: 0,
            records_read: 0,
        };
        match fate {
            FileFate::Time => own.fate = "time",
            FileFate::Gone => own.fate = "gone",
            FileFate::Unreadable(fault) => {
                own.fate = "unreadable";
                own.fault = Some(fault);
            }
            FileFate::Opened(pieces) => {
                own.row_groups = pieces.len();
                for (piece, fate) in pieces {
                    match fate {
                        Fate::Time => own.by_time += 1,
                        Fate::Statistics => own.by_statistics += 1,
                        Fate::Filter => own.by_filter += 1,
                        Fate::Read | Fate::ReadUnasked => {
                            own.read += 1;
                            own.read_unasked += usize::from(fate == Fate::ReadUnasked);
                            own.records_read += piece.rows;
                        }
                    }
                }
            }
        }
        own
    }
}

/// Says how the question of the command line would be answered, if it is `now` now.
pub fn explain(args: &HuntArgs, now: u64) -> anyhow::Result<Outcome<Explained>> {
    let Asking { asked, warnings } = Asked::read(args, now)?;
    let Asked { range, question, options, source, .. } = &asked;
    let Source::Stored(stored) = source else {
        let fault = "--explain tells what of a store is read: files of others are read from beginning to end";
        return Err(Failure::usage(fault).into());
    };
    let explained = hunt::explain(question, stored, options);
    let tests = match &question.said {
        Said::Common(common) => Program::compile(&common.queries),
        _ => Program::compile([&question.query]),
    };
    let tests = columns::explain(&tests);
    let body = Explained {
        query: args.query.clone(),
        range: range.shown(),
        tests: tests.lines().map(str::to_owned).collect(),
        filter: explained.filter,
        late: explained.late,
        files: explained.files.into_iter().map(File::of).collect(),
    };
    Ok(Outcome::well(body, warnings))
}

impl Body for Explained {
    fn text(&self) -> String {
        let style = Theme::COLOR.heading;
        let mut text = String::new();
        let mut heading = |name: &str, value: &str| {
            text.push_str(&format!("{style}{name}{style:#} {value}\n"));
        };
        let listed = |names: &[&str]| match names {
            [] => "nothing".to_owned(),
            names => names.join(", "),
        };
        heading("time:", &self.range);
        heading("read first:", &listed(&self.filter));
        heading("read of matches only:", &listed(&self.late));
        heading("tests, in order:", "");
        text.extend(self.tests.iter().map(|test| format!("  {test}\n")));
        text.push_str(&format!("{style}files:{style:#}\n"));
        for file in &self.files {
            let fate = match file.fate {
                "time" => "not opened: of another time".to_owned(),
                "gone" => "not there any more".to_owned(),
                "unreadable" => {
                    format!("cannot be read: {}", file.fault.as_deref().unwrap_or_default())
                }
                _ => opened(file),
            };
            text.push_str(&format!("  {}  {} records  {fate}\n", file.name, octets(file.records)));
        }
        let all: u64 = self.files.iter().map(|file| file.records).sum();
        let read: u64 = self.files.iter().map(|file| file.records_read).sum();
        text.push_str(&format!("{} of {} records would be looked at\n", octets(read), octets(all)));
        text
    }
}

fn opened(file: &File) -> String {
    let mut text = format!("{} of {} row groups read", file.read, file.row_groups);
    let told = [
        (file.read_unasked, "all rows of which match"),
        (file.by_time, "of another time"),
        (file.by_statistics, "without a match by statistics"),
        (file.by_filter, "without a match by filters"),
    ];
    for (count, what) in told.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    text
}
