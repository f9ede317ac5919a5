//! Exactly the named keys go, and the counts say how many.

use std::collections::BTreeSet;

use apex_cache::message::Invalidated;
use apex_cache::{Cache, Key, Pattern, Prefix, Scope};

use crate::common::{cache, paused};
use crate::source::Random;

/// Keys that differ by a little, in all tiers.
fn keys() -> Vec<String> {
    let mut keys = Vec::new();
    for first in ["user", "user_orders", "users", "products", "query", "config", "u"] {
        keys.push(first.to_owned());
        for second in ["4", "42", "421", "a:b", "4::2"] {
            keys.push(format!("{first}::{second}"));
            for third in ["profile", "prof", "wallet", "4"] {
                keys.push(format!("{first}::{second}::{third}"));
            }
        }
    }
    keys
}

/// A pattern made of pieces that occur in the keys, and wildcards.
fn pattern(random: &mut Random) -> String {
    const PIECES: [&str; 14] =
        ["user", "user_orders", "products", "::", "::", "42", "4", "profile", "*", "*", "?", "a:b", "u", "_"];
    (0..=random.below(5)).map(|_| *random.of(&PIECES)).collect()
}

fn scope(random: &mut Random, keys: &[String]) -> Option<Scope> {
    Some(match random.below(12) {
        0 => Scope::Key(Key::parse(random.of::<String>(keys)).unwrap()),
        1 | 2 => Scope::Prefix(Prefix::parse(random.of::<String>(keys)).unwrap()),
        3 => Scope::Tier((*random.of(&["user", "query", "reference", "config"])).into()),
        4 => Scope::All,
        _ => Scope::Pattern(Pattern::parse(&pattern(random)).ok()?),
    })
}

/// What the written rules say: whether `scope` takes `key`, which lives in the tier that its first segment leads to.
fn takes(scope: &Scope, key: &str) -> bool {
    match scope {
        Scope::Key(wanted) => wanted.as_str() == key,
        Scope::Prefix(prefix) => key == prefix.as_str() || key.starts_with(&format!("{}::", prefix.as_str())),
        Scope::Pattern(pattern) => pattern.matches(key),
        Scope::Tier(name) => {
            let tier = match key.split("::").next().unwrap() {
                "user" | "user_orders" => "user",
                "products" => "reference",
                "config" => "config",
                _ => "query",
            };
            tier == &**name
        }
        _ => true,
    }
}

fn present(cache: &Cache, keys: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for key in keys {
        if cache.contains(key).unwrap() {
            found.insert(key.clone());
        }
    }
    found
}

#[test]
fn exactly_the_keys_that_the_grammar_names_go_and_a_dry_run_counts_them() {
    paused(async || {
        let (cache, keys, mut random) = (cache().await, keys(), Random(42));
        let mut tried = 0;
        while tried < 300 {
            let Some(scope) = scope(&mut random, &keys) else { continue };
            tried += 1;
            for key in &keys {
                if random.below(10) < 8 {
                    cache.set(key, key).await.unwrap();
                }
            }
            let before = present(&cache, &keys);
            let left: BTreeSet<String> = before.iter().filter(|key| !takes(&scope, key)).cloned().collect();

            let would = cache.invalidate(scope.clone()).dry_run().await.unwrap();
            assert_eq!(present(&cache, &keys), before, "{scope}: a dry run took something");
            let took = cache.invalidate(scope.clone()).await.unwrap();
            assert_eq!(present(&cache, &keys), left, "{scope}");
            assert_eq!(took.matched, (before.len() - left.len()) as u64, "{scope}");
            let counts = |taken: &Invalidated| (taken.matched, taken.bytes, taken.revoked_loads, taken.tiers);
            assert_eq!(counts(&would), counts(&took), "{scope}: the dry run counted something else");
        }
    });
}

#[test]
fn a_pattern_made_of_parts_takes_nothing_beside_its_parts() {
    paused(async || {
        let cache = cache().await;
        for user in ["*", "?", "4*", "4::2"] {
            let key = Key::of("user").part(user).part("profile").finish().unwrap();
            cache.set(&key, user).await.unwrap();
            cache.set("user::42::profile", "Ann").await.unwrap();
            let gone = cache.invalidate(Pattern::of("user").part(user).rest().unwrap()).await.unwrap();
            assert_eq!(gone.matched, 1, "{user}");
            assert!(!cache.contains(&key).unwrap() && cache.contains("user::42::profile").unwrap(), "{user}");
        }
    });
}

#[test]
fn a_large_invalidation_goes_between_other_calls_and_leaves_what_was_set_since() {
    paused(async || {
        let cache = cache().await;
        for number in 0..20_000 {
            cache.set(format!("query::{number}::x"), &number).await.unwrap();
        }
        // Both are in the inbox before the first slice is taken.
        let supervisor = cache.supervisor();
        let scope = Scope::Pattern(Pattern::parse("*::x").unwrap());
        let invalidation = supervisor.send(apex_cache::message::Invalidate::new(scope));
        cache.set("query::7::x", &"since").await.unwrap();
        let gone = invalidation.await.unwrap();
        assert!((19_999..=20_000).contains(&gone.matched), "{gone:?}");
        assert_eq!(cache.get_with("query::7::x", String::clone).unwrap().as_deref(), Some("since"));
        assert_eq!(cache.info().await.unwrap().tiers[3].entries, 1);
    });
}
