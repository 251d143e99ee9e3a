//! How regular the starts of a key's flows are: the mark of programs that report home.

/// Starts that are kept; of more, the newest.
pub const KEPT: usize = 256;

/// Distinct starts, ascending.
#[derive(Clone, Debug, Default)]
pub struct Starts {
    starts: Vec<Start>,
    /// Everything older is gone.
    swept: i32,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    time: u64,
    size: u64,
    bucket: i32,
}

impl Starts {
    /// Nothing, on a grid of which buckets from `oldest` on count.
    pub fn new(oldest: i32) -> Self {
        Self { starts: Vec::new(), swept: oldest }
    }

    /// Adds the start of a flow that ended in a bucket, in a window that begins with the bucket `oldest`. Equal starts are
    /// one, with the larger size: the same flow, seen twice.
    pub fn add(&mut self, time: u64, size: u64, bucket: i32, oldest: i32) {
        if oldest > self.swept {
            self.swept = oldest;
            self.starts.retain(|start| start.bucket >= oldest);
        }
        let at = self.starts.partition_point(|start| start.time < time);
        match self.starts.get_mut(at).filter(|start| start.time == time) {
            Some(same) => {
                same.size = same.size.max(size);
                same.bucket = same.bucket.max(bucket);
            }
            None => self.starts.insert(at, Start { time, size, bucket }),
        }
        if self.starts.len() > KEPT {
            self.starts.remove(0);
        }
    }

    /// Regularity in a window that begins with the bucket `oldest`: of the gaps between starts, or the mean of that and of
    /// the sizes'. 0 below 4 starts.
    pub fn score(&self, oldest: i32, sizes: bool) -> f64 {
        let live = || self.starts.iter().filter(|start| start.bucket >= oldest);
        if live().count() < 4 {
            return 0.0;
        }
        let gaps = || live().zip(live().skip(1)).map(|(one, next)| (next.time - one.time) as f64);
        let of_gaps = regularity(gaps);
        if sizes {
            (of_gaps + regularity(|| live().map(|start| start.size as f64))) / 2.0
        } else {
            of_gaps
        }
    }
}

/// 1 - min(1, standard deviation / mean), over a whole population; 1 where all are 0.
fn regularity<I: Iterator<Item = f64>>(values: impl Fn() -> I) -> f64 {
    let count = values().count() as f64;
    let mean = values().sum::<f64>() / count;
    if mean == 0.0 {
        return 1.0;
    }
    let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    1.0 - (variance.sqrt() / mean).min(1.0)
}
