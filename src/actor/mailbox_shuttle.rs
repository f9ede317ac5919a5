//! The mailbox under every order of its steps: nothing waits for ever, no two turns at once, nothing
//! overtakes.
//!
//! Owns: a worker that writes down what it is sent, and an actor cut down to its wake-ups. Never: judges what
//! a tier does in a turn.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use shuttle::sync::mpsc::{Sender, channel};
use shuttle::thread;

use super::mailbox::{Mailbox, Room, Sent, Worker};
use crate::sync::{Mutex, each_schedule};

const SENDERS: u64 = 3;
const CALLS: u64 = 2;
/// Of a call that is carried out in so many parts.
const PARTS: u64 = 3;

/// What all threads of a model share.
struct Shared {
    mailbox: Mailbox<Writer>,
    /// Wakes the actor.
    wakes: Mutex<Sender<()>>,
    in_turn: AtomicBool,
    /// Calls that were carried out, and whose effects were performed.
    performed: AtomicU64,
}

/// Writes down the calls that it carries out.
#[derive(Default)]
struct Writer {
    done: Vec<u64>,
    /// Parts of long work that has no place in the order.
    background: u64,
}

/// A call, and how many parts of it are left.
struct Call {
    number: u64,
    parts: u64,
}

impl Writer {
    fn carry_out(&mut self, shared: &Shared, call: Call, effects: &mut u64) -> Option<Call> {
        assert!(!shared.in_turn.swap(true, SeqCst), "two turns at once");
        let rest = (call.parts > 1).then(|| Call { parts: call.parts - 1, ..call });
        if rest.is_none() {
            self.done.push(call.number);
            *effects += 1;
        }
        shared.in_turn.store(false, SeqCst);
        rest
    }
}

impl Worker for Writer {
    type Context<'c> = &'c Shared;
    type Envelope = Call;
    type Effects = u64;

    fn work(&mut self, shared: &Shared, call: Call, room: &mut Room, effects: &mut u64) -> Option<Call> {
        room.spend(1);
        self.carry_out(shared, call, effects)
    }

    fn work_in_background(&mut self, _: &Shared, _: &mut u64) -> bool {
        self.background = self.background.saturating_sub(1);
        self.background > 0
    }

    fn perform(shared: &Shared, effects: u64) {
        shared.performed.fetch_add(effects, SeqCst);
    }

    fn wake_actor(shared: &Shared) {
        // The model has ended when nobody listens any more.
        let _ = shared.wakes.lock().send(());
    }
}

/// How the senders of a model call.
#[derive(Clone, Copy)]
enum Kind {
    /// Each call is done at once where that is possible.
    AtOnce,
    /// Calls in several parts, with room for few of them.
    InParts,
    /// Left to the actor, as by a `Drop`.
    Left,
}

fn call(shared: &Shared, kind: Kind, number: u64) {
    match kind {
        Kind::AtOnce => {
            let run = |writer: &mut Writer, number, effects: &mut u64| {
                let rest = writer.carry_out(shared, Call { number, parts: 1 }, effects);
                assert!(rest.is_none());
            };
            let enqueue = |number| Ok::<_, ()>((Call { number, parts: 1 }, ()));
            let sent = shared.mailbox.send(shared, number, run, enqueue);
            assert_ne!(sent, Ok(Sent::Closed));
        }
        Kind::InParts => {
            let room = Room { envelopes: 2, changes: 2 };
            assert!(shared.mailbox.deliver(shared, Call { number, parts: PARTS }, room));
        }
        Kind::Left => shared.mailbox.leave(shared, Call { number, parts: 1 }),
    }
}

/// Senders of these kinds, and an actor that works only when it is woken: a wake-up that is lost leaves the
/// model waiting for ever, which the scheduler finds. `deaths`: the first actor dies with its first wake-up.
fn model(kinds: [Kind; SENDERS as usize], deaths: bool) {
    let (wakes, woken) = channel();
    let shared = Arc::new(Shared {
        mailbox: Mailbox::new(Writer::default()),
        wakes: Mutex::new(wakes),
        in_turn: AtomicBool::new(false),
        performed: AtomicU64::new(0),
    });
    let senders: Vec<_> = (0..SENDERS)
        .zip(kinds)
        .map(|(sender, kind)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || (0..CALLS).for_each(|n| call(&shared, kind, sender * 10 + n)))
        })
        .collect();
    let actor = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            let mut dies = deaths;
            while shared.performed.load(SeqCst) < SENDERS * CALLS && woken.recv().is_ok() {
                if std::mem::take(&mut dies) {
                    // It died with the wake-up; another looks at once.
                    shared.mailbox.end_hand_over();
                }
                while shared.mailbox.work_as_actor(&shared) {
                    thread::yield_now();
                }
            }
        })
    };
    senders.into_iter().for_each(|sender| sender.join().expect("no sender panics"));
    // All is done, or the actor was woken for what is left.
    while shared.performed.load(SeqCst) < SENDERS * CALLS {
        thread::yield_now();
    }
    Writer::wake_actor(&shared); // to see that it is over
    actor.join().expect("the actor does not panic");
    let (left, unfinished, done) = shared.mailbox.close(|writer| std::mem::take(&mut writer.done));
    assert!(left.is_empty() && unfinished.is_none(), "a call is left");
    for sender in 0..SENDERS {
        let own: Vec<_> = done.iter().filter(|&&number| number / 10 == sender).collect();
        assert!(own.is_sorted() && own.len() == CALLS as usize, "{done:?}");
    }
}

#[test]
fn calls_that_run_at_once_or_wait_are_each_carried_out_once_and_in_order() {
    each_schedule(|| model([Kind::AtOnce; 3], false));
}

#[test]
fn what_is_carried_out_in_parts_is_overtaken_by_nothing_and_handed_over_with_one_wake_up() {
    each_schedule(|| model([Kind::InParts, Kind::AtOnce, Kind::InParts], false));
}

#[test]
fn what_is_left_to_the_actor_wakes_it() {
    each_schedule(|| model([Kind::Left, Kind::AtOnce, Kind::Left], false));
}

#[test]
fn an_actor_that_dies_and_is_followed_by_another_loses_nothing() {
    each_schedule(|| model([Kind::InParts, Kind::Left, Kind::AtOnce], true));
}
