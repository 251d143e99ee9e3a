//! The loop of one exporting process: connect, announce, send what waits, report, reconnect, stop.
//!
//! Every record moves through the account exactly once: a message that was sent settles its records as sent, one
//! that failed settles them as not sent; those of a batch that were not encoded yet go on in the next session.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, Mutex},
    time::Duration,
};

use sensor_core::{flow::batch::FlowBatch, policy::alert::Alert, sync::Unpoisoned as _};
use sensor_wire::ipfix::{
    encode::{Encoder, EncoderOptions, Position, Progress},
    options::{Interface, Statistics},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    connect::Connector,
    error::ExportError,
    hits,
    in_flight::{InFlight, Sum},
    metering::MeteringProcess,
    options::{Destination, ExportTime, IpfixOptions},
    session::Session,
    status::Status,
};
use crate::{
    clock,
    export::{
        account::Account,
        net::{backoff::Backoff, connect::PROBATION, error::NetError},
        queue::Queue,
        sink::IpfixTuning,
    },
};

/// Why a session ended without a fault.
enum Ending {
    /// All is sent, after a stop.
    Stopped,
    /// Another session should follow.
    Complete,
    /// Another session should follow, since the way to the collector has changed.
    Moved,
}

/// An exporting process. It owns all that its thread works with.
pub struct Process {
    name: String,
    connector: Connector,
    encoder_options: EncoderOptions,
    options: IpfixOptions,
    queue: Arc<Queue>,
    hits: Option<Arc<Queue<Alert>>>,
    status: Arc<Mutex<Status>>,
    metering: Arc<MeteringProcess>,
    interfaces: watch::Receiver<Arc<[Interface]>>,
    tuning: watch::Receiver<IpfixTuning>,
    stop: watch::Receiver<Option<Instant>>,
    /// How far the head of the queue is encoded.
    position: Position,
    /// The latest end of a flow so far.
    flow_end: u64,
    in_flight: InFlight,
    report_at: Instant,
    outage_since: Option<Instant>,
}

impl Process {
    /// A process that has not begun yet.
    pub fn new(
        destination: Destination,
        options: IpfixOptions,
        (queue, hits): (Arc<Queue>, Option<Arc<Queue<Alert>>>),
        status: Arc<Mutex<Status>>,
        metering: &Arc<MeteringProcess>,
        (tuning, stop): (watch::Receiver<IpfixTuning>, watch::Receiver<Option<Instant>>),
    ) -> Result<Self, ExportError> {
        Ok(Self {
            name: destination.to_string(),
            encoder_options: EncoderOptions {
                message_size: options.message_size.min(destination.message_limit()),
                observation_domain: options.observation_domain,
                refresh: destination.template_refresh(),
                hits: options.hits.map(|hits| hits.enterprise),
            },
            connector: Connector::new(destination)?,
            options,
            queue,
            hits,
            status,
            interfaces: metering.interfaces(),
            metering: Arc::clone(metering),
            tuning,
            stop,
            position: Position::default(),
            flow_end: 0,
            in_flight: InFlight::default(),
            report_at: Instant::now() + options.statistics_interval,
            outage_since: None,
        })
    }

    /// Exports until it is stopped, and no longer than the stop's deadline.
    pub async fn run(mut self) {
        let (mut stop, queue, hits) =
            (self.stop.clone(), Arc::clone(&self.queue), self.hits.clone());
        let deadline = async move {
            let asked = stop.wait_for(Option::is_some).await.map(|deadline| *deadline);
            // An error means that the sink is gone: nobody waits for us.
            sleep_until(asked.ok().flatten().unwrap_or_else(Instant::now)).await;
        };
        tokio::select! {
            () = self.sessions() => {}
            () = deadline => tracing::warn!(collector = %self.name, "not all was sent before the deadline"),
        }
        queue.abandon(clock::now());
        if let Some(hits) = hits {
            hits.abandon(clock::now());
        }
    }

