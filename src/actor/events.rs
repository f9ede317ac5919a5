//! Events on their way from the tiers to those who listen.
//!
//! Owns: who listens to a cache, and what events a turn makes. Never: waits for a listener, or makes an event when there is
//! none.
//!
//! Each listener has a queue of its own: one that is behind costs the others nothing. A tier asks one relaxed number
//! whether anybody listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::event_queue::{EVENTS_MAX, EventQueue};
use super::guard::{drop_guarded, guarded};
use super::throttle::Throttle;
use super::wiring::Wiring;
use crate::engine::entry::ReadEntry;
use crate::engine::flight::Class;
use crate::engine::moment::Moment;
use crate::engine::store::Gone;
use crate::engine::tier::Happened;
use crate::env::{Env, Spawner};
use crate::message::Event;
use crate::telemetry;

/// What a host calls with every event.
pub(crate) type Listener = Box<dyn FnMut(&Event) + Send>;

/// Who listens to one cache.
#[derive(Debug)]
pub(crate) struct EventHub {
    listeners: Arc<AtomicUsize>,
    /// `None` once the cache has ended.
    queues: Mutex<Option<Vec<Arc<Waiting>>>>,
    built: AtomicU64,
}

/// What one listener waits for.
#[derive(Debug)]
struct Waiting {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    queue: EventQueue,
    /// The listener is gone, or the cache: nothing is added any more.
    is_closed: bool,
}

impl EventHub {
    pub(crate) fn new() -> Self {
        let queues = Mutex::new(Some(Vec::new()));
        Self { listeners: Arc::default(), queues, built: AtomicU64::new(0) }
    }

    /// Whether anybody listens. Relaxed: who begins to listen is told what takes place from some turn on.
    pub(crate) fn is_watched(&self) -> bool {
        self.listeners.load(Relaxed) > 0
    }

    /// Tells `events` to those who listen. They are made one by one, and only if there is somebody.
    fn send(&self, events: impl Iterator<Item = Event>) {
        if self.push(events) {
            self.wake();
        }
    }

    /// Adds `events` to the queues of those who listen, who are to be woken: whether there are any.
    fn push(&self, events: impl Iterator<Item = Event>) -> bool {
        if !self.is_watched() {
            return false;
        }
        let queues = self.queues.lock();
        let Some(queues) = &*queues else { return false };
        for event in events {
            self.built.fetch_add(1, Relaxed);
            for waiting in queues {
                let mut state = waiting.state.lock();
                if !state.is_closed {
                    state.queue.push(event.clone());
                }
            }
        }
        true
    }

    /// Wakes those who listen. No lock is held meanwhile: a waker of the host may come back here.
    pub(crate) fn wake(&self) {
        let Some(queues) = self.queues.lock().clone() else { return };
        queues.iter().for_each(|waiting| drop(guarded(|| waiting.changed.notify_one())));
    }

    /// Takes down what took place in a turn of `tier`, which ended at `now` with the number `seq`. Whether there are listeners to
    /// be woken.
    pub(crate) fn turned(
        &self,
        tier: &Arc<str>,
        seq: u64,
        now: Moment,
        gone: &[Gone],
        happened: Vec<(usize, Happened)>,
    ) -> bool {
        !(gone.is_empty() && happened.is_empty()) && self.push(of_turn(tier, seq, now, gone, happened))
    }

    /// Tells that a tier began anew.
    pub(crate) fn restarted(&self, tier: &Arc<str>, count: u64) {
        self.send(std::iter::once_with(|| Event::Restarted { tier: Arc::clone(tier), count }));
    }

    /// Events from now on, of which up to `most` may wait one by one; none when the cache has ended.
    pub(crate) fn subscribe(&self, most: usize) -> Events {
        let mut queues = self.queues.lock();
        let state = State { queue: EventQueue::new(most), is_closed: queues.is_none() };
        let waiting = Arc::new(Waiting { state: Mutex::new(state), changed: Notify::new() });
        if let Some(queues) = &mut *queues {
            queues.retain(|waiting| !waiting.state.lock().is_closed);
            queues.push(Arc::clone(&waiting));
        }
        self.listeners.fetch_add(1, Relaxed);
        Events { waiting, listeners: Arc::clone(&self.listeners) }
    }

    /// The cache has ended: who listens is given what is left, and then `None`.
    pub(crate) fn end(&self) {
        let queues = self.queues.lock().take();
        for waiting in queues.into_iter().flatten() {
            waiting.state.lock().is_closed = true;
            waiting.changed.notify_one();
        }
    }
}

