//! A log in JSON: octets through the cutter to whoever reads its records.

use super::cutter::{Cutter, Value};
use crate::cloud::{Log, flows::Flows};

/// The records of one format, and what it keeps from one to the next.
pub trait Records {
    /// Members that hold records, by name.
    const ARRAYS: &'static [&'static str];

    /// Takes the next value, with its number.
    fn value(&mut self, number: u64, value: Value<'_>, flows: &mut Flows);

    /// The object is at its end.
    fn finish(&mut self, _: &mut Flows) {}
}

/// An object under way.
#[derive(Debug)]
pub struct Json<R> {
    cutter: Cutter,
    records: R,
}

impl<R: Records> Json<R> {
    /// One whose records go to these.
    pub fn new(records: R) -> Self {
        Self { cutter: Cutter::new(R::ARRAYS), records }
    }
}

impl<R: Records> Log for Json<R> {
    fn feed(&mut self, octets: &[u8], flows: &mut Flows) {
        let Self { cutter, records } = self;
        cutter.feed(octets, |number, value| records.value(number, value, flows));
    }

    fn finish(&mut self, flows: &mut Flows) {
        let Self { cutter, records } = self;
        cutter.finish(|number, value| records.value(number, value, flows));
        records.finish(flows);
    }
}
