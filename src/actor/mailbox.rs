//! A mailbox whose messages are carried out where their sender stands.
//!
//! Each tier has one: a queue of envelopes, and the worker behind a lock. A sender tries the lock. If the
//! worker is idle, the sender runs the turn itself, at once. Otherwise its envelope waits in the queue, and
//! whoever holds the lock carries it out, or hands the queue over to the tier's actor with one wake-up.
//!
//! Invariants:
//! - One turn at a time, in the order in which envelopes were sent. An envelope that is carried out in parts
//!   stands in front of the queue until it is done.
//! - While an envelope waits, somebody is going to look at the queue: the holder of the lock after it lets
//!   go, or the actor, which was woken or is about to start.
//!
//! Never: waits for the lock, or calls what belongs to the host inside it. Values to drop, tasks to wake and
//! loads to start are what a turn leaves as its effects, for after the lock.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;

#[cfg(feature = "fault-injection")]
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard, thread_local};

/// Envelopes that an empty queue keeps room for at most.
const SPARE: usize = 1_024;
/// Envelopes that a sender carries out at most, its own included, before it hands over.
const ENVELOPES: usize = 32;
/// How often a sender tries the lock before it leaves its envelope to another thread. That takes a few
/// microseconds, as a turn or two do; to be woken by another thread takes ten times as long.
const TRIES: usize = if cfg!(all(test, shuttle)) { 1 } else { 200 };
/// Entries that one turn changes at most.
pub(crate) const CHANGES: usize = crate::engine::slice::CHANGES;

/// What carries out the envelopes of a mailbox.
pub(crate) trait Worker: Sized {
    /// What a turn needs besides the worker.
    type Context<'c>: Copy;
    /// A message.
    type Envelope;
    /// What turns leave to be done after the lock.
    type Effects: Default;

    /// Carries out `envelope`, or as much of it as there is `room` for, and returns the rest.
    fn work(
        &mut self,
        context: Self::Context<'_>,
        envelope: Self::Envelope,
        room: &mut Room,
        effects: &mut Self::Effects,
    ) -> Option<Self::Envelope>;

