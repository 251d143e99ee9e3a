//! What every batch of flow records passes, whatever its source: context and policies, the filter, the outputs. DNS records pass a filter
//! of their own to outputs of their own.
//!
//! Sources know [`Plant::offer`], and nothing behind it.
//!
//! * [`analysis`]: context, tags and policies at work; [`reload`]: read anew; `leftovers`: what they leave behind.
//! * `filter`: the filters of the command line. [`top`]: the largest groups of flows. `outputs`: where records and hits go.
//!   [`taps`]: who looks at live flows, [`view`]: what they see; `recent`: the last hits.

pub mod analysis;
pub mod reload;
pub mod taps;
pub mod top;
pub mod view;
pub mod why;

mod filter;
mod leftovers;
mod outputs;
mod recent;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use sensor_core::{
    diagnostic::Findings,
    dns::DnsBatch,
    engine::dispatch::Output,
    flow::{
        batch::FlowBatch,
        interfaces::{Interfaces, SharedInterfaces},
        profile::Profile,
    },
    nql::{Filter, Options, lists::Lists},
    policy::{alert::Alert, discarded::Discarded, model::Policy},
    roles::Roles,
    sync::Unpoisoned as _,
};

use self::{
    analysis::Analysis,
    filter::FlowFilter,
    outputs::{Marks, Outputs, SwappedOutputs},
    reload::Renewal,
    taps::{Tap, TapError},
    top::{PrintOptions, TopGroups},
    view::{Form, View},
    why::WhyAccounts,
};
pub use self::{filter::Filters, outputs::PreparedOutputs};
use super::{config::Config, inspect::Contents, mode::Mode, status::Status};
use crate::{
    export::{held::ring::Ring, hits::held::HeldHits},
    stdio,
};

/// Where every batch passes.
pub struct Plant {
    mode: Mode,
    analysis: Analysis<Downstream>,
    /// Lists that the filter may name.
    lists: Lists,
}

/// What is behind context and policies.
struct Downstream {
    filter: Option<Mutex<FlowFilter>>,
    /// Records that did not fulfil it.
    held_back: AtomicU64,
    /// The filter of DNS records.
    dns_filter: Option<Filter>,
    /// Those that did not fulfil it.
    dns_held_back: AtomicU64,
    top: Option<TopGroups>,
    roles: Option<Arc<Mutex<Roles>>>,
    why: Option<WhyAccounts>,
    /// Flows that discards pass over, where the summary has a line for each policy.
    discarded: Option<Mutex<Discarded>>,
    interfaces: SharedInterfaces,
    lots: Lots,
    outputs: Outputs,
}

/// Batches of lots, in numbers.
#[derive(Default)]
struct Lots {
    offered: AtomicU64,
    /// Those that the outputs were offered.
    passed: AtomicU64,
}

/// What is waited for until batches are put out.
pub struct Delivery {
    offered: u64,
    /// How far each output has to come, once it is known.
    marks: Mutex<Option<Marks>>,
}

impl Plant {
    /// Puts in force what was read of the files that `config` names, and starts its outputs, for the records that fulfil
    /// `filters`. `shown` says how flows are printed.
    ///
    /// # Errors
    /// When a file or a certificate cannot be opened. A collector that cannot be reached is no error.
    pub fn start(
        config: &Config,
        filters: &Filters,
        contents: Contents,
        mode: Mode,
        shown: &PrintOptions,
    ) -> anyhow::Result<Self> {
        let Contents { lists, named, warnings } = contents;
        stdio::to_stderr(warnings.styled());
        let interfaces = SharedInterfaces::default();
        let outputs = Outputs::start(config, mode, shown, &interfaces)?;
        let filter = filters.flows.as_ref().map(|query| Mutex::new(FlowFilter::new(query)));
        let (dns_filter, dns_held_back) = (filters.dns.clone(), AtomicU64::new(0));
        let top = TopGroups::new(shown);
        let (held_back, lots) = (AtomicU64::new(0), Lots::default());
        let (roles, why) = (shown.roles.clone(), shown.why.clone());
        let policies = || named.policies().to_vec();
        let discarded = shown.policies.then(|| Mutex::new(Discarded::new(policies())));
        let downstream = Downstream {
            filter,
            held_back,
            dns_filter,
            dns_held_back,
            top,
            roles,
            why,
            discarded,
            interfaces,
            lots,
            outputs,
        };
        Ok(Self { mode, analysis: Analysis::start(config, named, mode, downstream)?, lists })
    }

