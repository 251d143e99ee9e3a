//! One transport session's encoder: what was announced, how many records were sent, the message under way.
//!
//! The caller pulls finished messages and decides what to do between them, so that a slow transport is waited for
//! with nothing half done. Nothing is allocated after [`Encoder::new`], except for interface names, for hits, and for
//! batches of a shape that has not come before.

use std::collections::{BTreeMap, BTreeSet};

use sensor_core::flow::{
    batch::FlowBatch, point::Points, properties::PropertySets, totals::Totals,
};

use super::{
    MESSAGE_HEADER_LENGTH, OPTIONS_TEMPLATE_SET, SET_HEADER_LENGTH, TEMPLATE_SET,
    fields::FIELDS,
    hits::{self, HitRecord},
    message::MessageBuilder,
    options::{INTERFACE_NAMES, Interface, STATISTICS, Statistics},
    shared::{self, Told},
    template::{self, BLOCK, Chosen, RowClass, Shape},
    templates::{FlowTemplates, HOST_TEMPLATES},
};

/// Smallest message size that any template or record fits in.
pub const MINIMUM_MESSAGE_SIZE: u16 = 320;

/// When templates are announced anew within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateRefresh {
    /// Never: the transport is reliable.
    Never,
    /// After so many milliseconds or so many messages, whichever comes first (RFC 7011 section 8.4).
    Every {
        /// Milliseconds.
        milliseconds: u64,
        /// Messages.
        messages: u64,
    },
}

/// What an encoder must know.
#[derive(Clone, Copy, Debug)]
pub struct EncoderOptions {
    /// Octets of a message, header included; raised to [`MINIMUM_MESSAGE_SIZE`] when lower.
    pub message_size: u16,
    /// Observation domain identifier.
    pub observation_domain: u32,
    /// When to announce templates again.
    pub refresh: TemplateRefresh,
    /// The enterprise number under which hits are sent; `None` where there will be none.
    pub hits: Option<u32>,
}

/// The enterprise of elements that IANA does not have, where none is configured: that of examples (RFC 5612).
pub const ENTERPRISE: u32 = 32_473;

impl EncoderOptions {
    /// The enterprise of elements that IANA does not have.
    fn enterprise(&self) -> u32 {
        self.hits.unwrap_or(ENTERPRISE)
    }
}

/// A row from which on a batch is still to be encoded. The rows come by class, folded ones after all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    row: usize,
    class: RowClass,
    /// What is the same for the whole batch, once it is known.
    whole: Option<Whole>,
    /// The other end knows what the numbers in the batch stand for.
    knows_shared: bool,
}

/// Rows of one class in a row that are written as they lie, instead of together with others.
const LONG_RUN: usize = 8;

/// What is the same for a whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Whole {
    shape: Shape,
    /// What the classes of its rows are made of.
    classes: RowClass,
}

impl Whole {
    fn of(batch: &FlowBatch) -> Self {
        let shape = template::shape(batch);
        Self { shape, classes: RowClass::union(batch, shape) }
    }
}

impl Position {
    /// Moves on to the next row of the class under way, or to the next class; false at the end.
    fn seek(&mut self, batch: &FlowBatch) -> bool {
        let Whole { classes, .. } = self.whole(batch);
        loop {
            let rest = self.row..batch.len();
            let found = match classes {
                // One class: any row is of it.
                RowClass(0) => (self.class.0 == 0 && !rest.is_empty()).then_some(self.row),
                _ => rest.into_iter().find(|row| classes.of_row(batch, *row) == self.class),
            };
            if let Some(row) = found {
                self.row = row;
                return true;
            }
            let more = self.class.0 + 1..RowClass::COUNT;
            let Some(next) = more.into_iter().find(|class| class & !classes.0 == 0) else {
                return false;
            };
            *self = Self { row: 0, class: RowClass(next), ..*self };
        }
    }

    fn whole(&mut self, batch: &FlowBatch) -> Whole {
        *self.whole.get_or_insert_with(|| Whole::of(batch))
    }

    /// The shape of the rows of the class under way.
    fn shape(&mut self, batch: &FlowBatch) -> Shape {
        self.whole(batch).shape.of_class(self.class)
    }

