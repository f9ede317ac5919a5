//! What is said of one key: where it is, how fresh, and the last reason for which it was absent, each reason in turn.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

use std::io;
use std::time::Duration;

use apex_cache::message::{
    Break, Breaks, Explain, Explanation, Held, KeyState, LoadPhase, Origin, Reason, Set,
};
use apex_cache::settings::Eviction;
use apex_cache::{
    Cache, ErrorKind, Key, LoadPolicy, Pattern, Prefix, Scope, Settings, Tag, Tags, Value, WarmEntries,
    WarmScope, WarmSource,
};

use common::{advance, cache, cache_with, inline, paused, settle};
use source::{Source, join};

const KEY: &str = "user::42::profile";
const SECOND: Duration = Duration::from_secs(1);
/// As long as values of the tier live.
const TTL: Duration = Duration::from_secs(3_600);

async fn state(cache: &Cache) -> KeyState {
    cache.explain(KEY).await.unwrap().state
}

/// Why the key is absent, and since how many seconds.
async fn absent(cache: &Cache) -> (Reason, u64) {
    let known = cache.explain(KEY).await.unwrap();
    assert_eq!(known.state, KeyState::Absent, "{known:?}");
    assert!(!cache.contains(KEY).unwrap(), "it is said to be absent: {known:?}");
    let absence = known.last_absence.expect("what is absent has a reason");
    (absence.reason, absence.ago.as_secs())
}

fn failing(
    kind: &'static str,
) -> impl FnOnce() -> std::future::Ready<Result<u64, io::Error>> + Send + 'static {
    move || std::future::ready(Err(io::Error::other(kind)))
}

#[test]
fn a_key_that_was_never_stored_is_said_to_be_that() {
    paused(async || {
        let cache = cache().await;
        let known = cache.explain(KEY).await.unwrap();
        assert_eq!((&*known.tier, known.route.as_deref()), ("user", Some("user")));
        assert_eq!((known.held, known.load), (None, None));
        assert_eq!(absent(&cache).await, (Reason::NeverStored, 0));
        assert_eq!(cache.explain("nobody::1").await.unwrap().route, None, "an unknown prefix");
        let refused = cache_with(Settings::default().unknown_prefix("refuse")).await;
        let error = refused.explain("nobody::1").await.expect_err("no tier takes it");
        assert_eq!(error.kind(), ErrorKind::UnknownPrefix);
    });
}

#[test]
fn what_is_held_is_told_with_its_times_and_without_being_read() {
    paused(async || {
        let cache = cache().await;
        let tags = Tags::new([Tag::new("author:7").unwrap()]);
        cache.set(KEY, &7_u64).ttl(60 * SECOND).stale(30 * SECOND).tags(tags.clone()).await.unwrap();
        cache.get::<u64>(KEY).await.unwrap();
        advance(20 * SECOND).await;
        let known: Explanation = cache.explain(KEY).await.unwrap();
        let held: Held = known.held.clone().unwrap();
        assert_eq!((known.state, known.last_absence.clone()), (KeyState::Fresh, None));
        assert_eq!((held.age, held.fresh_for, held.served_for), (20 * SECOND, 40 * SECOND, 70 * SECOND));
        assert_eq!((held.hits, held.origin, held.took, held.tags), (1, Origin::Set, Duration::ZERO, tags));
        assert!(held.size > KEY.len() as u64);
        assert_eq!(cache.explain(KEY).await.unwrap(), known, "asking changes nothing");
        advance(50 * SECOND).await;
        let held = cache.explain(KEY).await.unwrap().held.unwrap();
        assert_eq!((held.fresh_for, held.served_for), (Duration::ZERO, 20 * SECOND));
        assert_eq!(state(&cache).await, KeyState::Stale);
        advance(20 * SECOND).await;
        assert_eq!(absent(&cache).await, (Reason::Expired, 0));
    });
}

#[test]
fn a_load_is_told_while_it_waits_while_it_runs_and_when_it_may_not_store_any_more() {
    paused(async || {
        let (cache, source) = (cache_with(Settings::default().load_concurrency(1)).await, Source::new());
        let (gate, other) = (source.hold(KEY), source.hold("user::1"));
        let first = source.ask(&cache, "user::1");
        other.begun().await;
        let asked = source.ask(&cache, KEY);
        settle().await;
        let load = async || cache.explain(KEY).await.unwrap().load;
        assert_eq!((state(&cache).await, load().await), (KeyState::Loading, Some(LoadPhase::Waits)));
        other.open();
        gate.begun().await;
        assert_eq!((state(&cache).await, load().await), (KeyState::Loading, Some(LoadPhase::Runs)));
        cache.remove(KEY).await.unwrap();
        assert_eq!((state(&cache).await, load().await), (KeyState::Absent, Some(LoadPhase::RunsRevoked)));
        advance(3 * SECOND).await;
        gate.open();
        assert!(!join(asked).await.unwrap().is_stored());
        join(first).await.unwrap();
        advance(2 * SECOND).await;
        assert_eq!((absent(&cache).await, load().await), ((Reason::Revoked, 2), None));
        source.get(&cache, KEY).await.unwrap();
        let known = cache.explain(KEY).await.unwrap();
        assert_eq!((known.state, known.last_absence.unwrap().reason), (KeyState::Fresh, Reason::Revoked));
        assert_eq!(known.held.unwrap().origin, Origin::Load);
    });
}

