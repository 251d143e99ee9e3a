//! The live agent: from loading the programs to the last summary.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    config::{Config, InterfacePattern},
    drain::{self, Drained},
    links::Attachments,
    outputs::{Outputs, Patience},
    replay::cache_options,
    summary::{self, Records},
};
use crate::{
    kernel::{
        self, Loaded,
        attach::IngressWish,
        error::KernelError,
        links::{AUTO, LinkEvent, LinkPatterns},
        watch::LinkWatch,
    },
    nql::Filter,
};

/// How long outputs may take for what waits at the end.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// How often it is looked at whether anybody still wants the output.
const READER_CHECK: Duration = Duration::from_millis(500);

/// Changes of interfaces that may wait.
const LINK_EVENTS: usize = 64;

/// Runs until SIGINT, SIGTERM or the end of `duration`. Only flows that fulfil `filter` are put out.
///
/// # Errors
/// What keeps it from starting, a kernel that refuses to go on, or a ledger that does not balance.
pub fn run(
    config: &Config,
    filter: Option<&Filter>,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let watch = {
        let _inside = runtime.enter();
        LinkWatch::new(LinkPatterns::new(config.capture.interfaces.iter().map(pattern))?)?
    };
    let options = kernel::Options {
        memory: config.capture.kernel_memory,
        guarded: true,
        ..kernel::Options::default()
    };
    let Loaded { programs, drain, log } = kernel::load(options)?;
    eprintln!("kernel tables: {}", drain.budget());
    let outputs = Arc::new(Outputs::start(config, filter, Patience::Never)?);
    let wish = if config.capture.generic_xdp { IngressWish::GenericXdp } else { IngressWish::Best };
    let mut attachments = Attachments::new(programs, wish, watch.selection(), outputs.clone())?;
    if watch.selection().links().next().is_none() {
        eprintln!("no interface matches yet; those that appear will be watched");
    }

    let (stop, stopped) = mpsc::channel();
    let thread = {
        let cache = cache_options(&config.flow);
        let interval = config.capture.interval;
        let outputs = outputs.clone();
        // A seed that senders of packets cannot know.
        let seed = RandomState::new().hash_one(std::process::id());
        std::thread::Builder::new()
            .name("drain".to_owned())
            .spawn(move || drain::run(drain, log, cache, seed, interval, &outputs, &stopped))
            .context("cannot start the drain thread")?
    };
    let end = runtime.block_on(follow(watch, &mut attachments, &outputs, &thread, duration));

    // First the programs, so that the last drain finds everything that was seen.
    attachments.detach();
    drop(stop);
    let drained = thread.join().map_err(|_| anyhow::anyhow!("the drain thread panicked"))?;
    drop(attachments);
    let silent = outputs.is_pointless();
    let Some(outputs) = Arc::into_inner(outputs) else { bail!("an output is still in use") };
    let held_back = outputs.held_back();
    let accounts = outputs.finish(FLUSH_DEADLINE);
    let Drained { totals, evicted } = drained?;
    end?;
    if !silent {
        let records = Records { evicted, held_back, outputs: &accounts };
        eprint!("{}", summary::live(&totals, &records));
    }
    if totals.out_of_balance > 0 {
        bail!(
            "the ledger was out of balance in {} of {} drains",
            totals.out_of_balance,
            totals.epochs
        );
    }
    Ok(())
}

fn pattern(pattern: &InterfacePattern) -> &str {
    match pattern {
        InterfacePattern::Auto => AUTO,
        InterfacePattern::Name(name) => name,
        InterfacePattern::Glob(glob) => glob.glob(),
    }
}

/// Follows the interfaces until it is time to stop.
async fn follow(
    watch: LinkWatch,
    attachments: &mut Attachments,
    outputs: &Outputs,
    drain: &JoinHandle<Result<Drained, KernelError>>,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (events, mut changes) = tokio::sync::mpsc::channel::<LinkEvent>(LINK_EVENTS);
    let watching = watch.run(events);
    tokio::pin!(watching);
    let over = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    let mut check = tokio::time::interval(READER_CHECK);
    let mut watch_failed = false;
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            () = &mut over => return Ok(()),
            Some(event) = changes.recv() => attachments.follow(event),
            result = &mut watching, if !watch_failed => {
                watch_failed = true;
                if let Err(error) = result {
                    tracing::error!("{error}; new interfaces are not noticed any more");
                }
            }
            _ = check.tick() => {
                if outputs.is_pointless() || drain.is_finished() {
                    return Ok(());
                }
            }
        }
    }
}
