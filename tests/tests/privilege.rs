//! What the agent has left of its privileges once it runs, and that it goes on as before: capabilities of every thread, files
//! out of reach, and reloads that need one or the other.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use sensor::agent::privilege::sandbox;
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    agent::{Agent, binary},
    netns::Netns,
    peers::{require, wait_until},
    root,
};

const NEAR: &str = "near0";

/// By number (linux/capability.h).
const DAC_OVERRIDE: u64 = 1 << 1;
const NET_BIND_SERVICE: u64 = 1 << 10;
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;
const BPF: u64 = 1 << 39;

/// The user that is not root.
const NOBODY: u32 = 65_534;

/// How an agent is started in its namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Root,
    /// As systemd starts the service.
    Service,
}

/// An agent with everything on, and its files: `etc` for what it reads, `out` for what it writes.
struct Site {
    directory: TempDir,
    near: Netns,
    _far: Netns,
    agent: Agent,
}

impl Site {
    fn start(who: Who, more: &str) -> Result<Self> {
        Self::prepared(who, more, |_| Ok(()))
    }

    /// `prepare` may change the directory before the start.
    fn prepared(who: Who, more: &str, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let (near, far) = (Netns::new("priv-near")?, Netns::new("priv-far")?);
        near.veth(NEAR, &far, "far0")?;
        let at = |name: &str| directory.path().join(name);
        // The binary may lie where only root looks.
        fs::copy(binary()?, at("sensor"))?;
        for name in ["etc", "etc/policies", "out", "run", "elsewhere"] {
            fs::create_dir(at(name))?;
        }
        fs::write(at("etc/policies/a.toml"), policies(1))?;
        fs::write(at("etc/sensor.toml"), configuration(directory.path(), more))?;
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        if who == Who::Service {
            for name in ["out", "run"] {
                chown(at(name), Some(NOBODY), Some(NOBODY))?;
            }
        }
        prepare(directory.path())?;
        let mut command = match who {
            Who::Root => near.command(at("sensor").to_str().context("text")?),
            Who::Service => as_service(&near, &at("sensor")),
        };
        let mut agent = Agent::spawn(command.args(["run", "--config"]).arg(at("etc/sensor.toml")))?;
        agent.wait_for(&format!("{NEAR}: ingress"))?;
        let site = Self { directory, near, _far: far, agent };
        // Who answers has started all others.
        wait_until("the control socket", || site.status().is_ok())?;
        Ok(site)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Capabilities of each thread, in hexadecimal digits as /proc has them, by the thread's name: effective, permitted and bounding.
    fn threads(&self) -> Result<BTreeMap<String, [u64; 3]>> {
        let mut found = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{}/task", self.agent.id()))? {
            let status = fs::read_to_string(thread?.path().join("status"))?;
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.map(str::trim).with_context(|| format!("{name}: {status}"))
            };
            let set = |name: &str| Ok::<_, anyhow::Error>(u64::from_str_radix(field(name)?, 16)?);
            ensure!(field("NoNewPrivs:")? == "1", "{status}");
            ensure!(set("CapInh:")? == 0 && set("CapAmb:")? == 0, "{status}");
            let sets = [set("CapEff:")?, set("CapPrm:")?, set("CapBnd:")?];
            found.insert(field("Name:")?.to_owned(), sets);
        }
        Ok(found)
    }

    /// Changes the configuration, and has it reloaded; returns what the agent says of it.
    fn reload(&self, more: &str) -> Result<String> {
        fs::write(self.at("etc/sensor.toml"), configuration(self.directory.path(), more))?;
        let before = self.agent.said().len();
        self.agent.signal("HUP")?;
        let said = || self.agent.said()[before..].to_owned();
        wait_until("the reload", || {
            ["configuration reloaded", "reload refused"].iter().any(|part| said().contains(part))
        })?;
        Ok(said())
    }

    fn changes(&self, more: &str) -> Result<String> {
        let said = self.reload(more)?;
        ensure!(said.contains("configuration reloaded"), "{said}");
        Ok(said)
    }

    fn refuses(&self, more: &str, parts: &[&str]) -> Result<()> {
        let said = self.reload(more)?;
        ensure!(said.contains("reload refused"), "{said}");
        parts.iter().try_for_each(|part| {
            ensure!(said.contains(part), "not `{part}`: {said}");
            Ok(())
        })
    }

    fn status(&self) -> Result<Value> {
        let mut command = Command::new(self.at("sensor"));
        command.args(["status", "--json", "--socket"]).arg(self.at("run/control"));
        let output = command.output()?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn as_service(netns: &Netns, program: &Path) -> Command {
    const ALL: &str = "-all,+bpf,+net_admin,+perfmon";
    let user = NOBODY.to_string();
    let mut command = netns.command("setpriv");
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "--no-new-privs"]);
    for set in ["inh-caps", "ambient-caps", "bounding-set"] {
        command.arg(format!("--{set}={ALL}"));
    }
    command.arg(program);
    command
}

