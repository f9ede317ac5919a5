//! The work: profiles, their keys, and which of them are asked for.
//!
//! Owns: a seeded source of numbers, so that every run and every contestant is given the same. Never: reads a clock.

use std::borrow::Borrow;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A row as a shop caches it: some 120 bytes encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Number of the user.
    pub id: u64,
    /// Full name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Level in the shop.
    pub level: u32,
    /// Money in the wallet, in cents.
    pub balance: i64,
    /// Whether the user pays less.
    pub vip: bool,
    /// Second of the last visit.
    pub last_seen: u64,
}

impl Profile {
    /// The profile of user `id`.
    #[must_use]
    pub fn of(id: u64) -> Self {
        Self {
            id,
            name: format!("Customer Number {id}"),
            email: format!("customer.{id}@shop.example"),
            level: (id % 60) as u32,
            balance: 1_250 + i64::from(id as u32 % 10_000),
            vip: id.is_multiple_of(10),
            last_seen: id.wrapping_add(1_700_000_000), // the id of the stand-in is the largest number
        }
    }
}

/// The id of no row: what a loader brings where none should run.
const STAND_IN: u64 = u64::MAX;

/// What caches are given to hold.
pub trait Payload: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// How a cache holds it that hands out what it holds, as its host would write it.
    type Held: Borrow<Self> + Clone + Send + Sync + 'static;

    /// That of `id`.
    fn of(id: u64) -> Self;
    /// Of which it is.
    fn id(&self) -> u64;
    /// How many bytes it comes to: what it says, however it is held.
    fn size(&self) -> usize;
    /// Makes what is held.
    fn hold(self) -> Self::Held;

    /// What loaders bring.
    #[must_use]
    fn stand_in() -> Self {
        Self::of(STAND_IN)
    }

    /// Whether a loader brought it. Looks at it in a way that the compiler cannot leave out.
    fn was_loaded(&self) -> bool {
        black_box(self.id()) == STAND_IN
    }
}

impl Payload for Profile {
    type Held = Arc<Self>;

    fn of(id: u64) -> Self {
        Profile::of(id)
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn size(&self) -> usize {
        apex_cache::Value::encode(self).map_or(0, |value| value.len())
    }

    fn hold(self) -> Arc<Self> {
        Arc::new(self)
    }
}

/// 200 bytes that nobody looks into.
impl Payload for Bytes {
    type Held = Self;

    fn of(id: u64) -> Self {
        id.to_le_bytes().repeat(25).into()
    }

    fn id(&self) -> u64 {
        self.first_chunk().copied().map_or(STAND_IN, u64::from_le_bytes)
    }

    fn size(&self) -> usize {
        self.len()
    }

    fn hold(self) -> Self {
        self
    }
}

/// What a key is called.
pub type Naming = fn(u64) -> String;

/// The key of a profile.
#[must_use]
pub fn key(id: u64) -> String {
    format!("user::{id}::profile")
}

/// A key of which ten have one user.
#[must_use]
pub fn shared_key(id: u64) -> String {
    format!("user::{}::part{}", id / 10, id % 10)
}

/// A key of one of a few users with 1, 10, 100, .. entries, or of one of the many that have ten.
#[must_use]
pub fn grouped_key(id: u64) -> String {
    // 1 + 10 + 100 + .. entries come before those of the user with ten times as many.
    let (mut first, mut size) = (0, 1);
    while size <= 100_000 {
        if id < first + size {
            return format!("user::with{size}xs::{id}"); // so that the number ends before the segment does
        }
        (first, size) = (first + size, size * 10);
    }
    format!("user::{}::{id}", id / 10)
}

/// A key of which, at each of its segments, ten are below one: a prefix takes 1, 10, 100, .. of them. All are of a user who
/// has a hundred thousand.
#[must_use]
pub fn nested_key(id: u64) -> String {
    let digit = |power: u32| id / 10_u64.pow(power) % 10;
    let digits = [4, 3, 2, 1, 0].map(|power| digit(power).to_string());
    format!("user::{}::{}", id / 100_000, digits.join("::"))
}

/// A key of which every second has another first part.
#[must_use]
pub fn halved_key(id: u64) -> String {
    format!("user::{}::{id}", ["even", "odd"][id as usize % 2])
}

/// A key that nobody stores.
#[must_use]
pub fn absent_key(id: u64) -> String {
    format!("user::{id}::nothing")
}

/// Numbers that look random and are the same for the same seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit.max(1)
    }

    /// From 0 up to, and without, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// All numbers below `count`, mixed: who fills a cache in order of popularity puts what is hot side by side.
    #[must_use]
    pub fn shuffled(&mut self, count: u64) -> Vec<u64> {
        let mut all: Vec<u64> = (0..count).collect();
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last as u64 + 1) as usize);
        }
        all
    }
}

/// `length` numbers below `count`, the popular ones more often: Zipf with exponent 0.99.
#[must_use]
pub fn zipf(count: u64, length: usize, seed: u64) -> Vec<u64> {
    const EXPONENT: f64 = 0.99;
    let mut sum = 0.0;
    let weight = |rank: u64| {
        sum += 1.0 / (rank as f64).powf(EXPONENT);
        sum
    };
    let sums: Vec<f64> = (1..=count).map(weight).collect();
    let mut random = Random::new(seed);
    let draw = |_| {
        let drawn = random.fraction() * sum;
        sums.partition_point(|&upto| upto <= drawn) as u64
    };
    (0..length).map(draw).collect()
}

/// Keys to be asked for, in this order.
///
/// They lie one behind the other in one text, as if each had just been formatted: keys that lie apart cost every
/// contestant a wait for memory, which hides the differences between them.
#[derive(Debug, Clone)]
pub struct Requests {
    text: Arc<str>,
    ends: Arc<[usize]>,
    passes: usize,
}

impl Requests {
    /// The keys of `ids`.
    pub fn of(ids: impl IntoIterator<Item = u64>, naming: Naming) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for id in ids {
            text.push_str(&naming(id));
            ends.push(text.len());
        }
        Self { text: text.into(), ends: ends.into(), passes: 1 }
    }

    /// The same from the beginning, so many times.
    #[must_use]
    pub fn repeated(self, passes: usize) -> Self {
        Self { passes, ..self }
    }

    /// How many, in all passes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len() * self.passes
    }

    /// How often they are gone through.
    #[must_use]
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One after the other, all passes.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.passes).flat_map(|_| self.once())
    }

    /// One after the other, one pass.
    pub fn once(&self) -> impl Iterator<Item = &str> {
        let mut begin = 0;
        self.ends.iter().map(move |&end| {
            let key = &self.text[begin..end];
            begin = end;
            key
        })
    }
}
