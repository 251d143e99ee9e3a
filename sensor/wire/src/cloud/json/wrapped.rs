//! Records that come as they are or in base64 in a message around them, and the account of what becomes of them: of their source, or
//! of the object where they tell none.

use std::{marker::PhantomData, sync::Arc};

use super::{
    base64,
    cutter::Value,
    log::Records,
    probe,
    values::{self, Fault, Member},
};
use crate::cloud::{flows::Flows, ledger::Reason};

/// What became of a record: its source; or, where it became nothing, whose it is if it tells that, and why.
pub type Outcome<'f> = Result<u32, (Option<u32>, Fault<'f>)>;

/// Records of one format.
pub trait Wrapped {
    /// Members that hold records, by name.
    const ARRAYS: &'static [&'static str];
    /// Levels of objects that may be around these.
    const LEVELS: u32 = 1;
    /// What the octets of a record have that has such a member itself. Others that have one are answers to a request, and tell nothing.
    const SIGN: &'static [u8];
    /// What the member of a message that holds the record is called, for people.
    const WITHIN: &'static [u8];
    /// A record, or a message around one.
    type Record<'a>: Member<'a>;

    /// The record in base64, where this is a message around it; empty otherwise.
    fn within<'r>(record: &'r Self::Record<'_>) -> &'r [u8];

    /// Appends what a record tells, which these octets are; `end` gets what became of it.
    fn tell(
        record: &Self::Record<'_>,
        octets: &[u8],
        flows: &mut Flows,
        end: &mut impl FnMut(Outcome<'_>, &mut Flows),
    );
}

/// The records of an object.
pub struct Messages<W> {
    object: Arc<str>,
    /// The source of the last record, or the object itself: that of what cannot be read.
    source: Option<u32>,
    /// A record that came in base64.
    decoded: Vec<u8>,
    of: PhantomData<W>,
}

impl<W> Messages<W> {
    /// Of the object called `object`.
    pub fn new(object: Arc<str>) -> Self {
        Self { object, source: None, decoded: Vec::new(), of: PhantomData }
    }
}

impl<W: Wrapped> Records for Messages<W> {
    const ARRAYS: &'static [&'static str] = W::ARRAYS;
    const LEVELS: u32 = W::LEVELS;

    fn value(&mut self, number: u64, value: Value<'_>, flows: &mut Flows) {
        let Self { object, source, decoded, .. } = self;
        let mut end = |outcome: Outcome<'_>, flows: &mut Flows| match outcome {
            Ok(told) => *source = Some(told),
            Err((of, (reason, what))) => {
                let mut own =
                    || *source.get_or_insert_with(|| flows.source("", probe::name(object)));
                let of = of.unwrap_or_else(&mut own);
                flows.ledger(of).error(reason, object, number, what);
            }
        };
        flows.begin();
        match value {
            Value::Closed(octets) if !probe::has(octets, W::SIGN) => {}
            Value::Whole(octets) | Value::Closed(octets) => {
                read::<W>(octets, decoded, flows, &mut end);
            }
            value => value.fault().into_iter().for_each(|fault| end(Err((None, fault)), flows)),
        }
    }
}

/// Takes a record, or a message around one.
#[inline]
fn read<W: Wrapped>(
    octets: &[u8],
    decoded: &mut Vec<u8>,
    flows: &mut Flows,
    end: &mut impl FnMut(Outcome<'_>, &mut Flows),
) {
    let outer = match values::read::<W::Record<'_>>(octets) {
        Ok(outer) => outer,
        Err(fault) => return end(Err((None, fault)), flows),
    };
    let within = W::within(&outer);
    if within.is_empty() {
        return W::tell(&outer, octets, flows, end);
    }
    decoded.clear();
    if !base64::decode(within, decoded) {
        return end(Err((None, (Reason::Syntax, W::WITHIN))), flows);
    }
    match values::read::<W::Record<'_>>(decoded) {
        Ok(inner) => W::tell(&inner, decoded, flows, end),
        Err(fault) => end(Err((None, fault)), flows),
    }
}