#[test]
fn what_expired_is_told_since_it_expired_whether_it_was_swept_or_not() {
    paused(async || {
        let cache = cache().await;
        cache.set(KEY, &1_u64).await.unwrap();
        advance(TTL + 5 * SECOND).await;
        assert_eq!(absent(&cache).await, (Reason::Expired, 5));
        advance(2 * TTL).await;
        assert!(cache.explain(KEY).await.unwrap().held.is_none(), "it was swept");
        assert_eq!(absent(&cache).await, (Reason::Expired, 5 + 7_200));
    });
}

#[test]
fn a_load_that_failed_after_the_value_expired_is_the_later_reason_also_after_the_sweep() {
    paused(async || {
        let cache = cache().await;
        cache.set(KEY, &1_u64).await.unwrap();
        advance(TTL + 5 * SECOND).await;
        cache.get_or_load(KEY, failing("no route")).await.expect_err("it fails");
        assert_eq!(absent(&cache).await, (Reason::LoadFailed(ErrorKind::LoadFailed), 0));
        advance(2 * TTL).await;
        assert_eq!(absent(&cache).await, (Reason::LoadFailed(ErrorKind::LoadFailed), 7_200));
    });
}

#[test]
fn failures_since_a_value_was_stored_are_counted_and_are_no_absence() {
    paused(async || {
        let cache = cache().await;
        cache.set(KEY, &1_u64).ttl(60 * SECOND).stale(TTL).await.unwrap();
        advance(61 * SECOND).await;
        let stale = cache.get_or_load(KEY, failing("gone")).stale(TTL).await.unwrap();
        assert!(stale.is_stale());
        settle().await;
        let known = cache.explain(KEY).await.unwrap();
        assert_eq!((known.state, known.last_absence), (KeyState::Stale, None));
        assert_eq!(known.held.unwrap().failures, 1);
    });
}

#[test]
fn each_way_to_take_a_key_away_is_told() {
    paused(async || {
        let scopes: [Scope; 3] = [
            Pattern::parse("user::4*").unwrap().into(),
            Prefix::parse("user::42").unwrap().into(),
            Pattern::parse("*").unwrap().into(),
        ];
        let cache = cache().await;
        for scope in scopes {
            cache.set(KEY, &1_u64).await.unwrap();
            cache.invalidate(scope.clone()).await.unwrap();
            // What finds nothing is not the reason.
            cache.invalidate(Pattern::parse("user::42::*").unwrap()).await.unwrap();
            advance(3 * SECOND).await;
            assert_eq!(absent(&cache).await, (Reason::Invalidated(Some(scope)), 3));
        }
        cache.set(KEY, &1_u64).await.unwrap();
        cache.remove(KEY).await.unwrap();
        assert_eq!(absent(&cache).await, (Reason::Removed, 0));
        cache.set(KEY, &1_u64).await.unwrap();
        cache.invalidate(Scope::Key(Key::parse(KEY).unwrap())).await.unwrap();
        assert_eq!(absent(&cache).await, (Reason::Removed, 0));
        advance(SECOND).await;
        for scope in [Scope::Tier("user".into()), Scope::All] {
            cache.set(KEY, &1_u64).await.unwrap();
            cache.invalidate(scope).dry_run().await.unwrap();
            assert_eq!(state(&cache).await, KeyState::Fresh);
            cache.clear().await.unwrap();
            advance(SECOND).await;
            assert_eq!(absent(&cache).await, (Reason::Cleared, 1));
        }
    });
}

