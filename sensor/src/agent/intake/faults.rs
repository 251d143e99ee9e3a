//! What keeps the intake from listening or forwarding, at the setting that asks for it: whoever reads it has the file before
//! them.

use std::error::Error as _;

use sensor_core::{
    diagnostic::{Diagnostic, Finding, Findings},
    settings::schema::{Origin, Setting},
};

use crate::{
    agent::config::{Config, faults::Faults, listen::ListenEndpoint},
    intake::error::IntakeError,
};

/// `error` at its place.
pub fn located(config: &Config, error: &IntakeError) -> Findings {
    let written = &config.written;
    let Some(Origin::File(span)) = setting(config, error).map(|url| &url.origin) else {
        let mut message = error.to_string();
        message.extend(error.source().map(|source| format!(": {source}")));
        let fault = Finding::error(message);
        return [match error.file() {
            Some(file) => fault.of_file(file.display()),
            None => fault,
        }]
        .into_iter()
        .collect();
    };
    let fault = Diagnostic::error(error.to_string(), span.clone());
    let fault = match error.source() {
        Some(source) => fault.label(source.to_string()),
        None => fault,
    };
    written.findings(&Faults { file: vec![fault], flags: Vec::new() })
}

/// The URL that `error` is about.
fn setting<'a>(config: &'a Config, error: &IntakeError) -> Option<&'a Setting<Option<String>>> {
    let sections = &config.written.sections;
    let mut listeners = sections.listen.value.iter().map(|listen| &listen.value.url);
    let mut forwards = sections.forward.value.iter().zip(&config.intake.forwards);
    match error {
        IntakeError::Listen { listener, .. } => listeners.find(|url| {
            let endpoint = url.value.as_ref().and_then(|url| url.parse::<ListenEndpoint>().ok());
            endpoint.is_some_and(|endpoint| endpoint.to_string() == *listener)
        }),
        IntakeError::Resolve { host, .. } => {
            let found = forwards.find(|(_, forward)| forward.host == *host);
            found.map(|(setting, _)| &setting.value.url)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::agent::config::{load, overrides::Overrides};

    #[test]
    fn what_cannot_be_had_is_shown_where_it_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sensor.toml");
        let text = "[[listen]]\nurl = 'netflow://127.0.0.1'\n[[listen]]\nurl = 'tcp://127.0.0.1:9'\n\
                    [[forward]]\nurl = 'udp://there:1'\n";
        std::fs::write(&path, text).unwrap();
        let config = load(Some(&path), &Overrides::default()).unwrap();
        let source = || io::Error::from_raw_os_error(libc::EADDRINUSE);
        let taken = |listener: &str| {
            let listener = listener.to_owned();
            located(&config, &IntakeError::Listen { listener, source: source() }).to_string()
        };
        let told = taken("tcp://127.0.0.1:9");
        assert!(told.contains("sensor.toml:4:7"), "{told}");
        assert!(told.contains("Address already in use"), "{told}");
        assert!(taken("netflow://127.0.0.1:2055").contains("sensor.toml:2:7"));
        let error = IntakeError::Resolve { host: "there".to_owned(), source: source() };
        assert!(located(&config, &error).to_string().contains("sensor.toml:6:7"));
        let error = IntakeError::Forward { to: "udp://there:1".to_owned(), source: source() };
        let told = located(&config, &error).to_string();
        assert!(told.contains("cannot forward datagrams to udp://there:1: Address"), "{told}");
    }
}
