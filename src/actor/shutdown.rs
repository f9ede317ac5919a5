//! The orderly end: new calls are refused, what was accepted is applied, then everything is let go.
//!
//! Owns: the way from open to closed. Never: waits longer than its limit.

use std::sync::Arc;

use super::reply::Reply;
use super::request::{Envelope, TierRequest};
use super::root::SHUTDOWN_LIMIT;
use super::wiring::{Phase, Wiring};

/// From now on new calls get `Closed`. Harmless when that is so already.
pub(crate) fn begin(wiring: &Wiring) {
    wiring.enter(Phase::Closing);
    wiring.root.wake();
}

/// Waits until the cache has ended.
pub(crate) async fn ended(wiring: &Wiring) {
    let mut closed = wiring.closed.subscribe();
    // The sender lives in the wiring, so this ends only with the end.
    let _ = closed.wait_for(|closed| *closed).await;
}

/// Has every tier apply what was accepted before.
pub(crate) async fn drain(wiring: &Arc<Wiring>) {
    let mut parts = Vec::new();
    let mut answers = Vec::new();
    for tier in &wiring.tiers {
        let (reply, answer) = Reply::new(Arc::clone(&tier.name));
        parts.push((tier.id, Envelope::from(TierRequest::Drain { reply })));
        answers.push(answer);
    }
    // Through the mailboxes, and so behind everything that was accepted.
    wiring.deliver_all(parts);
    let all = async {
        for answer in answers {
            let _ = answer.await;
        }
    };
    wiring.spawner.within(SHUTDOWN_LIMIT, all).await;
}
