//! Warnings, each with as much evidence as it needs and with a little less.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use apex_cache::message::{Break, Breaks, WarningKind};
use apex_cache::{Cache, Pattern, Prefix, Settings, WarmEntries, WarmScope, WarmSource};

use super::common::{advance, cache, cache_with, inline, noise, paused};
use super::{HOUR, SECOND, advice, first, words};

/// Loads that many keys of the tier of queries, each read as often as `reads` says.
async fn load(cache: &Cache, keys: u64, reads: u64) {
    for key in 0..keys {
        for _ in 0..reads {
            let load = || async { Ok::<_, io::Error>(7_u64) };
            cache.get_or_load(format!("query::{key}"), load).await.expect("loaded");
        }
    }
}

async fn invalidate(cache: &Cache, pattern: &str) -> u64 {
    let pattern = Pattern::parse(pattern).expect("a pattern");
    cache.invalidate(pattern).await.expect("carried out").matched
}

#[test]
fn a_healthy_cache_is_left_alone() {
    paused(|| async {
        let warm = WarmSource::new("catalog", "reference", |_run| async {
            let keys = 0..250_u64;
            keys.map(|key| (format!("products::{key}"), key))
                .try_fold(WarmEntries::new(), |entries, (key, value)| entries.with(key, &value))
        });
        let cache = inline().warm(warm.every(HOUR / 2)).start().await.expect("it starts");
        cache.warm(WarmScope::All).await.expect("it runs");
        for round in 0..30_u64 {
            load(&cache, 300, 2).await;
            for key in 0..250 {
                assert!(cache.get::<u64>(format!("products::{key}")).await.expect("one type").is_some());
            }
            for user in 0..100 {
                // Each writes, and few were cached: what takes nothing now took something before, or will.
                cache.set(format!("user::{user}::name"), &round).await.expect("it fits");
                invalidate(&cache, &format!("user::{}::*", user % 10 + round % 7 * 10)).await;
            }
            assert_eq!(words(&cache).await, [""; 0], "in round {round}");
            advance(HOUR / 6).await;
        }
    });
}

#[test]
fn a_tier_whose_entries_expire_before_anybody_reads_them_is_warned_of() {
    paused(|| async {
        let cache = cache().await;
        load(&cache, 1_000, 1).await;
        assert_eq!(words(&cache).await, [""; 0], "nothing has expired");
        advance(HOUR).await;
        assert_eq!(words(&cache).await, ["query expire_unused"]);
        let WarningKind::ExpireUnused { hit_percent, expired, unread } = first(&cache).await else {
            panic!()
        };
        assert_eq!((hit_percent, expired, unread), (0.0, 1_000, 1_000));
        // What is read is no waste, however soon it expires.
        let other = super::common::cache().await;
        load(&other, 1_000, 2).await;
        advance(HOUR).await;
        assert_eq!(words(&other).await, [""; 0]);
    });
}

/// A cache whose queries live for two minutes, and are not swept before they are asked for again.
async fn short_lived() -> Cache {
    let settings = Settings::default().cleanup_interval(HOUR);
    cache_with(settings.tier("query", |tier| tier.ttl(HOUR / 30))).await
}

#[test]
fn what_expires_unread_and_is_brought_again_counts_as_expired() {
    for set in [false, true] {
        paused(|| async move {
            let cache = short_lived().await;
            let bring = async |keys: u64| {
                if set {
                    for key in 0..keys {
                        assert_eq!(cache.get::<u64>(format!("query::{key}")).await.expect("one type"), None);
                        cache.set(format!("query::{key}"), &7_u64).await.expect("it fits");
                    }
                } else {
                    load(&cache, keys, 1).await;
                }
            };
            for _ in 0..19 {
                bring(150).await;
                advance(HOUR / 30).await;
            }
            bring(150).await;
            let stats = cache.stats().await.expect("the stats actor answers").total();
            let counts = (stats.removals.expired, stats.expired_unread, stats.replaced);
            assert_eq!(counts, (2_850, 2_850, 0), "by sets: {set}");
            let WarningKind::ExpireUnused { expired, unread, .. } = first(&cache).await else { panic!() };
            assert!(expired >= 2_500 && unread == expired, "{unread} of {expired} in the last hour");
        });
    }
}

