//! Invalidation by tag, in all tiers: what has it, what is loaded with it, and who asks meanwhile.

use apex_cache::{Cache, Hit, Key, LoadContext, Loaded, Result, Scope, Tag, Tags};
use tokio::task::JoinHandle;

use crate::common::{cache, paused};
use crate::source::{Row, Source, go, held, join};

pub(crate) fn tag(text: &str) -> Tag {
    Tag::new(text).unwrap()
}

pub(crate) fn tags(names: &[&str]) -> Tags {
    Tags::new(names.iter().map(|name| tag(name)))
}

/// Reads `key` through `cache` in a task of its own, with a loader that names `tagged` when it ends.
fn ask(
    cache: &Cache,
    source: &Source,
    key: &'static str,
    tagged: &'static str,
) -> JoinHandle<Result<Option<Hit<Row>>>> {
    let (cache, read) = (cache.clone(), source.clone().read(key.to_owned()));
    go(async move {
        let load = move |_: LoadContext<Row>| async move {
            read.await.map(|row| Loaded::value(row).tag(tag(tagged)))
        };
        cache.get_or_load_with(key, load).await
    })
}

#[test]
fn a_tag_takes_exactly_what_was_stored_with_it_in_every_tier() {
    paused(async || {
        let cache = cache().await;
        for (key, names) in [
            ("user::1", &["author:7", "book:1"][..]),
            ("query::top", &["author:7"]),
            ("config::x", &["author:70"]),
            ("user::2", &[]),
        ] {
            cache.set(key, key).tags(tags(names)).await.unwrap();
        }
        let would = cache.invalidate(tag("author:7")).dry_run().await.unwrap();
        let taken = cache.invalidate(tag("author:7")).await.unwrap();
        assert_eq!((would.matched, would.bytes), (taken.matched, taken.bytes));
        assert_eq!((taken.matched, taken.tiers as usize), (2, cache.info().await.unwrap().tiers.len()));
        let left = ["user::1", "query::top", "config::x", "user::2"].map(|key| cache.contains(key).unwrap());
        assert_eq!(left, [false, false, true, true]);
        assert_eq!(cache.invalidate(tag("book:1")).await.unwrap().matched, 0, "it left with its entry");
    });
}

#[test]
fn a_load_that_ends_with_a_tag_invalidated_meanwhile_is_not_stored_and_later_callers_get_the_new_row() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        let gate = source.hold("user::1");
        let old = ask(&cache, &source, "user::1", "x");
        gate.begun().await;
        let bystander = source.hold("user::2");
        let other = ask(&cache, &source, "user::2", "y");
        bystander.begun().await;

        source.write("user::1");
        cache.invalidate(tag("x")).await.unwrap();
        source.let_go("user::1");
        let late = ask(&cache, &source, "user::1", "x"); // joins: nobody knows the tags yet
        crate::common::settle().await;

        gate.open();
        bystander.open();
        let old = join(old).await.unwrap().unwrap();
        assert_eq!((old.version, old.is_stored()), (1, false));
        let late = join(late).await.unwrap().unwrap();
        assert_eq!((late.version, late.is_stored()), (2, true), "who asked after the answer got the old row");
        assert!(join(other).await.unwrap().unwrap().is_stored(), "a load with another tag was revoked");
        assert_eq!((held(&cache, "user::1"), held(&cache, "user::2")), (Some(2), Some(1)));
    });
}

#[test]
fn many_keys_are_taken_by_one_call_in_all_their_tiers() {
    paused(async || {
        let (cache, source) = (cache().await, Source::new());
        for key in ["user::1", "query::1", "user::3"] {
            source.get(&cache, key).await.unwrap();
        }
        let gate = source.hold("user::2");
        let old = source.ask(&cache, "user::2");
        gate.begun().await;
        let keys = ["user::1", "user::2", "query::1", "query::9"].map(|key| Key::parse(key).unwrap());
        let taken = cache.invalidate(Scope::from(keys.to_vec())).await.unwrap();
        assert_eq!((taken.matched, taken.revoked_loads, taken.tiers), (2, 1, 2));
        gate.open();
        assert!(!join(old).await.unwrap().is_stored());
        let left = ["user::1", "user::2", "query::1", "user::3"].map(|key| held(&cache, key));
        assert_eq!(left, [None, None, None, Some(1)]);
    });
}

#[test]
fn a_tag_can_be_cleared_by_a_command() {
    paused(async || {
        let cache = cache().await;
        cache.set("user::1", "x").tags(tags(&["author:7"])).await.unwrap();
        let command = apex_cache::admin::Command::parse("/cache-clear tag:author:7").unwrap();
        assert_eq!(command.scope(), Some(&Scope::Tag(tag("author:7"))));
        assert_eq!(command.scope().unwrap().to_string(), "tag:author:7");
        let key = apex_cache::admin::Command::parse("/cache-clear tag::author").unwrap();
        assert_eq!(key.scope(), Some(&Scope::Key(Key::parse("tag::author").unwrap())));
        cache.invalidate(command.scope().unwrap().clone()).await.unwrap();
        assert!(!cache.contains("user::1").unwrap());
    });
}
