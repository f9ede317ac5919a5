//! Reservations: a host that loads by itself is as safe as a loader that is handed over.

use std::time::Duration;

use apex_cache::message::{Break, Breaks};
use apex_cache::{Cache, Filled, Loaded, Reservation, Reserved, Settings, Source as From, Tag};

use crate::common::{advance, busy, cache, cache_with, paused, settle};
use crate::source::{Row, Source, clock, go, held, info_of, join};

const KEY: &str = "user::42::profile";

async fn reserve(cache: &Cache) -> Reservation<Row> {
    match cache.get_or_reserve::<Row>(KEY).await.unwrap() {
        Reserved::Vacant(reservation) => reservation,
        other => panic!("{other:?}"),
    }
}

async fn hit(cache: &Cache) -> u64 {
    match cache.get_or_reserve::<Row>(KEY).await.unwrap() {
        Reserved::Hit(row) => row.version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_filled_in_is_stored_and_given_to_all_who_wait() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let reservation = reserve(&cache).await;
        assert_eq!(reservation.key().as_str(), KEY);
        let joins = source.ask(&cache, KEY);
        let reserves = {
            let cache = cache.clone();
            go(async move { hit(&cache).await })
        };
        settle().await;
        assert_eq!(reservation.fill(&source.row(KEY)).await.unwrap(), Filled::Stored);
        let joined = join(joins).await.unwrap();
        assert_eq!((joined.version, joined.source()), (1, From::Joined));
        assert_eq!(join(reserves).await, 1);
        assert_eq!((source.reads(), held(&cache, KEY)), (0, Some(1)));
        assert_eq!(hit(&cache).await, 1);
    });
}

#[test]
fn what_is_filled_in_after_an_invalidation_is_not_stored() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let reservation = reserve(&cache).await;
        let old = source.row(KEY);
        source.write(KEY);
        assert_eq!(cache.remove(KEY).await.unwrap().revoked_loads, 1);
        let later = source.get(&cache, KEY).await.unwrap();
        assert_eq!((later.version, later.source()), (2, From::Loaded));
        let filled = reservation.fill(&old).await.unwrap();
        assert_eq!((filled, filled.is_stored()), (Filled::NotStored, false));
        assert_eq!(held(&cache, KEY), Some(2));
        // A set is as good as an invalidation.
        cache.remove(KEY).await.unwrap();
        let reservation = reserve(&cache).await;
        cache.set(KEY, &source.write(KEY)).await.unwrap();
        assert_eq!(reservation.fill(&old).await.unwrap(), Filled::NotStored);
        assert_eq!(held(&cache, KEY), Some(3));
    });
}

#[test]
fn a_reservation_that_is_dropped_frees_the_key_for_the_next_who_waits() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let first = reserve(&cache).await;
        let second = {
            let cache = cache.clone();
            go(async move { reserve(&cache).await })
        };
        settle().await;
        let third = source.ask(&cache, KEY);
        settle().await;
        drop(first);
        let second = join(second).await;
        drop(second);
        assert_eq!(join(third).await.unwrap().source(), From::Loaded, "its own loader took over");
        assert_eq!((source.reads(), held(&cache, KEY)), (1, Some(1)));
        cache.remove(KEY).await.unwrap();
        drop(reserve(&cache).await);
        settle().await;
        assert_eq!(info_of(&cache, "user").await.loads, (0, 0));
        // A call that is dropped before it is answered keeps nobody waiting either.
        busy(&cache, "user", true).await;
        let call = cache.get_or_reserve::<Row>(KEY);
        assert!(tokio::time::timeout(Duration::ZERO, call.into_future()).await.is_err());
        busy(&cache, "user", false).await;
        assert_eq!(source.get(&cache, KEY).await.unwrap().version, 1);
    });
}

#[test]
fn a_reservation_that_is_held_too_long_frees_the_key_and_what_it_brings_goes_nowhere() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let call = cache.get_or_reserve::<Row>(KEY).timeout(Duration::from_secs(2));
        let Reserved::Vacant(reservation) = call.await.unwrap() else { panic!("something was there") };
        let old = source.row(KEY);
        source.write(KEY);
        let waits = source.ask(&cache, KEY);
        advance(Duration::from_secs(1)).await;
        assert_eq!(source.reads(), 0);
        advance(Duration::from_millis(1_100)).await;
        assert_eq!(join(waits).await.unwrap().version, 2, "who waits takes over, and sees no error");
        assert_eq!(reservation.fill(&old).await.unwrap(), Filled::Late);
        assert_eq!(held(&cache, KEY), Some(2));
    });
}