#[test]
fn what_was_read_in_an_earlier_life_and_then_expires_unread_counts_as_unread() {
    paused(|| async {
        let cache = short_lived().await;
        load(&cache, 300, 2).await;
        for _ in 0..5 {
            advance(HOUR / 30).await;
            load(&cache, 300, 1).await;
        }
        advance(HOUR / 30).await;
        // A key that is removed after its end was not there any more.
        for key in 0..300 {
            assert!(!cache.remove(format!("query::{key}")).await.expect("carried out").was_present);
        }
        let stats = cache.stats().await.expect("the stats actor answers").total();
        assert_eq!((stats.removals.expired, stats.expired_unread), (1_800, 1_500));
        assert_eq!((stats.removals.removed, stats.replaced, stats.entries), (0, 0, 0));
    });
}

#[test]
fn what_is_long_past_is_not_warned_of() {
    paused(|| async {
        let cache = cache().await;
        load(&cache, 1_000, 1).await;
        advance(HOUR).await;
        assert_eq!(words(&cache).await.len(), 1);
        advance(HOUR + 30 * SECOND).await;
        assert_eq!(words(&cache).await, [""; 0]);
        let window = advice(&cache).await.window;
        assert!(window <= HOUR && window + 20 * SECOND > HOUR, "{window:?}");
    });
}

#[test]
fn a_scope_that_takes_nothing_a_hundred_times_in_a_row_is_warned_of() {
    paused(|| async {
        let cache = cache().await;
        for _ in 0..200 {
            invalidate(&cache, "query::list::*").await;
        }
        assert_eq!(words(&cache).await, [""; 0], "an empty tier holds nothing to take");
        cache.set("query::lists::1", &1).await.expect("it fits");
        for _ in 0..99 {
            invalidate(&cache, "query::list::*").await;
        }
        assert_eq!(words(&cache).await, [""; 0]);
        invalidate(&cache, "query::list::*").await;
        let WarningKind::TakesNothing { shape, times } = first(&cache).await else { panic!() };
        assert_eq!((&*shape, times), ("query::..::*", 100));
        cache.set("query::list::1", &1).await.expect("it fits");
        assert_eq!(invalidate(&cache, "query::list::*").await, 1);
        assert_eq!(words(&cache).await, [""; 0]);
    });
}

#[test]
fn scopes_of_a_first_segment_that_no_key_has_are_warned_of_together_and_dry_runs_are_not() {
    paused(|| async {
        let settings =
            Settings::default().tier("users", |tier| tier.ttl(HOUR).prefix("user_rows").prefix("users"));
        let cache = cache_with(settings).await;
        cache.set("user_rows::1::name", &1).await.expect("it fits");
        for user in 0..100 {
            let prefix = Prefix::parse(&format!("users::{user}")).expect("a prefix");
            assert_eq!(cache.invalidate(prefix.clone()).dry_run().await.expect("counted").matched, 0);
        }
        assert_eq!(words(&cache).await, [""; 0]);
        for user in 0..100 {
            let prefix = Prefix::parse(&format!("users::{user}")).expect("a prefix");
            cache.invalidate(prefix).await.expect("carried out");
        }
        assert_eq!(words(&cache).await, ["users takes_nothing"]);
        let what = advice(&cache).await.warnings[0].what();
        assert!(what.contains("users::..") && !what.contains("99"), "{what}");
    });
}

/// What is warned of as never taking anything: tier, shape, times.
async fn fruitless(cache: &Cache) -> Vec<(String, String, u64)> {
    let told = |warning: apex_cache::message::Warning| match warning.kind {
        WarningKind::TakesNothing { shape, times } => {
            Some((warning.tier.map_or_else(String::new, |tier| tier.to_string()), shape.to_string(), times))
        }
        _ => None,
    };
    advice(cache).await.warnings.into_iter().filter_map(told).collect()
}

#[test]
fn scopes_that_differ_in_their_ids_are_warned_of_though_their_tier_is_empty() {
    paused(|| async {
        let cache = cache().await;
        for user in 0..10 {
            cache.set(format!("user::{user}::row"), &1).await.expect("it fits");
        }
        for id in 0..1_000 {
            invalidate(&cache, &format!("users::{id}::*")).await;
            invalidate(&cache, &format!("user::{id}::rowz::*")).await;
        }
        let told = |tier: &str, shape: &str| (tier.to_owned(), shape.to_owned(), 1_000);
        let mut expected = vec![told("query", "users::.."), told("user", "user::..::..::*")];
        let mut all = fruitless(&cache).await;
        all.sort();
        assert_eq!(all, expected);
        for id in 0..1_000 {
            invalidate(&cache, &format!("user::{id}::rowz")).await;
        }
        expected.push(told("user", "user::..::.."));
        expected.sort();
        let mut all = fruitless(&cache).await;
        all.sort();
        assert_eq!(all, expected);
    });
}

