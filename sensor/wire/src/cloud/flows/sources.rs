//! The accounts and logs that records come from, and the account of each.

use std::{collections::HashMap, sync::Arc};

use sensor_core::flow::{batch::Source, device::Device, source::SourceId};

use crate::cloud::ledger::Ledger;

/// What the configuration says of logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Their site; empty for none.
    pub site: String,
    /// Tags for their flows.
    pub tags: Vec<String>,
}

/// Accounts and logs that are told apart; the others share the last place.
const MOST_SOURCES: usize = 4096;

/// The accounts and logs that records have come from.
pub(super) struct Sources {
    pub(super) all: Vec<(Arc<Device>, Ledger)>,
    pub(super) by_id: HashMap<SourceId, u32>,
}

impl Sources {
    #[cold]
    pub(super) fn place(
        &mut self,
        provider: Source,
        profile: &Profile,
        account: &str,
        log: &str,
    ) -> u32 {
        // Names come from paths and keys, which others choose, and are printed.
        let plain = |name: &str| name.chars().filter(|octet| !octet.is_control()).collect();
        let id = SourceId::Cloud { provider, account: plain(account), log: plain(log) };
        if let Some(place) = self.by_id.get(&id) {
            return *place;
        }
        let id = match self.all.len() {
            few if few < MOST_SOURCES => id,
            _ => {
                let (account, log) = ("other accounts".to_owned(), log.to_owned());
                let others = SourceId::Cloud { provider, account, log };
                if let Some(place) = self.by_id.get(&others) {
                    return *place;
                }
                // One more for each log whose accounts have no place.
                if self.all.len() >= 2 * MOST_SOURCES {
                    return (self.all.len() - 1) as u32;
                }
                others
            }
        };
        let place = self.all.len() as u32;
        let Profile { site, tags } = profile.clone();
        let device = Device { site, tags, ..Device::of(id.clone()) };
        self.all.push((Arc::new(device), Ledger::default()));
        self.by_id.insert(id, place);
        place
    }

    #[inline(always)]
    pub(super) fn ledger(&mut self, place: u32) -> &mut Ledger {
        &mut self.all[place as usize].1
    }
}

/// Numbers the sources of rows anew, by their places among those that are returned: the rows of a batch are of few of them.
pub(super) fn localise(places: &mut [u32], sources: &Sources) -> Vec<Arc<Device>> {
    let mut devices = Vec::new();
    let mut known: HashMap<u32, u32> = HashMap::new();
    let mut last = (u32::MAX, 0);
    for place in places {
        if *place != last.0 {
            let own = *known.entry(*place).or_insert_with(|| {
                devices.push(sources.all[*place as usize].0.clone());
                devices.len() as u32 - 1
            });
            last = (*place, own);
        }
        *place = last.1;
    }
    devices
}
