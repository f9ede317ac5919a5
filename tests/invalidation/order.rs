//! Later calls never overtake earlier ones of the same host, those included that it did not wait for.

use apex_cache::message::{Get, Invalidate, Remove, Set, SetMany};
use apex_cache::{Cache, Key, Prefix, Scope, Value};

use crate::common::{cache, paused};
use crate::source::threads;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn set(text: &str, value: u64) -> Set {
    Set::new(key(text), Value::encode(&value).unwrap())
}

async fn number(cache: &Cache, text: &str) -> Option<u64> {
    let given = cache.supervisor().send(Get::new(key(text))).await.unwrap();
    given.map(|given| given.value.decode(text).unwrap())
}

/// Posts calls without waiting for any, then reads behind them.
async fn calls_take_effect_in_order(cache: &Cache) {
    let supervisor = cache.supervisor();
    for round in 0..50 {
        for value in 0..20 {
            drop(supervisor.send(set("user::1::x", value)));
        }
        assert_eq!(number(cache, "user::1::x").await, Some(19), "round {round}");

        drop(supervisor.send(set("user::1::x", 100)));
        drop(supervisor.send(Remove::new(key("user::1::x"))));
        assert_eq!(number(cache, "user::1::x").await, None, "round {round}: the remove was overtaken");

        drop(supervisor.send(Remove::new(key("user::1::x"))));
        drop(supervisor.send(set("user::1::x", 101)));
        assert_eq!(number(cache, "user::1::x").await, Some(101), "round {round}: the set was overtaken");

        drop(supervisor.send(SetMany::new(vec![
            set("query::1", 1),
            set("user::1::y", 2),
            set("query::2", 3),
        ])));
        drop(supervisor.send(Invalidate::new(Scope::All)));
        drop(supervisor.send(set("query::2", 4)));
        let (one, two) = (number(cache, "query::1").await, number(cache, "query::2").await);
        assert_eq!((one, two, number(cache, "user::1::y").await), (None, Some(4), None), "round {round}");

        drop(supervisor.send(set("user::1::z", 5)));
        let scope = Scope::Prefix(Prefix::parse("user::1").unwrap());
        let gone = supervisor.send(Invalidate::new(scope)).await.unwrap();
        assert_eq!(gone.matched, 1, "round {round}: it saw the set before it");
        assert_eq!(number(cache, "user::1::z").await, None, "round {round}");
    }
}

#[test]
fn calls_that_nobody_waits_for_take_effect_in_the_order_in_which_they_were_made() {
    paused(async || calls_take_effect_in_order(&cache().await).await);
    threads(async || calls_take_effect_in_order(&Cache::builder().start().await.unwrap()).await);
}

#[test]
fn what_was_set_is_read_at_once_by_every_handle_on_every_thread() {
    threads(async || {
        let cache = Cache::builder().start().await.unwrap();
        for value in 0..500_u64 {
            cache.set("user::1::x", &value).await.unwrap();
            let other = cache.clone();
            let read = crate::source::go(async move { other.get::<u64>("user::1::x").await });
            let read = crate::source::join(read).await.unwrap().map(|hit| *hit);
            assert_eq!(read, Some(value));
            if value % 7 == 0 {
                cache.remove("user::1::x").await.unwrap();
                assert!(!cache.contains("user::1::x").unwrap());
            }
        }
    });
}
