//! What the tests of the engine share: seeds, a small random number generator, keys, scopes and numbered values.
//!
//! Owns: the alphabet of keys. Never: judges anything.

use std::time::Duration;

use super::entry::{Draft, Origin};
use super::key::Key;
use super::moment::Moment;
use super::pattern::Pattern;
use super::provenance::Provenance;
use super::scope::{Prefix, Scope};
use super::tag::{Tag, Tags};
use super::terms::{Life, Terms};
use super::tier::Item;
use crate::codec::value::Value;

/// Small and seeded: the same seed gives the same run on every machine. Source: Steele and others, `SplitMix64`, 2014.
#[derive(Debug)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Says which seed failed, when the test that holds it panics.
#[derive(Debug)]
pub(super) struct Seed(pub(super) u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed that failed: {}", self.0);
        }
    }
}

/// Runs `run` with `count` seeds.
pub(super) fn each_seed(count: u64, run: impl Fn(u64)) {
    for seed in 0..count {
        let _names_itself = Seed(seed);
        run(seed);
    }
}

pub(super) fn key(text: &str) -> Key {
    Key::parse(text).expect("tests write valid keys")
}

pub(super) fn pattern(text: &str) -> Scope {
    Pattern::parse(text).expect("tests write valid patterns").into()
}

pub(super) fn tag(text: &str) -> Tag {
    Tag::new(text).expect("tests write valid tags")
}

pub(crate) fn tags(names: &[&str]) -> Tags {
    Tags::new(names.iter().map(|name| tag(name)))
}

pub(super) fn prefix(text: &str) -> Scope {
    Prefix::parse(text).expect("tests write valid prefixes").into()
}

/// A value that carries `number`, and weighs about `padding` bytes more than the least.
pub(crate) fn value(number: u64, padding: u64) -> Value {
    Value::encode(&(number, "x".repeat(padding as usize))).expect("numbers and text can be encoded")
}

/// The number that a value carries.
pub(crate) fn number(value: &Value) -> u64 {
    value.decode::<(u64, String)>("a key of a test").expect("tests store numbered values only").0
}

/// Few enough to meet often, with one, two and three segments, and names that begin alike.
pub(super) fn some_key(rng: &mut Rng) -> Key {
    const PARTS: [&str; 4] = ["a", "b", "ab", "a:b"];
    let mut text = String::from(rng.pick(&PARTS));
    for _ in 0..rng.below(4) {
        text.push_str("::");
        text.push_str(rng.pick(&PARTS));
    }
    key(&text)
}

/// Anything that the walk over a store knows: keys, prefixes, patterns of every reach.
pub(super) fn some_scope(rng: &mut Rng) -> Scope {
    const PATTERNS: [&str; 12] = [
        "*", "a*", "a::*", "ab:*", "a::b::*", "*::a", "?::b*", "a::*::b", "a:b::*", "a::b", "*::b::*",
        "b::a*",
    ];
    match rng.below(4) {
        0 => Scope::Key(some_key(rng)),
        1 => Scope::Prefix(some_key(rng).into()),
        _ => pattern(rng.pick(&PATTERNS)),
    }
}

/// Terms that say only how long a value lives.
pub(super) fn terms(ttl: Duration) -> Terms {
    Terms { ttl, ..Terms::default() }
}

/// A value that lives for `ttl` and has no tags.
pub(super) fn item(key: &Key, value: Value, ttl: Duration) -> Item {
    Item::new(key.clone(), value, ttl)
}

/// The draft that a store at `seq` makes of a value that lives from `now` on for `ttl`.
pub(super) fn draft(key: Key, value: Value, ttl: Duration, now: Moment, seq: u64, origin: Origin) -> Draft {
    let (life, took) = (Life::fresh_for(ttl, now), Duration::ZERO);
    Draft { key, value, tags: Tags::NONE, life, said: Provenance::default(), took, seq, since: seq, origin }
}

/// Any of a few, so that entries share some.
pub(super) fn some_tags(rng: &mut Rng) -> Tags {
    const NAMES: [&[&str]; 6] = [&[], &[], &["x"], &["y"], &["x", "y"], &["y", "z", "x"]];
    tags(rng.pick(&NAMES))
}

/// As [`some_scope`], or a tag, or many keys.
pub(super) fn any_scope(rng: &mut Rng) -> Scope {
    match rng.below(8) {
        0..=2 => tag(rng.pick(&["x", "y", "z"])).into(),
        3 => (0..rng.below(6)).map(|_| some_key(rng)).collect::<Vec<_>>().into(),
        _ => some_scope(rng),
    }
}
