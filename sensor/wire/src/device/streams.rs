//! All streams of messages that come from one address, and which of them goes on in which: [`succession`] applied.
//!
//! [`succession`]: super::succession

use std::sync::Arc;

use hashbrown::HashMap;

use super::{
    session::{SESSION_COST, Session, SessionKey},
    succession::{DEAD, Sign, Trace, Verdict, judge},
    table::Table,
    templates::KnownTemplate,
};

/// Streams of one domain that a newcomer is held against: those that came last.
const NEIGHBOURS: usize = 32;
/// Streams that are asked for a template.
const ASKED: usize = 8;
/// Milliseconds between two looks at what waits.
const LOOK: u64 = 250;

/// The streams of one address.
#[derive(Debug, Default)]
pub struct Streams {
    sessions: Table<SessionKey, Box<Session>>,
    /// Ports from which each domain sends, in the order in which they came.
    ports: HashMap<(u8, u32), Vec<u16>>,
    cost: usize,
    /// When streams that have never decoded anything were last thrown out.
    last_purge: u64,
    /// When it was last looked at what waits, and how often.
    looked: (u64, usize),
}

/// Streams whose templates may serve another one.
#[derive(Debug, Default)]
pub struct Elders {
    /// Their ports, and whether they are gone for sure.
    ports: [(u16, bool); ASKED],
    count: usize,
}

impl Streams {
    /// All streams.
    pub fn iter(&self) -> impl Iterator<Item = (&SessionKey, &Session)> {
        self.sessions.iter().map(|(key, session)| (key, &**session))
    }

    /// The stream `key`.
    #[inline]
    pub fn get(&self, key: &SessionKey) -> Option<&Session> {
        self.sessions.get(key).map(|session| &**session)
    }

    /// Notes flow sample number `sequence` of source `source` in the stream `key`.
    pub fn sample(&mut self, key: &SessionKey, source: u32, sequence: u32) {
        let is_noted =
            self.get_mut(key).is_none_or(|session| session.sample_again(source, sequence));
        if !is_noted {
            self.change(key, |session| session.sample(source, sequence));
        }
    }

    /// The stream `key`, for what takes no memory; else see [`Streams::change`].
    #[inline]
    pub fn get_mut(&mut self, key: &SessionKey) -> Option<&mut Session> {
        self.sessions.get_mut(key).map(|session| &mut **session)
    }

    /// Makes the stream `key` where there is none.
    pub fn open(&mut self, key: SessionKey) {
        if !self.sessions.contains(&key) {
            self.insert(key, Box::default());
        }
    }

    /// Changes the stream `key`, and keeps account of the memory.
    pub fn change<T>(
        &mut self,
        key: &SessionKey,
        change: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        let session = self.sessions.get_mut(key)?;
        let before = session.cost();
        let answer = change(session);
        self.cost = self.cost + session.cost() - before;
        Some(answer)
    }

    fn insert(&mut self, key: SessionKey, session: Box<Session>) {
        self.cost += session.cost();
        self.ports.entry((key.version, key.domain)).or_default().push(key.port);
        self.sessions.insert(key, session);
    }

    fn remove(&mut self, key: &SessionKey) -> Option<Box<Session>> {
        let session = self.sessions.remove(key)?;
        self.cost -= session.cost();
        let domain = (key.version, key.domain);
        if let Some(ports) = self.ports.get_mut(&domain) {
            // Most likely it is one of the last.
            if let Some(place) = ports.iter().rposition(|port| *port == key.port) {
                ports.remove(place);
            }
            if ports.is_empty() {
                self.ports.remove(&domain);
            }
        }
        Some(session)
    }

    /// Streams of the same domain, those that came last.
    fn neighbours(&self, key: SessionKey) -> impl Iterator<Item = (u16, &Session)> {
        let ports = self.ports.get(&(key.version, key.domain)).into_iter().flatten();
        ports
            .rev()
            .take(NEIGHBOURS)
            .filter(move |port| **port != key.port)
            .filter_map(move |port| Some((*port, self.get(&SessionKey { port: *port, ..key })?)))
    }

    fn trace(&self, key: &SessionKey) -> Trace {
        self.get(key).map(|session| session.trace).unwrap_or_default()
    }