#[test]
fn the_deadline_of_the_call_is_for_the_wait_and_not_for_the_host() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let call = cache.get_or_reserve::<Row>(KEY).deadline(Duration::from_millis(100));
        let Reserved::Vacant(reservation) = call.await.unwrap() else { panic!("something was there") };
        let waits = cache.get_or_reserve::<Row>(KEY).deadline(Duration::from_millis(100)).await;
        assert_eq!(waits.unwrap_err().kind(), apex_cache::ErrorKind::Timeout);
        advance(Duration::from_secs(20)).await;
        assert_eq!(reservation.fill(&source.row(KEY)).await.unwrap(), Filled::Stored);
    });
}

#[test]
fn more_can_be_said_of_what_is_filled_in() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let loaded = Loaded::value(source.row(KEY)).ttl(Duration::from_secs(5)).tag(Tag::new("a").unwrap());
        assert!(reserve(&cache).await.fill_with(loaded).await.unwrap().is_stored());
        advance(Duration::from_secs(4)).await;
        assert_eq!(hit(&cache).await, 1);
        advance(Duration::from_secs(2)).await;
        let filled = reserve(&cache).await.fill_with(Loaded::not_found()).await.unwrap();
        assert!(filled.is_stored());
        assert!(matches!(cache.get_or_reserve::<Row>(KEY).await.unwrap(), Reserved::NotFound));
        advance(Duration::from_secs(31)).await;
        let nothing = reserve(&cache).await.fill_with(Loaded::not_modified()).await;
        assert_eq!(nothing.unwrap_err().kind(), apex_cache::ErrorKind::LoadFailed);
        let kept = reserve(&cache).await.fill_with(Loaded::value(source.row(KEY)).do_not_store()).await;
        assert_eq!(kept.unwrap(), Filled::NotStored);
    });
}

#[test]
fn one_caller_renews_a_stale_value_while_the_others_are_served_it() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        cache
            .set(KEY, &source.row(KEY))
            .ttl(Duration::from_secs(10))
            .stale(Duration::from_secs(60))
            .await
            .unwrap();
        advance(Duration::from_secs(11)).await;
        let ask = || cache.get_or_reserve::<Row>(KEY).stale(Duration::from_secs(60));
        let Reserved::Vacant(reservation) = ask().await.unwrap() else { panic!("nobody renews it") };
        for _ in 0..3 {
            let Reserved::Hit(old) = ask().await.unwrap() else { panic!("two renew it") };
            assert!(old.is_stale());
            advance(Duration::from_secs(2)).await;
        }
        assert!(reservation.fill(&source.write(KEY)).await.unwrap().is_stored());
        assert_eq!(hit(&cache).await, 2);
    });
}

#[test]
fn a_host_is_given_a_reservation_also_when_the_cache_is_in_trouble() {
    paused(async || {
        let settings = Settings::default().load_concurrency(1).load_queue(0);
        let (cache, source) = (cache_with(settings).await, Source::new());
        let gate = source.hold("user::9");
        let blocks = source.ask(&cache, "user::9");
        gate.begun().await;
        let own = cache.clone();
        let reserving = actix::spawn(async move { reserve(&own).await });
        settle().await;
        gate.open(); // there is one place, for loads of the tier and past it
        let reservation = reserving.await.unwrap();
        assert_eq!(reservation.fill(&source.row(KEY)).await.unwrap(), Filled::NotStored);
        join(blocks).await.unwrap();
        assert_eq!(held(&cache, KEY), None);
        let reservation = reserve(&cache).await;
        cache.shutdown().await.unwrap();
        assert_eq!(reservation.fill(&source.row(KEY)).await.unwrap(), Filled::NotStored);
        assert_eq!(reserve(&cache).await.fill(&source.row(KEY)).await.unwrap(), Filled::NotStored);
    });
}

#[test]
fn what_is_filled_in_when_the_tier_broke_waits_for_no_loads_of_others() {
    paused(async || {
        let (cache, source) = (cache_with(Settings::default().load_concurrency(1)).await, Source::new());
        let reservation = reserve(&cache).await;
        let gate = source.hold("user::9");
        let other = source.ask(&cache, "user::9");
        settle().await;
        // The other load goes past the cache now, and waits for the one place, which the reservation holds.
        cache.supervisor().send(Break::new(Breaks::Turn("user".into()))).await.unwrap();
        settle().await;
        let began = clock();
        assert_eq!(reservation.fill(&source.row(KEY)).await.unwrap(), Filled::NotStored);
        gate.begun().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        gate.open();
        join(other).await.unwrap();
    });
}

#[test]
fn a_reservation_may_be_filled_in_another_task() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let (reservation, row) = (reserve(&cache).await, source.row(KEY));
        let filled = join(go(async move { reservation.fill(&row).await })).await;
        assert!(filled.unwrap().is_stored());
    });
}