    /// The next rows of the class under way, at most `limit`, of which the position is the first; moves behind them. Rows
    /// that lie apart are listed in `list`: a record alone costs several times what it costs among others.
    fn take<'a>(
        &mut self,
        batch: &FlowBatch,
        limit: usize,
        list: &'a mut [u32; BLOCK],
    ) -> Chosen<'a> {
        let first = self.row;
        let rest = first..batch.len();
        let classes = self.whole(batch).classes;
        let is_one_class = classes == RowClass(0);
        let is_of_class = |row: &usize| classes.of_row(batch, *row) == self.class;
        let run = match is_one_class {
            true => rest.len().min(limit),
            false => rest.clone().take(limit).take_while(is_of_class).count(),
        };
        if is_one_class || run >= LONG_RUN.min(limit) {
            self.row += run;
            return Chosen::Run(first..self.row);
        }
        let mut count = 0;
        let places = list.iter_mut().take(limit);
        for (place, row) in places.zip(rest.filter(is_of_class)) {
            *place = row as u32;
            count += 1;
        }
        let listed = &list[..count];
        self.row = listed.last().map_or(first, |last| *last as usize + 1);
        Chosen::Listed(listed)
    }
}

/// Whether all that was to be written has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// The message has no room for the next piece: [`Encoder::finish`] it, then call again.
    MessageFull,
    /// Everything is written; the message may have room for more.
    Done,
}

/// A finished message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The octets to send.
    pub bytes: &'a [u8],
    /// The flow records in it.
    pub totals: Totals,
    /// The hits in it.
    pub hits: u64,
}

/// What is still to be announced.
#[derive(Debug, Default)]
struct Announcement {
    /// The next template: counts the host's flow templates, the options templates, the other flow templates.
    template: usize,
    /// Interfaces, by index.
    interfaces: BTreeSet<u32>,
}

/// Encoder of one transport session and observation domain.
pub struct Encoder {
    options: EncoderOptions,
    message: MessageBuilder,
    totals: Totals,
    hits: u64,
    sequence: u32,
    next: Announcement,
    /// When the templates were last announced; None before the first time.
    announced_at: Option<u64>,
    messages_since: u64,
    interfaces: BTreeMap<u32, Interface>,
    templates: FlowTemplates,
    points: Told<Points>,
    properties: Told<PropertySets>,
}

impl Encoder {
    /// An encoder that has sent nothing yet.
    pub fn new(options: EncoderOptions) -> Self {
        Self {
            options,
            message: MessageBuilder::new(options.message_size.max(MINIMUM_MESSAGE_SIZE)),
            totals: Totals::default(),
            hits: 0,
            sequence: 0,
            next: Announcement::default(),
            announced_at: None,
            messages_since: 0,
            interfaces: BTreeMap::new(),
            templates: FlowTemplates::new(),
            points: Told::default(),
            properties: Told::default(),
        }
    }

    /// The interfaces that there are now. Names that are new or have changed are announced next, all of them with the
    /// templates; those of interfaces that are no longer there never again.
    pub fn set_interfaces(&mut self, interfaces: &[Interface]) {
        let now = interfaces.iter().map(|interface| (interface.index, interface.clone()));
        let before = std::mem::replace(&mut self.interfaces, now.collect());
        let next = &mut self.next.interfaces;
        next.retain(|index| self.interfaces.contains_key(index));
        let new = self.interfaces.iter().filter(|(index, now)| before.get(index) != Some(now));
        next.extend(new.map(|(index, _)| index));
    }

    /// Writes what must come before data and is due at `now` (milliseconds since the epoch): templates, options
    /// templates, interface names.
    pub fn announce(&mut self, now: u64) -> Progress {
        if self.message.is_empty() && self.is_refresh_due(now) {
            self.announced_at = Some(now);
            self.messages_since = 0;
            let interfaces = self.interfaces.keys().copied().collect();
            self.next = Announcement { template: 0, interfaces };
            self.points.clear();
            self.properties.clear();
        }
        while let Some(fits) = self.write_template(self.next.template) {
            if !fits {
                return Progress::MessageFull;
            }
            self.next.template += 1;
        }
        while let Some(index) = self.next.interfaces.first() {
            if let Some(interface) = self.interfaces.get(index) {
                let length = INTERFACE_NAMES.data_record_length(interface);
                let Some(out) = self.message.data_records_mut(INTERFACE_NAMES.id, length, 1) else {
                    return Progress::MessageFull;
                };
                INTERFACE_NAMES.write_data_record(interface, out);
            }
            self.next.interfaces.pop_first();
        }
        Progress::Done
    }

