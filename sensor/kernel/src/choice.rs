//! By which hook received packets are counted: what is asked for, and what the device calls for.
//!
//! Native XDP counts frames as the wire has them and costs least, so it comes first, but for devices where it does not
//! count what it should: the kinds of [`BETTER_BY_TC`], which `sensor/docs/interfaces.md` lists too, and those that take
//! VLAN tags out of frames for a device above them. Such a tag lies in the receive descriptor. An XDP program of a NIC can
//! ask for it by the kfunc `bpf_xdp_metadata_rx_vlan_tag`, but aya 0.14 neither relocates calls of kfuncs nor loads programs
//! bound to a device; and veth has it only where the peer wrote none.

use std::fmt;

use super::{
    ethtool,
    links::{Link, LinkLayer},
    ways::{EgressMode, IngressMode, IngressWish, PassedOver, Way},
};

/// Kinds of device on which XDP counts wrongly, or harms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What rtnetlink calls it (`IFLA_INFO_KIND`).
    pub kind: &'static str,
    /// What is wrong with XDP there.
    pub why: &'static str,
}

/// The kind of virtual Ethernet pairs.
const VETH: &str = "veth";

/// Where tcx comes first.
///
/// On veth, as long as an XDP program is attached, the kernel takes segmentation in software (`NETIF_F_GSO_SOFTWARE`) off
/// the peer's features, so that the sensor would change the traffic that it counts. tcx counts super-packets as segments.
pub const BETTER_BY_TC: [Unfit; 4] = [
    Unfit { kind: "bond", why: "XDP on a bond runs on its members and sees their interface index" },
    Unfit { kind: "team", why: "XDP on a team runs on its members and sees their interface index" },
    Unfit { kind: "tun", why: "super-packets of virtual machines would count once" },
    Unfit {
        kind: VETH,
        why: "it would miss VLAN tags, which veth passes outside the frame's bytes, and turn off the peer's segmentation offload",
    },
];

/// VLAN tags of received frames that lie beside them, where no XDP program of ours sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagsBeside {
    /// The device takes them out, and the device of this name needs them.
    TakenOut(String),
    /// The peer of a veth pair need not write them.
    NotWritten,
}

impl TagsBeside {
    /// Whether that is so for `link` now.
    pub(super) fn of(link: &Link) -> Option<Self> {
        Self::judge(link, || match ethtool::flags(&link.name) {
            Ok(flags) => flags & ethtool::RX_VLAN != 0,
            Err(error) => {
                tracing::debug!(interface = link.name, %error, "it does not report its offloads");
                false
            }
        })
    }

    fn judge(link: &Link, takes_out: impl FnOnce() -> bool) -> Option<Self> {
        match &link.tags_for {
            _ if link.kind == VETH => Some(Self::NotWritten),
            Some(user) if takes_out() => Some(Self::TakenOut(user.clone())),
            _ => None,
        }
    }

    /// The command that puts tags into the frames received by `interface`.
    pub fn remedy(&self, interface: &str) -> String {
        match self {
            Self::TakenOut(_) => format!("ethtool -K {interface} rxvlan off"),
            Self::NotWritten => "ethtool -K PEER txvlan off".to_owned(),
        }
    }
}

impl IngressMode {
    /// VLAN tags of `link` that a program there does not see.
    pub(super) fn unseen_tags(self, link: &Link) -> Option<TagsBeside> {
        match self {
            Self::NativeXdp | Self::GenericXdp => TagsBeside::of(link),
            Self::TcxIngress | Self::ClsactIngress => None,
        }
    }
}

impl fmt::Display for TagsBeside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TakenOut(user) => {
                write!(f, "VLAN tags that the device strips for {user}")
            }
            Self::NotWritten => {
                f.write_str("VLAN tags that the peer passes outside the frame's bytes")
            }
        }
    }
}

/// What to try, best first, and what was passed over before anything was tried. Whoever attaches and whoever only
/// says what attaching would come to follow the same plan.
#[derive(Clone, Debug)]
pub(super) struct Plan<M: 'static> {
    ways: &'static [M],
    passed_over: Option<PassedOver>,
}

/// What came of a plan.
#[derive(Debug)]
pub(super) struct Choice<M, T> {
    /// The first way that works, and what it gave.
    pub taken: Option<(M, T)>,
    /// Better ways, and why not.
    pub passed_over: Vec<PassedOver>,
}

impl<M: Copy + Way> Plan<M> {
    /// Tries one after another until one works.
    pub(super) fn first<T>(self, mut attempt: impl FnMut(M) -> Result<T, String>) -> Choice<M, T> {
        let mut passed_over: Vec<_> = self.passed_over.into_iter().collect();
        for &mode in self.ways {
            match attempt(mode) {
                Ok(found) => return Choice { taken: Some((mode, found)), passed_over },
                Err(reason) => passed_over.push(PassedOver { way: mode.name(), reason }),
            }
        }
        Choice { taken: None, passed_over }
    }
}

