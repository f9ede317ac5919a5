//! Ours: the engine's store for entries of one weight, its policy alone for sizes.
//!
//! Owns: how both are driven. Never: an actor between; a tier's turn comes to the same calls.
//!
//! A cache takes its capacity in bytes and charges what an entry costs to keep. So that a capacity in entries can be compared,
//! every entry has a key and a value of one length, hence one weight, and the store is given so many times that. For sizes the
//! charge beside the value would change the question: there the policy is driven by itself, with the sizes of the trace.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use apex_cache::engine::entry::{Draft, Origin};
use apex_cache::engine::moment::Moment;
use apex_cache::engine::policy::{Choice, Eviction, Marks, Policy};
use apex_cache::engine::provenance::Provenance;
use apex_cache::engine::store::Store;
use apex_cache::engine::terms::Life;
use apex_cache::engine::view::View;
use apex_cache::engine::weigh::weigh;
use apex_cache::{Key, Tags, Value};

use super::Replay;

/// Every run is the same.
const SEED: u64 = 1;
const NOW: Moment = Moment::START;

/// A store whose entries all weigh the same.
pub(super) struct Engine {
    view: Arc<View>,
    store: Store,
    value: Value,
    seq: u64,
    text: String,
}

/// A key of one length for all.
fn write_key(text: &mut String, id: u32) {
    use std::fmt::Write;
    text.clear();
    write!(text, "k::{id:010}").expect("text takes what is written to it");
}

impl Engine {
    pub(super) fn new(eviction: Eviction, capacity: u64) -> Self {
        let value = Value::encode(&0_u8).expect("a number can be encoded");
        let view = Arc::new(View::new(SEED));
        let store = Store::evicting(eviction, Arc::clone(&view), capacity * Self::weight());
        Self { view, store, value, seq: 0, text: String::new() }
    }

    /// What every entry weighs.
    pub(super) fn weight() -> u64 {
        let value = Value::encode(&0_u8).expect("a number can be encoded");
        let mut text = String::new();
        write_key(&mut text, 0);
        weigh(&Key::parse(&text).expect("the key is plain"), &value, &Tags::NONE)
    }

    pub(super) fn used(&self) -> u64 {
        self.store.used()
    }

    pub(super) fn grant(&self) -> u64 {
        self.store.grant()
    }

    /// From now on at most `bytes`, at once.
    pub(super) fn set_grant(&mut self, bytes: u64) {
        let mut holds = self.store.set_grant(bytes, NOW, &mut Vec::new());
        while !holds {
            holds = self.store.come_down(1_024, NOW, &mut Vec::new());
        }
    }
}

impl Replay for Engine {
    fn access(&mut self, id: u32) -> bool {
        write_key(&mut self.text, id);
        if self.view.read(&self.text, NOW, Duration::ZERO).is_some() {
            return true;
        }
        self.seq += 1;
        let draft = Draft {
            key: Key::parse(&self.text).expect("the key is plain"),
            value: self.value.clone(),
            tags: Tags::NONE,
            life: Life::fresh_for(Duration::from_hours(1), NOW),
            said: Provenance::default(),
            took: Duration::ZERO,
            seq: self.seq,
            since: self.seq,
            origin: Origin::Load,
        };
        self.store.insert(draft, NOW, &mut Vec::new());
        false
    }
}

/// What a policy asks of entries that are only numbers.
struct Entries {
    sizes: Vec<u32>,
    /// By key: the epoch of its last read or store, while it is held. As the view counts: stores are odd, reads even.
    marks: Vec<Cell<Option<u32>>>,
}

impl Marks for Entries {
    fn hash(&self, slot: u32) -> u64 {
        spread(slot)
    }

    fn weight(&self, slot: u32) -> u64 {
        self.sizes[slot as usize].into()
    }

    fn took_ms(&self, _slot: u32) -> u32 {
        0
    }

    fn take_read(&self, slot: u32) -> bool {
        let mark = &self.marks[slot as usize];
        let read = mark.get().is_some_and(|epoch| epoch != 0 && epoch.is_multiple_of(2));
        if read {
            mark.set(Some(0));
        }
        read
    }

    fn last_read(&self, slot: u32) -> u32 {
        self.marks[slot as usize].get().expect("a slot named is held")
    }
}

/// The policy of a tier whose slots are the keys of the trace.
pub(super) struct Sized {
    policy: Box<dyn Policy>,
    entries: Entries,
    epoch: u32,
    used: u64,
    capacity: u64,
}

impl Sized {
    pub(super) fn new(eviction: Eviction, sizes: &[u32], capacity: u64) -> Self {
        let policy = Choice::from(eviction).policy(capacity, SEED);
        let entries = Entries { sizes: sizes.to_vec(), marks: vec![Cell::new(None); sizes.len()] };
        Self { policy, entries, epoch: 0, used: 0, capacity }
    }
}

impl Replay for Sized {
    fn access(&mut self, id: u32) -> bool {
        let mark = &self.entries.marks[id as usize];
        if mark.get().is_some() {
            mark.set(Some(self.epoch));
            return true;
        }
        let weight = self.entries.weight(id);
        if weight > self.capacity {
            return false;
        }
        mark.set(Some(self.epoch + 1));
        self.epoch += 2;
        self.used += weight;
        self.policy.stored(id, &self.entries);
        while self.used > self.capacity {
            let victim = self.policy.victim(&self.entries);
            let victim = victim.expect("what is used belongs to somebody");
            self.policy.removed(&[victim], &self.entries);
            self.entries.marks[victim as usize].set(None);
            self.used -= self.entries.weight(victim);
        }
        false
    }
}

/// In place of the hash of a key. Source: Steele and others, `SplitMix64`, 2014.
pub(super) fn spread(id: u32) -> u64 {
    let mixed = (u64::from(id) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
