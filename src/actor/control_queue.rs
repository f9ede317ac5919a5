//! What the supervisor was asked and has not handled yet.
//!
//! Owns: the order of these requests. It belongs to what all actors share, and outlives a supervisor: one
//! that dies over a request loses no other. Never: refuses; a permit was taken before, and permits bound it.

use std::collections::VecDeque;

use super::request::ControlRequest;
use crate::sync::Mutex;

#[derive(Debug, Default)]
pub(crate) struct ControlQueue(Mutex<Requests>);

#[derive(Debug, Default)]
struct Requests {
    waiting: VecDeque<ControlRequest>,
    /// A wake-up is on its way to the supervisor.
    is_woken: bool,
}

impl ControlQueue {
    /// Puts `request` behind all that came before. `true`: the caller has to wake the supervisor.
    pub(crate) fn push(&self, request: ControlRequest) -> bool {
        let mut requests = self.0.lock();
        requests.waiting.push_back(request);
        !std::mem::replace(&mut requests.is_woken, true)
    }

    /// The next request. `None`: there is none, and the next one that comes wakes the supervisor.
    pub(crate) fn pop(&self) -> Option<ControlRequest> {
        let mut requests = self.0.lock();
        let next = requests.waiting.pop_front();
        if next.is_none() {
            *requests = Requests::default(); // with the room that a burst took
        }
        next
    }
}
