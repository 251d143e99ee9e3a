//! Which directories the sandbox leaves open: of paths that are named, and of what the system needs.
//!
//! The kernel holds rules by inode, and files are replaced by renaming others: policies by `mv`, lists by whoever downloads
//! them, whole directories by a Kubernetes ConfigMap. So what is read is allowed from the directory on that holds the name, and
//! not only where it leads today.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use crate::agent::config::paths::{Access, NamedPath};

/// Something that stays in reach, with all that is below.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// A directory; or a single file.
    pub path: PathBuf,
    /// What may be done there.
    pub right: Right,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Files are read, directories listed.
    Read,
    /// The same, and the program may be started.
    Execute,
    /// Files are also written, made, renamed and removed.
    Write,
}

/// Where name services, time zones, certificate authorities, shared libraries and the kernel's accounts are found. Of /etc it is
/// the whole directory, since resolv.conf and its like are replaced as well.
const SYSTEM: [&str; 14] = [
    "/dev/random",
    "/dev/urandom",
    "/etc",
    "/lib",
    "/lib64",
    "/nix/store",
    "/proc",
    "/run/nscd",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/sys",
    "/usr",
    "/var/lib/ca-certificates",
    "/var/lib/sss",
];

/// Variables that name a file or directory of certificate authorities or time zones.
const READ_BY_VARIABLE: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "TZDIR"];

/// Variables in which systemd names the directories of a service.
const WRITTEN_BY_VARIABLE: [&str; 3] = ["STATE_DIRECTORY", "LOGS_DIRECTORY", "CACHE_DIRECTORY"];

/// The rules for `named` paths. Directories for outputs are made where they are missing, as they would be later.
pub fn of_paths(named: &[NamedPath]) -> Vec<Rule> {
    named.iter().flat_map(|named| of_path(&named.path, named.access)).collect()
}

fn of_path(path: &Path, access: Access) -> Vec<Rule> {
    let rule = |path: PathBuf, right| Rule { path, right };
    match access {
        Access::Read | Access::List => {
            let real = fs::canonicalize(path).ok();
            let places = [Some(path), real.as_deref()].into_iter().flatten();
            places.map(|path| rule(holder(path), Right::Read)).collect()
        }
        // It has no others beside it.
        Access::File if is_device_or_pipe(path) => {
            vec![rule(path.to_owned(), Right::Write)]
        }
        Access::File => {
            let real = fs::canonicalize(path).ok();
            let places = [Some(path), real.as_deref()].into_iter().flatten();
            places.map(|path| rule(parent(path).to_owned(), Right::Write)).collect()
        }
        Access::Directory => {
            // Whoever is to use it says what is wrong with it.
            let _ = fs::create_dir_all(path);
            vec![rule(path.to_owned(), Right::Write)]
        }
        Access::Present => vec![rule(path.to_owned(), Right::Write)],
    }
}

fn is_device_or_pipe(path: &Path) -> bool {
    let kind = fs::metadata(path).map(|found| found.file_type());
    kind.is_ok_and(|kind| kind.is_char_device() || kind.is_block_device() || kind.is_fifo())
}

/// The directory that holds a name; the thing itself where everything would be below that directory.
fn holder(path: &Path) -> PathBuf {
    match parent(path) {
        root if root == Path::new("/") => path.to_owned(),
        parent => parent.to_owned(),
    }
}

/// The directory that a file is in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent == Path::new("") => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

/// The rules for what the system needs; `variable` looks up the environment.
pub fn of_system(variable: impl Fn(&str) -> Option<OsString>) -> Vec<Rule> {
    let rule = |path: PathBuf, right| Rule { path, right };
    let mut rules: Vec<Rule> = SYSTEM.map(|path| rule(path.into(), Right::Read)).into();
    rules.push(rule("/dev/null".into(), Right::Write));
    // Where it leads: /run/NetworkManager, for example.
    let resolver = fs::canonicalize("/etc/resolv.conf").ok();
    rules.extend(resolver.map(|path| rule(holder(&path), Right::Read)));
    let named = |names: &[&str]| -> Vec<PathBuf> {
        let values = names.iter().filter_map(|name| variable(name));
        let paths = values.flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>());
        paths.filter(|path| path.is_absolute()).collect()
    };
    rules.extend(named(&READ_BY_VARIABLE).into_iter().map(|path| rule(path, Right::Read)));
    rules.extend(named(&WRITTEN_BY_VARIABLE).into_iter().map(|path| rule(path, Right::Write)));
    // The guard of clsact filters is this program once more: what is mapped now is what it takes to start it.
    rules.extend(mapped().into_iter().map(|path| rule(path, Right::Execute)));
    rules
}

