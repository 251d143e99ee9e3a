//! What ids of resources and the names of blobs tell: `/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.NETWORK/...`.
//!
//! The same id comes in capitals in one place and in small letters in another; here all of them are small.

/// What a resource belongs to, and what it is called; what is empty is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Subscription.
    pub subscription: String,
    /// The flow log, as far as it is told: of a network security group, its resource group and its name, and so of a DNS security
    /// policy; of a virtual network, the network watcher and the name of the log.
    pub log: String,
    /// Virtual network.
    pub network: String,
    /// Subnet.
    pub subnet: String,
    /// Region.
    pub region: String,
}

/// What the name of the region stands behind in that of a network watcher, unless somebody called it otherwise.
const WATCHER: &str = "networkwatcher_";

impl Place {
    /// What the ids of a record tell: of its network security group, of the flow log, and of what that is a log of.
    pub fn of(group: &[u8], log: &[u8], target: &[u8]) -> Self {
        let mut place = Self::default();
        for id in [group, log, target] {
            place.add(&String::from_utf8_lossy(id));
        }
        place
    }

    /// What the name of a blob tells, in front of its date.
    pub fn of_blob(path: &str) -> Self {
        let mut place = Self::default();
        let lower = path.to_lowercase();
        let front = lower.split("/y=").next().unwrap_or_default();
        if let Some((_, id)) = front.split_once("flowlogresourceid=/") {
            // The subscription and the resource group of the network watcher, then the watcher and the log.
            let mut parts = id.split('/');
            let owner = parts.next().unwrap_or_default();
            place.subscription = owner.split('_').next().unwrap_or_default().to_owned();
            place.log = parts.next().unwrap_or_default().to_owned();
        } else if let Some((_, id)) = front.split_once("resourceid=/") {
            place.add(&format!("/{id}"));
        }
        place
    }

    /// This, and what is told elsewhere of what it does not tell.
    pub fn or(self, other: &Self) -> Self {
        let or = |own: String, other: &String| if own.is_empty() { other.clone() } else { own };
        Self {
            subscription: or(self.subscription, &other.subscription),
            log: or(self.log, &other.log),
            network: or(self.network, &other.network),
            subnet: or(self.subnet, &other.subnet),
            region: or(self.region, &other.region),
        }
    }

    /// The address of the interface that the name of a blob tells.
    pub fn interface_of_blob(path: &str) -> &str {
        let named = path.split('/').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.eq_ignore_ascii_case("macAddress").then_some(value)
        });
        named.unwrap_or_default()
    }

    fn add(&mut self, id: &str) {
        let lower = id.to_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let named = |kind: &str| {
            let at = parts.iter().position(|part| *part == kind)?;
            parts.get(at + 1).copied().filter(|name| !name.is_empty())
        };
        let set = |own: &mut String, told: Option<&str>| {
            if let Some(told) = told
                && own.is_empty()
            {
                *own = told.to_owned();
            }
        };
        set(&mut self.subscription, named("subscriptions"));
        set(&mut self.network, named("virtualnetworks"));
        set(&mut self.subnet, named("subnets"));
        let watcher = named("networkwatchers");
        set(&mut self.region, watcher.and_then(|name| name.strip_prefix(WATCHER)));
        let log = named("flowlogs").map(|log| [watcher.unwrap_or_default(), log].join("/"));
        set(&mut self.log, log.as_deref());
        let policy = named("dnsresolverpolicies");
        let policy =
            policy.map(|name| [named("resourcegroups").unwrap_or_default(), name].join("/"));
        set(&mut self.log, policy.as_deref());
        let group = named("networksecuritygroups");
        let group = group.map(|name| [named("resourcegroups").unwrap_or_default(), name].join("/"));
        set(&mut self.log, group.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place([subscription, log, network, subnet, region]: [&str; 5]) -> Place {
        Place {
            subscription: subscription.to_owned(),
            log: log.to_owned(),
            network: network.to_owned(),
            subnet: subnet.to_owned(),
            region: region.to_owned(),
        }
    }

    #[test]
    fn ids_tell_the_same_in_any_case() {
        let group = "/SUBSCRIPTIONS/0A-1B/RESOURCEGROUPS/FabrikamRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/VM1-NSG";
        let expected = place(["0a-1b", "fabrikamrg/vm1-nsg", "", "", ""]);
        assert_eq!(Place::of(group.as_bytes(), b"", b""), expected);
        assert_eq!(Place::of(group.to_lowercase().as_bytes(), b"", b""), expected);
        let log = "/SUBSCRIPTIONS/0A-1B/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_EASTUS2EUAP/FLOWLOGS/VNETFLOWLOG";
        let target = "/subscriptions/0a-1b/resourceGroups/rg-Prod/providers/Microsoft.Network/virtualNetworks/My-Vnet";
        let log_of = |target: &str| Place::of(b"", log.as_bytes(), target.as_bytes());
        let name = "networkwatcher_eastus2euap/vnetflowlog";
        assert_eq!(log_of(target), place(["0a-1b", name, "my-vnet", "", "eastus2euap"]));
        let subnet = format!("{target}/subnets/Front");
        assert_eq!(log_of(&subnet), place(["0a-1b", name, "my-vnet", "front", "eastus2euap"]));
        for other in ["", "/", "x", "/subscriptions/", "/subscriptions//x", "flowlogs"] {
            assert_eq!(Place::of(b"", b"", other.as_bytes()), Place::default(), "{other}");
        }
    }

    #[test]
    fn names_of_blobs_tell_what_their_records_do() {
        for (path, expected, interface) in [
            (
                "c/resourceId=/SUBSCRIPTIONS/SUB-123/RESOURCEGROUPS/RG-PROD/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/NSG-1/y=2024/m=03/d=15/h=10/m=00/macAddress=AABBCCDDEEFF/PT1H.json",
                place(["sub-123", "rg-prod/nsg-1", "", "", ""]),
                "AABBCCDDEEFF",
            ),
            (
                "resourceId=/SUBSCRIPTIONS/sub-123/RESOURCEGROUPS/rg/PROVIDERS/MICROSOFT.NETWORK/VIRTUALNETWORKS/myVnet/y=2024/m=03/d=15/h=10/m=00/macAddress=AABBCCDDEEFF/PT1H.json",
                place(["sub-123", "", "myvnet", "", ""]),
                "AABBCCDDEEFF",
            ),
            (
                "flowLogResourceID=/9C99D7C5-7653_STAGING-BATCH1/NETWORKWATCHER_CENTRALINDIA_FLOWLOG/y=2024/m=01/d=01/h=00/m=00/macAddress=001122334455/PT1H.json",
                place(["9c99d7c5-7653", "networkwatcher_centralindia_flowlog", "", "", ""]),
                "001122334455",
            ),
            ("some/random/path.json", Place::default(), ""),
        ] {
            assert_eq!(Place::of_blob(path), expected, "{path}");
            assert_eq!(Place::interface_of_blob(path), interface);
        }
    }
}
