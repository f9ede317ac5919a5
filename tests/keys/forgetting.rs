//! `forget_user` finds a user however the id got into the cache: a model over all entrances.

use std::collections::BTreeSet;

use apex_cache::testing::{builder, paused};
use apex_cache::{
    Cache, Error, Key, LoadContext, Loaded, Reserved, Tag, Tags, WarmEntries, WarmSource, cached,
};
use proptest::prelude::*;

use super::odd_ids;

#[cached(key = "user::{id}::profile")]
async fn profile(cache: &Cache, id: &str) -> usize {
    id.len()
}

#[cached(key_prefix = "user_orders", key_params(id))]
async fn orders(cache: &Cache, id: &str) -> usize {
    id.len()
}

#[cached(key = "query::list::{number}", skip(id), tags = ["user:{id}"])]
async fn tagged(cache: &Cache, number: usize, id: &str) -> usize {
    number + id.len()
}

/// A type that only serde can write.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Id(String);

#[cached(key = "user::{id}::by_serde")]
async fn by_serde(cache: &Cache, id: Id) -> usize {
    id.0.len()
}

const ENTRANCES: usize = 14;

/// Puts something of user `id` into the cache; `number` tells entries apart. Returns its key.
async fn put(cache: &Cache, entrance: usize, id: &str, number: usize) -> Option<Key> {
    let built = |end: String| Key::of("user").part(id).part(end).finish().unwrap();
    let key = match entrance {
        0 => {
            profile(cache, id).await;
            profile_key(id).unwrap()
        }
        1 => {
            orders(cache, id).await;
            orders_key(id).unwrap()
        }
        2 => {
            tagged(cache, number, id).await;
            tagged_key(number).unwrap()
        }
        3 => {
            by_serde(cache, Id(id.to_owned())).await;
            by_serde_key(Id(id.to_owned())).unwrap()
        }
        4..=8 => set(cache, entrance, id, number).await?,
        9 => {
            let key = built(format!("loaded-{number}"));
            cache.get_or_load(&key, || async { Ok::<_, Error>(1_u8) }).await.unwrap();
            key
        }
        10 => {
            let key = Key::of("query").part(number).finish().unwrap();
            let tag = Tag::new(format!("user::{id}")).unwrap();
            let load = |_: LoadContext<u8>| async { Ok::<_, Error>(Loaded::value(1).tag(tag)) };
            cache.get_or_load_with(&key, load).await.unwrap();
            key
        }
        11 => {
            let key = built(format!("batch-{number}"));
            let load =
                |missing: Vec<Key>| async { Ok::<_, Error>(missing.into_iter().map(|key| (key, 1_u8))) };
            cache.get_or_load_many([&key], load).await.remove(0).unwrap();
            key
        }
        12 => {
            let key = built(format!("reserved-{number}"));
            if let Reserved::Vacant(vacant) = cache.get_or_reserve::<u8>(&key).await.unwrap() {
                vacant.fill(&1).await.unwrap();
            }
            key
        }
        _ => {
            let key = Key::of("user").value(&id).part(number).finish().unwrap();
            cache.set(&key, &1_u8).await.unwrap();
            key
        }
    };
    Some(key)
}

/// As [`put`], by `set`.
async fn set(cache: &Cache, entrance: usize, id: &str, number: usize) -> Option<Key> {
    let tag = |text: &str| Tags::new([Tag::new(text).unwrap()]);
    let (key, tags) = match entrance {
        4 => (Key::of("user").part(id).part(format!("set-{number}")).finish(), Tags::NONE),
        // A key made from text; not every id makes one.
        5 => (Ok(Key::parse(&format!("user::{id}::text")).ok()?), Tags::NONE),
        6 => (Key::of("query").part("deep").part("user").part(id).finish(), Tags::NONE),
        7 => (Key::of("config").part(number).finish(), tag(&format!("user:{id}"))),
        _ => {
            let own = Key::of("user").part(id).finish().unwrap();
            (Key::of("products").part(number).finish(), tag(own.as_str()))
        }
    };
    let key = key.unwrap();
    cache.set(&key, &1_u8).tags(tags).await.unwrap();
    Some(key)
}

fn forgets(ids: &[String], puts: &[(usize, usize)]) {
    paused(|| async {
        let warmed = ids.to_vec();
        let source = WarmSource::new("users", "user", move |_run| {
            let keys = warmed.iter().map(|id| Key::of("user").part(id).part("warm").finish());
            let keys = keys.collect::<Result<Vec<_>, _>>();
            async move { keys?.iter().try_fold(WarmEntries::new(), |entries, key| entries.with(key, &1_u8)) }
        });
        let cache = builder().warm(source.at_start().required()).start().await.unwrap();
        cache.ready_within(std::time::Duration::from_secs(60)).await.unwrap();
        let mut held: BTreeSet<(usize, Key)> = BTreeSet::new();
        for (number, &(entrance, whose)) in puts.iter().enumerate() {
            let whose = whose % ids.len();
            let key = put(&cache, entrance, &ids[whose], number).await;
            held.extend(key.map(|key| (whose, key)));
        }
        for (whose, id) in ids.iter().enumerate() {
            held.insert((whose, Key::of("user").part(id).part("warm").finish().unwrap()));
        }
        for (_, key) in &held {
            assert!(cache.contains(key).unwrap(), "{key} was put in");
        }
        let (forgotten, id) = (0, &ids[0]);
        let gone = cache.forget_user(id).await.unwrap();
        assert_eq!(gone.left, 0);
        let own: BTreeSet<&Key> =
            held.iter().filter(|(whose, _)| *whose == forgotten).map(|(_, key)| key).collect();
        assert_eq!(gone.matched, own.len() as u64, "{id:?}: {own:?}");
        for (_, key) in &held {
            assert_eq!(cache.contains(key).unwrap(), !own.contains(key), "{key} of {id:?}");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_a_user_is_left_and_nothing_of_others_goes(
        ids in prop::collection::hash_set("[a-z:%*?=~ |é]{1,90}|[a-z]{65}|\\PC{0,40}", 2..5),
        puts in prop::collection::vec((0..ENTRANCES, 0_usize..5), 1..40),
    ) {
        // An id with a separator in it makes text keys that could be another user's.
        let ids: Vec<String> = ids.into_iter().map(|id| id.replace("::", ";;")).collect();
        prop_assume!(ids.iter().collect::<BTreeSet<_>>().len() == ids.len());
        forgets(&ids, &puts);
    }
}

#[test]
fn every_odd_id_is_forgotten_through_every_entrance() {
    for id in odd_ids() {
        let puts: Vec<_> = (0..ENTRANCES).flat_map(|entrance| [(entrance, 0), (entrance, 1)]).collect();
        forgets(&[id, "somebody else".to_owned()], &puts);
    }
}
