//! Sources for users: at the first interaction, once within the tier's time to live.

use std::sync::Arc;

use apex_cache::WarmScope;

use super::common::{advance, paused, settle};
use super::{Alone, Runs, SECOND, counted, free, held};

#[test]
fn the_first_interaction_of_a_user_runs_the_sources_for_users_and_no_others() {
    paused(|| async {
        let ((user, ran), (other, idle)) = (free("u", "user"), free("c", "config"));
        let alone = Alone::new(vec![user.on_user_active(), other]);
        assert!(alone.user_active("42").await);
        settle().await;
        assert_eq!((ran.began(), idle.began()), (1, 0));
        assert_eq!(alone.book.lock().parts, [["user::u42"]]);
        assert_eq!(alone.open_tickets(), 0);
    });
}

#[test]
fn a_user_is_warmed_once_within_the_time_to_live_of_the_tier() {
    paused(|| async {
        let (source, runs) = free("u", "user");
        let alone = Alone::new(vec![source.on_user_active()]);
        assert!(alone.user_active("42").await);
        for _ in 0..5 {
            assert!(!alone.user_active("42").await);
        }
        advance(3_599 * SECOND).await;
        assert!(!alone.user_active("42").await);
        assert!(alone.user_active("43").await, "another user");
        advance(SECOND).await;
        assert!(alone.user_active("42").await, "what was brought has expired");
        settle().await;
        assert_eq!(runs.began(), 3);
    });
}

#[test]
fn a_source_for_users_runs_neither_at_the_start_nor_by_the_clock() {
    paused(|| async {
        let (source, runs) = free("u", "user");
        let _alone = Alone::new(vec![source.on_user_active().required().every(SECOND)]);
        advance(100 * SECOND).await;
        assert_eq!(runs.began(), 0);
    });
}

#[test]
fn a_cache_does_not_wait_for_users_to_be_ready() {
    paused(|| async {
        let (source, _) = free("u", "user");
        let cache = super::common::inline()
            .warm(source.on_user_active().required())
            .start()
            .await
            .expect("it starts");
        assert!(cache.is_ready());
    });
}

#[test]
fn without_a_source_for_users_nothing_begins() {
    paused(|| async {
        let alone = Alone::new(vec![free("c", "config").0]);
        assert!(!alone.user_active("42").await);
    });
}

#[test]
fn a_failed_run_is_tried_again_at_a_later_interaction() {
    paused(|| async {
        let runs = Arc::new(Runs::default());
        let seen = Arc::clone(&runs);
        let source = apex_cache::WarmSource::new("u", "user", move |_run| {
            let first = seen.began.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            async move {
                if first {
                    Err(super::Io::other("no such table"))
                } else {
                    Ok(apex_cache::WarmEntries::new())
                }
            }
        });
        let alone = Alone::new(vec![source.on_user_active()]);
        assert!(alone.user_active("42").await);
        advance(SECOND).await;
        assert!(!alone.user_active("42").await, "not at once: the source has trouble");
        advance(10 * SECOND).await;
        assert_eq!(runs.began(), 1, "nobody asked");
        assert!(alone.user_active("42").await);
        settle().await;
        assert!(!alone.user_active("42").await);
        assert_eq!(runs.began(), 2);
    });
}

#[test]
fn a_command_runs_a_source_for_users_for_those_who_were_active_of_late() {
    paused(|| async {
        let (source, runs) = free("u", "user");
        let alone = Alone::new(vec![source.on_user_active()]);
        assert_eq!(alone.warm(WarmScope::All).await.expect("for nobody").stored(), 0);
        alone.user_active("1").await;
        advance(3_000 * SECOND).await;
        alone.user_active("2").await;
        alone.user_active("3").await;
        advance(700 * SECOND).await;
        assert_eq!(runs.began(), 3);
        let report = alone.warm(WarmScope::Tier("user".into())).await.expect("it runs");
        assert_eq!(
            (report.sources.len(), report.stored(), runs.began()),
            (1, 2, 5),
            "user 1 was active long ago"
        );
    });
}

#[test]
fn runs_of_whole_tiers_go_before_those_of_users_and_users_beyond_the_queue_are_not_warmed() {
    paused(|| async {
        let ((user, ran), (tier, first)) = (held("u", "user"), held("c", "config"));
        let alone = Alone::new(vec![user.on_user_active(), tier]);
        for number in 0..8 + 1_024 {
            assert!(alone.user_active(&number.to_string()).await, "user {number}");
        }
        assert!(!alone.user_active("late").await, "there is a bound");
        settle().await;
        assert_eq!(ran.began(), 8);
        let report = alone.post(WarmScope::Tier("config".into()));
        settle().await;
        assert_eq!(first.began(), 0, "no place is free");
        ran.let_go(1);
        settle().await;
        assert_eq!((first.began(), ran.began()), (1, 8), "the tier goes first");
        first.let_go(1);
        assert_eq!(report.await.expect("answered").expect("it ran").stored(), 1);
        ran.let_go(2_000);
        advance(SECOND).await;
        assert_eq!(ran.began(), 8 + 1_024);
        assert!(alone.user_active("late").await, "there is room again, and nothing was noted against him");
    });
}

#[test]
fn two_sources_for_users_both_run_for_a_user() {
    paused(|| async {
        let runs = Arc::new(Runs::default());
        runs.let_go(10);
        let sources =
            ["a", "b"].map(|name| counted(name, "user", &runs).on_user_active()).into_iter().collect();
        let alone = Alone::new(sources);
        assert!(alone.user_active("42").await);
        settle().await;
        assert_eq!(runs.began(), 2);
    });
}

#[test]
fn a_cache_that_was_cleared_or_switched_off_warms_its_users_again() {
    paused(|| async {
        let (source, runs) = free("u", "user");
        let cache = super::common::inline().warm(source.on_user_active()).start().await.expect("it starts");
        let active = async |user: &str| cache.user_active(user).await.expect("it is answered");
        assert!(active("42").await && !active("42").await);
        cache.invalidate(apex_cache::Scope::All).dry_run().await.expect("counted");
        assert!(!active("42").await, "a dry run takes nothing");
        cache.clear().await.expect("it is cleared");
        assert!(active("42").await && !active("42").await);
        cache.set_enabled(false).await.expect("it is switched");
        cache.set_enabled(true).await.expect("and back");
        assert!(active("42").await && !active("42").await);
        settle().await;
        assert_eq!(runs.began(), 3);
    });
}
