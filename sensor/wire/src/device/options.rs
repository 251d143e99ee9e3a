//! What options records tell of a device: sampling, names of interfaces, applications and VRFs, the time it booted.

use sensor_core::flow::{
    application::{self, ApplicationId},
    device::Device,
    interfaces::Interface,
};

use super::{
    names::{Name, Names, text},
    sampling::{Sampling, Scope},
    session::Session,
};
use crate::{
    octets::number,
    records::{append::systematic, fields::fields},
    template::{Specifier, Template},
};

/// Scope types of NetFlow 9 (RFC 3954 section 6.1).
mod scope {
    pub const INTERFACE: u16 = 2;
}

/// What an options record says, as far as it is understood.
#[derive(Clone, Copy, Debug, Default)]
struct Told<'a> {
    interface: Option<u32>,
    /// Used where it is the only one.
    egress: Option<u32>,
    sampler: Option<u64>,
    rate: Option<u64>,
    interval: Option<u64>,
    space: Option<u64>,
    size: Option<u64>,
    population: Option<u64>,
    interface_name: Option<&'a [u8]>,
    interface_alias: Option<&'a [u8]>,
    application: Option<ApplicationId>,
    application_name: Option<&'a [u8]>,
    vrf: Option<u32>,
    vrf_name: Option<&'a [u8]>,
    boot: Option<u64>,
}

/// Whom an options record tells about.
pub struct Subjects<'a> {
    /// The device.
    pub device: &'a Device,
    /// Names for it.
    pub names: &'a mut Names,
    /// Sampling of all its domains.
    pub sampling: &'a mut Sampling,
    /// The stream of messages.
    pub session: &'a mut Session,
}

/// Learns from the options record `record` of domain `domain`. Returns the octets of memory that names take.
pub fn learn(template: &Template, record: &[u8], domain: u32, subjects: Subjects<'_>) -> usize {
    let told = read(template, record);
    let Subjects { device, names, sampling, session } = subjects;
    if let Some(boot) = told.boot.filter(|boot| *boot != 0) {
        session.boot = Some(boot);
    }
    if let Some(rate) = told.sampling_rate() {
        let sampler = told.sampler.filter(|id| *id != 0).map(Scope::Sampler);
        let scope = sampler.or(told.interface.map(Scope::Interface)).unwrap_or(Scope::All);
        session.sampling.learn(scope, rate, domain);
        sampling.learn(scope, rate, domain);
    }
    session.shared.learn(template, record);
    told.names(device).map(|name| names.put(name, device)).sum()
}

/// Learns the names in the data record `record`, and nothing else. Returns the octets of memory that they take.
pub fn learn_names(
    template: &Template,
    record: &[u8],
    device: &Device,
    names: &mut Names,
) -> usize {
    read(template, record).names(device).map(|name| names.put(name, device)).sum()
}

fn read<'a>(template: &'a Template, record: &'a [u8]) -> Told<'a> {
    let mut told = Told::default();
    for (specifier, value) in fields(template, record) {
        let numeric = || (value.len() <= 8).then(|| number(value));
        match (specifier.enterprise, specifier.element) {
            (Specifier::SCOPE, scope::INTERFACE) | (0, 10) => {
                told.interface = told.interface.or(numeric().map(|index| index as u32));
            }
            (0, 48 | 302) => told.sampler = numeric(),
            (0, 34 | 50) => told.rate = numeric(),
            (0, 305) => told.interval = numeric(),
            (0, 306) => told.space = numeric(),
            (0, 309) => told.size = numeric(),
            (0, 310) => told.population = numeric(),
            (0, 14) => told.egress = numeric().map(|index| index as u32),
            // Where ingress and egress interface both have names, the first is that of the ingress interface.
            (0, 82) => told.interface_name = told.interface_name.or(Some(value)),
            (0, 83) => told.interface_alias = told.interface_alias.or(Some(value)),
            (0, 95) => told.application = application::number(value),
            (0, 96) => told.application_name = Some(value),
            (0, 234) => told.vrf = numeric().map(|id| id as u32),
            (0, 235) => told.vrf = told.vrf.or(numeric().map(|id| id as u32)),
            (0, 236) => told.vrf_name = Some(value),
            (0, 160) => told.boot = numeric(),
            _ => {}
        }
    }
    told
}

impl Told<'_> {
    fn sampling_rate(&self) -> Option<u32> {
        let rate = match (self.interval, self.space, self.size, self.population) {
            (Some(interval), Some(space), ..) => return systematic(interval, space),
            (_, _, Some(size), Some(population)) => population.checked_div(size)?,
            _ => self.rate?,
        };
        u32::try_from(rate).ok().filter(|rate| *rate != 0)
    }

    /// The names that `device` does not have, with what they name. Devices tell the same ones again and again.
    fn names(&self, device: &Device) -> impl Iterator<Item = Name> {
        let interface = self.interface.or(self.egress).and_then(|index| {
            let (name, alias) = (self.interface_name, self.interface_alias);
            let known = device.interfaces.0.get(&index);
            let (old, old_alias) =
                known.map_or(("", ""), |known| (known.name.as_str(), known.alias.as_str()));
            let told = |name: Option<&[u8]>| name.map(text).unwrap_or_default();
            let is_new = [(name, old), (alias, old_alias)]
                .into_iter()
                .any(|(name, old)| name.is_some_and(|name| is_new(name, Some(old))));
            is_new
                .then(|| Name::Interface(index, Interface { name: told(name), alias: told(alias) }))
        });
        let application = self
            .application
            .zip(self.application_name)
            .filter(|(id, name)| is_new(name, device.applications.get(id).map(String::as_str)));
        let vrf = self.vrf.zip(self.vrf_name);
        let vrf = vrf.filter(|(id, name)| is_new(name, device.vrfs.get(id).map(String::as_str)));
        [
            interface,
            application.map(|(id, name)| Name::Application(id, text(name))),
            vrf.map(|(id, name)| Name::Vrf(id, text(name))),
        ]
        .into_iter()
        .flatten()
    }
}

/// False when `octets` are the name `known`, filled up or not; may be true for it when it has odd characters.
fn is_new(octets: &[u8], known: Option<&str>) -> bool {
    known.is_none_or(|known| {
        let rest = octets.strip_prefix(known.as_bytes());
        !rest.is_some_and(|rest| rest.iter().all(|octet| matches!(octet, 0 | b' ')))
    })
}
