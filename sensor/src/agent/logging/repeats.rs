//! Messages that come again and again: after some, the rest of a minute's is counted and told in one line. What floods the log
//! hides what matters in it, and fills disks.
//!
//! Messages are the same if they come from the same place in the code with the same texts; numbers in fields may differ. From one
//! place, whatever it says, there is a limit as well: a thousand devices with the same trouble are a thousand texts.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sensor_core::sync::Unpoisoned as _;
use tracing::{
    Event, Level, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::layer::{Context, Layer};

/// What the limits are for.
const PERIOD: Duration = Duration::from_secs(60);
/// The same message so often.
const SAME: u64 = 10;
/// So many messages of one place in the code.
const OF_A_PLACE: u64 = 100;

/// The place, and the hash of the texts; none for all texts of the place.
type Key = (Identifier, Option<u64>);

/// Counts messages, and holds back what is too many. Clones share their counts.
#[derive(Clone, Default)]
pub struct Repeats(Arc<Mutex<HashMap<Key, Window>>>);

struct Window {
    began: Instant,
    said: u64,
    /// What was held back of it.
    held_back: u64,
    /// The last of what was held back.
    message: String,
}

impl Window {
    /// Whether `most` have been written in the minute of `now`, which may begin here.
    fn is_full(&mut self, most: u64, now: Instant) -> bool {
        // Until the end of a window has been told, it goes on.
        if now.duration_since(self.began) >= PERIOD && self.held_back == 0 {
            (self.began, self.said) = (now, 0);
        }
        self.said >= most
    }
}

impl Repeats {
    /// Whether an event of `place` with `texts` is to be written at `now`.
    fn admit(&self, place: &Identifier, texts: &Texts, now: Instant) -> bool {
        let mut windows = self.0.lock().unpoisoned();
        let of_place = (place.clone(), None);
        let of_text = (place.clone(), Some(texts.hasher.finish()));
        // What is too much for its place is not looked at any further, so that it takes no memory either.
        let full = [(&of_place, OF_A_PLACE), (&of_text, SAME)].into_iter().find(|(key, most)| {
            let begun = Window { began: now, said: 0, held_back: 0, message: String::new() };
            windows.entry((*key).clone()).or_insert(begun).is_full(*most, now)
        });
        if let Some(window) = full.and_then(|(key, _)| windows.get_mut(key)) {
            window.held_back += 1;
            window.message.clone_from(&texts.message);
            return false;
        }
        for key in [&of_place, &of_text] {
            windows.entry(key.clone()).and_modify(|window| window.said += 1);
        }
        true
    }

    /// Takes out the windows that `is_over` says so of; what they have held back.
    fn take(&self, is_over: impl Fn(&Window) -> bool) -> Vec<(String, u64)> {
        let mut windows = self.0.lock().unpoisoned();
        let ended = windows.extract_if(|_, window| is_over(window));
        let held_back = ended.filter(|(_, window)| window.held_back > 0);
        held_back.map(|(_, window)| (window.message, window.held_back)).collect()
    }

    /// Tells what was held back in windows that are over.
    pub fn tell_ended(&self) {
        let now = Instant::now();
        tell(self.take(|window| now.duration_since(window.began) >= PERIOD));
    }

    /// Tells what was held back.
    pub fn tell_all(&self) {
        tell(self.take(|_| true));
    }
}

fn tell(held_back: Vec<(String, u64)>) {
    for (message, held_back) in held_back {
        tracing::warn!(held_back, "similar messages were left out: {message}");
    }
}

/// A layer that gets what is not held back.
///
/// A filter of the layer would be its natural place, but one that refuses an event by what it says leaves the marks of
/// tracing-subscriber 0.3 behind, which its debug assertions forbid.
pub struct Limited<L> {
    inner: L,
    repeats: Repeats,
}

impl<L> Limited<L> {
    /// What `inner` writes, as far as `repeats` admits it.
    pub fn new(inner: L, repeats: Repeats) -> Self {
        Self { inner, repeats }
    }
}

impl<S: Subscriber, L: Layer<S>> Layer<S> for Limited<L> {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        // Whoever asks for more than `info` wants all of it.
        if *metadata.level() <= Level::INFO && metadata.module_path() != Some(module_path!()) {
            let mut texts = Texts::default();
            event.record(&mut texts);
            if !self.repeats.admit(&metadata.callsite(), &texts, Instant::now()) {
                return;
            }
        }
        self.inner.on_event(event, context);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.inner.on_new_span(attributes, id, context);
    }

    fn on_record(&self, span: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.inner.on_record(span, values, context);
    }
}

