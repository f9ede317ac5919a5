//! What was said about the time of a value holds until somebody says otherwise: a loader that says "not
//! modified" repeats nothing.

use std::io;
use std::time::Duration;

use apex_cache::{Cache, Hit, LoadPolicy, Loaded, Reserved, Scope, Settings, Tag, Tags};

use super::{KEY, SECOND, STALE};
use crate::common::{advance, cache, cache_with, paused, settle};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The tier keeps values for an hour and serves them stale for five minutes more.
async fn an_hour() -> Cache {
    cache_with(Settings::default().tier("user", |tier| tier.ttl(HOUR).policy(LoadPolicy::new().stale(STALE))))
        .await
}

async fn load(cache: &Cache, policy: LoadPolicy, said: Loaded<u64>) -> Option<Hit<u64>> {
    let load = |_| async move { Ok::<_, io::Error>(said) };
    let hit = cache.get_or_load_with(KEY, load).policy(policy).await.unwrap();
    settle().await;
    hit
}

/// Has the value renewed by a loader that says `said`, a second after its time.
async fn renewed(cache: &Cache, policy: LoadPolicy, said: Loaded<u64>) {
    advance(SECOND).await;
    assert!(load(cache, policy, said).await.unwrap().is_stale());
}

/// How long the value is fresh from now on, to the second, as a plain read sees it.
async fn fresh_for(cache: &Cache) -> Duration {
    for second in 0..4_000 {
        if !cache.contains(KEY).unwrap() {
            return second * SECOND;
        }
        advance(SECOND).await;
    }
    panic!("it is fresh for longer than an hour");
}

fn not_modified() -> Loaded<u64> {
    Loaded::not_modified()
}

#[test]
fn the_time_to_live_that_a_loader_said_holds_through_not_modified() {
    paused(async || {
        let (cache, new) = (an_hour().await, LoadPolicy::new);
        load(&cache, new(), Loaded::value(1).ttl(MINUTE)).await;
        for _ in 0..3 {
            assert_eq!(fresh_for(&cache).await, MINUTE);
            renewed(&cache, new(), not_modified()).await;
        }
        assert_eq!(fresh_for(&cache).await, MINUTE);
        renewed(&cache, new().ttl(30 * MINUTE), not_modified()).await;
        assert_eq!(fresh_for(&cache).await, MINUTE, "the loader's word counts before that of the call");
        renewed(&cache, new(), not_modified().ttl(2 * MINUTE)).await;
        assert_eq!(fresh_for(&cache).await, 2 * MINUTE, "it says otherwise");
        renewed(&cache, new(), not_modified()).await;
        assert_eq!(fresh_for(&cache).await, 2 * MINUTE, "and that holds from then on");
        advance(HOUR).await;
        load(&cache, new(), Loaded::value(2)).await;
        assert_eq!(fresh_for(&cache).await, HOUR, "of a new value nothing is said yet");
    });
}

#[test]
fn what_a_set_said_holds_through_not_modified() {
    paused(async || {
        let (cache, new) = (an_hour().await, LoadPolicy::new);
        cache.set(KEY, &1_u64).ttl(MINUTE).stale(10 * SECOND).await.unwrap();
        for policy in [new(), new(), new().ttl(HOUR).stale(STALE)] {
            assert_eq!(fresh_for(&cache).await, MINUTE);
            renewed(&cache, policy, not_modified()).await;
        }
        advance(MINUTE + 10 * SECOND).await;
        let hit = load(&cache, new(), Loaded::value(2)).await.unwrap();
        assert_eq!(*hit, 2, "it is stale for ten seconds, as the set said");
    });
}

#[test]
fn what_a_call_said_holds_until_another_call_says_otherwise() {
    paused(async || {
        let (cache, new) = (an_hour().await, LoadPolicy::new);
        load(&cache, new().ttl(MINUTE), Loaded::value(1)).await;
        assert_eq!(fresh_for(&cache).await, MINUTE);
        renewed(&cache, new(), not_modified()).await;
        assert_eq!(fresh_for(&cache).await, MINUTE);
        renewed(&cache, new().ttl(2 * MINUTE), not_modified()).await;
        assert_eq!(fresh_for(&cache).await, 2 * MINUTE);
        renewed(&cache, new(), not_modified()).await;
        assert_eq!(fresh_for(&cache).await, 2 * MINUTE);
    });
}

