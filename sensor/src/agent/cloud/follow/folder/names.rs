//! Names that tools give to what they have not finished. Most tools that mirror buckets write beside the object and rename.

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