/// The plan for packets that `link` receives.
pub(super) fn ingress(link: &Link, wish: IngressWish) -> Plan<IngressMode> {
    // Without Ethernet headers, the hook itself says that XDP is not for such devices.
    let (kind, tags) = match link.link_layer {
        LinkLayer::Ethernet => (&*link.kind, TagsBeside::of(link)),
        LinkLayer::Ip => ("", None),
    };
    let (ways, passed_over) = ways(wish, kind, tags.as_ref());
    Plan { ways, passed_over }
}

/// The plan for packets that an interface sends.
pub(super) fn egress() -> Plan<EgressMode> {
    Plan { ways: &[EgressMode::Tcx, EgressMode::Clsact], passed_over: None }
}

/// The ways for received packets.
fn ways(
    wish: IngressWish,
    kind: &str,
    tags: Option<&TagsBeside>,
) -> (&'static [IngressMode], Option<PassedOver>) {
    use IngressMode::{ClsactIngress, GenericXdp, NativeXdp, TcxIngress};
    const XDP_FIRST: &[IngressMode] = &[NativeXdp, TcxIngress, ClsactIngress];
    match wish {
        IngressWish::Best => {
            let unfit = BETTER_BY_TC.iter().find(|unfit| unfit.kind == kind);
            let reason = unfit.map(|unfit| unfit.why.to_owned());
            match reason.or_else(|| tags.map(|tags| format!("{tags} would be lost"))) {
                Some(reason) => {
                    let passed_over = PassedOver { way: "native XDP", reason };
                    (&[TcxIngress, ClsactIngress, NativeXdp], Some(passed_over))
                }
                None => (XDP_FIRST, None),
            }
        }
        IngressWish::NativeXdp => (XDP_FIRST, None),
        IngressWish::Tc => (&[TcxIngress, ClsactIngress], None),
        IngressWish::GenericXdp => (&[GenericXdp], None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(wish: IngressWish, kind: &str, tags: Option<&TagsBeside>) -> (IngressMode, String) {
        let (tried, passed_over) = ways(wish, kind, tags);
        (tried[0], passed_over.map(|passed_over| passed_over.to_string()).unwrap_or_default())
    }

    #[test]
    fn kinds_that_xdp_miscounts_are_counted_by_tc_unless_xdp_is_insisted_on() {
        let native = (IngressMode::NativeXdp, String::new());
        for kind in ["bond", "team", "tun", "veth"] {
            let (mode, reason) = first(IngressWish::Best, kind, None);
            assert_eq!(mode, IngressMode::TcxIngress, "{kind}");
            assert!(reason.starts_with("native XDP: "), "{kind}: {reason}");
            assert_eq!(first(IngressWish::NativeXdp, kind, None), native);
        }
        for kind in ["", "vlan", "macvlan"] {
            assert_eq!(first(IngressWish::Best, kind, None), native);
        }
    }

    #[test]
    fn a_nic_that_takes_out_tags_somebody_needs_is_counted_by_tc_unless_xdp_is_insisted_on() {
        let tags = TagsBeside::TakenOut("eth0.5".into());
        let (mode, reason) = first(IngressWish::Best, "", Some(&tags));
        assert_eq!(mode, IngressMode::TcxIngress);
        assert!(reason.contains("strips for eth0.5"), "{reason}");
        for (wish, mode) in [
            (IngressWish::NativeXdp, IngressMode::NativeXdp),
            (IngressWish::Tc, IngressMode::TcxIngress),
            (IngressWish::GenericXdp, IngressMode::GenericXdp),
        ] {
            assert_eq!(first(wish, "", Some(&tags)), (mode, String::new()));
        }
    }

    #[test]
    fn tags_lie_beside_frames_where_an_offload_takes_out_what_somebody_needs_and_on_veth() {
        let link = |kind: &str, tags_for: Option<&str>| Link {
            index: 2,
            name: "eth0".into(),
            alternatives: Vec::new(),
            link_layer: LinkLayer::Ethernet,
            mtu: 1500,
            lower: None,
            upper: None,
            kind: kind.into(),
            by_vlan: false,
            tags_for: tags_for.map(Into::into),
        };
        let taken_out = TagsBeside::TakenOut("eth0.5".into());
        assert_eq!(taken_out.remedy("eth0"), "ethtool -K eth0 rxvlan off");
        for (kind, tags_for, offload, expected) in [
            ("", None, true, None),
            ("", Some("eth0.5"), false, None),
            ("", Some("eth0.5"), true, Some(taken_out)),
            ("veth", None, false, Some(TagsBeside::NotWritten)),
            ("veth", Some("eth0.5"), false, Some(TagsBeside::NotWritten)),
        ] {
            assert_eq!(TagsBeside::judge(&link(kind, tags_for), || offload), expected);
        }
    }

    #[test]
    fn tc_leaves_the_xdp_slot_to_others() {
        for kind in ["", "veth", "tun"] {
            let (tried, _) = ways(IngressWish::Tc, kind, None);
            assert_eq!(tried, [IngressMode::TcxIngress, IngressMode::ClsactIngress]);
        }
    }

    #[test]
    fn the_document_has_the_table() {
        let document = include_str!("../../docs/interfaces.md");
        let rows: Vec<_> = document.lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<_> = BETTER_BY_TC
            .iter()
            .map(|unfit| format!("| `{}` | {} |", unfit.kind, unfit.why))
            .collect();
        assert_eq!(rows, expected);
    }
}
