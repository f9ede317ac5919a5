//! Events on their way from the tiers to those who listen.
//!
//! Owns: the one channel of a cache, who listens, and what events a turn makes. Never: waits for a listener, or makes an
//! event when there is none.
//!
//! The channel is made for the first listener. A tier asks one relaxed number whether anybody listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;
use tokio::sync::broadcast::{self, error::RecvError};

use super::guard::guarded;
use super::throttle::Throttle;
use super::wiring::Wiring;
use crate::engine::entry::ReadEntry;
use crate::engine::flight::Class;
use crate::engine::moment::Moment;
use crate::engine::store::Gone;
use crate::engine::tier::Happened;
use crate::env::Env;
use crate::message::Event;
use crate::telemetry;

/// Events that a listener may be behind.
pub(crate) const EVENTS_MAX: usize = 1_024;

/// What a host calls with every event.
pub(crate) type Listener = Box<dyn FnMut(&Event) + Send>;

/// Who listens to one cache.
#[derive(Debug, Default)]
pub(crate) struct EventHub {
    listeners: Arc<AtomicUsize>,
    channel: Mutex<Channel>,
    built: AtomicU64,
}

#[derive(Debug, Default)]
enum Channel {
    /// Nobody ever listened.
    #[default]
    Unused,
    Open(broadcast::Sender<Event>),
    /// The cache has ended.
    Ended,
}

impl EventHub {
    /// Whether anybody listens. Relaxed: who begins to listen is told what takes place from some turn on.
    pub(crate) fn is_watched(&self) -> bool {
        self.listeners.load(Relaxed) > 0
    }

    /// Tells `events` to those who listen. They are made one by one, and only if there is somebody.
    pub(crate) fn send(&self, events: impl Iterator<Item = Event>) {
        if !self.is_watched() {
            return;
        }
        // The lock is not held while receivers are woken: a waker of the host may come back here.
        let sender = match &*self.channel.lock() {
            Channel::Open(sender) => sender.clone(),
            Channel::Unused | Channel::Ended => return,
        };
        for event in events {
            self.built.fetch_add(1, Relaxed);
            // Refused when the last has just gone, and then nobody misses it.
            let _ = sender.send(event);
        }
    }

    /// Tells what took place in a turn of `tier`, which ended at `now` with the number `seq`.
    pub(crate) fn turned(
        &self,
        tier: &Arc<str>,
        seq: u64,
        now: Moment,
        gone: &[Gone],
        happened: Vec<(usize, Happened)>,
    ) {
        if !(gone.is_empty() && happened.is_empty()) {
            self.send(of_turn(tier, seq, now, gone, happened));
        }
    }

    /// Tells that a tier began anew.
    pub(crate) fn restarted(&self, tier: &Arc<str>, count: u64) {
        self.send(std::iter::once_with(|| Event::Restarted { tier: Arc::clone(tier), count }));
    }

    /// Events from now on; none when the cache has ended.
    pub(crate) fn subscribe(&self) -> Events {
        let mut channel = self.channel.lock();
        let receiver = match &*channel {
            Channel::Open(sender) => sender.subscribe(),
            Channel::Ended => broadcast::channel(1).1,
            Channel::Unused => {
                let (sender, receiver) = broadcast::channel(EVENTS_MAX);
                *channel = Channel::Open(sender);
                receiver
            }
        };
        self.listeners.fetch_add(1, Relaxed);
        Events { receiver, listeners: Arc::clone(&self.listeners) }
    }

    /// The cache has ended: who listens is given what is left, and then `None`.
    pub(crate) fn end(&self) {
        let channel = std::mem::replace(&mut *self.channel.lock(), Channel::Ended);
        drop(channel);
    }
}

impl Wiring {
    /// Events from now on, see [`Cache::events`](crate::Cache::events).
    pub fn listen(&self) -> Events {
        self.events.subscribe()
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
    receiver: broadcast::Receiver<Event>,
    listeners: Arc<AtomicUsize>,
}

impl Events {
    /// The next event; waits for it. `None` once the cache has ended and all was received. A call that is dropped loses
    /// nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(lost)) => Some(Event::Missed(lost)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Relaxed);
    }
}

/// Calls `listener` with every event of the cache, in a task of its own, until the cache ends.
pub(crate) fn listen(wiring: &Wiring, listener: Listener) {
    // The task holds no wiring: it must not keep the cache alive.
    let (events, env) = (wiring.listen(), wiring.env.clone());
    wiring.host.spawn(call(events, env, listener));
}

async fn call(mut events: Events, env: Env, mut listener: Listener) {
    let throttle = Throttle::default();
    while let Some(event) = events.recv().await {
        // What it said is not logged: it may have been about a key.
        if guarded(|| listener(&event)).is_err()
            && let Some(left_out) = throttle.pass(env.now())
        {
            telemetry::listener_panicked(left_out);
        }
    }
    super::guard::drop_guarded(listener);
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
