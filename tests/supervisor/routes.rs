//! Where each message on keys goes, and that the tier's answer comes back.

use std::time::Duration;

use apex_cache::actor::request::{Bulk, TierRequest};
use apex_cache::engine::flight::Class;
use apex_cache::engine::tier::{Stored, Taken};
use apex_cache::message::{Contains, Get, GetOrLoad, Remove, SetMany};
use apex_cache::{Error, ErrorKind, Settings, Source};

use super::common::{paused, settle};
use super::recorders::{key, number, value};
use super::{Alone, answer, set, subject};

const KEPT: Stored = Stored { kept: true, replaced: false };

#[test]
fn a_message_on_a_key_goes_to_the_tier_of_its_first_segment_and_to_no_other() {
    paused(|| async {
        let alone = Alone::new();
        let homes = [
            ("config::roles", "config"),
            ("products", "reference"),
            ("products::1", "reference"),
            ("user::42", "user"),
            ("user_orders::42", "user"),
            ("query::top", "query"),
            ("unheard_of::1", "query"),
        ];
        for (text, home) in homes {
            let waits = (
                alone.post(Get::new(key(text))),
                alone.post(Contains::new(key(text))),
                alone.post(set(text, 1)),
                alone.post(Remove::new(key(text))),
            );
            let batch = alone.tier(home).batch().await;
            assert_eq!(batch.len(), 4, "{text}: one message for all");
            assert!(batch.iter().all(|accepted| subject(&accepted.request) == text));
            assert!(alone.told().is_empty(), "{text} went elsewhere too");
            drop(waits);
        }
    });
}

#[test]
fn what_the_tier_answers_reaches_the_caller_as_it_is() {
    paused(|| async {
        let alone = Alone::new();
        let found = alone.post(Contains::new(key("user::1")));
        let stored = alone.post(set("user::1", 1));
        let removed = alone.post(Remove::new(key("user::1")));
        let failed = alone.post(Contains::new(key("user::2")));
        for accepted in alone.tier("user").batch().await {
            match accepted.request {
                TierRequest::Contains { key, reply } if key.as_str() == "user::1" => reply.answer(Ok(true)),
                TierRequest::Contains { reply, .. } => {
                    reply.answer(Err(Error::TierFailed { tier: "user".into(), crashes: 5 }));
                }
                TierRequest::Set { reply, .. } => reply.answer(Ok(KEPT)),
                TierRequest::Remove { reply, .. } => {
                    reply.answer(Ok(Taken { matched: 1, bytes: 300, revoked_loads: 2, ..Taken::default() }));
                }
                other => panic!("not asked for: {other:?}"),
            }
        }
        assert!(answer(found).await.expect("answered"));
        assert_eq!(answer(stored).await.expect("answered"), KEPT);
        let removed = answer(removed).await.expect("answered");
        assert_eq!((removed.was_present, removed.revoked_loads), (true, 2));
        assert_eq!(answer(failed).await.expect_err("it failed").kind(), ErrorKind::TierFailed);
    });
}

#[test]
fn a_value_lives_as_long_as_the_call_says_else_its_route_else_its_tier() {
    paused(|| async {
        let alone = Alone::new();
        let cases = [
            (set("user::1", 1), 3_600),
            (set("user_orders::1", 1), 1_800),
            (set("user_orders::1", 1).ttl(Duration::from_secs(7)), 7),
        ];
        for (set, secs) in cases {
            let _stored = alone.post(set);
            match alone.tier("user").request().await {
                TierRequest::Set { item, .. } => assert_eq!(item.lasting().ttl, Duration::from_secs(secs)),
                other => panic!("no set: {other:?}"),
            }
        }
    });
}

#[test]
fn many_sets_are_split_by_tier_and_their_results_come_back_in_the_order_given() {
    paused(|| async {
        let settings = Settings::default().unknown_prefix("refuse");
        let alone = Alone::with(&settings);
        let entries = vec![
            set("user::1", 1),
            set("config::a", 2),
            set("nowhere::1", 3),
            set("user::2", 4),
            set("products::1", 5),
        ];
        let stored = alone.post(SetMany::new(entries));
        for (tier, numbers) in [("user", vec![1, 4]), ("config", vec![2]), ("reference", vec![5])] {
            let TierRequest::SetMany(Bulk { left, reply, .. }) = alone.tier(tier).request().await else {
                panic!("{tier} was told something else");
            };
            assert_eq!(left.map(|item| number(&item.value())).collect::<Vec<_>>(), numbers);
            let stored = |number: u64| Ok(Stored { kept: true, replaced: number == 4 });
            reply.answer(Ok(numbers.into_iter().map(stored).collect()));
        }
        assert!(alone.told().is_empty());
        let stored = answer(stored).await.expect("answered");
        let replaced: Vec<Option<bool>> =
            stored.iter().map(|one| one.as_ref().ok().map(|stored| stored.replaced)).collect();
        assert_eq!(replaced, [Some(false), Some(false), None, Some(true), Some(false)]);
        assert_eq!(stored[2].as_ref().map_err(Error::kind), Err(ErrorKind::UnknownPrefix));
    });
}

