//! Whether anything would come out of the folders of flow logs that are followed.

use std::io;

use crate::agent::doctor::{
    facts::folders::{FolderFacts, Holding, Outcome},
    finding::{Area::Files, Finding},
};

/// What is to be said of one.
pub fn judge(facts: &FolderFacts) -> Finding {
    let FolderFacts { name, root, outcome } = facts;
    let finding = match outcome {
        Outcome::NoFolder => Finding::problem(Files, "is a file, not a folder")
            .remedy("name the folder that holds it in `cloud.folder`"),
        Outcome::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::problem(Files, "there is no such folder").remedy(
                "make it, and have a tool mirror the bucket into it, or correct `cloud.folder`",
            )
        }
        Outcome::Unreadable(error) => {
            Finding::problem(Files, format_args!("cannot be read: {error}")).remedy(let_in(root))
        }
        Outcome::Read(holding) => held(holding, root),
    };
    finding.about(format_args!("cloud {name} {root}"))
}

fn held(holding: &Holding, root: &str) -> Finding {
    let Holding { files, looked_at, empty, logs, formats, unreadable } = holding;
    if let (count, Some((first, error))) = unreadable {
        let others = match count {
            1 => String::new(),
            count => format!(", and {} more cannot be read", count - 1),
        };
        return Finding::warning(Files, format_args!("{first}: {error}{others}"))
            .remedy(let_in(root));
    }
    let all = match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    };
    match (files, logs) {
        (0, _) => Finding::note(Files, "nothing is in it yet").remedy(
            "if that lasts, look whether the tool that mirrors the bucket runs, and where to",
        ),
        (_, 0) if empty == looked_at => {
            Finding::note(Files, format_args!("{all}, and nothing in those looked at so far"))
                .remedy("if that lasts, look at the tool that mirrors the bucket")
        }
        (_, 0) => {
            let latest = if looked_at == files { "none of them" } else { "none of the latest" };
            Finding::warning(Files, format_args!("{all}, {latest} a flow log that is known here"))
                .remedy("point `cloud.folder` at flow logs; `sensor decode FILE` says what is wrong with one; `cloud.format` and `cloud.layout` help where files do not say what they are")
        }
        _ => {
            Finding::ok(Files, format_args!("{all}; format of the latest: {}", formats.join(", ")))
        }
    }
}

fn let_in(root: &str) -> String {
    format!("let the sensor's user read it: setfacl -R -m u:sensor:rX {root}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::doctor::finding::Status::{self, Note, Ok as Good, Problem, Warning};

    fn told(outcome: Outcome) -> (Status, String, bool) {
        let facts = FolderFacts { name: "production".into(), root: "/logs".into(), outcome };
        let finding = judge(&facts);
        assert_eq!(finding.subject.as_deref(), Some("cloud production /logs"));
        (finding.status, finding.message, finding.remedy.is_some())
    }

    fn holding(files: usize, looked_at: usize, empty: usize, logs: usize) -> Holding {
        let formats = if logs > 0 { vec!["aws", "gcp"] } else { Vec::new() };
        Holding { files, looked_at, empty, logs, formats, ..Holding::default() }
    }

    #[test]
    fn a_folder_is_good_where_flow_logs_come_out_of_it() {
        let denied = || io::Error::from_raw_os_error(libc::EACCES);
        let partly =
            Holding { unreadable: (3, Some(("/logs/a".into(), denied()))), ..holding(5, 5, 0, 2) };
        let cases = [
            (Outcome::NoFolder, Problem, "is a file, not a folder"),
            (
                Outcome::Unreadable(io::ErrorKind::NotFound.into()),
                Problem,
                "there is no such folder",
            ),
            (
                Outcome::Unreadable(denied()),
                Problem,
                "cannot be read: Permission denied (os error 13)",
            ),
            (
                Outcome::Read(partly),
                Warning,
                "/logs/a: Permission denied (os error 13), and 2 more cannot be read",
            ),
            (Outcome::Read(holding(0, 0, 0, 0)), Note, "nothing is in it yet"),
            (
                Outcome::Read(holding(2, 2, 2, 0)),
                Note,
                "2 files, and nothing in those looked at so far",
            ),
            (
                Outcome::Read(holding(1, 1, 0, 0)),
                Warning,
                "1 file, none of them a flow log that is known here",
            ),
            (
                Outcome::Read(holding(90, 20, 0, 0)),
                Warning,
                "90 files, none of the latest a flow log that is known here",
            ),
            (
                Outcome::Read(holding(90, 20, 1, 19)),
                Good,
                "90 files; format of the latest: aws, gcp",
            ),
        ];
        for (outcome, status, message) in cases {
            assert_eq!(told(outcome), (status, message.to_owned(), status != Good));
        }
    }
}
