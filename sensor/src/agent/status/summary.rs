//! What became of every packet and record, as one screen of text.

use std::fmt::Write as _;

use anyhow::ensure;
use sensor_common::ledger::{Count, Ledger};
use sensor_kernel::accounts::Totals;

use super::losses::Losses;
use crate::{
    agent::{host::capture::Captured, plant::analysis},
    export::{account::Account, files::retention::Deleted, hits, log::line::octets},
};

/// What became of flow records behind the engine.
pub struct Records<'a> {
    /// Flows that ended early because the cache was full.
    pub evicted: u64,
    /// Records that did not fulfil the filter, where there is one.
    pub held_back: Option<u64>,
    /// Every output's name and account.
    pub outputs: &'a [(String, Account)],
    /// How the policies have fared.
    pub policies: analysis::Summary,
    /// How the outputs of hits have.
    pub hits: &'a [hits::Report],
}

impl Records<'_> {
    /// That every output took everything: a file can be replayed again, and whoever scripts that must hear that it should be.
    ///
    /// # Errors
    /// The outputs that did not.
    pub fn check(&self) -> anyhow::Result<()> {
        let flows = self.outputs.iter().filter(|(_, account)| account.not_sent.totals.flows > 0);
        let flows: Vec<&str> = flows.map(|(name, _)| name.as_str()).collect();
        ensure!(flows.is_empty(), "not all flow records reached {}", flows.join(", "));
        let hits = self.hits.iter().filter(|report| report.account.not_sent.totals > 0);
        let hits: Vec<&str> = hits.map(|report| report.output.as_str()).collect();
        ensure!(hits.is_empty(), "not all hits reached {}", hits.join(", "));
        Ok(())
    }
}

impl Records<'_> {
    /// What was lost behind the engine.
    pub fn losses(&self) -> Losses {
        let flows = self.outputs.iter().map(|(name, account)| {
            (account.not_sent.totals.flows, format!("flow records not sent to {name}"))
        });
        let hits = self.hits.iter().map(|report| {
            (report.account.not_sent.totals, format!("hits not sent to {}", report.output))
        });
        let policies = [
            (self.policies.late, "policy matches too late to count"),
            (self.policies.evicted, "policy keys evicted with their counts (max_keys reached)"),
            (self.policies.refused_labels, "policy labels dropped: no room"),
        ];
        let policies = policies.map(|(count, what)| (count, what.to_owned()));
        Losses::of(flows.chain(hits).chain(policies))
    }
}

/// What the kernel's tables had no room for.
pub fn uncaptured(captured: Option<&Captured>) -> Losses {
    let packets =
        captured.map_or(0, |captured| captured.drained.totals.accounts.unattributed.packets);
    Losses::of([(packets, "packets without a flow: the kernel's flow tables were full")])
}

/// Frames of files that are in no flow record, although they may be IP.
pub fn unread(ledger: &Ledger, unknown_link: &Count) -> Losses {
    Losses::of([
        (ledger.truncated.packets, "frames truncated"),
        (ledger.malformed.packets, "frames malformed"),
        (unknown_link.packets, "frames of an unknown link type"),
    ])
}

/// The summary of a live run: of the drains, where packets were captured, then `intake`, which is what is to be said of
/// routers.
pub fn live(captured: Option<&Captured>, intake: Option<&str>, records: &Records<'_>) -> String {
    let mut text = String::new();
    if let Some(Captured { drained, coverage }) = captured {
        text = drains(&drained.totals);
        text.push_str(&coverage.to_string());
    }
    text.push_str(intake.unwrap_or_default());
    flows(&mut text, records);
    text
}

fn drains(totals: &Totals) -> String {
    let accounts = &totals.accounts;
    let mut text = format!(
        "\nledger of {} drains ({} early), {} IPv4 and {} IPv6 table records\n",
        totals.epochs, totals.early, totals.records_v4, totals.records_v6
    );
    rows(
        &mut text,
        &[
            ("seen", accounts.seen),
            ("added by segmentation", accounts.segmented),
            ("= in flow records", accounts.recorded),
            ("  of these folded", accounts.folded),
            ("+ not IP", accounts.non_ip),
            ("+ truncated", accounts.truncated),
            ("+ malformed", accounts.malformed),
            ("+ without a flow", accounts.unattributed),
        ],
    );
    text.push_str(&match totals.out_of_balance {
        0 => "balanced: every packet and octet is accounted for\n".to_owned(),
        n => format!("OUT OF BALANCE in {n} drains: this is a bug, please report it\n"),
    });
    text
}

/// The summary of a replay.
pub fn replay(ledger: &Ledger, unknown_link: &Count, records: &Records<'_>) -> String {
    let recorded = [unknown_link, &ledger.non_ip, &ledger.truncated, &ledger.malformed]
        .into_iter()
        .fold(ledger.seen, |rest, row| rest.since(row));
    let mut text = String::from("\nledger\n");
    rows(
        &mut text,
        &[
            ("frames", ledger.seen),
            ("= in flow records", recorded),
            ("+ not IP", ledger.non_ip),
            ("+ truncated", ledger.truncated),
            ("+ malformed", ledger.malformed),
            ("+ of an unknown link type", *unknown_link),
        ],
    );
    flows(&mut text, records);
    text
}

