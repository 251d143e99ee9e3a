//! A question with all that is needed to answer it: where the flows are, what is known of addresses, how many threads.

use std::{
    borrow::Cow,
    num::NonZero,
    ops::ControlFlow,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use sensor_core::{
    diagnostic::Findings,
    enrich::{
        active::ActiveContext,
        context::{Context, Limits},
    },
    flow::{batch::FlowBatch, interfaces::Interfaces},
    hunt::{self, Account, Answer, Labels, Options, Progress, Question},
};
use sensor_store::{
    archive::{Stored, is_segment},
    folder::Folder,
};

use super::{
    args::{HuntArgs, LabelsArg},
    hit,
    question::Wanted,
    range::Range,
    rows::Shown,
    watch,
};
use crate::{
    agent::{
        config::{self, Config, overrides::Overrides},
        inspect,
        mode::Mode,
        records,
    },
    cli::{content::Content, exit::Failure, nql, store::folder::folder},
};

/// A question, ready to be answered.
pub struct Asked {
    /// What is wanted.
    pub wanted: Wanted,
    /// Of which time.
    pub range: Range,
    /// The question.
    pub question: Question,
    /// How it is answered.
    pub options: Options,
    /// Where the flows are.
    pub source: Source,
    config: Config,
}

/// Where flows are.
pub enum Source {
    /// In a store, or in some of its files.
    Stored(Stored),
    /// In files of others.
    Files,
}

/// The question, and what its author should look at.
pub struct Asking {
    /// The question.
    pub asked: Asked,
    /// Warnings about the query.
    pub warnings: Findings,
}

/// An answer, and what it cost.
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// What was read.
    pub account: Account,
    /// How long it took.
    pub elapsed: Duration,
    /// Why a file of others was not read to its end.
    pub fault: Option<String>,
}

impl Asked {
    /// What the flags say, if it is `now` now.
    ///
    /// # Errors
    /// Whatever is wrong with them, the configuration or the store.
    pub fn read(args: &HuntArgs, now: u64) -> anyhow::Result<Asking> {
        let mut range = Range::of(&args.range, now)?;
        let overrides = Overrides { lists: args.list.clone(), ..Overrides::default() };
        let config = config::load(args.source.config.as_deref(), &overrides)?;
        let lists = config.lists.read()?;
        let query = match &args.hit {
            None => Cow::Borrowed(args.query.as_str()),
            Some(id) => {
                // Faults of what was typed are shown by themselves.
                nql::judged(&args.query, &lists)?;
                let hit = hit::find(&folder(args.source.store.as_ref(), &config)?, id)?;
                range = range.within(hit.stored.flows.from, hit.stored.flows.to)?;
                Cow::Owned(hit.query(&args.query))
            }
        };
        let (filter, mut warnings) = nql::judged(&query, &lists)?;
        let mut others = Vec::with_capacity(args.sums.also.len());
        for also in &args.sums.also {
            let (filter, more) = nql::judged(also, &lists)?;
            warnings.extend(more);
            others.push(filter.typed);
        }
        let wanted = Wanted::of(args, &range)?;
        let source = source(args, &config)?;
        let labels = labels(args, &config, matches!(source, Source::Files))?;
        let options = Options {
            threads: args.threads.unwrap_or_else(threads),
            labels,
            interfaces: Arc::new(Interfaces::default()),
        };
        let question = wanted.question(filter.typed, others, &range);
        let asked = Self { wanted, range, question, options, source, config };
        Ok(Asking { asked, warnings })
    }

    /// Whether the flows are in files of others.
    pub fn is_foreign(&self) -> bool {
        matches!(self.source, Source::Files)
    }

    /// How flows are shown.
    pub fn shown(&self, args: &HuntArgs) -> Shown {
        let interfaces = self.options.interfaces.clone();
        Shown { fields: args.rows.fields.clone(), zone: self.range.zone, interfaces }
    }

