//! What attaching to an interface would come to, said without attaching: the plan that attaching follows (`choice.rs`),
//! with each way judged by what the kernel says of the device.
//!
//! Only a driver knows whether it takes a program: where it may yet refuse, the answer carries that doubt.

use super::{
    choice::{self, Choice, TagsBeside},
    device::Device,
    drivers::native_xdp_since,
    links::{Link, LinkLayer},
    probe::Means,
    ways::{self, EgressMode, IngressMode, IngressWish, PassedOver},
};

/// Longest frame that every driver takes into one buffer: larger ones need `xdp.frags`. Drivers differ by what they keep
/// of a page for themselves.
const ONE_BUFFER: u32 = 3000;
/// Longest frame that any driver takes into one buffer: a page without the room that XDP keeps on both sides.
const LARGEST_BUFFER: u32 = 3520;

/// One direction of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected<M> {
    /// How packets would be seen; `None` if no way works.
    pub mode: Option<M>,
    /// Better ways, and why not.
    pub passed_over: Vec<PassedOver>,
    /// Why it may turn out otherwise.
    pub doubt: Option<String>,
}

/// Both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Received packets.
    pub ingress: Expected<IngressMode>,
    /// Sent packets.
    pub egress: Expected<EgressMode>,
    /// VLAN tags that the programs would not see.
    pub unseen_tags: Option<TagsBeside>,
}

/// What attaching to `link`, which is as `device` says, would come to by these means.
pub fn of(link: &Link, wish: IngressWish, device: &Device, means: &Means) -> Outlook {
    let ingress = expected(choice::ingress(link, wish).first(|mode| match mode {
        IngressMode::NativeXdp => native_xdp(link, device, means),
        IngressMode::GenericXdp => generic_xdp(link, device),
        IngressMode::TcxIngress => tcx(means),
        IngressMode::ClsactIngress => Ok(None),
    }));
    let egress = expected(choice::egress().first(|mode| match mode {
        EgressMode::Tcx => tcx(means),
        EgressMode::Clsact => Ok(None),
    }));
    let unseen_tags = ingress.mode.and_then(|mode| mode.unseen_tags(link));
    Outlook { ingress, egress, unseen_tags }
}

fn expected<M>(choice: Choice<M, Option<String>>) -> Expected<M> {
    let Choice { taken, passed_over } = choice;
    let (mode, doubt) = taken.map_or((None, None), |(mode, doubt)| (Some(mode), doubt));
    Expected { mode, passed_over, doubt }
}

fn native_xdp(link: &Link, device: &Device, means: &Means) -> Result<Option<String>, String> {
    empty_slot(link, device)?;
    let Some(features) = device.xdp_features else { return by_driver(device, means) };
    if !features.native() {
        return Err(ways::NO_NATIVE_XDP.into());
    }
    if features.frags() || link.mtu <= ONE_BUFFER {
        return Ok(None);
    }
    match link.mtu > LARGEST_BUFFER {
        true => Err(ways::refused_at(link.mtu, "no frags")),
        false => Ok(Some(format!("the driver may refuse it at MTU {}: no frags", link.mtu))),
    }
}

/// By what is known of drivers, where the kernel does not say what its devices can do.
fn by_driver(device: &Device, means: &Means) -> Result<Option<String>, String> {
    let Some(driver) = &device.driver else { return Err(ways::NO_NATIVE_XDP.into()) };
    match native_xdp_since(driver) {
        Some((major, minor)) if means.is_at_least(major, minor) => {
            Ok(Some("this kernel does not report what its drivers can do".to_owned()))
        }
        _ => Err(ways::NO_NATIVE_XDP.into()),
    }
}

fn generic_xdp(link: &Link, device: &Device) -> Result<Option<String>, String> {
    empty_slot(link, device).map(|()| None)
}

fn empty_slot(link: &Link, device: &Device) -> Result<(), String> {
    match &device.xdp {
        _ if link.link_layer == LinkLayer::Ip => Err(ways::NO_ETHERNET.into()),
        Some(occupant) => Err(ways::slot_taken(Some(occupant))),
        None => Ok(()),
    }
}

fn tcx(means: &Means) -> Result<Option<String>, String> {
    if means.has_tcx() { Ok(None) } else { Err(ways::NO_TCX.into()) }
}

#[cfg(test)]
mod tests {
    use super::{
        super::device::{Occupant, XdpFeatures},
        *,
    };

    const NEW: (u8, u8) = (6, 12);
    const OLD: (u8, u8) = (6, 1);

    fn link(kind: &str, mtu: u32) -> Link {
        Link {
            index: 2,
            name: "no-such-0".into(),
            alternatives: Vec::new(),
            link_layer: LinkLayer::Ethernet,
            mtu,
            lower: None,
            upper: None,
            kind: kind.into(),
            by_vlan: false,
            tags_for: None,
        }
    }

