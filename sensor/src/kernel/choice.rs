//! By which hook received packets are counted: what is asked for, and what the kind of device calls for.
//!
//! Native XDP counts frames as the wire has them and costs least, so it comes first, but for the kinds of device where
//! it does not count what it should: those of [`BETTER_BY_TC`], which `sensor/docs/interfaces.md` lists too.

use super::attach::{IngressMode, IngressWish, PassedOver};

/// Kinds of device on which XDP counts wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What rtnetlink calls it (`IFLA_INFO_KIND`).
    pub kind: &'static str,
    /// What is wrong with XDP there.
    pub why: &'static str,
}

/// Where tcx comes first.
pub const BETTER_BY_TC: [Unfit; 3] = [
    Unfit { kind: "bond", why: "programs of a bond run in its members, under their index" },
    Unfit { kind: "team", why: "programs of a team run in its members, under their index" },
    Unfit { kind: "tun", why: "super-packets of virtual machines would count once" },
];

/// What to try, best first, and what was passed over before anything was tried.
pub(super) fn ways(wish: IngressWish, kind: &str) -> (&'static [IngressMode], Option<PassedOver>) {
    use IngressMode::{ClsactIngress, GenericXdp, NativeXdp, TcxIngress};
    const XDP_FIRST: &[IngressMode] = &[NativeXdp, TcxIngress, ClsactIngress];
    match wish {
        IngressWish::Best => match BETTER_BY_TC.iter().find(|unfit| unfit.kind == kind) {
            Some(unfit) => {
                let passed_over = PassedOver { way: "native XDP", reason: unfit.why.to_owned() };
                (&[TcxIngress, ClsactIngress, NativeXdp], Some(passed_over))
            }
            None => (XDP_FIRST, None),
        },
        IngressWish::NativeXdp => (XDP_FIRST, None),
        IngressWish::Tc => (&[TcxIngress, ClsactIngress], None),
        IngressWish::GenericXdp => (&[GenericXdp], None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters_and_taps_are_counted_by_tc_unless_xdp_is_insisted_on() {
        for kind in ["bond", "team", "tun"] {
            let (tried, passed_over) = ways(IngressWish::Best, kind);
            assert_eq!(tried.first(), Some(&IngressMode::TcxIngress), "{kind}");
            assert!(passed_over.is_some_and(|passed_over| passed_over.way == "native XDP"));
            let (tried, passed_over) = ways(IngressWish::NativeXdp, kind);
            assert_eq!((tried.first(), passed_over), (Some(&IngressMode::NativeXdp), None));
        }
        for kind in ["", "veth", "vlan"] {
            let (tried, passed_over) = ways(IngressWish::Best, kind);
            assert_eq!((tried.first(), passed_over), (Some(&IngressMode::NativeXdp), None));
        }
    }

    #[test]
    fn tc_leaves_the_xdp_slot_to_others() {
        for kind in ["", "veth", "tun"] {
            let (tried, _) = ways(IngressWish::Tc, kind);
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
