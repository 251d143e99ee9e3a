//! Entries of Cloud Logging that tell flows, and the messages of Pub/Sub that carry them: their members.
//!
//! Members that are known and not read stand after `beside`: what is left then is new, and counted.

use crate::cloud::json::values::{Many, Number, Text, object};

object! {
    /// An entry, or a message around one.
    Entry<'a> {
        /// What the log tells.
        payload: Payload<'a> = b"jsonPayload",
        /// `projects/P/logs/NAME`, with the name in percent encoding.
        log_name: Text<'a> = b"logName",
        /// What the log is of.
        resource: Resource<'a> = b"resource",
        /// A message of Pub/Sub.
        message: Message<'a> = b"message",
        /// The entry in base64: this is the message itself.
        data: Text<'a> = b"data",
    }
    beside b"insertId" | b"timestamp" | b"receiveTimestamp" | b"labels" | b"severity" | b"textPayload" | b"protoPayload"
        | b"trace" | b"traceSampled" | b"spanId" | b"operation" | b"sourceLocation" | b"split" | b"httpRequest" | b"apphub"
        | b"ackId" | b"subscription" | b"deliveryAttempt" | b"attributes" | b"messageId" | b"message_id" | b"publishTime"
        | b"publish_time" | b"orderingKey";
}

object! {
    /// A message.
    Message<'a> {
        /// The entry in base64.
        data: Text<'a> = b"data",
    }
    beside b"attributes" | b"messageId" | b"message_id" | b"publishTime" | b"publish_time" | b"orderingKey";
}

object! {
    /// The monitored resource.
    Resource<'a> {
        /// What tells it.
        labels: ResourceLabels<'a> = b"labels",
    }
    beside b"type";
}

object! {
    /// Of a subnet or of a configuration of flow logs.
    ResourceLabels<'a> {
        /// Project of the subnet.
        project: Text<'a> = b"project_id",
        /// Subnet.
        subnet: Text<'a> = b"subnetwork_name",
        /// Configuration.
        name: Text<'a> = b"name",
    }
    beside b"location" | b"subnetwork_id" | b"resource_container";
}

object! {
    /// A flow.
    Payload<'a> {
        /// Addresses, ports, protocol.
        connection: Connection<'a> = b"connection",
        /// Who saw it.
        reporter: Text<'a> = b"reporter",
        /// Who opened the connection, as the reporter sees it.
        opened: Text<'a> = b"connection_direction",
        /// `DROPPED` where it did not get through.
        disposition: Text<'a> = b"disposition",
        /// Octets of payload.
        bytes: Number = b"bytes_sent",
        /// Packets.
        packets: Number = b"packets_sent",
        /// First packet.
        start: Text<'a> = b"start_time",
        /// Last packet.
        end: Text<'a> = b"end_time",
        /// Virtual machine of the source.
        source_instance: Instance<'a> = b"src_instance",
        /// That of the destination.
        destination_instance: Instance<'a> = b"dest_instance",
        /// Network of the source.
        source_vpc: Vpc<'a> = b"src_vpc",
        /// That of the destination.
        destination_vpc: Vpc<'a> = b"dest_vpc",
        /// Kubernetes at the source.
        source_gke: Gke<'a> = b"src_gke_details",
        /// At the destination.
        destination_gke: Gke<'a> = b"dest_gke_details",
        /// Service of Google that is the source.
        source_service: GoogleService<'a> = b"src_google_service",
        /// That is the destination.
        destination_service: GoogleService<'a> = b"dest_google_service",
        /// Gateway through which the source is reached.
        source_gateway: Gateway<'a> = b"src_gateway",
        /// Through which the destination is.
        destination_gateway: Gateway<'a> = b"dest_gateway",
        /// Load balancer on the way.
        balancer: Balancer<'a> = b"load_balancing",
        /// Private Service Connect on the way.
        private: PrivateService<'a> = b"psc",
        /// Quality of service.
        service: NetworkService<'a> = b"network_service",
    }
    beside b"rtt_msec" | b"round_trip_time" | b"src_location" | b"dest_location" | b"internet_routing_details";
}