#[test]
fn what_was_expired_by_hand_is_told_as_long_as_it_is_not_a_later_reason() {
    paused(async || {
        let cache = cache().await;
        let scope: Scope = Pattern::parse("user::4*").unwrap().into();
        cache.set(KEY, &1_u64).ttl(10 * SECOND).stale(10 * SECOND).await.unwrap();
        cache.invalidate(scope.clone()).expire().dry_run().await.unwrap();
        assert_eq!(cache.explain(KEY).await.unwrap().last_absence, None);
        advance(SECOND).await;
        cache.invalidate(scope.clone()).expire().await.unwrap();
        advance(3 * SECOND).await;
        let known = cache.explain(KEY).await.unwrap();
        let absence = known.last_absence.unwrap();
        assert_eq!((known.state, absence.ago), (KeyState::Stale, 3 * SECOND));
        assert_eq!(absence.reason, Reason::Outdated(Some(scope)));
        // Its end comes when it would have come.
        advance(17 * SECOND).await;
        assert_eq!(absent(&cache).await, (Reason::Expired, 1));
        // What cannot be served stale is taken.
        cache.set(KEY, &1_u64).await.unwrap();
        cache.invalidate(Prefix::parse("user::42").unwrap()).expire().await.unwrap();
        assert!(matches!(absent(&cache).await.0, Reason::Invalidated(Some(_))));
    });
}

#[test]
fn a_tier_that_began_anew_is_the_reason_of_all_its_keys() {
    paused(async || {
        let cache = cache().await;
        cache.set(KEY, &1_u64).await.unwrap();
        let _ = cache.supervisor().send(Break::new(Breaks::Turn("user".into()))).await;
        settle().await;
        advance(4 * SECOND).await;
        assert_eq!(absent(&cache).await, (Reason::Restarted, 4));
        assert!(!cache.explain(KEY).await.unwrap().bypassed);
        for _ in 0..5 {
            let _ = cache.supervisor().send(Break::new(Breaks::Turn("user".into()))).await;
        }
        settle().await;
        let known = cache.explain(KEY).await.unwrap();
        assert!(known.bypassed && known.state == KeyState::Absent, "{known:?}");
    });
}

#[test]
fn a_value_that_was_refused_or_not_kept_is_told_and_so_is_the_older_one_that_it_displaced() {
    paused(async || {
        let cache = cache_with(Settings::default().max_entry_size(4_096)).await;
        let large = crate::common::noise(5_000);
        cache.set(KEY, &1_u64).await.unwrap();
        cache.set(KEY, &large).await.expect_err("too large");
        assert_eq!(absent(&cache).await, (Reason::TooLarge, 0));
        cache.set(KEY, &1_u64).await.unwrap();
        cache.set(KEY, &2_u64).ttl(Duration::ZERO).await.unwrap();
        assert_eq!(absent(&cache).await, (Reason::NotKept, 0));
        let brought = large.clone();
        let load = move || async move { Ok::<_, io::Error>(brought) };
        assert!(!cache.get_or_load(KEY, load).await.unwrap().is_stored());
        assert_eq!(absent(&cache).await, (Reason::TooLarge, 0));
        let load = || async { Ok::<_, io::Error>(3_u64) };
        assert!(!cache.get_or_load(KEY, load).ttl(Duration::ZERO).await.unwrap().is_stored());
        assert_eq!(absent(&cache).await, (Reason::NotKept, 0));
        let off = cache_with(Settings::default().enabled(false)).await;
        off.set(KEY, &1_u64).await.unwrap();
        assert!(!off.explain(KEY).await.unwrap().enabled);
        assert_eq!(absent(&off).await, (Reason::NotKept, 0));
    });
}

#[test]
fn each_way_in_which_a_load_fails_is_told_and_never_its_words() {
    paused(async || {
        let cache = cache().await;
        let kind = async || match absent(&cache).await.0 {
            Reason::LoadFailed(kind) => kind,
            other => panic!("{other:?}"),
        };
        cache.get_or_load(KEY, failing("the secret")).await.expect_err("it fails");
        assert_eq!(kind().await, ErrorKind::LoadFailed);
        assert!(!format!("{:?}", cache.explain(KEY).await.unwrap()).contains("secret"));
        let panics = || async { if true { panic!("asked to") } else { Ok::<u64, io::Error>(1) } };
        cache.get_or_load(KEY, panics).await.expect_err("it panics");
        assert_eq!(kind().await, ErrorKind::LoadPanicked);
        let hangs = || std::future::pending::<Result<u64, io::Error>>();
        cache.get_or_load(KEY, hangs).timeout(SECOND).await.expect_err("it hangs");
        settle().await; // the caller and the load have the same limit
        assert_eq!(kind().await, ErrorKind::LoadTimeout);
    });
}

