//! Secrets, certificates and places to write to that a configuration names: whether they can be used, looked at before
//! anything starts.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use sensor_core::diagnostic::Finding;

use super::writable;
use crate::{
    agent::{
        cloud::follow::store,
        config::{Config, cloud::Place, control::ControlConfig},
        console::entry,
        control::{self, endpoint},
        ingest,
        mode::Mode,
        web::endpoint::EndpointError,
    },
    export::{
        clickhouse,
        hits::{
            self,
            error::HitsError,
            options::{Destination, OutputOptions, SyslogTransport},
        },
        ipfix::options::Transport,
        kafka,
        lots::error::LotsError,
        nats,
        net::{
            error::NetError,
            tls::{TlsClient, TlsOptions},
        },
    },
    files,
    intake::{self, error::IntakeError},
};

/// What is wrong with them, each once. Files of flows of [`Mode::Files`] are not rotated.
pub fn faults(config: &Config, mode: Mode) -> Vec<Finding> {
    let mut faults: Vec<Finding> = read(config).collect();
    faults.extend(places(config, mode).filter_map(|place| writable::fault(&place)));
    if mode == Mode::Live {
        faults.extend(folders(config));
        let error = control::check(&config.control).err();
        faults.extend(error.map(|error| Finding::error(error.to_string())));
    }
    faults.sort_by(|a, b| a.message.cmp(&b.message));
    faults.dedup();
    faults
}

/// What is wrong with folders that are followed. One that is not there yet is no fault: whoever mounts it may be late.
fn folders(config: &Config) -> impl Iterator<Item = Finding> {
    roots(config).filter_map(|root| {
        let error = match fs::read_dir(root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => error,
            _ => return None,
        };
        let root = root.display();
        Some(Finding::error(format!("cannot follow the folder {root}: {error}")).of_file(root))
    })
}

