//! `[[cloud]]`: flow logs of clouds that are followed. [`store`]: in object storage.

pub mod store;

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_core::{
    diagnostic::nearest,
    settings::{
        schema::{Key, Setting, Table, Value, table},
        value::parse_duration,
    },
};
use sensor_wire::cloud::{
    aws::layout::Layout, decoder::Hints, double::Double, flows::Profile, format::Format,
};

use self::store::{Keys, Store};
use super::{
    faults::Faults,
    push::{self, Push, PushConfig},
};

table! {
    /// `[[cloud]]`
    Cloud {
        /// Its name in logs, metrics and the name of its state file.
        name: Option<String> = None;
        /// The folder into which a tool mirrors a bucket.
        folder: Option<PathBuf> = None;
        /// The object storage that is read itself: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://ACCOUNT/CONTAINER/PREFIX`.
        url: Option<String> = None;
        /// The server of the storage, where it is not the cloud's own.
        endpoint: Option<String> = None;
        /// AWS and its like: the region.
        region: Option<String> = None;
        /// Who the sensor is to the storage, where neither the environment nor the instance says it.
        credentials_file: Option<PathBuf> = None;
        /// AWS: URL of the queue of SQS to which the bucket sends what is new.
        queue: Option<String> = None;
        /// How long behind the date in its name an object may appear.
        late: Duration = Duration::from_hours(1);
        /// How it is pushed to `[ingest]`, at `/ingest/` and its name.
        push: Option<Push> = None;
        /// Format of its objects; none for what each begins with.
        format: Option<String> = None;
        /// AWS: the fields of the log, where no line of its objects names them.
        layout: Option<String> = None;
        /// What is left out of traffic that the cloud logs more than once.
        double: String = "one-side".to_owned();
        /// What the sensor counts itself is left out: flows of addresses of this host.
        local_sensor_wins: bool = false;
        /// Site of its flows.
        site: String = String::new();
        /// Tags for its flows.
        tags: Vec<Setting<String>> = Vec::new();
        /// How often the folder is looked at; object storage every minute, unless this is given.
        poll: Duration = Duration::from_secs(10);
        /// What is read when it is followed for the first time: what appears from "now" on, "all", or what changed within a duration.
        begin: String = "now".to_owned();
        /// File that keeps what was read.
        state: Option<PathBuf> = None;
        /// It is silent when no object came for so long; 0 for six times what is usual.
        silent_after: Duration = Duration::ZERO;
    }
}

/// Where state files lie, unless told otherwise or by systemd.
const STATE: &str = "/var/lib/sensor";
/// Between two looks at object storage, which costs money.
const STORE_POLL: Duration = Duration::from_secs(60);

/// A followed log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudConfig {
    /// Its name; no two have the same.
    pub name: String,
    /// Where its objects come from.
    pub place: Place,
    /// The format of its objects; none for what each begins with.
    pub format: Option<Format>,
    /// What else is known of the format.
    pub hints: Hints,
    /// What of it is left out.
    pub omission: Omission,
    /// Site and tags.
    pub profile: Profile,
    /// File that keeps what was read; no two have the same.
    pub state: PathBuf,
    /// What is read when it is followed for the first time.
    pub begin: Begin,
    /// It is silent when no object came for so long; none for what is usual.
    pub silent_after: Option<Duration>,
}

/// What of a log is left out, since it is known otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Omission {
    /// What the cloud logs more than once.
    pub double: Double,
    /// Flows of addresses of this host, which the sensor counts itself.
    pub local_sensor_wins: bool,
}

/// Where objects come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder into which a tool mirrors a bucket.
    Folder {
        /// The folder.
        root: PathBuf,
        /// How often it is looked at.
        poll: Duration,
    },
    /// Object storage.
    Store(Store),
    /// It is pushed to `[ingest]`.
    Push(PushConfig),
}

/// What is read when a log is followed for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// What changes from then on.
    Now,
    /// Everything.
    All,
    /// What has changed within so long before, and from then on.
    Within(Duration),
}

impl Begin {
    /// What was last changed before this is not read, where the log is followed from `now` on; milliseconds since the epoch.
    pub fn floor(self, now: u64) -> u64 {
        match self {
            Self::Now => now,
            Self::All => 0,
            Self::Within(before) => now.saturating_sub(before.as_millis() as u64),
        }
    }
}

