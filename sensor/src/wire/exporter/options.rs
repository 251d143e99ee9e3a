//! What options records tell of an exporter: sampling, names of interfaces, applications and VRFs, the time it booted.

use std::sync::Arc;

use super::{
    sampling::{Sampling, Scope},
    session::Session,
};
use crate::{
    flow::{interfaces::Interface, router::Exporter},
    wire::{
        octets::number,
        records::{append::systematic, fields::fields},
        template::{Specifier, Template},
    },
};

/// Longest name that is kept, in octets.
const LONGEST_NAME: usize = 255;
/// Names of each kind that are kept for an exporter.
const MOST_NAMES: usize = 65_536;

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
    application: Option<u64>,
    application_name: Option<&'a [u8]>,
    vrf: Option<u32>,
    vrf_name: Option<&'a [u8]>,
    boot: Option<u64>,
}

/// Whom an options record tells about.
pub struct Subjects<'a> {
    /// The device.
    pub exporter: &'a mut Arc<Exporter>,
    /// Sampling of all its domains.
    pub sampling: &'a mut Sampling,
    /// The stream of messages.
    pub session: &'a mut Session,
}

/// Learns from the options record `record` of domain `domain`. Returns the octets of memory that names now take more.
pub fn learn(template: &Template, record: &[u8], domain: u32, subjects: Subjects<'_>) -> usize {
    let told = read(template, record);
    let Subjects { exporter, sampling, session } = subjects;
    if let Some(boot) = told.boot.filter(|boot| *boot != 0) {
        session.boot = Some(boot);
    }
    if let Some(rate) = told.sampling_rate() {
        let sampler = told.sampler.filter(|id| *id != 0).map(Scope::Sampler);
        let scope = sampler.or(told.interface.map(Scope::Interface)).unwrap_or(Scope::All);
        session.sampling.learn(scope, rate, domain);
        sampling.learn(scope, rate, domain);
    }
    learn_told(&told, exporter)
}

/// Learns the names in the data record `record`, and nothing else. Returns the octets of memory that they now take more.
pub fn learn_names(template: &Template, record: &[u8], exporter: &mut Arc<Exporter>) -> usize {
    learn_told(&read(template, record), exporter)
}

fn learn_told(told: &Told<'_>, exporter: &mut Arc<Exporter>) -> usize {
    learn_interface(told, exporter) + learn_others(told, exporter)
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
            (0, 95) => told.application = numeric(),
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
}

fn learn_interface(told: &Told<'_>, exporter: &mut Arc<Exporter>) -> usize {
    let Some(index) = told.interface.or(told.egress) else { return 0 };
    let (name, alias) = (text(told.interface_name), text(told.interface_alias));
    if name.is_empty() && alias.is_empty() {
        return 0;
    }
    let known = exporter.interfaces.0.get(&index);
    let old = known.cloned().unwrap_or_default();
    // Some send the name in one record and the description in another.
    let new = Interface {
        name: if name.is_empty() { old.name.clone() } else { name },
        alias: if alias.is_empty() { old.alias.clone() } else { alias },
    };
    if new == old || known.is_none() && exporter.interfaces.0.len() >= MOST_NAMES {
        return 0;
    }
    let more = new.name.len() + new.alias.len() + if known.is_none() { 96 } else { 0 };
    Arc::make_mut(exporter).interfaces.0.insert(index, new);
    more
}

fn learn_others(told: &Told<'_>, exporter: &mut Arc<Exporter>) -> usize {
    let mut more = 0;
    if let (Some(id), Some(_)) = (told.application, told.application_name) {
        let name = text(told.application_name);
        if exporter.applications.get(&id) != Some(&name) && exporter.applications.len() < MOST_NAMES
        {
            more += name.len() + 64;
            Arc::make_mut(exporter).applications.insert(id, name);
        }
    }
    if let (Some(id), Some(_)) = (told.vrf, told.vrf_name) {
        let name = text(told.vrf_name);
        if exporter.vrfs.get(&id) != Some(&name) && exporter.vrfs.len() < MOST_NAMES {
            more += name.len() + 64;
            Arc::make_mut(exporter).vrfs.insert(id, name);
        }
    }
    more
}

/// A name as text, without the zeros and spaces that fill it up.
fn text(octets: Option<&[u8]>) -> String {
    let octets = octets.unwrap_or_default();
    let end = octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len());
    let text = String::from_utf8_lossy(&octets[..end.min(LONGEST_NAME)]);
    text.trim().chars().filter(|character| !character.is_control()).collect()
}
