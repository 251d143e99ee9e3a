//! The own addresses that messages to collectors leave from: whether this host has them.

use sensor_core::{
    diagnostic::Findings,
    settings::schema::{Origin, Setting},
};

use crate::agent::{
    config::{Config, faults::Faults},
    mode::Mode,
};

/// What is wrong with them. Files are read to their end before anybody could add an address, and who types a name wants it
/// now. A service waits for what its configuration names, and says so where it sends.
pub fn faults(config: &Config, mode: Mode) -> Findings {
    const MUST: &str = "must name a source address of this host";
    let mut faults = Faults::default();
    let written = config.written.sections.collector.value.iter();
    for (written, collector) in written.zip(&config.collectors) {
        let keys = &written.value;
        let (origin, path) = match keys.source.is_given() {
            true => (&keys.source.origin, "collector.source"),
            false => (&keys.url.origin, "collector.url"),
        };
        if mode == Mode::Live && !matches!(origin, Origin::Flag(_)) {
            continue;
        }
        if let Err(error) = collector.options.source.check(&collector.options.host) {
            let place = Setting { value: (), origin: origin.clone() };
            faults.report(&place, path, MUST, &error.to_string());
        }
    }
    config.written.findings(&faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{load, overrides::Overrides};

    #[test]
    fn who_types_an_address_wants_it_now_and_a_service_waits() {
        let urls = ["udp://192.0.2.1?source=127.0.0.1", "udp://192.0.2.2?source=nosuch0"];
        let overrides =
            Overrides { collectors: urls.map(str::to_owned).into(), ..Overrides::default() };
        let typed = load(None, &overrides).expect("it has no fault of form");
        for mode in [Mode::Live, Mode::Files] {
            let faults = faults(&typed, mode).to_string();
            let start = "error: `--collector` must name a source address of this host\n --> --collector:1:1\n";
            assert!(faults.starts_with(start), "{faults}");
            assert!(faults.contains("no interface named `nosuch0`; available: "), "{faults}");
            assert!(!faults.contains("127.0.0.1"), "{faults}");
        }

        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = "[[collector]]\nurl = 'tcp://collector.example'\nsource = '203.0.113.77'\n";
        std::fs::write(file.path(), text).expect("written");
        let named = load(Some(file.path()), &Overrides::default()).expect("no fault of form");
        assert!(faults(&named, Mode::Live).is_empty());
        let faults = faults(&named, Mode::Files).to_string();
        assert!(faults.contains(":3:10\n"), "{faults}");
    }
}
