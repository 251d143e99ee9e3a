//! The Unix socket: made so that at no moment anybody may connect who must not, in the place of one that a dead agent has
//! left, and never in that of a living one.

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, ErrorKind},
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::agent::config::control::ControlConfig;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A living agent has it.
    #[error(
        "{} is in use: another sensor answers there; set `control.socket` to another path for this one",
        path.display()
    )]
    Taken {
        /// The path.
        path: PathBuf,
    },
    /// Something else has its name.
    #[error("{} exists and is not a socket; remove it, or set `control.socket` to another path", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
    },
    /// A group that was configured does not exist.
    #[error("no group is named `{group}` (control.group)")]
    NoGroup {
        /// Its name.
        group: String,
    },
    /// The system refuses something.
    #[error("cannot create the control socket {}", path.display())]
    System {
        /// The path.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

/// The socket. Its file goes with it.
pub struct ControlSocket {
    path: PathBuf,
    /// Device and number of its file.
    file: (u64, u64),
    listener: Option<UnixListener>,
}

impl ControlSocket {
    /// Opens what `config` asks for. A socket that nobody chose a path for is done without where it cannot be had: a
    /// `service` warns of that, what was started by hand beside it need not.
    ///
    /// # Errors
    /// Where somebody did.
    pub fn open(config: &ControlConfig, service: bool) -> Result<Option<Self>, SocketError> {
        let Some(path) = &config.socket else { return Ok(None) };
        match Self::at(path, config) {
            Ok(socket) => Ok(Some(socket)),
            Err(error) if config.required || matches!(error, SocketError::NoGroup { .. }) => {
                Err(error)
            }
            // Whoever runs it by hand need not be told that only root may.
            Err(SocketError::System { path, source })
                if !service
                    && matches!(
                        source.kind(),
                        ErrorKind::PermissionDenied | ErrorKind::NotFound
                    ) =>
            {
                tracing::debug!(path = %path.display(), %source, "no control socket");
                Ok(None)
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                match service {
                    true => tracing::warn!("no control socket: {error:#}"),
                    false => tracing::info!("no control socket: {error:#}"),
                }
                Ok(None)
            }
        }
    }

    fn at(path: &Path, config: &ControlConfig) -> Result<Self, SocketError> {
        let group = group_of(config)?;
        check_place(path)?;
        let listener = create(path, group);
        let failed = |source| SocketError::System { path: path.to_owned(), source };
        let listener = listener.map_err(failed)?;
        let file = identity(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, listener: Some(listener) })
    }

    /// What is to be listened to, once.
    pub fn take_listener(&mut self) -> Option<UnixListener> {
        self.listener.take()
    }
}

/// Looks at what a socket needs, and makes none. That an agent has it already is no fault: it may be the one whose configuration
/// is being checked.
///
/// # Errors
/// A group that does not exist, or something else at the socket's path.
pub fn check(config: &ControlConfig) -> Result<(), SocketError> {
    match trial(config) {
        Err(error @ SocketError::NoGroup { .. }) => Err(error),
        Err(error @ SocketError::Foreign { .. }) if config.required => Err(error),
        _ => Ok(()),
    }
}