    /// To which stream a message belongs that has come as `key` with `sign`. A stream whose port has moved is `key` from now
    /// on. Sets wait within `limit` octets; the octets of those for which there is no room are returned as well.
    #[inline]
    pub fn identify(&mut self, key: SessionKey, sign: Sign, limit: usize) -> (SessionKey, usize) {
        let known = self.sessions.get(&key);
        if known.is_some_and(|session| session.waiting.is_empty()) {
            return (key, 0);
        }
        self.find(key, sign, limit)
    }

    /// As [`Streams::identify`], for a stream that is new or waits for templates.
    #[cold]
    fn find(&mut self, key: SessionKey, sign: Sign, limit: usize) -> (SessionKey, usize) {
        let is_new = !self.sessions.contains(&key);
        let trace = self.trace(&key);
        // Whose number it is twice is that of the one that was heard of late.
        let (mut same, mut heir) = ([(None, false); 2], None);
        for (port, owner) in self.neighbours(key) {
            let may = is_new || !owner.templates.is_empty();
            if may && judge(&owner.trace, &trace, sign) == Verdict::Continues {
                let (first, several) = &mut same[usize::from(owner.trace.is_silent(sign.at))];
                *several |= first.replace(port).is_some();
            }
            if is_new && owner.former == Some(key.port) {
                heir = Some((port, owner.trace.overtook(sign)));
            }
        }
        let [heard, silent] = same;
        let (same, several) = if heard.0.is_some() { heard } else { silent };
        match (same, heir) {
            (Some(port), _) if !several => (key, self.move_port(port, key, limit)),
            // Sent before the port moved.
            (_, Some((port, true))) => (SessionKey { port, ..key }, 0),
            (_, Some((port, false))) => {
                self.give_back(port, key);
                (key, 0)
            }
            _ => (key, 0),
        }
    }

    /// The stream at `port` goes on as `key`.
    fn move_port(&mut self, port: u16, key: SessionKey, limit: usize) -> usize {
        let Some(mut session) = self.remove(&SessionKey { port, ..key }) else { return 0 };
        let mut dropped = 0;
        match self.remove(&key) {
            None => session.templates.leave_port(),
            Some(mut newcomer) => {
                dropped = newcomer.take_up(*session, limit);
                session = newcomer;
            }
        }
        session.former = Some(port);
        self.insert(key, session);
        dropped
    }

    /// The stream at `port` is not the one that was at `key`, which speaks again: it gets its templates back.
    fn give_back(&mut self, port: u16, key: SessionKey) {
        let heir = SessionKey { port, ..key };
        if let Some(owner) = self.change(&heir, Session::returned_by) {
            self.insert(key, Box::new(owner));
        }
    }

    /// Whose templates serve the stream `key` as of `sign`, its message, where it has none of its own.
    pub fn elders(&self, key: SessionKey, sign: Sign) -> Elders {
        let (trace, mut elders) = (self.trace(&key), Elders::default());
        let owners = self.neighbours(key).filter(|(_, owner)| !owner.templates.is_empty());
        for (port, owner) in owners {
            let gone = match judge(&owner.trace, &trace, sign) {
                Verdict::Apart => continue,
                Verdict::Succeeds => true,
                // That it goes on, and in several, is as good as nothing.
                Verdict::Continues | Verdict::Open => false,
            };
            let Some(place) = elders.ports.get_mut(elders.count) else { break };
            *place = (port, gone);
            elders.count += 1;
        }
        elders
    }

    /// The template `id` that serves stream `key`, which has none of that number: that of `elders`, when all that know it are
    /// gone and agree.
    pub fn inherited(
        &self,
        key: &SessionKey,
        id: u16,
        elders: &Elders,
    ) -> Option<Arc<KnownTemplate>> {
        let mut found = elders.ports[..elders.count].iter().filter_map(|(port, gone)| {
            let known = self.get(&SessionKey { port: *port, ..*key })?.templates.get(id)?;
            Some((known, *gone))
        });
        let (first, gone) = found.next()?;
        let agreed = gone && found.all(|(other, gone)| gone && other.template == first.template);
        agreed.then(|| first.clone())
    }

