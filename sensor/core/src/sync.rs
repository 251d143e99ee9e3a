//! Locks whose holder panicked.
//!
//! The standard library then refuses the lock to everybody else. Here a thread that panics ends the agent in order: the others
//! still have to hand over what they hold and account for it, so they go on with the data as they are.

use std::sync::{LockResult, PoisonError};

/// Takes a lock, or waits for one, whether or not a holder panicked.
pub trait Unpoisoned {
    /// What the lock gives.
    type Held;

    /// What the lock gives, even where a holder panicked.
    fn unpoisoned(self) -> Self::Held;
}

impl<T> Unpoisoned for LockResult<T> {
    type Held = T;

    #[inline]
    fn unpoisoned(self) -> T {
        self.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{Mutex, RwLock},
    };

    use super::*;

    #[test]
    fn a_panic_leaves_the_data_to_others() {
        let (mutex, lock) = (Mutex::new(1), RwLock::new(1));
        let held = catch_unwind(AssertUnwindSafe(|| {
            let _guards = (mutex.lock().unwrap(), lock.write().unwrap());
            panic!("while both are held");
        }));
        assert!(held.is_err() && mutex.is_poisoned() && lock.is_poisoned());
        *mutex.lock().unpoisoned() += 1;
        *lock.write().unpoisoned() += 1;
        assert_eq!((*lock.read().unpoisoned(), mutex.into_inner().unpoisoned()), (2, 2));
    }
}
