//! One id, one key: an attribute reads what any other entrance wrote under the id, and the other way round.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use apex_cache::testing::{builder, paused};
use apex_cache::{Cache, Key, Pattern, WarmEntries, WarmSource, cache_invalidate, cached};

use super::odd_ids;

static BODIES: AtomicU32 = AtomicU32::new(0);

fn bodies() -> u32 {
    BODIES.load(Relaxed)
}

#[cached(key = "products::{url}::body")]
async fn page(cache: &Cache, url: &str) -> String {
    BODIES.fetch_add(1, Relaxed);
    format!("body of {url}")
}

#[cached(key = "products::page-{url}.html")]
async fn part_of_a_segment(cache: &Cache, url: &str) -> String {
    BODIES.fetch_add(1, Relaxed);
    url.to_owned()
}

fn built(url: &str) -> Key {
    Key::of("products").part(url).part("body").finish().expect("every id makes a key")
}

#[test]
fn a_built_key_is_that_of_the_attribute_for_every_id() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for id in odd_ids() {
            let before = bodies();
            page(&cache, &id).await;
            assert_eq!(page_key(&id).unwrap(), built(&id));
            assert_eq!(*cache.get::<String>(built(&id)).await.unwrap().unwrap(), format!("body of {id}"));
            assert!(cache.remove(built(&id)).await.unwrap().was_present, "{id:?}");
            page(&cache, &id).await;
            assert_eq!(bodies(), before + 2, "it was removed, so the body ran again");
            cache.set(built(&id), "set").await.unwrap();
            assert_eq!(page(&cache, &id).await, "set");
            let pattern = Pattern::of("products").part(&id).rest().unwrap();
            assert_eq!(cache.invalidate(pattern).await.unwrap().matched, 1, "{id:?}");
        }
    });
}

#[test]
fn text_around_an_argument_is_encoded_with_it() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for id in odd_ids() {
            part_of_a_segment(&cache, &id).await;
            let key = Key::of("products").part(format!("page-{id}.html")).finish().unwrap();
            assert!(cache.remove(key).await.unwrap().was_present, "{id:?}");
        }
    });
}

#[test]
fn a_warm_source_fills_what_the_attribute_reads() {
    paused(|| async {
        let source = WarmSource::new("pages", "reference", |_run| async {
            odd_ids().iter().try_fold(WarmEntries::new(), |entries, id| entries.with(built(id), "warm"))
        });
        let cache = builder().warm(source.at_start().required()).start().await.unwrap();
        cache.ready_within(std::time::Duration::from_secs(60)).await.unwrap();
        for id in odd_ids() {
            assert_eq!(page(&cache, &id).await, "warm", "{id:?}");
        }
    });
}

#[cache_invalidate("products::{url}*")]
async fn all_that_begin_with(cache: &Cache, url: &str) {}

#[cache_invalidate("products::{url}::*")]
async fn all_below(cache: &Cache, url: &str) {}

#[cache_invalidate("products::{url}::body")]
async fn exactly(cache: &Cache, url: &str) {}

#[test]
fn an_invalidation_by_attribute_finds_the_key_of_every_id() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for id in odd_ids() {
            for way in 0..3 {
                page(&cache, &id).await;
                page(&cache, "somebody else").await;
                match way {
                    0 => all_that_begin_with(&cache, &id).await,
                    1 => all_below(&cache, &id).await,
                    _ => exactly(&cache, &id).await,
                }
                assert!(!cache.contains(built(&id)).unwrap(), "{id:?}, way {way}");
            }
            assert!(cache.contains(built("somebody else")).unwrap());
        }
    });
}

#[test]
fn a_wildcard_beside_an_argument_takes_ids_that_are_hashed() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let long = format!("https://example.com/{}", "path/".repeat(20));
        page(&cache, &long).await;
        page(&cache, "http://other").await;
        all_that_begin_with(&cache, "https://example.com/").await;
        assert!(!cache.contains(built(&long)).unwrap(), "it begins so, though its key is a hash");
        assert!(cache.contains(built("http://other")).unwrap());
    });
}
