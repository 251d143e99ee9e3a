//! The packages, in a Debian system of their own: installed, started as the unit says, upgraded, removed, purged.

mod system;
mod unit;

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tests::{agent::Agent, netns::Netns, peers::require, root};

use self::{system::System, unit::Unit};

/// The variable that says where `cargo xtask package` wrote.
const PACKAGES: &str = "SENSOR_PACKAGES";

fn ready(test: &str) -> bool {
    root(test)
        && ["debootstrap", "ping", "rpm", "skopeo", "setpriv", "strace", "systemd-analyze"]
            .iter()
            .all(|p| require(p))
}

/// The package whose name ends with `end`.
fn package(end: &str) -> Result<PathBuf> {
    let directory = std::env::var_os(PACKAGES)
        .with_context(|| format!("{PACKAGES} is not set; `cargo xtask test labs` does"))?;
    let files = fs::read_dir(&directory)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found = files.filter(|path| path.to_string_lossy().ends_with(end));
    found.next().with_context(|| format!("no {end} in {}", Path::new(&directory).display()))
}

fn mode(path: &Path) -> Result<u32> {
    let metadata = fs::metadata(path).with_context(|| path.display().to_string())?;
    Ok(metadata.permissions().mode() & 0o7777)
}

#[test]
fn a_host_installs_runs_upgrades_removes_and_purges_it() -> Result<()> {
    if !ready("the Debian package") {
        return Ok(());
    }
    let system = System::debian()?;
    let deb = package(".deb")?;
    system.install(&deb)?;
    ensure!(system.run("/usr/bin/sensor --version")?.starts_with("sensor "));
    // Collectors' secrets may stand in it.
    let file = system.path("etc/sensor/sensor.toml");
    ensure!(mode(&file)? == 0o640 && mode(&system.path("etc/sensor"))? == 0o750);
    ensure!(system.run("stat -c %U:%G /etc/sensor/sensor.toml")? == "root:sensor\n");
    for directory in ["etc/sensor/conf.d", "etc/sensor/policies.d"] {
        ensure!(mode(&system.path(directory))? == 0o750, "{directory}");
        ensure!(system.run(&format!("stat -c %U:%G /{directory}"))? == "root:sensor\n");
    }
    let drop_in = system.path("etc/sensor/conf.d/10-role.toml");
    fs::write(&drop_in, "[flow]\nidle_timeout = \"7s\"\n")?;
    fs::set_permissions(&drop_in, fs::Permissions::from_mode(0o640))?;
    system.run("chgrp sensor /etc/sensor/conf.d/10-role.toml")?;
    let checked = system.run("/usr/bin/sensor check --config /etc/sensor/sensor.toml")?;
    ensure!(checked.contains("/etc/sensor/conf.d/10-role.toml: no fault"), "{checked}");
    system.run("/usr/bin/sensor policy check /usr/share/sensor/policies")?;
    ensure!(system.path("usr/share/man/man1/sensor-run.1.gz").is_file());

    let unit = Unit::read(&system)?;
    unit.is_valid(&system)?;
    runs_as_the_unit_says(&system, &unit)?;

    // An upgrade leaves alone what the administrator has changed.
    let mut text = fs::read_to_string(&file)?;
    text.push_str("\n[log]\nlevel = \"debug\"\n");
    fs::write(&file, &text)?;
    fs::create_dir_all(system.path("var/lib/sensor"))?;
    fs::write(system.path("var/lib/sensor/kept"), "")?;
    system.install(&system::later(&deb, system.beside())?)?;
    ensure!(fs::read_to_string(&file)? == text, "an upgrade has changed the configuration");
    ensure!(mode(&file)? == 0o640 && system.path("var/lib/sensor/kept").is_file());
    ensure!(drop_in.is_file() && mode(&system.path("etc/sensor/conf.d"))? == 0o750);

    system.run("dpkg --remove sensor")?;
    ensure!(!system.path("usr/bin/sensor").exists() && file.is_file());
    // Else it is the site's, and stays.
    fs::remove_file(drop_in)?;
    system.run("dpkg --purge sensor")?;
    let left = system.run("find /etc /usr /var -name *sensor*")?;
    ensure!(left.is_empty(), "purge leaves {left}");
    rpm_does_as_well(&system)
}