/// Judges all `[[cloud]]` tables.
pub fn resolve(list: &[Setting<Cloud>], faults: &mut Faults) -> Vec<CloudConfig> {
    let mut all: Vec<CloudConfig> = Vec::with_capacity(list.len());
    let mut seen: Vec<&Setting<Cloud>> = Vec::with_capacity(list.len());
    for cloud in list {
        let raw = &cloud.value;
        let (format, hints) = format(raw, faults);
        let omission = Omission {
            double: double(&raw.double, faults),
            local_sensor_wins: raw.local_sensor_wins.value,
        };
        let begin = match raw.push.is_given() {
            // What is pushed is new, whenever that is.
            true => Begin::All,
            false => begin(&raw.begin, faults),
        };
        let poll = Duration::from_secs(1)..=Duration::from_hours(1);
        let poll = faults.in_range(&raw.poll, "cloud.poll", poll);
        let silent = Duration::ZERO..=Duration::from_hours(24 * 366);
        let silent_after = faults.in_range(&raw.silent_after, "cloud.silent_after", silent);
        let (Some(name), Some(place)) = (name(cloud, faults), place(cloud, poll, faults)) else {
            continue;
        };
        let state = raw.state.value.clone().unwrap_or_else(|| default_state(&name));
        let first = |is: &dyn Fn(&CloudConfig) -> bool| all.iter().position(is).map(|at| seen[at]);
        if let Some(first) = first(&|earlier| earlier.name == name) {
            let (must, found) = ("must differ from the others", format!("{name:?} again"));
            faults.repeated(&raw.name, &first.value.name, "cloud.name", must, &found);
        } else if let Some(first) = first(&|earlier| earlier.state == state) {
            let must = "must differ from the others";
            let found = format!("{} is that of {:?}", state.display(), first.value.name.value);
            let found = found.replace("Some(", "").replace(')', "");
            faults.repeated(&raw.state, &first.value.state, "cloud.state", must, &found);
        }
        seen.push(cloud);
        all.push(CloudConfig {
            name,
            place,
            format,
            hints,
            omission,
            profile: Profile {
                site: raw.site.value.clone(),
                tags: raw.tags.value.iter().map(|tag| tag.value.clone()).collect(),
            },
            state,
            begin,
            silent_after: Some(silent_after).filter(|after| !after.is_zero()),
        });
    }
    all
}

fn name(cloud: &Setting<Cloud>, faults: &mut Faults) -> Option<String> {
    let setting = &cloud.value.name;
    let Some(name) = &setting.value else {
        if !setting.is_given() {
            faults.report(cloud, "cloud", "needs a `name`", "add name = \"production\"");
        }
        return None;
    };
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.bytes().all(is_plain) {
        let must = "must be up to 64 letters, digits, `-`, `_` or `.`";
        faults.report(setting, "cloud.name", must, &format!("this is {name:?}"));
        return None;
    }
    Some(name.clone())
}

fn place(cloud: &Setting<Cloud>, poll: Duration, faults: &mut Faults) -> Option<Place> {
    let raw = &cloud.value;
    if let Some(push) = &raw.push.value {
        let unused = [
            ("folder", raw.folder.is_given()),
            ("url", raw.url.is_given()),
            ("poll", raw.poll.is_given()),
            ("begin", raw.begin.is_given()),
        ];
        for (name, _) in unused.into_iter().filter(|(_, given)| *given) {
            let found = format!("remove it, or `{name}`");
            faults.report(&raw.push, "cloud.push", &format!("excludes `{name}`"), &found);
        }
        return push::resolve(&raw.push, push, faults).map(Place::Push);
    }
    let folder = &raw.folder;
    let keys = Keys {
        url: &raw.url,
        endpoint: &raw.endpoint,
        region: &raw.region,
        queue: &raw.queue,
        credentials: &raw.credentials_file,
        late: &raw.late,
        poll: if raw.poll.is_given() { poll } else { STORE_POLL },
    };
    let store = store::resolve(&keys, faults);
    match (folder.is_given(), raw.url.is_given()) {
        (true, true) => {
            faults.report(folder, "cloud", "has both `folder` and `url`", "remove one of them");
            None
        }
        // What is wrong with it has been reported.
        (false, false) if raw.push.is_given() => None,
        (false, false) => {
            let found = "add url = \"s3://BUCKET/PREFIX\", or folder = \"/var/lib/flowlogs\"";
            faults.report(cloud, "cloud", "needs a `url`, a `folder` or `push`", found);
            None
        }
        (true, false) => folder.value.clone().map(|root| Place::Folder { root, poll }),
        (false, true) => store.map(Place::Store),
    }
}

fn format(raw: &Cloud, faults: &mut Faults) -> (Option<Format>, Hints) {
    let mut format = None;
    if let Some(name) = &raw.format.value {
        format = Format::find(name);
        if format.is_none() {
            let names = Format::ALL.map(Format::name);
            let found = match nearest(name, names) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => format!("{name:?} is none of them"),
            };
            let must = format!("must be a format of cloud logs: {}", names.join(", "));
            faults.report(&raw.format, "cloud.format", &must, &found);
        }
    }
    let mut hints = Hints::default();
    if let Some(text) = &raw.layout.value {
        match Layout::parse(text) {
            Ok(layout) => hints.layout = Some(layout),
            Err(error) => {
                let must = "must name the fields of the log";
                faults.report(&raw.layout, "cloud.layout", must, &error.to_string());
            }
        }
        if format.is_some_and(|format| format != Format::Aws) {
            let must = "applies only to logs of AWS as text";
            faults.report(&raw.layout, "cloud.layout", must, "remove it, or `format`");
        }
        // Lines without names cannot be told from others.
        format = format.or(Some(Format::Aws));
    }
    (format, hints)
}

