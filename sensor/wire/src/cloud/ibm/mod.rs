//! VPC flow logs of IBM Cloud: a JSON object of an interface and some minutes, with a header and an entry for each connection.
//!
//! * [`entry`]: an entry into rows. [`crn`]: what names of resources and objects tell.

pub mod crn;
pub mod entry;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::{
    crn::Place,
    entry::{Common, Entry},
};
use super::{
    flows::Flows,
    json::{
        cutter::Value,
        log::Records,
        probe,
        values::{Fault, Number, Text, object, read},
    },
    ledger::{Reason, Window},
};

object! {
    /// What stands around the entries.
    Header<'a> {
        /// `0.0.1`
        version: Text<'a> = b"version",
        /// CRN of the flow log collector.
        collector: Text<'a> = b"collector_crn",
        /// Id of the interface.
        interface: Text<'a> = b"network_interface_id",
        /// CRN of the virtual server.
        instance: Text<'a> = b"instance_crn",
        /// CRN of the VPC.
        vpc: Text<'a> = b"vpc_crn",
        /// `ok` or `skip data`
        state: Text<'a> = b"state",
        /// How many entries there are.
        count: Number = b"number_of_flow_logs",
    }
    beside b"attached_endpoint_type" | b"capture_start_time" | b"capture_end_time" | b"flow_logs";
}

impl Header<'_> {
    /// Whether a member is there that nothing else has.
    fn is_of_log(&self) -> bool {
        let own = [&self.collector, &self.interface, &self.instance, &self.vpc];
        own.into_iter().any(|text| !text.octets().is_empty())
            || !matches!(self.count.get::<u64>("number_of_flow_logs"), Ok(None))
    }
}

/// Whether an object that begins with `octets` is one of such a log.
pub fn is_log(octets: &[u8]) -> bool {
    probe::names(octets, &["collector_crn", "number_of_flow_logs", "packets_from_initiator"])
}

/// More entries than any object has.
const MOST: u64 = 1 << 20;

/// What is known of an object, and of its entries so far.
pub struct State {
    object: Arc<str>,
    /// What its name tells.
    named: Place,
    named_version: u8,
    /// The source of the entries read last.
    source: Option<u32>,
    /// What the entries stand in.
    around: Around,
    /// Entries, and what should have been one, so far.
    number: u64,
}

/// A header, and what followed it.
#[derive(Debug, Default)]
struct Around {
    /// Entries are to come, or have come.
    is_open: bool,
    place: Place,
    version: u8,
    state: String,
    /// Entries that there are to be.
    announced: Option<u64>,
    /// What is wrong with the header.
    fault: Option<(Reason, Vec<u8>)>,
    /// Entries so far.
    entries: u64,
    /// What all entries share, and which numbers of names it has.
    common: Option<(u64, Common)>,
}

impl Around {
    /// What is known without a header.
    fn of_name(place: &Place, version: u8) -> Self {
        Self { place: place.clone(), version, ..Self::default() }
    }

    /// Takes what a header says.
    fn take(&mut self, header: &Header<'_>) {
        let text = |text: &Text<'_>| String::from_utf8_lossy(text.octets()).into_owned();
        self.place.take_vpc(&text(&header.vpc));
        self.place.take_instance(&text(&header.instance));
        self.place.take_log(&text(&header.collector));
        self.place.take_interface(&text(&header.interface));
        if let Ok(version) = text(&header.version).parse() {
            self.version = version;
        }
        self.state = text(&header.state);
        self.common = None;
        const NAME: &str = "number_of_flow_logs";
        (self.announced, self.fault) = match header.count.get::<u64>(NAME) {
            Ok(Some(count)) if count > MOST => (None, Some((Reason::Number, NAME.into()))),
            Ok(count) => (count, None),
            Err((reason, what)) => (None, Some((reason, what.to_vec()))),
        };
    }
}

impl State {
    /// Of the object called `object`.
    pub fn new(object: Arc<str>) -> Self {
        let (mut named, named_version) = Place::of_object(&object);
        // Objects of one collector have no more in common than what it collects from.
        named.log = match named.vpc.as_str() {
            "" => probe::name(&object).to_owned(),
            vpc => vpc.to_owned(),
        };
        let around = Around::of_name(&named, named_version);
        Self { object, named, named_version, source: None, around, number: 0 }
    }

