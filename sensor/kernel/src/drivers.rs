//! Which drivers run XDP programs natively, for kernels that do not say so themselves (before Linux 6.3).

/// Drivers by the name that ethtool shows, and the first kernel release with native XDP; of those that had it before the
/// oldest kernel that the sensor runs on, 0.0.
const NATIVE_XDP: [(&str, (u8, u8)); 43] = [
    ("atlantic", (5, 19)),
    ("am65-cpsw-nuss", (6, 10)),
    ("bnxt_en", (0, 0)),
    ("bonding", (0, 0)),
    ("cpsw", (0, 0)),
    ("cpsw-switch", (0, 0)),
    ("dpaa2-eth", (0, 0)),
    ("ena", (0, 0)),
    ("fec", (6, 2)),
    ("fsl_dpa", (0, 0)),
    ("fsl_dpaa2_eth", (0, 0)),
    ("fsl_enetc", (0, 0)),
    ("fsl_enetc_vf", (0, 0)),
    ("funeth", (5, 18)),
    ("gve", (6, 4)),
    ("hv_netvsc", (0, 0)),
    ("i40e", (0, 0)),
    ("iavf", (6, 13)),
    ("ice", (0, 0)),
    ("igb", (0, 0)),
    ("igc", (0, 0)),
    ("ixgbe", (0, 0)),
    ("ixgbevf", (0, 0)),
    ("lan966x-switch", (6, 1)),
    ("mana", (0, 0)),
    ("mlx4_en", (0, 0)),
    ("mlx5_core", (0, 0)),
    ("mtk_soc_eth", (6, 0)),
    ("mvneta", (0, 0)),
    ("mvpp2", (0, 0)),
    ("nfp", (0, 0)),
    ("nicvf", (0, 0)),
    ("netsec", (0, 0)),
    ("qede", (0, 0)),
    ("rvu-nicpf", (0, 0)),
    ("rvu-nicvf", (0, 0)),
    ("sfc", (0, 0)),
    ("st_gmac", (0, 0)),
    ("tsnep", (6, 3)),
    ("tun", (0, 0)),
    ("veth", (0, 0)),
    ("virtio_net", (0, 0)),
    ("vif", (0, 0)),
];

/// The first kernel release, major and minor, whose driver of this name has native XDP; `None` for drivers that are not
/// known to have it.
pub(super) fn native_xdp_since(driver: &str) -> Option<(u8, u8)> {
    NATIVE_XDP.iter().find(|(name, _)| *name == driver).map(|(_, since)| *since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_driver_has_one_row() {
        let mut names: Vec<_> = NATIVE_XDP.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NATIVE_XDP.len());
        assert_eq!(native_xdp_since("ixgbe"), Some((0, 0)));
        assert_eq!(native_xdp_since("e1000e"), None);
    }
}