/// The program and its libraries.
fn mapped() -> Vec<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut files = executable(&maps);
    // Also where a newer program has taken its name.
    files.push("/proc/self/exe".into());
    files
}

/// The files that are mapped as code, in the text of /proc/PID/maps (proc_pid_maps(5)).
fn executable(maps: &str) -> Vec<PathBuf> {
    let files = maps.lines().filter_map(|line| {
        let (_, behind) = line.split_once(' ')?;
        let path = line.find('/').map(|at| &line[at..])?;
        behind.get(..4)?.contains('x').then(|| PathBuf::from(path))
    });
    let mut files: Vec<PathBuf> = files.collect();
    files.dedup();
    files
}

/// The nearest directory at or above `path` that exists, and where it really is.
pub fn existing(path: &Path) -> io::Result<PathBuf> {
    let mut path = path;
    loop {
        match fs::canonicalize(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.parent().is_some() => {
                path = parent(path);
            }
            found => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_read_is_allowed_where_its_name_is_and_where_it_leads() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        fs::create_dir_all(at("etc")).unwrap();
        fs::create_dir_all(at("srv/one")).unwrap();
        symlink(at("srv/one"), at("etc/policies")).unwrap();
        let read = |path: &Path| -> Vec<PathBuf> {
            of_path(path, Access::Read).into_iter().map(|rule| rule.path).collect()
        };
        assert_eq!(read(&at("etc/policies")), [at("etc"), at("srv")]);
        assert_eq!(read(&at("etc/absent")), [at("etc")]);
        // Everything is below the root.
        assert_eq!(read(Path::new("/absent")), [Path::new("/absent")]);
        assert_eq!(read(Path::new("absent")), [Path::new(".")]);
    }

    #[test]
    fn outputs_may_be_written_beside_and_no_further() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        let rules = |path: &Path, access| of_path(path, access);
        let write = |path: PathBuf| Rule { path, right: Right::Write };
        assert_eq!(rules(&at("flows.json"), Access::File), [write(directory.path().into())]);
        assert_eq!(rules(&at("a/b"), Access::Directory), [write(at("a/b"))]);
        assert!(at("a/b").is_dir(), "it is made");
        let null = Path::new("/dev/null");
        assert_eq!(rules(null, Access::File), [write(null.into())]);
    }

    #[test]
    fn directories_of_a_service_are_open_by_its_environment() {
        let rules = of_system(|name| match name {
            "STATE_DIRECTORY" => Some("/var/lib/sensor:relative:/var/lib/more".into()),
            "SSL_CERT_DIR" => Some("/opt/certificates".into()),
            _ => None,
        });
        let has = |path: &str, right| rules.contains(&Rule { path: path.into(), right });
        assert!(has("/var/lib/sensor", Right::Write) && has("/var/lib/more", Right::Write));
        assert!(has("/opt/certificates", Right::Read));
        assert!(!rules.iter().any(|rule| rule.path.ends_with("relative")));
    }

    #[test]
    fn code_is_found_among_what_is_mapped() {
        let maps = "\
            55d0-55d1 r--p 00000000 fd:00 77 /usr/bin/sensor\n\
            55d1-55d9 r-xp 00001000 fd:00 77 /usr/bin/sensor\n\
            7f00-7f01 r-xp 00000000 fd:00 78 /usr/lib/a b/libc.so.6\n\
            7f01-7f02 rw-p 00000000 00:00 0 [heap]\n\
            7f02-7f03 r-xp 00000000 00:00 0 [vdso]\n";
        let expected = ["/usr/bin/sensor", "/usr/lib/a b/libc.so.6"];
        assert_eq!(executable(maps), expected.map(PathBuf::from));
    }
}