    /// From now on records keep the context and the tags that they come with.
    pub fn keep_context(&self) {
        self.analysis.keep_context();
    }

    fn downstream(&self) -> &Downstream {
        self.analysis.output()
    }

    /// Whose flows pass.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Takes a batch, for the policies and then for every output; gives back one that none of them needs any more, this or
    /// an earlier one.
    pub fn offer(&self, batch: FlowBatch) -> Option<FlowBatch> {
        self.analysis.offer(batch, &self.downstream().interfaces.get())
    }

    /// As [`Self::offer`], of a source that can wait: it does where the engine has no room.
    pub fn offer_waiting(&self, batch: FlowBatch) -> Option<FlowBatch> {
        let Downstream { interfaces, lots, .. } = self.downstream();
        lots.offered.fetch_add(1, Relaxed);
        self.analysis.offer_waiting(batch, &interfaces.get())
    }

    /// Takes DNS records, for the outputs of such: no policy is asked of them. Waits for room in a replay.
    pub fn offer_dns(&self, mut batch: DnsBatch) {
        let Downstream { dns_filter, dns_held_back, outputs, .. } = self.downstream();
        if let Some(filter) = dns_filter {
            let before = batch.len();
            batch.keep(&filter.dns_rows(&batch));
            dns_held_back.fetch_add((before - batch.len()) as u64, Relaxed);
        }
        outputs.offer_dns(batch);
    }

    /// Whether every output has room for a lot of a source that can wait. Outputs that nobody takes anything from for now are
    /// not waited for.
    pub fn has_room(&self) -> bool {
        self.downstream().outputs.have_room()
    }

    /// What is to be waited for until all that [`Self::offer_waiting`] took so far is put out.
    pub fn delivery(&self) -> Delivery {
        Delivery { offered: self.downstream().lots.offered.load(Relaxed), marks: Mutex::default() }
    }

    /// Whether it is: it has passed the policies, and every output on this host has written it, or has counted it as not sent.
    /// Collectors have it in their queues, or sent.
    pub fn is_delivered(&self, delivery: &Delivery) -> bool {
        let Downstream { lots, outputs, .. } = self.downstream();
        if lots.passed.load(Acquire) < delivery.offered && !self.is_broken() {
            return false;
        }
        let mut marks = delivery.marks.lock().unpoisoned();
        outputs.are_past(marks.get_or_insert_with(|| outputs.marks()))
    }

    /// The records that are held for questions, where some are.
    pub fn held(&self) -> Option<&Arc<Ring>> {
        self.downstream().outputs.held()
    }

    /// The hits that are held for questions, where some are.
    pub fn held_hits(&self) -> Option<&Arc<HeldHits>> {
        self.downstream().outputs.held_hits()
    }

    /// The policies in force.
    pub fn policies(&self) -> Vec<Arc<Policy>> {
        self.analysis.policies()
    }

    /// What is known about an address.
    pub fn profile(&self, address: IpAddr) -> Profile {
        self.analysis.profile(address)
    }

    /// Labels of addresses, by context and value, as often as there are kinds of addresses that have them.
    pub fn each_label(&self, each: &mut dyn FnMut(&str, &str)) {
        self.analysis.each_label(each);
    }

    /// The lists that queries may name; a reload changes their values.
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Names of this host's interfaces.
    pub fn interfaces(&self) -> SharedInterfaces {
        self.downstream().interfaces.clone()
    }

