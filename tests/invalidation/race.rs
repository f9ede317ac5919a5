//! A load begins, the source changes, an invalidation is answered, the load ends: for each scope, and each order of ends.

use std::time::Duration;

use apex_cache::{Cache, Key, Pattern, Prefix, Scope, Source as From};

use crate::common::{advance, cache, paused};
use crate::source::{Source, held, join, threads};

const KEY: &str = "user::42::profile";

/// How the key is taken away.
#[derive(Debug, Clone)]
enum By {
    Remove,
    Scope(Scope),
}

impl By {
    fn key() -> Self {
        Self::Scope(Scope::Key(Key::parse(KEY).unwrap()))
    }

    fn prefix() -> Self {
        Self::Scope(Scope::Prefix(Prefix::parse("user::42").unwrap()))
    }

    fn pattern(text: &str) -> Self {
        Self::Scope(Scope::Pattern(Pattern::parse(text).unwrap()))
    }

    /// Takes it away; returns how many loads that overtook.
    async fn apply(&self, cache: &Cache) -> u64 {
        match self {
            Self::Remove => cache.remove(KEY).await.unwrap().revoked_loads,
            Self::Scope(scope) => cache.invalidate(scope.clone()).await.unwrap().revoked_loads,
        }
    }
}

/// The old load ends first, while the new one is still reading.
async fn the_old_load_ends_first(cache: &Cache, source: &Source, by: &By) {
    let old_gate = source.hold(KEY);
    let old = source.ask(cache, KEY);
    old_gate.begun().await;

    let new_version = source.write(KEY).version;
    assert_eq!(by.apply(cache).await, 1, "{by:?}");

    let new_gate = source.hold(KEY);
    let new = source.ask(cache, KEY);
    new_gate.begun().await; // a load of its own: it did not join the old one

    old_gate.open();
    let old = join(old).await.unwrap();
    assert_eq!((old.version, old.is_stored()), (new_version - 1, false), "{by:?}");
    assert_eq!(held(cache, KEY), None, "{by:?}: the old value was stored");

    new_gate.open();
    let new = join(new).await.unwrap();
    assert_eq!((new.version, new.is_stored(), new.source()), (new_version, true, From::Loaded), "{by:?}");
    assert_eq!(held(cache, KEY), Some(new_version), "{by:?}");
}

/// The old load ends last, over the new value.
async fn the_old_load_ends_last(cache: &Cache, source: &Source, by: &By) {
    let old_gate = source.hold(KEY);
    let old = source.ask(cache, KEY);
    old_gate.begun().await;

    let new_version = source.write(KEY).version;
    by.apply(cache).await;

    source.let_go(KEY);
    let new = source.get(cache, KEY).await.unwrap();
    assert_eq!(new.version, new_version, "{by:?}: a later call got the old value");

    old_gate.open();
    assert!(!join(old).await.unwrap().is_stored(), "{by:?}");
    assert_eq!(held(cache, KEY), Some(new_version), "{by:?}: the old value came back");
    assert_eq!(source.get(cache, KEY).await.unwrap().version, new_version, "{by:?}");
}

/// Nobody asks in between: the old load is the only one.
async fn nobody_else_asks(cache: &Cache, source: &Source, by: &By) {
    let gate = source.hold(KEY);
    let old = source.ask(cache, KEY);
    gate.begun().await;
    let new_version = source.write(KEY).version;
    by.apply(cache).await;
    gate.open();
    assert!(!join(old).await.unwrap().is_stored(), "{by:?}");
    assert_eq!(held(cache, KEY), None, "{by:?}: the old value was stored");
    source.let_go(KEY);
    assert_eq!(source.get(cache, KEY).await.unwrap().version, new_version, "{by:?}");
}

/// Every order of ends, for a key that is absent and for one whose expired value still lies there.
fn race(by: &By) {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        for expired in [false, true] {
            for ending in 0..3 {
                cache.clear().await.unwrap();
                if expired {
                    cache.set(KEY, &source.row(KEY)).ttl(Duration::from_secs(1)).await.unwrap();
                    advance(Duration::from_secs(1)).await;
                }
                match ending {
                    0 => the_old_load_ends_first(&cache, &source, by).await,
                    1 => the_old_load_ends_last(&cache, &source, by).await,
                    _ => nobody_else_asks(&cache, &source, by).await,
                }
            }
        }
    });
    threads(async || {
        let (cache, source) = (Cache::builder().start().await.unwrap(), Source::new());
        for _ in 0..20 {
            cache.clear().await.unwrap();
            the_old_load_ends_first(&cache, &source, by).await;
            cache.clear().await.unwrap();
            the_old_load_ends_last(&cache, &source, by).await;
        }
    });
}

