//! Rows on their way into a batch: written side by side first, and then column by column.
//!
//! A row has values for more than twenty columns. To append each of them costs as much as to decode them; to append a column's values
//! of many rows costs no more than for one.

use sensor_core::flow::batch::{
    Addresses, BATCH_ROWS, DIRECTION_UNTOLD, FlowBatch, TCP_FLAGS_UNTOLD,
};

use super::record::{Record, Via};

/// Rows of a block, a power of two.
const MOST: usize = 64;

/// An address of either family.
pub trait Address: Copy + Default {
    /// The columns that hold such addresses, of sources and destinations, where they are of this family.
    fn columns(addresses: &mut Addresses) -> Option<[&mut Vec<Self>; 2]>;
}

impl Address for u32 {
    fn columns(addresses: &mut Addresses) -> Option<[&mut Vec<Self>; 2]> {
        match addresses {
            Addresses::V4 { source, destination } => Some([source, destination]),
            Addresses::V6 { .. } => None,
        }
    }
}

impl Address for u128 {
    fn columns(addresses: &mut Addresses) -> Option<[&mut Vec<Self>; 2]> {
        match addresses {
            Addresses::V6 { source, destination } => Some([source, destination]),
            Addresses::V4 { .. } => None,
        }
    }
}

/// Declares the block: its columns, which are those of a batch, with what a record says there. `every` column of the first list has a
/// row for each flow; one of the second has none as long as none of its values is told.
macro_rules! block {
    (
        |$record:ident, $properties:ident|
        every { $($every:ident: $every_type:ty = $every_value:expr,)* }
        some { $($some:ident: $some_type:ty = $some_value:expr,)* }
    ) => {
        /// Some rows of one batch.
        #[derive(Debug)]
        pub struct Block<A> {
            count: usize,
            /// As many as the batch has room for.
            most: usize,
            addresses: [[A; MOST]; 2],
            $($every: [$every_type; MOST],)*
            $($some: [$some_type; MOST],)*
        }

        impl<A: Address> Default for Block<A> {
            fn default() -> Self {
                Self {
                    count: 0,
                    most: MOST,
                    addresses: [[A::default(); MOST]; 2],
                    $($every: [0; MOST],)*
                    $($some: [0; MOST],)*
                }
            }
        }

        impl<A: Address> Block<A> {
            /// Takes a row; true where it is to be written then.
            #[inline(always)]
            pub fn push(&mut self, ends: (A, A), $record: &Record, $properties: u32) -> bool {
                // Always below already.
                let at = self.count % MOST;
                (self.addresses[0][at], self.addresses[1][at]) = ends;
                $(self.$every[at] = $every_value;)*
                $(self.$some[at] = $some_value;)*
                self.count = at + 1;
                self.count >= self.most
            }

            /// Appends the rows to their batch; whether it is full then.
            #[inline(never)]
            pub fn write_to(&mut self, batch: &mut FlowBatch) -> bool {
                let (before, count) = (batch.len(), std::mem::take(&mut self.count));
                let Some(addresses) = A::columns(&mut batch.addresses) else {
                    debug_assert!(false, "the caller chose the batch by the family");
                    return false;
                };
                for (column, values) in addresses.into_iter().zip(&self.addresses) {
                    column.extend_from_slice(&values[..count]);
                }
                $(batch.$every.extend_from_slice(&self.$every[..count]);)*
                $(put(&mut batch.$some, before, &self.$some[..count]);)*
                self.begin(batch);
                batch.is_full()
            }
        }

        /// Makes room in `batch`, which is empty, for as many rows as `like` has.
        pub fn make_room(batch: &mut FlowBatch, like: &FlowBatch) {
            let rows = like.len();
            match &mut batch.addresses {
                Addresses::V4 { source, destination } => {
                    source.reserve_exact(rows);
                    destination.reserve_exact(rows);
                }
                Addresses::V6 { source, destination } => {
                    source.reserve_exact(rows);
                    destination.reserve_exact(rows);
                }
            }
            $(batch.$every.reserve_exact(rows);)*
            $(if !like.$some.is_empty() {
                batch.$some.reserve_exact(rows);
            })*
        }
    };
}

block! {
    |record, properties|
    every {
        source_port: u16 = record.ports.0.unwrap_or(0),
        destination_port: u16 = record.ports.1.unwrap_or(0),
        protocol: u8 = record.protocol,
        packets: u64 = record.packets.unwrap_or(0),
        octets: u64 = record.octets.unwrap_or(0),
        // Who reads times of a flow whose start is not told finds it without duration.
        start: u64 = record.start.unwrap_or(record.end),
        end: u64 = record.end,
        tcp_flags: u16 = record.tcp_flags.unwrap_or(TCP_FLAGS_UNTOLD),
        direction: u8 = record.direction.map_or(DIRECTION_UNTOLD, |way| way as u8),
        device: u32 = record.point.1,
    }
    some {
        tos: u8 = record.tos.unwrap_or(0),
        observation_point: u32 = record.point.0,
        action: u8 = record.action.map_or(0, |action| action as u8),
        version: u8 = record.version,
        traffic_path: u8 = record.traffic_path,
        initiator: u8 = record.initiator,
        common_properties: u32 = properties,
        source_labels: u32 = record.labels.0,
        destination_labels: u32 = record.labels.1,
        via_v4: u32 = if let Some(Via::V4(address)) = record.via { address } else { 0 },
        via_v6: u128 = if let Some(Via::V6(address)) = record.via { address } else { 0 },
    }
}

impl<A> Block<A> {
    /// The rows to come are of this batch.
    pub fn begin(&mut self, batch: &FlowBatch) {
        debug_assert_eq!(self.count, 0, "rows of another batch");
        self.most = BATCH_ROWS.saturating_sub(batch.len()).clamp(1, MOST);
    }

    /// Forgets the rows.
    pub fn clear(&mut self) {
        self.count = 0;
        self.most = MOST;
    }
}

/// Appends what is told from row `before` on; a column of which nothing has been told yet stays without rows.
fn put<T: Copy + Default + PartialEq>(column: &mut Vec<T>, before: usize, values: &[T]) {
    let is_told = |value: &T| *value != T::default();
    if column.is_empty() && !values.iter().fold(false, |told, value| told | is_told(value)) {
        return;
    }
    column.resize(before, T::default());
    column.extend_from_slice(values);
}