    /// Writes the rows of `batch` from `position` on, as far as they fit, and moves `position` behind them.
    /// `now` is the export time in milliseconds since the epoch.
    pub fn append(&mut self, batch: &FlowBatch, position: &mut Position, now: u64) -> Progress {
        if !position.knows_shared {
            if self.tell_shared(batch, now) == Progress::MessageFull {
                return Progress::MessageFull;
            }
            position.knows_shared = true;
        }
        let mut under_way = None;
        let mut list = [0; BLOCK];
        while position.seek(batch) {
            let number = match under_way {
                Some((class, number)) if class == position.class => number,
                _ => {
                    // The template first: it must be announced before it is used.
                    let number = self.templates.number_of(position.shape(batch));
                    if self.announce(now) == Progress::MessageFull {
                        return Progress::MessageFull;
                    }
                    under_way = Some((position.class, number));
                    number
                }
            };
            let template = self.templates.get(number);
            let room = self.message.room(template.id) / template.record_length;
            if room == 0 {
                return Progress::MessageFull;
            }
            let before = *position;
            let rows = position.take(batch, room, &mut list);
            let (length, count) = (rows.count() * template.record_length, rows.count() as u32);
            let Some(out) = self.message.data_records_mut(template.id, length, count) else {
                *position = before;
                return Progress::MessageFull;
            };
            template.write_data_records(batch, &rows, out);
            self.totals += rows.totals(batch);
        }
        Progress::Done
    }

    /// Writes what the numbers in a batch stand for, of those that the other end does not know.
    fn tell_shared(&mut self, batch: &FlowBatch, now: u64) -> Progress {
        if batch.observation_point.is_empty() && batch.common_properties.is_empty() {
            return Progress::Done;
        }
        if self.announce(now) == Progress::MessageFull {
            return Progress::MessageFull;
        }
        let size = self.options.message_size.max(MINIMUM_MESSAGE_SIZE);
        let to = (&mut self.message, self.options.enterprise(), size);
        let (numbers, points) = (&batch.observation_point, &batch.points);
        if !shared::tell(to, &shared::POINTS, &mut self.points, numbers, points) {
            return Progress::MessageFull;
        }
        let to = (&mut self.message, self.options.enterprise(), size);
        let (numbers, properties) = (&batch.common_properties, &batch.properties);
        match shared::tell(to, &shared::PROPERTIES, &mut self.properties, numbers, properties) {
            true => Progress::Done,
            false => Progress::MessageFull,
        }
    }

    /// Writes a hit, if the message has room for it. `now` is the export time in milliseconds since the epoch.
    pub fn append_hit(&mut self, hit: &HitRecord, now: u64) -> Progress {
        if self.announce(now) == Progress::MessageFull {
            return Progress::MessageFull;
        }
        let template = hits::of(hit);
        let record = template.data_record(hit);
        let Some(out) = self.message.data_records_mut(template.id, record.len(), 1) else {
            return Progress::MessageFull;
        };
        out.copy_from_slice(&record);
        self.hits += 1;
        Progress::Done
    }

    /// Writes the records of the sensor's `statistics`. To be called after [`Self::announce`], with no message
    /// under way: the totals are those before the message that carries them.
    pub fn append_statistics(&mut self, statistics: &Statistics) {
        for template in STATISTICS {
            let length = template.data_record_length(statistics);
            let out = self.message.data_records_mut(template.id, length, 1);
            debug_assert!(out.is_some(), "statistics fit in a message of their own");
            if let Some(out) = out {
                template.write_data_record(statistics, out);
            }
        }
    }

