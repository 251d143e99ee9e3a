//! What happens in the demonstration: the flows, who logs them, and what must come of it. Every other module takes it from here.

use std::net::Ipv4Addr;

/// IP protocol numbers.
pub const TCP: u8 = 6;
/// UDP.
pub const UDP: u8 = 17;

/// A flow, in the direction of who opened it.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    pub protocol: u8,
    pub from: (Ipv4Addr, u16),
    pub to: (Ipv4Addr, u16),
    pub packets: u32,
    pub octets: u32,
}

/// Virtual machine in AWS, security group production.
pub const DATABASE: Ipv4Addr = Ipv4Addr::new(10, 10, 1, 10);
/// Virtual machine in AWS, security group production.
pub const WEB: Ipv4Addr = Ipv4Addr::new(10, 10, 1, 20);
/// File system in AWS, security group development.
pub const CACHE: Ipv4Addr = Ipv4Addr::new(10, 10, 2, 30);
/// Virtual machine in Azure, security group development.
pub const BUILD: Ipv4Addr = Ipv4Addr::new(10, 20, 1, 10);
/// Virtual machine in Azure, security group development.
pub const RUNNER: Ipv4Addr = Ipv4Addr::new(10, 20, 1, 20);

/// Within production.
pub const SHOP: Flow = tcp((WEB, 41_000), (DATABASE, 5432));
/// Within development.
pub const LOGIN: Flow = tcp((BUILD, 41_001), (RUNNER, 22));
/// Within development, from cloud to cloud.
pub const FETCH: Flow = tcp((BUILD, 41_002), (CACHE, 2049));
/// From development in one cloud to production in the other.
pub const FORBIDDEN: Flow = tcp((BUILD, 41_003), (DATABASE, 5432));
/// From a port below 1024 to another, from cloud to cloud.
pub const LOW_PORTS: Flow =
    Flow { protocol: UDP, from: (RUNNER, 600), to: (CACHE, 873), packets: 12, octets: 9_600 };

const fn tcp(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Flow {
    Flow { protocol: TCP, from, to, packets: 40, octets: 32_000 }
}

/// The cloud account of AWS, and its flow log.
pub const AWS_ACCOUNT: &str = "111122223333";
/// The flow log of AWS.
pub const AWS_LOG: &str = "fl-0de0000000000001";
/// The subscription of Azure.
pub const AZURE_SUBSCRIPTION: &str = "00000000-0000-0000-0000-00000000de00";
/// The flow log of Azure.
pub const AZURE_LOG: &str = "build-net-flows";
/// The router, as `site/sensor.toml` calls it.
pub const ROUTER: &str = "core-router";

/// Policies of `site/policies.toml`, each with the flow that it must find.
pub const POLICIES: [(&str, Flow); 2] =
    [("production_meets_development", FORBIDDEN), ("low_port_to_low_port", LOW_PORTS)];

/// Who tells flows to the sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Aws,
    Azure,
    Router,
}

impl Source {
    pub const ALL: [Self; 3] = [Self::Aws, Self::Azure, Self::Router];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Router => "router",
        }
    }

    /// As the sensor calls it: `flowsrcname`.
    pub fn id(self) -> String {
        match self {
            Self::Aws => format!("{AWS_ACCOUNT}/{AWS_LOG}"),
            Self::Azure => format!("{AZURE_SUBSCRIPTION}/networkwatcher_westeurope/{AZURE_LOG}"),
            Self::Router => ROUTER.to_owned(),
        }
    }
}
