//! Every message through the supervisor's handle: the same answers as the short forms give.
//!
//! Owns: one example of each message. Never: what a message means in a race; the other tests have those.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

use std::io;
use std::time::Duration;

use apex_cache::message::{
    Contains, Get, GetOrLoad, History, Info, Invalidate, Remove, ReviveTier, Set, SetMany, Shutdown, Stats,
    UserActive, Warm,
};
use apex_cache::{Cache, ErrorKind, Key, Scope, Source as From, Value, WarmEntries, WarmScope, WarmSource};

use common::{advance, inline, paused};
use source::threads;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn value(number: u64) -> Value {
    Value::encode(&number).unwrap()
}

fn warm() -> WarmSource {
    WarmSource::new("roles", "config", |_run| async { WarmEntries::new().with("config::roles", &7_u64) })
}

async fn messages_say_what_the_handle_says(cache: &Cache) {
    let to = cache.supervisor();
    let stored = to.send(Set::new(key("user::1"), value(1)).ttl(Duration::from_secs(60))).await.unwrap();
    assert_eq!(stored, cache.set("user::2", &1_u64).await.unwrap());
    assert!(to.send(Set::new(key("user::1"), value(1))).await.unwrap().replaced);

    let given = to.send(Get::new(key("user::1"))).await.unwrap().unwrap();
    assert_eq!(
        (given.value.decode::<u64>("user::1").unwrap(), given.source, given.stored),
        (1, From::Memory, true)
    );
    assert_eq!(cache.get::<u64>("user::1").await.unwrap().map(|hit| *hit), Some(1));
    assert!(to.send(Get::new(key("user::3"))).await.unwrap().is_none());
    assert_eq!(given.value.decode::<String>("user::1").unwrap_err().kind(), ErrorKind::WrongType);

    assert!(to.send(Contains::new(key("user::1"))).await.unwrap() && cache.contains("user::1").unwrap());
    assert!(!to.send(Contains::new(key("user::3"))).await.unwrap());

    let entries = ["user::4", "query::4", "config::4", "user::4"].map(|text| Set::new(key(text), value(4)));
    let many = to.send(SetMany::new(entries.to_vec())).await.unwrap();
    let replaced: Vec<_> = many.iter().map(|one| one.as_ref().unwrap().replaced).collect();
    assert_eq!(replaced, [false, false, false, true], "in the order given");

    let load = || async { Ok::<_, io::Error>(5_u64) };
    let given = to.send(GetOrLoad::new(key("user::5"), load)).await.unwrap();
    assert_eq!((given.value.decode::<u64>("user::5").unwrap(), given.source), (5, From::Loaded));
    assert_eq!(cache.get_or_load("user::5", load).await.unwrap().source(), From::Memory);
    assert_eq!(to.send(GetOrLoad::new(key("user::5"), load)).await.unwrap().source, From::Memory);

    let removed = to.send(Remove::new(key("user::5"))).await.unwrap();
    assert!(removed.was_present && !cache.remove("user::5").await.unwrap().was_present);

    let scope = Scope::Tier("user".into());
    let would = to.send(Invalidate::new(scope.clone()).dry_run()).await.unwrap();
    assert_eq!(would, cache.invalidate(scope.clone()).dry_run().await.unwrap());
    let gone = to.send(Invalidate::new(scope)).await.unwrap();
    assert_eq!((gone.matched, gone.bytes, gone.tiers), (would.matched, would.bytes, would.tiers));
    let unknown = to.send(Invalidate::new(Scope::Tier("nobody".into()))).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UnknownTier);

    let report = to.send(Warm::new(WarmScope::Tier("config".into()))).await.unwrap();
    assert_eq!((report.stored(), report.sources.len()), (1, 1));
    assert_eq!(cache.get::<u64>("config::roles").await.unwrap().map(|hit| *hit), Some(7));
    let unknown = to.send(Warm::new(WarmScope::Tier("nobody".into()))).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UnknownScope);
    assert!(!to.send(UserActive::new(1)).await.unwrap(), "there is no source for users");

    let (one, other) = (to.send(Stats).await.unwrap(), cache.stats().await.unwrap());
    assert_eq!((&one.tiers, &one.top, &one.warm), (&other.tiers, &other.top, &other.warm));
    assert_eq!(to.send(Info).await.unwrap().tiers, cache.info().await.unwrap().tiers);
    assert_eq!(to.send(History).await.unwrap(), cache.history().await.unwrap());
    assert!(!to.send(ReviveTier::new("user")).await.unwrap());
    assert_eq!(to.send(ReviveTier::new("nobody")).await.unwrap_err().kind(), ErrorKind::UnknownTier);

    to.send(Shutdown).await.unwrap();
    assert_eq!(to.send(Stats).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn every_message_answers_as_the_handle_does() {
    paused(async || messages_say_what_the_handle_says(&inline().warm(warm()).start().await.unwrap()).await);
    threads(async || {
        messages_say_what_the_handle_says(&Cache::builder().warm(warm()).start().await.unwrap()).await;
    });
}

#[test]
fn one_entry_of_many_that_is_wrong_does_not_keep_the_others_out() {
    paused(async || {
        let settings = apex_cache::Settings::default().max_entry_size(10_000).unknown_prefix("refuse");
        let cache = inline().settings(settings).start().await.unwrap();
        let large = Value::encode(&crate::common::noise(20_000)).unwrap();
        let entries = vec![
            Set::new(key("user::1"), value(1)),
            Set::new(key("stranger::1"), value(1)),
            Set::new(key("user::2"), large),
            Set::new(key("query::1"), value(1)),
        ];
        let many = cache.supervisor().send(SetMany::new(entries)).await.unwrap();
        let kinds: Vec<_> = many.iter().map(|one| one.as_ref().err().map(apex_cache::Error::kind)).collect();
        assert_eq!(kinds, [None, Some(ErrorKind::UnknownPrefix), Some(ErrorKind::TooLarge), None]);
        assert!(cache.contains("user::1").unwrap() && cache.contains("query::1").unwrap());
    });
}

#[test]
fn the_handle_of_the_supervisor_is_good_after_a_long_time() {
    paused(async || {
        let to = inline().start().await.unwrap().supervisor();
        for _ in 0..48 {
            advance(Duration::from_secs(3_600)).await;
            assert!(to.send(Set::new(key("user::1"), value(1))).await.unwrap().kept);
        }
        assert_eq!(to.send(History).await.unwrap().len(), 360, "no more samples than are kept");
    });
}
