//! THE table of names that other tools have for what our fields say: nfdump, tcpdump, Wireshark, Suricata (EVE), Zeek, ntopng,
//! Splunk (CIM), the field types of NetFlow 9 (RFC 3954 section 8) and the information elements of IPFIX. Whoever types one of
//! them learns the name here.
//!
//! Each row was looked up in the tool's own documentation; where a tool counts something else (both directions, one end only),
//! the row says so. A field's own name is never a synonym.

use crate::flow::fields::{self, RecordKind};

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// What other tools call it, in lower case.
    pub name: &'static str,
    /// The field or alias here.
    pub field: &'static str,
    /// What is different, where something is.
    pub note: &'static str,
}

const fn row(name: &'static str, field: &'static str) -> Synonym {
    Synonym { name, field, note: "" }
}

const fn noted(name: &'static str, field: &'static str, note: &'static str) -> Synonym {
    Synonym { name, field, note }
}

const ONE_WAY: &str = "a flow has one direction here, and its own octets and packets";
const NUMBER: &str = "by name, it is `protocol`";

/// All rows, sorted by name.
pub const SYNONYMS: &[Synonym] = &[
    row("app", "application"),
    row("app_proto", "application"),
    row("as", "as.number"),
    row("asn", "as.number"),
    row("bgpdestinationasnumber", "dstas.number"),
    row("bgpsourceasnumber", "srcas.number"),
    row("bpp", "bytesperpacket"),
    row("bps", "flowbrate"),
    row("bytes", "octets"),
    noted("bytes_in", "octets", ONE_WAY),
    noted("bytes_out", "octets", ONE_WAY),
    noted("bytes_toclient", "octets", ONE_WAY),
    noted("bytes_toserver", "octets", ONE_WAY),
    row("cli_ip", "srcip"),
    row("cli_port", "srcport"),
    row("country", "geo.countrycode"),
    row("dest", "dstip"),
    row("dest_ip", "dstip"),
    row("dest_mac", "dstmac"),
    row("dest_port", "dstport"),
    row("destination", "dstip"),
    row("destinationipv4address", "dstip"),
    row("destinationipv6address", "dstip"),
    row("destinationmacaddress", "dstmac"),
    row("destinationtransportport", "dstport"),
    row("device", "flowsrcip"),
    row("dip", "dstip"),
    row("dport", "dstport"),
    row("dst", "dstip"),
    row("dst_as", "dstas.number"),
    row("dst_ip", "dstip"),
    row("dst_mac", "dstmac"),
    row("dst_port", "dstport"),
    row("dstaddr", "dstip"),
    row("dstas", "dstas.number"),
    row("dsthost", "dstip"),
    row("dstnet", "dstip"),
    row("dur", "duration"),
    row("dvc", "flowsrcip"),
    row("egressinterface", "output"),
    row("eth.addr", "mac"),
    row("eth.dst", "dstmac"),
    row("eth.src", "srcmac"),
    row("ether", "mac"),
    row("exporter", "flowsrcip"),
    row("flags", "tcpflagsint"),
    row("flow.age", "duration"),
    noted("flow.bytes_toclient", "octets", ONE_WAY),
    noted("flow.bytes_toserver", "octets", ONE_WAY),
    noted("flow.pkts_toclient", "packets", ONE_WAY),
    noted("flow.pkts_toserver", "packets", ONE_WAY),
    row("flowendmilliseconds", "end"),
    row("flowstartmilliseconds", "start"),
    row("frame.len", "octets"),
    row("host", "ip"),
    row("icmp.code", "icmpcode"),
    row("icmp.type", "icmptype"),
    row("icmp_code", "icmpcode"),
    row("icmp_type", "icmptype"),
    row("id.orig_h", "srcip"),
    row("id.orig_p", "srcport"),
    row("id.resp_h", "dstip"),
    row("id.resp_p", "dstport"),
    row("if", "iface"),
    row("in_bytes", "octets"),
    row("in_dst_mac", "dstmac"),
    row("in_iface", "inputname"),
    row("in_pkts", "packets"),
    row("in_src_mac", "srcmac"),
    row("ingressinterface", "input"),
    row("inif", "input"),
    row("input_snmp", "input"),
    row("ip.addr", "ip"),
    row("ip.dsfield.dscp", "dscp"),
    row("ip.dst", "dstip"),
    row("ip.dst_host", "dstipname"),
    row("ip.host", "ipname"),
    noted("ip.proto", "protocolint", NUMBER),
    row("ip.src", "srcip"),
    row("ip.src_host", "srcipname"),
    row("ip.tos", "tos"),
    row("ip.ttl", "ttlmin"),
    row("ip.version", "ipversion"),
    row("ip_proto", "protocol"),
    row("ipclassofservice", "tos"),
    row("ipv4_dst_addr", "dstip"),
    row("ipv4_next_hop", "nexthop"),
    row("ipv4_src_addr", "srcip"),
    row("ipv6.addr", "ip"),
    row("ipv6.dst", "dstip"),
    row("ipv6.src", "srcip"),
    row("ipv6_dst_addr", "dstip"),
    row("ipv6_src_addr", "srcip"),
    row("l4_dst_port", "dstport"),
    row("l4_proto", "protocol"),
    row("l4_src_port", "srcport"),
    row("l7_proto", "application"),
    row("net", "ip"),
    row("next", "nexthop"),
    row("octetdeltacount", "octets"),
    noted("orig_bytes", "octets", ONE_WAY),
    noted("orig_pkts", "packets", ONE_WAY),
    row("out_iface", "outputname"),
    row("outif", "output"),
    row("output_snmp", "output"),
    row("packetdeltacount", "packets"),
    noted("packets_in", "packets", ONE_WAY),
    noted("packets_out", "packets", ONE_WAY),
    row("pkts", "packets"),
    noted("pkts_toclient", "packets", ONE_WAY),
    noted("pkts_toserver", "packets", ONE_WAY),
    row("pps", "flowprate"),
    row("proto", "protocol"),
    row("protocolidentifier", "protocolint"),
    noted("resp_bytes", "octets", ONE_WAY),
    noted("resp_pkts", "packets", ONE_WAY),
    row("router", "flowsrcip"),
    row("service", "application"),
    row("sip", "srcip"),
    row("size", "octets"),
    row("source", "srcip"),
    row("sourceipv4address", "srcip"),
    row("sourceipv6address", "srcip"),
    row("sourcemacaddress", "srcmac"),
    row("sourcetransportport", "srcport"),
    row("sport", "srcport"),
    row("src", "srcip"),
    row("src_as", "srcas.number"),
    row("src_ip", "srcip"),
    row("src_mac", "srcmac"),
    row("src_port", "srcport"),
    row("src_tos", "tos"),
    row("srcaddr", "srcip"),
    row("srcas", "srcas.number"),
    row("srchost", "srcip"),
    row("srcnet", "srcip"),
    row("srv_ip", "dstip"),
    row("srv_port", "dstport"),
    row("tcp.dstport", "dstport"),
    row("tcp.flags", "tcpflagsint"),
    row("tcp.flags.ack", "tcpflags.ack"),
    row("tcp.flags.fin", "tcpflags.fin"),
    row("tcp.flags.push", "tcpflags.psh"),
    row("tcp.flags.reset", "tcpflags.rst"),
    row("tcp.flags.syn", "tcpflags.syn"),
    row("tcp.flags.urg", "tcpflags.urg"),
    row("tcp.port", "port"),
    row("tcp.srcport", "srcport"),
    row("tcp_flags", "tcpflagsint"),
    row("tcpcontrolbits", "tcpflagsint"),
    row("tcpflags", "tcpflagsint"),
    row("transport", "protocol"),
    row("ts", "start"),
    row("ttl", "ttlmin"),
    row("udp.dstport", "dstport"),
    row("udp.port", "port"),
    row("udp.srcport", "srcport"),
    row("vlan.id", "vlan"),
    row("vlan_id", "vlan"),
    row("vlanid", "vlan"),
];

