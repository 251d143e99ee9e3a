//! The information elements that the sensor sends: IANA's numbers, names and lengths ("IP Flow Information Export
//! (IPFIX) Entities").

use super::VARIABLE_LENGTH;

/// An information element as the sensor encodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// IANA's number.
    pub id: u16,
    /// IANA's name.
    pub name: &'static str,
    /// Octets in a data record, or [`VARIABLE_LENGTH`].
    pub length: u16,
}

macro_rules! elements {
    ($($constant:ident = $id:literal $name:literal $length:expr;)*) => {
        $(
            #[doc = concat!("`", $name, "`, element ", stringify!($id), ".")]
            pub const $constant: Element = Element { id: $id, name: $name, length: $length };
        )*
        /// All of them, by number.
        pub const ALL: &[Element] = &[$($constant),*];
    };
}

elements! {
    OCTET_DELTA_COUNT = 1 "octetDeltaCount" 8;
    PACKET_DELTA_COUNT = 2 "packetDeltaCount" 8;
    PROTOCOL_IDENTIFIER = 4 "protocolIdentifier" 1;
    IP_CLASS_OF_SERVICE = 5 "ipClassOfService" 1;
    TCP_CONTROL_BITS = 6 "tcpControlBits" 2;
    SOURCE_TRANSPORT_PORT = 7 "sourceTransportPort" 2;
    SOURCE_IPV4_ADDRESS = 8 "sourceIPv4Address" 4;
    INGRESS_INTERFACE = 10 "ingressInterface" 4;
    DESTINATION_TRANSPORT_PORT = 11 "destinationTransportPort" 2;
    DESTINATION_IPV4_ADDRESS = 12 "destinationIPv4Address" 4;
    EGRESS_INTERFACE = 14 "egressInterface" 4;
    IP_NEXT_HOP_IPV4_ADDRESS = 15 "ipNextHopIPv4Address" 4;
    BGP_SOURCE_AS_NUMBER = 16 "bgpSourceAsNumber" 4;
    BGP_DESTINATION_AS_NUMBER = 17 "bgpDestinationAsNumber" 4;
    SOURCE_IPV6_ADDRESS = 27 "sourceIPv6Address" 16;
    DESTINATION_IPV6_ADDRESS = 28 "destinationIPv6Address" 16;
    ICMP_TYPE_CODE_IPV4 = 32 "icmpTypeCodeIPv4" 2;
    SAMPLING_INTERVAL = 34 "samplingInterval" 4;
    EXPORTED_OCTET_TOTAL_COUNT = 40 "exportedOctetTotalCount" 8;
    EXPORTED_MESSAGE_TOTAL_COUNT = 41 "exportedMessageTotalCount" 8;
    EXPORTED_FLOW_RECORD_TOTAL_COUNT = 42 "exportedFlowRecordTotalCount" 8;
    MINIMUM_TTL = 52 "minimumTTL" 1;
    MAXIMUM_TTL = 53 "maximumTTL" 1;
    SOURCE_MAC_ADDRESS = 56 "sourceMacAddress" 6;
    VLAN_ID = 58 "vlanId" 2;
    POST_VLAN_ID = 59 "postVlanId" 2;
    IP_VERSION = 60 "ipVersion" 1;
    FLOW_DIRECTION = 61 "flowDirection" 1;
    IP_NEXT_HOP_IPV6_ADDRESS = 62 "ipNextHopIPv6Address" 16;
    DESTINATION_MAC_ADDRESS = 80 "destinationMacAddress" 6;
    INTERFACE_NAME = 82 "interfaceName" VARIABLE_LENGTH;
    INTERFACE_DESCRIPTION = 83 "interfaceDescription" VARIABLE_LENGTH;
    FORWARDING_STATUS = 89 "forwardingStatus" 1;
    EXPORTER_IPV4_ADDRESS = 130 "exporterIPv4Address" 4;
    EXPORTER_IPV6_ADDRESS = 131 "exporterIPv6Address" 16;
    FLOW_END_REASON = 136 "flowEndReason" 1;
    ICMP_TYPE_CODE_IPV6 = 139 "icmpTypeCodeIPv6" 2;
    METERING_PROCESS_ID = 143 "meteringProcessId" 4;
    EXPORTING_PROCESS_ID = 144 "exportingProcessId" 4;
    OBSERVATION_DOMAIN_ID = 149 "observationDomainId" 4;
    FLOW_START_MILLISECONDS = 152 "flowStartMilliseconds" 8;
    FLOW_END_MILLISECONDS = 153 "flowEndMilliseconds" 8;
    IGNORED_PACKET_TOTAL_COUNT = 164 "ignoredPacketTotalCount" 8;
    IGNORED_OCTET_TOTAL_COUNT = 165 "ignoredOctetTotalCount" 8;
    NOT_SENT_FLOW_TOTAL_COUNT = 166 "notSentFlowTotalCount" 8;
    NOT_SENT_PACKET_TOTAL_COUNT = 167 "notSentPacketTotalCount" 8;
    NOT_SENT_OCTET_TOTAL_COUNT = 168 "notSentOctetTotalCount" 8;
    FLOW_KEY_INDICATOR = 173 "flowKeyIndicator" 8;
    POST_NAT_SOURCE_IPV4_ADDRESS = 225 "postNATSourceIPv4Address" 4;
    POST_NAT_DESTINATION_IPV4_ADDRESS = 226 "postNATDestinationIPv4Address" 4;
    POST_NAPT_SOURCE_TRANSPORT_PORT = 227 "postNAPTSourceTransportPort" 2;
    POST_NAPT_DESTINATION_TRANSPORT_PORT = 228 "postNAPTDestinationTransportPort" 2;
    INGRESS_VRF_ID = 234 "ingressVRFID" 4;
    EGRESS_VRF_ID = 235 "egressVRFID" 4;
    POST_NAT_SOURCE_IPV6_ADDRESS = 281 "postNATSourceIPv6Address" 16;
    POST_NAT_DESTINATION_IPV6_ADDRESS = 282 "postNATDestinationIPv6Address" 16;
    OBSERVATION_TIME_MILLISECONDS = 323 "observationTimeMilliseconds" 8;
    LAYER2_OCTET_DELTA_COUNT = 352 "layer2OctetDeltaCount" 8;
}

/// `applicationId`, element 95, whose length follows from the numbers ([`sensor_core::flow::application::length`]).
pub const fn application_id(length: u16) -> Element {
    Element { id: 95, name: "applicationId", length }
}
