//! When sources run by themselves: at the start, and every so often.

use apex_cache::{Settings, WarmScope, WarmSource};
use tokio::time::advance as jump;

use super::common::{advance, inline, paused, settle};
use super::{Alone, SECOND, free, held};

#[test]
fn a_source_at_start_runs_once_and_one_by_command_does_not() {
    paused(|| async {
        let ((at_start, ran), (by_command, idle)) = (free("a", "config"), free("b", "config"));
        let alone = Alone::new(vec![at_start.at_start(), by_command]);
        advance(100_000 * SECOND).await;
        assert_eq!((ran.began(), idle.began()), (1, 0));
        assert_eq!(alone.book.lock().parts, [["config::a"]]);
        assert_eq!(alone.open_tickets(), 0);
    });
}

#[test]
fn a_disabled_cache_runs_nothing() {
    paused(|| async {
        let (source, ran) = free("a", "config");
        let settings = Settings::default().enabled(false);
        let alone = Alone::with(&settings, vec![source.required().every(SECOND)]);
        advance(100 * SECOND).await;
        assert!(!alone.user_active("42").await);
        let report = alone.warm(WarmScope::All).await.expect("nothing is run");
        assert_eq!((report.sources.len(), report.stored(), ran.began()), (1, 0, 0));
    });
}

#[test]
fn a_periodic_source_runs_again_an_interval_after_the_end_of_its_run() {
    paused(|| async {
        let (source, runs) = held("a", "config");
        let _alone = Alone::new(vec![source.at_start().every(100 * SECOND)]);
        // The run takes 30 s, so the next is due at 130 s.
        advance(30 * SECOND).await;
        runs.let_go(1);
        advance(99 * SECOND).await;
        assert_eq!(runs.began(), 1);
        advance(2 * SECOND).await;
        assert_eq!(runs.began(), 2);
    });
}

#[test]
fn a_periodic_source_that_is_not_for_the_start_waits_an_interval_first() {
    paused(|| async {
        let (source, runs) = free("a", "config");
        let _alone = Alone::new(vec![source.every(100 * SECOND)]);
        advance(99 * SECOND).await;
        assert_eq!(runs.began(), 0);
        advance(2 * SECOND).await;
        assert_eq!(runs.began(), 1);
    });
}

#[test]
fn a_periodic_source_without_an_interval_takes_that_of_the_settings() {
    paused(|| async {
        let (source, runs) = free("a", "config");
        let settings = Settings::default().warm_interval(3_600 * SECOND);
        let _alone = Alone::with(&settings, vec![source.periodic()]);
        advance(48 * 3_600 * SECOND + 60 * SECOND).await;
        assert_eq!(runs.began(), 48);
    });
}

#[test]
fn ticks_that_a_stall_made_it_miss_are_left_out() {
    paused(|| async {
        let (source, runs) = free("a", "config");
        let _alone = Alone::new(vec![source.every(100 * SECOND)]);
        settle().await;
        jump(1_050 * SECOND).await;
        settle().await;
        assert_eq!(runs.began(), 1, "ten were missed, one is made up for");
        advance(98 * SECOND).await;
        assert_eq!(runs.began(), 1, "the next is due a whole interval later");
        advance(3 * SECOND).await;
        assert_eq!(runs.began(), 2);
    });
}

#[test]
fn each_source_has_an_interval_of_its_own() {
    paused(|| async {
        let ((fast, often), (slow, seldom)) = (free("a", "config"), free("b", "user"));
        let _alone = Alone::new(vec![fast.every(10 * SECOND), slow.every(35 * SECOND)]);
        advance(106 * SECOND).await;
        assert_eq!((often.began(), seldom.began()), (10, 3));
    });
}

#[test]
fn a_run_by_command_puts_the_next_periodic_one_off() {
    paused(|| async {
        let (source, runs) = free("a", "config");
        let alone = Alone::new(vec![source.every(100 * SECOND)]);
        advance(60 * SECOND).await;
        alone.warm(WarmScope::All).await.expect("it runs");
        advance(99 * SECOND).await;
        assert_eq!(runs.began(), 1, "160 s is an interval after the run by command");
        advance(2 * SECOND).await;
        assert_eq!(runs.began(), 2);
    });
}

#[test]
fn a_cache_is_ready_once_all_required_sources_have_run_and_serves_before() {
    paused(|| async {
        let ((first, one), (second, two)) = (held("a", "config"), held("b", "user"));
        let (other, never) = held("c", "query");
        let cache = inline()
            .warm(first.required())
            .warm(second.required())
            .warm(other.at_start())
            .start()
            .await
            .expect("it starts");
        settle().await;
        assert!(!cache.is_ready());
        cache.set("user::1", &1).await.expect("it serves before it is ready");
        one.let_go(1);
        settle().await;
        assert!(!cache.is_ready(), "one of two has run");
        two.let_go(1);
        cache.ready().await.expect("both have run");
        assert!(cache.is_ready());
        assert_eq!(never.began(), 1, "what is not required is not waited for");
        let info = cache.info().await.expect("it serves");
        assert!(info.ready);
    });
}

#[test]
fn a_cache_without_required_sources_is_ready_at_once() {
    paused(|| async {
        let (source, _) = held("a", "config");
        let cache = inline().warm(source.at_start()).start().await.expect("it starts");
        assert!(cache.is_ready());
        cache.ready().await.expect("at once");
    });
}

#[test]
fn a_required_source_that_fails_at_first_makes_the_cache_ready_when_it_succeeds() {
    paused(|| async {
        use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
        static TRIES: AtomicU64 = AtomicU64::new(0);
        let source = WarmSource::new("a", "config", |_run| async {
            if TRIES.fetch_add(1, SeqCst) < 3 {
                return Err(super::Io::other("the database is starting"));
            }
            Ok(apex_cache::WarmEntries::new())
        });
        let env = apex_cache::Env::simulated(7);
        let began = env.now();
        let cache = inline().warm(source.required()).start().await.expect("it starts");
        cache.ready().await.expect("it gets ready");
        assert_eq!(env.now().since(began).as_secs(), 1 + 2 + 4, "after pauses that double");
    });
}
