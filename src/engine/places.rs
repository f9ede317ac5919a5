//! The places of a tier: how many loaders may run at the same time, whoever runs them.
//!
//! Owns: how many places are taken, and who waits for one: the tier, which queues its loads itself, and callers that run
//! their loaders themselves because the tier cannot serve them. Never: knows what is loaded.
//!
//! Invariant: while a place is free, no caller waits, except until a tier that was told of a free place has answered.

use std::collections::VecDeque;
use std::fmt;

use parking_lot::Mutex;

/// Hands a place to a caller that waits; `false` when that caller is gone.
pub type Grant = Box<dyn FnOnce() -> bool + Send>;

/// See the module.
pub struct Places {
    max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// Callers that wait, the first in front.
    callers: VecDeque<Grant>,
    /// The tier has loads that wait for a place.
    tier_waits: bool,
    /// A caller was given the last place that came free, so the tier is next.
    is_tiers_turn: bool,
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("max", &self.max).field("taken", &self.taken()).finish_non_exhaustive()
    }
}

impl Places {
    /// So many places, all free.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, state: Mutex::default() }
    }

    /// How many are taken; more than there are while loaders wait for loaders.
    pub fn taken(&self) -> usize {
        self.state.lock().taken
    }

    /// Takes a place for the tier; `false`: there is none, and the tier is told when one comes free.
    pub(super) fn try_take(&self) -> bool {
        let mut state = self.state.lock();
        let is_free = state.taken < self.max;
        if is_free {
            state.taken += 1;
        } else {
            state.tier_waits = true;
        }
        is_free
    }

    /// Counts a load that needs no place: the load that waits for it holds one.
    pub(super) fn take_one_more(&self) {
        self.state.lock().taken += 1;
    }

    /// Has `grant` called once there is a place for a caller, which may be at once.
    pub fn wait(&self, grant: Grant) {
        self.state.lock().callers.push_back(grant);
        self.serve_callers();
    }

    /// Gives a place back. Where both wait, the tier and the callers take turns. Returns whether the tier must be told that
    /// a place is free.
    pub fn give_back(&self) -> bool {
        let tells_tier = {
            let mut state = self.state.lock();
            state.taken = state.taken.saturating_sub(1);
            let is_free = state.taken < self.max;
            let tier_is_next = state.is_tiers_turn || state.callers.is_empty();
            if is_free && state.tier_waits && tier_is_next {
                (state.tier_waits, state.is_tiers_turn) = (false, false);
                true
            } else {
                false
            }
        };
        if tells_tier {
            return true;
        }
        self.serve_callers();
        // The callers that were next may all be gone: then the place is still free, and the tier is told of it.
        let mut state = self.state.lock();
        let is_left = state.taken < self.max && state.callers.is_empty();
        is_left && std::mem::take(&mut state.tier_waits)
    }

    /// Hands free places to the callers that wait. Called whenever the tier was told of a free place and may not have taken
    /// it. Order that bites without it: 1 a place comes free and the tier is told 2 its load was answered meanwhile 3 the
    /// place stays free, and callers wait for it
    pub fn serve_callers(&self) {
        loop {
            let grant = {
                let mut state = self.state.lock();
                if state.taken >= self.max {
                    return;
                }
                let Some(grant) = state.callers.pop_front() else { return };
                state.taken += 1;
                state.is_tiers_turn = true;
                grant
            };
            // Outside of the lock: it wakes a task, and a caller that is gone gives its place back.
            if !grant() {
                self.state.lock().taken -= 1;
            }
        }
    }

    /// The tier has ended, and takes no place that it was told of.
    pub fn end_tier(&self) {
        self.state.lock().tier_waits = false;
        self.serve_callers();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    fn caller(places: &Places, served: &Arc<AtomicUsize>, is_there: bool) {
        let served = Arc::clone(served);
        places.wait(Box::new(move || {
            served.fetch_add(usize::from(is_there), Relaxed);
            is_there
        }));
    }

    #[test]
    fn the_tier_and_callers_take_turns_and_no_place_is_lost() {
        let (places, served) = (Places::new(1), Arc::default());
        assert!(places.try_take() && !places.try_take());
        for is_there in [true, false, true] {
            caller(&places, &served, is_there);
        }
        assert!(!places.give_back(), "the first caller is next");
        assert_eq!((served.load(Relaxed), places.taken()), (1, 1));
        assert!(places.give_back(), "then the tier is");
        assert_eq!((served.load(Relaxed), places.taken()), (1, 0));
        places.serve_callers();
        assert_eq!((served.load(Relaxed), places.taken()), (2, 1), "the tier needed it no more");
        assert!(!places.try_take());
        assert!(places.give_back() && places.try_take());
    }

    #[test]
    fn a_place_that_no_caller_takes_any_more_is_for_the_tier() {
        let (places, served) = (Places::new(1), Arc::default());
        assert!(places.try_take() && !places.try_take());
        caller(&places, &served, false);
        caller(&places, &served, false);
        assert!(places.give_back(), "both callers are gone, and the tier waits");
        assert!(places.try_take());
        assert!(!places.give_back(), "the tier does not wait any more");
    }

    #[test]
    fn a_nested_load_needs_no_place_and_leaves_none_to_others() {
        let places = Places::new(1);
        assert!(places.try_take());
        places.take_one_more();
        assert!(!places.give_back() && !places.try_take(), "the outer load holds the only place");
        assert!(places.give_back() && places.try_take());
    }

    #[test]
    fn callers_are_served_when_the_tier_ends() {
        let (places, served) = (Places::new(1), Arc::default());
        assert!(places.try_take() && !places.try_take());
        caller(&places, &served, true);
        caller(&places, &served, true);
        assert!(!places.give_back() && places.give_back());
        places.end_tier();
        assert_eq!((served.load(Relaxed), places.taken()), (2, 1));
    }
}