/// The texts of an event.
#[derive(Default)]
struct Texts {
    message: String,
    hasher: DefaultHasher,
}

impl Visit for Texts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }

    fn record_str(&mut self, field: &Field, text: &str) {
        (field.name(), text).hash(&mut self.hasher);
        if field.name() == "message" {
            text.clone_into(&mut self.message);
        }
    }

    fn record_u64(&mut self, _: &Field, _: u64) {}

    fn record_i64(&mut self, _: &Field, _: i64) {}

    fn record_f64(&mut self, _: &Field, _: f64) {}
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Lines {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut texts = Texts::default();
            event.record(&mut texts);
            self.0.lock().unwrap().push(texts.message);
        }
    }

    #[test]
    fn the_same_message_is_written_some_times_and_then_counted() {
        let (lines, repeats) = (Lines::default(), Repeats::default());
        let layer = Limited::new(lines.clone(), repeats.clone());
        let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let number = AtomicU64::new(0);
        let say = |device: &str| {
            let lost = number.fetch_add(1, Relaxed);
            tracing::warn!(device, lost, "datagrams lost");
        };
        (0..25).for_each(|_| say("a"));
        (0..3).for_each(|_| say("b"));
        (0..20).for_each(|_| tracing::debug!("in detail"));
        let taken = || std::mem::take(&mut *lines.0.lock().unwrap());
        let written = taken();
        assert_eq!(written.iter().filter(|line| *line == "datagrams lost").count(), 13);
        assert_eq!(written.iter().filter(|line| *line == "in detail").count(), 20);
        repeats.tell_ended();
        assert_eq!(taken(), [""; 0], "the minute is not over");
        repeats.tell_all();
        assert_eq!(taken(), ["similar messages were left out: datagrams lost"]);
        say("a");
        assert_eq!(taken(), ["datagrams lost"]);
    }

    #[test]
    fn one_place_cannot_flood_the_log_with_different_texts() {
        let (lines, repeats) = (Lines::default(), Repeats::default());
        let layer = Limited::new(lines.clone(), repeats.clone());
        let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        (0..1000).for_each(|device| tracing::info!("device {device} restarted"));
        assert_eq!(lines.0.lock().unwrap().len(), 100);
        assert_eq!(
            repeats.0.lock().unwrap().len(),
            1 + 100,
            "no more is kept of what is not written"
        );
        repeats.tell_all();
        assert_eq!(
            lines.0.lock().unwrap().last().unwrap(),
            "similar messages were left out: device 999 restarted"
        );
    }

    #[test]
    fn a_new_minute_begins_anew() {
        let repeats = Repeats::default();
        let place =
            tracing::callsite!(name: "x", kind: tracing::metadata::Kind::EVENT, fields: message);
        let place = tracing::callsite::Callsite::metadata(place).callsite();
        let texts = Texts::default();
        let now = Instant::now();
        let admitted = |at| (0..20).filter(|_| repeats.admit(&place, &texts, at)).count();
        assert_eq!((admitted(now), admitted(now + PERIOD)), (10, 0), "the end was not told");
        assert_eq!(repeats.take(|_| true).len(), 1);
        assert_eq!(admitted(now + PERIOD), 10);
    }
}
