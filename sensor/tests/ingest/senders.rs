//! What other clouds push, as they push it: Event Grid's handshake and events, and the bodies of functions and routers of IBM and
//! Oracle.

use sensor_wire::cloud::json::base64::encode;
use serde_json::{Value, json};

use crate::{packed::gzip, site::Site};

/// A record of an Azure virtual network with one flow, to this port.
fn vnet(port: u16) -> Value {
    json!({"records": [{
        "time": "2026-06-28T15:00:51Z", "flowLogVersion": 4, "macAddress": "00224871C205",
        "flowLogResourceID": "/SUBSCRIPTIONS/0A-1B/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_EASTUS/FLOWLOGS/FLOWS",
        "targetResourceID": "/subscriptions/0a-1b/resourceGroups/Web/providers/Microsoft.Network/virtualNetworks/Prod",
        "flowRecords": {"flows": [{"aclID": "00aa", "flowGroups": [{"rule": "Web", "flowTuples": [
            format!("1782658800000,198.51.100.7,10.0.0.4,40000,{port},6,I,E,NX,5,300,0,0")
        ]}]}]}
    }]})
}

/// An entry of an IBM flow log collector, to this port.
fn ibm(port: u16) -> Value {
    json!({
        "version": "0.0.1", "collector_crn": "crn:v1:bluemix:public:is:us-south:a/0a1b::flow-log-collector:r006-c",
        "attached_endpoint_type": "vnic", "network_interface_id": "0727-n",
        "instance_crn": "crn:v1:bluemix:public:is:us-south-2:a/0a1b::instance:0727_i",
        "vpc_crn": "crn:v1:bluemix:public:is:us-south:a/0a1b::vpc:r006-v",
        "capture_start_time": "2026-06-28T15:00:18Z", "capture_end_time": "2026-06-28T15:05:18Z", "state": "ok",
        "number_of_flow_logs": 1,
        "flow_logs": [{
            "start_time": "2026-06-28T15:00:34Z", "end_time": "2026-06-28T15:00:49.5Z",
            "connection_start_time": "2026-06-28T15:00:34Z", "direction": "O", "action": "accepted",
            "initiator_ip": "10.240.128.4", "target_ip": "161.26.0.10", "initiator_port": 36919, "target_port": port,
            "transport_protocol": 17, "ether_type": "IPv4", "was_initiated": true, "was_terminated": false,
            "bytes_from_initiator": 288, "packets_from_initiator": 4, "bytes_from_target": 0, "packets_from_target": 0,
            "cumulative_bytes_from_initiator": 288, "cumulative_packets_from_initiator": 4,
            "cumulative_bytes_from_target": 0, "cumulative_packets_from_target": 0
        }]
    })
}

/// A record of Oracle Cloud, to this port, as a connector hands it to a function.
fn oci(port: u16) -> Value {
    json!({"datetime": 1_790_000_000_000_u64, "regionId": "eu-frankfurt-1", "logContent": {
        "data": {"action": "ACCEPT", "bytesOut": 540, "destinationAddress": "10.0.0.5", "destinationPort": port,
            "endTime": 1_790_000_020, "packets": 9, "protocol": 6, "protocolName": "TCP", "sourceAddress": "198.51.100.7",
            "sourcePort": 40_000, "startTime": 1_790_000_000, "status": "OK", "version": "2"},
        "id": "1", "source": "-", "specversion": "1.0", "time": "2026-09-21T14:13:20Z",
        "oracle": {"tenantid": "tenancy", "logid": "log", "vnicocid": "vnic-1", "vnicsubnetocid": "subnet-1"},
        "type": "com.oraclecloud.vcn.flowlogs.DataEvent"}})
}

