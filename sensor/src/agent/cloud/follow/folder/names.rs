//! Names of files: what objects are called after them, and those that tools give to what they have not finished. Most tools that
//! mirror buckets write beside the object and rename.

use std::{
    ffi::OsString,
    fmt::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

/// What stands before an octet that is no text: no path has two in a row.
const OCTET: &str = "//";

/// What the object is called that lies at `path` below the folder. No two paths have the same name.
pub fn of_path(path: &Path) -> String {
    let mut name = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        name.push_str(chunk.valid());
        for octet in chunk.invalid() {
            // Into memory.
            let _ = write!(name, "{OCTET}{octet:02x}");
        }
    }
    name
}

/// Where the object of this name lies below the folder.
pub fn path_of(name: &str) -> PathBuf {
    let mut path = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [octet, behind @ ..] = rest {
        rest = match rest {
            // Of three, the first one is the path's.
            [b'/', b'/', digits @ ..] if !digits.starts_with(b"/") => {
                let (digits, behind) = digits.split_at(digits.len().min(2));
                let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 2);
                path.extend(digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()));
                behind
            }
            _ => {
                path.push(*octet);
                behind
            }
        };
    }
    OsString::from_vec(path).into()
}

/// Ends of temporary names, whatever their case.
const ENDS: [&str; 7] =
    [".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", "_.gstmp"];

/// Whether something called so is not finished. A dot in front (rsync, azcopy) is for the listing.
pub fn is_temporary(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ENDS.iter().any(|end| lower.ends_with(end)) || name.ends_with('~') || is_of_aws(name)
}

/// Whether it is what the AWS CLI and boto write to: the name, a dot, and eight random hexadecimal digits. A date has as many
/// digits, but all of them decimal.
fn is_of_aws(name: &str) -> bool {
    let Some((before, digits)) = name.rsplit_once('.') else { return false };
    !before.is_empty()
        && digits.len() == 8
        && digits.bytes().all(|octet| octet.is_ascii_hexdigit())
        && digits.bytes().any(|octet| octet.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_differ_have_names_that_differ() {
        let paths = [
            &b"a/b.log"[..],
            b"a\xff.log",
            b"a\xfe.log",
            b"a\xff\xfe/\xff",
            "a\u{fffd}.log".as_bytes(),
            b"a/ff.log",
            b"\xff/ff.log",
            b"a\n.log",
        ];
        let paths = paths.map(|octets| PathBuf::from(OsString::from_vec(octets.to_vec())));
        let names: std::collections::HashSet<String> =
            paths.iter().map(|path| of_path(path)).collect();
        assert_eq!(names.len(), paths.len());
        for path in paths {
            assert_eq!(path_of(&of_path(&path)), path);
        }
        assert_eq!(of_path(Path::new("a/ü.log")), "a/ü.log");
        // Whatever stands in a state file stands for a path.
        assert_eq!(path_of("a//zz//f"), Path::new("a"));
    }

    #[test]
    fn what_is_not_finished_is_known_by_its_name() {
        for name in [
            "a.log.gz.tmp",
            "a.log.gz.PART",
            "PT1H.json.x1y2z3.partial",
            "a.log.gz_.gstmp",
            "a.log.gz.6eF1aB09",
            "a.log~",
        ] {
            assert!(is_temporary(name), "{name}");
        }
        for name in [
            "1_vpcflowlogs_us-east-1_fl-1_20180620T1620Z_fe123456.log.gz",
            "PT1H.json",
            "flows.20180620",
            "part",
            "a.parts",
            ".deadbeef",
            "00000000.gz",
        ] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
