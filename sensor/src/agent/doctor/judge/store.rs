//! Whether flow records can be kept.

use crate::{
    agent::doctor::{
        facts::store::{StoreFacts, StoreState},
        finding::{Area::Files, Finding},
    },
    export::{log::line::octets, store::trouble},
};

/// What is to be said of the store.
pub fn judge(facts: &StoreFacts) -> Finding {
    let StoreFacts { folder, retention, outcome } = facts;
    let finding = match outcome {
        Err(error) => Finding::problem(Files, trouble::text(error)).remedy(
            "let the sensor's user read and write it, or name another folder in `store.folder`",
        ),
        Ok(state) => {
            let StoreState { is_in_use, files, octets: held, free } = *state;
            let least = retention.free.unwrap_or(0);
            let wanted = retention.octets.unwrap_or(0).saturating_sub(held);
            let (held, has) = (octets(held), octets(free));
            let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            if free < least {
                let message = format!(
                    "{has}B are free, less than retention.min_free = {}B: the oldest records are deleted",
                    octets(least)
                );
                Finding::warning(Files, message).remedy(
                    "make room on the disk, or name a folder on a larger one in `store.folder`",
                )
            } else if free.saturating_sub(least) < wanted {
                let message = format!(
                    "{files} ({held}B); {has}B are free, less than retention.size allows: records are deleted for retention.min_free before that"
                );
                Finding::note(Files, message)
                    .remedy("if records should last longer, use a larger disk")
            } else if is_in_use {
                Finding::ok(
                    Files,
                    format_args!("a sensor writes there; {files} ({held}B), {has}B free"),
                )
            } else {
                Finding::ok(Files, format_args!("{files} ({held}B), {has}B free"))
            }
        }
    };
    finding.about(format_args!("store {folder}"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use sensor_store::{error::Error, plan::Retention};

    use super::*;
    use crate::agent::doctor::finding::Status::{self, Note, Ok as Good, Problem, Warning};

    const GIB: u64 = 1 << 30;

    fn told(outcome: Result<StoreState, Error>) -> (Status, String) {
        let retention = Retention { age: None, octets: Some(50 * GIB), free: Some(GIB) };
        let finding = judge(&StoreFacts { folder: "/s".into(), retention, outcome });
        assert_eq!(finding.subject.as_deref(), Some("store /s"));
        assert!(finding.status == Good || finding.remedy.is_some());
        (finding.status, finding.message)
    }

    #[test]
    fn a_store_is_good_where_it_has_room_and_is_known() {
        let state = |is_in_use, free| {
            Ok(StoreState { is_in_use, files: 3, octets: 10 * GIB, free: free * GIB })
        };
        assert_eq!(told(state(false, 100)).0, Good);
        let (status, message) = told(state(true, 100));
        assert_eq!(status, Good);
        assert!(message.starts_with("a sensor writes there; 3 files ("), "{message}");
        assert_eq!(told(state(false, 41)).0, Good, "what is held counts");
        assert_eq!(told(state(false, 40)).0, Note);
        assert_eq!(told(state(false, 0)).0, Warning);
        let path = PathBuf::from("/s/format");
        let (status, message) = told(Err(Error::Newer { path, found: "2".into(), known: 1 }));
        assert_eq!(status, Problem);
        assert!(message.contains("format 2, which is newer"), "{message}");
    }
}