#[test]
fn event_grid_asks_first_and_then_delivers() {
    let site = Site::start(
        "[[cloud]]\nname = 'azure'\npush = { protocol = 'eventgrid', token_file = 'token' }\n",
    );
    let own = |data: &Value| json!({"id": "1", "eventType": "Flows.Written", "subject": "s", "dataVersion": "1", "data": data});
    let cloud_event = |data: &Value| {
        let data = encode(data.to_string().as_bytes());
        json!({"specversion": "1.0", "type": "flows", "source": "/s", "id": "1", "data_base64": data})
    };
    let post = |token: &str, about: &str, body: &Value| {
        let target = format!("azure?access_token={token}");
        site.post(&target, &format!("Aeg-Event-Type: {about}\r\n"), body.to_string().as_bytes())
    };
    // The handshake takes the token as well.
    let validation = json!([{
        "id": "2d1781af", "topic": "/subscriptions/x", "subject": "", "eventTime": "2018-01-25T22:12:19.4556811Z",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "metadataVersion": "1", "dataVersion": "1",
        "data": {"validationCode": "512d38b6-c7b8", "validationUrl": "https://rp-eastus2.eventgrid.azure.net"}
    }]);
    assert_eq!(post("other", "SubscriptionValidation", &validation).0, 401);
    let (status, answer) = post("s3cret", "SubscriptionValidation", &validation);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((status, answer), (200, json!({"validationResponse": "512d38b6-c7b8"})));
    let origin = "WebHook-Request-Origin: eventgrid.azure.net\r\n";
    assert_eq!(site.send("OPTIONS", "azure?access_token=s3cret", origin, b"").0, 200);
    assert_eq!(site.send("OPTIONS", "azure", origin, b"").0, 401);
    // Events with the log in them, in both schemas, some of them beside events about blobs.
    let blob = json!({"id": "2", "eventType": "Microsoft.Storage.BlobCreated", "data": {"url": "https://a/b"}});
    assert_eq!(post("other", "Notification", &json!([own(&vnet(1))])).0, 401);
    assert_eq!(post("s3cret", "Notification", &json!([own(&vnet(1))])).0, 204);
    assert_eq!(post("s3cret", "Notification", &json!([blob, own(&vnet(2)), own(&vnet(3))])).0, 204);
    assert_eq!(post("s3cret", "Notification", &json!([own(&vnet(1))])).0, 204, "again");
    assert_eq!(post("s3cret", "", &cloud_event(&vnet(4))).0, 204);
    assert_eq!(post("s3cret", "", &json!([cloud_event(&vnet(5)), cloud_event(&vnet(6))])).0, 204);
    assert_eq!(post("s3cret", "Notification", &json!([blob])).0, 204);
    // A Logic App posts the blob itself, and something else is no log.
    let bearer = "Authorization: Bearer s3cret\r\n";
    assert_eq!(site.post("azure", bearer, vnet(7).to_string().as_bytes()).0, 204);
    assert_eq!(post("s3cret", "Notification", &json!([own(&json!({"a": 1}))])).0, 400);
    assert_eq!(site.ports(), [1, 2, 3, 4, 5, 6, 7]);
    site.assert_ledger("azure", 7);
    let source = &site.document()["ingest"]["sources"][0];
    // One more refused than above: by it the site has seen that the source had begun.
    let figures = ["accepted", "duplicate", "handshake", "event", "refused"];
    let figures = figures.map(|name| source[name].as_u64().expect("a number"));
    assert_eq!(figures, [5, 1, 2, 1, 5], "{source}");
}

#[test]
fn ibm_and_oracle_push_objects_and_batches() {
    let site = Site::start(
        "[[cloud]]\nname = 'ibm'\npush = { protocol = 'body', token_file = 'token' }\n\
         [[cloud]]\nname = 'oci'\npush = { protocol = 'body', token_file = 'token' }\n",
    );
    let bearer = "Authorization: Bearer s3cret\r\n";
    let encoded = format!("{bearer}Content-Encoding: gzip\r\n");
    let octets = |value: &Value| value.to_string().into_bytes();
    // A function that a bucket of IBM triggers posts the object as it lies there: in gzip.
    assert_eq!(site.post("ibm", bearer, &gzip(&octets(&ibm(1)))).0, 204);
    assert_eq!(site.post("ibm", bearer, &octets(&ibm(2))).0, 204);
    assert_eq!(site.post("ibm", bearer, &gzip(&octets(&ibm(2)))).0, 204, "the same octets");
    // A connector of Oracle hands a function an array; a log router sends lines.
    assert_eq!(site.post("oci", &encoded, &gzip(&octets(&json!([oci(11), oci(12)])))).0, 204);
    let lines = [oci(13), oci(14)].map(|record| format!("{record}\n")).concat();
    assert_eq!(site.post("oci", bearer, lines.as_bytes()).0, 204);
    for (cloud, body) in [("ibm", ibm(90)), ("oci", json!([oci(91)]))] {
        for header in ["", "Authorization: Bearer s3creT\r\n", "Authorization: Basic s3cret\r\n"] {
            assert_eq!(site.post(cloud, header, &octets(&body)).0, 401, "{cloud} {header}");
        }
        assert_eq!(site.post(&format!("{cloud}?access_token=s3cret"), "", &octets(&body)).0, 401);
        assert_eq!(site.post(cloud, bearer, &octets(&json!({"a": 1}))).0, 400, "{cloud}");
    }
    assert_eq!(site.ports(), [1, 2, 11, 12, 13, 14]);
    site.assert_ledger("ibm", 2);
    site.assert_ledger("oci", 4);
    let document = site.document();
    for (at, figures) in [(0, [2, 1, 6]), (1, [2, 0, 6])] {
        let source = &document["ingest"]["sources"][at];
        let found = ["accepted", "duplicate", "refused"].map(|name| source[name].as_u64());
        assert_eq!(found, figures.map(Some), "{source}");
    }
}