/// So many policies.
fn policies(count: usize) -> String {
    let policy = |number| {
        format!(
            "[[policy]]\nname = 'p{number}'\ndescription = 'All.'\nmatch = 'packets > 0'\n\
             track_by = [['srcip']]\nseverity = 'low'\n"
        )
    };
    (0..count).map(policy).collect()
}

/// Everything that starts a thread or opens a file. `more` comes first: it may have keys of the root.
fn configuration(directory: &Path, more: &str) -> String {
    let place = directory.display();
    let part = |key: &str, text: &str| match more.contains(key) {
        true => String::new(),
        false => text.to_owned(),
    };
    format!(
        "{more}\n\
         {}{}{}\
         [capture]\ninterval = '200ms'\ninterfaces = ['{NEAR}', 'more*']\n\
         [engine]\nthreads = 2\n\
         [[collector]]\nurl = 'udp://127.0.0.1:9'\n\
         [ipfix_file]\ndirectory = '{place}/out/ipfix'\n\
         [store]\nfolder = '{place}/out/store'\n\
         [intake]\nreceive_buffer = '32MiB'\nstate_file = '{place}/out/state'\n\
         [[hits]]\nurl = 'file://{place}/out/hits.json'\n\
         [control]\nsocket = '{place}/run/control'\n\
         [metrics]\nlisten = '127.0.0.1:9477'\n",
        part(
            "[[listen]]",
            "[[listen]]\nurl = 'netflow://127.0.0.1:2055'\n[[listen]]\nurl = 'tcp://127.0.0.1:4739'\n"
        ),
        part("[log]", &format!("[log]\nflows = '{place}/out/flows.json'\n")),
        part("[policies]", &format!("[policies]\npaths = ['{place}/etc/policies']\n")),
    )
}

/// Whether this kernel has what the sandbox is made of. Where it has not, the agent says so and goes on.
fn has_landlock() -> bool {
    sandbox::version().is_ok()
}

/// What threads may have, by name, where nothing is listened to below port 1024 and nothing forwarded.
const TABLE: [(&str, u64); 14] = [
    ("sensor", BPF | NET_ADMIN),
    ("tokio-rt-worker", NET_ADMIN),
    ("drain", BPF),
    ("stderr", 0),
    ("engine", 0),
    ("engine-1", 0),
    ("ipfix-export", 0),
    ("flow-log", 0),
    ("hits", 0),
    ("intake-0", 0),
    ("intake-state", 0),
    ("intake-streams", 0),
    ("store-append", 0),
    ("store-keep", 0),
];

fn check_threads(site: &Site, may_bound: bool) -> Result<()> {
    let threads = site.threads()?;
    let mut table: BTreeMap<&str, u64> = TABLE.into();
    table.insert("control", 0);
    let expected: BTreeMap<String, [u64; 2]> =
        table.iter().map(|(name, set)| ((*name).to_owned(), [*set, *set])).collect();
    let found: BTreeMap<String, [u64; 2]> =
        threads.iter().map(|(name, [e, p, _])| (name.clone(), [*e, *p])).collect();
    ensure!(found == expected, "{found:#x?}");
    for (name, [_, permitted, bounding]) in threads {
        // Only who may change the set does: systemd has done it for its service, to what the unit says.
        let most = if may_bound { BPF | NET_ADMIN } else { BPF | NET_ADMIN | 1 << 38 };
        ensure!(bounding & !most == 0 && permitted & !bounding == 0, "{name}: {bounding:x}");
    }
    Ok(())
}

fn ready(test: &str) -> bool {
    root(test) && require("setpriv")
}

