//! Whether the zone that the variable TZ names is known: who reads times by it would otherwise take another zone without a word.

use std::{
    env,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// Where descriptions of zones are.
const FOLDERS: [&str; 4] =
    ["/usr/share/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo", "/usr/share/lib/zoneinfo"];
/// What they begin with (RFC 9636).
const MAGIC: &[u8] = b"TZif";

/// What is wrong with TZ, and what to do about it; none where its zone is known, or it is not set.
pub fn fault() -> Option<String> {
    let zone = env::var_os("TZ")?;
    let is_known = zone.to_str().is_some_and(|zone| is_known(zone, is_description));
    (!is_known).then(|| {
        format!(
            "the variable TZ is {zone:?}, which no zone of this host is called, so --local means nothing: set it to a name below {} such as Europe/Berlin, or unset it",
            FOLDERS[0]
        )
    })
}

fn is_description(path: &Path) -> bool {
    let mut magic = [0; MAGIC.len()];
    path.is_file()
        && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == MAGIC
}

fn is_known(zone: &str, is_description: impl Fn(&Path) -> bool) -> bool {
    let of_file = |name: &str| match Path::new(name) {
        path if path.is_absolute() => is_description(path),
        path => FOLDERS.iter().any(|folder| is_description(&PathBuf::from(folder).join(path))),
    };
    match zone {
        "" => true,
        "localtime" => is_description(Path::new("/etc/localtime")),
        _ => match zone.strip_prefix(':') {
            Some(name) => of_file(name),
            None => of_file(zone) || is_rule(zone.trim()),
        },
    }
}

/// Whether it says by itself what the zone is, as POSIX has it: `CET-1CEST,M3.5.0,M10.5.0/3`.
fn is_rule(zone: &str) -> bool {
    let whole = || {
        let rest = time(name(zone)?)?;
        if rest.is_empty() {
            return Some(());
        }
        let rest = name(rest)?;
        let rest = if rest.starts_with(',') { rest } else { time(rest)? };
        let rest = change(change(rest)?)?;
        rest.is_empty().then_some(())
    };
    whole().is_some()
}

/// What stands behind the name of a zone.
fn name(text: &str) -> Option<&str> {
    let (name, rest) = match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?,
        None => {
            let end = text.find(|own: char| !own.is_ascii_alphabetic()).unwrap_or(text.len());
            text.split_at(end)
        }
    };
    let is_one = |own: char| own.is_ascii_alphanumeric() || matches!(own, '+' | '-');
    (name.len() >= 3 && name.chars().all(is_one)).then_some(rest)
}

/// What stands behind a number of up to so many digits, which is not greater than `most`.
fn number(text: &str, digits: usize, most: u32) -> Option<&str> {
    let end = text.find(|own: char| !own.is_ascii_digit()).unwrap_or(text.len()).min(digits);
    let (number, rest) = text.split_at(end);
    (number.parse::<u32>().ok()? <= most).then_some(rest)
}

/// What stands behind hours, minutes and seconds.
fn time(text: &str) -> Option<&str> {
    let mut rest = number(text.strip_prefix(['+', '-']).unwrap_or(text), 2, 24)?;
    for _ in 0..2 {
        match rest.strip_prefix(':') {
            Some(more) => rest = number(more, 2, 59)?,
            None => break,
        }
    }
    Some(rest)
}

/// What stands behind the day of a change, and the time where that is said.
fn change(text: &str) -> Option<&str> {
    let text = text.strip_prefix(',')?;
    let rest = match text.strip_prefix('M') {
        Some(month) => {
            let week = number(month, 2, 12)?.strip_prefix('.')?;
            number(number(week, 1, 5)?.strip_prefix('.')?, 1, 6)?
        }
        None => number(text.strip_prefix('J').unwrap_or(text), 3, 365)?,
    };
    rest.strip_prefix('/').map_or(Some(rest), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_their_files_or_say_themselves_what_they_are() {
        let files = ["/usr/share/zoneinfo/Europe/Berlin", "/etc/localtime", "/etc/zoneinfo/Here"];
        let known =
            |zone: &str| is_known(zone, |path| files.iter().any(|own| Path::new(own) == path));
        for zone in [
            "",
            "localtime",
            "Europe/Berlin",
            ":Europe/Berlin",
            "Here",
            "/etc/localtime",
            "UTC0",
            "<+0330>-3:30",
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "EST5EDT4:30,J60/2:00:00,300",
            " CET-1 ",
        ] {
            assert!(known(zone), "{zone}");
        }
        for zone in [
            "Mars/Olympus",
            "Europe",
            "Europe/Berlinn",
            ":CET-1",
            "/nowhere",
            "UTC",
            "CE-1",
            "CET-25",
            "CET-1:60",
            "CET-1CEST",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1CEST,M3.5.0,M10.5.0,",
            "CET-1,M3.5.0,M10.5.0",
            "<+03>",
        ] {
            assert!(!known(zone), "{zone}");
        }
    }
}
