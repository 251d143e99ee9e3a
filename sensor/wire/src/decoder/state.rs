//! What is known of devices, out of the decoder and into it again.

use std::sync::Arc;

use super::Decoder;
use crate::device::{
    directory::Limits,
    session::Session,
    snapshot::{SavedDevice, SavedSession, Snapshot, VERSION},
    state::DeviceState,
};

impl Decoder {
    /// Templates, sampling and names of all devices.
    pub fn snapshot(&self) -> Snapshot {
        let mut devices: Vec<_> = self.directory.devices().map(save).collect();
        devices.sort_by_key(|device| device.address);
        Snapshot { version: VERSION, devices }
    }

    /// Takes what `snapshot` says, as of `now` (milliseconds since the epoch), as far as there is memory for it. A snapshot
    /// of another version says nothing. Returns the number of devices taken.
    pub fn restore(&mut self, snapshot: Snapshot, now: u64) -> usize {
        if snapshot.version != VERSION {
            return 0;
        }
        let mut taken = 0;
        let limits = &self.options.limits;
        for saved in snapshot.devices {
            let who = saved.who();
            let entered = self.directory.enter(who, 0, now, limits, &self.options.profile);
            let Some((device, _)) = entered else { continue };
            let before = device.total_cost();
            load(device, saved, now, limits);
            let after = device.total_cost();
            self.directory.account(who, before, after);
            taken += 1;
        }
        taken
    }
}

fn save(device: &DeviceState) -> SavedDevice {
    let identity = &device.identity;
    let mut sessions: Vec<_> = device
        .streams
        .iter()
        .map(|(key, session)| SavedSession {
            version: key.version,
            port: key.port,
            domain: key.domain,
            last_decoded: session.last_decoded,
            trace: session.trace.saved(),
            boot: session.boot,
            sampling: session.sampling.clone(),
            templates: templates(session),
        })
        .collect();
    sessions.sort_by_key(SavedSession::key);
    SavedDevice {
        address: device.address,
        source: Some(device.source).filter(|source| *source != device.address),
        first_decoded: device.first_decoded,
        last_decoded: device.last_decoded,
        sampling: device.sampling.clone(),
        interfaces: identity
            .interfaces
            .0
            .iter()
            .map(|(index, known)| (*index, known.name.clone(), known.alias.clone()))
            .collect(),
        applications: identity.applications.iter().map(|(id, name)| (*id, name.clone())).collect(),
        vrfs: identity.vrfs.iter().map(|(id, name)| (*id, name.clone())).collect(),
        sessions,
    }
}

fn templates(session: &Session) -> Vec<crate::template::Template> {
    let mut templates: Vec<_> = session.templates.all().cloned().collect();
    templates.sort_by_key(|template| template.id);
    templates
}

fn load(device: &mut DeviceState, saved: SavedDevice, now: u64, limits: &Limits) {
    device.first_decoded = saved.first_decoded;
    device.last_decoded = saved.last_decoded;
    device.listening = now;
    device.sampling = saved.sampling;
    let names = saved.interfaces.len() + saved.applications.len() + saved.vrfs.len();
    if device.total_cost() + names * 192 <= limits.device {
        device.cost += names * 192;
        let identity = Arc::make_mut(&mut device.identity);
        for (index, name, alias) in saved.interfaces {
            let interface = identity.interfaces.0.entry(index).or_default();
            if !device.names.is_configured(index) {
                interface.name = name;
            }
            interface.alias = alias;
        }
        identity.applications.extend(saved.applications);
        identity.vrfs.extend(saved.vrfs);
    }
    for session in saved.sessions {
        let key = session.key();
        if !device.open(key, limits.device) {
            return;
        }
        for template in session.templates {
            // A file may hold anything: what the wire would not bring is not taken.
            let sound = (1..=0xffff).contains(&template.minimum())
                && template.id >= crate::ipfix::FIRST_TEMPLATE
                && template.specifiers.iter().all(|specifier| specifier.length != 0);
            if sound && device.total_cost() < limits.device {
                device.streams.change(&key, |known| known.templates.insert(template));
            }
        }
        device.streams.change(&key, |known| {
            known.trace = session.trace;
            known.trace.listen_from(now);
            known.last_decoded = session.last_decoded;
            known.boot = session.boot;
            known.sampling = session.sampling;
        });
    }
}
