//! The inbox under every order of its steps: no parcel is left behind without a wake-up, none is lost, none overtakes.
//!
//! Owns: a supervisor cut down to its mailbox of wake-ups. Never: judges what the supervisor does with a parcel.

use std::sync::Arc;

use shuttle::sync::mpsc::{Sender, channel};
use shuttle::thread;

use super::inbox::{Inbox, Parcel};
use super::request::{Accepted, TierRequest};
use crate::engine::route::TierId;
use crate::sync::each_schedule;

const SENDERS: u64 = 3;
const PARCELS: u64 = 2;

/// Puts `number` into the inbox and wakes whoever has to be woken, as a host's call does.
fn post(inbox: &Inbox, wake_ups: &Sender<()>, number: u64) {
    let parcel = Parcel::Tier(TierId(0), Accepted::new(TierRequest::Grant { bytes: number, order: 0 }));
    if inbox.push(parcel) {
        wake_ups.send(()).expect("the supervisor outlives its senders here");
    }
}

fn number(parcel: Parcel) -> u64 {
    match parcel {
        Parcel::Tier(_, Accepted { request: TierRequest::Grant { bytes, .. }, .. }) => bytes,
        other => panic!("{other:?}"),
    }
}

/// Drains until all parcels have come, each time only after a wake-up: a lost one leaves it waiting for ever. With a `limit`
/// it drains as many at most, leaves all but one of them in the iterator, as one that dies does, and wakes itself for
/// what is left.
fn supervise(limit: Option<usize>) {
    let inbox = Arc::new(Inbox::default());
    let (wake_ups, woken) = channel();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (inbox, wake_ups) = (Arc::clone(&inbox), wake_ups.clone());
            thread::spawn(move || (0..PARCELS).for_each(|n| post(&inbox, &wake_ups, sender * 10 + n)))
        })
        .collect();
    let mut seen = Vec::new();
    while seen.len() < (SENDERS * PARCELS) as usize {
        woken.recv().expect("this thread holds a sender itself");
        match limit {
            None => seen.extend(inbox.drain(usize::MAX).map(number)),
            Some(limit) => seen.extend(inbox.drain(limit).take(1).map(number)),
        }
        if limit.is_some() && !inbox.is_empty() {
            wake_ups.send(()).expect("this thread holds the other end");
        }
    }
    senders.into_iter().for_each(|sender| sender.join().expect("no sender panics"));
    assert!(inbox.is_empty(), "a parcel came twice");
    for sender in 0..SENDERS {
        let of_sender: Vec<_> = seen.iter().filter(|&number| number / 10 == sender).collect();
        assert!(of_sender.is_sorted() && of_sender.len() == PARCELS as usize, "{seen:?}");
    }
}

#[test]
fn whatever_is_pushed_is_drained_after_a_wake_up_in_the_order_of_its_sender() {
    each_schedule(|| supervise(None));
}

#[test]
fn a_drain_that_leaves_something_behind_loses_nothing() {
    each_schedule(|| supervise(Some(2)));
}
