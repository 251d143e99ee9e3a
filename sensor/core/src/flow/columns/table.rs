//! THE table of columns.

use std::sync::Arc;

use super::declare::columns;
use crate::flow::{
    batch::{Addresses, DIRECTION_UNTOLD, Source, TCP_FLAGS_UNTOLD},
    ports::PortLabels,
    profile::Profiles,
    router::Exporter,
    tags::TagSets,
};

columns! {
    /// Flow records in columns. All columns have [`FlowBatch::len`] rows; the optional ones may have none instead: then
    /// nobody has told such a thing of any flow in the batch.
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
        /// The exporters that the column of exporters numbers.
        pub exporters: Vec<Arc<Exporter>> = Vec::new(),
        /// Clocks of `exporters` minus ours, milliseconds, in the same order; 0 where the difference does not matter. Where
        /// it is shorter, nothing is known of the others.
        pub skews: Vec<i64> = Vec::new(),
    }
    (observed_by: Source, addresses: Addresses)

    /// Source port, 0 where there is none.
    source_port: U16, SourcePort "srcport", required 0;
    /// Destination port, 0 where there is none.
    destination_port: U16, DestinationPort "dstport", required 0;
    /// ICMP `type << 8 | code`, 0 for other protocols.
    icmp_type_code: U16, IcmpTypeCode "icmp type and code", required 0;
    /// IP protocol number.
    protocol: U8, Protocol "protocolint", required 0;
    /// Type of service, or traffic class.
    tos: U8, Tos "tos", required 0;
    /// The nine TCP flags, OR-ed over the flow; [`TCP_FLAGS_UNTOLD`] where no exporter tells.
    tcp_flags: U16, TcpFlags "tcpflagsint", required TCP_FLAGS_UNTOLD;
    /// Interface index; ingress or egress interface, according to `direction`. Where `output_interface` has rows, this is
    /// the ingress interface in every row.
    interface: U32, Interface "interface index", required 0;
    /// [`Direction`](sensor_common::key::Direction) as a number; [`DIRECTION_UNTOLD`] where no exporter tells.
    direction: U8, Direction "direction", required DIRECTION_UNTOLD;
    /// Outermost VLAN identifier, 0 for none. Where `destination_vlan` has rows, the VLAN at ingress.
    vlan: U16, Vlan "vlan", required 0;
    /// Octets of the IP packets.
    octets: U64, Octets "octets", required 0;
    /// Packets.
    packets: U64, Packets "packets", required 0;
    /// Octets of whole frames.
    layer2_octets: U64, Layer2Octets "layer2octets", optional 0;
    /// First packet, milliseconds since the epoch.
    start: U64, Start "start", required 0;
    /// Last packet, milliseconds since the epoch.
    end: U64, End "end", required 0;
    /// Lowest time to live.
    ttl_min: U8, TtlMin "ttlmin", optional 0;
    /// Highest time to live.
    ttl_max: U8, TtlMax "ttlmax", optional 0;
    /// Source MAC address.
    source_mac: Mac, SourceMac "srcmac", optional [0; 6];
    /// Destination MAC address.
    destination_mac: Mac, DestinationMac "dstmac", optional [0; 6];
    /// [`Fragment`](sensor_common::packet::Fragment) as a number.
    fragment: U8, Fragment "fragment", required 0;
    /// 1 where the remote end was folded away (its address and port are 0), because the kernel's table was full.
    folded: U8, Folded "folded", required 0;
    /// [`EndReason`](crate::flow::batch::EndReason) as a number, 0 where no exporter tells.
    end_reason: U8, EndReason "flowendreason", required 0;
    /// Profile of the source address; no rows at all where no flow has been looked up, which reads as 0 everywhere.
    source_profile: U32, SourceProfile "source profile", optional 0;
    /// The same of the destination address.
    destination_profile: U32, DestinationProfile "destination profile", optional 0;
    /// Tags of the flow, those of its exporter among them. 0 stands for the exporter's alone; so it reads everywhere when
    /// the column has no rows.
    tags: U32, Tags "set of tags", optional 0;

    // What only routers tell.
    /// Egress interface (SNMP index). Where it has rows, `interface` is the ingress interface.
    output_interface: U32, OutputInterface "output", optional 0;
    /// VLAN at egress. Where it has rows, `vlan` is the VLAN at ingress.
    destination_vlan: U16, DestinationVlan "dstvlan", optional 0;
    /// IPv4 next hop, a number in host order.
    next_hop_v4: U32, NextHopV4 "nexthop", optional 0;
    /// IPv6 next hop, a number in host order.
    next_hop_v6: U128, NextHopV6 "nexthop", optional 0;
    /// AS of the source.
    source_as: U32, SourceAs "srcas.number", optional 0;
    /// AS of the destination.
    destination_as: U32, DestinationAs "dstas.number", optional 0;
    /// One of how many packets was counted; 0 where nobody said. Counts in the batch are as reported, not scaled.
    sample_rate: U32, SampleRate "samplerate", optional 0;
    /// The exporter, as a place in `exporters`.
    exporter: U32, Exporter "exporter", optional 0;
    /// Version of the export protocol: 5, 7, 9, 10; sFlow 5.
    version: U8, Version "flowversion", optional 0;
    /// When the record was received, milliseconds since the epoch.
    received: U64, Received "milliseconds received", optional 0;
    /// [`Action`](crate::flow::router::Action) as a number.
    action: U8, Action "action", optional 0;
    /// [Application](crate::flow::application) (`applicationId`).
    application: U128, Application "application", optional 0;
    /// VRF on the way in.
    input_vrf: U32, InputVrf "inputvrf", optional 0;
    /// VRF on the way out.
    output_vrf: U32, OutputVrf "outputvrf", optional 0;
    /// IPv4 source address after translation, a number in host order.
    nat_source_v4: U32, NatSourceV4 "natsrcip", optional 0;
    /// IPv6 source address after translation.
    nat_source_v6: U128, NatSourceV6 "natsrcip", optional 0;
    /// IPv4 destination address after translation, a number in host order.
    nat_destination_v4: U32, NatDestinationV4 "natdstip", optional 0;
    /// IPv6 destination address after translation.
    nat_destination_v6: U128, NatDestinationV6 "natdstip", optional 0;
    /// Source port after translation.
    nat_source_port: U16, NatSourcePort "natsrcport", optional 0;
    /// Destination port after translation.
    nat_destination_port: U16, NatDestinationPort "natdstport", optional 0;
    /// AS path towards the destination.
    as_path: Lists, AsPath "AS path", optional ();
    /// BGP communities (RFC 1997) of the route to the destination.
    communities: Lists, Communities "BGP communities", optional ();
}
