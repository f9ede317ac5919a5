//! What an operator types: ids as they are.

use apex_cache::testing::paused;
use apex_cache::{Cache, Key};

fn holds(cache: &Cache, id: &str) -> bool {
    cache.contains(Key::of("user").part(id).part("profile").finish().unwrap()).unwrap()
}

#[test]
fn an_id_may_be_typed_as_it_is() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let long = "y".repeat(80);
        for id in ["oidc:123", &long] {
            let key = Key::of("user").part(id).part("profile").finish().unwrap();
            cache.clear().await.unwrap();
            for line in [
                format!("/cache-clear user::{id}::profile"),
                format!("/cache-clear key:user::{id}::profile"),
                format!("/cache-clear prefix:user::{id}"),
                format!("/cache-clear user::{id}::*"),
                format!("/cache-clear {key}"),
            ] {
                cache.set(&key, "Ann").await.unwrap();
                let explained = cache.command(&format!("/cache-explain user::{id}::profile"), "ann").await;
                assert!(explained.contains("State: fresh"), "{explained}");
                assert!(explained.contains(key.as_str()), "it names the key that exists: {explained}");
                let counted = cache.command(&format!("{line} --dry-run"), "ann").await;
                assert!(
                    counted.contains("would remove 1 entry") && counted.contains("in 1 tier"),
                    "{counted}"
                );
                cache.command(&line, "ann").await;
                assert!(!holds(&cache, id), "{line}");
            }
            let explained = cache.command(&format!("/cache-explain user::{id}::profile"), "ann").await;
            assert!(
                explained.contains("removed by key") || explained.contains("invalidation"),
                "{explained}"
            );
        }
    });
}

#[test]
fn a_key_of_text_is_found_by_its_text_first() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        cache.set("user::oidc:123::profile", "by text").await.unwrap();
        let explained = cache.command("/cache-explain user::oidc:123::profile", "ann").await;
        assert!(
            explained.contains("Key: user::oidc:123::profile") && explained.contains("fresh"),
            "{explained}"
        );
        cache.set(Key::of("user").part("oidc:123").part("profile").finish().unwrap(), "built").await.unwrap();
        let cleared = cache.command("/cache-clear user::oidc:123::*", "ann").await;
        assert!(cleared.contains("removed 2 entries"), "{cleared}");
        let nothing = cache.command("/cache-explain user::nobody::profile", "ann").await;
        assert!(nothing.contains("Key: user::nobody::profile") && nothing.contains("absent"), "{nothing}");
    });
}

#[test]
fn a_tag_can_be_typed_as_it_is_and_as_it_is_shown() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let text = format!("blob:{}", "0123456789abcdef".repeat(4));
        let tag = apex_cache::Tag::new(&text).unwrap();
        for typed in [text.as_str(), tag.as_str()] {
            let set = cache.set("query::blob", &1_u8).tags(apex_cache::Tags::new([tag.clone()]));
            set.await.unwrap();
            let cleared = cache.command(&format!("/cache-clear tag:{typed}"), "ann").await;
            assert!(cleared.contains("removed 1 entry"), "{cleared}");
        }
    });
}