#[test]
fn keys_that_are_removed_in_vain_are_warned_of_at_every_entrance() {
    paused(|| async {
        for entrance in 0..4 {
            let cache = cache().await;
            cache.set("user::1::row", &1).await.expect("it fits");
            for id in 0..1_000 {
                let key = apex_cache::Key::parse(&format!("user::{id}::rowz")).expect("a key");
                match entrance {
                    0 => drop(cache.remove(&key).await.expect("carried out")),
                    1 => drop(cache.remove_many([&key]).await.expect("carried out")),
                    2 => drop(cache.invalidate(key).await.expect("carried out")),
                    _ => drop(cache.invalidate(vec![key]).await.expect("carried out")),
                }
            }
            let told = ("user".to_owned(), "user::..::..".to_owned(), 1_000);
            assert_eq!(fruitless(&cache).await, [told], "{entrance}");
        }
    });
}

#[test]
fn ids_that_are_not_cached_just_now_are_no_reason_to_warn_where_others_are() {
    paused(|| async {
        let cache = cache().await;
        for user in 0..10 {
            cache.set(format!("user::{user}::row"), &1).await.expect("it fits");
        }
        for id in 1_000..2_000 {
            invalidate(&cache, &format!("user::{id}::*")).await;
            invalidate(&cache, &format!("user::{id}::row")).await;
            cache.remove(format!("user::{id}::row")).await.expect("carried out");
        }
        assert_eq!(fruitless(&cache).await, []);
    });
}

#[test]
fn what_a_cache_that_is_off_does_not_hold_is_no_reason_to_warn() {
    paused(|| async {
        let cache = cache_with(Settings::default().enabled(false)).await;
        for id in 0..1_000 {
            invalidate(&cache, &format!("user::{id}::*")).await;
        }
        assert_eq!(fruitless(&cache).await, []);
    });
}

#[test]
fn prefixes_that_no_tier_was_made_for_are_warned_of_by_name() {
    paused(|| async {
        let cache = cache().await;
        for key in 0..19 {
            cache.set(format!("session::{key}"), &1).await.expect("it fits");
        }
        assert_eq!(words(&cache).await, [""; 0]);
        cache.set("basket::1", &1).await.expect("it fits");
        assert_eq!(words(&cache).await, ["- unknown_prefixes"]);
        let warning = advice(&cache).await.warnings.remove(0);
        assert!(warning.what().contains("session, basket"), "{}", warning.what());
        let bare = warning.without_keys().what();
        assert!(!bare.contains("session") && bare.contains("20 calls"), "{bare}");
    });
}

/// A source that brings 250 entries.
fn source() -> WarmSource {
    WarmSource::new("catalog", "reference", |_run| async {
        let mut entries = WarmEntries::new();
        for key in 0..250_u64 {
            entries.push(format!("products::{key}"), &key)?;
        }
        Ok::<_, apex_cache::Error>(entries)
    })
}

#[test]
fn warmed_entries_that_nobody_reads_before_the_next_run_are_warned_of() {
    paused(|| async {
        let cache = inline().warm(source()).start().await.expect("it starts");
        cache.warm(WarmScope::All).await.expect("it runs");
        advance(SECOND).await;
        cache.warm(WarmScope::All).await.expect("it runs");
        assert_eq!(words(&cache).await, ["reference warm_unread"]);
        let read = inline().warm(source()).start().await.expect("it starts");
        read.warm(WarmScope::All).await.expect("it runs");
        for key in 0..50 {
            assert!(read.get::<u64>(format!("products::{key}")).await.expect("one type").is_some());
        }
        advance(SECOND).await;
        read.warm(WarmScope::All).await.expect("it runs");
        assert_eq!(words(&read).await, [""; 0], "a fifth of it is of use");
    });
}

#[test]
fn a_warm_source_is_warned_of_while_its_last_run_failed() {
    paused(|| async {
        let down = Arc::new(AtomicBool::new(true));
        let source = {
            let down = Arc::clone(&down);
            WarmSource::new("vip", "config", move |_run| {
                let down = down.load(Relaxed);
                async move { if down { Err(io::Error::other("no source")) } else { Ok(WarmEntries::new()) } }
            })
        };
        let cache = inline().warm(source).start().await.expect("it starts");
        cache.warm(WarmScope::All).await.expect("a report");
        assert_eq!(words(&cache).await, ["config warm_fails"]);
        let what = advice(&cache).await.warnings[0].what();
        assert!(!what.contains("no source"), "what a host's error says may name anything: {what}");
        down.store(false, Relaxed);
        cache.warm(WarmScope::All).await.expect("a report");
        assert_eq!(words(&cache).await, [""; 0]);
    });
}

