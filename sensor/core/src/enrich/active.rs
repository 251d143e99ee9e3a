//! The context in force: replaced as a whole while flows go by.
//!
//! A new context is built beside the old one, and takes effect for each enricher with the batch that it begins next.
//! Batches on their way keep the profiles that their numbers are about.

use std::sync::{
    Arc, RwLock,
    atomic::{AtomicU64, Ordering},
};

use super::{context::Context, learned::Learned};
use crate::sync::Unpoisoned as _;

/// The context in force, and the labels that policies have given.
#[derive(Debug)]
pub struct ActiveContext {
    context: RwLock<Arc<Context>>,
    version: AtomicU64,
    /// Labels given by policies; they outlive a reload.
    pub learned: Learned,
}

impl ActiveContext {
    /// Puts a first context in force.
    pub fn new(context: Context) -> Self {
        Self {
            context: RwLock::new(Arc::new(context)),
            version: AtomicU64::new(0),
            learned: Learned::default(),
        }
    }

    /// Puts another context in force, and returns the one before. Whoever drops its last share takes the time that it takes
    /// to free large tables.
    pub fn replace(&self, context: impl Into<Arc<Context>>) -> Arc<Context> {
        let old = {
            let mut current = self.context.write().unpoisoned();
            std::mem::replace(&mut *current, context.into())
        };
        self.version.fetch_add(1, Ordering::Release);
        old
    }

    /// The context in force.
    pub fn context(&self) -> Arc<Context> {
        self.context.read().unpoisoned().clone()
    }

    /// How often it has been replaced.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}
