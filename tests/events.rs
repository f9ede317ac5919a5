//! What takes place, as those hear it who listen: in order, bounded, and at nobody's cost.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/log.rs"]
mod log;
#[path = "common/recorders.rs"]
mod recorders;
#[path = "common/source.rs"]
mod source;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix::Actor;
use apex_cache::actor::request::{Item, TierRequest};
use apex_cache::actor::{Reply, TierActor};
use apex_cache::engine::terms::Terms;
use apex_cache::message::{Break, Breaks, Cause, NotStored};
use apex_cache::{Cache, ErrorKind, Event, Events, Pattern, Settings, Tags};

use common::{advance, cache, cache_with, inline, paused, settle};
use log::Log;
use recorders::{Neighbours, key, value};
use source::{Random, Source, join, soon};

const KEY: &str = "user::42";
const SECOND: Duration = Duration::from_secs(1);

/// The events that are there, without waiting for more; the last is `None` when the cache has ended.
async fn heard(events: &mut Events) -> Vec<Option<Event>> {
    let mut heard = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        // tokio has a task wait now and then although something is there, until others had their turn.
        settle().await;
        let before = heard.len();
        while let Poll::Ready(event) = pin!(events.recv()).poll(&mut cx) {
            let ended = event.is_none();
            heard.push(event);
            if ended {
                return heard;
            }
        }
        if heard.len() == before {
            return heard;
        }
    }
}

/// An event in one word or two, with its key.
fn word(event: &Event) -> String {
    match event {
        Event::Removed { key, cause, .. } => format!("{cause:?} {key}"),
        Event::Loaded { key, not_stored: None, .. } => format!("Loaded {key}"),
        Event::Loaded { key, not_stored: Some(why), .. } => format!("Loaded {key} {why:?}"),
        Event::Refreshed { key, .. } => format!("Refreshed {key}"),
        Event::LoadFailed { key, kind, .. } => format!("{kind:?} {key}"),
        Event::Cleared { tier, count, .. } => format!("Cleared {tier} {count}"),
        Event::Restarted { tier, count, .. } => format!("Restarted {tier} {count}"),
        Event::RemovedMany { cause, count, .. } => format!("{cause:?} {count} entries"),
        Event::Missed(count) => format!("Missed {count}"),
        other => format!("{other:?}"),
    }
}

async fn words(events: &mut Events) -> Vec<String> {
    heard(events).await.iter().map(|event| event.as_ref().map_or_else(|| "end".to_owned(), word)).collect()
}

async fn load(cache: &Cache, answer: Result<u64, &'static str>) -> apex_cache::Result<u64> {
    let load = move || async move { answer.map_err(io::Error::other) };
    cache.get_or_load(KEY, load).await.map(|hit| *hit)
}

#[test]
fn every_way_to_leave_is_told_once_with_its_cause() {
    paused(async || {
        let cache = cache_with(Settings::default().max_entry_size(4_096)).await;
        let mut events = cache.events();
        cache.set(KEY, &1_u64).await.unwrap();
        assert!(words(&mut events).await.is_empty(), "nothing left");
        cache.set(KEY, &2_u64).await.unwrap();
        assert_eq!(words(&mut events).await, ["Replaced user::42"]);
        cache.remove(KEY).await.unwrap();
        cache.remove(KEY).await.unwrap();
        assert_eq!(words(&mut events).await, ["Removed user::42"]);
        cache.set(KEY, &3_u64).await.unwrap();
        cache.invalidate(Pattern::parse("user::*").unwrap()).await.unwrap();
        assert_eq!(words(&mut events).await, ["Invalidated user::42"]);
        cache.set(KEY, &4_u64).await.unwrap();
        cache.set(KEY, &crate::common::noise(5_000)).await.expect_err("too large");
        assert_eq!(words(&mut events).await, ["Displaced user::42"]);
        cache.set(KEY, &5_u64).ttl(SECOND).await.unwrap();
        advance(Duration::from_secs(7_200)).await;
        assert_eq!(words(&mut events).await, ["Expired user::42"]);
    });
}