    /// Makes ready the sets of stream `key` that wait for templates which others have left.
    pub fn awaken(&mut self, key: &SessionKey, now: u64) {
        let Some(session) = self.get(key).filter(|session| !session.waiting.is_empty()) else {
            return;
        };
        let Some(last) = session.trace.last() else { return };
        let elders = self.elders(*key, Sign { at: now, ..last });
        if elders.count == 0 {
            return;
        }
        let wanted: Vec<u16> = session.waiting.templates().collect();
        for id in wanted {
            if let Some(known) = self.inherited(key, id, &elders) {
                self.change(key, |session| session.make_ready(id, &known));
            }
        }
    }

    /// Looks once in a while at what waits: at the stream `key`, and at one after the other of its neighbours, since a port
    /// that has moved brings no message any more.
    pub fn look(&mut self, key: SessionKey, now: u64) {
        let (at, turn) = self.looked;
        if now.saturating_sub(at) < LOOK {
            return;
        }
        self.looked = (now, turn.wrapping_add(1));
        self.awaken(&key, now);
        let waits = |(_, session): &(u16, &Session)| !session.waiting.is_empty();
        let waiting = self.neighbours(key).filter(waits).count();
        let chosen = self.neighbours(key).filter(waits).nth(turn % waiting.max(1));
        if let Some((port, _)) = chosen {
            self.awaken(&SessionKey { port, ..key }, now);
        }
    }

    /// A neighbour of `key`, or itself, whose sets are ready.
    pub fn ready(&self, key: SessionKey) -> Option<SessionKey> {
        if self.get(&key).is_some_and(|session| session.waiting.has_ready()) {
            return Some(key);
        }
        let mut neighbours = self.neighbours(key);
        let (port, _) = neighbours.find(|(_, session)| session.waiting.has_ready())?;
        Some(SessionKey { port, ..key })
    }

    /// Throws out streams that have never decoded anything, or not for `stale` milliseconds; at most once a second. Returns
    /// the octets that waited.
    pub fn purge(&mut self, now: u64, stale: u64) -> usize {
        if now.saturating_sub(self.last_purge) < 1000 {
            return 0;
        }
        self.last_purge = now;
        self.keep(|_, session| {
            session.last_decoded != 0 && now.saturating_sub(session.last_decoded) < stale
        })
    }

    /// Throws out, where the domain of `key` has more streams than a newcomer is held against, those of all domains that
    /// serve nobody any more; at most once a second. Returns the octets that waited.
    pub fn thin(&mut self, key: &SessionKey, now: u64) -> usize {
        let ports = self.ports.get(&(key.version, key.domain)).map_or(0, Vec::len);
        if ports <= NEIGHBOURS || now.saturating_sub(self.last_purge) < 1000 {
            return 0;
        }
        self.last_purge = now;
        self.keep(|_, session| {
            let serves = !session.templates.is_empty() || !session.waiting.is_empty();
            let unheard = now.saturating_sub(session.trace.heard());
            unheard < DEAD && (serves || !session.trace.is_silent(now))
        })
    }

    /// Throws out streams but those that `keep` wants. Returns the octets that waited.
    pub fn keep(&mut self, keep: impl Fn(&SessionKey, &Session) -> bool) -> usize {
        let Self { sessions, ports, cost, .. } = self;
        let mut octets = 0;
        sessions.retain(|key, session| {
            let keep = keep(key, session);
            if !keep {
                *cost -= session.cost();
                octets += session.waiting.forget();
            }
            keep
        });
        ports.retain(|&(version, domain), ports| {
            ports.retain(|&port| sessions.contains(&SessionKey { version, port, domain }));
            !ports.is_empty()
        });
        octets
    }

    /// Gives up on all sets that wait. Returns their octets.
    pub fn give_up_waiting(&mut self) -> usize {
        let Self { sessions, cost, .. } = self;
        let give_up = |session: &mut Box<Session>| {
            *cost -= session.waiting.cost();
            session.waiting.forget()
        };
        sessions.values_mut().map(give_up).sum()
    }

    /// Octets of memory that they take, about.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Octets of memory that one more takes.
    pub const fn cost_of_one() -> usize {
        SESSION_COST
    }
}