#[test]
fn what_the_source_has_nothing_for_is_told_as_that() {
    paused(async || {
        let cache = cache().await;
        let find = || async { Ok::<Option<u64>, io::Error>(None) };
        assert!(cache.get_or_find(KEY, find).await.unwrap().is_none());
        let known = cache.explain(KEY).await.unwrap();
        assert_eq!((known.state, known.held.unwrap().fresh_for), (KeyState::NothingThere, 30 * SECOND));
        advance(31 * SECOND).await;
        assert_eq!(absent(&cache).await, (Reason::Expired, 1));
    });
}

#[test]
fn how_long_a_load_took_is_told() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold(KEY);
        let asked = source.ask(&cache, KEY);
        gate.begun().await;
        advance(Duration::from_millis(84)).await;
        gate.open();
        join(asked).await.unwrap();
        let took = cache.explain(KEY).await.unwrap().held.unwrap().took;
        assert!((84..90).contains(&took.as_millis()), "{took:?}");
    });
}

/// A cache of the smallest size with a warm source that brings `count` values of 60 kB for `user::warm::N`.
async fn small(count: usize) -> Cache {
    let settings = Settings::default().max_size_mb(8).max_entry_size(64 << 10);
    let settings = settings.tier("user", |tier| tier.eviction(Eviction::Lru));
    let bring = move |_| async move {
        let text = crate::common::noise(60_000);
        let fill = |entries: WarmEntries, n: usize| entries.with(format!("user::warm::{n}"), &text);
        (0..count).try_fold(WarmEntries::new(), fill)
    };
    let source = WarmSource::new("users", "user", bring);
    inline().settings(settings).warm(source).start().await.unwrap()
}

#[test]
fn what_had_to_make_room_is_told_and_so_is_a_warm_value_for_which_there_was_none() {
    paused(async || {
        let cache = small(400).await;
        cache.set(KEY, &1_u64).await.unwrap();
        let text = crate::common::noise(60_000);
        for number in 0..400 {
            cache.set(format!("user::{number}"), &text).await.unwrap();
        }
        assert_eq!(absent(&cache).await, (Reason::Evicted, 0));
        cache.warm(WarmScope::Tier("user".into())).await.unwrap();
        let last = cache.explain("user::warm::399").await.unwrap();
        assert_eq!(last.last_absence.unwrap().reason, Reason::NoRoom);
    });
}

#[test]
fn a_warm_value_that_was_overtaken_is_told_as_revoked() {
    paused(async || {
        let source = Source::new();
        let gate = source.hold(KEY);
        let bring = move |_| {
            let source = source.clone();
            async move {
                let row = source.read(KEY.to_owned()).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(WarmEntries::new().with(KEY, &row)?)
            }
        };
        let cache = inline().warm(WarmSource::new("users", "user", bring)).start().await.unwrap();
        let run = source::go({
            let cache = cache.clone();
            async move { cache.warm(WarmScope::All).await }
        });
        gate.begun().await;
        cache.remove(KEY).await.unwrap();
        assert_eq!(absent(&cache).await.0, Reason::NeverStored, "nothing was taken");
        gate.open();
        assert_eq!(join(run).await.unwrap().sources[0].revoked, 1);
        assert_eq!(absent(&cache).await.0, Reason::Revoked);
    });
}

#[test]
fn when_many_left_after_it_there_is_no_record() {
    paused(async || {
        let cache = cache().await;
        cache.set(KEY, &1_u64).await.unwrap();
        cache.remove(KEY).await.unwrap();
        let entry = |n| Set::of(format!("user::other::{n}"), &1_u64).unwrap();
        let fill = async |count| {
            let many = apex_cache::message::SetMany::new((0..count).map(entry).collect::<Vec<_>>());
            cache.supervisor().send(many).await.unwrap();
            cache.invalidate(Prefix::parse("user::other").unwrap()).await.unwrap();
        };
        fill(4_095).await;
        assert_eq!(absent(&cache).await.0, Reason::Removed);
        fill(1).await;
        assert_eq!(absent(&cache).await.0, Reason::NoRecord);
    });
}

#[test]
fn a_question_stands_behind_what_was_sent_before_it() {
    paused(async || {
        let cache = cache().await;
        let (supervisor, key) = (cache.supervisor(), Key::parse(KEY).unwrap());
        let set = Set::new(key.clone(), Value::encode(&1_u64).unwrap());
        let stored = supervisor.send(set);
        let known = supervisor.send(Explain::new(key)).await.unwrap();
        assert_eq!(known.state, KeyState::Fresh);
        stored.await.unwrap();
        let policy = LoadPolicy::new().ttl(SECOND);
        cache.get_or_load("user::9", || async { Ok::<_, io::Error>(1_u64) }).policy(policy).await.unwrap();
        let line = cache.command("/cache-explain user::9", "ann").await;
        assert!(line.contains("State: fresh") && line.contains("loaded in"), "{line}");
    });
}
