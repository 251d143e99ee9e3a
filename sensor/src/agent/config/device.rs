//! `[[device]]`: what is known of a router beforehand.

use std::collections::BTreeMap;

use ipnet::IpNet;
use sensor_core::{
    diagnostic::nearest,
    settings::{
        named::Named,
        schema::{Key, Setting, Table, Value, table},
    },
};
use sensor_wire::{device::room::Standing, template::compile::OutCounters};

use super::{
    faults::Faults,
    intake::{network, rate_limit},
};
use crate::intake::admission::{DeviceProfile, Rule};

table! {
    /// `[[device]]`
    Device {
        /// Its address, or a network of such devices.
        address: Option<String> = None;
        /// Its name.
        name: String = String::new();
        /// Its site.
        site: String = String::new();
        /// Tags for its flows.
        tags: Vec<Setting<String>> = Vec::new();
        /// One of how many packets it samples, whatever it says itself; 0 takes its word.
        sample_rate: u64 = 0;
        /// What its OUT counters count where IN counters stand beside them: "same", the packets as they left, or "reverse",
        /// those of the way back.
        out_counters: String = "same".to_owned();
        /// Names of its interfaces, by SNMP index, whatever it says itself.
        interfaces: Named<String> = Named::default();
        /// Datagrams a second that it may send; 0 for any number. Without it, `intake.rate_limit` holds.
        rate_limit: u64 = 0;
    }
}

/// Judges all `[[device]]` tables.
pub fn resolve(list: &[Setting<Device>], faults: &mut Faults) -> Vec<Rule> {
    let mut devices: Vec<Rule> = Vec::with_capacity(list.len());
    let mut addresses = Vec::with_capacity(list.len());
    for device in list {
        let raw = &device.value;
        let rate = faults.in_range(&raw.sample_rate, "device.sample_rate", 0..=u32::MAX.into());
        let out_counters = match &*raw.out_counters.value {
            "same" => OutCounters::Same,
            "reverse" => OutCounters::Reverse,
            other => {
                let must = "must be \"same\" or \"reverse\"";
                let found = match nearest(other, ["same", "reverse"]) {
                    Some(meant) => format!("this is {other:?}, did you mean {meant:?}?"),
                    None => format!("this is {other:?}"),
                };
                faults.report(&raw.out_counters, "device.out_counters", must, &found);
                OutCounters::Same
            }
        };
        let limit = rate_limit(&raw.rate_limit, "device.rate_limit", faults);
        let Some(address) = &raw.address.value else {
            if !raw.address.is_given() {
                let found = "add address = \"10.0.0.1\"";
                faults.report(device, "device", "needs an `address`", found);
            }
            continue;
        };
        let network = match network(address) {
            Ok(network) => network,
            Err(reason) => {
                let must = "must be an address or a network";
                faults.report(&raw.address, "device.address", must, &reason);
                continue;
            }
        };
        if let Some(first) = devices.iter().position(|earlier| earlier.network == network) {
            let found = format!("{network} again");
            let must = "must differ from the others";
            faults.repeated(&raw.address, addresses[first], "device.address", must, &found);
        }
        addresses.push(&raw.address);
        let profile = DeviceProfile {
            name: raw.name.value.clone(),
            site: raw.site.value.clone(),
            tags: raw.tags.value.iter().map(|tag| tag.value.clone()).collect(),
            sample_rate: u32::try_from(rate).ok().filter(|&rate| rate != 0),
            standing: standing(network),
            out_counters,
            interfaces: interfaces(&raw.interfaces.value, faults),
        };
        let rate_limit = raw.rate_limit.is_given().then_some(limit);
        devices.push(Rule { network, rate_limit, profile });
    }
    devices
}

/// Room is reserved for devices that are configured one by one: of a network nobody knows how many come.
fn standing(network: IpNet) -> Standing {
    if network.prefix_len() == network.max_prefix_len() {
        Standing::Named
    } else {
        Standing::Network
    }
}

fn interfaces(raw: &Named<String>, faults: &mut Faults) -> BTreeMap<u32, String> {
    let mut interfaces = BTreeMap::new();
    for (index, name) in &raw.0 {
        match index.parse() {
            Ok(number) if !name.value.is_empty() => {
                interfaces.insert(number, name.value.clone());
            }
            Ok(_) => {
                let must = "must name interfaces";
                faults.report(name, "device.interfaces", must, "this name is empty");
            }
            Err(_) => {
                let found = format!("`{index}` is not a number: write {{ 3 = \"uplink\" }}");
                let must = "must have SNMP indices as keys";
                faults.report(name, "device.interfaces", must, &found);
            }
        }
    }
    interfaces
}

#[cfg(test)]
mod tests {
    use crate::agent::config::{from_text, overrides::Overrides};

    #[test]
    fn names_of_interfaces() {
        let text =
            "[[device]]\naddress = '::ffff:192.0.2.1'\ninterfaces = { 3 = 'uplink', 40 = 'lan' }";
        let config = from_text(text, &Overrides::default()).unwrap();
        let profile = config.intake.rules.profile([192, 0, 2, 1].into());
        assert_eq!(profile.interfaces, [(3, "uplink".to_owned()), (40, "lan".to_owned())].into());
        let text = "[[device]]\naddress = '192.0.2.1'\ninterfaces = { eth0 = 'a', 1 = '', 4294967296 = 'b' }";
        let faults = from_text(text, &Overrides::default()).unwrap_err();
        let messages: Vec<_> = faults.file.iter().map(|fault| fault.message.as_str()).collect();
        let keys = "`device.interfaces` must have SNMP indices as keys";
        assert_eq!(messages, [keys, "`device.interfaces` must name interfaces", keys]);
    }
}