/// Folders that are to be followed and are not there.
pub fn absent_folders(config: &Config, mode: Mode) -> impl Iterator<Item = Finding> {
    let absent = |root: &&PathBuf| {
        let found = fs::metadata(root);
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let live = roots(config).filter(move |_| mode == Mode::Live);
    live.filter(absent).map(|root| {
        let root = root.display();
        let message = format!("there is no folder {root}: nothing is followed until it is there");
        Finding::warning(message, "create it, or name the folder that the flow logs are in")
            .of_file(root)
    })
}

fn roots(config: &Config) -> impl Iterator<Item = &PathBuf> {
    config.clouds.iter().filter_map(|cloud| match &cloud.place {
        Place::Folder { root, .. } => Some(root),
        _ => None,
    })
}

/// What is read: first whether it can be, then whether it holds what it should.
fn read(config: &Config) -> impl Iterator<Item = Finding> {
    let collectors = config.collectors.iter().filter_map(|collector| {
        let Transport::Tls(tls) = &collector.options.transport else { return None };
        let check = || told(TlsClient::new(tls, &collector.options.host), NetError::file);
        Some(usable(&tls_files(tls), check))
    });
    let listeners = config.intake.listeners.iter().filter_map(|listener| {
        let intake::options::Transport::Tls(tls) = &listener.transport else { return None };
        let files: Vec<_> = tls.ca.iter().chain([&tls.certificate, &tls.key]).cloned().collect();
        Some(usable(&files, || told(intake::check_tls(tls), IntakeError::file)))
    });
    let metrics = config.metrics.iter().map(|metrics| {
        let tls = metrics.tls.iter().flat_map(|(certificate, key)| [certificate, key]);
        let files: Vec<_> = metrics.token_file.iter().chain(tls).cloned().collect();
        usable(&files, || told(endpoint::check(metrics), EndpointError::file))
    });
    let console = config.console.iter().map(|console| {
        let tls = console.tls.iter().flat_map(|(certificate, key)| [certificate, key]);
        let files: Vec<_> = console.token_file.iter().chain(tls).cloned().collect();
        usable(&files, || told(entry::check(console), EndpointError::file))
    });
    let pushed = config.clouds.iter().filter_map(|cloud| match &cloud.place {
        Place::Push(push) => Some(push),
        _ => None,
    });
    let secrets = pushed.flat_map(|push| {
        push.token_file.iter().chain(push.oidc.iter().map(|oidc| &oidc.jwks_file))
    });
    let tls = config.ingest.iter().flat_map(|ingest| &ingest.tls);
    let tls = tls.flat_map(|(certificate, key)| [certificate, key]);
    let files: Vec<_> = tls.chain(secrets).cloned().collect();
    let ingest = usable(&files, || told(ingest::check(config), EndpointError::file));
    let outputs = config.hits.outputs.iter();
    let outputs = outputs
        .map(|output| usable(&files_of(output), || told(hits::check(output), HitsError::file)));
    let tables = config.clickhouse.iter().map(|own| {
        let mut files = tls_files(&own.tls);
        files.extend(own.credentials.as_ref().map(|secret| secret.file().to_owned()));
        usable(&files, || told(clickhouse::check(own), LotsError::file))
    });
    let topics = config.kafka.iter().map(|own| {
        let mut files = own.tls.as_ref().map(tls_files).unwrap_or_default();
        files.extend(own.login.as_ref().map(|login| login.file.clone()));
        usable(&files, || told(kafka::check(own), LotsError::file))
    });
    let subjects = config.nats.iter().map(|own| {
        let mut files = own.tls.as_ref().map(tls_files).unwrap_or_default();
        files.extend(own.login.as_ref().map(|login| login.file().to_owned()));
        usable(&files, || told(nats::check(own), LotsError::file))
    });
    let stores = config.clouds.iter().filter_map(|cloud| {
        let Place::Store(store) = &cloud.place else { return None };
        let files: Vec<_> = store.credentials.iter().cloned().collect();
        Some(usable(&files, || {
            let error = store::check(store).err()?;
            let finding = Finding::error(format!("cloud {}: {error}", cloud.name));
            Some(match &store.credentials {
                Some(file) => finding.of_file(file.display()),
                None => finding,
            })
        }))
    });
    collectors
        .chain(listeners)
        .chain(metrics)
        .chain(console)
        .chain([ingest])
        .chain(outputs)
        .chain(tables)
        .chain(topics)
        .chain(subjects)
        .chain(stores)
        .flatten()
}

fn told<T, E: fmt::Display>(
    result: Result<T, E>,
    file: fn(&E) -> Option<&Path>,
) -> Option<Finding> {
    let error = result.err()?;
    let finding = Finding::error(error.to_string());
    Some(match file(&error) {
        Some(file) => finding.of_file(file.display()),
        None => finding,
    })
}

/// What is wrong with `files`, or else what `check` says.
fn usable(files: &[PathBuf], check: impl FnOnce() -> Option<Finding>) -> Vec<Finding> {
    let unreadable: Vec<Finding> = files.iter().filter_map(|file| unreadable(file)).collect();
    // What a pipe holds can be read once.
    if !unreadable.is_empty() || files.iter().any(|file| files::is_inherited(file)) {
        return unreadable;
    }
    check().into_iter().collect()
}

fn unreadable(file: &Path) -> Option<Finding> {
    let error = files::open(file).err()?;
    let file = file.display();
    Some(Finding::error(format!("cannot read {file}: {error}")).of_file(file))
}

fn tls_files(tls: &TlsOptions) -> Vec<PathBuf> {
    [&tls.ca, &tls.certificate, &tls.key].into_iter().flatten().cloned().collect()
}

fn files_of(output: &OutputOptions) -> Vec<PathBuf> {
    match &output.destination {
        Destination::Syslog(syslog) => match &syslog.transport {
            SyslogTransport::Tls(options) => tls_files(options),
            SyslogTransport::Udp | SyslogTransport::Tcp => Vec::new(),
        },
        Destination::Webhook(webhook) => {
            let mut files = tls_files(&webhook.tls);
            files.extend(webhook.credentials.as_ref().map(|secret| secret.file().to_owned()));
            files
        }
        Destination::File(_)
        | Destination::Store(_)
        | Destination::Stdout { .. }
        | Destination::Journal { .. } => Vec::new(),
    }
}

/// What is written to.
fn places(config: &Config, mode: Mode) -> impl Iterator<Item = writable::Place> {
    let hits = config.hits.outputs.iter().flat_map(|output| {
        let file = match &output.destination {
            Destination::File(file) => Some(writable::Place::Rotated(file.path.clone())),
            _ => None,
        };
        let spool = output.spool.as_ref();
        file.into_iter().chain(spool.map(|spool| writable::Place::Spool(spool.directory.clone())))
    });
    let logs = [config.log.flow_log.clone(), config.log.dns_log.clone()];
    let log = logs.into_iter().flatten().map(move |file| match mode {
        Mode::Live => writable::Place::Rotated(file),
        Mode::Files => writable::Place::Appended(file),
    });
    let control = match (mode, &config.control) {
        // Without one of its own, the agent starts without a socket as well.
        (Mode::Live, ControlConfig { socket: Some(socket), required: true, .. }) => {
            socket.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_owned)
        }
        _ => None,
    };
    let control = control.map(writable::Place::Directory);
    let ipfix =
        config.ipfix_file.as_ref().map(|files| writable::Place::Directory(files.directory.clone()));
    let store = config
        .store
        .iter()
        .filter(move |_| mode == Mode::Live || config.written.overrides.store.is_some());
    let store = store.map(|store| writable::Place::Directory(store.records.folder.clone()));
    let state =
        config.intake.state.iter().map(|state| writable::Place::Replaced(state.path.clone()));
    let clouds = config.clouds.iter().map(|cloud| writable::Place::Replaced(cloud.state.clone()));
    let clouds = clouds.filter(move |_| mode == Mode::Live);
    hits.chain(log).chain(ipfix).chain(store).chain(state).chain(clouds).chain(control)
}
