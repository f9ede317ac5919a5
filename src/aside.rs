//! What must not happen within a turn: to drop what belongs to the host, or to wake its tasks. It is put
//! aside until the turn is over.
//!
//! Owns: what was put aside on this thread. Never: runs any of it; who ran the turn does, outside of the
//! tier's lock.

use std::cell::RefCell;

/// Something to be done after a turn.
pub(crate) type Later = Box<dyn FnOnce() + Send>;

thread_local! {
    /// What was put aside in the turn that this thread runs; `None` outside of turns.
    static ASIDE: RefCell<Option<Vec<Later>>> = const { RefCell::new(None) };
}

/// Runs `turn`; also returns what was put aside meanwhile, in order.
pub(crate) fn within_turn<R>(turn: impl FnOnce() -> R) -> (R, Vec<Later>) {
    ASIDE.with_borrow_mut(|aside| *aside = Some(Vec::new()));
    let done = turn();
    (done, ASIDE.with_borrow_mut(Option::take).unwrap_or_default())
}

/// Does `later` after the turn that this thread runs, and at once if it runs none.
pub(crate) fn after_turn(later: impl FnOnce() + Send + 'static) {
    let mut later = Some(later);
    // Where the thread is ending nothing can be put aside, and no turn runs.
    let _ = ASIDE.try_with(|aside| {
        if let Ok(mut aside) = aside.try_borrow_mut()
            && let Some(aside) = &mut *aside
            && let Some(later) = later.take()
        {
            aside.push(Box::new(later));
        }
    });
    if let Some(later) = later {
        later();
    }
}
