//! Invalidations: what each scope takes, what a dry run counts, and that long ones let others have their turn.

use apex_cache::actor::request::{Bulk, Item, TierRequest};
use apex_cache::engine::tier::Taken;
use apex_cache::{Pattern, Prefix, Scope};

use super::common::paused;
use super::recorders::{key, value};
use super::{Alone, Answer, TTL, answer};

const KEYS: [&str; 6] = [
    "user::42",
    "user::42::profile",
    "user::42::orders::2",
    "user::421",
    "user::421::profile",
    "user_orders::42",
];

fn pattern(text: &str) -> Scope {
    Scope::Pattern(Pattern::parse(text).expect("the pattern of a test is right"))
}

fn prefix(text: &str) -> Scope {
    Scope::Prefix(Prefix::parse(text).expect("the prefix of a test is right"))
}

async fn with_keys() -> Alone {
    let tier = Alone::new();
    for (number, text) in (0..).zip(KEYS) {
        tier.set(text, value(number)).await.expect("it fits");
    }
    tier
}

/// The keys that are still there, as numbers of [`KEYS`].
async fn left(tier: &Alone) -> Vec<u64> {
    let mut left = Vec::new();
    for text in KEYS {
        left.extend(tier.get(text).await);
    }
    left
}

/// Scopes, and which of [`KEYS`] they leave.
fn scopes() -> Vec<(Scope, Vec<u64>)> {
    vec![
        (Scope::Key(key("user::42")), vec![1, 2, 3, 4, 5]),
        (prefix("user::42"), vec![3, 4, 5]),
        (prefix("user"), vec![5]),
        (pattern("user::42::*"), vec![3, 4, 5]),
        (pattern("user::42::profile"), vec![0, 2, 3, 4, 5]),
        (pattern("user::4*"), vec![5]),
        (pattern("*::profile"), vec![0, 2, 3, 5]),
        (pattern("user:*"), vec![5]),
        (pattern("user::42?"), vec![0, 1, 2, 4, 5]),
        (Scope::Tier("user".into()), vec![]),
        (Scope::All, vec![]),
    ]
}

#[test]
fn each_scope_takes_exactly_what_it_names() {
    paused(|| async {
        for (scope, stay) in scopes() {
            let tier = with_keys().await;
            let taken = tier.invalidate(scope.clone()).await;
            assert_eq!(left(&tier).await, stay, "{scope}");
            assert_eq!(taken.matched, (KEYS.len() - stay.len()) as u64, "{scope}");
            assert!(taken.bytes > 0, "{scope}");
        }
    });
}

#[test]
fn a_dry_run_counts_what_the_real_run_takes_and_takes_nothing() {
    paused(|| async {
        for (scope, _) in scopes() {
            let tier = with_keys().await;
            let would = answer(tier.post_invalidate(scope.clone(), true)).await.expect("counted");
            assert_eq!(left(&tier).await.len(), KEYS.len(), "{scope} took something");
            let taken = tier.invalidate(scope.clone()).await;
            assert_eq!(taken, Taken { at: taken.at, ..would }, "{scope}");
        }
    });
}

#[test]
fn an_invalidation_that_matches_nothing_says_so() {
    paused(|| async {
        let tier = with_keys().await;
        for scope in [Scope::Key(key("user::7")), prefix("user::7"), pattern("user::7*")] {
            let taken = tier.invalidate(scope).await;
            assert_eq!(taken, Taken { at: taken.at, ..Taken::default() });
        }
    });
}

fn pending(taken: &mut Answer<Taken>) -> bool {
    matches!(taken.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty))
}

#[test]
fn other_messages_have_their_turn_between_the_slices_of_a_long_invalidation() {
    paused(|| async {
        for scope in [pattern("user::*::x"), prefix("user"), pattern("*::x")] {
            let tier = Alone::new();
            tier.fill(20_000).await;
            let mut taken = tier.post_invalidate(scope.clone(), false);
            // A read, and a set that is newer than the invalidation.
            tier.get("user::1::y").await;
            assert!(pending(&mut taken), "{scope} was answered before all was gone");
            tier.set("user::5::x", value(777)).await.expect("it fits");
            assert!(pending(&mut taken), "{scope} was answered before all was gone");
            let taken = answer(taken).await.expect("carried out");
            assert!((19_999..=20_000).contains(&taken.matched), "{scope}: {taken:?}");
            assert_eq!(tier.get("user::5::x").await, Some(777), "{scope} took what is newer than itself");
            assert_eq!(tier.shared().view.len(), 1, "{scope}");
        }
    });
}

#[test]
fn when_a_long_invalidation_is_answered_all_it_names_is_gone() {
    paused(|| async {
        let tier = Alone::new();
        tier.fill(10_000).await;
        tier.set("user_orders::1", value(1)).await.expect("it fits");
        let taken = tier.invalidate(pattern("user::*")).await;
        assert_eq!(taken.matched, 10_000);
        assert_eq!(tier.shared().view.len(), 1);
        assert_eq!(tier.shared().counters.invalidated.get(), 10_000);
    });
}

#[test]
fn several_long_invalidations_go_on_beside_each_other_and_each_is_answered_once_it_is_true() {
    paused(|| async {
        let tier = Alone::new();
        tier.fill(10_000).await;
        let both = [pattern("user::*5::x"), pattern("user::*7::x")];
        let answers: Vec<_> = both.iter().map(|scope| tier.post_invalidate(scope.clone(), false)).collect();
        for taken in answers {
            assert_eq!(answer(taken).await.expect("carried out").matched, 1_000);
        }
        assert_eq!(tier.shared().view.len(), 8_000);
    });
}

#[test]
fn a_clear_answers_the_invalidations_that_were_under_way() {
    paused(|| async {
        let tier = Alone::new();
        tier.fill(20_000).await;
        let slow = tier.post_invalidate(pattern("user::*::x"), false);
        let clear = tier.post_invalidate(Scope::All, false);
        let (slow, clear) = (answer(slow).await.expect("true now"), answer(clear).await.expect("true now"));
        assert_eq!(slow.matched + clear.matched, 20_000, "each entry is counted once");
        assert!(tier.shared().view.is_empty());
    });
}

#[test]
fn a_drain_is_answered_when_nothing_is_left_to_be_done() {
    paused(|| async {
        let tier = Alone::new();
        tier.drained().await;
        tier.fill(20_000).await;
        let mut slow = tier.post_invalidate(pattern("user::*::x"), false);
        tier.drained().await;
        assert_eq!(slow.try_recv().expect("it is answered").expect("carried out").matched, 20_000);
        // The store of a clear is dropped in slices, after the clear was answered.
        tier.fill(20_000).await;
        assert_eq!(tier.invalidate(Scope::All).await.matched, 20_000);
        tier.drained().await;
    });
}

#[test]
fn a_long_dry_run_does_not_count_what_came_after_it() {
    paused(|| async {
        let tier = Alone::new();
        tier.fill(10_000).await;
        let would = tier.post_invalidate(pattern("*::x"), true);
        let item = |number: u64| Item::new(key(&format!("user::n{number}::x")), value(number), TTL).into();
        let items = (0..100).map(item).collect();
        tier.ask(|reply| TierRequest::SetMany(Bulk::new(items, reply))).await.expect("it serves");
        assert_eq!(answer(would).await.expect("counted").matched, 10_000);
        assert_eq!(tier.shared().view.len(), 10_100);
    });
}
