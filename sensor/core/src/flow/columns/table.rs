//! THE table of columns.
#![expect(unsafe_code, reason = "`place` vouches for the offset of each column")]

use std::sync::{Arc, LazyLock};

use super::declare::columns;
use crate::flow::{
    addresses::Addresses,
    device::Device,
    lot::LotPart,
    point::{LabelSets, Points},
    ports::PortLabels,
    profile::Profiles,
    properties::PropertySets,
    source::Source,
    tags::TagSets,
};

/// What producers write into the column of TCP flags where nobody has seen them: no flag is known to be set, nor not to be.
/// Readers ask [`FlowBatch::tells`].
pub const TCP_FLAGS_UNTOLD: u16 = 1 << 15;

/// What producers write into the column of directions where a device does not tell whether it saw the flow coming in or
/// going out. Readers ask [`FlowBatch::tells`].
pub const DIRECTION_UNTOLD: u8 = 2;

columns! {
    /// Flow records in columns. All columns have [`FlowBatch::len`] rows; those that are not required may have none instead:
    /// then nobody has told such a thing of any flow in the batch. [`FlowBatch::presence`] knows which rows are told.
    pub struct FlowBatch {
        /// What observed the flows.
        pub observed_by: Source = observed_by,
        /// Source and destination addresses.
        pub addresses: Addresses = addresses,
        /// The profiles that the columns of profiles number.
        pub profiles: Arc<Profiles> = Arc::default(),
        /// The sets of tags that the column of tags numbers.
        pub tag_sets: Arc<TagSets> = Arc::default(),
        /// Labels of ports.
        pub port_labels: Arc<PortLabels> = Arc::default(),
        /// The devices that the column of devices numbers.
        pub devices: Vec<Arc<Device>> = Vec::new(),
        /// Clocks of `devices` minus ours, milliseconds, in the same order; 0 where the difference does not matter. Where
        /// it is shorter, nothing is known of the others.
        pub skews: Vec<i64> = Vec::new(),
        /// The columns that the source does not tell in any of these flows, among those that have rows all the same: a bit
        /// each ([`Column::bit`]). What their rows hold means nothing, and adds nothing to sums.
        pub untold: u128 = 0,
        /// The observation points that the column of observation points numbers.
        pub points: Arc<Points> = no_points(),
        /// What the column of common properties numbers.
        pub properties: Arc<PropertySets> = no_properties(),
        /// The labels that the columns of labels number.
        pub label_sets: Arc<LabelSets> = no_labels(),
        /// Which part of a lot it is; none where its source cannot be read again.
        pub lot: Option<Box<LotPart>> = None,
        /// When the outputs were offered it, milliseconds since the epoch: all that keep records say that those were received then whose
        /// source does not tell. 0 before that.
        pub offered: u64 = 0,
    }
    (observed_by: Source, addresses: Addresses)

    /// Source port, 0 where there is none.
    source_port: Unsigned16, SourcePort "srcport", required unless batch, [7, 180 | 182];
    /// Destination port, 0 where there is none.
    destination_port: Unsigned16, DestinationPort "dstport", required unless batch, [11, 181 | 183];
    /// ICMP `type << 8 | code`, 0 for other protocols.
    icmp_type_code: Unsigned16, IcmpTypeCode "icmp type and code", required unless batch, [32 | 139 | 176 | 178 | 177 | 179];
    /// IP protocol number.
    protocol: Unsigned8, Protocol "protocolint", required, [4];
    /// Type of service, or traffic class.
    tos: Unsigned8, Tos "tos", required unless batch, [5, 195, 196];
    /// The nine TCP flags, OR-ed over the flow; [`TCP_FLAGS_UNTOLD`] where no device tells.
    tcp_flags: Unsigned16, TcpFlags "tcpflagsint", required unless TCP_FLAGS_UNTOLD, [6];
    /// Interface index; ingress or egress interface, according to `direction`. Where `output_interface` has rows, this is
    /// the ingress interface in every row.
    interface: Unsigned32, Interface "interface index", required unless 0, [10, 252];
    /// [`Direction`](sensor_common::key::Direction) as a number; [`DIRECTION_UNTOLD`] where no device tells.
    direction: Unsigned8, Direction "direction", required unless DIRECTION_UNTOLD, [61];
    /// Outermost VLAN identifier, 0 for none. Where `destination_vlan` has rows, the VLAN at ingress.
    vlan: Unsigned16, Vlan "vlan", required unless 0, [58, 243];
    /// Octets of the IP packets.
    octets: Unsigned64, Octets "octets", required unless batch, [1, 85, 23, 231 | 232];
    /// Packets.
    packets: Unsigned64, Packets "packets", required unless batch, [2, 86, 24, 298 | 299];
    /// Octets of whole frames.
    layer2_octets: Unsigned64, Layer2Octets "layer2octets", optional, [352, 353];
    /// First packet, milliseconds since the epoch.
    start: Milliseconds, Start "start", required unless batch, [152, 154 | 156, 150, 22, 158];
    /// Last packet, milliseconds since the epoch.
    end: Milliseconds, End "end", required, [153, 155 | 157, 151, 21, 159, 323, 324 | 325, 322];
    /// Lowest time to live.
    ttl_min: Unsigned8, TtlMin "ttlmin", optional unless 0, [52], field "Lowest time to live";
    /// Highest time to live.
    ttl_max: Unsigned8, TtlMax "ttlmax", optional unless 0, [53], field "Highest time to live";
    /// Source MAC address.
    source_mac: MacAddress, SourceMac "srcmac", optional, [56, 81];
    /// Destination MAC address.
    destination_mac: MacAddress, DestinationMac "dstmac", optional, [80, 57];
    /// [`Fragment`](sensor_common::packet::Fragment) as a number.
    fragment: Unsigned8, Fragment "fragment", required unless batch, [];
    /// 1 where the remote end was folded away (its address and port are 0), because the kernel's table was full.
    folded: Unsigned8, Folded "folded", required, [];
    /// [`EndReason`](crate::flow::batch::EndReason) as a number, 0 where no device tells.
    end_reason: Unsigned8, EndReason "flowendreason", required unless 0, [136];
    /// [`Initiator`](crate::flow::initiator::Initiator) as a number, as far as it was seen or told; 0 where it was not, which
    /// is a value of the element (`arbitrary`).
    initiator: Unsigned8, Initiator "initiator", optional unless 0, [239];
    /// 1 where the record goes on where the active timeout cut an earlier one of the same flow.
    continued: Unsigned8, Continued "continued", optional, [];
    /// Profile of the source address; no rows at all where no flow has been looked up, which reads as 0 everywhere.
    source_profile: Unsigned32, SourceProfile "source profile", optional, [];
    /// The same of the destination address.
    destination_profile: Unsigned32, DestinationProfile "destination profile", optional, [];
    /// Tags of the flow, those of its device among them. 0 stands for the device's alone; so it reads everywhere when
    /// the column has no rows.
    tags: Unsigned32, Tags "set of tags", optional, [];

    // What only routers tell.
    /// Egress interface (SNMP index). Where it has rows, `interface` is the ingress interface.
    output_interface: Unsigned32, OutputInterface "output", router, [14, 253];
    /// VLAN at egress. Where it has rows, `vlan` is the VLAN at ingress.
    destination_vlan: Unsigned16, DestinationVlan "dstvlan", router unless 0, [59, 254];
    /// IPv4 next hop, a number in host order.
    next_hop_v4: Ipv4Address, NextHopV4 "nexthop", router unless 0, [15, 18];
    /// IPv6 next hop, a number in host order.
    next_hop_v6: Ipv6Address, NextHopV6 "nexthop", router unless 0, [62, 63];
    /// Octets of the shortest IP packet.
    length_min: Unsigned32, LengthMin "lengthmin", router unless 0, [25], field "Octets of the shortest IP packet";
    /// Octets of the longest IP packet.
    length_max: Unsigned32, LengthMax "lengthmax", router unless 0, [26], field "Octets of the longest IP packet";
    /// AS of the source.
    source_as: Unsigned32, SourceAs "srcas.number", router, [16, 129];
    /// AS of the destination.
    destination_as: Unsigned32, DestinationAs "dstas.number", router, [17, 128];
    /// One of how many packets was counted; 0 where nobody said. Counts in the batch are as reported, not scaled.
    sample_rate: Unsigned32, SampleRate "samplerate", router unless 0, [34, 50];
    /// The device, as a place in `devices`.
    device: Unsigned32, Device "device", router, [];
    /// Version of the export protocol: 5, 7, 9, 10; sFlow 5.
    version: Unsigned8, Version "flowversion", router unless 0, [];
    /// When the record was received, milliseconds since the epoch.
    received: Milliseconds, Received "milliseconds received", router, [];
    /// [`Action`](crate::flow::device::Action) as a number.
    action: Unsigned8, Action "action", router unless 0, [89 | 233, 40005];
    /// [Application](crate::flow::application) (`applicationId`).
    application: Application, Application "application", router unless 0, [95];
    /// VRF on the way in.
    input_vrf: Unsigned32, InputVrf "inputvrf", router, [234];
    /// VRF on the way out.
    output_vrf: Unsigned32, OutputVrf "outputvrf", router, [235];
    /// IPv4 source address after translation, a number in host order.
    nat_source_v4: Ipv4Address, NatSourceV4 "natsrcip", router unless 0, [225, 40001];
    /// IPv6 source address after translation.
    nat_source_v6: Ipv6Address, NatSourceV6 "natsrcip", router unless 0, [281];
    /// IPv4 destination address after translation, a number in host order.
    nat_destination_v4: Ipv4Address, NatDestinationV4 "natdstip", router unless 0, [226, 40002];
    /// IPv6 destination address after translation.
    nat_destination_v6: Ipv6Address, NatDestinationV6 "natdstip", router unless 0, [282];
    /// Source port after translation.
    nat_source_port: Unsigned16, NatSourcePort "natsrcport", router unless 0, [227, 40003];
    /// Destination port after translation.
    nat_destination_port: Unsigned16, NatDestinationPort "natdstport", router unless 0, [228, 40004];
    /// AS path towards the destination.
    as_path: Lists, AsPath "AS path", router unless 0, [];
    /// BGP communities (RFC 1997) of the route to the destination.
    communities: Lists, Communities "BGP communities", router unless 0, [];

    // What only clouds tell.
    /// Where the flow was seen, as a number in `points`.
    observation_point: Unsigned32, ObservationPoint "observation point", router unless 0, [];
    /// What the cloud says in words, as a number in `properties`.
    common_properties: Unsigned32, CommonProperties "common properties", router unless 0, [];
    /// By which path the flow left its network (AWS `traffic-path`).
    traffic_path: Unsigned8, TrafficPath "trafficpath", router unless 0, [], field "Path on which the flow left: 1 within the VPC, 2 internet gateway or gateway endpoint, 3 virtual private gateway, 4 peering within the region, 5 peering with another region, 6 local gateway, 7 gateway endpoint, 8 internet gateway";
    /// IPv4 address that stood for the interface's end where the packets had another, a number in host order.
    via_v4: Ipv4Address, ViaV4 "viaip", router unless 0, [];
    /// The same for IPv6.
    via_v6: Ipv6Address, ViaV6 "viaip", router unless 0, [];
    /// Labels that the record gives its source, as a number in `label_sets`: they become part of its profile.
    source_labels: Unsigned32, SourceLabels "labels of the source", router unless 0, [];
    /// The same of the destination.
    destination_labels: Unsigned32, DestinationLabels "labels of the destination", router unless 0, [];
}

/// No points: the same table for all batches that number none.
fn no_points() -> Arc<Points> {
    static NONE: LazyLock<Arc<Points>> = LazyLock::new(Arc::default);
    NONE.clone()
}

/// No labels: the same table for all batches that number none.
fn no_labels() -> Arc<LabelSets> {
    static NONE: LazyLock<Arc<LabelSets>> = LazyLock::new(Arc::default);
    NONE.clone()
}

/// No properties: the same table for all batches that number none.
fn no_properties() -> Arc<PropertySets> {
    static NONE: LazyLock<Arc<PropertySets>> = LazyLock::new(Arc::default);
    NONE.clone()
}
