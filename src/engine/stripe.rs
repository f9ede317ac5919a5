//! A number for each thread that counts, so that it writes lines that no other thread writes.
//!
//! Owns: which thread has which number. Never: counts anything.

use std::cell::{Cell, RefCell};
use std::sync::Mutex;

/// Threads that have a number of their own at a time; the rest shares.
pub(super) const STRIPES: usize = 32;

/// Numbers that were given back, and the first that was never given.
static FREE: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

/// In [`NUMBER`]: the thread has not counted yet.
const UNASKED: usize = usize::MAX;
/// In [`NUMBER`]: there is none for it.
const NONE: usize = usize::MAX - 1;

thread_local! {
    /// Beside its owner, for every hit asks: what has no destructor is there without a question.
    static NUMBER: Cell<usize> = const { Cell::new(UNASKED) };
    static OWN: RefCell<Option<Own>> = const { RefCell::new(None) };
}

/// A thread's number, given back when the thread ends. The lock orders its last count before the first of the next owner.
struct Own(Option<usize>);

impl Own {
    fn take() -> Self {
        let mut free = FREE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fresh = free.1;
        let number = free.0.pop().or((fresh < STRIPES).then_some(fresh));
        if number == Some(fresh) {
            free.1 += 1;
        }
        Self(number)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // What the thread counts from now on, while it ends, is counted with those of the others.
        NUMBER.set(NONE);
        if let Some(number) = self.0 {
            FREE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0.push(number);
        }
    }
}

/// The number of this thread; `None`: there are too many, or it is ending.
#[inline]
pub(super) fn own() -> Option<usize> {
    match NUMBER.get() {
        number if number < STRIPES => Some(number),
        NONE => None,
        _ => ask(),
    }
}

#[cold]
fn ask() -> Option<usize> {
    let number = OWN.try_with(|own| own.borrow_mut().get_or_insert_with(Own::take).0).ok().flatten();
    NUMBER.set(number.unwrap_or(NONE));
    number
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};
    use std::thread;

    use super::super::counters::Counters;
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)] // real threads are what it is about
    fn nothing_is_lost_where_more_threads_count_than_there_are_stripes() {
        let counters = Arc::new(Counters::default());
        for _round in 0..3 {
            let all = Arc::new(Barrier::new(STRIPES + 8));
            let threads: Vec<_> = (0..STRIPES + 8)
                .map(|_| {
                    let (counters, all) = (Arc::clone(&counters), Arc::clone(&all));
                    thread::spawn(move || {
                        all.wait();
                        (0..1_000).for_each(|_| counters.hit());
                        all.wait();
                        own()
                    })
                })
                .collect();
            let mut numbers: Vec<usize> =
                threads.into_iter().filter_map(|thread| thread.join().expect("it only counts")).collect();
            let given = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), given, "two threads had one number at a time");
        }
        assert_eq!(counters.hits(), 3 * 1_000 * (STRIPES as u64 + 8));
    }
}