#[test]
fn a_value_of_which_nothing_was_said_follows_its_tier() {
    paused(async || {
        let (cache, new) = (an_hour().await, LoadPolicy::new);
        load(&cache, new(), Loaded::value(1)).await;
        cache.set_ttl("user", MINUTE).await.unwrap();
        assert_eq!(fresh_for(&cache).await, HOUR);
        renewed(&cache, new(), not_modified()).await;
        assert_eq!(fresh_for(&cache).await, MINUTE);
        renewed(&cache, new(), not_modified().ttl(2 * MINUTE)).await;
        cache.set_ttl("user", HOUR).await.unwrap();
        assert_eq!(fresh_for(&cache).await, 2 * MINUTE);
        renewed(&cache, new(), not_modified()).await;
        assert_eq!(fresh_for(&cache).await, 2 * MINUTE, "its own time does not follow the tier");
    });
}

#[test]
fn a_reservation_and_not_found_say_it_for_what_they_bring() {
    paused(async || {
        let (cache, new) = (an_hour().await, LoadPolicy::new);
        let Reserved::Vacant(reservation) = cache.get_or_reserve::<u64>(KEY).await.unwrap() else {
            panic!("nothing is there");
        };
        assert!(reservation.fill_with(Loaded::value(1).ttl(MINUTE)).await.unwrap().is_stored());
        assert_eq!(fresh_for(&cache).await, MINUTE);
        renewed(&cache, new(), not_modified()).await;
        assert_eq!(fresh_for(&cache).await, MINUTE);
        renewed(&cache, new(), Loaded::not_found().ttl(5 * SECOND)).await;
        assert!(load(&cache, new(), Loaded::value(7)).await.is_none());
        advance(5 * SECOND).await;
        load(&cache, new(), Loaded::value(2)).await;
        assert_eq!(fresh_for(&cache).await, HOUR, "what was said of nothing is not said of the value");
    });
}

#[test]
fn what_jitter_took_is_taken_once() {
    paused(async || {
        let (cache, jitter) = (an_hour().await, LoadPolicy::new().jitter(0.5));
        load(&cache, jitter, Loaded::value(1).ttl(30 * MINUTE)).await;
        let first = fresh_for(&cache).await;
        assert!(first > 15 * MINUTE && first <= 30 * MINUTE);
        for _ in 0..5 {
            renewed(&cache, jitter, not_modified()).await;
            let next = fresh_for(&cache).await;
            assert!(next.abs_diff(first) <= SECOND, "{next:?}, {first:?}");
        }
    });
}

#[test]
fn what_was_expired_by_hand_gets_its_whole_time_again() {
    paused(async || {
        let (cache, new) = (an_hour().await, LoadPolicy::new);
        load(&cache, new(), Loaded::value(1).ttl(10 * MINUTE)).await;
        for _ in 0..2 {
            advance(MINUTE).await;
            assert_eq!(cache.invalidate(Scope::All).expire().await.unwrap().matched, 1);
            assert_eq!(fresh_for(&cache).await, Duration::ZERO);
            renewed(&cache, new(), not_modified()).await;
        }
        assert_eq!(fresh_for(&cache).await, 10 * MINUTE);
        advance(STALE.mul_f64(0.9)).await;
        assert!(load(&cache, new(), not_modified()).await.unwrap().is_stale(), "nor was its grace shortened");
    });
}

#[test]
fn tags_stay_and_more_may_be_added() {
    paused(async || {
        let (cache, new) = (an_hour().await, LoadPolicy::new);
        let tag = |name: &str| Tag::new(name).unwrap();
        cache.set(KEY, &1_u64).ttl(MINUTE).tags(Tags::new([tag("old")])).await.unwrap();
        advance(MINUTE).await;
        renewed(&cache, new(), not_modified().tag(tag("new"))).await;
        assert_eq!(cache.invalidate(tag("old")).dry_run().await.unwrap().matched, 1);
        assert_eq!(cache.invalidate(tag("new")).await.unwrap().matched, 1);
    });
}

#[test]
fn a_refresh_ahead_of_time_keeps_what_was_said_too() {
    paused(async || {
        let (cache, eager) = (cache().await, LoadPolicy::new().eager(0.5));
        load(&cache, eager, Loaded::value(1).ttl(MINUTE)).await;
        for _ in 0..3 {
            advance(40 * SECOND).await;
            assert!(!load(&cache, eager, not_modified()).await.unwrap().is_stale());
        }
        assert_eq!(fresh_for(&cache).await, MINUTE);
    });
}
