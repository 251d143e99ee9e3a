//! Sinks of flow records, of DNS records and of hits, and their queues.
//!
//! What a broken connection takes back of the records sent is not taken back here, since a counter that falls looks like a
//! restart: see `agent/control/steady.rs`.

use super::metric::{Family, Metric, View, counter, gauge};
use crate::agent::status::{Connection, Flows, Sink};

fn sinks(view: &View, family: &mut Family<'_>, figure: fn(&Sink<Flows>) -> u64) {
    family.each(view.status.sinks.iter().map(|sink| (&sink.name, figure(sink))));
}

fn connections(view: &View, family: &mut Family<'_>, figure: fn(&Connection) -> u64) {
    let connected = view.status.sinks.iter();
    family.each(connected.filter_map(|sink| Some((&sink.name, figure(&sink.connection?)))));
}

fn dns(view: &View, family: &mut Family<'_>, figure: fn(&Sink<u64>) -> u64) {
    family.each(view.status.dns_sinks.iter().map(|sink| (&sink.name, figure(sink))));
}

fn hits(view: &View, family: &mut Family<'_>, figure: fn(&Sink<u64>) -> u64) {
    family.each(view.status.hits.iter().map(|sink| (&sink.name, figure(sink))));
}

pub(super) const ROWS: &[Metric] = &[
    counter(
        "sensor_sink_offered_records",
        &["sink"],
        "Flow records that the sink was offered: offered = sent + queued + spooled + not sent.",
        |view, family| {
            sinks(view, family, |sink| sink.offered.flows);
        },
    ),
    counter(
        "sensor_sink_sent_records",
        &["sink"],
        "Flow records handed to the network or the file.",
        |view, family| {
            sinks(view, family, |sink| sink.sent.flows);
        },
    ),
    counter(
        "sensor_sink_not_sent_records",
        &["sink"],
        "Flow records that will never be sent.",
        |view, family| {
            sinks(view, family, |sink| sink.not_sent.flows);
        },
    ),
    gauge("sensor_sink_queued_records", &["sink"], "Flow records that wait.", |view, family| {
        sinks(view, family, |sink| sink.queued.flows);
    }),
    gauge(
        "sensor_sink_queue_capacity_records",
        &["sink"],
        "Flow records for which the queue has room.",
        |view, family| {
            sinks(view, family, |sink| sink.capacity);
        },
    ),
    counter("sensor_sink_messages", &["sink"], "Messages sent.", |view, family| {
        sinks(view, family, |sink| sink.messages);
    }),
    counter("sensor_sink_message", &["sink"], "Octets of the messages sent.", |view, family| {
        sinks(view, family, |sink| sink.message_octets);
    })
    .bytes(),
    gauge(
        "sensor_collector_connected",
        &["sink"],
        "1 while the collector takes messages, else 0.",
        |view, family| {
            connections(view, family, |connection| connection.connected.into());
        },
    ),
    counter(
        "sensor_collector_outages",
        &["sink"],
        "Times that the collector stopped taking messages, or did not from the start; as many reconnects follow.",
        |view, family| {
            connections(view, family, |connection| connection.outages);
        },
    ),
    counter(
        "sensor_sink_repeats",
        &["sink"],
        "Lots of records sent again since nobody acknowledged them; by their token they count once all the same.",
        |view, family| {
            let all = view.status.sinks.iter();
            family.each(all.filter_map(|sink| Some((&sink.name, sink.repeated?))));
        },
    ),
    counter(
        "sensor_dns_log_offered",
        &["log"],
        "DNS records that the log was offered: offered = sent + queued + not sent.",
        |view, family| {
            dns(view, family, |sink| sink.offered);
        },
    ),
    counter("sensor_dns_log_sent", &["log"], "DNS records written.", |view, family| {
        dns(view, family, |sink| sink.sent);
    }),
    counter(
        "sensor_dns_log_not_sent",
        &["log"],
        "DNS records that will never be written.",
        |view, family| {
            dns(view, family, |sink| sink.not_sent);
        },
    ),
    gauge("sensor_dns_log_queued", &["log"], "DNS records that wait.", |view, family| {
        dns(view, family, |sink| sink.queued);
    }),
    counter(
        "sensor_hits_offered",
        &["output"],
        "Events that the output of hits was offered: offered = sent + queued + spooled + not sent.",
        |view, family| {
            hits(view, family, |sink| sink.offered);
        },
    ),
    counter("sensor_hits_sent", &["output"], "Events delivered.", |view, family| {
        hits(view, family, |sink| sink.sent);
    }),
    counter(
        "sensor_hits_not_sent",
        &["output"],
        "Events that will never be delivered.",
        |view, family| {
            hits(view, family, |sink| sink.not_sent);
        },
    ),
    gauge("sensor_hits_queued", &["output"], "Events that wait in memory.", |view, family| {
        hits(view, family, |sink| sink.queued);
    }),
    gauge("sensor_hits_spooled", &["output"], "Events that wait on disk.", |view, family| {
        hits(view, family, |sink| sink.spooled);
    }),
    gauge(
        "sensor_hits_queue_capacity",
        &["output"],
        "Events for which the queue in memory has room.",
        |view, family| {
            hits(view, family, |sink| sink.capacity);
        },
    ),
];
