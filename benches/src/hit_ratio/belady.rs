//! The best that can be: what is asked for last goes first, and what is not worth keeping does not come in.
//!
//! Owns: the knowledge of the future. Source: Belady, 1966; for entries of one size only.

use std::collections::BTreeSet;

use super::{Replay, Trace};

/// Never asked for again.
const NEVER: u32 = u32::MAX;

pub(super) struct Belady {
    /// For each access, when its key is asked for next.
    next: Vec<u32>,
    now: usize,
    /// For each key that is held, when it is asked for next.
    due: Vec<Option<u32>>,
    held: BTreeSet<(u32, u32)>,
    capacity: usize,
}

impl Belady {
    pub(super) fn new(trace: &Trace, capacity: u64) -> Self {
        let keys = trace.total() as usize;
        let mut last = vec![NEVER; keys];
        let mut next = vec![NEVER; trace.accesses().len()];
        for (place, &id) in trace.accesses().iter().enumerate().rev() {
            next[place] = last[id as usize];
            last[id as usize] = place as u32;
        }
        Self { next, now: 0, due: vec![None; keys], held: BTreeSet::new(), capacity: capacity as usize }
    }
}

impl Replay for Belady {
    fn access(&mut self, id: u32) -> bool {
        let next = self.next[self.now];
        self.now += 1;
        let before = self.due[id as usize].take();
        if let Some(due) = before {
            self.held.remove(&(due, id));
        }
        if next != NEVER {
            self.due[id as usize] = Some(next);
            self.held.insert((next, id));
        }
        if self.held.len() > self.capacity
            && let Some((_, out)) = self.held.pop_last()
        {
            self.due[out as usize] = None;
        }
        before.is_some()
    }
}
