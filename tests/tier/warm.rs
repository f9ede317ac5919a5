//! Warm runs: a ticket, parts under it, and what must not be brought back.

use apex_cache::Scope;
use apex_cache::actor::request::{Item, TierRequest};
use apex_cache::engine::journal::Ticket;
use apex_cache::engine::tier::Warmed;
use apex_cache::settings::Eviction;
use apex_cache::{Settings, Source};

use super::common::paused;
use super::recorders::{bulk, key, value};
use super::{Alone, TTL, answer};

async fn begin(tier: &Alone) -> Ticket {
    tier.ask(|reply| TierRequest::BeginWarm { reply }).await.expect("the tier serves")
}

async fn store(tier: &Alone, ticket: Ticket, items: Vec<(&str, u64)>) -> Vec<Warmed> {
    let item = |(text, number)| Item::new(key(text), value(number), TTL);
    let items = items.into_iter().map(item).collect();
    tier.ask(|reply| TierRequest::StoreWarm { ticket, items, reply }).await.expect("the tier serves")
}

#[test]
fn what_a_run_brings_is_stored_and_replaces_what_is_older() {
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::1", value(1)).await.expect("it fits");
        let ticket = begin(&tier).await;
        let stored = store(&tier, ticket, vec![("user::1", 10), ("user::2", 20)]).await;
        assert_eq!(stored, [Warmed::Stored, Warmed::Stored]);
        let given = tier.given("user::1").await.expect("it is there");
        assert_eq!((super::recorders::number(&given.value), given.source), (10, Source::Memory));
        assert_eq!(tier.shared().counters.stored_by_warm.get(), 2);
    });
}

#[test]
fn what_was_set_or_invalidated_since_the_run_began_is_not_brought_back() {
    paused(|| async {
        let tier = Alone::new();
        let ticket = begin(&tier).await;
        tier.set("user::set", value(1)).await.expect("it fits");
        tier.ask(|reply| TierRequest::Remove { key: key("user::removed"), reply }).await.expect("it serves");
        tier.invalidate(Scope::Prefix(apex_cache::Prefix::parse("user::42").expect("a prefix"))).await;
        let brought = vec![("user::set", 9), ("user::removed", 9), ("user::42::profile", 9), ("user::43", 9)];
        let stored = store(&tier, ticket, brought).await;
        assert_eq!(stored, [Warmed::Revoked, Warmed::Revoked, Warmed::Revoked, Warmed::Stored]);
        assert_eq!(tier.get("user::set").await, Some(1));
        assert_eq!(tier.shared().counters.warm_revoked.get(), 3);
    });
}

#[test]
fn a_set_that_was_evicted_before_the_run_ended_keeps_the_old_row_out() {
    paused(|| async {
        let settings = Settings::default().max_size_mb(10).tier("user", |tier| tier.eviction(Eviction::Lru));
        let tier = Alone::at_its_floor(&settings);
        let ticket = begin(&tier).await;
        tier.set("user::1", value(1)).await.expect("it fits");
        // Others push it out.
        for number in 0..8 {
            tier.set(&format!("user::big{number}"), bulk(200_000)).await.expect("it fits");
        }
        assert_eq!(tier.get("user::1").await, None, "the test needs it to be evicted");
        assert_eq!(store(&tier, ticket, vec![("user::1", 0)]).await, [Warmed::Revoked]);
    });
}

#[test]
fn an_ended_ticket_stores_nothing_more() {
    paused(|| async {
        let tier = Alone::new();
        let ticket = begin(&tier).await;
        tier.tell(TierRequest::EndWarm { ticket });
        assert_eq!(store(&tier, ticket, vec![("user::1", 1)]).await, [Warmed::Revoked]);
        // Ending it twice harms no other run.
        let other = begin(&tier).await;
        tier.tell(TierRequest::EndWarm { ticket });
        assert_eq!(store(&tier, other, vec![("user::1", 1)]).await, [Warmed::Stored]);
    });
}

#[test]
fn a_ticket_of_an_earlier_life_stores_nothing() {
    paused(|| async {
        let tier = Alone::new();
        let ticket = begin(&tier).await;
        tier.tell(TierRequest::Break);
        assert_eq!(store(&tier, ticket, vec![("user::1", 1)]).await, [Warmed::Revoked]);
        assert_eq!(begin(&tier).await.incarnation, ticket.incarnation + 1);
    });
}

#[test]
fn a_ticket_that_nobody_waited_for_stays_not_open() {
    paused(|| async {
        let tier = Alone::new();
        let (reply, answer) = apex_cache::actor::Reply::new("user".into());
        drop(answer);
        tier.tell(TierRequest::BeginWarm { reply });
        // The number that the ticket had: the first of this tier.
        let ticket = Ticket { incarnation: 0, seq0: 1 };
        assert_eq!(store(&tier, ticket, vec![("user::1", 1)]).await, [Warmed::Revoked]);
        // One that was waited for has the next number, and is open.
        assert_eq!(begin(&tier).await, Ticket { incarnation: 0, seq0: 2 });
    });
}

#[test]
fn a_run_pushes_out_nothing_that_is_in_use() {
    paused(|| async {
        let tier = Alone::at_its_floor(&Settings::default().max_size_mb(10));
        for number in 0..5 {
            tier.set(&format!("user::big{number}"), bulk(200_000)).await.expect("it fits");
        }
        let ticket = begin(&tier).await;
        let items = vec![Item::new(key("user::warm"), bulk(200_000), TTL)];
        let stored = answer(tier.post(|reply| TierRequest::StoreWarm { ticket, items, reply })).await;
        assert_eq!(stored.expect("it serves"), [Warmed::NoRoom]);
        assert_eq!(tier.shared().view.len(), 5);
        assert_eq!(tier.shared().counters.warm_no_room.get(), 1);
    });
}

#[test]
fn what_is_too_large_or_lives_no_time_is_not_kept() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().max_entry_size(4_096));
        let ticket = begin(&tier).await;
        let item = |text: &str, value, ttl| Item::new(key(text), value, ttl);
        let items =
            vec![item("user::1", bulk(5_000), TTL), item("user::2", value(1), std::time::Duration::ZERO)];
        let stored =
            tier.ask(|reply| TierRequest::StoreWarm { ticket, items, reply }).await.expect("it serves");
        assert_eq!(stored, [Warmed::NotKept, Warmed::NotKept]);
        assert!(tier.shared().view.is_empty());
    });
}
