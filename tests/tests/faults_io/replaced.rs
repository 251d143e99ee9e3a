//! Files that are replaced under the agent, or half written when it reads them again.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::peers::wait_until;

use crate::site::Site;

/// A policy that every flow of the router matches.
fn policy(name: &str) -> String {
    format!("[[policy]]\nname = '{name}'\nmatch = 'protocol == udp'\n")
}

fn write_policies(directory: &Path, names: &[&str]) -> Result<()> {
    fs::create_dir(directory)?;
    for name in names {
        fs::write(directory.join(format!("{name}.toml")), policy(name))?;
    }
    Ok(())
}

/// The agent has `count` policies after a reload, and still works.
fn reloads_to(site: &mut Site, count: u64) -> Result<()> {
    let answer = site.reload()?;
    ensure!(answer["complete"] == true && answer["policies"] == count, "{count}: {answer:#}");
    site.feed(10)?;
    site.wait_for_all("sinks", "standard output")?;
    Ok(())
}

#[test]
fn a_directory_of_policies_that_another_takes_the_place_of() -> Result<()> {
    let place = tempfile::tempdir()?;
    let path = |name: &str| place.path().join(name);
    write_policies(&path("policies"), &["one", "two"])?;
    let text = format!("policies.paths = ['{}']\n", path("policies").display());
    let mut site = Site::start(None, &text, "--print flows")?;
    ensure!(site.status()?["policies"]["count"] == 2, "{:#}", site.status()?);
    write_policies(&path("new"), &["one", "two", "three"])?;
    fs::rename(path("policies"), path("old"))?;
    // Between the two steps there is none: that refuses a reload, and nothing else.
    site.refuses(&[&path("policies").display().to_string(), "No such file or directory"])?;
    fs::rename(path("new"), path("policies"))?;
    reloads_to(&mut site, 3)?;
    fs::remove_dir_all(path("old"))?;
    reloads_to(&mut site, 3)?;
    site.stop()?;
    Ok(())
}

/// As the kubelet mounts a ConfigMap, and changes it: `..data` leads to a directory of now, and all names through it.
struct ConfigMap(PathBuf);

impl ConfigMap {
    fn put(&self, version: &str, names: &[&str]) -> Result<()> {
        let path = |name: &str| self.0.join(name);
        let old = fs::read_link(path("..data")).ok();
        write_policies(&path(version), names)?;
        symlink(version, path("..data_tmp"))?;
        fs::rename(path("..data_tmp"), path("..data"))?;
        for name in names {
            let file = format!("{name}.toml");
            if !path(&file).is_symlink() {
                symlink(Path::new("..data").join(&file), path(&file))?;
            }
        }
        Ok(old.map_or(Ok(()), |old| fs::remove_dir_all(self.0.join(old)))?)
    }
}

#[test]
fn a_config_map_is_swapped() -> Result<()> {
    let place = tempfile::tempdir()?;
    let map = ConfigMap(place.path().join("policies"));
    fs::create_dir(&map.0)?;
    map.put("..2026_11_30_1", &["one"])?;
    // What editors leave.
    symlink("root@host.1:2", map.0.join(".#one.toml"))?;
    fs::write(map.0.join(".one.toml"), "[[half")?;
    let text = format!("policies.paths = ['{}']\n", map.0.display());
    let mut site = Site::start(None, &text, "--print flows")?;
    ensure!(site.status()?["policies"]["count"] == 1, "{:#}", site.status()?);
    map.put("..2026_11_30_2", &["one", "two"])?;
    reloads_to(&mut site, 2)?;
    site.stop()?;
    Ok(())
}

#[test]
fn a_file_that_is_half_written_changes_nothing() -> Result<()> {
    let place = tempfile::tempdir()?;
    let path = |name: &str| place.path().join(name);
    // Each whole, and as far as somebody has written it.
    let files = [
        (
            "labels.csv",
            "10.0.0.1,role,router\n10.0.0.2,role,host\n",
            "10.0.0.1,role,other\n10.0.0.2,ro",
            "labels.csv:2",
        ),
        (
            "labels.json",
            "{\"10.0.0.1\": {\"site\": [\"north\"]}}",
            "{\"10.0.0.1\": {\"site\": [\"so",
            "labels.json:1",
        ),
        ("bad.txt", "10.0.0.1\n", "10.0.0.9,bot\n10.0.0", "bad.txt:2"),
        (
            "one.toml",
            "[[policy]]\nname = 'one'\nmatch = 'protocol == udp'\n",
            "[[policy]]\nname = 'two'\nmatch = 'proto",
            "one.toml:3",
        ),
    ];
    for (name, whole, ..) in files {
        fs::write(path(name), whole)?;
    }
    fs::write(path("tagged.txt"), "10.0.0.1\n10.0.0.9\n")?;
    let own = |name: &str| path(name).display().to_string();
    let text = format!(
        "labels.files = ['{}', '{}']\nlists.tagged = '{}'\npolicies.paths = ['{}']\n\
         [[reputation]]\nfile = '{}'\n[[tag]]\nname = 'watched'\nmatch = 'srcip in $tagged'\n",
        own("labels.csv"),
        own("labels.json"),
        own("tagged.txt"),
        own("one.toml"),
        own("bad.txt"),
    );
    let mut site = Site::start(None, &text, "--print flows")?;
    let told = |site: &mut Site| -> Result<String> {
        site.feed(1)?;
        site.wait_for_all("sinks", "standard output")?;
        let printed = site.agent.printed()?;
        let flow: Value = serde_json::from_str(printed.lines().last().unwrap_or_default())?;
        let keys = ["label", "srclabel", "tag", "tags", "srcreputation", "reputation"];
        // Without what differs from flow to flow.
        let shown = flow.as_object().into_iter().flatten();
        let shown = shown.filter(|(key, _)| {
            keys.contains(&key.as_str()) || key.contains("label") || key.contains("reput")
        });
        Ok(format!("{:?}", shown.collect::<Vec<_>>()))
    };
    let before = told(&mut site)?;
    for part in ["router", "north", "watched"] {
        ensure!(before.contains(part), "no `{part}`: {before}");
    }
    for (name, whole, half, at) in files {
        fs::write(path(name), half)?;
        site.refuses(&[at, "^"])?;
        ensure!(told(&mut site)? == before, "{name}: it is in force");
        fs::write(path(name), whole)?;
    }
    // Any line of a list may be meant: a cut one matches nothing, and that is told where the list is used.
    fs::write(path("tagged.txt"), "10.0.0.1\n10.0.")?;
    let answer = site.reload()?;
    ensure!(answer["complete"] == true, "{answer:#}");
    wait_until("the warning", || {
        let said = site.agent.said();
        said.contains("warning[N502]: 1 of the 2 values of `$tagged` are not valid for `srcip`")
            && said.contains("sensor.toml:")
    })?;
    ensure!(told(&mut site)? == before, "the other lines hold");
    // The configuration itself.
    site.refuses_with(&format!("{text}[[tag]]\nname = 'half"), &["sensor.toml:", "^"])?;
    ensure!(told(&mut site)? == before, "it is in force");
    let answer = site.reload_with(&text)?;
    ensure!(answer["complete"] == true, "{answer:#}");
    ensure!(told(&mut site)? == before);
    let (outcome, _directory) = site.stop()?;
    ensure!(outcome.stderr.contains("7 reloads (5 refused)"), "{}", outcome.stderr);
    Ok(())
}
