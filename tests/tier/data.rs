//! Reading and writing single values.

use std::time::Duration;

use apex_cache::actor::Reply;
use apex_cache::actor::request::{Bulk, Item, TierRequest};
use apex_cache::engine::tier::Stored;
use apex_cache::{ErrorKind, Scope, Settings, Source};

use super::common::{advance, paused};
use super::recorders::{bulk, key, number, value};
use super::{Alone, TTL};

const KEPT: Stored = Stored { kept: true, replaced: false };

#[test]
fn what_was_set_is_read_back_with_its_age_and_where_it_came_from() {
    paused(|| async {
        let tier = Alone::new();
        assert_eq!(tier.set("user::1", value(7)).await.expect("it fits"), KEPT);
        advance(Duration::from_secs(5)).await;
        let given = tier.given("user::1").await.expect("it is there");
        assert_eq!((number(&given.value), given.source, given.stored), (7, Source::Memory, true));
        assert_eq!(given.age, Duration::from_secs(5));
    });
}

#[test]
fn a_set_over_an_older_value_says_that_it_replaced_one() {
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::1", value(1)).await.expect("it fits");
        let second = tier.set("user::1", value(2)).await.expect("it fits");
        assert_eq!(second, Stored { kept: true, replaced: true });
        assert_eq!(tier.get("user::1").await, Some(2));
    });
}

#[test]
fn a_time_to_live_of_zero_keeps_nothing_and_takes_the_older_value_away() {
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::1", value(1)).await.expect("it fits");
        let none = tier.set_for("user::1", value(2), Duration::ZERO).await.expect("it is accepted");
        assert_eq!(none, Stored { kept: false, replaced: true });
        assert_eq!(tier.get("user::1").await, None);
        assert_eq!(tier.shared().counters.displaced.get(), 1);
    });
}

#[test]
fn an_entry_that_is_too_large_is_refused_evicts_nobody_and_leaves_no_older_value() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().max_entry_size(4_096));
        tier.set("user::1", value(1)).await.expect("it fits");
        tier.set("user::2", value(2)).await.expect("it fits");
        let refused = tier.set("user::1", bulk(5_000)).await.expect_err("it is too large");
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        assert_eq!((tier.get("user::1").await, tier.get("user::2").await), (None, Some(2)));
        assert_eq!(tier.shared().counters.too_large.get(), 1);
    });
}

#[test]
fn values_of_one_message_are_stored_in_order_and_each_has_its_result() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().max_entry_size(4_096));
        let item = |text: &str, value| Item::new(key(text), value, TTL).into();
        let items = vec![item("user::1", value(1)), item("user::2", bulk(5_000)), item("user::1", value(3))];
        let stored =
            tier.ask(|reply| TierRequest::SetMany(Bulk::new(items, reply))).await.expect("the tier serves");
        assert_eq!(stored.len(), 3);
        assert!(stored[0].is_ok() && stored[2].as_ref().is_ok_and(|stored| stored.replaced));
        assert_eq!(stored[1].as_ref().map_err(apex_cache::Error::kind), Err(ErrorKind::TooLarge));
        assert_eq!(tier.get("user::1").await, Some(3));
    });
}

#[test]
fn a_removed_key_is_gone_and_an_absent_one_counts_as_none() {
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::1", value(1)).await.expect("it fits");
        let remove =
            |text: &'static str| tier.ask(move |reply| TierRequest::Remove { key: key(text), reply });
        let taken = remove("user::1").await.expect("the tier serves");
        assert_eq!(taken.matched, 1);
        assert!(taken.bytes > 0);
        assert_eq!(remove("user::1").await.expect("the tier serves").matched, 0);
        assert_eq!(tier.get("user::1").await, None);
    });
}

#[test]
fn looking_whether_a_key_is_there_counts_as_no_read() {
    paused(|| async {
        let tier = Alone::new();
        tier.set_for("user::1", value(1), Duration::from_secs(10)).await.expect("it fits");
        let contains =
            |text: &'static str| tier.ask(move |reply| TierRequest::Contains { key: key(text), reply });
        assert!(contains("user::1").await.expect("the tier serves"));
        assert!(!contains("user::2").await.expect("the tier serves"));
        advance(Duration::from_secs(10)).await;
        assert!(!contains("user::1").await.expect("the tier serves"), "its time is over");
        let counters = &tier.shared().counters;
        assert_eq!((counters.hits(), counters.misses()), (0, 0));
    });
}

#[test]
fn reads_are_counted_as_hits_and_misses() {
    paused(|| async {
        let tier = Alone::new();
        tier.set("user::1", value(1)).await.expect("it fits");
        for text in ["user::1", "user::2", "user::1"] {
            tier.get(text).await;
        }
        let counters = &tier.shared().counters;
        assert_eq!((counters.hits(), counters.misses(), counters.sets.get()), (2, 1, 1));
    });
}

#[test]
fn requests_that_wait_together_take_effect_in_their_order() {
    paused(|| async {
        let tier = Alone::new();
        let mut batch = Vec::new();
        let mut answers = Vec::new();
        for round in 0..10 {
            let (reply, _) = Reply::new("user".into());
            let item = Item::new(key("user::1"), value(round), TTL).into();
            batch.push(TierRequest::Set { item, reply });
            let (reply, answer) = Reply::new("user".into());
            batch.push(TierRequest::Get { key: key("user::1"), reply });
            answers.push((round, answer));
        }
        tier.queue(batch);
        for (round, answer) in answers {
            let given = super::answer(answer).await.expect("the tier serves").expect("it was just set");
            assert_eq!(number(&given.value), round);
        }
    });
}

#[test]
fn what_a_caller_no_longer_waits_for_is_applied_all_the_same() {
    paused(|| async {
        let tier = Alone::new();
        let item = Item::new(key("user::1"), value(1), TTL).into();
        drop(tier.post(|reply| TierRequest::Set { item, reply }));
        assert_eq!(tier.get("user::1").await, Some(1));
        drop(tier.post_invalidate(Scope::Key(key("user::1")), false));
        assert_eq!(tier.get("user::1").await, None);
    });
}

#[test]
fn a_disabled_cache_accepts_sets_and_keeps_nothing() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().enabled(false));
        let stored = tier.set("user::1", value(1)).await.expect("it is accepted");
        assert!(!stored.kept);
        assert_eq!(tier.get("user::1").await, None);
        assert_eq!(tier.shared().counters.misses(), 0, "what is switched off counts no reads");
    });
}