#[test]
fn a_removal_tells_tier_age_size_hits_and_a_number_that_never_falls() {
    paused(async || {
        let cache = cache().await;
        let mut events = cache.events();
        cache.set(KEY, &1_u64).await.unwrap();
        cache.get::<u64>(KEY).await.unwrap();
        let weight = cache.explain(KEY).await.unwrap().held.unwrap().size;
        advance(5 * SECOND).await;
        cache.remove(KEY).await.unwrap();
        cache.set(KEY, &1_u64).await.unwrap();
        cache.remove(KEY).await.unwrap();
        let heard = heard(&mut events).await;
        let Some(Event::Removed { tier, age, size, hits, seq, .. }) = &heard[0] else { panic!("{heard:?}") };
        assert_eq!((&**tier, *age, *size, *hits), ("user", 5 * SECOND, weight, 1));
        assert!(matches!(&heard[1], Some(Event::Removed { seq: later, .. }) if later > seq), "{heard:?}");
    });
}

#[test]
fn loads_are_told_with_what_became_of_them() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let mut events = cache.events();
        load(&cache, Err("down")).await.expect_err("it fails");
        load(&cache, Ok(1)).await.unwrap();
        assert_eq!(words(&mut events).await, ["LoadFailed user::42", "Loaded user::42"]);
        let none = || async { Ok::<Option<u64>, io::Error>(None) };
        cache.get_or_find("user::0", none).await.unwrap();
        assert!(matches!(&heard(&mut events).await[..], [Some(Event::Loaded { found: false, .. })]));

        let gate = source.hold("user::7");
        let asked = source.ask(&cache, "user::7");
        gate.begun().await;
        cache.invalidate(Pattern::parse("user::7*").unwrap()).await.unwrap();
        advance(2 * SECOND).await;
        gate.open();
        join(asked).await.unwrap();
        let heard = heard(&mut events).await;
        let [Some(Event::Loaded { took, not_stored, .. })] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((took.as_secs(), *not_stored), (2, Some(NotStored::Revoked)));
    });
}

#[test]
fn a_refresh_is_told_behind_the_removal_of_what_it_replaced() {
    paused(async || {
        let cache = cache().await;
        let mut events = cache.events();
        cache.set(KEY, &1_u64).ttl(SECOND).stale(60 * SECOND).await.unwrap();
        advance(2 * SECOND).await;
        let stale = cache.get_or_load(KEY, || async { Ok::<_, io::Error>(2_u64) }).stale(60 * SECOND).await;
        assert!(stale.unwrap().is_stale());
        assert_eq!(words(&mut events).await, ["Replaced user::42", "Refreshed user::42"]);
    });
}

#[test]
fn a_clear_is_one_event_for_each_tier_and_so_is_a_tier_that_begins_anew() {
    paused(async || {
        let cache = cache().await;
        for number in 0..500 {
            cache.set(format!("user::{number}"), &number).await.unwrap();
        }
        cache.set("config::a", &1_u64).await.unwrap();
        let mut events = cache.events();
        let taken = cache.clear().await.unwrap();
        let heard = heard(&mut events).await;
        let count = |wanted: &str| {
            heard.iter().flatten().find_map(|event| match event {
                Event::Cleared { tier, count, bytes, .. } if &**tier == wanted => Some((*count, *bytes)),
                _ => None,
            })
        };
        assert_eq!((heard.len(), count("user").unwrap().0, count("config").unwrap().0), (4, 500, 1));
        assert_eq!(count("user").unwrap().1 + count("config").unwrap().1, taken.bytes);
        // The death of the actor loses nothing.
        for (what, lost) in [(Breaks::Turn("user".into()), 1), (Breaks::Tier("user".into()), 0)] {
            cache.set(KEY, &1_u64).await.unwrap();
            let _ = cache.supervisor().send(Break::new(what)).await;
            assert_eq!(words(&mut events).await, [format!("Restarted user {lost}")]);
        }
    });
}

#[test]
fn who_is_too_slow_is_told_how_much_was_lost_and_goes_on_with_what_is_left() {
    paused(async || {
        let cache = cache().await;
        let (mut slow, mut quick) = (cache.events(), cache.events());
        for number in 0..3_000_u64 {
            cache.set(KEY, &number).await.unwrap();
            let told = usize::from(number > 0);
            assert_eq!(heard(&mut quick).await.len(), told, "the slow one holds up nobody");
        }
        let words = words(&mut slow).await;
        assert_eq!(words.len(), 2_999);
        assert!(words.iter().all(|word| word == "Replaced user::42"));
    });
}

