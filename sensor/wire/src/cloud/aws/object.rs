//! What the name of an object in S3 tells: `ACCOUNT_vpcflowlogs_REGION_fl-ID_TIME_HASH.log.gz`, or
//! `VPC_vpcdnsquerylogs_ACCOUNT_TIME_HASH.log.gz`.

use super::query;

/// Account and log, as far as the name tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// Account that owns the log; empty where the name does not tell.
    pub account: String,
    /// The log: its id, or the name of the file without what its compression added.
    pub log: String,
}

impl ObjectName {
    /// Of a path or key.
    pub fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let parts: Vec<&str> = name.split('_').collect();
        if let [account, "vpcflowlogs", _, log, ..] = parts[..]
            && log.starts_with("fl-")
            && account.bytes().all(|octet| octet.is_ascii_digit())
        {
            return Self { account: account.to_owned(), log: log.to_owned() };
        }
        if let [vpc, "vpcdnsquerylogs", account, ..] = parts[..]
            && vpc.starts_with("vpc-")
            && account.bytes().all(|octet| octet.is_ascii_digit())
        {
            return Self { account: account.to_owned(), log: query::log(vpc) };
        }
        let plain = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        Self { account: String::new(), log: plain.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_tell_account_and_log() {
        for (path, account, log) in [
            (
                "b/AWSLogs/1/vpcflowlogs/us-east-1/2018/06/20/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz",
                "123456789012",
                "fl-1234abcd",
            ),
            (
                "AWSLogs/1/vpcdnsquerylogs/vpc-0a/2026/01/31/vpc-0a_vpcdnsquerylogs_123456789012_20260131T0910Z_71584702.log.gz",
                "123456789012",
                "route53/vpc-0a",
            ),
            ("x_vpcdnsquerylogs_1_t_h.log", "", "x_vpcdnsquerylogs_1_t_h.log"),
            ("/tmp/flows.log.gz", "", "flows.log"),
            ("x_vpcflowlogs_us-east-1_fl-1_t_h.log.gz", "", "x_vpcflowlogs_us-east-1_fl-1_t_h.log"),
            ("-", "", "-"),
        ] {
            let expected = ObjectName { account: account.to_owned(), log: log.to_owned() };
            assert_eq!(ObjectName::of(path), expected);
        }
    }
}
