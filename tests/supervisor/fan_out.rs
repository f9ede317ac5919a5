//! Invalidations: to exactly the tiers that they can reach, answered once all have answered.

use apex_cache::actor::request::TierRequest;
use apex_cache::engine::tier::Taken;
use apex_cache::message::Invalidate;
use apex_cache::{Error, ErrorKind, Pattern, Prefix, Scope};
use futures_poll::is_pending;

use super::common::{paused, settle};
use super::recorders::key;
use super::{Alone, answer};

/// Whether a future waits still, asked once.
mod futures_poll {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Waker};

    pub(super) fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }
}

const ALL: [&str; 4] = ["config", "reference", "user", "query"];

fn pattern(text: &str) -> Scope {
    Scope::Pattern(Pattern::parse(text).expect("the pattern of a test is right"))
}

fn prefix(text: &str) -> Scope {
    Scope::Prefix(Prefix::parse(text).expect("the prefix of a test is right"))
}

#[test]
fn an_invalidation_goes_to_exactly_the_tiers_that_its_scope_can_reach() {
    paused(|| async {
        let alone = Alone::new();
        let cases: Vec<(Scope, &[&str])> = vec![
            (Scope::Key(key("user::1")), &["user"]),
            (Scope::Key(key("unheard_of::1")), &["query"]),
            (prefix("products"), &["reference"]),
            (prefix("products::1"), &["reference"]),
            (pattern("user::42::*"), &["user"]),
            // `products:x::1` has a first segment that no tier was made for.
            (pattern("products:*"), &["reference", "query"]),
            (pattern("*::42"), &ALL),
            (pattern("*"), &ALL),
            (Scope::Tier("config".into()), &["config"]),
            (Scope::All, &ALL),
        ];
        for (scope, reached) in cases {
            let _taken = alone.post(Invalidate::new(scope.clone()));
            settle().await;
            assert_eq!(alone.told(), reached, "{scope}");
        }
    });
}

async fn reply_of(alone: &Alone, tier: &str) -> apex_cache::actor::Reply<Taken> {
    match alone.tier(tier).request().await {
        TierRequest::Invalidate { reply, .. } => reply,
        other => panic!("{tier} was told {other:?}"),
    }
}

#[test]
fn it_is_answered_with_sums_only_after_all_tiers_have_answered() {
    paused(|| async {
        let alone = Alone::new();
        let mut taken = alone.post(Invalidate::new(Scope::All));
        for (number, tier) in (1..).zip(ALL) {
            assert!(is_pending(&mut taken), "answered before {tier} had answered");
            let reply = reply_of(&alone, tier).await;
            reply.answer(Ok(Taken {
                matched: number,
                bytes: 100 * number,
                revoked_loads: 1,
                ..Taken::default()
            }));
        }
        let taken = answer(taken).await.expect("all have answered");
        assert_eq!((taken.matched, taken.bytes, taken.revoked_loads, taken.tiers), (10, 1_000, 4, 4));
    });
}

#[test]
fn a_tier_that_breaks_makes_it_partial_and_is_named() {
    paused(|| async {
        let alone = Alone::new();
        let mut taken = alone.post(Invalidate::new(Scope::All));
        drop(reply_of(&alone, "reference").await);
        drop(reply_of(&alone, "query").await);
        reply_of(&alone, "config").await.answer(Ok(Taken::default()));
        assert!(is_pending(&mut taken), "one tier has not answered");
        reply_of(&alone, "user").await.answer(Ok(Taken::default()));
        let error = answer(taken).await.expect_err("two broke");
        assert_eq!(error.kind(), ErrorKind::Partial);
        assert!(matches!(&error, Error::Partial { tiers } if tiers == "reference, query"), "{error}");
    });
}

#[test]
fn a_dry_run_is_passed_on_as_one() {
    paused(|| async {
        let alone = Alone::new();
        for dry in [false, true] {
            let invalidate = Invalidate::new(Scope::Tier("user".into()));
            let _taken = alone.post(if dry { invalidate.dry_run() } else { invalidate });
            match alone.tier("user").request().await {
                TierRequest::Invalidate { dry_run, .. } => assert_eq!(dry_run, dry),
                other => panic!("no invalidation: {other:?}"),
            }
        }
    });
}

#[test]
fn an_invalidation_of_a_tier_that_does_not_exist_says_which_exist() {
    paused(|| async {
        let alone = Alone::new();
        let error = answer(alone.post(Invalidate::new(Scope::Tier("users".into())))).await;
        assert_eq!(
            error.expect_err("there is none").to_string(),
            "there is no tier \"users\"; there are config, reference, user, query"
        );
        settle().await;
        assert!(alone.told().is_empty());
    });
}

#[test]
fn an_invalidation_that_nobody_waits_for_goes_out_all_the_same() {
    paused(|| async {
        let alone = Alone::new();
        drop(alone.post(Invalidate::new(Scope::All)));
        settle().await;
        assert_eq!(alone.told(), ALL);
    });
}