    /// Opens a tap of the flows that fulfil `query`, which may name the lists of the start; `rate` is how many it shows a
    /// second at most.
    ///
    /// # Errors
    /// Faults of the query; or when too many taps are open.
    pub fn tap(&self, query: &str, format: Form, rate: u64) -> Result<(Tap, View), TapError> {
        let filter = Filter::compile(query, &Options::new(&self.lists)).map_err(|faults| {
            TapError::Query(Findings::located("query", query, &faults).to_string())
        })?;
        let Downstream { outputs, interfaces, .. } = self.downstream();
        let tap = outputs.taps().open().ok_or(TapError::TooMany)?;
        Ok((tap, View::new(&filter, interfaces.clone(), format, rate)))
    }

    /// Whether a thread has ended by itself.
    pub fn is_broken(&self) -> bool {
        self.analysis.is_broken()
    }

    /// Lets time pass for the policies: `now` is milliseconds since the epoch.
    pub fn advance(&self, now: u64) {
        self.analysis.advance(now);
        if let Some(why) = &self.downstream().why {
            why.advance(now);
        }
    }

    /// Starts the outputs that `config` names and that are not there. Nothing has changed so far.
    ///
    /// # Errors
    /// When a new output cannot be started.
    pub fn prepare(&self, config: &Config) -> anyhow::Result<PreparedOutputs> {
        self.downstream().outputs.prepare(config)
    }

    /// From here on flows and hits go to the outputs of `prepared`.
    pub fn swap(&self, prepared: PreparedOutputs) -> SwappedOutputs {
        self.downstream().outputs.swap(prepared)
    }

    /// Ends the outputs that are not wanted any more, and starts those that need the place of one of them.
    ///
    /// # Errors
    /// When one of these cannot be started; the old one then takes its place again.
    pub fn settle(&self, swapped: SwappedOutputs) -> anyhow::Result<()> {
        let settled = self.downstream().outputs.settle(swapped);
        if settled.is_err() {
            self.analysis.count_incomplete();
        }
        settled
    }

    /// Puts in force what `sources` say of addresses, and leaves all else as it is.
    pub fn refresh(
        &self,
        config: &Config,
        sources: sensor_core::enrich::sources::Sources,
        now: u64,
    ) -> Renewal {
        self.analysis.refresh(config, sources, now)
    }

    /// Puts in force what was read of the files that `config` names: lists, context, tags and policies. Lets flow logs and files of
    /// hits be opened anew.
    pub fn reload(&self, config: &Config, contents: Contents, now: u64) -> Renewal {
        let Contents { lists, named, warnings } = contents;
        stdio::to_stderr(warnings.styled());
        self.downstream().outputs.reopen();
        let renewal = self.analysis.reload(config, named, now);
        self.analysis.leave(self.lists.follow(&lists));
        if let Some(discarded) = &self.downstream().discarded {
            // Asked for first: whoever gives them may wait for a batch that is being counted.
            let policies = self.analysis.policies();
            let mut discarded = discarded.lock().unpoisoned();
            *discarded = discarded.go_on(policies);
        }
        renewal
    }

    /// Counts a reload that has changed nothing, since the configuration cannot be put in force. Files are opened anew all the
    /// same: somebody may have moved them.
    pub fn refuse_reload(&self) {
        self.downstream().outputs.reopen();
        self.analysis.refuse_reload();
    }

    /// Tells all outputs the names of the interfaces.
    pub fn set_interfaces(&self, interfaces: Interfaces) {
        let Downstream { outputs, interfaces: shared, .. } = self.downstream();
        outputs.set_interfaces(&interfaces);
        shared.set(interfaces);
    }

    /// Counts packets that no flow record tells of, for the sinks' statistics. `now` is ms since the epoch.
    pub fn add_ignored(&self, packets: u64, octets: u64, now: u64) {
        self.downstream().outputs.add_ignored(packets, octets, now);
    }