#[test]
fn values_that_are_too_large_are_warned_of_when_they_are_more_than_a_few() {
    paused(|| async {
        let cache = cache().await;
        let large = noise(2 << 20);
        for round in 0..20 {
            assert_eq!(words(&cache).await, [""; 0], "{round}");
            let refused = cache.set(format!("user::{round}"), &large).await;
            refused.expect_err("it is larger than an entry may be");
        }
        assert_eq!(words(&cache).await, ["user too_large"]);
        for key in 0..2_100 {
            cache.set(format!("user::{key}"), &1).await.expect("it fits");
        }
        assert_eq!(words(&cache).await, [""; 0], "less than one of a hundred");
    });
}

#[test]
fn loads_that_fail_are_warned_of_when_they_are_many_and_a_part_of_all() {
    paused(|| async {
        let cache = cache().await;
        let fail = || async { Err::<u64, _>(io::Error::other("no source")) };
        for key in 0..20 {
            assert_eq!(words(&cache).await, [""; 0], "{key}");
            cache.get_or_load(format!("user::{key}"), fail).await.expect_err("it fails");
        }
        assert_eq!(words(&cache).await, ["user loads_fail"]);
        for key in 0..500 {
            let load = || async { Ok::<_, io::Error>(1_u64) };
            cache.get_or_load(format!("user::9::{key}"), load).await.expect("loaded");
        }
        assert_eq!(words(&cache).await, [""; 0], "less than one of twenty");
    });
}

#[test]
fn values_of_another_type_are_warned_of() {
    paused(|| async {
        let cache = cache().await;
        cache.set("user::1", &1_u64).await.expect("it fits");
        for round in 0..20 {
            assert_eq!(words(&cache).await, [""; 0], "{round}");
            cache.get::<String>("user::1").await.expect_err("it is a number");
        }
        assert_eq!(words(&cache).await, ["user wrong_type"]);
    });
}

#[test]
fn a_tier_that_failed_is_warned_of_until_it_is_revived() {
    paused(|| async {
        let cache = cache().await;
        for _ in 0..5 {
            cache.supervisor().send(Break::new(Breaks::Turn("user".into()))).await.expect("it is told");
        }
        assert_eq!(words(&cache).await, ["user failed"]);
        cache.revive("user").await.expect("answered");
        assert_eq!(words(&cache).await, [""; 0]);
    });
}

#[test]
fn every_warning_has_two_sentences_that_a_terminal_can_show() {
    let all = [
        WarningKind::ExpireUnused { hit_percent: 12.0, expired: 300, unread: 290 },
        WarningKind::Starved {
            floor_bytes: 10 << 20,
            hit_percent: 40.0,
            doubled_percent: 60.0,
            moving_budget: true,
        },
        WarningKind::Starved {
            floor_bytes: 1 << 10,
            hit_percent: 40.0,
            doubled_percent: 60.0,
            moving_budget: false,
        },
        WarningKind::BudgetSmall { budget_bytes: 100 << 20, hit_percent: 40.0, doubled_percent: 60.0 },
        WarningKind::TakesNothing { shape: "users::..".into(), times: 100 },
        WarningKind::TakesNothing { shape: "".into(), times: 100 },
        WarningKind::UnknownPrefixes { prefixes: vec!["a".into()], count: 1, keys: 20 },
        WarningKind::UnknownPrefixes { prefixes: Vec::new(), count: 7, keys: 20 },
        WarningKind::WarmUnread { gone: 300, unread: 290 },
        WarningKind::WarmFails { source: "catalog".into(), failures: 2 },
        WarningKind::WarmNoRoom { refused: 300 },
        WarningKind::TooLarge { refused: 20, stored: 30 },
        WarningKind::LoadsFail { failed: 20, timed_out: 3, ended: 90 },
        WarningKind::Revoked { revoked: 300, loads: 400 },
        WarningKind::Overloaded { refused: 20 },
        WarningKind::WrongType { reads: 20 },
        WarningKind::Unreadable { values: 20 },
        WarningKind::Failed,
    ];
    let mut words: Vec<&str> = Vec::new();
    for kind in all {
        let warning = apex_cache::message::Warning::new(Some("user".into()), kind);
        for sentence in [warning.what(), warning.remedy()] {
            assert!(sentence.ends_with('.') && sentence.is_ascii() && !sentence.contains("  "), "{sentence}");
            assert!(!sentence.contains(" ,") && !sentence.contains(" ."), "{sentence}");
        }
        words.push(warning.word());
    }
    words.dedup();
    assert_eq!(words.len(), 15, "a word for each kind");
}
