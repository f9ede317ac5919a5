//! Decoded copies under every order of steps: what pays for them agrees with them in the end, and no turn ends with more in use
//! than may be.
//!
//! Owns: a store with a random script, and readers who keep copies. Never: looks at what readers are given (`view_shuttle` does).

use std::sync::Arc;
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use super::copied::ReadAs;
use super::entry::Origin;
use super::moment::Moment;
use super::store::{Cause, Store};
use super::testing::{draft, key, value};
use super::view::View;
use super::weigh::OVERHEAD;
use crate::sync::each_schedule;

const KEYS: [&str; 2] = ["a", "b"];
const STEPS: u64 = 5;
const COPIES: usize = 3;
/// As much as an entry, so that one takes the room of the other.
const COPY: u32 = OVERHEAD as u32;

fn carry_out(store: &mut Store, seq: u64) {
    let of = KEYS[thread_rng().gen_range(0..KEYS.len())];
    let draft = |origin| draft(key(of), value(seq, 0), Duration::MAX, Moment::START, seq, origin);
    let mut gone = Vec::new();
    match thread_rng().gen_range(0..8) {
        0 | 1 => drop(store.remove(of, Cause::Removed, Moment::START, &mut gone)),
        2 => drop(store.clear()),
        3 | 4 => drop(store.insert_warm(draft(Origin::Warm), seq, Moment::START, &mut gone)),
        _ => drop(store.insert(draft(Origin::Set), Moment::START, &mut gone)),
    }
    drop(store.take_husks());
    assert!(store.used() <= store.grant(), "a turn ended with {} of {}", store.used(), store.grant());
}

#[test]
fn copies_are_paid_for_once_and_given_back_once() {
    each_schedule(|| {
        let view = Arc::new(View::new(1));
        let grant = thread_rng().gen_range(2..4) * (OVERHEAD + 20);
        let mut store = Store::new(Arc::clone(&view), grant);
        carry_out(&mut store, 1);
        let readers = [(); 2].map(|()| {
            let view = Arc::clone(&view);
            thread::spawn(move || {
                for number in 0..COPIES {
                    let of = KEYS[thread_rng().gen_range(0..KEYS.len())];
                    if let Some(entry) = view.read(of, Moment::START, Duration::ZERO) {
                        let _ = view.keep_copy(&entry, Arc::new(ReadAs(number)), COPY);
                    }
                }
            })
        });
        for seq in 2..2 + STEPS {
            carry_out(&mut store, seq);
        }
        readers.into_iter().for_each(|reader| reader.join().expect("a reader only reads"));
        store.check();
    });
}