    fn device(driver: &str, xdp_features: Option<u64>) -> Device {
        let xdp_features = xdp_features.map(XdpFeatures);
        Device { driver: Some(driver.into()), xdp_features, ..Device::default() }
    }

    /// Ingress and egress in one line, with the doubt.
    fn shown(link: &Link, wish: IngressWish, device: &Device, release: (u8, u8)) -> String {
        let found = of(link, wish, device, &Means::of(release, u64::MAX));
        let mode = |mode: Option<String>, passed_over: &[PassedOver], doubt: Option<String>| {
            let doubt = doubt.map(|doubt| format!("; doubt: {doubt}")).unwrap_or_default();
            format!("{} ({}{doubt})", mode.unwrap_or_default(), ways::reasons(passed_over))
        };
        let Expected { mode: ingress, passed_over, doubt } = found.ingress;
        let ingress = mode(ingress.map(|mode| mode.to_string()), &passed_over, doubt);
        let Expected { mode: egress, passed_over, doubt } = found.egress;
        ingress + ", " + &mode(egress.map(|mode| mode.to_string()), &passed_over, doubt)
    }

    #[test]
    fn each_way_is_judged_by_what_the_kernel_says() {
        use IngressWish::{Best, GenericXdp, NativeXdp, Tc};
        let (nic, jumbo, near) = (link("", 1500), link("", 9000), link("", 3400));
        let taken = Device {
            xdp: Some(Occupant { program: 7, name: "other".into(), is_sensor: false }),
            ..device("ice", Some(0x23))
        };
        let tunnel = Link { link_layer: LinkLayer::Ip, ..link("wireguard", 1420) };
        for (link, wish, device, release, expected) in [
            (&nic, Best, device("ice", Some(0x23)), NEW, "native XDP (), tcx ()"),
            (&jumbo, Best, device("ice", Some(0x23)), NEW, "native XDP (), tcx ()"),
            (
                &jumbo,
                Best,
                device("igb", Some(0x3)),
                NEW,
                "tcx (native XDP: driver refuses it at MTU 9000 (no frags)), tcx ()",
            ),
            (
                &near,
                Best,
                device("igb", Some(0x3)),
                NEW,
                "native XDP (; doubt: the driver may refuse it at MTU 3400: no frags), tcx ()",
            ),
            (
                &nic,
                Best,
                device("e1000e", Some(0)),
                NEW,
                "tcx (native XDP: driver has none), tcx ()",
            ),
            (
                &nic,
                Best,
                taken.clone(),
                NEW,
                "tcx (native XDP: slot taken by other (program 7)), tcx ()",
            ),
            (&nic, Tc, taken.clone(), NEW, "tcx (), tcx ()"),
            (
                &nic,
                GenericXdp,
                taken,
                NEW,
                " (generic XDP: slot taken by other (program 7)), tcx ()",
            ),
            (
                &nic,
                Best,
                device("ice", None),
                OLD,
                "native XDP (; doubt: this kernel does not report what its drivers can do), \
                 clsact (tcx: needs Linux 6.6)",
            ),
            (
                &nic,
                Best,
                device("e1000e", None),
                OLD,
                "clsact (native XDP: driver has none; tcx: needs Linux 6.6), clsact (tcx: needs Linux 6.6)",
            ),
            (
                &nic,
                Best,
                device("gve", None),
                OLD,
                "clsact (native XDP: driver has none; tcx: needs Linux 6.6), clsact (tcx: needs Linux 6.6)",
            ),
            (&nic, Best, Device::default(), NEW, "tcx (native XDP: driver has none), tcx ()"),
            (
                &tunnel,
                NativeXdp,
                Device::default(),
                NEW,
                "tcx (native XDP: XDP requires Ethernet headers), tcx ()",
            ),
        ] {
            assert_eq!(shown(link, wish, &device, release), expected, "{wish:?} {device:?}");
        }
    }

    #[test]
    fn kinds_that_xdp_miscounts_follow_the_same_plan_as_attaching() {
        let veth = link("veth", 1500);
        let found = shown(&veth, IngressWish::Best, &device("veth", Some(0x23)), NEW);
        assert!(found.starts_with("tcx (native XDP: it would miss VLAN tags"), "{found}");
        let means = Means::of(NEW, u64::MAX);
        let insisted = of(&veth, IngressWish::NativeXdp, &device("veth", Some(0x23)), &means);
        assert_eq!(insisted.ingress.mode, Some(IngressMode::NativeXdp));
        assert_eq!(insisted.unseen_tags, Some(TagsBeside::NotWritten));
    }
}
