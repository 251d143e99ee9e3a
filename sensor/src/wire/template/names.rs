//! Names and types of the elements that records of options consist of, for whoever shows them.

use super::Specifier;

/// What the octets of a value are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number in network order.
    Number,
    /// An IPv4 or IPv6 address, by length.
    Address,
    /// UTF-8, filled up with zeros.
    Text,
    /// Nobody knows: a number where it is short, text where it can be read.
    Unknown,
}

/// Name and type of a field: IANA's, or that of RFC 3954 section 6.1 for scopes of NetFlow 9.
pub fn name(specifier: &Specifier) -> Option<(&'static str, Kind)> {
    let table = match specifier.enterprise {
        0 => ELEMENTS,
        Specifier::SCOPE => SCOPES,
        _ => return None,
    };
    let place = table.binary_search_by_key(&specifier.element, |(number, ..)| *number).ok()?;
    let (_, name, kind) = table[place];
    Some((name, kind))
}

use Kind::{Address, Number, Text, Unknown};

const SCOPES: &[(u16, &str, Kind)] = &[
    (1, "scopeSystem", Unknown),
    (2, "scopeInterface", Number),
    (3, "scopeLineCard", Number),
    (4, "scopeCache", Number),
    (5, "scopeTemplate", Number),
];

/// By number.
const ELEMENTS: &[(u16, &str, Kind)] = &[
    (1, "octetDeltaCount", Number),
    (2, "packetDeltaCount", Number),
    (8, "sourceIPv4Address", Address),
    (10, "ingressInterface", Number),
    (12, "destinationIPv4Address", Address),
    (14, "egressInterface", Number),
    (21, "flowEndSysUpTime", Number),
    (22, "flowStartSysUpTime", Number),
    (27, "sourceIPv6Address", Address),
    (28, "destinationIPv6Address", Address),
    (34, "samplingInterval", Number),
    (35, "samplingAlgorithm", Number),
    (36, "flowActiveTimeout", Number),
    (37, "flowIdleTimeout", Number),
    (40, "exportedOctetTotalCount", Number),
    (41, "exportedMessageTotalCount", Number),
    (42, "exportedFlowRecordTotalCount", Number),
    (48, "samplerId", Number),
    (49, "samplerMode", Number),
    (50, "samplerRandomInterval", Number),
    (61, "flowDirection", Number),
    (82, "interfaceName", Text),
    (83, "interfaceDescription", Text),
    (84, "samplerName", Text),
    (90, "mplsVpnRouteDistinguisher", Unknown),
    (94, "applicationDescription", Text),
    (95, "applicationId", Number),
    (96, "applicationName", Text),
    (130, "exporterIPv4Address", Address),
    (131, "exporterIPv6Address", Address),
    (137, "commonPropertiesId", Number),
    (138, "observationPointId", Number),
    (141, "lineCardId", Number),
    (142, "portId", Number),
    (143, "meteringProcessId", Number),
    (144, "exportingProcessId", Number),
    (145, "templateId", Number),
    (148, "flowId", Number),
    (149, "observationDomainId", Number),
    (160, "systemInitTimeMilliseconds", Number),
    (161, "flowDurationMilliseconds", Number),
    (164, "ignoredPacketTotalCount", Number),
    (165, "ignoredOctetTotalCount", Number),
    (166, "notSentFlowTotalCount", Number),
    (167, "notSentPacketTotalCount", Number),
    (168, "notSentOctetTotalCount", Number),
    (173, "flowKeyIndicator", Number),
    (211, "collectorIPv4Address", Address),
    (212, "collectorIPv6Address", Address),
    (214, "exportProtocolVersion", Number),
    (215, "exportTransportProtocol", Number),
    (216, "collectorTransportPort", Number),
    (217, "exporterTransportPort", Number),
    (234, "ingressVRFID", Number),
    (235, "egressVRFID", Number),
    (236, "VRFname", Text),
    (300, "observationDomainName", Text),
    (301, "selectionSequenceId", Number),
    (302, "selectorId", Number),
    (303, "informationElementId", Number),
    (304, "selectorAlgorithm", Number),
    (305, "samplingPacketInterval", Number),
    (306, "samplingPacketSpace", Number),
    (307, "samplingTimeInterval", Number),
    (308, "samplingTimeSpace", Number),
    (309, "samplingSize", Number),
    (310, "samplingPopulation", Number),
    (318, "selectorIdTotalPktsObserved", Number),
    (319, "selectorIdTotalPktsSelected", Number),
    (322, "observationTimeSeconds", Number),
    (323, "observationTimeMilliseconds", Number),
    (335, "selectorName", Text),
    (339, "informationElementDataType", Number),
    (340, "informationElementDescription", Text),
    (341, "informationElementName", Text),
    (344, "informationElementSemantics", Number),
    (346, "privateEnterpriseNumber", Number),
    (372, "applicationCategoryName", Text),
    (373, "applicationSubCategoryName", Text),
    (374, "applicationGroupName", Text),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_in_order() {
        assert!(ELEMENTS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(SCOPES.is_sorted_by(|a, b| a.0 < b.0));
    }
}