    /// Answers it; Ctrl-C ends it early.
    ///
    /// # Errors
    /// The first file of others that cannot be read to its end.
    #[expect(clippy::disallowed_methods, reason = "edge: how long it takes is told")]
    pub fn answer(&self, args: &HuntArgs) -> anyhow::Result<Answered> {
        let progress = Progress::default();
        let begun = Instant::now();
        let (answer, fault) = match &self.source {
            Source::Stored(stored) => {
                let answer = watch::watched(
                    false,
                    |elapsed| watch::line(&progress, elapsed),
                    || progress.cancel(),
                    || hunt::run(&self.question, stored, &self.options, &progress),
                )?;
                (answer, None)
            }
            Source::Files => {
                let read = || self.read_files(args, &progress);
                watch::watched(false, |_| None, || progress.cancel(), read)?
            }
        };
        let account = progress.account();
        let fault = match fault {
            // Of a file that cannot even be opened there is nothing to tell.
            Some(error) if account.rows == 0 => return Err(error),
            fault => fault.map(|error| format!("{error:#}")),
        };
        Ok(Answered { answer, account, elapsed: begun.elapsed(), fault })
    }

    fn read_files(&self, args: &HuntArgs, progress: &Progress) -> (Answer, Option<anyhow::Error>) {
        let mut stream = hunt::Stream::new(&self.question, &self.options, progress);
        let read = self.read_batches(args, |batch| {
            stream.offer(batch);
            match progress.is_cancelled() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        (stream.finish(), read.err())
    }

    /// Reads the files of others; `each` gets their flows, and may end it.
    ///
    /// # Errors
    /// The first that cannot be read to its end.
    pub fn read_batches(
        &self,
        args: &HuntArgs,
        each: impl FnMut(FlowBatch) -> ControlFlow<()>,
    ) -> anyhow::Result<()> {
        records::read(&args.source.file, &self.config, reading(args, &self.config)?, each)
    }
}

/// How files of others are read.
///
/// # Errors
/// Something is said of them that they do not have.
fn reading(args: &HuntArgs, config: &Config) -> anyhow::Result<records::Reading> {
    let source = &args.source;
    let cloud = source.cloud.input(source.content, &source.file, &config.context)?;
    let exports = match source.content {
        Some(Content::Exports) => Some(true),
        Some(_) => Some(false),
        None => None,
    };
    let out_counters = source.out_counters.map(Into::into);
    Ok(records::Reading { cloud, exports, out_counters })
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn labels(args: &HuntArgs, config: &Config, is_foreign: bool) -> anyhow::Result<Labels> {
    match (args.labels, &args.source.config) {
        (Some(LabelsArg::Then), _) => return Ok(Labels::Then),
        (Some(LabelsArg::Now), None) => {
            let fault = "--labels now looks addresses up in the files of a configuration: name it with --config";
            return Err(Failure::usage(fault).into());
        }
        // Nobody has stored anything with the flows of other files: without a configuration, what is built in is known of addresses.
        (None, _) if is_foreign => {}
        (None, Some(_)) if !args.source.file.is_empty() => {}
        (Some(LabelsArg::Now), Some(_)) => {}
        (None, _) => return Ok(Labels::Then),
    }
    let sources = inspect::context(config, Mode::Files)?;
    let context = Context::new(sources, config.context.precedence, Limits::default());
    Ok(Labels::Now(Arc::new(ActiveContext::new(context))))
}

fn source(args: &HuntArgs, config: &Config) -> anyhow::Result<Source> {
    let files = &args.source.file;
    if files.is_empty() {
        let path = folder(args.source.store.as_ref(), config)?;
        return Ok(Source::Stored(Stored::open(&path)?));
    }
    let is_store = |path: &&PathBuf| {
        path.is_dir() && Folder::new(path).segments().is_ok_and(|segments| !segments.is_empty())
    };
    if let Some(folder) = files.iter().find(is_store) {
        let fault = format!("{} is a flow store: name it with --store", folder.display());
        return Err(Failure::usage(fault).into());
    }
    let are_segments: Vec<&PathBuf> = files.iter().filter(|path| is_segment(path)).collect();
    if are_segments.len() == files.len() {
        return Ok(Source::Stored(Stored::of_files(files)?));
    }
    if let Some(segment) = are_segments.first() {
        let fault = format!(
            "{} is a segment of a flow store, and other files are none: ask about one kind of files at a time",
            segment.display()
        );
        return Err(Failure::usage(fault).into());
    }
    Ok(Source::Files)
}
