//! Which message waits for which objects. Pure.
//!
//! A message is deleted once all its objects are read for good, and not before. Two messages may name the same object: it is
//! handed over once, and both wait for it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// Messages that are received and not done with.
pub const MOST: usize = 128;
/// How long a message is hidden after its first failure, and at most.
const LATER: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(900));

/// A message that waits.
#[derive(Clone, Debug)]
struct Waiting {
    handle: String,
    receives: u32,
    objects: usize,
    failed: bool,
}

/// What is to be done about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Everything that it says is done.
    Delete(String),
    /// It comes again after a while.
    Later(String, Duration),
}

/// All messages that wait.
#[derive(Debug, Default)]
pub struct Messages {
    waiting: BTreeMap<String, Waiting>,
    /// Which messages wait for an object, and in which version it was handed over.
    objects: HashMap<Arc<str>, (Arc<str>, Vec<String>)>,
}

/// Whether an object is to be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Yes.
    Hand,
    /// It is being read already: the message waits for that.
    Waits,
    /// Another version of it is being read: the message comes again.
    Clashes,
}

impl Messages {
    /// Messages that wait.
    pub fn count(&self) -> usize {
        self.waiting.len()
    }

    /// Objects that wait.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// A message that was received so often, with a number of objects that are to be answered. True where it waits already:
    /// then it was received once more, and only what names it is new.
    pub fn receive(&mut self, id: &str, handle: String, receives: u32, objects: usize) -> bool {
        if let Some(known) = self.waiting.get_mut(id) {
            known.handle = handle;
            return true;
        }
        let waiting = Waiting { handle, receives, objects, failed: false };
        self.waiting.insert(id.to_owned(), waiting);
        false
    }

    /// The message `id` waits for this version of an object.
    pub fn join(&mut self, id: &str, name: &Arc<str>, version: &Arc<str>) -> Join {
        match self.objects.get_mut(name) {
            None => {
                self.objects.insert(name.clone(), (version.clone(), vec![id.to_owned()]));
                Join::Hand
            }
            Some((known, messages)) if known == version => {
                messages.push(id.to_owned());
                Join::Waits
            }
            Some(_) => Join::Clashes,
        }
    }

    /// This version of an object is being read, although no message waits for it so far.
    pub fn hold(&mut self, name: &Arc<str>, version: &Arc<str>) {
        self.objects.insert(name.clone(), (version.clone(), Vec::new()));
    }

    /// One object of the message `id` is answered; what is to be done about the message now.
    pub fn answered(&mut self, id: &str, done: bool) -> Option<Due> {
        let waiting = self.waiting.get_mut(id)?;
        waiting.failed |= !done;
        waiting.objects = waiting.objects.saturating_sub(1);
        self.ended(id)
    }

    /// So many objects of the message `id` do not get their turn; what is to be done about the message now.
    pub fn abandon(&mut self, id: &str, objects: usize) -> Option<Due> {
        (0..objects).find_map(|_| self.answered(id, false))
    }

    /// What is to be done about the message `id` where it waits for nothing.
    pub fn ended(&mut self, id: &str) -> Option<Due> {
        self.waiting.get(id).filter(|waiting| waiting.objects == 0)?;
        let Waiting { handle, receives, failed, .. } = self.waiting.remove(id)?;
        let (first, most) = LATER;
        let later = first.saturating_mul(1 << receives.saturating_sub(1).min(10)).min(most);
        Some(if failed { Due::Later(handle, later) } else { Due::Delete(handle) })
    }

    /// An object is answered: how often its messages were received at most, and what is to be done about each.
    pub fn object(&mut self, name: &str, done: bool) -> Vec<Due> {
        let Some((_, messages)) = self.objects.remove(name) else { return Vec::new() };
        messages.iter().filter_map(|id| self.answered(id, done)).collect()
    }