    /// Does a part of what has no place in the order of envelopes. `true`: something of that is left.
    fn work_in_background(&mut self, context: Self::Context<'_>, effects: &mut Self::Effects) -> bool;

    /// Does what turns left to be done. Called without the lock.
    fn perform(context: Self::Context<'_>, effects: Self::Effects);

    /// Wakes the actor, which will call [`Mailbox::work_as_actor`].
    fn wake_actor(context: Self::Context<'_>);
}

/// How much may still be done before others have their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) envelopes: usize,
    /// Entries that may be changed.
    pub(crate) changes: usize,
}

impl Room {
    /// That of a call. Its own entries may be more than one turn changes: it lets go of the lock in between.
    pub(crate) const CALL: Self = Self { envelopes: ENVELOPES, changes: CHANGES };
    /// That of a call that changes many entries itself.
    pub(crate) const BULK: Self = Self { envelopes: ENVELOPES, changes: 16 * CHANGES };
    /// That of a part of the actor's work.
    const SLICE: Self = Self { envelopes: usize::MAX, changes: CHANGES };

    fn is_left(self) -> bool {
        self.envelopes > 0 && self.changes > 0
    }

    /// Counts entries that were changed.
    pub(crate) fn spend(&mut self, changes: usize) {
        self.changes = self.changes.saturating_sub(changes);
    }
}

/// What became of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent<R, Q> {
    /// Its turn ran at once, with this answer.
    Ran(R),
    /// It waits in the queue.
    Queued(Q),
    /// The mailbox is closed.
    Closed,
}

/// See the module.
pub(crate) struct Mailbox<W: Worker> {
    queue: Mutex<Queue<W::Envelope>>,
    held: Mutex<Held<W>>,
    /// As if somebody held the lock.
    #[cfg(feature = "fault-injection")]
    seems_held: AtomicBool,
}

/// What only the holder of the lock touches.
struct Held<W: Worker> {
    worker: W,
    /// The rest of an envelope that is carried out in parts.
    unfinished: Option<W::Envelope>,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is set and asked by itself
struct Queue<E> {
    envelopes: VecDeque<E>,
    /// The actor was woken to empty the queue; until it has, senders only add to it.
    is_handed_over: bool,
    /// The actor found the lock taken: whoever lets it go wakes the actor.
    actor_waits: bool,
    is_closed: bool,
    /// A test stands in for the worker: envelopes wait until the test takes them, and each of them wakes the
    /// actor.
    has_stand_in: bool,
}

impl<W: Worker> fmt::Debug for Mailbox<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

/// What a look at the queue after the lock was let go has found.
enum Left {
    /// Nothing, or the actor sees to it.
    Nothing,
    /// Envelopes that the same thread may carry out.
    Envelopes,
    /// Work for the actor, which is to be woken.
    ForActor,
}

thread_local! {
    /// This thread runs a turn, or the effects of one.
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Marks the thread as busy with a turn, until it is dropped.
struct Busy {
    was_busy: bool,
}

impl Busy {
    fn begin() -> Self {
        Self { was_busy: IS_BUSY.with(|busy| busy.replace(true)) }
    }

    /// Whether this thread must not begin a turn: it is in the middle of one, or of what a turn left to be
    /// done, or unwinds.
    fn is_here() -> bool {
        // A thread that ends has no such variable any more.
        IS_BUSY.try_with(Cell::get).unwrap_or(true) || std::thread::panicking()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        IS_BUSY.with(|busy| busy.set(self.was_busy));
    }
}

impl<W: Worker> Mailbox<W> {
    pub(crate) fn new(worker: W) -> Self {
        let queue = Queue {
            envelopes: VecDeque::new(),
            is_handed_over: false,
            actor_waits: false,
            is_closed: false,
            has_stand_in: false,
        };
        Self {
            queue: Mutex::new(queue),
            held: Mutex::new(Held { worker, unfinished: None }),
            #[cfg(feature = "fault-injection")]
            seems_held: AtomicBool::new(false),
        }
    }

    fn try_hold(&self) -> Option<MutexGuard<'_, Held<W>>> {
        #[cfg(feature = "fault-injection")]
        if self.seems_held.load(Ordering::Relaxed) {
            return None;
        }
        self.held.try_lock()
    }

    fn try_hold_soon(&self) -> Option<MutexGuard<'_, Held<W>>> {
        for _ in 1..TRIES {
            if let Some(held) = self.try_hold() {
                return Some(held);
            }
            std::hint::spin_loop();
        }
        self.try_hold()
    }

    /// From now on the lock seems to be held, or seems to be let go.
    #[cfg(feature = "fault-injection")]
    pub(crate) fn seem_held(&self, context: W::Context<'_>, seems_held: bool) {
        self.seems_held.store(seems_held, Ordering::Relaxed);
        if !seems_held {
            // As every holder.
            let left = self.look(false, true);
            self.finish(context, left, &mut { Room::CALL }, W::Effects::default());
        }
    }

    /// Has `run` do `call` at once if the worker is idle. Otherwise `enqueue` makes an envelope of it, which
    /// is queued, and this thread helps to empty the queue if nobody else does.
    ///
    /// Errors: those of `enqueue`; then nothing is queued.
    pub(crate) fn send<C, R, Q, E>(
        &self,
        context: W::Context<'_>,
        call: C,
        run: impl FnOnce(&mut W, C, &mut W::Effects) -> R,
        enqueue: impl FnOnce(C) -> Result<(W::Envelope, Q), E>,
    ) -> Result<Sent<R, Q>, E> {
        if !Busy::is_here()
            && let Some(mut held) = self.try_hold_soon()
        {
            // Read under the lock: a holder that took envelopes out makes the queue look empty before they
            // are carried out.
            let (is_idle, is_closed) = {
                let queue = self.queue.lock();
                (queue.envelopes.is_empty() && !queue.is_handed_over, queue.is_closed)
            };
            if is_closed {
                return Ok(Sent::Closed);
            }
            if is_idle && held.unfinished.is_none() {
                let mut effects = W::Effects::default();
                let busy = Busy::begin();
                let answer = run(&mut held.worker, call, &mut effects);
                drop(held);
                let left = self.look(false, true);
                let mut room = Room { envelopes: ENVELOPES - 1, changes: CHANGES - 1 };
                self.finish(context, left, &mut room, effects);
                drop(busy);
                return Ok(Sent::Ran(answer));
            }
            drop(held);
            // As every holder: the actor may have found the lock taken just now.
            if matches!(self.look(false, true), Left::ForActor) {
                W::wake_actor(context);
            }
        }
        let (envelope, answer) = match enqueue(call) {
            Ok(queued) => queued,
            Err(error) => {
                // An envelope may have come while this thread held the lock.
                self.help(context, &mut { Room::CALL });
                return Err(error);
            }
        };
        Ok(if self.deliver(context, envelope, Room::CALL) { Sent::Queued(answer) } else { Sent::Closed })
    }

