//! By which hooks interfaces would be captured, and what their offloads and neighbours do to the counts.

use sensor_kernel::{
    attach::{EgressMode, IngressMode, IngressWish, PassedOver},
    device::{Device, Occupant, XdpFeatures},
    outlook::Expected,
};

use crate::agent::doctor::{
    facts::interfaces::{InterfaceFacts, MissingInterface, SelectedInterface},
    finding::{Area::Interfaces, Finding, Status},
    report::Interface,
};

/// The kernel's names of offloads that make one frame of several, and ethtool's names for their switches.
const MERGES: [(&str, &str); 5] = [
    ("rx-gro", "gro"),
    ("rx-lro", "lro"),
    ("rx-gro-hw", "rx-gro-hw"),
    ("rx-gro-list", "rx-gro-list"),
    ("rx-udp-gro-forwarding", "rx-udp-gro-forwarding"),
];
/// Those of them that the NIC does, before XDP sees the frame.
const MERGES_IN_NIC: [&str; 2] = ["rx-lro", "rx-gro-hw"];
/// The NIC takes VLAN tags out of frames.
const STRIPS_TAGS: &str = "rx-vlan-hw-parse";

/// All that is to be said of them.
pub fn judge(facts: &InterfaceFacts) -> Vec<Finding> {
    if let Some(error) = &facts.error {
        return vec![Finding::problem(Interfaces, error)];
    }
    let mut findings: Vec<_> = facts.missing.iter().map(|one| missing(one, facts)).collect();
    for interface in &facts.selected {
        let name = &interface.link.name;
        findings.extend(of_one(interface).into_iter().map(|finding| finding.about(name)));
    }
    if facts.selected.is_empty() && facts.missing.is_empty() {
        let message = format!("no interface matches; available: {}", facts.present);
        findings.push(
            Finding::warning(Interfaces, message)
                .remedy("name one with -i, or in capture.interfaces"),
        );
    }
    findings.extend(facts.counted_twice.iter().map(|twice| Finding::warning(Interfaces, twice)));
    findings.extend(facts.idle.iter().map(|written| {
        let message = format!("{written} matches none of the interfaces to capture");
        Finding::note(Interfaces, message)
            .remedy("correct the name, or capture that interface as well")
    }));
    findings
}

/// As data.
pub fn listed(facts: &InterfaceFacts) -> Vec<Interface> {
    let interface = |each: &SelectedInterface| {
        let outlook = &each.outlook;
        let passed_over = outlook.ingress.passed_over.iter().chain(&outlook.egress.passed_over);
        Interface {
            name: each.link.name.clone(),
            driver: each.device.driver.clone(),
            native_xdp: each.device.xdp_features.map(XdpFeatures::native),
            xdp_frags: each.device.xdp_features.map(XdpFeatures::frags),
            ingress: outlook.ingress.mode.map(IngressMode::name),
            egress: outlook.egress.mode.map(EgressMode::name),
            reasons: passed_over.map(ToString::to_string).collect(),
        }
    };
    facts.selected.iter().map(interface).collect()
}

fn missing(missing: &MissingInterface, facts: &InterfaceFacts) -> Finding {
    let present = &facts.present;
    let message = match missing.is_auto() {
        true => format!("no default route, so `auto` selects nothing; available: {present}"),
        false => format!("no interface has this name; available: {present}"),
    };
    let finding = match missing.required {
        true => Finding::problem(Interfaces, message).remedy("name an interface that exists"),
        false => Finding::warning(Interfaces, message)
            .remedy("nothing, if it will appear: capturing starts then; else correct the name"),
    };
    finding.about(&missing.name)
}

fn of_one(interface: &SelectedInterface) -> Vec<Finding> {
    let mut findings = vec![modes(interface)];
    findings.extend(doubt(interface));
    findings.extend(state(interface));
    findings.extend(neighbours(interface));
    findings.extend(tags(interface));
    findings.extend(merges(interface));
    findings
}

/// By which hooks, and why not by better ones.
fn modes(interface: &SelectedInterface) -> Finding {
    let outlook = &interface.outlook;
    let shown = |mode: Option<&str>, passed_over: &[PassedOver]| {
        let reasons: Vec<_> = passed_over.iter().map(ToString::to_string).collect();
        let reasons =
            if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
        format!("{}{reasons}", mode.unwrap_or("impossible"))
    };
    let (ingress, egress) = (&outlook.ingress, &outlook.egress);
    let driver = driver(&interface.device);
    let message = format!(
        "ingress {}, egress {}{}",
        shown(ingress.mode.map(IngressMode::name), &ingress.passed_over),
        shown(egress.mode.map(EgressMode::name), &egress.passed_over),
        driver,
    );
    if ingress.mode.is_none() || egress.mode.is_none() {
        return Finding::problem(Interfaces, message).remedy(
            "free the slot (ip link show, bpftool net), or set ingress = \"auto\" or \"tc\"",
        );
    }
    match ingress.mode {
        Some(IngressMode::GenericXdp) => Finding::warning(
            Interfaces,
            format_args!("{message}: merged packets count once, so packet counts are too low"),
        )
        .remedy("ingress = \"auto\" counts them as they were on the wire"),
        _ => Finding::ok(Interfaces, message),
    }
}

