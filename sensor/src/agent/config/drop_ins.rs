//! Drop-ins: the files `*.toml` in a directory `conf.d` beside the configuration file, which are laid over it.
//!
//! A package brings the file and upgrades it; what a site, a role or a tool adds has files of its own.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

/// The directory beside the file.
pub const DIRECTORY: &str = "conf.d";

/// Where the drop-ins of the configuration file `main` are, if there are any.
pub fn directory(main: &Path) -> PathBuf {
    main.with_file_name(DIRECTORY)
}

/// The drop-ins of the configuration file `main`, in the order of their names; none where there is no directory.
///
/// # Errors
/// The directory, and why it cannot be used.
pub fn find(main: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let directory = directory(main);
    let found = match fs::symlink_metadata(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(_) => list(main, &directory).map_err(|error| dangling(&directory).unwrap_or(error)),
    };
    found.map_err(|error| (directory, error))
}

/// What is wrong with a link that leads nowhere. Its name is there: whoever took it for no directory would drop all that the
/// drop-ins say.
fn dangling(directory: &Path) -> Option<io::Error> {
    let target = fs::read_link(directory).ok()?;
    let error = fs::metadata(directory).err()?;
    let message = format!("it is a link to {}: {error}", target.display());
    Some(io::Error::new(error.kind(), message))
}

fn list(main: &Path, directory: &Path) -> io::Result<Vec<PathBuf>> {
    let found = fs::metadata(directory)?;
    let owner = found.uid();
    let entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    // Who reads it says why it cannot be read.
    let Ok(main) = fs::metadata(main) else { return Ok(Vec::new()) };
    if is_foreign(owner, main.uid()) {
        let whose = "neither to root nor to the owner of the configuration file";
        return Err(io::Error::other(format!("it belongs to user {owner}, {whose}; use chown")));
    }
    if is_open_to_all(found.mode()) {
        return Err(io::Error::other("every user can create files in it; use chmod o-w"));
    }
    let mut files: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    files.retain(|path| is_drop_in(path));
    files.sort();
    let is_open = |file: &&PathBuf| {
        // Who reads it says why it cannot be read.
        fs::metadata(file).is_ok_and(|found| is_open_to_all(found.mode()))
    };
    if let Some(file) = files.iter().find(is_open) {
        let name = file.file_name().unwrap_or_default().display();
        return Err(io::Error::other(format!(
            "every user can write to {name} in it; use chmod o-w"
        )));
    }
    Ok(files)
}

/// Whether what has this mode says what anybody wants it to.
fn is_open_to_all(mode: u32) -> bool {
    mode & 0o002 != 0
}

/// Whether a directory of `owner` is not to be trusted like the file of `main`: beside a file in /tmp anybody could make one.
fn is_foreign(owner: u32, main: u32) -> bool {
    owner != 0 && owner != main
}

