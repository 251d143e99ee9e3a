//! What routers send: listeners, the ledger of octets, and each device.

use super::metric::{Family, Kind, MOST, Metric, View, counter, gauge};
use crate::{
    agent::intake::summary,
    intake::report::{DeviceReport, ListenerReport, Report, Skipped},
};

fn intake(view: &View, family: &mut Family<'_>, put: impl FnOnce(&Report, &mut Family<'_>)) {
    if let Some(report) = &view.status.intake {
        put(report, family);
    }
}

fn listeners(view: &View, family: &mut Family<'_>, figure: fn(&ListenerReport) -> u64) {
    intake(view, family, |report, family| {
        family.each(report.listeners.iter().map(|(name, listener)| (name, figure(listener))));
    });
}

fn devices(view: &View, family: &mut Family<'_>, figure: fn(&DeviceReport) -> u64) {
    intake(view, family, |report, family| {
        family.each(report.devices.iter().map(|(id, device)| (id.to_string(), figure(device))));
    });
}

pub(super) const ROWS: &[Metric] = &[
    counter("sensor_listener_messages", &["listener"], "Datagrams or messages received.", |view, family| {
        listeners(view, family, |listener| listener.received.messages);
    }),
    counter("sensor_listener", &["listener"], "Octets received.", |view, family| {
        listeners(view, family, |listener| listener.received.octets);
    })
    .bytes(),
    counter("sensor_listener_dropped_messages", &["listener"], "Datagrams that the kernel dropped since the receive buffer was full.", |view, family| {
        listeners(view, family, |listener| listener.dropped);
    }),
    counter(
        "sensor_intake_turned_away_messages",
        &["reason"],
        "Datagrams not decoded: refused by intake.allow, beyond rate limits, or of devices without room.",
        |view, family| {
            intake(view, family, |report, family| {
                family.put(&["refused"], report.refused.messages);
                family.put(&["rate_limit"], report.limited.messages);
                family.put(&["no_room"], report.turned_away.count);
            });
        },
    ),
    counter("sensor_intake_evicted_devices", &[], "Devices forgotten to make room for others.", |view, family| {
        intake(view, family, |report, family| family.put(&[], report.evicted.count));
    }),
    counter(
        "sensor_intake",
        &["entry"],
        "Octets by entry of the intake ledger; all entries and the skipped octets add up to what was decoded.",
        |view, family| {
            intake(view, family, |report, family| {
                let ledger = &report.ledger;
                for (entry, octets) in [
                    ("headers", ledger.headers),
                    ("flows", ledger.flows),
                    ("options", ledger.options),
                    ("counters", ledger.counters),
                    ("templates", ledger.templates),
                    ("padding", ledger.padding),
                    ("waiting", ledger.waiting),
                ] {
                    family.put(&[entry], octets);
                }
            });
        },
    )
    .bytes(),
    counter("sensor_intake_skipped", &["reason"], "Octets that were not decoded.", |view, family| {
        intake(view, family, |report, family| {
            for reason in Skipped::ALL {
                family.put(&[reason.name()], report.ledger.skipped[reason]);
            }
        });
    })
    .bytes(),
    counter("sensor_intake_flow_records", &[], "Flow records decoded.", |view, family| {
        intake(view, family, |report, family| family.put(&[], report.ledger.flow_rows));
    }),
    counter("sensor_intake_connections", &["outcome"], "TCP and TLS connections of devices: accepted, of these broken, and turned away.", |view, family| {
        intake(view, family, |report, family| {
            let connections = &report.connections;
            family.put(&["accepted"], connections.accepted);
            family.put(&["broken"], connections.broken.total());
            family.put(&["refused"], connections.refused);
            family.put(&["too_many"], connections.too_many + connections.too_many_of_one);
        });
    }),
    counter("sensor_forwarded_messages", &["destination"], "Datagrams forwarded.", |view, family| {
        intake(view, family, |report, family| {
            family.each(report.forwards.iter().map(|forward| (&forward.name, forward.sent)));
        });
    }),
    counter("sensor_forward_failed_messages", &["destination"], "Datagrams that could not be forwarded.", |view, family| {
        intake(view, family, |report, family| {
            family.each(report.forwards.iter().map(|forward| (&forward.name, forward.failed)));
        });
    }),
    gauge("sensor_devices", &[], "Devices that are known.", |view, family| {
        intake(view, family, |report, family| family.put(&[], report.devices.len() as u64));
    }),
    gauge("sensor_device", &["device", "name"], "A device and its name.", |view, family| {
        intake(view, family, |report, family| {
            for (id, device) in report.devices.iter().take(MOST) {
                family.put(&[&id.to_string(), &device.name], true);
            }
        });
    })
    .of_kind(Kind::Info),
    counter("sensor_device_messages", &["device"], "Datagrams or messages decoded.", |view, family| {
        devices(view, family, |device| device.ledger.datagrams);
    }),
    counter("sensor_device", &["device"], "Octets decoded.", |view, family| {
        devices(view, family, |device| device.ledger.octets);
    })
    .bytes(),
    counter("sensor_device_flow_records", &["device"], "Flow records decoded.", |view, family| {
        devices(view, family, |device| device.ledger.flow_rows);
    }),
    counter("sensor_device_lost_flows", &["device"], "Flow records lost in transit, by sequence numbers (NetFlow 5 and 7, IPFIX).", |view, family| {
        devices(view, family, |device| device.lost.flows);
    }),
    counter("sensor_device_lost_messages", &["device"], "Datagrams lost in transit, by sequence numbers (NetFlow 9, sFlow).", |view, family| {
        devices(view, family, |device| device.lost.datagrams);
    }),
    counter("sensor_device_lost_samples", &["device"], "Samples lost in transit, by sequence numbers (sFlow).", |view, family| {
        devices(view, family, |device| device.lost.samples);
    }),
    counter("sensor_device_unknown_template", &["device"], "Octets whose template never came, or not yet.", |view, family| {
        devices(view, family, |device| summary::unknown(&device.ledger));
    })
    .bytes(),
    counter("sensor_device_malformed", &["device"], "Octets that the device, or the way, has broken.", |view, family| {
        devices(view, family, |device| summary::malformed(&device.ledger));
    })
    .bytes(),
    counter("sensor_device_limited_messages", &["device"], "Datagrams beyond the rate limit.", |view, family| {
        devices(view, family, |device| device.limited);
    }),
    gauge("sensor_device_clock_offset", &["device"], "The device's clock minus ours; 0 where that is not worth a word.", |view, family| {
        intake(view, family, |report, family| {
            let skew = |skew: i64| skew as f64 / 1000.0;
            // An offset cannot be summed: devices beyond the bound have none.
            let devices = report.devices.iter().take(MOST);
            family.each(devices.map(|(id, device)| (id.to_string(), skew(device.skew))));
        });
    })
    .seconds(),
];
