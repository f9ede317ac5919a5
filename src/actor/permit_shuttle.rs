//! Permits under every order of their steps: never more than the bound, all given back, everybody who waits gets in.
//!
//! Owns: callers that take, hold and give back. Never: looks into what a permit is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shuttle::future::block_on;
use shuttle::thread;

use super::permit::{Lane, Permits, RESERVE};
use crate::sync::each_schedule;

/// What is held at a time, counted beside the permits. Not modelled: counting is no step of its own.
#[derive(Debug, Default)]
struct Held {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Held {
    /// Holds a place of `bytes` for a step, and checks the bounds.
    fn hold(&self, bytes: u64, messages_max: u64, bytes_max: u64) {
        let messages = self.messages.fetch_add(1, Relaxed) + 1;
        let all = self.bytes.fetch_add(bytes, Relaxed) + bytes;
        assert!(messages <= messages_max, "{messages} messages of at most {messages_max}");
        assert!(all <= bytes_max || messages == 1, "{all} bytes of at most {bytes_max}");
        thread::yield_now();
        self.messages.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
    }
}

#[test]
fn no_more_is_accepted_than_the_bound_and_all_is_given_back() {
    each_schedule(|| {
        let permits = Permits::new("user".into(), 2, 100);
        let held = Arc::new(Held::default());
        let callers: Vec<_> = [60, 40, 30, 500]
            .into_iter()
            .map(|bytes| {
                let (permits, held) = (Arc::clone(&permits), Arc::clone(&held));
                thread::spawn(move || {
                    for _ in 0..2 {
                        if let Ok(permit) = permits.take(Lane::Data, bytes) {
                            held.hold(bytes, 2, 100);
                            drop(permit);
                        }
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().expect("no caller saw a bound exceeded"));
        assert_eq!(permits.taken(), (0, 0));
    });
}

#[test]
fn a_refusal_is_never_due_to_another_refusal() {
    each_schedule(|| {
        let permits = Permits::new("user".into(), 2, 100);
        let first = permits.take(Lane::Data, 10).expect("nobody else is there");
        let refused = {
            let permits = Arc::clone(&permits);
            thread::spawn(move || permits.take(Lane::Data, 500).is_err())
        };
        let accepted = permits.take(Lane::Data, 10);
        assert!(accepted.is_ok(), "one place and 80 bytes were free");
        assert!(refused.join().expect("no panic"), "it was never alone");
        drop((first, accepted));
    });
}

#[test]
fn control_finds_its_reserve_while_data_is_refused() {
    each_schedule(|| {
        let permits = Permits::new("user".into(), 1, 100);
        let data = {
            let permits = Arc::clone(&permits);
            thread::spawn(move || (0..3).for_each(|_| drop(permits.take(Lane::Data, 60))))
        };
        let control: Vec<_> = (0..RESERVE).map(|_| permits.take(Lane::Control, 1)).collect();
        assert!(control.iter().all(Result::is_ok), "the reserve is for control alone");
        data.join().expect("no panic");
    });
}

#[test]
fn everybody_who_waits_for_a_place_gets_one() {
    each_schedule(|| {
        let permits = Permits::new("user".into(), 1, 100);
        let held = Arc::new(Held::default());
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (permits, held) = (Arc::clone(&permits), Arc::clone(&held));
                thread::spawn(move || {
                    let permit = block_on(permits.wait(60));
                    held.hold(60, 1, 100);
                    drop(permit);
                })
            })
            .collect();
        // Somebody who does not wait comes and goes meanwhile, and is refused at times.
        (0..2).for_each(|_| drop(permits.take(Lane::Data, 60)));
        waiting.into_iter().for_each(|waiting| waiting.join().expect("no bound exceeded"));
        assert_eq!(permits.taken(), (0, 0));
    });
}