#[test]
fn every_thread_has_what_its_work_takes_and_reloads_work() -> Result<()> {
    if !ready("capabilities of threads") {
        return Ok(());
    }
    for who in [Who::Root, Who::Service] {
        let mut site = Site::start(who, "")?;
        // The thread of reloads is there for some seconds.
        site.changes("flow.idle_timeout = '5s'")?;
        check_threads(&site, who == Who::Root)?;
        let status = site.status()?;
        let privileges = &status["privileges"];
        ensure!(privileges["capabilities"] == serde_json::json!(["CAP_BPF", "CAP_NET_ADMIN"]));
        let sandbox = if has_landlock() { "on" } else { "unavailable" };
        ensure!(privileges["sandbox"] == sandbox, "{privileges}");
        if has_landlock() {
            let writable: Vec<PathBuf> = serde_json::from_value(privileges["writable"].clone())?;
            for name in ["out", "out/ipfix", "run"] {
                ensure!(writable.contains(&site.at(name)), "{privileges}");
            }
            ensure!(!writable.contains(&site.at("etc")), "{privileges}");
        }

        // An interface that comes, another that a reload names, and one that goes.
        site.near.run("ip link add more1 type veth peer name peer1")?;
        site.near.run("ip link set more1 up")?;
        site.agent.wait_for("more1: ingress")?;
        let said = site.changes("[[listen]]\nurl = 'netflow://127.0.0.1:2056'")?;
        ensure!(said.contains("listen"), "{said}");
        // Beyond what the system lets everybody have: CAP_NET_ADMIN is there at a reload.
        ensure!(!site.agent.said().contains("the receive buffer is"), "{}", site.agent.said());
        site.changes("")?;
        check_threads(&site, who == Who::Root)?;
        let outcome = site.agent.stop("TERM")?;
        ensure!(!outcome.stderr.contains("ermission denied"), "{}", outcome.stderr);
        ensure!(!site.directory.path().join("run/control").exists(), "the socket goes");
    }
    Ok(())
}

#[test]
fn what_only_some_configurations_take_is_kept_for_them() -> Result<()> {
    if !ready("low ports and raw sockets") {
        return Ok(());
    }
    let low = |port: u16| format!("[[listen]]\nurl = 'netflow://127.0.0.1:{port}'\n");
    let forward = "[[forward]]\nurl = 'udp://192.0.2.2:2055'\nkeep_source = true\n";
    let site = Site::start(Who::Root, &low(700))?;
    ensure!(site.threads()?["sensor"][0] == BPF | NET_ADMIN | NET_BIND_SERVICE);
    ensure!(site.threads()?["intake-0"] == [0, 0, BPF | NET_ADMIN | NET_BIND_SERVICE]);
    site.changes(&low(701))?;
    let given_up = "takes CAP_NET_RAW, which the sensor gave up at its start";
    site.refuses(&format!("{}{forward}", low(701)), &[given_up, "restart the sensor"])?;
    site.agent.stop("TERM")?;

    let listen = low(2055);
    let site = Site::start(Who::Root, &format!("{listen}{forward}"))?;
    ensure!(site.threads()?["sensor"][0] == BPF | NET_ADMIN | NET_RAW);
    let other = forward.replace("192.0.2.2:2055", "192.0.2.2:2056");
    site.changes(&format!("{listen}{other}"))?;
    let given_up = "takes CAP_NET_BIND_SERVICE, which the sensor gave up at its start";
    site.refuses(&format!("{}{other}", low(702)), &[given_up])?;
    site.agent.stop("TERM")?;
    Ok(())
}

#[test]
fn files_of_others_stay_usable_for_root_and_are_named() -> Result<()> {
    if !ready("files of other users") {
        return Ok(());
    }
    let private = |path: PathBuf, mode: u32| -> Result<()> {
        chown(&path, Some(NOBODY), Some(NOBODY))?;
        Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
    };
    // As /var/log/sensor, where root starts the sensor by hand.
    let site = Site::prepared(Who::Root, "", |at| private(at.join("out"), 0o700))?;
    let said = site.agent.said();
    ensure!(said.contains("CAP_DAC_OVERRIDE stays") && said.contains("/out"), "{said}");
    let threads = site.threads()?;
    ensure!(threads["flow-log"][0] == DAC_OVERRIDE && threads["intake-state"][0] == DAC_OVERRIDE);
    ensure!(threads["intake-0"][0] == 0 && threads["drain"][0] == BPF, "{threads:x?}");
    site.changes("flow.idle_timeout = '5s'")?;
    site.agent.stop("TERM")?;

    // Where nothing took it at the start, a file that takes it is refused with the reason.
    let site = Site::prepared(Who::Root, "", |at| {
        let list = at.join("etc/list.txt");
        fs::write(&list, "192.0.2.1\n")?;
        private(list, 0o600)
    })?;
    let list = format!("lists.a = '{}'", site.at("etc/list.txt").display());
    site.refuses(&list, &["list.txt", "gave up CAP_DAC_OVERRIDE", "or restart the sensor"])?;
    fs::set_permissions(site.at("etc/list.txt"), Permissions::from_mode(0o644))?;
    site.changes(&list)?;
    site.agent.stop("TERM")?;
    Ok(())
}

