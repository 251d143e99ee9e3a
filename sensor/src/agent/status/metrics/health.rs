//! What is wrong, as `/healthz` and `sensor status` have it.

use super::metric::{Metric, gauge};
use crate::agent::status::condition::Code;

pub(super) const ROWS: &[Metric] = &[
    gauge("sensor_healthy", &[], "1 where /healthz answers 200, else 0.", |view, family| {
        family.put(&[], view.condition.is_healthy());
    }),
    gauge(
        "sensor_health_failing",
        &["code"],
        "1 for each code of a reason why the agent is not healthy, else 0.",
        |view, family| {
            for code in Code::ALL {
                let fails = view.condition.reasons.iter().any(|reason| reason.code == code);
                family.put(&[code.name()], fails);
            }
        },
    ),
];
