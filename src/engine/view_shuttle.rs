//! The read view under every order of its steps: each read is one that could have happened at some moment while it ran, and
//! a reader never goes back.
//!
//! Owns: a writer with a random script, and readers who judge what they are given. Never: goes through a store.

use std::sync::Arc;
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::thread;

use super::copied::AsWritten;
use super::entry::{Decoded, Entry, Origin, ReadEntry};
use super::moment::Moment;
use super::testing::{draft, key, number, value};
use super::view::View;
use crate::sync::each_schedule;

/// As many as make the smallest table grow.
const KEYS: [&str; 4] = ["a", "b", "c", "d"];
const STEPS: usize = 9;
const READS: usize = 5;

/// What readers may see of each key: the number of its value.
type Seen = [Option<u64>; KEYS.len()];

#[derive(Debug, Clone, Copy)]
enum Step {
    Insert(usize),
    Remove(usize),
    TakeAll,
    /// As when a tier breaks: nobody reads until it is empty again.
    Close,
    Restart,
}

struct Shared {
    view: View,
    /// After each number of steps, what readers may see.
    truth: Vec<Seen>,
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// A script that a tier could follow, and what it shows after each step.
fn script() -> (Vec<Step>, Vec<Seen>) {
    let (mut steps, mut truth) = (Vec::new(), vec![Seen::default()]);
    let mut now = Seen::default();
    let mut closed = false;
    for number in 1..=STEPS {
        let of = thread_rng().gen_range(0..KEYS.len());
        let step = match thread_rng().gen_range(0..8) {
            _ if closed => Step::Restart,
            0 | 1 => Step::Remove(of),
            2 => Step::TakeAll,
            3 => Step::Close,
            _ => Step::Insert(of),
        };
        match step {
            Step::Insert(of) => now[of] = Some(number as u64),
            Step::Remove(of) => now[of] = None,
            Step::TakeAll | Step::Close | Step::Restart => now = Seen::default(),
        }
        closed = matches!(step, Step::Close);
        steps.push(step);
        truth.push(now);
    }
    (steps, truth)
}

fn carry_out(view: &View, step: Step, number: u64) {
    match step {
        Step::Insert(of) => {
            let ttl = Duration::from_secs(1);
            let draft = draft(key(KEYS[of]), value(number, 0), ttl, Moment::START, number, Origin::Set);
            view.insert(Entry::new(draft, 0, 0, 0));
        }
        Step::Remove(of) => {
            if let Some(entry) = view.find(KEYS[of]) {
                view.remove([&entry].into_iter());
            }
        }
        Step::TakeAll => drop(view.take_all()),
        Step::Close => view.close(),
        Step::Restart => {
            drop(view.take_all());
            view.open();
        }
    }
}

/// Reads, and finds for each read a moment that explains it: not before the moment of the read before, not before the last
/// step that had ended when it began, not after the first that had not begun when it ended.
fn read(shared: &Shared) {
    let mut earliest = [0; KEYS.len()];
    for _ in 0..READS {
        let of = thread_rng().gen_range(0..KEYS.len());
        let from = shared.ended.load(Ordering::SeqCst).max(earliest[of]);
        let given = look(&shared.view, KEYS[of]);
        let to = shared.begun.load(Ordering::SeqCst);
        let moment = (from..=to).find(|&moment| shared.truth[moment][of] == given);
        let moment = moment.unwrap_or_else(|| {
            panic!("{given:?} of {} between {from} and {to} of {:?}", KEYS[of], shared.truth)
        });
        earliest[of] = moment;
    }
}

/// Looks as a typed reader does: in front first. What is found behind is put in front.
fn look(view: &View, key: &str) -> Option<u64> {
    if let Some(copy) = view.in_front::<u64>(view.hash(key), key).as_ref() {
        return Some(*copy.value());
    }
    let entry = view.read(key, Moment::START, Duration::ZERO)?;
    let number = number(&entry.value());
    let copy = Arc::new(AsWritten::of(&entry, number));
    if entry.add_decoded(Arc::clone(&copy) as Decoded, 1).is_ok() {
        view.put_in_front(&entry, copy);
    }
    Some(number)
}

#[test]
fn a_reader_sees_every_key_as_it_was_at_some_moment_and_never_goes_back() {
    each_schedule(|| {
        let (steps, truth) = script();
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new(Shared { view: View::new(thread_rng().r#gen()), truth, begun, ended });
        let readers = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || read(&shared))
        });
        for (number, step) in steps.into_iter().enumerate() {
            shared.begun.store(number + 1, Ordering::SeqCst);
            carry_out(&shared.view, step, number as u64 + 1);
            shared.ended.store(number + 1, Ordering::SeqCst);
        }
        readers.into_iter().for_each(|reader| reader.join().expect("no reader saw anything wrong"));
    });
}

/// With few steps, so that a reader stands between any two of them in some schedule: one who has seen a new version, but not its
/// tables, would find nothing when the next write empties those that it walks.
#[test]
fn what_is_there_all_the_time_is_found_while_the_index_moves() {
    each_schedule(|| {
        let view = Arc::new(View::new(thread_rng().r#gen()));
        carry_out(&view, Step::Insert(0), 1);
        carry_out(&view, Step::Insert(1), 2);
        let reader = {
            let view = Arc::clone(&view);
            thread::spawn(move || {
                for of in [0, 1] {
                    assert!(view.peek(KEYS[of]).is_some(), "{} was missed", KEYS[of]);
                }
            })
        };
        // The next table is published, and most is moved there: no end of the move tells the reader to look again.
        view.settle(4);
        view.settle(3);
        reader.join().expect("it found both");
    });
}

#[test]
fn nobody_who_comes_after_a_close_has_ended_is_served() {
    each_schedule(|| {
        let view = Arc::new(View::new(1));
        carry_out(&view, Step::Insert(0), 1);
        let closed = Arc::new(AtomicUsize::new(0));
        let readers = [(); 2].map(|()| {
            let (view, closed) = (Arc::clone(&view), Arc::clone(&closed));
            thread::spawn(move || {
                let is_closed = closed.load(Ordering::SeqCst) == 1;
                let given = look(&view, KEYS[0]);
                assert!(!is_closed || given.is_none(), "a closed view served {given:?}");
            })
        });
        view.close();
        closed.store(1, Ordering::SeqCst);
        assert!(view.find(KEYS[0]).is_some(), "the writer may look");
        readers.into_iter().for_each(|reader| reader.join().expect("no reader was served"));
    });
}
