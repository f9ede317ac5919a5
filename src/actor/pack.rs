//! Compression and weighing of what is on its way into a tier.
//!
//! Owns: that they take place in the task that brings a value (the caller's, the loader's, that of a warm run), before the value
//! is posted. Never: runs within an actor's turn.

use super::guard::guarded;
use super::tier_shared::TierShared;
use super::wiring::Wiring;
use crate::batch_loader::Brought;
use crate::codec::value::Value;
use crate::engine::key::Key;
use crate::engine::tier::{Brought as One, Outcome};

impl Wiring {
    /// `value` as `tier` stores it under `key`.
    pub(super) fn pack(&self, tier: &TierShared, key: &Key, value: Value) -> Value {
        let packing = tier.packer.pack(value);
        if let Some((from, to)) = packing.saved {
            tier.counters.compressed.one();
            tier.counters.compressed_from.add(from);
            tier.counters.compressed_to.add(to);
        }
        if let Some(work) = packing.work {
            self.spawner.run_aside(work);
        }
        let value = packing.value;
        // A host's function, and this may be the task of a load of many: a panic must not take the others with it.
        let weigher = tier.weigher.filter(|_| !value.has_stated_size());
        let charge = weigher.and_then(|weigher| guarded(|| weigher.weigh(key, &value)).ok());
        value.charged(charge)
    }

    /// What a load of `key` brought, as `tier` stores it.
    pub(super) fn pack_loaded(&self, tier: &TierShared, key: &Key, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Loaded(brought) if brought.flaw().is_some() => {
                let of = brought.value.fingerprint();
                brought.flaw().into_iter().for_each(|flaw| tier.tell_unreadable(of, flaw));
                Outcome::Loaded(brought)
            }
            Outcome::Loaded(mut brought) => {
                brought.value = self.pack(tier, key, brought.value);
                Outcome::Loaded(brought)
            }
            other => other,
        }
    }

    /// What a load of `keys` brought, as `tier` stores it.
    pub(super) fn pack_brought(&self, tier: &TierShared, keys: &[Key], brought: Brought) -> Brought {
        let outcomes = brought.outcomes.into_iter().zip(keys);
        let extra = |(key, mut one): (Key, One)| {
            if let Some(flaw) = one.flaw() {
                tier.note_unreadable(one.value.fingerprint(), flaw);
                return None;
            }
            one.value = self.pack(tier, &key, one.value);
            Some((key, one))
        };
        Brought {
            outcomes: outcomes.map(|(one, key)| self.pack_loaded(tier, key, one)).collect(),
            extras: brought.extras.into_iter().filter_map(extra).collect(),
        }
    }
}
