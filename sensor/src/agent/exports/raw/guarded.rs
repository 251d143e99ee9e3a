//! Calls into code of others that may panic: a panic is an error there, and says nothing on standard error.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    /// Whether this thread is in such a call.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What `work` returns, or what it said as it panicked. What it has changed by then is for the caller to throw away.
pub fn call<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // The hook that prints panics is that of the process: it is asked for every other one as before.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
    GUARDED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    result.map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let literal = || panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = panic.downcast_ref::<String>().cloned().or_else(literal);
    text.unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_next_call_is_as_the_first() {
        let octets = [1_u8, 2];
        let ask = |place: usize| call(|| octets[place]);
        assert_eq!(ask(1), Ok(2));
        assert!(ask(2).unwrap_err().contains("out of bounds"));
        assert_eq!(ask(0), Ok(1));
        assert_eq!(call(|| -> u8 { panic!("at {}", 3) }), Err("at 3".to_owned()));
        assert_eq!(call(|| -> u8 { panic!("words") }), Err("words".to_owned()));
        let other = || -> u8 { panic::panic_any(7) };
        assert_eq!(call(other), Err("without a message".to_owned()));
        assert!(!GUARDED.get());
    }
}