/// The driver, and what it says of XDP.
fn driver(device: &Device) -> String {
    let xdp = device.xdp_features.map(|features| match (features.native(), features.frags()) {
        (false, _) => "no native XDP",
        (true, false) => "native XDP without frags",
        (true, true) => "native XDP with frags",
    });
    match (&device.driver, xdp) {
        (Some(driver), Some(xdp)) => format!("; driver {driver}: {xdp}"),
        (Some(driver), None) => format!("; driver {driver}"),
        (None, _) => String::new(),
    }
}

fn doubt(interface: &SelectedInterface) -> Option<Finding> {
    let Expected { doubt, .. } = &interface.outlook.ingress;
    let message = format!("that is not certain: {}; tc takes over if need be", doubt.as_ref()?);
    Some(Finding::note(Interfaces, message))
}

fn state(interface: &SelectedInterface) -> Vec<Finding> {
    let (device, mut findings) = (&interface.device, Vec::new());
    let name = &interface.link.name;
    if device.up == Some(false) {
        let remedy = format!("ip link set {name} up");
        findings.push(Finding::note(Interfaces, "it is down: nothing passes").remedy(remedy));
    } else if device.carrier == Some(false) {
        let message = "it has no carrier: nothing passes";
        findings
            .push(Finding::note(Interfaces, message).remedy("look at cable, switch port or peer"));
    }
    if interface.link.kind == "vrf" {
        let message = "VRF device: only programs on its members see its packets";
        findings.push(Finding::warning(Interfaces, message).remedy("capture the members"));
    }
    findings
}

/// Whose programs are there already.
fn neighbours(interface: &SelectedInterface) -> Vec<Finding> {
    let (name, device) = (&interface.link.name, &interface.device);
    let mut findings = Vec::new();
    let sensors = device.xdp.iter().chain(device.tcx.iter().flatten());
    if sensors.clone().any(|occupant| occupant.is_sensor) {
        let message = "another sensor captures it already";
        findings.push(
            Finding::note(Interfaces, message).remedy("stop that one before you start another"),
        );
    }
    let nameless = sensors.filter(|occupant| {
        !occupant.is_sensor && occupant.program != 0 && occupant.name.is_empty()
    });
    let nameless: Vec<_> = nameless.map(ToString::to_string).collect();
    if !nameless.is_empty() {
        // Without CAP_SYS_ADMIN sensors do not know each other either: each moves to the front a few times before it gives in.
        let what = format!("whether {} is another sensor's", nameless.join(", "));
        findings.push(Finding::needs_root(Interfaces, what));
    }
    let others = |occupants: &[Occupant]| -> Vec<String> {
        let others = occupants.iter().filter(|occupant| !occupant.is_sensor);
        others.map(ToString::to_string).collect()
    };
    if let Some(occupant) = device.xdp.as_ref().filter(|occupant| !occupant.is_sensor) {
        let message =
            format!("{occupant} is in the XDP slot, and may drop packets before tc counts them");
        findings.push(
            Finding::note(Interfaces, message)
                .remedy(format!("free the slot for exact counts: ip link set dev {name} xdp off")),
        );
    }
    match &device.tcx {
        None => {
            findings.push(Finding::needs_root(Interfaces, "which programs are at its tcx hooks"));
        }
        Some(occupants) => {
            let mut others = others(occupants);
            others.extend(device.clsact.iter().flatten().cloned());
            if !others.is_empty() {
                let message = format!(
                    "{} at its tc hooks: the sensor's programs go first",
                    others.join(", ")
                );
                findings.push(Finding::ok(Interfaces, message));
            }
        }
    }
    findings
}

/// Whether VLAN tags are seen.
fn tags(interface: &SelectedInterface) -> Option<Finding> {
    let (name, outlook) = (&interface.link.name, &interface.outlook);
    if let Some(tags) = &outlook.unseen_tags {
        let message = format!(
            "XDP does not see {tags}: VLAN ids, and 4 octets of each tagged packet, are lost"
        );
        let remedy = format!("ingress = \"auto\" or \"tc\"; or {}", tags.remedy(name));
        return Some(Finding::warning(Interfaces, message).remedy(remedy));
    }
    let is_xdp =
        matches!(outlook.ingress.mode, Some(IngressMode::NativeXdp | IngressMode::GenericXdp));
    (is_xdp && interface.device.has(STRIPS_TAGS)).then(|| {
        let message = "the NIC strips VLAN tags (rx-vlan-offload), and XDP does not see those; no device here expects any";
        let remedy = format!("if tagged packets arrive all the same: ethtool -K {name} rxvlan off, or ingress = \"tc\"");
        Finding::ok(Interfaces, message).remedy(remedy)
    })
}

