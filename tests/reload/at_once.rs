//! Settings that are read again while something else goes on: other changes, callers that leave, crashes, the end.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use apex_cache::message::{Break, Breaks, Reload};
use apex_cache::{Cache, ErrorKind};

use crate::common::{noise, paused, settle};
use crate::{File, MINUTE, budget_mb, told, ttl_of};

const MB: u64 = 1 << 20;

/// Begins `future`, as far as it goes without waiting.
async fn begin<F: Future + Unpin>(future: &mut F) {
    std::future::poll_fn(|cx| {
        assert!(std::pin::Pin::new(&mut *future).poll(cx).is_pending(), "it waits");
        Poll::Ready(())
    })
    .await;
}

#[test]
fn beside_another_change_of_the_budget_the_later_one_holds_and_each_is_told_what_was_before() {
    paused(|| async {
        let mut met = [false; 2];
        for round in 0..40 {
            let file = File::new("max_size_mb = 64\n");
            let cache = file.cache().await;
            file.edit("max_size_mb = 32\nttl_user = 60\n");
            let reload = cache.supervisor().send(Reload::new());
            // Reading takes as long as it takes: now and then the other comes first, now and then behind.
            for _ in 0..round % 4 * 16 {
                tokio::task::yield_now().await;
            }
            if round % 2 == 0 {
                tokio::task::spawn_blocking(|| ()).await.unwrap();
            }
            let (reloaded, set) = tokio::join!(reload, cache.set_budget(48 * MB));
            let (reloaded, budget) = (told(&reloaded.unwrap()), budget_mb(&cache).await);
            set.unwrap();
            let first = format!("max_size_mb: {} -> 32 MB", if budget == 48 { "64 MB" } else { "48 MB" });
            assert_eq!(reloaded, [first.as_str(), "tiers.user.ttl: 1h -> 1m"]);
            assert!(matches!(budget, 32 | 48), "{budget}");
            met[usize::from(budget == 48)] = true;
            assert_eq!(ttl_of(&cache, "user").await, MINUTE);
            cache.shutdown().await.unwrap();
        }
        assert!(met[0], "the file never had the last word: {met:?}");
    });
}

#[test]
fn answered_it_holds_in_all_tiers() {
    paused(|| async {
        let file = File::new("max_size_mb = 64\n");
        let cache = file.cache().await;
        for number in 0..400 {
            cache.set(format!("query::{number}"), &noise(100_000)).await.unwrap();
        }
        let used =
            |info: apex_cache::message::InfoSnapshot| info.tiers.iter().map(|tier| tier.bytes).sum::<u64>();
        assert!(used(cache.info().await.unwrap()) > 30 * MB);
        file.edit("max_size_mb = 16\n");
        cache.reload(file.path()).await.unwrap();
        assert!(used(cache.info().await.unwrap()) <= 16 * MB);
    });
}

#[test]
fn of_several_that_read_the_file_the_last_word_is_the_last_that_was_written() {
    paused(|| async {
        let file = File::new("ttl_user = 1000\n");
        let cache = file.cache().await;
        for round in 1..30_u64 {
            file.edit(&format!("ttl_user = {round}\nttl_query = {round}\n"));
            let early = cache.supervisor().send(Reload::new());
            file.edit(&format!("ttl_user = {}\nttl_query = {}\n", round + 100, round + 100));
            let late = cache.supervisor().send(Reload::new());
            let (early, late) = tokio::join!(early, late);
            // A file that is written while it is read may be seen half; then that one is refused, as a whole.
            drop((early.ok(), late.unwrap()));
            let (user, query) = (ttl_of(&cache, "user").await, ttl_of(&cache, "query").await);
            assert_eq!((user.as_secs(), query.as_secs()), (round + 100, round + 100));
        }
    });
}

#[test]
fn a_caller_that_leaves_takes_nothing_back() {
    paused(|| async {
        let file = File::new("ttl_user = 600\n");
        let cache = file.cache().await;
        file.edit("ttl_user = 60\n");
        let mut reload = Box::pin(cache.reload(file.path()));
        begin(&mut reload).await;
        drop(reload);
        // The next one reads behind it.
        assert_eq!(told(&cache.supervisor().send(Reload::new()).await.unwrap()), [""; 0]);
        assert_eq!(ttl_of(&cache, "user").await, MINUTE);
    });
}

#[test]
fn when_the_supervisor_dies_it_is_in_force_as_a_whole_or_not_at_all() {
    paused(|| async {
        for _ in 0..20 {
            let file = File::new("max_size_mb = 64\nttl_user = 600\nttl_query = 600\n");
            let cache = file.cache().await;
            file.edit("max_size_mb = 32\nttl_user = 60\nttl_query = 60\n");
            let reload = cache.supervisor().send(Reload::new());
            let breaks = cache.supervisor().send(Break::new(Breaks::Supervisor));
            let (reloaded, _) = tokio::join!(reload, breaks);
            if let Err(error) = reloaded {
                assert_eq!(error.kind(), ErrorKind::TierRestarting, "{error}");
            }
            settle().await;
            let user = ttl_of(&cache, "user").await;
            let all = (budget_mb(&cache).await, user, ttl_of(&cache, "query").await);
            let (old, new) = (10 * MINUTE, MINUTE);
            assert!(all == (64, old, old) || all == (32, new, new), "{all:?}");
            cache.reload(file.path()).await.expect("the next supervisor takes it");
            assert_eq!(ttl_of(&cache, "user").await, new);
            cache.shutdown().await.unwrap();
        }
    });
}

#[test]
fn the_end_of_the_cache_ends_it_too() {
    paused(|| async {
        for round in 0..20 {
            let file = File::new("max_size_mb = 64\n");
            let cache: Cache = file.cache().await;
            file.edit("max_size_mb = 32\n");
            let mut reload = pin!(cache.supervisor().send(Reload::new()));
            if round % 2 == 0 {
                tokio::task::yield_now().await;
            }
            let (reloaded, ended) = tokio::join!(reload.as_mut(), cache.shutdown());
            ended.unwrap();
            if let Err(error) = reloaded {
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::Closed | ErrorKind::TierRestarting), "{error}");
            }
            assert_eq!(cache.reload(file.path()).await.unwrap_err().kind(), ErrorKind::Closed);
        }
    });
}
