//! Tags of any text, and values with too many of them.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use apex_cache::message::Set;
use apex_cache::testing::paused;
use apex_cache::{Cache, Error, LoadContext, Loaded, Source, Tag, Tags, cache_invalidate, cached};

use super::log::Log;
use super::odd_ids;

static BODIES: AtomicU32 = AtomicU32::new(0);

#[cached(key = "query::blob::{sha}", tags = ["blob:{sha}"])]
async fn blob(cache: &Cache, sha: &str) -> usize {
    BODIES.fetch_add(1, Relaxed);
    sha.len()
}

#[cache_invalidate(tags = ["blob:{sha}"])]
async fn change(cache: &Cache, sha: &str) {}

#[test]
fn a_tag_of_any_id_is_cached_and_takes_only_its_own_entries() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let ids = odd_ids().into_iter().chain(["0123456789abcdef".repeat(4)]);
        for sha in ids {
            cache.set("user::1::other", &1_u8).await.unwrap();
            for by_hand in [false, true] {
                let before = BODIES.load(Relaxed);
                assert_eq!((blob(&cache, &sha).await, blob(&cache, &sha).await), (sha.len(), sha.len()));
                blob(&cache, "other").await;
                assert!(BODIES.load(Relaxed) <= before + 2, "one body for two calls of {sha:?}");
                if by_hand {
                    let tag = Tag::new(format!("blob:{sha}")).unwrap();
                    assert_eq!(cache.invalidate(tag).await.unwrap().matched, 1);
                } else {
                    change(&cache, &sha).await;
                }
                assert!(!cache.contains(blob_key(&sha).unwrap()).unwrap(), "{sha:?}");
                assert!(cache.contains(blob_key("other").unwrap()).unwrap(), "{sha:?}");
                assert!(cache.contains("user::1::other").unwrap(), "{sha:?}");
            }
        }
    });
}

fn tags(count: usize) -> Vec<Tag> {
    (0..count).map(|number| Tag::new(format!("tag:{number}")).unwrap()).collect()
}

#[test]
fn a_value_with_more_than_32_tags_is_served_and_not_stored_and_the_log_names_the_limit() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let load = |count| {
            cache.get_or_load_with("query::a", move |_: LoadContext<u32>| async move {
                Ok::<_, Error>(Loaded::value(7).tags(tags(count)))
            })
        };
        let log = Log::start();
        let hit = load(33).await.unwrap().unwrap();
        assert_eq!((*hit, hit.source(), hit.is_stored()), (7, Source::Loaded, false));
        assert!(!cache.contains("query::a").unwrap());
        assert_eq!(log.lines("limit=32"), 1, "{log:?}");
        let hit = load(32).await.unwrap().unwrap();
        assert!(hit.is_stored());

        let many = Tags::new(tags(40));
        let stored = cache.set("query::a", &8_u32).tags(many.clone()).await.unwrap();
        assert!(!stored.kept && !cache.contains("query::a").unwrap(), "nor is the older value kept");
        let set = Set::of("query::b", &1_u32).unwrap().tags(many);
        assert!(!cache.set_many([set]).await.unwrap().remove(0).unwrap().kept);
        let explained = cache.command("/cache-explain query::b", "test").await;
        assert!(explained.contains("more than 32 tags"), "{explained}");
    });
}
