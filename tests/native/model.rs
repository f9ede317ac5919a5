//! Random operations on native and encoded values under the same keys, against a map: what is read is what
//! was written, the same `Arc`, or an error that says which of the two it is; and nothing is dropped twice,
//! or too late.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use apex_cache::{Cache, Error, Hit, Pattern, Result, Scope, Tag, Tags, Value};

use super::{Counts, Thing};
use crate::common::{advance, cache, paused, settle};
use crate::source::Random;

const KEYS: [&str; 5] = ["user::1", "user::1::a", "user::2", "query::1", "config::1"];
const TTL: u64 = 20;

#[derive(Clone)]
enum Held {
    First(Arc<Thing<1>>),
    Second(Arc<Thing<2>>),
    Encoded(u64),
}

impl Held {
    fn is_native(&self) -> bool {
        !matches!(self, Self::Encoded(_))
    }
}

struct Entry {
    held: Held,
    ends: u64,
    tag: String,
}

#[derive(Default)]
struct Model {
    entries: BTreeMap<&'static str, Entry>,
    now: u64,
}

impl Model {
    fn held(&self, key: &str) -> Option<&Held> {
        self.entries.get(key).filter(|entry| self.now < entry.ends).map(|entry| &entry.held)
    }

    fn put(&mut self, key: &'static str, held: Held, tag: &str) {
        let ends = self.now + TTL;
        self.entries.insert(key, Entry { held, ends, tag: tag.to_owned() });
    }
}

/// A read has the value that `same` knows, no value, or the error whose words are `words`.
fn check<T>(
    read: Result<Option<Hit<T>>>,
    held: Option<&Held>,
    words: &str,
    same: impl Fn(&T, &Held) -> bool,
) {
    match (read, held) {
        (Ok(None), None) => {}
        (Ok(Some(hit)), Some(held)) => assert!(same(&hit, held), "another value"),
        (Err(error @ Error::WrongType { .. }), Some(_)) => {
            assert!(error.to_string().contains(words), "{error}");
        }
        (read, held) => panic!("{:?} for {}", read.map(|hit| hit.is_some()), held.is_some()),
    }
}

fn first(value: &Arc<Thing<1>>, held: &Held) -> bool {
    matches!(held, Held::First(held) if Arc::ptr_eq(held, value))
}

fn second(value: &Arc<Thing<2>>, held: &Held) -> bool {
    matches!(held, Held::Second(held) if Arc::ptr_eq(held, value))
}

async fn read_all(cache: &Cache, model: &Model) {
    for key in KEYS {
        let held = model.held(key);
        let of_native = held.is_some_and(Held::is_native);
        let native =
            if of_native { "holds a native value of another type than" } else { "holds an encoded value" };
        check(cache.get_native::<Thing<1>>(key).await, held, native, first);
        check(cache.get_native_now::<Thing<2>>(key), held, native, second);
        let encoded = if of_native { "holds a native value, not an encoded u64" } else { "nothing" };
        let number = |value: &u64, held: &Held| matches!(held, Held::Encoded(held) if held == value);
        check(cache.get::<u64>(key).await, held, encoded, number);
        let raw = cache.get_value(key).unwrap();
        assert_eq!(raw.as_ref().map(Value::is_native), held.map(Held::is_native));
        assert_eq!(raw.is_some_and(|value| value.bytes().is_err()), of_native);
        assert_eq!(cache.contains(key).unwrap(), held.is_some());
    }
}

async fn change(cache: &Cache, model: &mut Model, random: &mut Random, number: u64, counts: &Arc<Counts>) {
    let (key, name) = (*random.of(&KEYS), format!("t{}", random.below(3)));
    let (tag, ttl) = (Tag::new(&name).unwrap(), Duration::from_secs(TTL));
    let tags = Tags::new([tag.clone()]);
    match random.below(12) {
        0..=2 => {
            let value = Thing::new(number, counts);
            cache.set_native(key, Arc::clone(&value)).ttl(ttl).tags(tags).await.unwrap();
            model.put(key, Held::First(value), &name);
        }
        3 => {
            let value = Thing::new(number, counts);
            cache.set_native(key, Arc::clone(&value)).ttl(ttl).tags(tags).await.unwrap();
            model.put(key, Held::Second(value), &name);
        }
        4 => {
            cache.set(key, &number).ttl(ttl).tags(tags).await.unwrap();
            model.put(key, Held::Encoded(number), &name);
        }
        5..=6 => {
            let made = Thing::<1>::new(number, counts);
            let load = {
                let made = Arc::clone(&made);
                || async { Ok::<_, io::Error>(made) }
            };
            let hit = cache.get_or_load_native(key, load).ttl(ttl).await.unwrap();
            if let Some(held @ Held::First(_)) = model.held(key) {
                assert!(first(&hit, held) && !hit.was_loaded());
            } else {
                // What is of another type counts as absent.
                assert!(Arc::ptr_eq(&hit, &made) && hit.was_loaded());
                model.put(key, Held::First(made), "none");
            }
        }
        7 => {
            cache.remove(key).await.unwrap();
            model.entries.remove(key);
        }
        8 => {
            cache.invalidate(tag).await.unwrap();
            model.entries.retain(|_, entry| entry.tag != name);
        }
        9 => {
            cache.invalidate(Pattern::parse("user::1::*").unwrap()).await.unwrap();
            model.entries.retain(|key, _| !key.starts_with("user::1"));
        }
        10 if random.below(4) == 0 => {
            cache.invalidate(Scope::All).await.unwrap();
            model.entries.clear();
        }
        _ => {
            let seconds = 1 + random.below(8);
            advance(Duration::from_secs(seconds)).await;
            model.now += seconds;
        }
    }
}

#[test]
fn native_and_encoded_values_under_the_same_keys_are_what_was_written() {
    for seed in 0..20 {
        paused(async || {
            let (cache, counts, mut random) = (cache().await, Arc::default(), Random(seed));
            let mut model = Model::default();
            for number in 0..300 {
                change(&cache, &mut model, &mut random, number, &counts).await;
                read_all(&cache, &model).await;
            }
            settle().await;
            // The model holds what is past its time too, until it is overwritten; the cache may have dropped
            // it.
            let held = model.entries.values().filter(|entry| entry.held.is_native()).count();
            cache.shutdown().await.unwrap();
            drop(cache);
            settle().await;
            assert_eq!(counts.alive(), held as u64, "seed {seed}: the model's own are left");
            drop(model);
            assert_eq!(counts.alive(), 0, "seed {seed}");
        });
    }
}