#[test]
fn bulk_goes_to_a_tier_in_chunks_of_a_mebibyte() {
    paused(|| async {
        let alone = Alone::new();
        let bulk = |n: u64| {
            apex_cache::message::Set::new(key(&format!("user::{n}")), super::recorders::bulk(300_000))
        };
        let _stored = alone.post(SetMany::new((0..10).map(bulk).collect()));
        let batch = alone.tier("user").batch().await;
        let sizes: Vec<usize> = batch
            .iter()
            .map(|accepted| match &accepted.request {
                TierRequest::SetMany(bulk) => bulk.left.len(),
                other => panic!("no chunk: {other:?}"),
            })
            .collect();
        assert_eq!(sizes, [3, 3, 3, 1]);
    });
}

#[test]
fn one_broken_tier_fails_only_its_own_entries_of_many_sets() {
    paused(|| async {
        let alone = Alone::new();
        let stored = alone.post(SetMany::new(vec![set("user::1", 1), set("config::a", 2)]));
        drop(alone.tier("user").request().await); // it broke with the request
        let TierRequest::SetMany(Bulk { reply, .. }) = alone.tier("config").request().await else {
            panic!("no sets")
        };
        reply.answer(Ok(vec![Ok(KEPT)]));
        let stored = answer(stored).await.expect("answered");
        assert_eq!(stored[0].as_ref().map_err(Error::kind), Err(ErrorKind::TierRestarting));
        assert!(stored[1].is_ok());
    });
}

#[test]
fn a_load_is_handed_to_its_tier_with_the_loader_and_the_answer_comes_back() {
    paused(|| async {
        let alone = Alone::new();
        let load = GetOrLoad::of_value(key("user::1"), || async { Ok::<_, std::io::Error>(value(5)) });
        let given = alone.post(load.ttl(Duration::from_secs(9)));
        let TierRequest::Load(request) = alone.tier("user").request().await else { panic!("no load") };
        assert_eq!(
            (request.key.as_str(), request.terms.ttl, request.class),
            ("user::1", Duration::from_secs(9), Class::Caller)
        );
        let reply = request.reply.expect("somebody waits");
        reply.answer(Err(Error::LoadPanicked { key: apex_cache::error::Shown::new("user::1") }));
        assert_eq!(answer(given).await.expect_err("as answered").kind(), ErrorKind::LoadPanicked);
    });
}

#[test]
fn a_load_whose_tier_broke_is_served_by_the_loader_itself() {
    paused(|| async {
        let alone = Alone::new();
        let load = GetOrLoad::of_value(key("user::1"), || async { Ok::<_, std::io::Error>(value(5)) });
        let given = alone.post(load);
        drop(alone.tier("user").request().await); // it broke with the request
        let given = answer(given).await.expect("the loader ran in the caller's task");
        assert_eq!((number(&given.value), given.source, given.stored), (5, Source::Bypass, false));
    });
}

#[test]
fn a_load_that_is_not_answered_ends_at_the_deadline_of_its_caller() {
    paused(|| async {
        let alone = Alone::new();
        let load = || GetOrLoad::of_value(key("user::1"), || async { Ok::<_, std::io::Error>(value(5)) });
        let own = answer(alone.post(load().deadline(Duration::from_millis(20)))).await;
        assert_eq!(own.expect_err("nobody answers").kind(), ErrorKind::Timeout);
        let limit = answer(alone.post(load())).await;
        assert_eq!(limit.expect_err("nobody answers").kind(), ErrorKind::LoadTimeout);
    });
}

#[test]
fn a_key_that_no_tier_takes_is_refused_before_anything_is_sent() {
    paused(|| async {
        let alone = Alone::with(&Settings::default().unknown_prefix("refuse"));
        let nowhere = || key("nowhere::1");
        let kinds = [
            answer(alone.post(Get::new(nowhere()))).await.map(drop),
            answer(alone.post(Contains::new(nowhere()))).await.map(drop),
            answer(alone.post(set("nowhere::1", 1))).await.map(drop),
            answer(alone.post(Remove::new(nowhere()))).await.map(drop),
        ];
        for refused in kinds {
            assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::UnknownPrefix));
        }
        settle().await;
        assert!(alone.told().is_empty());
    });
}