#[test]
fn one_who_counts_is_told_of_every_entry_of_a_wide_invalidation() {
    const ENTRIES: u64 = 70_000;
    paused(async || {
        let counted = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&counted);
        let count = move |event: &Event| {
            let count = match event {
                Event::Removed { cause: Cause::Invalidated, .. } => 1,
                Event::RemovedMany { cause: Cause::Invalidated, count, .. } => *count,
                other => panic!("{other:?}"),
            };
            counter.fetch_add(count, SeqCst);
        };
        let settings = Settings::default().max_size_mb(512);
        let cache = inline().settings(settings).on_event(count).start().await.unwrap();
        let mut stuck = cache.events();
        for number in 0..ENTRIES {
            cache.set(format!("user::{number}"), &number).await.unwrap();
        }
        let taken = cache.invalidate(Pattern::parse("user::*").unwrap()).await.unwrap();
        settle().await;
        assert_eq!((taken.matched, counted.load(SeqCst)), (ENTRIES, ENTRIES));
        // One who comes late is told of all of them too, of the oldest in sums.
        let heard = heard(&mut stuck).await;
        let first = heard[0].clone().unwrap();
        let Event::RemovedMany { tier, count, .. } = first else { panic!("{first:?}") };
        assert_eq!((&*tier, count), ("user", ENTRIES - 65_536));
        assert_eq!(heard.len(), 65_537);
        cache.shutdown().await.unwrap();
    });
}

#[test]
fn what_had_expired_when_it_was_set_loaded_or_removed_is_told_as_expired() {
    paused(async || {
        let settings = Settings::default().cleanup_interval(Duration::from_secs(3_600));
        let cache = cache_with(settings).await;
        let mut events = cache.events();
        let second = Duration::from_secs(1);
        for key in ["user::1", "user::2", "user::3", "user::4"] {
            cache.set(key, &1_u64).ttl(second).await.unwrap();
        }
        advance(second).await;
        cache.set("user::1", &2_u64).await.unwrap();
        cache.get_or_load("user::2", || async { Ok::<_, io::Error>(2_u64) }).await.unwrap();
        cache.remove("user::3").await.unwrap();
        cache.set("user::4", &2_u64).ttl(Duration::ZERO).await.unwrap();
        cache.set("user::1", &3_u64).await.unwrap();
        let wanted = [
            "Expired user::1",
            "Loaded user::2",
            "Expired user::2",
            "Expired user::3",
            "Expired user::4",
            "Replaced user::1",
        ];
        let mut words = words(&mut events).await;
        words[1..3].sort_by_key(|word| word.starts_with("Expired"));
        assert_eq!(words, wanted);
    });
}

#[test]
fn events_of_a_tier_come_in_the_order_in_which_things_took_place() {
    let seed = 11;
    paused(async || {
        let cache = cache().await;
        let (mut events, mut random) = (cache.events(), Random(seed));
        let mut wanted = Vec::new();
        let mut held = std::collections::BTreeSet::new();
        for _ in 0..800 {
            let key = format!("user::{}", random.below(20));
            match random.below(5) {
                0 | 1 => {
                    cache.set(key.as_str(), &1_u64).await.unwrap();
                    if !held.insert(key.clone()) {
                        wanted.push(format!("Replaced {key}"));
                    }
                }
                2 => {
                    cache.remove(key.as_str()).await.unwrap();
                    if held.remove(&key) {
                        wanted.push(format!("Removed {key}"));
                    }
                }
                3 => {
                    let load = || async { Ok::<_, io::Error>(1_u64) };
                    cache.get_or_load(key.as_str(), load).await.unwrap();
                    if held.insert(key.clone()) {
                        wanted.push(format!("Loaded {key}"));
                    }
                }
                _ if random.below(10) == 0 => {
                    cache.invalidate(apex_cache::Scope::Tier("user".into())).await.unwrap();
                    wanted.push(format!("Cleared user {}", held.len()));
                    held.clear();
                }
                _ => {}
            }
        }
        assert_eq!(words(&mut events).await, wanted, "seed {seed}");
    });
}