#[test]
fn files_that_nobody_named_at_the_start_are_out_of_reach() -> Result<()> {
    if !ready("the sandbox") || !has_landlock() {
        return Ok(());
    }
    for (more, sandbox) in [("", true), ("security.sandbox = 'off'", false)] {
        let site = Site::start(Who::Root, more)?;
        let elsewhere = site.at("elsewhere");
        // The kernel refuses, whatever the agent asks for: a refused reload opens outputs anew as well.
        fs::remove_file(site.at("out/flows.json"))?;
        symlink(elsewhere.join("flows.json"), site.at("out/flows.json"))?;
        site.refuses(&format!("{more}\nnosuch.key = 1"), &[])?;
        // What comes now wants to be written there.
        site.near.run("ping -c 3 -i 0.2 192.0.2.2")?;
        let failed = || site.agent.said().contains("ermission denied");
        wait_until("the file is opened anew", || {
            elsewhere.join("flows.json").exists() || failed()
        })?;
        ensure!(elsewhere.join("flows.json").exists() != sandbox, "{}", site.agent.said());
        fs::remove_file(site.at("out/flows.json"))?;

        let log = format!("{more}\n[log]\nflows = '{}'", elsewhere.join("other.json").display());
        match sandbox {
            true => site.refuses(
                &log,
                &[
                    "log.flows: the sandbox does not let the sensor write to",
                    "restart the sensor to allow",
                ],
            )?,
            false => drop(site.changes(&log)?),
        }
        ensure!(elsewhere.join("other.json").exists() != sandbox);
        // Beside what was named there is room.
        let log = format!("{more}\n[log]\nflows = '{}'", site.at("out/other.json").display());
        site.changes(&log)?;
        ensure!(site.at("out/other.json").exists());
        // What is read: below the directory of the configuration, and nowhere else.
        fs::write(elsewhere.join("list.txt"), "192.0.2.1\n")?;
        let list = format!("{log}\n[lists]\na = '{}'", elsewhere.join("list.txt").display());
        match sandbox {
            true => site.refuses(&list, &["lists: the sandbox does not let the sensor read"])?,
            false => drop(site.changes(&list)?),
        }
        site.agent.stop("TERM")?;
    }
    Ok(())
}

#[test]
fn directories_of_policies_are_replaced_while_the_sandbox_is_on() -> Result<()> {
    if !ready("replaced directories") {
        return Ok(());
    }
    let site = Site::start(Who::Root, "")?;
    let active = |said: &str, count: usize| -> Result<()> {
        ensure!(said.contains(&format!(" policies={count} ")), "{said}");
        Ok(())
    };
    active(&site.changes("")?, 1)?;
    // By rename: another inode has the name.
    fs::create_dir(site.at("etc/new"))?;
    fs::write(site.at("etc/new/a.toml"), policies(2))?;
    fs::rename(site.at("etc/policies"), site.at("etc/old"))?;
    fs::rename(site.at("etc/new"), site.at("etc/policies"))?;
    active(&site.changes("")?, 2)?;
    // As a ConfigMap: the name is a link through `..data`, which is replaced.
    fs::rename(site.at("etc/policies"), site.at("etc/older"))?;
    for (version, count) in [("..1", 3), ("..2", 4)] {
        fs::create_dir_all(site.at("etc").join(version).join("policies"))?;
        fs::write(site.at("etc").join(version).join("policies/a.toml"), policies(count))?;
        symlink(version, site.at("etc/..tmp"))?;
        fs::rename(site.at("etc/..tmp"), site.at("etc/..data"))?;
        if version == "..1" {
            symlink("..data/policies", site.at("etc/policies"))?;
        }
        active(&site.changes("")?, count)?;
    }
    // The configuration itself, as editors replace it.
    let text = configuration(site.directory.path(), "flow.idle_timeout = '7s'");
    fs::write(site.at("etc/next"), text)?;
    fs::rename(site.at("etc/next"), site.at("etc/sensor.toml"))?;
    let before = site.agent.said().len();
    site.agent.signal("HUP")?;
    wait_until("the reload", || site.agent.said()[before..].contains("flow.idle_timeout"))?;
    site.agent.stop("TERM")?;
    Ok(())
}
