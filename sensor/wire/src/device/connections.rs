//! Connections of a firewall whose traffic was counted while they lived.
//!
//! Cisco's ASA (NetFlow Secure Event Logging) counts since its last report in its updates, and in all when a connection
//! ends; of short connections, and where no updates are configured, only the end tells. So the end counts unless an
//! update of the same connection has.

use hashbrown::HashSet;

/// Connections of a generation. When so many have been updated, those that were not since the generation before are
/// forgotten.
const GENERATION: usize = 1 << 15;

/// Numbers (`flowId`) of connections that were updated.
#[derive(Debug, Default)]
pub struct Connections {
    young: HashSet<u64>,
    old: HashSet<u64>,
}

impl Connections {
    /// Notes that an update of connection `id` was counted.
    pub fn updated(&mut self, id: u64) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id);
    }

    /// Forgets connection `id`, which has ended. True when an update of it was counted.
    pub fn ended(&mut self, id: u64) -> bool {
        let (young, old) = (self.young.remove(&id), self.old.remove(&id));
        young || old
    }

    /// Octets of memory that it takes, about.
    pub fn cost(&self) -> usize {
        (self.young.capacity() + self.old.capacity()) * (size_of::<u64>() + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_behind_an_update_is_known_once() {
        let mut connections = Connections::default();
        connections.updated(1);
        assert!(connections.ended(1));
        assert!(!connections.ended(1));
    }

    #[test]
    fn those_not_updated_for_two_generations_are_forgotten() {
        let mut connections = Connections::default();
        let all = GENERATION as u64;
        (0..=all).for_each(|id| connections.updated(id));
        assert!(connections.ended(0));
        (all..=2 * all).for_each(|id| connections.updated(id));
        assert!(!connections.ended(1));
        assert!(connections.cost() < 4 << 20);
    }
}
