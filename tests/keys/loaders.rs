//! Loaders get the ids that a key was built from, and are not asked for what cannot be told.

use std::sync::{Arc, Mutex};

use apex_cache::testing::paused;
use apex_cache::{Cache, Error, ErrorKind, Key, LoadContext, Loaded, Part};

use super::odd_ids;

fn key(id: &str) -> Key {
    Key::of("user").part(id).part("name").finish().unwrap()
}

/// A batch loader as its documentation shows it, which notes the ids that it was asked for.
async fn load_names(
    cache: &Cache,
    keys: Vec<Key>,
    asked: &Arc<Mutex<Vec<String>>>,
) -> Vec<Result<Option<String>, Error>> {
    let asked = Arc::clone(asked);
    let load = move |missing: Vec<Key>| {
        let asked = Arc::clone(&asked);
        async move {
            let mut names = Vec::new();
            for key in missing {
                let id = key.part(1)?.into_owned();
                asked.lock().unwrap().push(id.clone());
                names.push((Key::of("user").part(&id).part("name").finish()?, format!("name of {id}")));
            }
            Ok::<_, Error>(names)
        }
    };
    let names = cache.get_or_load_many(keys, load).absent_is_not_found().await;
    names.into_iter().map(|name| Ok(name?.map(apex_cache::Hit::into_value))).collect()
}

#[test]
fn a_batch_loader_gets_the_id_of_every_key() {
    paused(|| async {
        let (cache, asked) = (Cache::for_tests().await, Arc::default());
        let ids = odd_ids();
        let names = load_names(&cache, ids.iter().map(|id| key(id)).collect(), &asked).await;
        for (id, name) in ids.iter().zip(names) {
            assert_eq!(name.unwrap(), Some(format!("name of {id}")));
            assert!(cache.contains(key(id)).unwrap());
        }
        let mut told = asked.lock().unwrap().clone();
        told.sort();
        let mut ids = ids;
        ids.sort();
        assert_eq!(told, ids);
    });
}

#[test]
fn a_key_whose_id_is_known_as_a_hash_alone_is_refused_and_not_remembered_as_absent() {
    paused(|| async {
        let (cache, asked) = (Cache::for_tests().await, Arc::default());
        let long = "x".repeat(65);
        // As it comes out of an event, a list of entries, or a message from elsewhere.
        let parsed = Key::parse(key(&long).as_str()).unwrap();
        assert_eq!(parsed, key(&long));
        assert!(matches!(parsed.parts().nth(1), Some(Part::Hash(_))));
        assert_eq!(parsed.part(1).unwrap_err().kind(), ErrorKind::UnknownPart);
        for keys in [vec![parsed.clone()], vec![key("42"), parsed.clone()]] {
            let mut names = load_names(&cache, keys, &asked).await;
            assert_eq!(names.pop().unwrap().unwrap_err().kind(), ErrorKind::UnknownPart);
            assert!(names.into_iter().all(|name| name.is_ok()));
        }
        assert_eq!(*asked.lock().unwrap(), ["42"]);
        let found = cache.explain(key(&long)).await.unwrap();
        assert!(found.held.is_none(), "nothing is remembered");
        let names = load_names(&cache, vec![parsed, key(&long)], &asked).await;
        for name in names {
            assert_eq!(name.unwrap(), Some(format!("name of {long}")), "one of the two keys knows the id");
        }
    });
}

#[test]
fn a_key_with_hashed_parameters_is_loaded_as_it_is() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let key = Key::of("query").part("search").param("text", "blue shoes, size 42").finish().unwrap();
        let load =
            |missing: Vec<Key>| async move { Ok::<_, Error>(missing.into_iter().map(|key| (key, 1_u8))) };
        let found = cache.get_or_load_many([&key], load).await.remove(0).unwrap();
        assert_eq!(found.as_deref(), Some(&1));
        assert_eq!(key.part(2).unwrap_err().kind(), ErrorKind::UnknownPart);
    });
}

#[test]
fn a_loader_with_more_to_say_is_given_the_key_with_its_ids() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for id in odd_ids() {
            let load = |load: LoadContext<String>| async move {
                Ok::<_, Error>(Loaded::value(load.key().part(1)?.into_owned()))
            };
            assert_eq!(*cache.get_or_load_with(key(&id), load).await.unwrap().unwrap(), id);
        }
    });
}