    /// True once nobody reads what is printed, and nothing else is put out.
    pub fn is_pointless(&self) -> bool {
        self.downstream().outputs.is_pointless()
    }

    /// True once nobody reads what is printed, whatever else is put out.
    pub fn is_unread(&self) -> bool {
        self.downstream().outputs.is_unread()
    }

    /// Says so where flows and hits go nowhere at all.
    pub fn warn_of_silence(&self) {
        let Downstream { outputs, top, roles, why, .. } = self.downstream();
        if outputs.is_empty() && top.is_none() && roles.is_none() && why.is_none() {
            tracing::info!(
                "no output selected for flows or hits: add --print flows, --print hits, --top, --ipfix-file, --flow-log, --store or --collector"
            );
        }
    }

    /// Fills its sections of `status`. No batch waits for it.
    pub fn report(&self, status: &mut Status) {
        self.analysis.report(status);
        status.held_back = self.downstream().held_back();
        status.dns_held_back = self.downstream().dns_held_back();
        self.downstream().report_policies(status);
        self.downstream().outputs.report(status);
    }

    /// Ends all incidents, sends what waits, within `deadline`, and prints the largest groups; fills its sections of `status`.
    pub fn finish(self, deadline: Duration, status: &mut Status) {
        self.analysis.finish();
        self.analysis.report(status);
        // Its threads have ended, and nobody else has a share in it.
        let Some(downstream) = self.analysis.into_output() else { return };
        status.held_back = downstream.held_back();
        status.dns_held_back = downstream.dns_held_back();
        downstream.report_policies(status);
        if let Some(why) = &downstream.why {
            why.finish();
        }
        downstream.outputs.finish(deadline, status);
        if let Some(top) = &downstream.top {
            // A reader that has gone away wants no more.
            let _ = top.print();
        }
    }
}

impl Downstream {
    /// Has the summary tell of each policy, where that is wanted.
    fn report_policies(&self, status: &mut Status) {
        let Some(discarded) = &self.discarded else { return };
        let discarded = discarded.lock().unpoisoned();
        let known: HashMap<String, u64> =
            discarded.counts().map(|(policy, count)| (policy.shown_name(), count)).collect();
        status.engine.each = true;
        for policy in &mut status.engine.policies {
            policy.discarded = known.get(&policy.name).copied();
        }
    }

    fn held_back(&self) -> Option<u64> {
        self.filter.as_ref().map(|_| self.held_back.load(Relaxed))
    }

    fn dns_held_back(&self) -> Option<u64> {
        self.dns_filter.as_ref().map(|_| self.dns_held_back.load(Relaxed))
    }
}

impl Output for Downstream {
    fn event(&self, event: Alert) {
        self.outputs.offer_alert(event);
    }

    fn batch(&self, mut batch: FlowBatch) -> Option<FlowBatch> {
        // The filter is for outputs: policies are asked of every flow.
        if let Some(why) = &self.why {
            why.observe(&batch, &self.interfaces.get());
        }
        if let Some(discarded) = &self.discarded {
            let mut discarded = discarded.lock().unpoisoned();
            discarded.observe(&batch, &self.interfaces.get());
        }
        if let Some(filter) = &self.filter {
            let mut filter = filter.lock().unpoisoned();
            let held_back = filter.apply(&mut batch, &self.interfaces.get());
            self.held_back.fetch_add(held_back, Relaxed);
        }
        if let Some(top) = &self.top {
            top.add(&batch, &self.interfaces.get());
        }
        if let Some(roles) = &self.roles {
            let mut roles = roles.lock().unpoisoned();
            roles.observe(&batch, &self.interfaces.get());
        }
        let of_lot = batch.lot.is_some();
        let spent = self.outputs.offer(batch);
        if of_lot {
            self.lots.passed.fetch_add(1, Release);
        }
        spent
    }
}

#[cfg(test)]
mod tests;