    /// Ends the message under way at export time `now` (milliseconds since the epoch); None if it is empty.
    pub fn finish(&mut self, now: u64) -> Option<Message<'_>> {
        if self.message.is_empty() {
            return None;
        }
        self.messages_since += 1;
        let (sequence, records) = (self.sequence, self.message.data_records());
        self.sequence = sequence.wrapping_add(records);
        let (totals, hits) = (std::mem::take(&mut self.totals), std::mem::take(&mut self.hits));
        let seconds = (now / 1000) as u32;
        let bytes = self.message.finish(seconds, sequence, self.options.observation_domain);
        Some(Message { bytes, totals, hits })
    }

    /// Makes room for the next message, once the finished one has been used.
    pub fn next_message(&mut self) {
        self.message.clear();
    }

    /// Encodes all of `batch` and hands each message to `sink`, the last one possibly with room left.
    pub fn encode(&mut self, batch: &FlowBatch, now: u64, mut sink: impl FnMut(Message<'_>)) {
        let mut position = Position::default();
        loop {
            let progress = self.append(batch, &mut position, now);
            if let Some(message) = self.finish(now) {
                sink(message);
            }
            self.next_message();
            if progress == Progress::Done {
                return;
            }
        }
    }

    /// Flow records in the message under way.
    pub fn pending(&self) -> Totals {
        self.totals
    }

    /// Hits in the message under way.
    pub fn pending_hits(&self) -> u64 {
        self.hits
    }

    /// Templates are announced again by `refresh` from now on.
    pub fn set_refresh(&mut self, refresh: TemplateRefresh) {
        self.options.refresh = refresh;
    }

    fn is_refresh_due(&self, now: u64) -> bool {
        match (self.announced_at, self.options.refresh) {
            (None, _) => true,
            (_, TemplateRefresh::Never) => false,
            (Some(at), TemplateRefresh::Every { milliseconds, messages }) => {
                now.saturating_sub(at) >= milliseconds || self.messages_since >= messages
            }
        }
    }

    /// Writes the template record number `index` over all kinds; None behind the last one, false when it does
    /// not fit.
    fn write_template(&mut self, index: usize) -> Option<bool> {
        macro_rules! write {
            ($set:expr, $template:expr) => {{
                let length = $template.template_record_length();
                let out = self.message.template_record($set, length);
                Some(out.map(|out| $template.write_template_record(out)).is_some())
            }};
        }
        if index < HOST_TEMPLATES {
            return Some(self.write_flow_template(index));
        }
        let index = index - HOST_TEMPLATES;
        if let Some(template) = STATISTICS.get(index) {
            return write!(OPTIONS_TEMPLATE_SET, template);
        }
        if index == STATISTICS.len() {
            return write!(OPTIONS_TEMPLATE_SET, INTERFACE_NAMES);
        }
        let mut index = index - STATISTICS.len() - 1;
        if let Some(enterprise) = self.options.hits {
            if let Some(template) = hits::ALL.get(index) {
                let record = template.template_record(enterprise);
                let out = self.message.template_record(TEMPLATE_SET, record.len());
                return Some(out.map(|out| out.copy_from_slice(&record)).is_some());
            }
            index -= hits::ALL.len();
        }
        // Last, since more may come.
        let number = HOST_TEMPLATES + index;
        (number < self.templates.count()).then_some(())?;
        Some(self.write_flow_template(number))
    }

    fn write_flow_template(&mut self, number: usize) -> bool {
        let (template, enterprise) = (self.templates.get(number), self.options.enterprise());
        let out = self.message.template_record(TEMPLATE_SET, template.template_record_length());
        out.map(|out| template.write_template_record(enterprise, out)).is_some()
    }
}

/// Octets of a template record and of a data record with all fields that there are.
const LARGEST: [usize; 2] = {
    let (mut template, mut data, mut at) = (4, 0, 0);
    while at < FIELDS.len() {
        template += if FIELDS[at].element.is_own() { 8 } else { 4 };
        data += FIELDS[at].element.length as usize;
        at += 1;
    }
    [template, data]
};

const _: () = {
    let room = MINIMUM_MESSAGE_SIZE as usize - MESSAGE_HEADER_LENGTH - SET_HEADER_LENGTH;
    assert!(LARGEST[0] <= room && LARGEST[1] <= room, "any record fits in any message");
};
