//! `#[cached]` functions: one body for all, and each caller is given what it returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use apex_cache::{Cache, cached};

use super::{Comment, Peer, Repo, Session, thread};
use crate::common::{cache, paused, settle};
use crate::source::{go, join, stats_of};

#[cached(key = "user::{id}::repo", skip(bodies))]
async fn repo(cache: &Cache, id: u32, bodies: Arc<AtomicU64>) -> Repo {
    bodies.fetch_add(1, SeqCst);
    settle().await;
    Repo { open_issues: id }
}

#[cached(key = "user::{id}::here", skip(bodies), run = "caller")]
async fn here(cache: &Cache, id: u32, bodies: Arc<AtomicU64>) -> Result<Repo, ()> {
    bodies.fetch_add(1, SeqCst);
    settle().await;
    Ok(Repo { open_issues: id })
}

#[cached(key = "user::{id}::thread", skip(bodies))]
async fn comments(cache: &Cache, id: u32, bodies: Arc<AtomicU64>) -> Result<Option<Comment>, ()> {
    bodies.fetch_add(1, SeqCst);
    settle().await;
    Ok((id > 0).then(|| thread(300)))
}

#[cached(key = "user::{id}::shared")]
async fn shared(cache: &Cache, id: u32) -> Arc<Session> {
    settle().await;
    Arc::new(Session { user: id.to_string(), secret: 7 })
}

#[cached(key = "user::{id}::peer")]
async fn peer(cache: &Cache, id: u32) -> Peer {
    Peer::Ip(std::net::IpAddr::from([10, 0, 0, id as u8]))
}

/// What 50 calls at the same time are given, and how many bodies ran.
macro_rules! fifty {
    ($function:ident, $cache:expr) => {{
        let bodies = Arc::new(AtomicU64::new(0));
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let (cache, bodies) = ($cache.clone(), Arc::clone(&bodies));
                go(async move { $function(&cache, 3, bodies).await })
            })
            .collect();
        let mut given = Vec::new();
        for call in calls {
            given.push(join(call).await);
        }
        (given, bodies.load(SeqCst))
    }};
}

#[test]
fn one_body_runs_for_all_where_its_value_cannot_be_read_back() {
    paused(async || {
        let cache = cache().await;
        for times in 1..=2 {
            let (given, bodies) = fifty!(repo, cache);
            assert_eq!((given, bodies), (vec![Repo { open_issues: 3 }; 50], 1));
            assert_eq!(stats_of(&cache, "user").await.unreadable, times);
        }
        let (given, bodies) = fifty!(here, cache);
        assert_eq!((given, bodies), (vec![Ok(Repo { open_issues: 3 }); 50], 1));
        let (given, bodies) = fifty!(comments, cache);
        assert_eq!((given, bodies), (vec![Ok(Some(thread(300))); 50], 1));
        assert_eq!(stats_of(&cache, "user").await.wrong_type, 0);
    });
}

#[test]
fn shared_values_are_the_same_for_all_who_waited() {
    paused(async || {
        let cache = cache().await;
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let cache = cache.clone();
                go(async move { shared(&cache, 1).await })
            })
            .collect();
        let mut given = Vec::new();
        for call in calls {
            given.push(join(call).await);
        }
        assert!(given.iter().all(|one| one.secret == 7 && Arc::ptr_eq(one, &given[0])));
    });
}

#[test]
fn a_value_that_says_what_it_is_by_its_content_stays_what_it_is() {
    paused(async || {
        let cache = cache().await;
        let first = peer(&cache, 7).await;
        assert_eq!(
            (&first, peer(&cache, 7).await),
            (&Peer::Ip(std::net::IpAddr::from([10, 0, 0, 7])), first.clone())
        );
        assert_eq!(cache.get::<Peer>("user::7::peer").await.unwrap().as_deref(), Some(&first));
    });
}