/// The number of the group whose members may use it, where there is such a group.
fn group_of(config: &ControlConfig) -> Result<Option<u32>, SocketError> {
    match group_id(&config.group) {
        None if config.group_required => Err(SocketError::NoGroup { group: config.group.clone() }),
        group => Ok(group),
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Another agent may have taken the path meanwhile.
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the path of `config` is free, and its group there, as `ControlSocket::open` looks; makes nothing.
///
/// # Errors
/// Why not.
pub fn trial(config: &ControlConfig) -> Result<(), SocketError> {
    let Some(path) = &config.socket else { return Ok(()) };
    group_of(config)?;
    check_place(path)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Whether a socket may be put at `path`: there is nothing, or what a dead agent has left. It never waits: an agent that has been
/// stopped has it all the same.
fn check_place(path: &Path) -> Result<(), SocketError> {
    let path = path.to_owned();
    match fs::symlink_metadata(&path) {
        Ok(file) if file.file_type().is_socket() => {}
        Ok(_) => return Err(SocketError::Foreign { path }),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(SocketError::System { path, source }),
    }
    match connect_at_once(&path) {
        // Its queue of connections is full: nobody takes them, but somebody could.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(SocketError::Taken { path }),
        Ok(()) => Err(SocketError::Taken { path }),
        Err(error)
            if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) =>
        {
            Ok(())
        }
        Err(source) => Err(SocketError::System { path, source }),
    }
}

fn connect_at_once(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// Makes the socket in a directory that is ours alone, gives it its mode and group, and then moves it to its place.
fn create(path: &Path, group: Option<u32>) -> io::Result<UnixListener> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    if !parent.exists() {
        DirBuilder::new().mode(0o755).create(parent)?;
    }
    let private = parent.join(format!(".s{}", std::process::id()));
    // What an agent of the same number has left.
    let _ = fs::remove_dir_all(&private);
    DirBuilder::new().mode(0o700).create(&private)?;
    let made = private.join("s");
    let result = bind(&made, group).and_then(|listener| {
        fs::rename(&made, path)?;
        Ok(listener)
    });
    let _ = fs::remove_dir_all(&private);
    result
}

fn bind(path: &Path, group: Option<u32>) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    let mode = match group {
        // Not root, and not a member: whoever started the agent may use it.
        Some(group) => match chown(path, None, Some(group)) {
            Ok(()) => 0o660,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => 0o600,
            Err(error) => return Err(error),
        },
        None => 0o600,
    };
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(listener)
}

/// The number of a group, by `/etc/group`.
fn group_id(name: &str) -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    group_in(&groups, name)
}

/// Lines are `name:password:number:members` (group(5)).
fn group_in(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixStream};

    use super::*;

    fn config(path: &Path) -> ControlConfig {
        ControlConfig {
            socket: Some(path.to_owned()),
            required: true,
            group: "no such group".to_owned(),
            group_required: false,
        }
    }

    #[test]
    fn a_socket_is_private_and_goes_with_its_agent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new").join("control.sock");
        let socket = ControlSocket::open(&config(&path), true).unwrap().expect("a socket");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing beside it");
        UnixStream::connect(&path).expect("it listens");
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_living_agent_keeps_its_socket_and_a_dead_one_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let mut first = ControlSocket::open(&config(&path), true).unwrap().expect("a socket");
        let second = ControlSocket::open(&config(&path), true);
        assert!(matches!(second, Err(SocketError::Taken { .. })));
        let unforced = ControlConfig { required: false, ..config(&path) };
        assert!(ControlSocket::open(&unforced, true).unwrap().is_none());
        // It dies, and leaves its file.
        drop(first.take_listener());
        let second = ControlSocket::open(&config(&path), true).unwrap().expect("a socket");
        drop(first);
        assert!(path.exists(), "it is the file of another now");
        drop(second);
    }

    #[test]
    fn what_is_no_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "precious").unwrap();
        let result = ControlSocket::open(&config(&path), true);
        assert!(matches!(result, Err(SocketError::Foreign { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let chosen = ControlConfig { group_required: true, ..config(&directory.path().join("s")) };
        assert!(matches!(ControlSocket::open(&chosen, true), Err(SocketError::NoGroup { .. })));
    }

    #[test]
    fn a_link_is_no_socket_wherever_it_leads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("link");
        symlink(directory.path().join("nowhere"), &path).unwrap();
        let result = ControlSocket::open(&config(&path), true);
        assert!(matches!(result, Err(SocketError::Foreign { .. })));
    }

    #[test]
    fn an_agent_that_takes_no_connection_keeps_its_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let stopped = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        stopped.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        stopped.listen(0).unwrap();
        let waiting = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        waiting.connect(&SockAddr::unix(&path).unwrap()).unwrap();
        assert_eq!(connect_at_once(&path).unwrap_err().kind(), ErrorKind::WouldBlock);
        let result = ControlSocket::open(&config(&path), true);
        assert!(matches!(result, Err(SocketError::Taken { .. })));
    }

    #[test]
    fn groups_are_found_by_their_names() {
        let groups = "root:x:0:\nsensors:x:7:\nsensor:x:990:alice,bob\nbroken\n";
        assert_eq!(group_in(groups, "sensor"), Some(990));
        assert_eq!(group_in(groups, "alice"), None);
        assert_eq!(group_in(groups, "broken"), None);
    }
}