/// What merging does to counts.
fn merges(interface: &SelectedInterface) -> Option<Finding> {
    let name = &interface.link.name;
    let active = MERGES.into_iter().filter(|(offload, _)| interface.device.has(offload));
    let active: Vec<_> = active.collect();
    let shown = |merges: &[(&str, &str)]| -> Vec<String> {
        merges.iter().map(|(offload, _)| (*offload).to_owned()).collect()
    };
    let off = |merges: &[(&str, &str)]| {
        let switches: Vec<_> = merges.iter().map(|(_, switch)| format!("{switch} off")).collect();
        format!("ethtool -K {name} {}", switches.join(" "))
    };
    let in_nic: Vec<_> =
        active.iter().copied().filter(|(offload, _)| MERGES_IN_NIC.contains(offload)).collect();
    match interface.outlook.ingress.mode? {
        _ if active.is_empty() => None,
        IngressMode::TcxIngress | IngressMode::ClsactIngress => {
            let message =
                format!("{} merge packets; tc counts them as they came", shown(&active).join(", "));
            Some(Finding::ok(Interfaces, message))
        }
        IngressMode::GenericXdp => {
            let message =
                format!("{} merge packets, which then count once", shown(&active).join(", "));
            let asked = if interface.wish == IngressWish::GenericXdp {
                "ingress = \"auto\"; or "
            } else {
                ""
            };
            Some(Finding::warning(Interfaces, message).remedy(format!("{asked}{}", off(&active))))
        }
        IngressMode::NativeXdp if in_nic.is_empty() => {
            let message =
                format!("{} merge packets after XDP has counted them", shown(&active).join(", "));
            Some(Finding::ok(Interfaces, message))
        }
        IngressMode::NativeXdp => {
            let message = format!(
                "{} merge packets in the NIC, unless its driver ends that for XDP: what is merged counts once",
                shown(&in_nic).join(", ")
            );
            Some(Finding::new(Interfaces, Status::Note, message).remedy(off(&in_nic)))
        }
    }
}

#[cfg(test)]
mod tests {
    use sensor_kernel::choice::TagsBeside;

    use super::*;
    use crate::agent::doctor::judge::testing::{interface, interfaces};

    fn worst(interface: &SelectedInterface) -> Vec<(Status, String)> {
        let findings = of_one(interface).into_iter();
        findings
            .filter(|finding| finding.status > Status::Ok)
            .map(|f| (f.status, f.message))
            .collect()
    }

    fn occupant(name: &str, is_sensor: bool) -> Occupant {
        Occupant { program: 9, name: name.into(), is_sensor }
    }

    #[test]
    fn a_nic_with_native_xdp_has_nothing_to_be_told() {
        let nic = interface("eth0");
        assert_eq!(worst(&nic), []);
        assert_eq!(
            modes(&nic).message,
            "ingress native XDP, egress tcx; driver ice: native XDP with frags"
        );
        assert_eq!(nic.device.xdp_features, Some(XdpFeatures(0x23)));
    }

    #[test]
    fn ways_that_are_worse_are_told_with_their_reasons() {
        let mut generic = interface("eth0");
        generic.wish = IngressWish::GenericXdp;
        generic.outlook.ingress.mode = Some(IngressMode::GenericXdp);
        generic.device.offloads = Some(["rx-gro".to_owned()].into());
        let found = worst(&generic);
        assert_eq!(
            found.iter().map(|(status, _)| *status).collect::<Vec<_>>(),
            [Status::Warning; 2]
        );
        assert_eq!(found[1].1, "rx-gro merge packets, which then count once");
        let mut none = interface("eth0");
        none.outlook.ingress.mode = None;
        none.outlook.ingress.passed_over =
            vec![PassedOver { way: "generic XDP", reason: "slot taken".into() }];
        assert_eq!(
            worst(&none)[0],
            (
                Status::Problem,
                "ingress impossible (generic XDP: slot taken), egress tcx; driver ice: native XDP with frags".to_owned()
            )
        );
        let mut unsure = interface("eth0");
        unsure.outlook.ingress.doubt = Some("the driver may refuse it".into());
        assert_eq!(worst(&unsure)[0].0, Status::Note);
    }

