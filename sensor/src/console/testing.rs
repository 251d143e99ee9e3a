//! A desk with a made-up hour: the newest records are held, all of them are stored.

use std::{net::IpAddr, sync::Arc};

use sensor_core::{
    flow::{batch::FlowBatch, interfaces::SharedInterfaces, profile::Profile},
    nql::lists::Lists,
    policy::{
        load::{PolicyFile, load},
        model::Policy,
    },
};
use sensor_store::{
    journal::Sync,
    store::{self, Options},
    testing::Traffic,
};
use tempfile::TempDir;

use super::{
    agent::{About, Agent, Fared, Label, Loss, NamedSource, Rates, Source, Stage, Standing},
    desk::Desk,
};
use crate::export::{
    held::ring::Ring,
    hits::render::{
        stored,
        testing::{hit, scan},
    },
};

/// When it begins.
pub const BEGIN: u64 = 1_796_000_400_000;
/// Milliseconds between two steps.
pub const STEP: u64 = 10_000;
/// Steps.
pub const STEPS: u64 = 60;
/// Records of a step.
const RECORDS: usize = 50;

/// An agent that has policies and labels of its own.
pub struct Stranger;

impl Agent for Stranger {
    fn about(&self) -> About {
        let source = NamedSource {
            id: "kernel".to_owned(),
            kind: "kernel",
            name: "this host".to_owned(),
            watermark_ms: None,
        };
        About {
            host: "a-host".to_owned(),
            started_ms: BEGIN,
            contexts: vec!["role".to_owned()],
            sources: vec![source],
            without_self: Some("!(local == true && port == 8686)".to_owned()),
        }
    }

    fn standing(&self) -> Standing {
        let loss =
            |stage, count: u64| Loss { stage, reason: "full".to_owned(), count: count.into() };
        Standing {
            sources: vec![Source {
                id: "192.0.2.1".to_owned(),
                kind: "device",
                name: "edge".to_owned(),
                last_ms: Some(BEGIN),
                watermark_ms: None,
                records: 7_u64.into(),
                lost: 2_u64.into(),
                state: "ok".to_owned(),
            }],
            losses: vec![loss(Stage::Intake, 12), loss(Stage::Export, 0)],
            policies: vec![Fared {
                name: "web".to_owned(),
                events: 3,
                tested: 100,
                ns_per_row: Some(2.5),
            }],
            rates: Rates { bps: 8e6, pps: 1000.0, fps: 10.0 },
            reasons: vec!["engine_loses: 1 flow record".to_owned()],
        }
    }

    fn policies(&self) -> Vec<Arc<Policy>> {
        let text = "[[policy]]\nname = 'web'\ndescription = 'Web'\nmatch = 'protocol == tcp && dstport == 443'\ntrack_by = [['srcip']]\n\
            window = '60s'\nseverity = { low = 'count() >= 1', high = 'count() >= 20' }\n";
        let file = PolicyFile { path: "web.toml".to_owned(), text: text.to_owned() };
        let loaded = load(&[file], &Lists::default());
        assert_eq!(loaded.errors(), 0, "{}", loaded.report());
        loaded.policies.into_iter().map(Arc::new).collect()
    }

    fn profile(&self, _: IpAddr) -> Profile {
        Profile {
            labels: [("role".to_owned(), vec!["web".to_owned()])].into(),
            internal: Some(true),
            country: Some("NL".to_owned()),
            ..Profile::default()
        }
    }

    fn labels(&self) -> Vec<Label> {
        let label = |value: &str| Label {
            context: "role".to_owned(),
            value: value.to_owned(),
            profiles: 1,
        };
        ["web", "<img src=x onerror=alert(1)>"].map(label).into()
    }

    fn hits(&self) -> Vec<Arc<[u8]>> {
        let line = |alert: &sensor_core::policy::alert::Alert, now| {
            let mut line = Vec::new();
            stored::write(&mut line, alert, now);
            Arc::from(line)
        };
        vec![line(&scan(), BEGIN + 1000), line(&hit(), BEGIN + 2000)]
    }
}

/// Its batches.
pub fn batches() -> Vec<FlowBatch> {
    let mut traffic = Traffic::over(3, BEGIN, STEP * STEPS, STEPS * RECORDS as u64);
    let mut all = Vec::new();
    for step in 0..STEPS {
        for mut batch in traffic.batches(RECORDS) {
            batch.offered = BEGIN + step * STEP + 1;
            all.push(batch);
        }
    }
    all
}

/// A desk where `held` records are held and all are stored; the folder is the store's.
pub fn desk(batches: &[FlowBatch], held: u64, began: u64) -> (Desk, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let ring = Arc::new(Ring::new(held, began));
    let options = Options { sync: Sync::Never, segment_age: u64::MAX, ..Options::default() };
    let (mut appender, keeper, _) = store::open(folder.path(), options).expect("a store");
    for batch in batches {
        appender.append(batch, batch.offered).expect("appended");
        ring.push(batch.clone());
    }
    drop((appender, keeper));
    let desk = Desk {
        held: ring,
        store: Some(folder.path().to_owned()),
        lists: Lists::default(),
        interfaces: SharedInterfaces::default(),
        timer: Arc::new(|| 0),
        agent: Arc::new(Stranger),
    };
    (desk, folder)
}
