//! The interfaces to capture, and what attaching to each would come to.

use sensor_kernel::{
    self, Trial,
    attach::IngressWish,
    device::Device,
    error::KernelError,
    links::{AUTO, Link, LinkPatterns, listed},
    outlook::{self, Outlook},
    probe::Means,
    watch::{self, Missing},
};

use crate::agent::{
    config::{Config, interface::IngressWishes},
    host::capture::pattern,
};

/// What is selected, and what is not there.
#[derive(Clone, Debug, Default)]
pub struct InterfaceFacts {
    /// Why interfaces could not be looked at.
    pub error: Option<String>,
    /// The selected ones.
    pub selected: Vec<SelectedInterface>,
    /// Names that no interface has, and `auto` without a default route.
    pub missing: Vec<MissingInterface>,
    /// What traffic is counted twice, in words.
    pub counted_twice: Vec<String>,
    /// Settings of single interfaces that are about none of the selected, as written.
    pub idle: Vec<String>,
    /// Names of all interfaces.
    pub present: String,
}

/// A selected interface.
#[derive(Clone, Debug)]
pub struct SelectedInterface {
    pub link: Link,
    pub wish: IngressWish,
    pub device: Device,
    pub outlook: Outlook,
}

/// What is asked for and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingInterface {
    pub name: String,
    /// The agent does not start without it; else it waits.
    pub required: bool,
}

/// Looks at all of them. A `trial` tells programs of another sensor from others.
pub fn gather(
    config: &Config,
    means: &Result<Means, KernelError>,
    trial: Option<Trial>,
) -> InterfaceFacts {
    look(config, means, trial)
        .unwrap_or_else(|error| InterfaceFacts { error: Some(error), ..InterfaceFacts::default() })
}

fn look(
    config: &Config,
    means: &Result<Means, KernelError>,
    trial: Option<Trial>,
) -> Result<InterfaceFacts, String> {
    let capture = &config.capture;
    let means = means.as_ref().map_err(ToString::to_string)?;
    let told = |error: KernelError| error.to_string();
    let patterns = LinkPatterns::new(capture.interfaces.iter().map(pattern)).map_err(told)?;
    let (selection, all) = watch::glance(patterns).map_err(told)?;
    let mut devices = sensor_kernel::devices(trial, means).map_err(told)?;
    let wishes = IngressWishes::new(&capture.hooks);
    let selected = selection.links().map(|link| {
        let (wish, device) = (wishes.of(link), devices.look(link));
        let outlook = outlook::of(link, wish, &device, means);
        SelectedInterface { link: link.clone(), wish, device, outlook }
    });
    let selected: Vec<_> = selected.collect();
    let awaited = selection.awaited().iter().map(|name| MissingInterface {
        name: name.clone(),
        required: capture.missing == Missing::Refused,
    });
    let is_there = |name: &str| {
        LinkPatterns::new([name])
            .is_ok_and(|wanted| selection.links().any(|link| wanted.name(link)))
    };
    let required = capture.hooks.iter().filter_map(|hook| hook.required());
    let required = required.filter(|required| !is_there(&required.name));
    let required =
        required.map(|required| MissingInterface { name: required.name, required: true });
    let mut missing: Vec<_> = required.collect();
    missing.extend(
        awaited
            .filter(|one| missing.iter().all(|known| known.name != one.name))
            .collect::<Vec<_>>(),
    );
    let idle = capture.hooks.iter().filter(|hook| hook.names_one());
    let idle = idle.filter(|hook| !selection.links().any(|link| hook.is_about(link)));
    Ok(InterfaceFacts {
        error: None,
        selected,
        missing,
        counted_twice: selection.all_counted_twice().iter().map(ToString::to_string).collect(),
        idle: idle.map(|hook| hook.written()).collect(),
        present: listed(&all),
    })
}

impl MissingInterface {
    /// It stands for the devices of the default routes.
    pub fn is_auto(&self) -> bool {
        self.name == AUTO
    }
}
