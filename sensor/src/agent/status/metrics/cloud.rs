//! Cloud flow logs that are followed: objects by source, records by log.

use sensor_wire::cloud::ledger::{Reason, Window};

use super::metric::{Family, Kind, MOST, Metric, View, counter, gauge};
use crate::agent::cloud::follow::figures::{Followed, FollowedLog};

fn sources(view: &View, family: &mut Family<'_>, figure: fn(&Followed) -> u64) {
    family.each(view.status.followed.iter().map(|followed| (&followed.name, figure(followed))));
}

/// A sample for each log of an account, by the source and its own name; those beyond the bound are summed where that makes sense.
fn logs(view: &View) -> impl Iterator<Item = (&str, &FollowedLog)> {
    let all = view.status.followed.iter();
    all.flat_map(|followed| followed.logs.iter().map(|log| (followed.name.as_str(), log)))
}

fn each(
    view: &View,
    family: &mut Family<'_>,
    figure: impl Fn(&FollowedLog) -> u64,
    further: &[&str],
) {
    for followed in &view.status.followed {
        let mut others = 0;
        for (at, log) in followed.logs.iter().enumerate() {
            if at < MOST {
                let id = log.id.to_string();
                family.put(&[&[followed.name.as_str(), &id], further].concat(), figure(log));
            } else {
                others += figure(log);
            }
        }
        if followed.logs.len() > MOST {
            let values = [&[followed.name.as_str(), super::metric::OTHERS], further].concat();
            family.put(&values, others);
        }
    }
}

pub(super) const ROWS: &[Metric] = &[
    counter("sensor_cloud_objects", &["cloud", "outcome"], "Objects: read (each time that one has grown), given up as foreign or unreadable, passed over as older than `begin`.", |view, family| {
        for followed in &view.status.followed {
            let objects = &followed.objects;
            for (outcome, count) in [
                ("read", objects.read),
                ("foreign", objects.foreign),
                ("unreadable", objects.unreadable),
                ("old", objects.old),
            ] {
                family.put(&[&followed.name, outcome], count);
            }
        }
    }),
    counter("sensor_cloud_grown_objects", &["cloud"], "Of the objects read, those that were read on from where they had ended before.", |view, family| {
        sources(view, family, |followed| followed.objects.grown);
    }),
    counter("sensor_cloud_rewritten_objects", &["cloud"], "Of the objects read, those with other content than before; they were read from the beginning.", |view, family| {
        sources(view, family, |followed| followed.objects.rewritten);
    }),
    gauge("sensor_cloud_waiting_objects", &["cloud"], "Objects that are known and not read yet.", |view, family| {
        sources(view, family, |followed| followed.waiting);
    }),
    counter("sensor_cloud", &["cloud"], "Octets read, as they are stored.", |view, family| {
        sources(view, family, |followed| followed.octets);
    })
    .bytes(),
    counter("sensor_cloud_lots", &["cloud"], "Lots put out and noted in the state file.", |view, family| {
        sources(view, family, |followed| followed.lots);
    }),
    counter("sensor_cloud_repeated_lots", &["cloud"], "Lots of a killed sensor of which records may have been put out twice.", |view, family| {
        sources(view, family, |followed| followed.repeated_lots);
    }),
    gauge("sensor_cloud_last_object_timestamp", &["cloud"], "When an object was last found that was new or had grown, since the epoch; 0 before the first.", |view, family| {
        let time = |followed: &Followed| followed.last_object as f64 / 1e3;
        family.each(view.status.followed.iter().map(|followed| (&followed.name, time(followed))));
    })
    .seconds(),
    gauge("sensor_cloud_silent", &["cloud"], "1 where no object has come for longer than is usual, or than `silent_after` allows, else 0.", |view, family| {
        family.each(view.status.followed.iter().map(|followed| (&followed.name, followed.silent)));
    }),
    gauge("sensor_cloud_failing", &["cloud"], "1 where the log cannot be followed now, or its state cannot be written, else 0.", |view, family| {
        family.each(
            view.status.followed.iter().map(|followed| (&followed.name, followed.error.is_some())),
        );
    }),
    counter("sensor_cloud_records", &["cloud", "log"], "Records read; flows, DNS records, windows, duplicates and errors add up to them.", |view, family| {
        each(view, family, |log| log.ledger.records, &[]);
    }),
    counter("sensor_cloud_flow_records", &["cloud", "log"], "Flow records made of them.", |view, family| {
        each(view, family, |log| log.ledger.rows, &[]);
    }),
    counter("sensor_cloud_dns_records", &["cloud", "log"], "DNS records made of them.", |view, family| {
        each(view, family, |log| log.ledger.dns, &[]);
    }),
    counter("sensor_cloud_windows", &["cloud", "log", "status"], "Windows without flows: nothing happened (NODATA), or the cloud kept no records (SKIPDATA).", |view, family| {
        for window in Window::ALL {
            each(view, family, |log| log.ledger.windows[window as usize], &[window.name()]);
        }
    }),
    counter("sensor_cloud_duplicates", &["cloud", "log"], "Records that repeat another one.", |view, family| {
        each(view, family, |log| log.ledger.duplicates, &[]);
    }),
    counter("sensor_cloud_errors", &["cloud", "reason"], "Records that became nothing.", |view, family| {
        for followed in &view.status.followed {
            for reason in Reason::ALL {
                let errors = followed.logs.iter().map(|log| log.ledger.errors[reason as usize]);
                family.put(&[&followed.name, &reason.to_string()], errors.sum::<u64>());
            }
        }
    }),
    gauge("sensor_cloud_newest_flow_timestamp", &["cloud", "log"], "End of the newest flow, since the epoch.", |view, family| {
        for (cloud, log) in logs(view).filter(|(_, log)| log.newest > 0).take(MOST) {
            family.put(&[cloud, &log.id.to_string()], log.newest as f64 / 1e3);
        }
    })
    .seconds(),
    gauge("sensor_cloud_flow_delay", &["cloud"], "How long before they were read flows had ended. Buckets: 15 s, 30 s, 1, 2, 5, 10, 15 and 30 minutes, 1, 2, 6 and 24 hours.", |view, family| {
        for followed in view.status.followed.iter().take(MOST) {
            family.histogram(&[&followed.name], &followed.delays);
        }
    })
    .seconds()
    .of_kind(Kind::Histogram),
    gauge("sensor_cloud_delay", &["cloud", "log"], "How long before its arrival the newest flow of the last objects had ended.", |view, family| {
        for (cloud, log) in logs(view).filter(|(_, log)| log.newest > 0).take(MOST) {
            family.put(&[cloud, &log.id.to_string()], log.delay as f64 / 1e3);
        }
    })
    .seconds(),
];
