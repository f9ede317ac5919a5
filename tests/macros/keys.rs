//! Keys that templates make.

use apex_cache::testing::paused;
use apex_cache::{Cache, cache_invalidate, cached};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Account {
    id: u64,
    owner: Owner,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Owner {
    name: String,
    tags: (u8, Option<String>),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Order {
    Newest,
    Oldest,
}

#[cached(key = "user::{account.id}::{account.owner.name}::{account.owner.tags.0}")]
async fn nested(cache: &Cache, account: &Account) -> u64 {
    account.id
}

#[cached(key = "query::search::{text}::page-{page:03}::{order}::{limit}")]
async fn search(cache: &Cache, text: &str, page: u32, order: Order, limit: Option<u32>) -> String {
    format!("{text}{page}{order:?}{limit:?}")
}

#[cached(key_prefix = "query", key_params(text), skip(pool))]
async fn params(cache: &Cache, text: String, pool: &Pool) -> usize {
    text.len() + pool.0
}

#[cached(key_prefix = "query")]
async fn all_params(cache: &Cache, limit: u32, names: Vec<String>) -> usize {
    names.len() + limit as usize
}

/// Neither shown nor serialised, as pools are.
#[derive(Clone)]
struct Pool(usize);

fn account(name: &str) -> Account {
    Account { id: 42, owner: Owner { name: name.into(), tags: (7, None) } }
}

#[test]
fn fields_formats_and_types_of_all_kinds_stand_in_the_key() {
    assert_eq!(nested_key(&account("ann")).unwrap().as_str(), "user::42::ann::7");
    let key = |text, order, limit| search_key(text, 7, order, limit).unwrap().as_str().to_owned();
    assert_eq!(key("mouse", Order::Newest, Some(3)), "query::search::mouse::page-007::Newest::3");
    assert!(key("mouse", Order::Oldest, None).starts_with("query::search::mouse::page-007::Oldest::~"));
    assert_eq!(params_key("x".into()).unwrap().as_str(), "query::x::params");
    let names = all_params_key(3, vec!["a".into()]).unwrap();
    assert!(names.as_str().starts_with("query::3::~") && names.as_str().ends_with("::all_params"), "{names}");
}

#[test]
fn no_value_reaches_into_another_segment() {
    let key = |text: &str| search_key(text, 1, Order::Newest, None).unwrap();
    assert_eq!(key("a::b*").segments().nth(2), Some("a%3A%3Ab%2A"));
    assert_eq!(key("").segments().nth(2), Some("%"));
    assert_eq!(key("k=v~").segments().nth(2), Some("k%3Dv%7E"));
    let long = key(&"long ".repeat(500));
    assert!(long.segments().nth(2).is_some_and(|part| part.starts_with('~') && part.len() == 33), "{long}");
    assert_ne!(long, key(&"long ".repeat(501)));
}

#[cache_invalidate("user::{account.id}::{name}::*")]
async fn rename(cache: &Cache, account: Account, name: String) -> Account {
    drop(name);
    account
}

#[cache_invalidate("user::*::{name}::*")]
async fn forget(cache: &Cache, name: &str) -> impl Iterator<Item = u32> + use<> {
    0..3
}

#[test]
fn an_invalidation_takes_the_key_that_the_same_value_made() {
    for name in ["ann", "a::b", "*", "~", "", &"x".repeat(200)] {
        paused(|| async {
            let cache = Cache::for_tests().await;
            let (key, other) =
                (nested_key(&account(name)).unwrap(), nested_key(&account("somebody else")).unwrap());
            for renamed in [true, false] {
                for name in [name, "somebody else"] {
                    nested(&cache, &account(name)).await;
                }
                assert!(cache.contains(&key).unwrap());
                if renamed {
                    rename(&cache, account(name), name.into()).await;
                } else {
                    assert_eq!(forget(&cache, name).await.count(), 3);
                }
                assert!(!cache.contains(&key).unwrap() && cache.contains(&other).unwrap(), "{name}");
            }
        });
    }
}

#[test]
fn arguments_that_are_no_part_of_the_key_do_not_part_the_entries() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        assert_eq!(params(&cache, "ab".into(), &Pool(1)).await, 3);
        assert_eq!(params(&cache, "ab".into(), &Pool(5)).await, 3);
        assert_eq!(all_params(&cache, 1, vec![]).await, 1);
        assert_eq!(all_params(&cache, 2, vec![]).await, 2);
    });
}

/// Named by keywords.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Raw {
    r#type: u8,
}

#[cached("query::raw::{type}::{r#match}::{raw.type}")]
async fn raw(cache: &Cache, r#type: u8, r#match: &str, raw: Raw) -> String {
    format!("{} {} {}", r#type, r#match, raw.r#type)
}

#[cache_invalidate("query::raw::{type}::*", after = ["query::{ret.type}::{r#type}"])]
async fn change_raw(cache: &Cache, r#type: u8) -> Raw {
    Raw { r#type }
}

#[test]
fn arguments_and_fields_may_be_named_by_keywords() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        assert_eq!(raw(&cache, 1, "a", Raw { r#type: 2 }).await, "1 a 2");
        let key = raw_key(1, "a", Raw { r#type: 2 }).unwrap();
        assert_eq!(key.as_str(), "query::raw::1::a::2");
        change_raw(&cache, 1).await;
        assert!(!cache.contains(&key).unwrap());
    });
}

#[cached(key_prefix = "query")]
#[allow(clippy::too_many_arguments)]
async fn twelve(
    cache: &Cache,
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    k: u8,
    l: u8,
) -> u8 {
    a + b + c + d + e + f + g + h + i + j + k + l
}

#[test]
fn a_key_has_room_for_twelve_arguments() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        assert_eq!(twelve(&cache, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1).await, 12);
        let key = twelve_key(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1).unwrap();
        assert_eq!(key.segments().count(), 14);
    });
}
