//! The list of entries, held against a model, and while entries come.
//!
//! Owns: filters, orders, pages. Never: asks over HTTP; `admin_http` does.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use apex_cache::admin::{Entries, EntryPage, EntrySort, EntryState};
use apex_cache::{Cache, ErrorKind, Pattern, Scope};
use proptest::prelude::*;

use common::{advance, cache, paused};

/// All pages of `ask`, as keys.
async fn pages(cache: &Cache, ask: &Entries) -> Vec<String> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let mut ask = ask.clone();
        ask.after = after;
        let EntryPage { entries, next, .. } = cache.entries(ask).await.expect("a good question");
        keys.extend(entries.iter().map(|entry| entry.key.as_str().to_owned()));
        if next.is_none() {
            return keys;
        }
        after = next;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pages_put_together_are_what_a_sorted_model_holds(
        entries in prop::collection::btree_map("(user|query)::[ab]{1,4}", (0_usize..300, 0_u32..4), 0..60),
        limit in 1_usize..12,
        sort in prop_oneof![Just(EntrySort::Key), Just(EntrySort::Size), Just(EntrySort::Hits)],
        descending: bool,
        pattern in prop_oneof![Just("*"), Just("user::*"), Just("*::a*"), Just("query::?")],
    ) {
        paused(|| async {
            let cache = cache().await;
            let mut model = BTreeMap::new();
            for (key, (size, reads)) in &entries {
                cache.set(key.as_str(), &"x".repeat(*size)).await.expect("it is stored");
                for _ in 0..*reads {
                    cache.get::<String>(key.as_str()).await.expect("it is there");
                }
                let size = cache.explain(key.as_str()).await.expect("it is there").held.expect("it is held").size;
                model.insert(key.clone(), (size, *reads));
            }
            let pattern = Pattern::parse(pattern).expect("a pattern");
            let mut wanted: Vec<_> = model.iter().filter(|(key, _)| pattern.matches(key)).collect();
            wanted.sort_by_key(|(key, (size, hits))| match sort {
                EntrySort::Size => (*size, (*key).clone()),
                EntrySort::Hits => (u64::from(*hits), (*key).clone()),
                _ => (0, (*key).clone()),
            });
            if descending {
                wanted.reverse();
            }
            let mut ask = Entries::of(pattern.clone());
            (ask.sort, ask.descending, ask.limit) = (sort, Some(descending), limit);
            let whole = cache.entries(ask.clone()).await.expect("a good question");
            assert_eq!(whole.matched, wanted.len() as u64);
            assert_eq!(whole.bytes, wanted.iter().map(|(_, (size, _))| size).sum::<u64>());
            let keys: Vec<_> = wanted.into_iter().map(|(key, _)| key.clone()).collect();
            assert_eq!(pages(&cache, &ask).await, keys);
        });
    }
}

#[test]
fn nothing_is_listed_twice_while_entries_come() {
    paused(|| async {
        let cache = cache().await;
        for number in 0..3_000 {
            cache.set(format!("query::{number:05}"), &number).await.unwrap();
        }
        let writing = {
            let cache = cache.clone();
            actix::spawn(async move {
                for number in 3_000..40_000 {
                    cache.set(format!("query::{number:05}"), &number).await.unwrap();
                }
            })
        };
        let mut ask = Entries::of(Scope::All);
        ask.limit = Entries::LIMIT_MAX;
        while !writing.is_finished() {
            let page = cache.entries(ask.clone()).await.unwrap();
            let keys: Vec<_> = page.entries.iter().map(|entry| entry.key.clone()).collect();
            assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]));
            assert_eq!(keys.len(), 1_000);
            assert!((3_000..=40_000).contains(&page.matched), "{}", page.matched);
        }
        assert_eq!(cache.entries(ask).await.unwrap().matched, 40_000);
    });
}

#[test]
fn what_expired_and_was_not_swept_is_told_apart() {
    paused(|| async {
        let cache = cache().await;
        cache.set("user::1", &1_u32).ttl(Duration::from_secs(10)).await.unwrap();
        cache
            .set("user::2", &1_u32)
            .ttl(Duration::from_secs(10))
            .stale(Duration::from_secs(60))
            .await
            .unwrap();
        cache.set("user::3", &1_u32).await.unwrap();
        cache.get_or_find("user::4", || async { Ok::<Option<u32>, std::io::Error>(None) }).await.unwrap();
        advance(Duration::from_secs(11)).await;
        for (state, key) in [
            (EntryState::Expired, "user::1"),
            (EntryState::Stale, "user::2"),
            (EntryState::Fresh, "user::3"),
            (EntryState::Nothing, "user::4"),
        ] {
            let mut ask = Entries::of(Scope::Tier("user".into()));
            ask.state = Some(state);
            assert_eq!(pages(&cache, &ask).await, [key]);
        }
        let reads = cache.stats().await.unwrap().tiers[2].stats.reads();
        assert_eq!(reads, 1, "looking counts as no read");
    });
}

#[test]
fn a_question_that_makes_no_sense_is_refused() {
    paused(|| async {
        let cache = cache().await;
        let ask = |change: fn(&mut Entries)| {
            let mut ask = Entries::of(Scope::All);
            change(&mut ask);
            ask
        };
        for (ask, kind) in [
            (ask(|ask| ask.limit = 0), ErrorKind::InvalidCommand),
            (ask(|ask| ask.limit = 1_001), ErrorKind::InvalidCommand),
            (ask(|ask| ask.after = Some("x".into())), ErrorKind::InvalidCommand),
            (ask(|ask| ask.tier = Some("nobody".into())), ErrorKind::UnknownTier),
            (Entries::of(Scope::Tier("nobody".into())), ErrorKind::UnknownTier),
        ] {
            assert_eq!(cache.entries(ask).await.unwrap_err().kind(), kind);
        }
    });
}
