//! The agent's own log, on stderr.

use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;

use super::config::LogLevel;
use crate::stdio;

/// Starts logging what is at least as important as `level`. Libraries are heard from `warn` on only, unless `level` is
/// more than `debug`; where only what is wrong is told, from `warn` on. The environment variable `SENSOR_LOG` (directives of tracing's `EnvFilter`) wins over both.
pub fn start(level: LogLevel) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(level))
        .with_writer(|| stdio::Log)
        .with_ansi(stdio::error_has_color())
        // What cannot be logged would be told by a macro that panics.
        .log_internal_errors(false)
        .with_target(false)
        .with_filter_reloading();
    let handle = builder.reload_handle();
    // Both fail only when a log has been started before, as tests do.
    let _ = SET_FILTER.set(Box::new(move |filter| {
        let _ = handle.reload(filter);
    }));
    let _ = builder.try_init();
}

type SetFilter = Box<dyn Fn(EnvFilter) + Send + Sync>;

/// Changes what is shown, once a log has been started.
static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

/// From here on logs what is at least as important as `level`, as [`start`] says.
pub fn set_level(level: LogLevel) {
    if let Some(set) = SET_FILTER.get() {
        set(filter(level));
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