impl Drop for EventHub {
    fn drop(&mut self) {
        self.end();
    }
}

impl Wiring {
    /// Events from now on, see [`Cache::events`](crate::Cache::events).
    pub fn listen(&self) -> Events {
        self.events.subscribe(EVENTS_MAX)
    }

    /// Events that were made so far: for tests of what they cost when nobody listens.
    pub fn events_built(&self) -> u64 {
        self.events.built.load(Relaxed)
    }
}

/// The events of a cache, from [`Cache::events`](crate::Cache::events). Dropped, it costs nothing any more. Does not keep
/// the cache alive.
#[derive(Debug)]
pub struct Events {
    waiting: Arc<Waiting>,
    listeners: Arc<AtomicUsize>,
}

impl Events {
    /// The next event; waits for it. `None` once the cache has ended and all was received. A call that is dropped loses
    /// nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        // A listener that always finds something lets other tasks of its thread have their turn now and then.
        tokio::task::consume_budget().await;
        loop {
            {
                let mut state = self.waiting.state.lock();
                let event = state.queue.pop();
                if event.is_some() || state.is_closed {
                    return event;
                }
            }
            // Keeps a notice that came since the look: this listener is the only one to wait here.
            self.waiting.changed.notified().await;
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Relaxed);
        let mut state = self.waiting.state.lock();
        *state = State { queue: EventQueue::new(0), is_closed: true };
    }
}

/// Calls `listener` with every event of the cache, in a task of its own, until the cache ends.
pub(crate) fn listen(wiring: &Wiring, listener: Listener) {
    // The task holds no wiring: it must not keep the cache alive.
    let own = Some(wiring.spawner.clone());
    let (events, env) = (wiring.listen(), wiring.env.clone());
    let calling = Calling { task: Some(Task { events, env, listener }), own };
    wiring.host.spawn(calling.run());
}

struct Task {
    events: Events,
    env: Env,
    listener: Listener,
}

/// A listener and its task.
struct Calling {
    /// `None` at the end.
    task: Option<Task>,
    /// The runtime of the cache, on which it goes on when that of the host ends first, as those of tests do.
    own: Option<Spawner>,
}

impl Calling {
    async fn run(mut self) {
        let throttle = Throttle::default();
        while let Some(Task { events, env, listener }) = &mut self.task {
            let Some(event) = events.recv().await else { break };
            // What it said is not logged: it may have been about a key.
            if guarded(|| listener(&event)).is_err()
                && let Some(left_out) = throttle.pass(env.now())
            {
                telemetry::listener_panicked(left_out);
            }
        }
        drop_guarded(self.task.take());
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        match self.own.take() {
            Some(own) => own.spawn(Self { task: Some(task), own: None }.run()),
            None => drop_guarded(task),
        }
    }
}

/// The events of one turn of `tier`, in their order: entries that left, and between them what else took place.
fn of_turn<'a>(
    tier: &'a Arc<str>,
    seq: u64,
    now: Moment,
    gone: &'a [Gone],
    happened: Vec<(usize, Happened)>,
) -> impl Iterator<Item = Event> + 'a {
    let mut happened = happened.into_iter().peekable();
    let mut left = gone.iter().enumerate().peekable();
    std::iter::from_fn(move || {
        let before = left.peek().map_or(usize::MAX, |(place, _)| *place);
        if let Some((_, what)) = happened.next_if(|(place, _)| *place <= before) {
            return Some(told(tier, what));
        }
        left.next().map(|(_, gone)| removed(tier, seq, now, gone))
    })
}

fn removed(tier: &Arc<str>, seq: u64, now: Moment, Gone { entry, cause, .. }: &Gone) -> Event {
    Event::Removed {
        key: entry.to_key(),
        tier: Arc::clone(tier),
        cause: *cause,
        age: now.since(entry.life().stored),
        size: entry.weight(),
        hits: entry.hits(),
        seq,
    }
}

fn told(tier: &Arc<str>, what: Happened) -> Event {
    let tier = Arc::clone(tier);
    match what {
        Happened::Loaded { key, class: Class::Refresh, took, not_stored: None, .. } => {
            Event::Refreshed { key, tier, took }
        }
        Happened::Loaded { key, took, found, not_stored, .. } => {
            Event::Loaded { key, tier, took, found, not_stored }
        }
        Happened::LoadFailed { key, kind } => Event::LoadFailed { key, tier, kind },
        Happened::Cleared { entries, bytes } => Event::Cleared { tier, count: entries, bytes },
    }
}