    /// How often the messages of an object were received, at most.
    pub fn receives(&self, name: &str) -> u32 {
        let messages = self.objects.get(name).map(|(_, messages)| messages.as_slice());
        let messages = messages.unwrap_or_default().iter().filter_map(|id| self.waiting.get(id));
        messages.map(|waiting| waiting.receives).max().unwrap_or(0)
    }

    /// What names the messages that wait.
    pub fn handles(&self) -> Vec<String> {
        self.waiting.values().map(|waiting| waiting.handle.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arc(text: &str) -> Arc<str> {
        text.into()
    }

    #[test]
    fn a_message_is_deleted_once_all_its_objects_are_done() {
        let mut messages = Messages::default();
        assert!(!messages.receive("m", "h".to_owned(), 1, 2));
        assert_eq!(messages.join("m", &arc("a"), &arc("1")), Join::Hand);
        assert_eq!(messages.join("m", &arc("b"), &arc("1")), Join::Hand);
        assert_eq!(messages.ended("m"), None);
        assert_eq!(messages.object("a", true), []);
        // Received once more meanwhile, it has another name.
        assert!(messages.receive("m", "i".to_owned(), 2, 2));
        assert_eq!(messages.handles(), ["i"]);
        assert_eq!(messages.object("b", true), [Due::Delete("i".to_owned())]);
        assert_eq!((messages.count(), messages.objects()), (0, 0));
        assert_eq!(messages.object("b", true), []);
    }

    #[test]
    fn two_messages_wait_for_one_object_and_a_third_of_another_version_comes_again() {
        let mut messages = Messages::default();
        for id in ["m", "n", "o"] {
            messages.receive(id, id.to_uppercase(), 1, 1);
        }
        assert_eq!(messages.join("m", &arc("a"), &arc("1")), Join::Hand);
        assert_eq!(messages.join("n", &arc("a"), &arc("1")), Join::Waits);
        assert_eq!(messages.join("o", &arc("a"), &arc("2")), Join::Clashes);
        let later = Due::Later("O".to_owned(), Duration::from_secs(30));
        assert_eq!(messages.answered("o", false), Some(later));
        let both = [Due::Delete("M".to_owned()), Due::Delete("N".to_owned())];
        assert_eq!(messages.object("a", true), both);
    }

    /// Otherwise it would be hidden for as long as the agent runs.
    #[test]
    fn a_message_whose_objects_do_not_all_get_their_turn_comes_again() {
        let mut messages = Messages::default();
        messages.receive("m", "h".to_owned(), 1, 4);
        assert_eq!(messages.join("m", &arc("a"), &arc("1")), Join::Hand);
        // The store does not tell what the second is, and the others are not asked for.
        assert_eq!(messages.answered("m", false), None);
        assert_eq!(messages.abandon("m", 2), None);
        let later = Due::Later("h".to_owned(), Duration::from_secs(30));
        assert_eq!(messages.object("a", true), std::slice::from_ref(&later));
        messages.receive("m", "h".to_owned(), 1, 3);
        assert_eq!(messages.answered("m", false), None);
        assert_eq!(messages.abandon("m", 2), Some(later));
        assert_eq!((messages.count(), messages.objects()), (0, 0));
        assert_eq!(messages.abandon("m", 0), None);
    }

    #[test]
    fn what_fails_comes_again_later_and_later() {
        let mut messages = Messages::default();
        for (receives, seconds) in [(1, 30), (2, 60), (3, 120), (9, 900), (u32::MAX, 900)] {
            messages.receive("m", "h".to_owned(), receives, 2);
            messages.join("m", &arc("a"), &arc("1"));
            messages.join("m", &arc("b"), &arc("1"));
            assert_eq!(messages.receives("a"), receives);
            assert_eq!(messages.object("a", false), []);
            let later = Due::Later("h".to_owned(), Duration::from_secs(seconds));
            assert_eq!(messages.object("b", true), [later]);
        }
        // A message without objects is done with.
        messages.receive("m", "h".to_owned(), 1, 0);
        assert_eq!(messages.ended("m"), Some(Due::Delete("h".to_owned())));
    }
}