object! {
    /// What the headers of the packets tell.
    Connection<'a> {
        /// Address of the source.
        source: Text<'a> = b"src_ip",
        /// Of the destination.
        destination: Text<'a> = b"dest_ip",
        /// Port of the source.
        source_port: Number = b"src_port",
        /// Of the destination.
        destination_port: Number = b"dest_port",
        /// IP protocol.
        protocol: Number = b"protocol",
        /// Address that network address translation put in place of the reporter's.
        nat: Text<'a> = b"nat_ip" | b"nat_ip_address",
    }
}

object! {
    /// A virtual machine.
    Instance<'a> {
        /// Its project.
        project: Text<'a> = b"project_id",
        /// Its name.
        name: Text<'a> = b"vm_name",
        /// Where it runs.
        region: Text<'a> = b"region",
        /// Where in the region.
        zone: Text<'a> = b"zone",
        /// The group that it is of.
        group: InstanceGroup<'a> = b"managed_instance_group",
    }
}

object! {
    /// Machines that are managed alike.
    InstanceGroup<'a> {
        /// Its name.
        name: Text<'a> = b"name",
    }
    beside b"region" | b"zone";
}

object! {
    /// A network.
    Vpc<'a> {
        /// Its project.
        project: Text<'a> = b"project_id",
        /// Its name.
        name: Text<'a> = b"vpc_name",
        /// Subnet.
        subnet: Text<'a> = b"subnetwork_name",
        /// Region of the subnet.
        region: Text<'a> = b"subnetwork_region",
    }
}

object! {
    /// What Kubernetes runs there.
    Gke<'a> {
        /// Cluster.
        cluster: Cluster<'a> = b"cluster",
        /// Pod.
        pod: Pod<'a> = b"pod",
        /// Services that the pod is of.
        services: Many<GkeService<'a>> = b"service",
    }
}

object! {
    /// A cluster.
    Cluster<'a> {
        /// Its name.
        name: Text<'a> = b"cluster_name",
    }
    beside b"cluster_location";
}

object! {
    /// A pod.
    Pod<'a> {
        /// Its name.
        name: Text<'a> = b"pod_name",
        /// Its namespace.
        namespace: Text<'a> = b"pod_namespace",
        /// What runs it.
        workload: Workload<'a> = b"pod_workload",
    }
}

object! {
    /// A deployment or the like.
    Workload<'a> {
        /// Its name.
        name: Text<'a> = b"workload_name",
    }
    beside b"workload_type";
}

object! {
    /// A service of Kubernetes.
    GkeService<'a> {
        /// Its name.
        name: Text<'a> = b"service_name",
    }
    beside b"service_namespace";
}

object! {
    /// A service of Google.
    GoogleService<'a> {
        /// Its name.
        name: Text<'a> = b"service_name",
        /// Its kind.
        kind: Text<'a> = b"type",
    }
    beside b"connectivity" | b"private_domain";
}

object! {
    /// An attachment of an interconnect, or a tunnel.
    Gateway<'a> {
        /// Its name.
        name: Text<'a> = b"name",
        /// Its project.
        project: Text<'a> = b"project_id",
        /// Its region.
        region: Text<'a> = b"location",
        /// The network behind it.
        vpc: Vpc<'a> = b"vpc",
    }
    beside b"type" | b"interconnect_name" | b"interconnect_project_number" | b"interconnect_project_id";
}

object! {
    /// A load balancer.
    Balancer<'a> {
        /// Its forwarding rule.
        rule: Text<'a> = b"forwarding_rule_name",
        /// Its backend service.
        backend: Text<'a> = b"backend_service_name",
    }
    beside b"reporter" | b"scheme" | b"type" | b"forwarding_rule_project_id" | b"url_map_name" | b"backend_group_name"
        | b"backend_group_type" | b"backend_group_location" | b"vpc";
}

object! {
    /// Private Service Connect.
    PrivateService<'a> {
        /// Which side of it the reporter is.
        reporter: Text<'a> = b"reporter",
    }
    beside b"psc_endpoint" | b"psc_attachment" | b"target_service_type";
}

object! {
    /// Quality of service.
    NetworkService<'a> {
        /// Code point.
        dscp: Number = b"dscp",
    }
}
