//! The table: types as hosts cache them, each through a real cache, and what becomes of it.
//!
//! A type is *equal* when a set and a load both come back as they were; *refused* when it is never served to another reader,
//! with words that say why; or it *differs* in what serde itself leaves out, and `assert_cacheable` names the place. The caller
//! of a load is given its value as it was in each of the three.
//!
//! To add a type, add a line to one of the lists.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test
// Odd types are what this is about.
#![allow(clippy::option_option, clippy::zero_sized_map_values, clippy::trivially_copy_pass_by_ref)]

use std::fmt::Debug;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use apex_cache::testing::{assert_cacheable, paused};
use apex_cache::{Cache, Key};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[path = "table/attributes.rs"]
mod attributes;
#[path = "table/containers.rs"]
mod containers;
#[path = "table/crates.rs"]
mod crates;
#[path = "table/differing.rs"]
mod differing;
#[path = "table/enums.rs"]
mod enums;
#[path = "table/plain.rs"]
mod plain;
#[path = "table/refused.rs"]
mod refused;

/// A type that a host caches.
trait Cached: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync + 'static> Cached for T {}

/// The types so far.
struct Table {
    cache: Cache,
    equal: usize,
    refused: usize,
    differing: usize,
}

/// What a set and a load of one value came to.
struct Through<T> {
    /// What a reader is given after a set, or why it is given nothing.
    set: Result<T, String>,
    /// The same after a load; `None`: it was not stored.
    load: Option<T>,
    /// What `assert_cacheable` says; nothing: it is content.
    asserted: String,
}

impl Table {
    fn key(&self, kind: &str) -> Key {
        let number = (self.equal + self.refused + self.differing).to_string();
        Key::of("user").part(&number).part(kind).finish().unwrap()
    }

    async fn through<T: Cached + Clone>(&self, name: &str, value: &T) -> Through<T> {
        let (set, load) = (self.key("set"), self.key("load"));
        let stored = self.cache.set(set.clone(), value).await.map(drop);
        let set = match stored {
            Ok(()) => self.cache.get::<T>(set).await.map(|hit| hit.unwrap().into_value()),
            Err(error) => Err(error),
        };
        let original = value.clone();
        let hit = self.cache.get_or_load(load.clone(), || async { Ok::<_, io::Error>(original) }).await;
        let hit = hit.unwrap_or_else(|error| panic!("{name}: its caller is given an error: {error}"));
        let is_same = format!("{:?}", *hit) == format!("{value:?}");
        assert!(is_same, "{name}: its caller is given another value: {:?}", *hit);
        let held = self.cache.get::<T>(load).await;
        let held = held.unwrap_or_else(|error| panic!("{name}: a load stored what nobody can read: {error}"));
        assert_eq!(held.is_some(), hit.is_stored(), "{name}");
        let asserted = catch_unwind(AssertUnwindSafe(|| assert_cacheable(value)));
        let words = |panic: Box<dyn std::any::Any + Send>| *panic.downcast::<String>().unwrap();
        Through {
            set: set.map_err(|error| error.to_string()),
            load: held.map(apex_cache::Hit::into_value),
            asserted: asserted.err().map(words).unwrap_or_default(),
        }
    }

    /// It comes back as it was.
    async fn equal<T: Cached + Clone>(&mut self, name: &str, value: T) {
        let Through { set, load, asserted } = self.through(name, &value).await;
        assert_eq!(set.as_ref(), Ok(&value), "{name}: after a set");
        assert_eq!(load.as_ref(), Some(&value), "{name}: after a load");
        assert_eq!(asserted, "", "{name}");
        self.equal += 1;
    }

    /// It is served to nobody else, and `words` say why.
    async fn refused<T: Cached + Clone>(&mut self, name: &str, value: T, words: &str) {
        let Through { set, load, asserted } = self.through(name, &value).await;
        assert!(load.is_none(), "{name}: a load stored it");
        let error = set.expect_err(name);
        assert!(error.contains(words), "{name}: {error}");
        assert!(asserted.contains(words), "{name}: {asserted}");
        self.refused += 1;
    }

    /// Serde itself leaves something out, and `assert_cacheable` says so with `words`.
    async fn differs<T: Cached + Clone>(&mut self, name: &str, value: T, copy: T, words: &str) {
        let Through { set, load, asserted } = self.through(name, &value).await;
        assert_ne!(value, copy, "{name}");
        assert_eq!((set.as_ref(), load.as_ref()), (Ok(&copy), Some(&copy)), "{name}");
        assert!(asserted.contains(words), "{name}: {asserted}");
        self.differing += 1;
    }
}

#[test]
fn every_type_comes_back_or_is_refused_or_is_known_to_differ() {
    std::panic::set_hook(Box::new(|info| {
        // Panics of `assert_cacheable` are expected.
        if !info.to_string().contains("cannot be cached as it is") {
            eprintln!("{info}");
        }
    }));
    paused(async || {
        let cache = Cache::for_tests().await;
        let mut table = Table { cache, equal: 0, refused: 0, differing: 0 };
        plain::check(&mut table).await;
        containers::check(&mut table).await;
        crates::check(&mut table).await;
        enums::check(&mut table).await;
        attributes::check(&mut table).await;
        refused::check(&mut table).await;
        differing::check(&mut table).await;
        let Table { equal, refused, differing, .. } = table;
        println!("{equal} equal, {refused} refused, {differing} differ in what serde leaves out");
        assert!(equal + refused + differing >= 140, "{equal} + {refused} + {differing}");
    });
}