#[test]
fn a_remove_keeps_out_the_load_that_it_overtook() {
    race(&By::Remove);
}

#[test]
fn an_invalidation_of_the_key_keeps_out_the_load_that_it_overtook() {
    race(&By::key());
}

#[test]
fn an_invalidation_of_a_prefix_keeps_out_the_load_that_it_overtook() {
    race(&By::prefix());
}

#[test]
fn an_invalidation_of_a_pattern_keeps_out_the_load_that_it_overtook() {
    race(&By::pattern("user::42::*"));
}

#[test]
fn an_invalidation_of_a_pattern_that_begins_with_a_star_keeps_out_the_load_that_it_overtook() {
    race(&By::pattern("*::profile"));
}

#[test]
fn an_invalidation_of_a_pattern_without_a_wildcard_keeps_out_the_load_that_it_overtook() {
    race(&By::pattern(KEY));
}

#[test]
fn an_invalidation_of_the_tier_keeps_out_the_load_that_it_overtook() {
    race(&By::Scope(Scope::Tier("user".into())));
}

#[test]
fn an_invalidation_of_all_keeps_out_the_load_that_it_overtook() {
    race(&By::Scope(Scope::All));
}

#[test]
fn an_invalidation_of_something_else_lets_a_load_be_stored() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let others = [
            By::Scope(Scope::Key(Key::parse("user::42").unwrap())),
            By::Scope(Scope::Prefix(Prefix::parse("user::4").unwrap())),
            By::pattern("user::421*"),
            By::pattern("*::wallet"),
            By::Scope(Scope::Tier("query".into())),
        ];
        for by in others {
            cache.clear().await.unwrap();
            let gate = source.hold(KEY);
            let load = source.ask(&cache, KEY);
            gate.begun().await;
            assert_eq!(by.apply(&cache).await, 0, "{by:?}");
            gate.open();
            assert!(join(load).await.unwrap().is_stored(), "{by:?}");
        }
    });
}

#[test]
fn a_set_during_a_load_wins_and_those_who_waited_are_given_it() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let load = source.ask(&cache, KEY);
        gate.begun().await;
        let new = source.write(KEY);
        assert!(cache.set(KEY, &new).await.unwrap().kept);
        let waited = join(load).await.unwrap();
        assert_eq!((waited.version, waited.is_stored()), (new.version, true), "without waiting for the load");
        gate.open();
        advance(Duration::from_millis(1)).await;
        assert_eq!(held(&cache, KEY), Some(new.version), "the load came later and was older");
    });
}

#[test]
fn a_set_that_is_not_kept_overtakes_a_load_all_the_same() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let load = source.ask(&cache, KEY);
        gate.begun().await;
        let new = source.write(KEY);
        assert!(!cache.set(KEY, &new).ttl(Duration::ZERO).await.unwrap().kept);
        gate.open();
        join(load).await.unwrap();
        advance(Duration::from_millis(1)).await;
        assert_eq!(held(&cache, KEY), None);
    });
}

#[test]
fn one_load_after_another_is_overtaken_and_none_of_them_is_stored() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let mut under_way = Vec::new();
        for _ in 0..12 {
            let gate = source.hold(KEY);
            under_way.push((gate, source.ask(&cache, KEY)));
            advance(Duration::from_millis(1)).await;
            source.write(KEY);
            cache.remove(KEY).await.unwrap();
        }
        source.let_go(KEY);
        let (gates, loads): (Vec<_>, Vec<_>) = under_way.into_iter().unzip();
        for gate in gates.into_iter().rev() {
            gate.open();
            advance(Duration::from_millis(1)).await;
            let stored = held(&cache, KEY);
            assert!(stored.is_none_or(|version| version == source.version(KEY)), "{stored:?} is old");
        }
        for load in loads {
            join(load).await.unwrap();
        }
        assert_eq!(source.get(&cache, KEY).await.unwrap().version, 13);
    });
}
