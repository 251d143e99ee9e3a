//! `sensor store export`: all flows that a query selects, into a file, a folder or a pipe, however many they are.

use std::{
    io::{self, BufWriter, Write as _},
    num::NonZero,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::{ArgAction, Args, ValueEnum, ValueHint};
use sensor_core::{
    flow::fields::{Field, Needs},
    hunt::{Rows, archive::Archive},
};
use sensor_store::archive::Stored;

use super::{
    args::{HuntArgs, OutputArgs, RangeArgs, RowArgs, SourceArgs, SumArgs},
    ask::{Asked, Asking, Source},
    file::{SegmentFile, text},
    pages::Pages,
    policy,
};
use crate::{
    agent::{
        config::{self, overrides::Overrides},
        plant::top::PrintOptions,
        stored::{self, Context},
    },
    cli::{args::parse_list, exit::Failure, names, report::JsonArgs, shown::threads},
    clock,
    export::log::csv::Columns,
    stdio,
};

/// Arguments of `store export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Query in NQL; without it, all flows
    #[arg(value_name = "QUERY", default_value = "", hide_default_value = true)]
    pub query: String,

    /// Folder of the flow store [default: `store.folder` of the configuration]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,

    /// Configuration file (TOML) of the sensor; its store and lists apply
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// When they were received.
    #[command(flatten)]
    pub range: RangeArgs,

    /// Form of the flows
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: ExportForm,

    /// File to write, for ipfix a folder [default: stdout, where the form allows it]
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,

    /// Fields of JSON and CSV, by the names of `sensor fields` [default: all of them]
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = names::field)]
    pub fields: Vec<&'static Field>,

    /// Threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,

    /// List that the query references as $NAME: a file with one value per line; repeatable
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_list, action = ArgAction::Append)]
    pub list: Vec<(String, PathBuf)>,
}

/// A form of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// One JSON object per line, as the flow log
    Json,
    /// Comma-separated values with a header line
    Csv,
    /// A segment of the store: a Parquet file
    Parquet,
    /// IPFIX files (RFC 5655) in a folder
    Ipfix,
}

impl ExportArgs {
    /// The question that it comes to.
    fn asked(&self) -> HuntArgs {
        HuntArgs {
            query: self.query.clone(),
            source: SourceArgs {
                store: self.store.clone(),
                config: self.config.clone(),
                ..SourceArgs::default()
            },
            range: self.range.clone(),
            rows: RowArgs {
                fields: self.fields.clone(),
                limit: NonZero::<usize>::MAX.get(),
                order: None,
                after: None,
            },
            sums: SumArgs::default(),
            output: OutputArgs::default(),
            policy: Vec::new(),
            hit: None,
            labels: None,
            explain: false,
            threads: self.threads,
            list: self.list.clone(),
            json: JsonArgs::default(),
        }
    }
}

/// Writes the flows of the command line.
#[expect(clippy::disallowed_methods, reason = "edge: how long it takes is told")]
pub fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let needs_place = matches!(args.format, ExportForm::Parquet | ExportForm::Ipfix);
    if needs_place && !args.fields.is_empty() {
        let fault = "--fields applies to JSON and CSV: Parquet and IPFIX have all that is stored";
        return Err(Failure::usage(fault).into());
    }
    let output = match (&args.output, args.format) {
        (None, ExportForm::Parquet) => {
            let fault = "a Parquet file is written from its end: name one with -o FILE";
            return Err(Failure::usage(fault).into());
        }
        (None, ExportForm::Ipfix) => {
            let fault = "IPFIX files are written into a folder: name one with -o DIR";
            return Err(Failure::usage(fault).into());
        }
        (output, _) => output.as_deref(),
    };
    let hunt = args.asked();
    let Asking { asked, warnings } = Asked::read(&hunt, clock::now())?;
    stdio::to_stderr(warnings.styled());
    let Source::Stored(archive) = &asked.source else { return Ok(()) };
    let begun = Instant::now();
    let mut export = Export { asked: &asked, hunt: &hunt, archive, pages: Pages::default() };
    match (args.format, output) {
        (ExportForm::Parquet, Some(path)) => export.parquet(path)?,
        (ExportForm::Ipfix, Some(folder)) => export.ipfix(folder)?,
        (form, Some(path)) => text(path, |out| {
            export.lines(form, out)?;
            Ok(!export.pages.is_stopped)
        })?,
        (form, None) => {
            let mut out = BufWriter::with_capacity(1 << 16, stdio::output());
            export.lines(form, &mut out).and_then(|()| out.flush())?;
        }
    }
    export.pages.end("exported", begun.elapsed().as_secs_f64())
}

struct Export<'e> {
    asked: &'e Asked,
    hunt: &'e HuntArgs,
    archive: &'e Stored,
    pages: Pages,
}

impl Export<'_> {
    /// Writes lines, in the order of the time of receipt.
    fn lines(&mut self, form: ExportForm, out: &mut dyn io::Write) -> io::Result<()> {
        let shown = self.asked.shown(self.hunt);
        let columns = Columns::chosen(shown.fields.clone());
        let is_csv = form == ExportForm::Csv;
        let mut text = Vec::new();
        if is_csv {
            columns.write_heading(&mut text);
            out.write_all(&text)?;
        }
        let needs = match shown.fields.as_slice() {
            [] => Needs::ALL,
            fields => fields.iter().fold(Needs::NONE, |needs, field| needs.and(field.needs())),
        };
        let mut written = Ok(());
        let archive: &dyn Archive = self.archive;
        let read = self.pages.each(self.asked, archive, needs, |mut rows: Rows| {
            text.clear();
            shown.for_each(&mut rows, |row, _| match is_csv {
                true => columns.write_row(&mut text, row),
                false => shown.write_json(&mut text, row),
            });
            written = out.write_all(&text);
            if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        read.map_err(io::Error::other)?;
        written
    }

    fn parquet(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut segment = SegmentFile::create(path)?;
        let mut written = Ok(());
        self.pages.each(self.asked, self.archive, Needs::ALL, |rows| {
            let mut batches = rows.into_batches(SegmentFile::SLICE).into_iter();
            written = batches.try_for_each(|(batch, places)| segment.append(batch, &places));
            if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        written?;
        segment.finish(!self.pages.is_stopped)
    }

    fn ipfix(&mut self, folder: &Path) -> anyhow::Result<()> {
        let overrides = Overrides {
            ipfix_file: Some(folder.to_owned()),
            print_flows: Some(false),
            print_dns: Some(false),
            ..Overrides::default()
        };
        let config = config::load(None, &overrides)?;
        let (pages, asked, archive) = (&mut self.pages, self.asked, self.archive);
        let shown = PrintOptions::default();
        stored::ask(&config, Vec::new(), Context::Stored, &shown, |sink| {
            policy::stored(pages, asked, archive, sink)
        })
    }
}