/// What another tool's `name` (lower case) is called here; only flows have names elsewhere.
pub fn meant(name: &str, context: RecordKind) -> Option<&'static Synonym> {
    if context != RecordKind::Flow {
        return None;
    }
    let at = SYNONYMS.binary_search_by(|row| row.name.cmp(name)).ok()?;
    Some(&SYNONYMS[at])
}

/// Whether `name` is one of ours.
pub fn is_known(name: &str, context: RecordKind) -> bool {
    context.find(name).is_some() || fields::find_alias(context, name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nql::{Filter, Options, lists::Lists};

    #[test]
    fn every_row_leads_from_a_foreign_name_to_one_of_ours() {
        assert!(SYNONYMS.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted, none twice");
        for row in SYNONYMS {
            assert!(is_known(row.field, RecordKind::Flow), "{row:?}");
            assert!(!is_known(row.name, RecordKind::Flow), "{row:?}");
            assert_eq!(row.name, row.name.to_lowercase());
            assert_eq!(meant(row.name, RecordKind::Flow), Some(row));
        }
    }

    /// What a note shows is a query.
    #[test]
    fn notes_are_sound() {
        let lists = Lists::default();
        let mut shown = 0;
        for row in SYNONYMS {
            for text in row.note.split('`').skip(1).step_by(2) {
                shown += 1;
                let query = if is_known(text, RecordKind::Flow) {
                    format!("{text} == 1")
                } else {
                    text.to_owned()
                };
                assert!(Filter::compile(&query, &Options::new(&lists)).is_ok(), "{text}");
            }
        }
        assert!(shown > 0);
    }
}