    /// Puts `envelope` behind those that were sent before, and carries it out, and others as far as there is
    /// `room`, if nobody else does. Returns `false`, and drops it, if the mailbox is closed.
    pub(crate) fn deliver(&self, context: W::Context<'_>, envelope: W::Envelope, mut room: Room) -> bool {
        let is_open = self.push(context, envelope);
        if is_open {
            self.help(context, &mut room);
        }
        is_open
    }

    /// Leaves `envelope` to the actor, behind those that were sent before: for a `Drop`, which may run
    /// anywhere.
    pub(crate) fn leave(&self, context: W::Context<'_>, envelope: W::Envelope) {
        self.push_for(context, envelope, true);
    }

    /// Puts `envelope` behind those that were sent before. `false`: the mailbox is closed.
    ///
    /// The caller has to call [`Mailbox::help`] next.
    pub(crate) fn push(&self, context: W::Context<'_>, envelope: W::Envelope) -> bool {
        // A thread that must not take the lock leaves it to the actor: perhaps nobody else comes.
        self.push_for(context, envelope, Busy::is_here())
    }

    fn push_for(&self, context: W::Context<'_>, envelope: W::Envelope, for_actor: bool) -> bool {
        let wakes = {
            let mut queue = self.queue.lock();
            if queue.is_closed {
                drop(queue);
                drop(envelope);
                return false;
            }
            queue.envelopes.push_back(envelope);
            let hands_over = for_actor && !std::mem::replace(&mut queue.is_handed_over, true);
            hands_over || queue.has_stand_in
        };
        if wakes {
            W::wake_actor(context);
        }
        true
    }

    /// Carries out what is queued, as far as there is `room`, unless somebody else does.
    ///
    /// Race: (1) the holder of the lock finds the queue empty; (2) a sender adds to it; (3) it finds the lock
    /// taken, and leaves; (4) the holder lets go. So the holder looks at the queue once more after (4), in
    /// [`Mailbox::look`]. If that look comes before (2), the lock is free by (3), for the queue's own lock
    /// puts one of the two in front.
    pub(crate) fn help(&self, context: W::Context<'_>, room: &mut Room) {
        if Busy::is_here() || self.queue.lock().is_handed_over {
            return;
        }
        let busy = Busy::begin();
        self.finish(context, Left::Envelopes, room, W::Effects::default());
        drop(busy);
    }

    /// Carries out what is `left`, or wakes the actor for it; then does what all turns left to be done.
    fn finish(&self, context: W::Context<'_>, mut left: Left, room: &mut Room, mut effects: W::Effects) {
        while matches!(left, Left::Envelopes) {
            // Whoever holds it looks at the queue afterwards.
            let Some(held) = self.try_hold_soon() else { break };
            let mut part = Room { changes: room.changes.min(CHANGES), ..*room };
            room.changes -= part.changes;
            let has_rest = self.carry_out(context, held, &mut part, &mut effects);
            *room = Room { envelopes: part.envelopes, changes: room.changes + part.changes };
            left = self.look(has_rest, room.is_left());
        }
        if matches!(left, Left::ForActor) {
            W::wake_actor(context);
        }
        W::perform(context, effects);
    }