    #[cold]
    fn error(&mut self, (reason, what): Fault<'_>, flows: &mut Flows) {
        let source = self.source(flows);
        flows.ledger(source).error(reason, &self.object, self.number, what);
    }

    fn source(&mut self, flows: &mut Flows) -> u32 {
        let Place { account, log, .. } = &self.around.place;
        *self.source.get_or_insert_with(|| flows.source(account, log))
    }

    /// Takes a header: all of it, or as far as it has come.
    fn header(&mut self, octets: &[u8], whole: bool, flows: &mut Flows) {
        match read::<Header<'_>>(octets) {
            Ok(header) => {
                self.around.take(&header);
                let Place { account, log, .. } = &self.around.place;
                let source = flows.source(account, log);
                self.source = Some(source);
                if whole {
                    header.unknown.count("", flows.ledger(source));
                }
            }
            Err((reason, what)) => self.around.fault = Some((reason, what.to_vec())),
        }
    }

    /// The object ends here: what it announced must have come.
    fn end(&mut self, flows: &mut Flows) {
        let next = Around::of_name(&self.named, self.named_version);
        let around = std::mem::replace(&mut self.around, next);
        if !around.is_open {
            return;
        }
        let Place { account, log, .. } = &around.place;
        let source = *self.source.get_or_insert_with(|| flows.source(account, log));
        let ledger = flows.ledger(source);
        let entries = around.entries;
        if around.state.eq_ignore_ascii_case("skip data") {
            ledger.window(Window::SkipData);
        } else if entries == 0 && around.announced.unwrap_or(0) == 0 && around.fault.is_none() {
            ledger.window(Window::NoData);
        }
        if let Some((reason, what)) = around.fault {
            ledger.error(reason, &self.object, self.number, &what);
        }
        match around.announced {
            Some(announced) if announced > entries => {
                let missing = announced - entries;
                let what = format!("{missing} of {announced}");
                ledger.errors(Reason::Missing, missing, &self.object, self.number, what.as_bytes());
            }
            Some(announced) if announced < entries => {
                let what = format!("number_of_flow_logs is {announced}, but there are {entries}");
                ledger.error(Reason::Value, &self.object, self.number, what.as_bytes());
            }
            _ => {}
        }
    }

    fn entry(&mut self, octets: &[u8], flows: &mut Flows) {
        let names = flows.begin();
        let result = read::<Entry<'_>>(octets);
        if let Ok(entry) = &result
            && !self.around.is_open
            && entry.initiator.is_empty()
            && entry.end.is_empty()
        {
            if !read::<Header<'_>>(octets).is_ok_and(|header| header.is_of_log()) {
                self.number += 1;
                return self.error((Reason::Layout, probe::first_name(octets)), flows);
            }
            // A header without any entries.
            self.around.is_open = true;
            self.header(octets, true, flows);
            return self.end(flows);
        }
        self.number += 1;
        self.around.entries += 1;
        let Around { place, version, state, common, .. } = &mut self.around;
        let common = match common {
            Some((known, common)) if *known == names => *common,
            _ => {
                let Place { account, log, vpc, subnet, instance, interface, region, zone } =
                    &*place;
                let told = [account, vpc, subnet, instance, interface, region, zone];
                let point = flows.point(told.map(String::as_bytes), account, log);
                let status = flows.names().text(state.as_bytes());
                common.insert((names, Common { point, version: *version, status })).1
            }
        };
        self.source = Some(common.point.1);
        match &result {
            Ok(entry) => {
                entry.unknown.count("", flows.ledger(common.point.1));
                if let Err(fault) = entry.push(&common, flows) {
                    self.error(fault, flows);
                }
            }
            Err(fault) => self.error(*fault, flows),
        }
    }
}

impl Records for State {
    const ARRAYS: &'static [&'static str] = &["flow_logs"];

    fn value(&mut self, _: u64, value: Value<'_>, flows: &mut Flows) {
        match value {
            Value::Opened(header) => {
                self.end(flows);
                self.around.is_open = true;
                self.header(header, false, flows);
            }
            Value::Closed(whole) => {
                self.header(whole, true, flows);
                self.end(flows);
            }
            Value::Whole(octets) => self.entry(octets, flows),
            broken => {
                self.number += 1;
                self.around.entries += 1;
                if let Some(fault) = broken.fault() {
                    self.error(fault, flows);
                }
            }
        }
    }

    fn finish(&mut self, flows: &mut Flows) {
        self.end(flows);
    }
}
