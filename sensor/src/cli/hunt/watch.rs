//! Work that takes a while: a line of progress on a terminal, and Ctrl-C, which ends the work and keeps what was found.

use std::time::{Duration, Instant};

use sensor_core::hunt::Progress;
use tokio::{runtime, signal, sync::oneshot, time};

use crate::{agent::progress, export::log::line::octets, stdio};

/// How often the line changes.
const PACE: Duration = Duration::from_millis(200);
/// Work that is done sooner needs no line.
const SOON: Duration = Duration::from_secs(1);

/// Does `work`, which `cancel` ends soon; `line` says how far it is. `printed`: something goes to standard output meanwhile.
/// A second Ctrl-C ends the program as it would have without all this.
///
/// # Errors
/// When the kernel refuses a thread or a handler.
#[expect(clippy::disallowed_methods, reason = "edge: the clock of a line of progress")]
pub fn watched<T>(
    printed: bool,
    line: impl Fn(Duration) -> Option<String> + Send,
    cancel: impl Fn() + Send,
    work: impl FnOnce() -> T,
) -> anyhow::Result<T> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (end, mut ended) = oneshot::channel::<()>();
    let wanted = progress::is_wanted(printed);
    let interrupts = {
        let _inside = runtime.enter();
        signal::unix::signal(signal::unix::SignalKind::interrupt())?
    };
    Ok(std::thread::scope(|scope| {
        scope.spawn(move || {
            let (mut interrupts, mut is_cancelled) = (interrupts, false);
            let begun = Instant::now();
            let mut shown = false;
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = &mut ended => break,
                        _ = interrupts.recv() => {
                            if is_cancelled {
                                std::process::exit(130);
                            }
                            is_cancelled = true;
                            cancel();
                        }
                        () = time::sleep(PACE) => {}
                    }
                    let elapsed = begun.elapsed();
                    if wanted
                        && elapsed >= SOON
                        && let Some(line) = line(elapsed)
                    {
                        shown = true;
                        stdio::progress(format_args!("\r\x1b[K{line}"));
                    }
                }
            });
            if shown {
                stdio::progress("\r\x1b[K");
            }
        });
        let done = work();
        // It is there until it has heard this.
        let _ = end.send(());
        done
    }))
}

/// `42 %, 21.0 M of 50.0 M records, 12.3 k matched, 74.0 M records/s, 00:01 left`.
pub fn line(progress: &Progress, elapsed: Duration) -> Option<String> {
    use std::sync::atomic::Ordering::Relaxed;
    let (all, done) = (progress.rows.load(Relaxed), progress.rows_done.load(Relaxed));
    let matched = progress.matched.load(Relaxed);
    (all > 0).then(|| text(all, done, matched, elapsed.as_secs_f64()))
}

fn text(all: u64, done: u64, matched: u64, seconds: f64) -> String {
    let part = (done as f64 / all as f64).min(1.0);
    let rate = (done as f64 / seconds.max(1e-3)) as u64;
    let left = if part > 0.0 { (seconds * (1.0 - part) / part).ceil() as u64 } else { 0 };
    format!(
        "{:.0} %, {} of {} records, {} matched, {} records/s, {:02}:{:02} left",
        part * 100.0,
        octets(done),
        octets(all),
        octets(matched),
        octets(rate),
        left / 60,
        left % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_part_rate_and_time_left() {
        assert_eq!(
            text(50_000_000, 12_500_000, 12_300, 5.0),
            "25 %, 12.5 M of 50.0 M records, 12.3 k matched, 2.50 M records/s, 00:15 left"
        );
        assert!(text(10, 0, 0, 0.0).ends_with(" 00:00 left"));
        assert_eq!(line(&Progress::default(), SOON), None);
    }

    #[test]
    fn work_is_done_and_its_result_handed_on() {
        let done = watched(true, |_| None, || {}, || 7).unwrap();
        assert_eq!(done, 7);
    }
}