    /// Carries out envelopes while there is room, and lets go of the lock. Returns whether the rest of one is
    /// left.
    fn carry_out(
        &self,
        context: W::Context<'_>,
        mut held: MutexGuard<'_, Held<W>>,
        room: &mut Room,
        effects: &mut W::Effects,
    ) -> bool {
        while room.is_left() {
            let next = held.unfinished.take().or_else(|| self.queue.lock().pop());
            let Some(envelope) = next else { break };
            room.envelopes -= 1;
            held.unfinished = held.worker.work(context, envelope, room, effects);
        }
        held.unfinished.is_some()
    }

    /// Looks at the queue after the lock was let go.
    fn look(&self, has_rest: bool, may_help: bool) -> Left {
        let mut queue = self.queue.lock();
        let actor_waits = std::mem::take(&mut queue.actor_waits);
        if actor_waits {
            return Left::ForActor;
        }
        if queue.is_handed_over || !has_rest && queue.envelopes.is_empty() {
            return Left::Nothing;
        }
        if may_help {
            return Left::Envelopes;
        }
        queue.is_handed_over = true;
        Left::ForActor
    }

    /// Carries out a part of what is left to be done. `true`: there is more, so the actor is to call this
    /// again, after everything else on its thread had its turn.
    pub(crate) fn work_as_actor(&self, context: W::Context<'_>) -> bool {
        let Some(mut held) = self.hold_or_be_woken() else { return false };
        let mut effects = W::Effects::default();
        let busy = Busy::begin();
        let in_background = held.worker.work_in_background(context, &mut effects);
        let has_rest = self.carry_out(context, held, &mut { Room::SLICE }, &mut effects);
        let has_more = {
            let mut queue = self.queue.lock();
            let has_more = has_rest || !queue.envelopes.is_empty();
            // From here on senders carry out their own again. What one adds after this look it sees to
            // itself: the lock is free.
            queue.is_handed_over = has_more;
            has_more
        };
        W::perform(context, effects);
        drop(busy);
        has_more || in_background
    }

    /// The lock for the actor, which never waits for it: it is woken by whoever lets go.
    fn hold_or_be_woken(&self) -> Option<MutexGuard<'_, Held<W>>> {
        if let Some(held) = self.try_hold() {
            return Some(held);
        }
        self.queue.lock().actor_waits = true;
        // The holder may have let go and looked before that was written.
        let held = self.try_hold()?;
        self.queue.lock().actor_waits = false;
        Some(held)
    }

    /// The actor has died: until another starts, senders carry out their own.
    pub(crate) fn end_hand_over(&self) {
        self.queue.lock().is_handed_over = false;
    }

    /// Has envelopes wait for [`Mailbox::take_envelopes`], or has them carried out again: for tests.
    pub(crate) fn stand_in(&self, has_stand_in: bool) {
        let mut queue = self.queue.lock();
        (queue.has_stand_in, queue.is_handed_over) = (has_stand_in, has_stand_in);
    }

    /// Takes out all that waits: for tests that stand in for the worker.
    pub(crate) fn take_envelopes(&self) -> Vec<W::Envelope> {
        self.queue.lock().envelopes.drain(..).collect()
    }

    /// Refuses every envelope from now on. Returns those that wait, to be dropped by the caller, and what
    /// `close` makes of the worker.
    pub(crate) fn close<R>(
        &self,
        close: impl FnOnce(&mut W) -> R,
    ) -> (VecDeque<W::Envelope>, Option<W::Envelope>, R) {
        // Waits for a turn under way: none comes after it.
        let envelopes = {
            let mut queue = self.queue.lock();
            queue.is_closed = true;
            std::mem::take(&mut queue.envelopes)
        };
        let mut held = self.held.lock();
        let unfinished = held.unfinished.take();
        let closed = close(&mut held.worker);
        drop(held);
        (envelopes, unfinished, closed)
    }
}

impl<E> Queue<E> {
    fn pop(&mut self) -> Option<E> {
        let envelope = self.envelopes.pop_front();
        if self.envelopes.is_empty() && self.envelopes.capacity() > SPARE {
            self.envelopes = VecDeque::new(); // the room that a burst took
        }
        envelope
    }
}
