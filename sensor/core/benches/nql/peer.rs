//! wirefilter (Cloudflare), the nearest peer: the long query in its language, over the same flows.

use sensor_core::flow::batch::FlowBatch;
use wirefilter::{ExecutionContext, Filter, Scheme};

/// The long query.
const QUERY: &str = "(proto == 6 || proto == 17) && sport < 1024 && dport < 1024 && not (\
    sport == 0 || dport == 0 || sport == 123 || dport == 123 || (sport == 67 && dport == 68) || \
    (sport == 68 && dport == 67) || (sport == 67 && dport == 67) || sport == 137 || dport == 137 || \
    sport == 138 || dport == 138 || (sport == 53 || dport == 53) || (sport == 514 || dport == 514))";

/// The three fields of the query, and no others: what filling costs here is the least it can.
pub fn scheme() -> Scheme {
    Scheme! { proto: Int, sport: Int, dport: Int }
}

/// The compiled query.
pub fn filter(scheme: &Scheme) -> Filter<'_> {
    scheme.parse(QUERY).expect("a query in wirefilter's language").compile()
}

/// Fills the context from a row.
pub fn fill(context: &mut ExecutionContext<'_>, batch: &FlowBatch, row: usize) {
    let fields = [
        ("proto", i32::from(batch.protocol[row])),
        ("sport", i32::from(batch.source_port[row])),
        ("dport", i32::from(batch.destination_port[row])),
    ];
    for (name, value) in fields {
        context.set_field_value(name, value).expect("a field of the scheme");
    }
}
