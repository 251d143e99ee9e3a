//! In which form the log is written.

use std::{fs, os::unix::fs::MetadataExt as _};

use clap::ValueEnum;

/// A form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines on stderr for people
    #[default]
    Text,
    /// One JSON object per line on stderr
    Json,
    /// Entries of systemd's journal, with a field for each value
    Journal,
}

impl LogFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Text, Self::Json, Self::Journal];

    /// As the configuration spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Journal => "journal",
        }
    }

    /// What fits where nobody chose one: the journal for a service whose stderr leads there anyway (`JOURNAL_STREAM`, see
    /// systemd.exec(5)), else text.
    pub fn by_environment() -> Self {
        let stream = std::env::var("JOURNAL_STREAM").ok();
        let stderr = fs::metadata("/proc/self/fd/2").map(|file| (file.dev(), file.ino()));
        match (stream, stderr) {
            (Some(stream), Ok(stderr)) if names(&stream, stderr) => Self::Journal,
            _ => Self::Text,
        }
    }
}

/// Whether `DEVICE:INODE` is that of a file.
fn names(stream: &str, (device, inode): (u64, u64)) -> bool {
    stream.split_once(':') == Some((&device.to_string(), &inode.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_by_device_and_inode() {
        assert!(names("8:123", (8, 123)));
        for other in ["8:124", "9:123", "8", "", "8:123:1"] {
            assert!(!names(other, (8, 123)), "{other}");
        }
    }
}
