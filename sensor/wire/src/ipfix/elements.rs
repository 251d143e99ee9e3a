//! The information elements that the sensor sends: IANA's numbers and lengths ("IP Flow Information Export (IPFIX)
//! Entities"). Those that just hold what a column stores are in the table of columns.

use sensor_core::flow::columns::Column;

use super::VARIABLE_LENGTH;

/// An information element as the sensor encodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// IANA's number, or one of the enterprise ([`own`]).
    pub id: u16,
    /// Octets in a data record, or [`VARIABLE_LENGTH`].
    pub length: u16,
}

impl Element {
    /// Whether it is the enterprise's.
    pub(super) const fn is_own(self) -> bool {
        self.id & ENTERPRISE_BIT != 0
    }

    /// The one that records are exported with for what `column` stores.
    pub(super) const fn of(column: Column) -> Self {
        match (column.elements(), column.data_type().octets()) {
            ([id, ..], Some(length)) => Self { id: *id, length },
            _ => panic!("the column has no element of a length of its own"),
        }
    }
}

macro_rules! elements {
    ($($constant:ident = $id:literal $name:literal $length:expr;)*) => {
        $(
            #[doc = concat!("`", $name, "`, element ", stringify!($id), ".")]
            pub const $constant: Element = Element { id: $id, length: $length };
        )*
    };
}

elements! {
    PROTOCOL_IDENTIFIER = 4 "protocolIdentifier" 1;
    SOURCE_TRANSPORT_PORT = 7 "sourceTransportPort" 2;
    SOURCE_IPV4_ADDRESS = 8 "sourceIPv4Address" 4;
    INGRESS_INTERFACE = 10 "ingressInterface" 4;
    DESTINATION_TRANSPORT_PORT = 11 "destinationTransportPort" 2;
    DESTINATION_IPV4_ADDRESS = 12 "destinationIPv4Address" 4;
    EGRESS_INTERFACE = 14 "egressInterface" 4;
    SOURCE_IPV6_ADDRESS = 27 "sourceIPv6Address" 16;
    DESTINATION_IPV6_ADDRESS = 28 "destinationIPv6Address" 16;
    ICMP_TYPE_CODE_IPV4 = 32 "icmpTypeCodeIPv4" 2;
    EXPORTED_OCTET_TOTAL_COUNT = 40 "exportedOctetTotalCount" 8;
    EXPORTED_MESSAGE_TOTAL_COUNT = 41 "exportedMessageTotalCount" 8;
    EXPORTED_FLOW_RECORD_TOTAL_COUNT = 42 "exportedFlowRecordTotalCount" 8;
    IP_VERSION = 60 "ipVersion" 1;
    INTERFACE_NAME = 82 "interfaceName" VARIABLE_LENGTH;
    INTERFACE_DESCRIPTION = 83 "interfaceDescription" VARIABLE_LENGTH;
    FORWARDING_STATUS = 89 "forwardingStatus" 1;
    EXPORTER_IPV4_ADDRESS = 130 "exporterIPv4Address" 4;
    EXPORTER_IPV6_ADDRESS = 131 "exporterIPv6Address" 16;
    COMMON_PROPERTIES_ID = 137 "commonPropertiesId" 4;
    OBSERVATION_POINT_ID = 138 "observationPointId" 4;
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
    VRF_NAME = 236 "VRFname" VARIABLE_LENGTH;
    OBSERVATION_TIME_MILLISECONDS = 323 "observationTimeMilliseconds" 8;
}

/// Set in the numbers of enterprise-specific elements (RFC 7011 section 3.2).
pub const ENTERPRISE_BIT: u16 = 1 << 15;

/// The number of an enterprise-specific element as it stands in templates.
pub const fn own(id: u16) -> u16 {
    id | ENTERPRISE_BIT
}

/// AWS `traffic-path`, element 26 of the enterprise.
pub const TRAFFIC_PATH: Element = Element { id: own(26), length: 1 };
/// IPv4 address that stood for the interface's end, element 27 of the enterprise.
pub const VIA_IPV4_ADDRESS: Element = Element { id: own(27), length: 4 };
/// IPv6 address that stood for the interface's end, element 28 of the enterprise.
pub const VIA_IPV6_ADDRESS: Element = Element { id: own(28), length: 16 };

/// `applicationId`, element 95, whose length follows from the numbers ([`sensor_core::flow::application::length`]).
pub const fn application_id(length: u16) -> Element {
    Element { id: 95, length }
}
