//! The keys of `[[hits]]`.

use std::{path::PathBuf, time::Duration};

use sensor_core::settings::{
    schema::{Key, Setting, Table, Value, table},
    value::ByteSize,
};

use super::super::tls::Tls;

table! {
    /// `[[hits]]`
    Hits {
        /// Where to: `stdout`, `file:///PATH`, `journald`, `syslog+udp://`, `syslog+tcp://` or `syslog+tls://HOST:PORT`,
        /// `https://...`, or `ipfix` for the collectors.
        url: Option<String> = None;
        /// `json`, `cef` or `text`.
        format: String = "json".to_owned();
        /// The least severity: `low`, `medium` or `high`.
        severity: String = "low".to_owned();
        /// Names of policies, as globs; without it, all.
        policies: Option<Vec<Setting<String>>> = None;
        /// Kinds of events: `start`, `ongoing`, `end`, `hit`; without it, all.
        kinds: Option<Vec<Setting<String>>> = None;
        /// Events that may wait in memory.
        queue: u64 = 10_000;
        /// stdout: details below each hit.
        verbose: bool = false;
        /// file: it is full at this size.
        max_size: ByteSize = ByteSize(64 << 20);
        /// file: it is full at this age; without it, at no age.
        max_age: Option<Duration> = None;
        /// file: so many full ones are kept.
        keep: u64 = 5;
        /// file: so many bytes in all at most; without it, any number.
        max_total: Option<ByteSize> = None;
        /// syslog: facility.
        facility: String = "daemon".to_owned();
        /// syslog and journald: name of the sender.
        tag: String = "sensor".to_owned();
        /// syslog and ipfix: number of the enterprise under which what is our own stands.
        enterprise: u64 = 32_473;
        /// https: more headers, each `Name: value`.
        headers: Vec<Setting<String>> = Vec::new();
        /// https: file with `user:password`.
        basic_auth_file: Option<PathBuf> = None;
        /// https: file with a token.
        bearer_file: Option<PathBuf> = None;
        /// https: hits of a request at most; more than one are sent as a list.
        batch: u64 = 1;
        /// https: how long the server may take to answer.
        timeout: Duration = Duration::from_secs(10);
        /// syslog and https: directory in which hits wait until they are delivered; without it, they wait in memory.
        spool: Option<PathBuf> = None;
        /// Bytes of the spool at most.
        spool_size: ByteSize = ByteSize(64 << 20);
        /// syslog+tls and https: how the receiver is verified, and how the sensor proves who it is.
        tls: Option<Tls> = None;
    }
}