    async fn sessions(&mut self) {
        let mut backoff = Backoff::new();
        loop {
            // A stop that comes during an outage leaves one more attempt.
            let last_attempt = self.is_stopped();
            match self.session().await {
                Ok(Ending::Stopped) => return,
                Ok(Ending::Complete) => continue,
                Ok(Ending::Moved) => {
                    self.connector.stay();
                    continue;
                }
                Err(error) => {
                    if self.outage_since.is_none() {
                        backoff = Backoff::new();
                    }
                    self.outage(&error);
                }
            }
            if last_attempt {
                return;
            }
            let wait = backoff.wait(RandomState::new().build_hasher().finish());
            tokio::select! {
                () = sleep(wait) => {}
                _ = self.stop.changed() => {}
            }
        }
    }

    async fn session(&mut self) -> Result<Ending, ExportError> {
        if self.options.export_time == ExportTime::FlowEnd && !self.wait_for_flows().await {
            return Ok(Ending::Stopped);
        }
        let mut session = self.connector.connect(self.now()).await?;
        let deleted = session.take_deleted();
        if deleted.files > 0 {
            self.queue.settle(|account| account.deleted.add(deleted));
        }
        let mut encoder = Encoder::new(self.encoder_options);
        self.tune(&mut encoder);
        self.in_flight = InFlight::default();
        let ending = match self.establish(&mut encoder, &mut session).await {
            Ok(()) => self.serve(&mut encoder, &mut session).await,
            Err(error) => Err(error),
        };
        let ending = match ending {
            Ok(ending) => session.close().await.map(|()| ending),
            error => error,
        };
        if let Err(error) = &ending {
            self.settle_lost(&encoder, &session, error);
        }
        ending
    }

    /// Waits for the first batch, by which the session is dated; false when the process is stopped before.
    async fn wait_for_flows(&mut self) -> bool {
        loop {
            // Asked first: a batch may come just before the end.
            let stopped = self.is_stopped();
            if let Some(batch) = self.queue.head() {
                self.note_flow_end(&batch);
                return true;
            }
            if stopped {
                return false;
            }
            tokio::select! {
                () = self.queue.filled() => {}
                _ = self.stop.changed() => {}
            }
        }
    }

    /// Announces templates and finds out whether the destination takes them.
    async fn establish(
        &mut self,
        encoder: &mut Encoder,
        session: &mut Session,
    ) -> Result<(), ExportError> {
        self.announce(encoder, session).await?;
        session.check()?;
        // On a full disk there is often room for templates, and none for flows: a file has to take some first.
        if self.outage_since.is_some() && !matches!(session, Session::File(_)) {
            if let Ok(error) = timeout(PROBATION, session.lost()).await {
                return Err(error);
            }
            self.end_outage();
        }
        self.note_status(|status| status.connected = true);
        Ok(())
    }