fn double(setting: &Setting<String>, faults: &mut Faults) -> Double {
    Double::from_name(&setting.value).unwrap_or_else(|| {
        let names = Double::ALL.map(Double::name);
        let must = format!("must be one of {}", names.map(|name| format!("{name:?}")).join(", "));
        let found = match nearest(&setting.value, names) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("this is {:?}", setting.value),
        };
        faults.report(setting, "cloud.double", &must, &found);
        Double::OneSide
    })
}

fn begin(setting: &Setting<String>, faults: &mut Faults) -> Begin {
    match setting.value.as_str() {
        "now" => Begin::Now,
        "all" => Begin::All,
        text => match parse_duration(text) {
            Ok(before) => Begin::Within(before),
            Err(_) => {
                let must = "must be \"now\", \"all\" or a duration such as \"24h\"";
                faults.report(setting, "cloud.begin", must, &format!("this is {text:?}"));
                Begin::Now
            }
        },
    }
}

fn default_state(name: &str) -> PathBuf {
    let directories = env::var_os("STATE_DIRECTORY");
    let first = directories.and_then(|paths| env::split_paths(&paths).next());
    let directory = first.filter(|path| path.is_absolute());
    directory.unwrap_or_else(|| Path::new(STATE).to_owned()).join(format!("cloud-{name}.state"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{from_text, overrides::Overrides};

    #[test]
    fn keys() {
        let text = "[[cloud]]\nname = 'a'\nfolder = '/f'\n[[cloud]]\nname = 'b'\nfolder = '/g'\nbegin = '24h'\n\
            layout = '${srcaddr} ${dstaddr} ${protocol} ${end}'\nsite = 's'\ntags = ['t']\nstate = '/s'\n\
            poll = '30s'\nsilent_after = '1h'\nformat = 'aws'\ndouble = 'match'\nlocal_sensor_wins = true\n[[cloud]]\nname = 'c'\nfolder = '/h'\nbegin = 'all'\n";
        let config = from_text(text, &Overrides::default()).expect("no faults");
        // Whoever only follows logs need not be able to load programs.
        assert!(config.capture.interfaces.is_empty());
        let [a, b, c] = &config.clouds[..] else { panic!("{:?}", config.clouds) };
        assert_eq!((a.begin, a.format, a.silent_after), (Begin::Now, None, None));
        assert_eq!(a.state.file_name().and_then(|name| name.to_str()), Some("cloud-a.state"));
        assert_eq!(
            (b.begin, b.format),
            (Begin::Within(Duration::from_hours(24)), Some(Format::Aws))
        );
        assert_eq!((b.state.as_path(), b.profile.tags.len()), (Path::new("/s"), 1));
        let Place::Folder { root, poll } = &b.place else { panic!("{:?}", b.place) };
        assert_eq!((root.as_path(), *poll), (Path::new("/g"), Duration::from_secs(30)));
        assert!(b.hints.layout.is_some() && c.begin == Begin::All);
        assert_eq!(b.silent_after, Some(Duration::from_hours(1)));
        let omissions =
            [a, b].map(|cloud| (cloud.omission.double, cloud.omission.local_sensor_wins));
        assert_eq!(omissions, [(Double::OneSide, false), (Double::Match, true)]);
        let day = 86_400_000;
        assert_eq!([a, b, c].map(|cloud| cloud.begin.floor(day + 5)), [day + 5, 5, 0]);
    }

    #[test]
    fn faults_of_clouds() {
        let text = "[[cloud]]\nfolder = '/f'\n[[cloud]]\nname = 'a/b'\nfolder = '/f'\n[[cloud]]\nname = 'a'\n\
            [[cloud]]\nname = 'a'\nfolder = '/f'\nformat = 'asw'\nlayout = '${srcaddr}'\nbegin = 'today'\npoll = '0s'\ndouble = 'onside'\n\
            [[cloud]]\nname = 'a'\nfolder = '/f'\n[[cloud]]\nname = 'c'\nfolder = '/f'\nstate = '/s'\n\
            [[cloud]]\nname = 'd'\nfolder = '/f'\nstate = '/s'\n";
        let faults = from_text(text, &Overrides::default()).expect_err("it has faults");
        let messages: Vec<_> = faults.file.iter().map(|fault| fault.message.as_str()).collect();
        let expected = [
            "`cloud` needs a `name`",
            "`cloud.name` must be up to 64 letters, digits, `-`, `_` or `.`",
            "`cloud` needs a `url`, a `folder` or `push`",
            "`cloud.format` must be a format of cloud logs: aws, azure, ibm, gcp, oci, route53, gcp-dns, azure-dns",
            "`cloud.layout` must name the fields of the log",
            "`cloud.begin` must be \"now\", \"all\" or a duration such as \"24h\"",
            "`cloud.poll` must lie between 1s and 1h",
            "`cloud.double` must be one of \"keep\", \"one-side\", \"match\"",
            "`cloud.name` must differ from the others",
            "`cloud.state` must differ from the others",
        ];
        assert_eq!(messages, expected);
    }
}
