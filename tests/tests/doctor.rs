//! `sensor doctor` in namespaces: what it says of interfaces is what the agent then does, it leaves nothing behind, and
//! what is missing is told with what to do about it.

use std::{
    fs,
    io::Read as _,
    net::{TcpListener, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    agent::{Agent, binary},
    netns::Netns,
    peers::require,
    root,
};

const NEAR: &str = "near0";

/// A namespace with one end of a veth pair, and a directory for configurations.
struct Host {
    near: Netns,
    _far: Netns,
    directory: TempDir,
}

/// What `sensor doctor --json` said.
struct Told {
    code: Option<i32>,
    document: Value,
}

impl Host {
    fn new() -> Result<Self> {
        let (near, far) = (Netns::new("dr-near")?, Netns::new("dr-far")?);
        near.veth(NEAR, &far, "far0")?;
        let directory = tempfile::tempdir()?;
        // Another user is to read it.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self { near, _far: far, directory })
    }

    /// A configuration file that names the interface and has a control socket of its own.
    fn configuration(&self, text: &str) -> Result<String> {
        let path = self.directory.path().join("sensor.toml");
        let socket = self.directory.path().join("control.sock");
        let common = format!(
            "capture.interfaces = [\"{NEAR}\"]\ncontrol.socket = {:?}\n",
            socket.to_str().context("the path is text")?
        );
        fs::write(&path, common + text)?;
        Ok(path.to_str().context("the path is text")?.to_owned())
    }

    /// Asks the doctor, with `before` in front of its command line.
    fn doctor(&self, before: &[&str], arguments: &[&str]) -> Result<Told> {
        let program = binary()?;
        let program = program.to_str().context("the path is text")?;
        let line = [before, &[program, "doctor", "--json"], arguments].concat();
        let output = self.near.command(line[0]).args(&line[1..]).stdin(Stdio::null()).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(stderr.is_empty(), "{stderr}");
        let document = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stdout).into_owned())?;
        Ok(Told { code: output.status.code(), document })
    }

    /// How many programs are at the interface: XDP, tcx, clsact.
    fn attached(&self) -> Result<(bool, bool, bool)> {
        let link = self.near.run(&format!("ip -d link show dev {NEAR}"))?;
        let qdisc = self.near.run(&format!("tc qdisc show dev {NEAR}"))?;
        let tcx = self.near.enter(|| -> Result<usize> {
            use aya::programs::{SchedClassifier, TcAttachType};
            let count = |side| SchedClassifier::query_tcx(NEAR, side).map(|(_, found)| found.len());
            Ok(count(TcAttachType::Ingress)? + count(TcAttachType::Egress)?)
        })??;
        Ok((link.contains("xdp"), tcx > 0, qdisc.contains("clsact")))
    }
}