#[test]
fn a_listener_that_panics_is_called_with_the_next_event_and_harms_nobody() {
    paused(async || {
        let (calls, told) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, book) = (Arc::clone(&calls), Arc::clone(&told));
        let builder = inline()
            .on_event(move |_| {
                count.fetch_add(1, SeqCst);
                panic!("the listener of a test");
            })
            .on_event(move |event| book.lock().unwrap().push(word(event)));
        let log = Log::start();
        let cache = builder.start().await.unwrap();
        for number in 0..4_u64 {
            cache.set(KEY, &number).await.unwrap();
        }
        settle().await;
        assert_eq!((calls.load(SeqCst), told.lock().unwrap().len()), (3, 3));
        assert_eq!(log.lines("a listener of the host panicked"), 1, "once a minute at most: {log:?}");
        advance(61 * SECOND).await;
        cache.set(KEY, &3_u64).await.unwrap();
        settle().await;
        assert_eq!(log.lines("left_out=2"), 1, "{log:?}");
        assert_eq!(
            log.lines(KEY) + log.lines("the listener of a test"),
            0,
            "no key, and not its words: {log:?}"
        );
        assert_eq!(cache.get::<u64>(KEY).await.unwrap().map(|hit| *hit), Some(3));
        cache.shutdown().await.unwrap();
        settle().await;
        assert_eq!((Arc::strong_count(&calls), Arc::strong_count(&told)), (1, 1), "they end with the cache");
    });
}

#[test]
fn when_the_cache_ends_what_is_left_is_told_and_then_nothing_more() {
    paused(async || {
        let cache = cache().await;
        let (mut events, mut other) = (cache.events(), cache.events());
        cache.set(KEY, &1_u64).await.unwrap();
        cache.remove(KEY).await.unwrap();
        cache.set(KEY, &2_u64).await.unwrap();
        cache.shutdown().await.unwrap();
        assert_eq!(words(&mut events).await, ["Removed user::42", "end"]);
        assert_eq!(events.recv().await, None, "again");
        assert_eq!(soon("the end", cache.events().recv()).await, None, "who begins to listen after the end");
        drop(cache);
        assert!(other.recv().await.is_some() && other.recv().await.is_none());
    });
}

#[test]
fn listening_keeps_no_cache_alive() {
    paused(async || {
        let cache = cache().await;
        let mut events = cache.events();
        drop(cache);
        assert_eq!(soon("the end", events.recv()).await, None);
    });
}

#[test]
fn when_nobody_listens_no_event_is_made() {
    paused(async || {
        let neighbours = Neighbours::with(&Settings::default(), Vec::new());
        let (wiring, id) = (Arc::clone(&neighbours.wiring), neighbours.id("user"));
        wiring.stand_in(id, false);
        let _tier = TierActor::new(&wiring, id).start();
        let set = async |number| {
            let terms = Terms { ttl: SECOND, ..Terms::default() };
            let item = Item { key: key(KEY), value: value(number), tags: Tags::NONE, terms }.into();
            let (reply, answer) = Reply::new("user".into());
            wiring.deliver(id, TierRequest::Set { item, reply });
            soon("the set is answered", answer).await.unwrap().unwrap();
        };
        for number in 0..10 {
            set(number).await;
        }
        assert_eq!(wiring.events_built(), 0);
        let events = wiring.listen();
        set(10).await;
        assert_eq!(wiring.events_built(), 1, "the same with a listener");
        drop(events);
        set(11).await;
        assert_eq!(wiring.events_built(), 1, "and after it went");
    });
    // The same through a cache: a listener that went away costs as little as none.
    paused(async || {
        let cache = cache().await;
        let mut events = cache.events();
        cache.set(KEY, &1_u64).await.unwrap();
        cache.set(KEY, &2_u64).await.unwrap();
        assert_eq!(words(&mut events).await.len(), 1);
        drop(events);
        cache.set(KEY, &3_u64).await.unwrap();
        let mut late = cache.events();
        assert!(words(&mut late).await.is_empty(), "what took place before is not told");
        cache.remove(KEY).await.unwrap();
        let heard = heard(&mut late).await;
        assert!(matches!(&heard[..], [Some(Event::Removed { cause: Cause::Removed, .. })]), "{heard:?}");
    });
}

#[test]
fn no_event_shows_a_value_or_what_a_loader_said() {
    paused(async || {
        let cache = cache().await;
        let mut events = cache.events();
        cache.set(KEY, "the secret").await.unwrap();
        cache.set(KEY, "the secret").await.unwrap();
        cache.remove(KEY).await.unwrap();
        load(&cache, Err("the secret")).await.expect_err("it fails");
        let heard = heard(&mut events).await;
        assert!(matches!(heard.last(), Some(Some(Event::LoadFailed { kind: ErrorKind::LoadFailed, .. }))));
        assert_eq!(heard.len(), 3);
        assert!(!format!("{heard:?}").contains("secret"));
    });
}