/// Rows of packets and octets; those without a packet are left out.
fn rows(text: &mut String, rows: &[(&str, Count)]) {
    for (name, count) in rows.iter().filter(|(_, count)| *count != Count::default()) {
        // Writing to a `String` cannot fail.
        let _: std::fmt::Result = writeln!(
            text,
            "  {name:<26} {:>15} packets {:>18} octets  {:>8}B",
            count.packets,
            count.octets,
            octets(count.octets)
        );
    }
}

/// Files that rotation has deleted, where there are any.
fn rotated(text: &mut String, deleted: Deleted) {
    if deleted.files > 0 {
        let Deleted { files, octets } = deleted;
        text.push_str(&format!("  {files} rotated files deleted ({octets} octets)\n"));
    }
}

/// What became of flow records.
pub fn flows(text: &mut String, records: &Records<'_>) {
    if records.evicted > 0 {
        text.push_str(&format!("{} flows ended early: the flow cache was full\n", records.evicted));
    }
    if let Some(held_back) = records.held_back {
        text.push_str(&format!("{held_back} flow records did not match the filter\n"));
    }
    for (name, account) in records.outputs {
        text.push_str(&format!(
            "{name}: {} flow records sent, {} not sent ({} packets, {} octets in those sent)\n",
            account.sent.flows,
            account.not_sent.totals.flows,
            account.sent.packets,
            account.sent.octets,
        ));
        rotated(text, account.deleted);
    }
    let policies = records.policies;
    if policies.policies > 0 {
        text.push_str(&format!(
            "{} policies: {} matches, {} too late to count, {} keys evicted\n",
            policies.policies, policies.matched, policies.late, policies.evicted
        ));
    }
    let inside = policies.inside;
    if policies.policies > 0 && inside.records > 0 && !inside.found {
        text.push_str("no record had an internal address: policies that query srcinternal or dstinternal matched nothing; check [networks]\n");
    }
    let reloads = policies.reloads;
    if reloads.count > 0 {
        let refused = match reloads.refused {
            0 => String::new(),
            refused => format!(" ({refused} refused)"),
        };
        text.push_str(&format!(
            "{} reloads{refused}: flows waited at most {:.1} ms, {:.1} ms in the last one\n",
            reloads.count,
            reloads.longest_pause.as_secs_f64() * 1e3,
            reloads.last_pause.as_secs_f64() * 1e3
        ));
    }
    for (count, what) in [
        (policies.untracked, "matches ignored: a field of the key was missing"),
        (policies.ahead, "records had timestamps in the future; arrival time used"),
        (policies.set_back, "backward steps of the clock"),
        (policies.refused_labels, "policy labels dropped: no room"),
        (policies.coarse, "address profiles without location: profile limit reached"),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    }
    for hits::Report { output, account, error } in records.hits {
        text.push_str(&format!(
            "hits to {output}: {} sent, {} spooled, {} not sent\n",
            account.sent, account.spooled, account.not_sent.totals
        ));
        rotated(text, account.deleted);
        if let Some(error) = error {
            text.push_str(&format!("  last failure: {error}\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_accounts_for_every_frame() {
        let count = |packets, octets| Count { packets, octets };
        let ledger = Ledger { seen: count(10, 1_000), non_ip: count(2, 84), ..Ledger::default() };
        let outputs = [(
            "x".to_owned(),
            Account { deleted: Deleted { files: 2, octets: 70 }, ..Account::default() },
        )];
        let records = Records {
            evicted: 0,
            held_back: Some(4),
            outputs: &outputs,
            policies: analysis::Summary::default(),
            hits: &[],
        };
        let text = replay(&ledger, &count(1, 16), &records);
        let expected = [
            "",
            "ledger",
            "  frames                                  10 packets               1000 octets      1000B",
            "  = in flow records                        7 packets                900 octets       900B",
            "  + not IP                                 2 packets                 84 octets        84B",
            "  + of an unknown link type                1 packets                 16 octets        16B",
            "4 flow records did not match the filter",
            "x: 0 flow records sent, 0 not sent (0 packets, 0 octets in those sent)",
            "  2 rotated files deleted (70 octets)",
            "",
        ];
        assert_eq!(text, expected.join("\n"));
        let lost = unread(&ledger, &count(1, 16)).and(records.losses());
        assert_eq!(lost, Losses(vec!["1 frames of an unknown link type".to_owned()]));
    }

    #[test]
    fn what_outputs_and_policies_lose_is_named() {
        let mut account = <Account>::default();
        account.not_sent.totals.flows = 3;
        let mut of_hits =
            hits::Report { output: "y".to_owned(), account: Default::default(), error: None };
        of_hits.account.not_sent.totals = 2;
        let records = Records {
            evicted: 9,
            held_back: Some(9),
            outputs: &[("x".to_owned(), account), ("whole".to_owned(), Account::default())],
            policies: analysis::Summary { late: 4, matched: 9, ..Default::default() },
            hits: &[of_hits],
        };
        let Losses(lost) = records.losses();
        assert_eq!(
            lost,
            [
                "3 flow records not sent to x",
                "2 hits not sent to y",
                "4 policy matches too late to count"
            ]
        );
    }
}