    #[test]
    fn programs_of_others_are_named_and_another_sensor_is_known() {
        let mut shared = interface("eth0");
        shared.device.tcx = Some(vec![occupant("cil_from_netdev", false)]);
        shared.device.clsact = Some(vec!["u32 filter of priority 7".into()]);
        assert_eq!(worst(&shared), []);
        let found = neighbours(&shared);
        assert!(
            found[0]
                .message
                .starts_with("cil_from_netdev (program 9), u32 filter of priority 7 at")
        );
        shared.device.tcx = Some(vec![occupant("tc_ingress", true)]);
        shared.device.xdp = Some(occupant("dispatcher", false));
        let found = worst(&shared);
        assert_eq!(found[0].1, "another sensor captures it already");
        assert!(found[1].1.starts_with("dispatcher (program 9) is in the XDP slot"), "{found:?}");
        shared.device.tcx = None;
        assert!(neighbours(&shared).iter().any(|finding| finding.needs_root));
    }

    #[test]
    fn tags_that_are_stripped_are_told_where_they_are_missed() {
        let mut nic = interface("eth0");
        nic.device.offloads = Some([STRIPS_TAGS.to_owned()].into());
        let found = tags(&nic).unwrap();
        assert_eq!(found.status, Status::Ok);
        assert!(found.remedy.unwrap().contains("ethtool -K eth0 rxvlan off"));
        nic.outlook.unseen_tags = Some(TagsBeside::TakenOut("eth0.5".into()));
        let found = tags(&nic).unwrap();
        assert_eq!(found.status, Status::Warning);
        assert!(found.message.contains("strips for eth0.5"), "{found:?}");
        nic.outlook.unseen_tags = None;
        nic.outlook.ingress.mode = Some(IngressMode::TcxIngress);
        assert_eq!(tags(&nic), None, "tc sees them");
    }

    #[test]
    fn merging_matters_by_where_it_is_done() {
        let merged = |mode, offloads: &[&str]| {
            let mut nic = interface("eth0");
            nic.outlook.ingress.mode = Some(mode);
            nic.device.offloads = Some(offloads.iter().map(|&name| name.to_owned()).collect());
            merges(&nic).map(|finding| (finding.status, finding.remedy))
        };
        use IngressMode::{ClsactIngress, NativeXdp, TcxIngress};
        assert_eq!(merged(NativeXdp, &[]), None);
        assert_eq!(merged(NativeXdp, &["rx-gro"]), Some((Status::Ok, None)));
        assert_eq!(merged(TcxIngress, &["rx-gro", "rx-lro"]), Some((Status::Ok, None)));
        assert_eq!(merged(ClsactIngress, &["rx-gro-list"]), Some((Status::Ok, None)));
        let remedy = "ethtool -K eth0 lro off rx-gro-hw off".to_owned();
        let all = merged(NativeXdp, &["rx-gro", "rx-lro", "rx-gro-hw"]);
        assert_eq!(all, Some((Status::Note, Some(remedy))));
    }

    #[test]
    fn what_is_missing_is_a_problem_for_who_wants_it_now() {
        let missing = |name: &str, required| {
            let missing = vec![MissingInterface { name: name.into(), required }];
            let facts = InterfaceFacts { selected: Vec::new(), missing, ..interfaces() };
            let found = judge(&facts);
            assert_eq!(found.len(), 1, "{found:?}");
            (found[0].status, found[0].message.clone())
        };
        let absent = "no interface has this name; available: eth0, lo".to_owned();
        assert_eq!(missing("eth9", true), (Status::Problem, absent.clone()));
        assert_eq!(missing("eth9", false), (Status::Warning, absent));
        assert!(missing("auto", false).1.starts_with("no default route"));
        let nothing = InterfaceFacts { selected: Vec::new(), ..interfaces() };
        assert_eq!(judge(&nothing)[0].status, Status::Warning);
        let error = Some("rtnetlink is mute".to_owned());
        assert_eq!(judge(&InterfaceFacts { error, ..nothing })[0].status, Status::Problem);
    }

    #[test]
    fn states_overlaps_and_idle_settings_are_told() {
        let mut down = interface("eth0");
        (down.device.up, down.link.kind) = (Some(false), "vrf".into());
        let found = worst(&down);
        assert_eq!(found[0], (Status::Note, "it is down: nothing passes".to_owned()));
        assert_eq!(found[1].0, Status::Warning);
        down.device = Device { up: Some(true), carrier: Some(false), ..down.device };
        assert_eq!(worst(&down)[0].1, "it has no carrier: nothing passes");
        let facts = InterfaceFacts {
            counted_twice: vec!["bond0 and eth0 see the same packets".into()],
            idle: vec!["`[[interface]] name = \"eth7\"`".into()],
            ..interfaces()
        };
        let statuses: Vec<_> = judge(&facts).iter().map(|finding| finding.status).collect();
        assert_eq!(statuses, [Status::Ok, Status::Warning, Status::Note]);
    }
}
