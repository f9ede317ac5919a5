//! Several keys that are taken away at once: one message to each tier, and the answers put back in order.
//!
//! Owns: that all are accepted or none. Never: touches a store.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::Instrument;

use super::permit::{Lane, Permit};
use super::reply::Reply;
use super::request::{Bulk, Envelope, TierRequest};
use super::wiring::Wiring;
use crate::engine::key::Key;
use crate::engine::route::TierId;
use crate::engine::scope::How;
use crate::engine::tier::Taken;
use crate::error::{Error, Result};
use crate::message::Removed;
use crate::telemetry::spans::{self, Took};

/// Keys of one tier, and where their answers belong.
struct Part {
    tier: TierId,
    keys: Vec<Key>,
    places: Vec<usize>,
}

/// An answer that is waited for.
struct Wait {
    tier: Arc<str>,
    places: Vec<usize>,
    answer: oneshot::Receiver<Result<Vec<Taken>>>,
}

/// Puts the removal of `keys` into the mailboxes, whole or not at all; what is returned waits for the answers.
pub(super) fn remove(
    wiring: &Arc<Wiring>,
    keys: Vec<Key>,
) -> Result<impl Future<Output = Result<Vec<Removed>>> + Send + use<>> {
    wiring.open()?;
    let count = keys.len();
    let mut parts: Vec<Part> = Vec::new();
    for (place, key) in keys.into_iter().enumerate() {
        let tier = wiring.route_removal(key.as_str())?.id;
        match parts.iter_mut().find(|part| part.tier == tier) {
            Some(part) => {
                part.keys.push(key);
                part.places.push(place);
            }
            None => parts.push(Part { tier, keys: vec![key], places: vec![place] }),
        }
    }
    let bytes = |part: &Part| part.keys.iter().map(|key| key.as_str().len() as u64).sum();
    let take = |part: &Part| wiring.permit(part.tier, Lane::Control, bytes(part));
    let permits: Vec<Permit> = parts.iter().map(take).collect::<Result<_>>()?;
    let (mut envelopes, mut waits) = (Vec::new(), Vec::new());
    for (Part { tier, keys, places }, permit) in parts.into_iter().zip(permits) {
        let shared = wiring.tier(tier);
        let name = Arc::clone(&shared.name);
        let (reply, answer) = Reply::of(&shared.answerer);
        let request = TierRequest::RemoveMany(Bulk::new(keys, reply));
        envelopes.push((tier, Envelope::new(request, permit)));
        waits.push(Wait { tier: name, places, answer });
    }
    wiring.deliver_all(envelopes);
    Ok(async move {
        let (tiers, span) =
            (waits.len() as u64, spans::invalidation("keys", How::Remove.as_str(), false, true));
        let removed = gather(count, waits).instrument(span.clone()).await;
        let took = |removed: &Vec<Removed>| Took {
            tiers,
            matched: removed.iter().filter(|one| one.was_present).count() as u64,
            revoked_loads: removed.iter().map(|one| one.revoked_loads).sum(),
        };
        spans::invalidated(&span, removed.as_ref().map(took));
        removed
    })
}

/// Puts the answers in the order of the keys, once all tiers have answered.
async fn gather(count: usize, waits: Vec<Wait>) -> Result<Vec<Removed>> {
    let mut removed = vec![Removed::new(false, 0); count];
    let mut broken = Vec::new();
    for Wait { tier, places, answer } in waits {
        match answer.await.unwrap_or(Err(Error::Closed)) {
            Ok(taken) => {
                for (place, taken) in places.into_iter().zip(taken) {
                    removed[place] = Removed::new(taken.matched > 0, taken.revoked_loads);
                }
            }
            Err(Error::TierRestarting { .. }) => broken.push(tier),
            Err(error) => return Err(error),
        }
    }
    if broken.is_empty() { Ok(removed) } else { Err(Error::Partial { tiers: broken.join(", ") }) }
}