    async fn serve(
        &mut self,
        encoder: &mut Encoder,
        session: &mut Session,
    ) -> Result<Ending, ExportError> {
        let by_clock = self.options.export_time == ExportTime::Clock;
        loop {
            if self.tuning.has_changed().unwrap_or(false) {
                self.tune(encoder);
            }
            if session.is_complete(self.now()) {
                self.send(encoder, session).await?;
                return Ok(Ending::Complete);
            }
            // Between two messages: what is in one goes out in this session.
            if encoder.pending().flows == 0
                && encoder.pending_hits() == 0
                && let Some(change) = session.look()?
            {
                tracing::info!(collector = %self.name, "{change}");
                return Ok(Ending::Moved);
            }
            if by_clock && Instant::now() >= self.report_at {
                self.report(encoder, session).await?;
            }
            // Asked first, as above.
            let stopped = self.is_stopped();
            if let Some(batch) = self.queue.head() {
                self.advance(&batch, encoder, session).await?;
                continue;
            }
            // At the flows' own time, hits come last, so that the same flows give the same octets.
            if (by_clock || stopped) && self.advance_hits(encoder, session).await? {
                continue;
            }
            if by_clock {
                self.send(encoder, session).await?;
            }
            if stopped {
                self.report(encoder, session).await?;
                return Ok(Ending::Stopped);
            }
            let until_end = session.ends_at().filter(|_| by_clock);
            let until_end =
                until_end.map(|at| Duration::from_millis(at.saturating_sub(self.now())));
            let until_end = until_end.map(|wait| Instant::now() + wait);
            let wake = [until_end, session.look_at()].into_iter().flatten();
            let wake = wake.fold(self.report_at, Instant::min);
            tokio::select! {
                () = self.queue.filled() => {}
                () = filled(self.hits.as_deref()), if by_clock => {}
                error = session.lost() => return Err(error),
                () = sleep_until(wake), if by_clock => {}
                _ = self.stop.changed() => {}
                // What it says is taken up above; it has not been seen before that.
                Ok(()) = self.tuning.changed() => self.tuning.mark_changed(),
                // An error means that the metering process is gone; it is not, we hold it.
                Ok(()) = self.interfaces.changed() => self.announce(encoder, session).await?,
            }
        }
    }

    /// Goes on as it was last told to.
    fn tune(&mut self, encoder: &mut Encoder) {
        let IpfixTuning { statistics_interval, refresh } = *self.tuning.borrow_and_update();
        if statistics_interval != self.options.statistics_interval {
            self.options.statistics_interval = statistics_interval;
            self.report_at = Instant::now() + statistics_interval;
        }
        self.encoder_options.refresh = refresh;
        encoder.set_refresh(refresh);
    }

    /// Sends what is under way, then templates and interface names as far as they are new or due again.
    async fn announce(
        &mut self,
        encoder: &mut Encoder,
        session: &mut Session,
    ) -> Result<(), ExportError> {
        self.send(encoder, session).await?;
        encoder.set_interfaces(&self.interfaces.borrow_and_update());
        while encoder.announce(self.now()) == Progress::MessageFull {
            self.send(encoder, session).await?;
        }
        self.send(encoder, session).await
    }

    /// Encodes on in the head of the queue, up to the end of a message or of the batch.
    async fn advance(
        &mut self,
        batch: &FlowBatch,
        encoder: &mut Encoder,
        session: &mut Session,
    ) -> Result<(), ExportError> {
        if self.position == Position::default() {
            if self.options.export_time == ExportTime::FlowEnd {
                self.note_flow_end(batch);
            }
            session.check()?;
        }
        let now = self.now();
        match encoder.append(batch, &mut self.position, now) {
            Progress::MessageFull => self.send(encoder, session).await,
            Progress::Done => {
                self.queue.pop();
                self.position = Position::default();
                Ok(())
            }
        }
    }

    /// Encodes the next hit, or makes room for it; false when there is none.
    async fn advance_hits(
        &mut self,
        encoder: &mut Encoder,
        session: &mut Session,
    ) -> Result<bool, ExportError> {
        let Some(hits) = &self.hits else { return Ok(false) };
        let Some(event) = hits.head() else { return Ok(false) };
        match encoder.append_hit(&hits::record(&event), self.now()) {
            Progress::MessageFull => self.send(encoder, session).await?,
            Progress::Done => hits.pop(),
        }
        Ok(true)
    }

    /// Sends the message under way, if there is one.
    async fn send(
        &mut self,
        encoder: &mut Encoder,
        session: &mut Session,
    ) -> Result<(), ExportError> {
        let Some(message) = encoder.finish(self.now()) else { return Ok(()) };
        let (totals, hits, octets) = (message.totals, message.hits, message.bytes.len());
        let sent = session.send(message.bytes).await;
        encoder.next_message();
        match &sent {
            Ok(()) => {
                let end = session.written();
                let sum = Sum { messages: 1, octets: octets as u64, records: totals, hits };
                self.in_flight.push(sum, end, || session.arrived());
                self.queue.settle(|account| account.send(totals, octets));
                self.settle_hits(hits, |account| account.send(hits, octets));
                if totals.flows > 0 || hits > 0 {
                    self.end_outage();
                }
            }
            Err(_) => {
                self.queue.settle(|account| account.lose(totals, clock::now()));
                self.settle_hits(hits, |account| account.lose(hits, clock::now()));
            }
        }
        sent
    }

