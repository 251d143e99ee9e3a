//! What the command line asked for, laid over what the file says.
//!
//! Flags go in before the values are judged, so that a flag can mend a file and is held to the same rules as it.

use sensor_core::settings::schema::{Flag, Origin, Setting};

use super::{
    collector::Collector,
    forward::Forward,
    interface::{self, Interface},
    listen::Listen,
    lists,
    overrides::Overrides,
    policies::PolicyPath,
    sections::Sections,
};

/// Replaces what flags were given for. `print_flows`, `print_dns`, `print_hits`, `flow_log`, `dns_log` and `verbose` have no key
/// of their own in the file and are taken up when the values are resolved.
pub(super) fn lay_over(flags: &Overrides, sections: &mut Sections) {
    let capture = &mut sections.capture.value;
    let interfaces = flags.interfaces.iter().cloned();
    let interfaces = interfaces.map(|name| typed("--interface", &name.clone(), name)).collect();
    capture.interfaces.override_by("--interface", not_empty(interfaces));
    capture.interval.override_by("--interval", flags.interval);
    capture.generic_xdp.override_by("--generic-xdp", flags.generic_xdp);

    let ingress = flags.ingress.iter().map(|flag| {
        let (name, word) = interface::split(flag);
        let name = typed("--ingress", flag, Some(name.to_owned()));
        let ingress = typed("--ingress", flag, word.to_owned());
        typed("--ingress", flag, Interface { name, ingress, ..Interface::default() })
    });
    sections.interface.override_by("--ingress", not_empty(ingress.collect()));

    let listen = flags.listen.iter().map(|text| {
        let url = typed("--listen", text, Some(text.clone()));
        typed("--listen", text, Listen { url, ..Listen::default() })
    });
    sections.listen.override_by("--listen", not_empty(listen.collect()));
    let allow = flags.allow.iter().map(|net| typed("--allow", net, net.clone())).collect();
    sections.intake.value.allow.override_by("--allow", not_empty(allow));
    let forward = flags.forward.iter().map(|text| {
        let url = typed("--forward", text, Some(text.clone()));
        let keep_source = typed("--keep-source", "", flags.keep_source);
        typed("--forward", text, Forward { url, keep_source, ..Forward::default() })
    });
    sections.forward.override_by("--forward", not_empty(forward.collect()));

    let flow = &mut sections.flow.value;
    flow.active_timeout.override_by("--active-timeout", flags.active_timeout);
    flow.idle_timeout.override_by("--idle-timeout", flags.idle_timeout);

    let domain = flags.observation_domain.map(u64::from);
    sections.export.value.observation_domain.override_by("--observation-domain", domain);

    let collectors = flags.collectors.iter().map(|text| {
        let url = typed("--collector", text, Some(text.clone()));
        typed("--collector", text, Collector { url, ..Collector::default() })
    });
    sections.collector.override_by("--collector", not_empty(collectors.collect()));

    let policies = flags.policies.iter().cloned();
    let policies = policies.map(|path| typed("--policies", "", PolicyPath(path))).collect();
    sections.policies.value.paths.override_by("--policies", not_empty(policies));
    sections.policies.value.lenient.override_by("--lenient", flags.lenient.then_some(true));

    lists::override_by(&mut sections.lists.value, &flags.lists);

    if let Some(directory) = &flags.ipfix_file {
        let file = &mut sections.ipfix_file;
        file.origin = Origin::flag("--ipfix-file");
        file.value.directory.override_by("--ipfix-file", Some(Some(directory.clone())));
    }
    if let Some(address) = &flags.console {
        let console = &mut sections.console.value;
        console.enabled.override_by("--console", Some(true));
        console.listen.override_by("--console", Some(address.clone()));
    }
    if let Some(folder) = &flags.store {
        let store = &mut sections.store;
        store.origin = Origin::flag("--store");
        store.value.folder.override_by("--store", Some(Some(folder.clone())));
    }
}

/// The value of a flag behind which `text` was typed.
fn typed<T>(flag: &'static str, text: &str, value: T) -> Setting<T> {
    Setting { value, origin: Origin::Flag(Flag { name: flag, text: text.to_owned() }) }
}

fn not_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