/// The package for RPM distributions, in the same system: its scriptlets use nothing that is Debian's.
fn rpm_does_as_well(system: &System) -> Result<()> {
    let package = package(".rpm")?;
    let rpm = |arguments: &[&str]| {
        // What it requires is there, but not in RPM's database.
        let mut command = Command::new("rpm");
        command.arg("--root").arg(system.root()).args(arguments);
        system::run(&mut command)
    };
    let file = package.to_str().context("a path in UTF-8")?;
    rpm(&["--install", "--nodeps", file])?;
    ensure!(system.run("/usr/bin/sensor --version")?.starts_with("sensor "));
    ensure!(system.run("stat -c %U:%G:%a /etc/sensor/sensor.toml")? == "root:sensor:640\n");
    ensure!(system.run("stat -c %U:%G:%a /etc/sensor/policies.d")? == "root:sensor:750\n");
    system.run("/usr/bin/sensor check --config /etc/sensor/sensor.toml")?;
    let verified = rpm(&["--verify", "--nodeps", "--nogroup", "sensor"])?;
    ensure!(verified.is_empty(), "not as the package has it: {verified}");

    let configuration = system.path("etc/sensor/sensor.toml");
    let text = fs::read_to_string(&configuration)? + "\n[log]\nlevel = \"debug\"\n";
    fs::write(&configuration, &text)?;
    rpm(&["--upgrade", "--nodeps", "--replacepkgs", file])?;
    ensure!(
        fs::read_to_string(&configuration)? == text,
        "an upgrade has changed the configuration"
    );
    ensure!(system.run("stat -c %U:%G:%a /etc/sensor/policies.d")? == "root:sensor:750\n");

    rpm(&["--erase", "sensor"])?;
    ensure!(!system.path("usr/bin/sensor").exists());
    ensure!(system.path("etc/sensor/sensor.toml.rpmsave").is_file(), "what was changed is kept");
    Ok(())
}

/// The command line of the unit, as its user with its capabilities and nothing more, beside a service manager.
fn runs_as_the_unit_says(system: &System, unit: &Unit) -> Result<()> {
    let (near, far) = (Netns::new("pk-near")?, Netns::new("pk-far")?);
    far.veth("va", &near, "vb")?;
    // The configuration says "auto".
    near.run("ip route add default via 192.0.2.1")?;
    // What RuntimeDirectory= would make.
    system.run("install -d -o sensor -g sensor /run/sensor")?;
    let socket = system.path("run/notify");
    let manager = UnixDatagram::bind(&socket)?;
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777))?;
    manager.set_read_timeout(Some(Duration::from_millis(200)))?;
    let trace = system.beside().join("trace");
    let mut command = near.command("sh");
    command.arg("-c").arg(unit.start_line(system, &trace)?).env("NOTIFY_SOCKET", "/run/notify");
    let agent = Agent::spawn(command.env("WATCHDOG_USEC", "2000000"))?;
    hears(&manager, "READY=1", &agent)?;
    // What is ordered behind the unit finds its packets counted.
    far.run("ping -q -i 0.01 -c 50 192.0.2.2")?;
    for _ in 0..3 {
        hears(&manager, "WATCHDOG=1", &agent)?;
    }
    hears(&manager, "STATUS=1 interface", &agent)?;
    let status = system.run("/usr/bin/sensor status")?;
    ensure!(status.contains("vb"), "the status names the interface");
    ensure!(
        status.contains("sensor.toml with 1 drop-in"),
        "the service reads its drop-in: {status}"
    );
    system.run(unit.get("ExecReload")?)?;
    hears(&manager, "RELOADING=1", &agent)?;
    hears(&manager, "READY=1", &agent)?;
    agent.signal("TERM")?;
    hears(&manager, "STOPPING=1", &agent)?;
    let outcome = agent.wait()?;
    ensure!(outcome.code == Some(0), "{:?}: {}", outcome.code, outcome.stderr);
    unit.allows(&trace)?;
    let (seen, _) = outcome.ledger("seen");
    ensure!(seen >= 100, "{seen} packets seen: {}", outcome.stderr);
    Ok(())
}

/// Waits for a message to the service manager that has `part`.
fn hears(manager: &UnixDatagram, part: &str, agent: &Agent) -> Result<()> {
    let mut buffer = [0; 4096];
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        let Ok(length) = manager.recv(&mut buffer) else { continue };
        if String::from_utf8_lossy(&buffer[..length]).contains(part) {
            return Ok(());
        }
    }
    anyhow::bail!("no {part}: {}", agent.said())
}

#[test]
fn the_image_is_one_that_skopeo_reads() -> Result<()> {
    if !ready("the container image") {
        return Ok(());
    }
    let image = format!("oci-archive:{}", package(".oci.tar")?.display());
    let said = Command::new("skopeo").args(["inspect", "--config", &image]).output()?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let config: serde_json::Value = serde_json::from_slice(&said.stdout)?;
    ensure!(config["config"]["Entrypoint"][0] == "/usr/bin/sensor", "{config}");
    // Copied, digests and all, and unpacked: it runs without anything else.
    let directory = tempfile::tempdir()?;
    let layout = directory.path().join("layout");
    let copied = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--quiet", &image])
        .arg(format!("oci:{}:copy", layout.display()))
        .output()?;
    ensure!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let blobs = layout.join("blobs/sha256");
    let unpacked = directory.path().join("root");
    fs::create_dir(&unpacked)?;
    let layer = fs::read_dir(blobs)?.filter_map(|entry| Some(entry.ok()?.path()));
    let layer = layer.max_by_key(|path| path.metadata().map_or(0, |metadata| metadata.len()));
    let layer = layer.context("a layer")?;
    let tar = Command::new("tar").arg("-xzf").arg(layer).arg("-C").arg(&unpacked).status()?;
    ensure!(tar.success(), "the layer does not unpack");
    let version =
        Command::new("chroot").arg(&unpacked).args(["/usr/bin/sensor", "--version"]).output()?;
    ensure!(version.stdout.starts_with(b"sensor "), "{version:?}");
    Ok(())
}