    /// Sends the sensor's statistics about itself.
    async fn report(
        &mut self,
        encoder: &mut Encoder,
        session: &mut Session,
    ) -> Result<(), ExportError> {
        self.announce(encoder, session).await?;
        self.report_at = Instant::now() + self.options.statistics_interval;
        let account = self.queue.account();
        encoder.append_statistics(&Statistics {
            observation_domain: self.options.observation_domain,
            process: self.options.process,
            exported_octets: account.message_octets,
            exported_messages: account.messages,
            exported_flows: account.sent.flows,
            ignored: self.metering.ignored(),
            not_sent: account.not_sent,
        });
        self.send(encoder, session).await
    }

    /// Counts what a broken session takes with it: the message under way, and what has not arrived.
    fn settle_lost(&mut self, encoder: &Encoder, session: &Session, error: &ExportError) {
        let arrived = match (session, error) {
            (Session::Udp(_), ExportError::Net(NetError::Refused))
            | (Session::Tcp(_) | Session::Tls(_), _) => session.arrived(),
            _ => session.written(),
        };
        let (pending, lost, now) =
            (encoder.pending(), self.in_flight.take_lost(arrived), clock::now());
        self.queue.settle(|account| {
            account.lose(pending, now);
            account.take_back(lost.records, lost.messages, lost.octets, now);
        });
        let pending = encoder.pending_hits();
        self.settle_hits(pending + lost.hits, |account| {
            account.lose(pending, now);
            account.take_back(lost.hits, 0, 0, now);
        });
    }

    /// Changes the account of hits, where `count` of them are concerned.
    fn settle_hits(&self, count: u64, change: impl FnOnce(&mut Account<u64>)) {
        if let Some(hits) = self.hits.as_ref().filter(|_| count > 0) {
            hits.settle(change);
        }
    }

    /// Notes that the destination takes no messages, and says so once per outage.
    fn outage(&mut self, error: &ExportError) {
        if self.outage_since.is_none() {
            self.outage_since = Some(Instant::now());
            self.note_status(|status| status.outages += 1);
            tracing::warn!(
                collector = %self.name,
                %error,
                "not exporting; queueing up to {} records, retrying",
                self.queue.bound(),
            );
        }
        self.note_status(|status| {
            status.connected = false;
            status.error = Some(error.to_string());
        });
    }

    /// Notes that the destination takes messages again.
    fn end_outage(&mut self) {
        if let Some(since) = self.outage_since.take() {
            let seconds = since.elapsed().as_secs();
            tracing::info!(collector = %self.name, outage_seconds = seconds, "exporting again");
        }
    }

    /// Export time, in milliseconds since the epoch.
    fn now(&self) -> u64 {
        match self.options.export_time {
            ExportTime::Clock => clock::now(),
            ExportTime::FlowEnd => self.flow_end,
        }
    }

    fn note_flow_end(&mut self, batch: &FlowBatch) {
        let latest = batch.end.iter().copied().max().unwrap_or_default();
        self.flow_end = self.flow_end.max(latest);
    }

    fn note_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unpoisoned());
    }

    fn is_stopped(&self) -> bool {
        self.stop.borrow().is_some()
    }
}

/// Waits until there may be something in `queue`; forever, where there is no queue.
async fn filled(queue: Option<&Queue<Alert>>) {
    match queue {
        Some(queue) => queue.filled().await,
        None => std::future::pending().await,
    }
}