/// Neither hidden nor a directory, and named `*.toml`: what editors and package managers leave (`a.toml~`, `a.toml.dpkg-old`) is none.
fn is_drop_in(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    name.ends_with(b".toml") && !name.starts_with(b".") && !path.is_dir()
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use tempfile::TempDir;

    use super::*;
    use crate::agent::config::{Config, ConfigError, load, load_control, overrides::Overrides};

    /// A directory with `files`, of which the first is the configuration.
    fn directory(files: &[(&str, &str)]) -> TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            fs::write(path, text).expect("written");
        }
        directory
    }

    fn read(directory: &TempDir) -> Result<Config, ConfigError> {
        load(Some(&directory.path().join("sensor.toml")), &Overrides::default())
    }

    /// What is wrong, without the directory.
    #[track_caller]
    fn faults(directory: &TempDir) -> String {
        let error = read(directory).expect_err("the test expects faults");
        let directory = format!("{}/", directory.path().display());
        error.findings().to_string().replace(&directory, "")
    }

    #[test]
    fn only_files_of_their_names_are_drop_ins_in_the_order_of_bytes() {
        let names = ["Z.toml", "a.toml", "10-b.toml", "9-c.toml", "é.toml"];
        let skipped = [
            ".hidden.toml",
            "a.toml~",
            "a.toml.dpkg-old",
            "#a.toml#",
            "a.conf",
            "toml",
            "d/e.toml",
        ];
        let files = ["sensor.toml".to_owned()].into_iter();
        let named = names.iter().chain(&skipped).map(|name| format!("conf.d/{name}"));
        let directory = directory(
            &files
                .chain(named)
                .map(|path| (path, ""))
                .collect::<Vec<_>>()
                .iter()
                .map(|(path, text)| (path.as_str(), *text))
                .collect::<Vec<_>>(),
        );
        let conf_d = directory.path().join(DIRECTORY);
        fs::create_dir(conf_d.join("directory.toml")).unwrap();
        symlink("directory.toml", conf_d.join("link.toml")).unwrap();
        symlink("a.conf", conf_d.join("b.toml")).unwrap();
        let found = find(&directory.path().join("sensor.toml")).unwrap();
        let found: Vec<_> = found.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(found, ["10-b.toml", "9-c.toml", "Z.toml", "a.toml", "b.toml", "é.toml"]);
        assert_eq!(find(&conf_d.join("sensor.toml")).unwrap(), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn tables_are_merged_lists_of_tables_appended_and_all_else_replaced() {
        let directory = directory(&[
            (
                "sensor.toml",
                "[flow]\nidle_timeout = '5s'\nactive_timeout = '30s'\n\
                 [capture]\ninterfaces = ['eth0', 'eth1']\n\
                 [lists]\nhosts = 'h'\nports = 'p'\n\
                 [[collector]]\nurl = 'udp://a'\n\
                 [[policies.override]]\nmatch = 'a'\nmax_keys = 5\n",
            ),
            (
                "conf.d/10.toml",
                "lists.ports = 'own'\n[flow]\nidle_timeout = '6s'\n[capture]\ninterfaces = ['eth2']\n\
                 [[collector]]\nurl = 'udp://b'\n",
            ),
            (
                "conf.d/20.toml",
                "policies = { paths = ['stock', 'p'], override = [{ match = 'b', max_keys = 7 }] }\n\
                 collector = [{ url = 'udp://c' }]\n[flow]\nidle_timeout = '7s'\n",
            ),
        ]);
        let config = read(&directory).unwrap();
        assert_eq!((config.flow.idle_timeout, config.flow.active_timeout), (7_000, 30_000));
        assert_eq!(config.capture.interfaces.len(), 1);
        let hosts: Vec<_> =
            config.collectors.iter().map(|collector| collector.options.host.as_str()).collect();
        assert_eq!(hosts, ["a", "b", "c"]);
        let overrides = &config.policies.tuning.overrides;
        assert_eq!(
            overrides.iter().map(|over| over.value.max_keys.value).collect::<Vec<_>>(),
            [5, 7]
        );
        // Each path is relative to the file that names it.
        let own = |path: &str| directory.path().join(path);
        assert_eq!(
            [&config.lists.0["hosts"], &config.lists.0["ports"]],
            [&own("h"), &own("conf.d/own")]
        );
        assert_eq!(config.policies.paths, [PathBuf::from("stock"), own("conf.d/p")]);
        let names =
            ["conf.d/10.toml", "conf.d/20.toml"].map(|path| own(path).display().to_string());
        assert_eq!(config.written.drop_ins(), names);

        fs::write(own("conf.d/30.toml"), "flow.idle_timeout = '8s'").unwrap();
        fs::remove_file(own("conf.d/20.toml")).unwrap();
        let again = config.reread().expect("a file").expect("no fault");
        assert_eq!((again.flow.idle_timeout, again.collectors.len()), (8_000, 2));
    }

    #[test]
    fn each_fault_is_told_in_its_file() {
        let directory = directory(&[
            ("sensor.toml", "# Without a line end\n[flow]\nidle_timeout = '2h'\ncolour = 1"),
            ("conf.d/a.toml", "[flow]\nactive_timeout = soon\n"),
            ("conf.d/b.toml", "\n\nlog.levl = 'info'\nflow.max_flows = 0\n"),
        ]);
        let expected = "\
error: `flow.idle_timeout` must not exceed the active timeout (1m)
 --> sensor.toml:3:16
  |
3 | idle_timeout = '2h'
  |                ^^^^ this is 2h

error: unknown key `colour` in [flow]
 --> sensor.toml:4:1
  |
4 | colour = 1
  | ^^^^^^
  = help: the keys here are active_timeout, idle_timeout, end_linger, max_flows

error: string values must be quoted, expected literal string
 --> conf.d/a.toml:2:18
  |
2 | active_timeout = soon
  |                  ^^^^

error: unknown key `levl` in [log]
 --> conf.d/b.toml:3:5
  |
3 | log.levl = 'info'
  |     ^^^^ did you mean `level`?

error: `flow.max_flows` must lie between 1024 and 268435456
 --> conf.d/b.toml:4:18
  |
4 | flow.max_flows = 0
  |                  ^ this is 0
";
        let found = faults(&directory);
        assert_eq!(found, expected, "{found}");
    }

    #[test]
    fn a_later_file_mends_a_value_of_an_earlier_one() {
        let main = ("sensor.toml", "[flow]\nidle_timeout = '2h'\n");
        assert!(faults(&directory(&[main])).contains("--> sensor.toml:2:16\n"));
        let mended = directory(&[main, ("conf.d/a.toml", "flow.idle_timeout = '9s'")]);
        assert_eq!(read(&mended).unwrap().flow.idle_timeout, 9_000);
        let worse = directory(&[main, ("conf.d/a.toml", "flow.idle_timeout = '3h'")]);
        let found = faults(&worse);
        assert!(
            found.contains("--> conf.d/a.toml:1:21\n") && !found.contains("sensor.toml:"),
            "{found}"
        );
    }

    #[test]
    fn what_is_there_twice_is_told_with_both_files() {
        for (section, must) in [
            ("[[collector]]\nurl = 'udp://a'\n", "`collector.url` must differ from the others"),
            ("[[listen]]\nurl = 'sflow://[::]'\n", "`listen.url` must differ from the others"),
            ("[[device]]\naddress = '192.0.2.1'\n", "`device.address` must differ from the others"),
            ("[[hits]]\nurl = 'file:///h'\n", "`hits.url` must differ from the others"),
            ("[[forward]]\nurl = 'udp://a'\n", "`forward.url` must differ from the others"),
        ] {
            let main = format!("listen = [{{ url = 'netflow://[::]' }}]\n{section}");
            let main = if section.contains("listen") { section } else { &main };
            let first =
                main.lines().position(|line| section.ends_with(&format!("{line}\n"))).unwrap();
            let files = [("sensor.toml", main), ("conf.d/a.toml", section)];
            let found = faults(&directory(&files));
            assert!(found.starts_with(&format!("error: {must}\n --> conf.d/a.toml:2:")), "{found}");
            let first = format!("  = help: the first is at sensor.toml:{}:", first + 1);
            assert!(found.contains(&first), "{found}");
            assert_eq!(found.matches("error").count(), 1, "{found}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_a_fault() {
        let main = [("sensor.toml", "")];
        let broken = directory(&[main[0], ("conf.d/a.toml", "log.level = 'loud'")]);
        symlink("nowhere", broken.path().join("conf.d/b.toml")).unwrap();
        symlink("nowhere", broken.path().join("conf.d/c.toml")).unwrap();
        let no_file = "No such file or directory (os error 2)";
        let expected = format!(
            "error: cannot read conf.d/b.toml: {no_file}\n\nerror: cannot read conf.d/c.toml: {no_file}\n"
        );
        assert_eq!(faults(&broken), expected);
        let file = directory(&[main[0], ("conf.d", "")]);
        assert_eq!(faults(&file), "error: cannot read conf.d: Not a directory (os error 20)\n");
        fs::remove_file(file.path().join("sensor.toml")).unwrap();
        fs::remove_file(file.path().join("conf.d")).unwrap();
        fs::create_dir(file.path().join("conf.d")).unwrap();
        assert_eq!(faults(&file), format!("error: cannot read sensor.toml: {no_file}\n"));
        let open = directory(&[main[0], ("conf.d/a.toml", "log.level = 'info'")]);
        let set_mode = |path: &str, mode| {
            fs::set_permissions(open.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        set_mode("conf.d", 0o777);
        let expected =
            "error: cannot read conf.d: every user can create files in it; use chmod o-w\n";
        assert_eq!(faults(&open), expected);
        // What lies there cannot be taken away by others, but they can add to it.
        set_mode("conf.d", 0o1777);
        assert_eq!(faults(&open), expected);
        set_mode("conf.d", 0o775);
        set_mode("conf.d/a.toml", 0o646);
        let expected =
            "error: cannot read conf.d: every user can write to a.toml in it; use chmod o-w\n";
        assert_eq!(faults(&open), expected);
        set_mode("conf.d/a.toml", 0o664);
        assert!(read(&open).is_ok(), "a group may be let in");
        assert!(!is_foreign(0, 1000) && !is_foreign(1000, 1000));
        assert!(is_foreign(1000, 0) && is_foreign(1000, 1001));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_no_missing_directory() {
        let directory =
            directory(&[("sensor.toml", ""), ("v1/a.toml", "flow.idle_timeout = '9s'")]);
        let conf_d = directory.path().join(DIRECTORY);
        assert!(read(&directory).is_ok(), "none is needed");
        symlink("v1", &conf_d).unwrap();
        let config = read(&directory).unwrap();
        assert_eq!(config.flow.idle_timeout, 9_000);
        fs::rename(directory.path().join("v1"), directory.path().join("v2")).unwrap();
        let error = config.reread().expect("a file").expect_err("nothing is there").to_string();
        let expected = "conf.d: it is a link to v1: No such file or directory (os error 2)";
        assert!(error.ends_with(expected), "{error}");
        fs::remove_file(&conf_d).unwrap();
        symlink(DIRECTORY, &conf_d).unwrap();
        let found = faults(&directory);
        assert!(
            found.starts_with("error: cannot read conf.d: it is a link to conf.d: "),
            "{found}"
        );
    }

    #[test]
    fn a_configuration_with_its_drop_ins_has_a_limit() {
        let main = directory(&[("sensor.toml", "")]);
        let file = |name: &str| fs::File::create(main.path().join(name)).unwrap();
        file("sensor.toml").set_len(4 << 30).unwrap();
        let limit = "and the limit is 4 MiB";
        let expected =
            format!("error: cannot read sensor.toml: it has 4294967296 bytes, {limit}\n");
        assert_eq!(faults(&main), expected);

        fs::write(main.path().join("sensor.toml"), "").unwrap();
        fs::create_dir(main.path().join(DIRECTORY)).unwrap();
        file("conf.d/h.toml").set_len(4 << 30).unwrap();
        assert_eq!(faults(&main), expected.replace("sensor.toml", "conf.d/h.toml"));

        // Each is small enough, and both are not.
        let half = format!("#{}\n", "x".repeat((2 << 20) - 2));
        fs::write(main.path().join("conf.d/a.toml"), &half).unwrap();
        fs::write(main.path().join("conf.d/h.toml"), &half).unwrap();
        assert!(read(&main).is_ok(), "just as much as is allowed");
        fs::write(main.path().join("conf.d/h.toml"), format!("{half}#")).unwrap();
        let expected = "error: cannot read conf.d/h.toml: it has 2097153 bytes, and the limit is 2 MiB: \
            4 MiB is the limit of a configuration with its drop-ins, and those before it have 2097152 bytes\n";
        assert_eq!(faults(&main), expected);
    }

    #[test]
    fn the_control_socket_may_be_that_of_a_drop_in() {
        let directory = directory(&[
            ("sensor.toml", "[control]\nsocket = '/run/a'\n"),
            ("conf.d/a.toml", "[flow]\nidle_timeout = 'soon'\n[control]\nsocket = 'b'\n"),
        ]);
        let path = directory.path().join("sensor.toml");
        let socket = load_control(&path).unwrap().socket;
        assert_eq!(socket, Some(directory.path().join("conf.d/b")));
        fs::write(directory.path().join("conf.d/b.toml"), "[control").unwrap();
        assert!(load_control(&path).is_err());
    }
}
