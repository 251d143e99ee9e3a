//! The last flows of a key: when it crosses a threshold, the flows that brought it there are gone, and one flow tells little of
//! what happened. A single flow may be enough to cross, however far the key was, so every key keeps them that a record or two
//! could bring there.
//!
//! At every moment the flows that are kept are as many as events quote, or all, of those that the window has, whichever
//! buckets leave it next: the flows in the newest buckets. Of a bucket the first ones will do, so that a busy key keeps few
//! of its flows, and most of its flows cost one comparison. A kept flow takes some hundred octets; a key has at most
//! [`MAX_SAMPLES`] of them.

use thin_vec::ThinVec;

use super::scope::Flow;
use crate::{
    flow::kept::{KeptRow, RestoredRow},
    policy::alert::MAX_SAMPLES,
};

/// Stands for the bucket of a flow that the window has no more.
const GONE: i32 = i32::MIN;

/// Flows of a key.
#[derive(Debug)]
pub struct KeptFlows {
    flows: ThinVec<KeptFlow>,
    /// The lowest bucket of those kept, [`GONE`] where there is room for more.
    lowest: i32,
}

#[derive(Debug)]
struct KeptFlow {
    bucket: i32,
    row: KeptRow,
}

impl Default for KeptFlows {
    fn default() -> Self {
        Self { flows: ThinVec::new(), lowest: GONE }
    }
}

impl KeptFlows {
    /// Whether a flow that counts in `bucket` is one to keep.
    #[inline(always)]
    pub fn lacks(&self, bucket: i32) -> bool {
        bucket > self.lowest
    }

    /// Keeps a flow that counts in `bucket`. Of a key that is `expected` one more is kept: a threshold may hold without a
    /// flow that crosses it, by time alone.
    #[inline(never)]
    pub fn add(&mut self, bucket: i32, flow: &Flow<'_>, expected: bool) {
        let most = if expected { MAX_SAMPLES } else { MAX_SAMPLES - 1 };
        let (keeper, row) = (flow.keeper, flow.row.row);
        if self.flows.len() < most {
            self.flows.push(KeptFlow { bucket, row: keeper.keep(row) });
        } else if let Some(oldest) = self.flows.iter_mut().min_by_key(|kept| kept.bucket) {
            oldest.bucket = bucket;
            keeper.replace(&mut oldest.row, row);
        }
        if self.flows.len() == most {
            self.lowest = self.flows.iter().map(|kept| kept.bucket).min().unwrap_or(GONE);
        }
    }

    /// The window has none of its flows any more. Their memory stays for others.
    pub fn forget(&mut self) {
        self.flows.iter_mut().for_each(|kept| kept.bucket = GONE);
        self.lowest = GONE;
    }

    /// Flows that count in buckets from `oldest` on: the last ones, `most` at most, in the order in which they ended.
    pub fn since(&self, oldest: i32, most: usize) -> Vec<RestoredRow> {
        let live = self.flows.iter().filter(|kept| kept.bucket >= oldest && kept.bucket != GONE);
        let mut live: Vec<_> = live.map(|kept| (kept.bucket, kept.row.restored())).collect();
        live.sort_by_key(|(bucket, row)| {
            let row = row.row();
            (*bucket, row.batch.end[row.row])
        });
        let surplus = live.len().saturating_sub(most);
        live.into_iter().skip(surplus).map(|(_, row)| row).collect()
    }
}