impl Told {
    /// Findings of an area as `status: subject: message`.
    fn findings(&self, area: &str) -> Vec<String> {
        let all = self.document["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text =
            |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        all.iter()
            .filter(|finding| finding["area"] == area)
            .map(|finding| {
                let [status, subject, message] =
                    ["status", "subject", "message"].map(|key| text(finding, key));
                format!("{status}: {subject}: {message}")
            })
            .collect()
    }

    #[track_caller]
    fn says(&self, area: &str, parts: &[&str]) {
        let found = self.findings(area);
        let is_it = |finding: &&String| parts.iter().all(|part| finding.contains(part));
        assert!(found.iter().any(|finding| is_it(&finding)), "{parts:?}: {found:#?}");
    }

    fn problems(&self) -> Vec<String> {
        let areas =
            ["files", "kernel", "user", "interfaces", "memory", "sockets", "clock", "peers"];
        let all = areas.iter().flat_map(|area| self.findings(area));
        all.filter(|finding| finding.starts_with("problem")).collect()
    }
}

#[test]
fn what_it_says_of_an_interface_is_what_the_agent_does() -> Result<()> {
    if !root("sensor doctor in a namespace") {
        return Ok(());
    }
    for ingress in ["auto", "xdp", "tc", "generic"] {
        let host = Host::new()?;
        let file = host
            .configuration(&format!("[[interface]]\nname = '{NEAR}'\ningress = '{ingress}'\n"))?;
        let told = host.doctor(&[], &["--config", &file])?;
        assert_eq!((told.problems(), told.code), (Vec::new(), Some(0)), "{ingress}");
        assert_eq!(host.attached()?, (false, false, false), "it attaches nothing");
        told.says("kernel", &["ok: ", "the verifier accepts all programs"]);
        let interface = &told.document["interfaces"][0];
        assert_eq!(interface["driver"], "veth");
        let mode = |key: &str| interface[key].as_str().unwrap_or_default().to_owned();
        let reasons: Vec<_> = interface["reasons"].as_array().into_iter().flatten().collect();
        let reasons: Vec<_> = reasons.into_iter().filter_map(Value::as_str).collect();

        let mut agent = Agent::start(&host.near, &format!("--config {file}"))?;
        agent.wait_for(&format!("{NEAR}: ingress"))?;
        let said = agent.said();
        let line = said.lines().find(|line| line.starts_with(&format!("{NEAR}: ingress")));
        let line = line.context("it says how it captures")?;
        let expected = format!("{NEAR}: ingress {}", mode("ingress"));
        assert!(line.starts_with(&expected), "{ingress}: {line}, {expected}");
        assert!(line.contains(&format!("egress {}", mode("egress"))), "{line}");
        for reason in reasons {
            assert!(line.contains(reason), "{ingress}: {line}, {reason}");
        }

        // While it runs, the doctor knows it, and says what another would get.
        let told = host.doctor(&[], &["--config", &file])?;
        told.says("interfaces", &["note: ", "another sensor captures it already"]);
        told.says("sockets", &["note: ", "a running sensor answers there"]);
        if ingress == "xdp" {
            told.says(
                "interfaces",
                &["ingress tcx (native XDP: slot taken by another sensor (program "],
            );
        }
        agent.stop("TERM")?;
    }
    Ok(())
}

#[test]
fn warnings_come_where_counts_suffer() -> Result<()> {
    if !root("sensor doctor in a namespace") {
        return Ok(());
    }
    let host = Host::new()?;
    let with = |ingress: &str| -> Result<Told> {
        let file = host
            .configuration(&format!("[[interface]]\nname = '{NEAR}'\ningress = '{ingress}'\n"))?;
        host.doctor(&[], &["--config", &file])
    };
    with("xdp")?.says("interfaces", &["warning: near0", "XDP does not see VLAN tags"]);
    with("generic")?.says("interfaces", &["warning: near0", "packet counts are too low"]);
    let tc = with("tc")?;
    assert!(tc.findings("interfaces").iter().all(|finding| !finding.starts_with("warning")));
    host.near.run(&format!("ip link set {NEAR} down"))?;
    with("tc")?.says("interfaces", &["note: near0", "it is down"]);
    let absent = host.doctor(&[], &["-i", "absent0"])?;
    assert_eq!(absent.code, Some(1));
    absent.says("interfaces", &["problem: absent0: ", "no interface has this name", NEAR]);
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_a_problem_and_its_holder_is_named() -> Result<()> {
    if !root("sensor doctor in a namespace") {
        return Ok(());
    }
    let host = Host::new()?;
    let file = host.configuration(
        "listen = [{ url = 'netflow://127.0.0.1:2055' }, { url = 'tcp://127.0.0.1:4739' }]\n\
         [metrics]\nlisten = '127.0.0.1:9477'\n",
    )?;
    let free = host.doctor(&[], &["--config", &file])?;
    assert_eq!(free.problems(), Vec::<String>::new());
    free.says("sockets", &["ok: netflow://127.0.0.1:2055: free"]);
    let taken = host.near.enter(|| -> Result<_> {
        let udp = UdpSocket::bind("127.0.0.1:2055")?;
        Ok((udp, TcpListener::bind("127.0.0.1:4739")?, TcpListener::bind("127.0.0.1:9477")?))
    })??;
    let told = host.doctor(&[], &["--config", &file])?;
    assert_eq!((told.problems().len(), told.code), (3, Some(1)), "{:?}", told.problems());
    let own = format!("(process {})", std::process::id());
    told.says("sockets", &["problem: netflow://127.0.0.1:2055: taken by ", &own]);
    told.says("sockets", &["problem: tcp://127.0.0.1:4739: taken by ", &own]);
    told.says("sockets", &["problem: metrics on 127.0.0.1:9477: taken by ", &own]);
    drop(taken);

    let file = host.configuration("listen = [{ url = 'netflow://198.51.100.7:2055' }]\n")?;
    let told = host.doctor(&[], &["--config", &file])?;
    told.says("sockets", &["problem: ", "no interface has the address 198.51.100.7"]);
    Ok(())
}

#[test]
fn a_port_of_a_running_sensor_is_no_problem() -> Result<()> {
    if !root("sensor doctor in a namespace") {
        return Ok(());
    }
    let host = Host::new()?;
    let file = host.configuration("listen = [{ url = 'netflow://127.0.0.1:2055' }]\n")?;
    let mut agent = Agent::start(&host.near, &format!("--config {file}"))?;
    agent.wait_for(&format!("{NEAR}: ingress"))?;
    tests::peers::wait_until("it listens", || {
        host.near.run("ss -lnu").is_ok_and(|sockets| sockets.contains(":2055"))
    })?;
    let told = host.doctor(&[], &["--config", &file])?;
    assert_eq!((told.problems(), told.code), (Vec::new(), Some(0)));
    told.says("sockets", &["note: netflow", "a running sensor has it (process"]);
    agent.stop("TERM")?;
    Ok(())
}

#[test]
fn collectors_are_reached_and_told_nothing() -> Result<()> {
    if !root("sensor doctor in a namespace") {
        return Ok(());
    }
    let host = Host::new()?;
    let file = host.configuration(
        "[[collector]]\nurl = 'tcp://127.0.0.1:4739'\n\
         [[collector]]\nurl = 'tcp://127.0.0.1:4740'\n\
         [[collector]]\nurl = 'udp://127.0.0.1:4741'\n\
         [[collector]]\nurl = 'udp://198.51.100.1:4739'\n\
         [[collector]]\nurl = 'tls://127.0.0.1:4742'\n\
         [[hits]]\nurl = 'syslog+tcp://127.0.0.1:4740'\n\
         [policies]\npaths = ['stock']\n",
    )?;
    let (stream, datagrams, mute) = host.near.enter(|| -> Result<_> {
        let datagrams = UdpSocket::bind("127.0.0.1:4741")?;
        let mute = TcpListener::bind("127.0.0.1:4742")?;
        Ok((TcpListener::bind("127.0.0.1:4739")?, datagrams, mute))
    })??;
    let told = host.doctor(&[], &["--config", &file, "--timeout", "2s"])?;
    assert_eq!(told.code, Some(1));
    told.says("peers", &["ok: collector tcp://127.0.0.1:4739", "answers, from 127.0.0.1"]);
    told.says("peers", &["problem: collector tcp://127.0.0.1:4740", "refused"]);
    told.says("peers", &["problem: hits syslog+tcp://127.0.0.1:4740", "refused"]);
    told.says("peers", &["ok: collector udp://127.0.0.1:4741", "UDP does not tell"]);
    told.says("peers", &["problem: collector udp://198.51.100.1:4739", "unreachable"]);
    told.says("peers", &["problem: collector tls://127.0.0.1:4742"]);
    let (mut connection, _) = stream.accept()?;
    let mut octets = Vec::new();
    connection.read_to_end(&mut octets)?;
    assert!(octets.is_empty(), "{octets:?}");
    datagrams.set_nonblocking(true)?;
    assert!(datagrams.recv(&mut [0; 64]).is_err(), "no datagram was sent");
    drop(mute);
    assert!(told.document["memory"]["policies"].as_u64() > Some(1 << 20));
    Ok(())
}

#[test]
fn who_may_nothing_is_told_what_is_missing_and_sees_the_rest() -> Result<()> {
    if !root("sensor doctor in a namespace") || !require("setpriv") {
        return Ok(());
    }
    let host = Host::new()?;
    let file = host.configuration("")?;
    // The binary may lie where only root looks.
    let copy = host.directory.path().join("sensor");
    fs::copy(binary()?, &copy)?;
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
    let program = copy.to_str().context("the path is text")?;
    let mut command: Command = host.near.command(nobody[0]);
    command.args(&nobody[1..]).args(["--bounding-set=-all", program, "doctor", "--json"]);
    let output = command.args(["--config", &file]).stdin(Stdio::null()).output()?;
    let document = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let told = Told { code: output.status.code(), document };
    assert_eq!(told.code, Some(1));
    told.says("user", &["problem: ", "user 65534 lacks CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF"]);
    told.says("kernel", &["note: ", "whether the verifier accepts the programs: needs root"]);
    told.says("interfaces", &["ok: near0: ingress tcx", "driver veth"]);
    told.says("interfaces", &["note: near0", "tcx hooks: needs root"]);
    told.says("memory", &["ok: ", "kernel tables: "]);
    let marked = told.document["findings"].as_array().into_iter().flatten();
    assert_eq!(marked.filter(|finding| finding["needs_root"] == true).count(), 2);
    Ok(())
}

#[test]
fn faults_of_files_do_not_keep_the_rest_from_being_looked_at() -> Result<()> {
    if !root("sensor doctor in a namespace") {
        return Ok(());
    }
    let host = Host::new()?;
    let file = host.configuration("[policies]\npaths = ['no-such-directory']\n")?;
    let told = host.doctor(&[], &["--config", &file])?;
    assert_eq!(told.code, Some(1));
    told.says("files", &["problem: ", "no-such-directory"]);
    told.says("interfaces", &["ok: near0: ingress tcx"]);
    let absent = host.doctor(&[], &["--config", "/no/such/file.toml"])?;
    assert_eq!(absent.code, Some(64));
    assert!(absent.document["findings"].is_null() && absent.document["diagnostics"][0].is_object());
    Ok(())
}
