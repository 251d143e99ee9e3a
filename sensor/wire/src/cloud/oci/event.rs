//! Events of Oracle Cloud that tell flows, and what carries them: their members.
//!
//! Members that are known and not read stand after `beside`: what is left then is new, and counted.

use crate::cloud::json::values::{Number, Text, object};

object! {
    /// An event, or what is around one.
    Event<'a> {
        /// The event, as Logging exports it.
        content: Option<Box<Content<'a>>> = b"logContent",
        /// Where it was logged.
        region: Text<'a> = b"regionId",
        /// The event in base64, as Streaming delivers it.
        value: Text<'a> = b"value",
        /// What happened: this is the event itself. Or what is around it, as a search finds it.
        data: Data<'a> = b"data",
        /// What kind of event it is.
        kind: Text<'a> = b"type",
        /// Whose it is.
        oracle: Oracle<'a> = b"oracle",
    }
    beside b"datetime" | b"id" | b"source" | b"specversion" | b"subject" | b"time" | b"dataschema" | b"datacontenttype"
        | b"stream" | b"partition" | b"key" | b"offset" | b"timestamp";
}

object! {
    /// An event within.
    Content<'a> {
        /// What happened.
        data: Data<'a> = b"data",
        /// What kind of event it is.
        kind: Text<'a> = b"type",
        /// Whose it is.
        oracle: Oracle<'a> = b"oracle",
    }
    beside b"id" | b"source" | b"specversion" | b"subject" | b"time" | b"dataschema" | b"datacontenttype";
}

object! {
    /// A flow.
    Data<'a> {
        /// Address of the source.
        source: Text<'a> = b"sourceAddress",
        /// Of the destination.
        destination: Text<'a> = b"destinationAddress",
        /// Port of the source.
        source_port: Number = b"sourcePort",
        /// Of the destination.
        destination_port: Number = b"destinationPort",
        /// IP protocol.
        protocol: Number = b"protocol",
        /// Packets.
        packets: Number = b"packets",
        /// Octets away from the source.
        bytes: Number = b"bytesOut",
        /// First packet, in seconds.
        start: Number = b"startTime",
        /// Last packet, in seconds.
        end: Number = b"endTime",
        /// Verdict of the security rules.
        action: Text<'a> = b"action",
        /// Whether there was anything to tell.
        status: Text<'a> = b"status",
        /// Version of the log.
        version: Number = b"version",
        /// The event, where a search found it.
        content: Option<Box<Content<'a>>> = b"logContent",
    }
    beside b"protocolName" | b"flowid" | b"datetime" | b"regionId";
}

object! {
    /// Where an event comes from.
    Oracle<'a> {
        /// Tenancy.
        tenancy: Text<'a> = b"tenantid",
        /// Log.
        log: Text<'a> = b"logid",
        /// Interface.
        interface: Text<'a> = b"vnicocid",
        /// Its subnet.
        subnet: Text<'a> = b"vnicsubnetocid",
        /// Its network.
        network: Text<'a> = b"vcnOcid",
        /// What it belongs to, as a load balancer.
        resource: Text<'a> = b"resourceId",
    }
    beside b"compartmentid" | b"ingestedtime" | b"loggroupid" | b"vniccompartmentocid" | b"resourceType" | b"publicIpv4"
        | b"managed";
}
