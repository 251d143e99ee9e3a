//! The agent's own log: lines on stderr, for people or for programs, or entries of systemd's journal with a field for each value.
//!
//! * [`mod@format`]: which of them. `journal` and `entry`: the entries; `way`: how they get there, or to stderr where there is no journal.
//!   `repeats`: a message that comes again and again is counted instead.
//!
//! In the formats for programs, what the agent says beside its log (its summary, faults of files) is an entry as well: stderr
//! has nothing else.

pub mod format;

mod entry;
mod journal;
mod repeats;
#[expect(clippy::disallowed_types, reason = "edge: the journal's socket")]
mod way;

use std::{
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    time::Instant,
};

use sensor_core::sync::Unpoisoned as _;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

use self::{
    format::LogFormat,
    journal::Journal,
    repeats::{Limited, Repeats},
    way::Way,
};
use super::config::LogLevel;
use crate::{
    journal as native,
    stdio::{self, Urgency},
};

/// Changes what is shown, once a log has been started.
static SET_FILTER: OnceLock<Box<dyn Fn(EnvFilter) + Send + Sync>> = OnceLock::new();

/// What is held back, once a log has been started.
static REPEATS: OnceLock<Repeats> = OnceLock::new();

/// The way to the journal, where the log goes there.
static WAY: OnceLock<Arc<Mutex<Way>>> = OnceLock::new();

/// Starts logging what is at least as important as `level`. Libraries are heard from `warn` on only, unless `level` is
/// more than `debug`; where only what is wrong is told, from `warn` on. The environment variable `SENSOR_LOG` (directives of tracing's `EnvFilter`) wins over both.
pub fn start(level: LogLevel, format: LogFormat) {
    let (filter, handle) = reload::Layer::new(filter(level));
    let repeats = Repeats::default();
    let layer = Limited::new(sink(format), repeats.clone()).with_filter(filter);
    // It fails only when a log has been started before, as tests do.
    if tracing_subscriber::registry().with(layer).try_init().is_ok() {
        let set = move |filter| drop(handle.reload(filter));
        let _ = SET_FILTER.set(Box::new(set));
        let _ = REPEATS.set(repeats);
        if format != LogFormat::Text {
            stdio::hand_over(log);
        }
    }
}

fn sink(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    match format {
        LogFormat::Text => text(|| stdio::Log),
        LogFormat::Json => {
            // What cannot be logged would be told by a macro that panics.
            let lines = fmt::layer().with_writer(|| stdio::Log).log_internal_errors(false).json();
            lines.flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
        LogFormat::Journal => {
            let aside = |line: &[u8]| drop(stdio::Log.write_all(line));
            let way = Way::new(Path::new(native::SOCKET), Box::new(aside));
            let way = WAY.get_or_init(|| Arc::new(Mutex::new(way)));
            Journal::new(way.clone(), text, Instant::now).boxed()
        }
    }
}

/// Lines for people.
fn text<W>(writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'w> fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    lines.with_ansi(stdio::error_has_color()).with_target(false).boxed()
}

/// What is said beside the log.
fn log(urgency: Urgency, text: &str) {
    match urgency {
        Urgency::Note => tracing::info!("{text}"),
        Urgency::Warning => tracing::warn!("{text}"),
        Urgency::Failure => tracing::error!("{text}"),
    }
}

/// From here on logs what is at least as important as `level`, as [`start`] says.
pub fn set_level(level: LogLevel) {
    if let Some(set) = SET_FILTER.get() {
        set(filter(level));
    }
}

/// Tells of messages that were held back, once their time is over, and sends what waits for the journal. To be called every now
/// and then.
pub fn tick() {
    if let Some(repeats) = REPEATS.get() {
        repeats.tell_ended();
    }
    if let Some(way) = WAY.get() {
        way.lock().unpoisoned().tick(Instant::now());
    }
}

/// Tells of messages that were held back, and waits for the journal no longer. To be called at the end.
pub fn finish() {
    if let Some(repeats) = REPEATS.get() {
        repeats.tell_all();
    }
    if let Some(way) = WAY.get() {
        way.lock().unpoisoned().finish(Instant::now());
    }
}

fn filter(level: LogLevel) -> EnvFilter {
    let level = if stdio::is_quiet() { level.min(LogLevel::Warn) } else { level };
    let directives = match level {
        LogLevel::Trace => "trace".to_owned(),
        LogLevel::Error => "error".to_owned(),
        level => format!("warn,sensor={0},sensor_ebpf={0}", level.name()),
    };
    EnvFilter::try_from_env("SENSOR_LOG").unwrap_or_else(|_| EnvFilter::new(directives))
}
