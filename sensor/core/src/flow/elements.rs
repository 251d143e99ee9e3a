//! THE table of IANA's names of information elements: of those that columns and fields carry, that fields may well carry one
//! day, and that routers' options consist of.
//!
//! Whoever shows an element takes its name from here, and so does whoever knows a field by the name of its element.

/// The IANA name of element `number`.
pub fn name(number: u16) -> Option<&'static str> {
    let place = ELEMENTS.binary_search_by_key(&number, |(number, _)| *number).ok()?;
    Some(ELEMENTS[place].1)
}

/// The element that IANA calls `name`, in whatever case that is written.
pub fn number(name: &str) -> Option<u16> {
    let (number, _) = ELEMENTS.iter().find(|(_, known)| known.eq_ignore_ascii_case(name))?;
    Some(*number)
}

/// By number.
const ELEMENTS: &[(u16, &str)] = &[
    (1, "octetDeltaCount"),
    (2, "packetDeltaCount"),
    (4, "protocolIdentifier"),
    (5, "ipClassOfService"),
    (6, "tcpControlBits"),
    (7, "sourceTransportPort"),
    (8, "sourceIPv4Address"),
    (9, "sourceIPv4PrefixLength"),
    (10, "ingressInterface"),
    (11, "destinationTransportPort"),
    (12, "destinationIPv4Address"),
    (13, "destinationIPv4PrefixLength"),
    (14, "egressInterface"),
    (15, "ipNextHopIPv4Address"),
    (16, "bgpSourceAsNumber"),
    (17, "bgpDestinationAsNumber"),
    (18, "bgpNextHopIPv4Address"),
    (21, "flowEndSysUpTime"),
    (22, "flowStartSysUpTime"),
    (23, "postOctetDeltaCount"),
    (24, "postPacketDeltaCount"),
    (25, "minimumIpTotalLength"),
    (26, "maximumIpTotalLength"),
    (27, "sourceIPv6Address"),
    (28, "destinationIPv6Address"),
    (29, "sourceIPv6PrefixLength"),
    (30, "destinationIPv6PrefixLength"),
    (31, "flowLabelIPv6"),
    (32, "icmpTypeCodeIPv4"),
    (33, "igmpType"),
    (34, "samplingInterval"),
    (35, "samplingAlgorithm"),
    (36, "flowActiveTimeout"),
    (37, "flowIdleTimeout"),
    (40, "exportedOctetTotalCount"),
    (41, "exportedMessageTotalCount"),
    (42, "exportedFlowRecordTotalCount"),
    (44, "sourceIPv4Prefix"),
    (45, "destinationIPv4Prefix"),
    (48, "samplerId"),
    (49, "samplerMode"),
    (50, "samplerRandomInterval"),
    (52, "minimumTTL"),
    (53, "maximumTTL"),
    (54, "fragmentIdentification"),
    (55, "postIpClassOfService"),
    (56, "sourceMacAddress"),
    (57, "postDestinationMacAddress"),
    (58, "vlanId"),
    (59, "postVlanId"),
    (60, "ipVersion"),
    (61, "flowDirection"),
    (62, "ipNextHopIPv6Address"),
    (63, "bgpNextHopIPv6Address"),
    (64, "ipv6ExtensionHeaders"),
    (70, "mplsTopLabelStackSection"),
    (80, "destinationMacAddress"),
    (81, "postSourceMacAddress"),
    (82, "interfaceName"),
    (83, "interfaceDescription"),
    (84, "samplerName"),
    (85, "octetTotalCount"),
    (86, "packetTotalCount"),
    (88, "fragmentOffset"),
    (89, "forwardingStatus"),
    (90, "mplsVpnRouteDistinguisher"),
    (94, "applicationDescription"),
    (95, "applicationId"),
    (96, "applicationName"),
    (128, "bgpNextAdjacentAsNumber"),
    (129, "bgpPrevAdjacentAsNumber"),
    (130, "exporterIPv4Address"),
    (131, "exporterIPv6Address"),
    (136, "flowEndReason"),
    (137, "commonPropertiesId"),
    (138, "observationPointId"),
    (139, "icmpTypeCodeIPv6"),
    (141, "lineCardId"),
    (142, "portId"),
    (143, "meteringProcessId"),
    (144, "exportingProcessId"),
    (145, "templateId"),
    (148, "flowId"),
    (149, "observationDomainId"),
    (150, "flowStartSeconds"),
    (151, "flowEndSeconds"),
    (152, "flowStartMilliseconds"),
    (153, "flowEndMilliseconds"),
    (154, "flowStartMicroseconds"),
    (155, "flowEndMicroseconds"),
    (156, "flowStartNanoseconds"),
    (157, "flowEndNanoseconds"),
    (158, "flowStartDeltaMicroseconds"),
    (159, "flowEndDeltaMicroseconds"),
    (160, "systemInitTimeMilliseconds"),
    (161, "flowDurationMilliseconds"),
    (164, "ignoredPacketTotalCount"),
    (165, "ignoredOctetTotalCount"),
    (166, "notSentFlowTotalCount"),
    (167, "notSentPacketTotalCount"),
    (168, "notSentOctetTotalCount"),
    (173, "flowKeyIndicator"),
    (176, "icmpTypeIPv4"),
    (177, "icmpCodeIPv4"),
    (178, "icmpTypeIPv6"),
    (179, "icmpCodeIPv6"),
    (180, "udpSourcePort"),
    (181, "udpDestinationPort"),
    (182, "tcpSourcePort"),
    (183, "tcpDestinationPort"),
    (192, "ipTTL"),
    (195, "ipDiffServCodePoint"),
    (196, "ipPrecedence"),
    (197, "fragmentFlags"),
    (206, "isMulticast"),
    (211, "collectorIPv4Address"),
    (212, "collectorIPv6Address"),
    (214, "exportProtocolVersion"),
    (215, "exportTransportProtocol"),
    (216, "collectorTransportPort"),
    (217, "exporterTransportPort"),
    (224, "ipTotalLength"),
    (225, "postNATSourceIPv4Address"),
    (226, "postNATDestinationIPv4Address"),
    (227, "postNAPTSourceTransportPort"),
    (228, "postNAPTDestinationTransportPort"),
    (231, "initiatorOctets"),
    (232, "responderOctets"),
    (233, "firewallEvent"),
    (234, "ingressVRFID"),
    (235, "egressVRFID"),
    (236, "VRFname"),
    (239, "biflowDirection"),
    (243, "dot1qVlanId"),
    (252, "ingressPhysicalInterface"),
    (253, "egressPhysicalInterface"),
    (254, "postDot1qVlanId"),
    (281, "postNATSourceIPv6Address"),
    (282, "postNATDestinationIPv6Address"),
    (298, "initiatorPackets"),
    (299, "responderPackets"),
    (300, "observationDomainName"),
    (301, "selectionSequenceId"),
    (302, "selectorId"),
    (303, "informationElementId"),
    (304, "selectorAlgorithm"),
    (305, "samplingPacketInterval"),
    (306, "samplingPacketSpace"),
    (307, "samplingTimeInterval"),
    (308, "samplingTimeSpace"),
    (309, "samplingSize"),
    (310, "samplingPopulation"),
    (318, "selectorIdTotalPktsObserved"),
    (319, "selectorIdTotalPktsSelected"),
    (322, "observationTimeSeconds"),
    (323, "observationTimeMilliseconds"),
    (324, "observationTimeMicroseconds"),
    (325, "observationTimeNanoseconds"),
    (335, "selectorName"),
    (339, "informationElementDataType"),
    (340, "informationElementDescription"),
    (341, "informationElementName"),
    (344, "informationElementSemantics"),
    (346, "privateEnterpriseNumber"),
    (352, "layer2OctetDeltaCount"),
    (353, "layer2OctetTotalCount"),
    (372, "applicationCategoryName"),
    (373, "applicationSubCategoryName"),
    (374, "applicationGroupName"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::flow::{columns::Column, fields::FIELDS};

    #[test]
    fn elements_are_in_order_and_each_has_a_name_of_its_own() {
        assert!(ELEMENTS.is_sorted_by(|a, b| a.0 < b.0));
        let names: BTreeSet<String> =
            ELEMENTS.iter().map(|(_, name)| name.to_ascii_lowercase()).collect();
        assert_eq!(names.len(), ELEMENTS.len());
    }

    #[test]
    fn every_element_of_a_column_has_a_name() {
        // Those that no registry has are Cisco's, from before they had a number there.
        let registered = |element: &u16| *element < 40_000;
        for column in Column::ALL {
            for element in column.elements().iter().copied().filter(registered) {
                assert!(name(element).is_some(), "{column:?}: {element}");
            }
        }
    }

    #[test]
    fn every_element_of_a_field_has_a_name_that_leads_back_to_it() {
        for field in FIELDS {
            for &element in field.elements {
                let found = name(element).unwrap_or_else(|| panic!("{}: {element}", field.name));
                assert_eq!(number(&found.to_ascii_uppercase()), Some(element), "{found}");
            }
        }
        assert_eq!((name(8), number("octetdeltacount")), (Some("sourceIPv4Address"), Some(1)));
        assert_eq!((name(u16::MAX), number("octets")), (None, None));
    }
}
