//! Made facts: of a host on which everything is as it should be.

use std::io;

use sensor_core::policy::detector::footprint::Footprint;
use sensor_kernel::{
    attach::{EgressMode, IngressMode, IngressWish, PassedOver},
    budget::Budget,
    device::{Device, Occupant, XdpFeatures},
    links::{Link, LinkLayer},
    outlook::{Expected, Outlook},
    probe::Means,
    sys::ClockDiscipline,
};

use crate::{
    agent::doctor::facts::{
        CaptureFacts, Facts,
        clock::ClockFacts,
        files::FileFacts,
        folders::{self, FolderFacts},
        holder::Holder,
        interfaces::{InterfaceFacts, MissingInterface, SelectedInterface},
        kernel::{KernelFacts, TrialOutcome},
        memory::MemoryFacts,
        peers::{Outcome, PeerFacts},
        sockets::{ControlFacts, Port, SocketFacts},
        user::UserFacts,
    },
    export::net::{error::NetError, reach::Reached},
};

pub fn kernel() -> KernelFacts {
    KernelFacts {
        means: Ok(Means::of((6, 12), u64::MAX)),
        trial: TrialOutcome::Verified,
        btf: true,
        jit: Some(true),
        lockdown: Some("none".into()),
        modules: Some(vec!["capability".into(), "apparmor".into()]),
        bpffs: Some("/sys/fs/bpf".into()),
        pins: None,
        membarrier: true,
        seccomp: false,
    }
}

/// A NIC with native XDP.
pub fn interface(name: &str) -> SelectedInterface {
    let link = Link {
        index: 2,
        name: name.into(),
        alternatives: Vec::new(),
        link_layer: LinkLayer::Ethernet,
        mtu: 1500,
        lower: None,
        upper: None,
        kind: String::new(),
        by_vlan: false,
        tags_for: None,
    };
    let device = Device {
        driver: Some("ice".into()),
        up: Some(true),
        carrier: Some(true),
        xdp_features: Some(XdpFeatures(0x23)),
        xdp: None,
        tcx: Some(Vec::new()),
        clsact: Some(Vec::new()),
        offloads: Some(Default::default()),
    };
    let native = Some(IngressMode::NativeXdp);
    let outlook = Outlook {
        ingress: Expected { mode: native, passed_over: Vec::new(), doubt: None },
        egress: Expected { mode: Some(EgressMode::Tcx), passed_over: Vec::new(), doubt: None },
        unseen_tags: None,
    };
    SelectedInterface { link, wish: IngressWish::Best, device, outlook }
}

pub fn interfaces() -> InterfaceFacts {
    InterfaceFacts {
        selected: vec![interface("eth0")],
        present: "eth0, lo".into(),
        ..InterfaceFacts::default()
    }
}

/// A host with something of everything.
pub fn troubled() -> Facts {
    let mut shared = interface("eth1");
    shared.device.xdp = Some(Occupant { program: 31, name: "dispatcher".into(), is_sensor: false });
    shared.device.offloads = Some(["rx-gro".to_owned(), "rx-vlan-hw-parse".to_owned()].into());
    shared.outlook.ingress = Expected {
        mode: Some(IngressMode::TcxIngress),
        passed_over: vec![PassedOver {
            way: "native XDP",
            reason: "slot taken by dispatcher (program 31)".into(),
        }],
        doubt: None,
    };
    let port = |name: &str, address: &str, is_udp, trial, holder: Option<(u32, &str)>| Port {
        name: name.into(),
        address: address.parse().expect("an address"),
        is_udp,
        trial,
        holder: holder.map(|(process, name)| Holder { process, name: name.into() }),
    };
    let taken = || Err(io::Error::from_raw_os_error(libc::EADDRINUSE));
    let peer =
        |role, name: &str, is_udp, outcome| PeerFacts { role, name: name.into(), is_udp, outcome };
    let refused = NetError::Connect {
        address: "192.0.2.8:4739".into(),
        source: io::Error::from_raw_os_error(libc::ECONNREFUSED),
    };
    let reached = Reached {
        address: "192.0.2.7:4739".parse().expect("an address"),
        from: [192, 0, 2, 1].into(),
        addresses: 1,
    };
    Facts {
        files: FileFacts { path: Some("/etc/sensor/sensor.toml".into()), ..FileFacts::default() },
        store: None,
        folders: vec![FolderFacts {
            name: "production".into(),
            root: "/var/lib/flowlogs".into(),
            outcome: folders::Outcome::Read(folders::Holding {
                files: 7,
                looked_at: 7,
                ..folders::Holding::default()
            }),
        }],
        capture: Some(CaptureFacts {
            kernel: KernelFacts { jit: Some(false), ..kernel() },
            interfaces: InterfaceFacts {
                selected: vec![interface("eth0"), shared],
                missing: vec![MissingInterface { name: "eth2".into(), required: false }],
                present: "eth0, eth1, lo".into(),
                ..InterfaceFacts::default()
            },
        }),
        user: UserFacts { captures: true, ..UserFacts::default() },
        memory: MemoryFacts {
            tables: Some(Budget::new(128 << 20, 4)),
            cache: Some((1 << 20, 160 << 20)),
            intake: Some((64 << 20, 16 << 20)),
            policies: Some((350, Footprint { keys: 35_000_000, octets: 21_000_000_000 })),
            available: Some(6 << 30),
            group: Some((1 << 30, 100 << 20)),
        },
        sockets: SocketFacts {
            ports: vec![
                port("netflow://0.0.0.0:2055", "0.0.0.0:2055", true, Ok(Some(212_992)), None),
                port("tcp://0.0.0.0:4739", "0.0.0.0:4739", false, taken(), Some((4711, "nfcapd"))),
            ],
            wanted: 8 << 20,
            limit: Some(212_992),
            control: Some(ControlFacts {
                path: "/run/sensor/control.sock".into(),
                chosen: false,
                trial: Ok(()),
            }),
        },
        clock: ClockFacts {
            now: 1_790_000_000,
            program_written: Some(1_780_000_000),
            discipline: Some(Ok(ClockDiscipline { synchronized: false, max_error: 16_000_000 })),
        },
        peers: vec![
            peer("collector", "udp://192.0.2.7:4739", true, Outcome::Reached(reached)),
            peer("collector", "tcp://192.0.2.8:4739", false, Outcome::Failed(refused)),
        ],
    }
}
