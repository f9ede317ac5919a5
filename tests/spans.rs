//! Spans of `tracing`: what a host's traces say of loads, invalidations, warm runs and restarts.
//!
//! Owns: names, fields, who is whose child, and that nothing is told of a key or a value. Never: measures time.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "spans/recording.rs"]
mod recording;
#[path = "common/source.rs"]
mod source;
#[path = "spans/threads.rs"]
mod threads;

use std::io;
use std::time::Duration;

use apex_cache::message::{Break, Breaks, Remove, RemoveMany, UserActive, WarmScope};
use apex_cache::{BoxError, Cache, Key, Pattern, Scope, Settings, Tag, Tags, WarmEntries, WarmSource};
use tracing::{Instrument, Span, info_span};

use common::{cache, cache_with, inline, paused, settle};
use recording::{Recording, Seen};
use source::Source;

/// Stands in keys, values, users, tags and errors, and in no span.
const MARK: &str = "MARK-5e1d";

fn name(number: u32) -> String {
    format!("user::{MARK}{number}::name")
}

async fn ok() -> Result<String, io::Error> {
    Ok(MARK.to_owned())
}

/// What must be true of every span of this crate.
fn judge(recording: &Recording) {
    for seen in recording.all() {
        let shown = format!("{seen:?}");
        assert!(!shown.contains(MARK), "{shown}");
        assert_eq!(seen.inside, 0, "left as often as entered: {shown}");
        if seen.name.starts_with("cache.") {
            assert!(seen.target.starts_with("apex_cache::") && seen.is_closed, "{shown}");
        }
    }
}

fn told(seen: &Seen, fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| format!("{field}={}", seen.field(field))).collect()
}

#[test]
fn a_load_is_a_child_of_the_span_that_asked_and_holds_what_its_loader_tells() {
    paused(async || {
        let (recording, _guard) = Recording::start();
        let cache = cache().await;
        let load = async || {
            tokio::task::yield_now().await;
            info_span!("query").in_scope(|| tracing::info!("the database was asked"));
            ok().await
        };
        let request = info_span!("request");
        cache.get_or_load(name(1), load).instrument(request).await.unwrap();
        settle().await;
        let seen = recording.one("cache.load");
        assert_eq!((&*seen.target, &*seen.level), ("apex_cache::load", "DEBUG"));
        assert_eq!(seen.parent.as_deref(), Some("request"));
        let fields = ["tier", "keys", "refresh", "bypass", "outcome"];
        assert_eq!(
            told(&seen, &fields),
            ["tier=user", "keys=1", "refresh=false", "bypass=false", "outcome=ok"]
        );
        assert_eq!(seen.fields.len(), fields.len());
        assert!(seen.entered >= 2, "it is left while its loader waits: {seen:?}");
        assert_eq!(recording.one("query").parent.as_deref(), Some("cache.load"));
        assert!(recording.one("request").is_closed);
        judge(&recording);
    });
}

#[test]
fn a_hit_makes_no_span() {
    paused(async || {
        let cache = cache().await;
        cache.set(name(1), MARK).await.unwrap();
        let (recording, _guard) = Recording::start();
        for _ in 0..100 {
            cache.get_now::<String>(name(1)).unwrap().unwrap();
            cache.get::<String>(name(1)).await.unwrap().unwrap();
            cache.get_or_load(name(1), ok).await.unwrap();
            assert!(cache.contains(name(1)).unwrap());
        }
        cache.set(name(1), MARK).await.unwrap();
        assert!(recording.all().is_empty(), "{:?}", recording.all());
    });
}

#[test]
fn every_way_in_which_a_load_ends_has_its_word() {
    paused(async || {
        let (recording, _guard) = Recording::start();
        let cache = cache().await;
        let outcome = || {
            let seen = recording.of("cache.load").pop().unwrap();
            seen.field("outcome").to_owned()
        };
        let fail = async || Err::<String, _>(io::Error::other(MARK));
        cache.get_or_load(name(1), fail).await.unwrap_err();
        settle().await;
        assert_eq!(outcome(), "failed");
        let panics = async || -> Result<String, io::Error> { panic!("{MARK}") };
        cache.get_or_load(name(2), panics).await.unwrap_err();
        settle().await;
        assert_eq!(outcome(), "panicked");
        let hangs = async || std::future::pending::<Result<String, io::Error>>().await;
        cache.get_or_load(name(3), hangs).timeout(Duration::from_secs(1)).await.unwrap_err();
        settle().await;
        assert_eq!(outcome(), "timed_out");
        let nothing = async || Ok::<Option<String>, io::Error>(None);
        assert!(cache.get_or_find(name(4), nothing).await.unwrap().is_none());
        settle().await;
        assert_eq!(outcome(), "ok");
        drop(cache.get_or_reserve::<String>(name(5)).await.unwrap());
        settle().await;
        assert_eq!(outcome(), "lost");
        judge(&recording);
    });
}

#[test]
fn two_loads_at_a_time_do_not_stand_in_each_others_spans() {
    paused(async || {
        let (recording, _guard) = Recording::start();
        let (cache, source) = (cache().await, Source::new());
        let ask = |number: u32, request: Span| {
            let (key, source) = (name(number), source.clone());
            let gate = source.hold(&key);
            let load = {
                let key = key.clone();
                async move || {
                    let row = source.read(key).await;
                    tracing::info!("row {number}");
                    row
                }
            };
            let cache = cache.clone();
            let call = async move { cache.get_or_load(key, load).instrument(request).await.unwrap() };
            (gate, source::go(call))
        };
        let (first_gate, first) = ask(1, info_span!("first"));
        first_gate.begun().await;
        let (second_gate, second) = ask(2, info_span!("second"));
        second_gate.begun().await;
        assert!(Span::current().is_none(), "nobody is left inside a span");
        first_gate.open();
        source::join(first).await;
        second_gate.open();
        source::join(second).await;
        settle().await;
        let loads = recording.of("cache.load");
        let parents: Vec<_> = loads.iter().map(|load| load.parent.as_deref()).collect();
        assert_eq!(parents, [Some("first"), Some("second")]);
        let events: Vec<_> = loads.iter().map(|load| load.events.clone()).collect();
        assert_eq!(events, [["row 1"], ["row 2"]]);
        judge(&recording);
    });
}

#[test]
fn a_refresh_follows_from_the_reader_and_does_not_keep_its_span_open() {
    paused(async || {
        let (recording, _guard) = Recording::start();
        let (cache, source) = (cache().await, Source::new());
        let (ttl, stale) = (Duration::from_secs(10), Duration::from_secs(600));
        let key = name(1);
        let read = || cache.get_or_load(&*key, source.loader(&key)).ttl(ttl).stale(stale);
        read().await.unwrap();
        common::advance(Duration::from_secs(60)).await;
        recording.clear();
        let gate = source.hold(&name(1));
        let hit = read().instrument(info_span!("reader")).await.unwrap();
        assert!(hit.is_stale());
        gate.begun().await;
        assert!(recording.one("reader").is_closed && !recording.one("cache.load").is_closed);
        gate.open();
        settle().await;
        let seen = recording.one("cache.load");
        assert_eq!((seen.parent.as_deref(), seen.follows.as_deref()), (None, Some("reader")));
        assert_eq!((seen.field("refresh"), seen.field("outcome")), ("true", "ok"));
        judge(&recording);
    });
}

#[test]
fn a_load_of_several_keys_is_one_span_and_so_is_one_past_the_cache() {
    paused(async || {
        let (recording, _guard) = Recording::start();
        let cache = cache_with(Settings::default()).await;
        let keys = |from: u32| (from..from + 3).map(|number| Key::parse(&name(number)).unwrap());
        let load = async |missing: Vec<Key>| {
            tracing::info!("asked for {}", missing.len());
            Ok::<_, io::Error>(missing.into_iter().map(|key| (key, 7_u64)).collect::<Vec<_>>())
        };
        let request = info_span!("request");
        cache.get_or_load_many(keys(1), load).into_future().instrument(request.clone()).await;
        settle().await;
        let seen = recording.one("cache.load");
        assert_eq!(
            told(&seen, &["tier", "keys", "bypass", "outcome"]),
            ["tier=user", "keys=3", "bypass=false", "outcome=ok"]
        );
        assert_eq!(
            (seen.parent.as_deref(), seen.events.as_slice()),
            (Some("request"), &["asked for 3".to_owned()][..])
        );
        for _ in 0..5 {
            cache.supervisor().send(Break::new(Breaks::Turn("user".into()))).await.unwrap();
        }
        settle().await;
        recording.clear();
        cache.get_or_load(name(9), ok).instrument(request.clone()).await.unwrap();
        let seen = recording.one("cache.load");
        assert_eq!(told(&seen, &["keys", "bypass", "outcome"]), ["keys=1", "bypass=true", "outcome=ok"]);
        assert_eq!(seen.parent.as_deref(), Some("request"));
        recording.clear();
        cache.get_or_load_many(keys(10), load).into_future().instrument(request).await;
        let seen = recording.one("cache.load");
        assert_eq!(told(&seen, &["keys", "bypass", "outcome"]), ["keys=3", "bypass=true", "outcome=ok"]);
        judge(&recording);
    });
}

#[test]
fn an_invalidation_tells_its_kind_and_what_it_took_and_never_of_whom() {
    paused(async || {
        let (recording, _guard) = Recording::start();
        let cache = cache().await;
        let fill = async || {
            for number in 0..4 {
                let tag = Tag::new(format!("user:{MARK}")).unwrap();
                cache.set(name(number), MARK).tags(Tags::new([tag])).await.unwrap();
            }
        };
        let key = |number: u32| Key::parse(&name(number)).unwrap();
        let prefix = apex_cache::Prefix::parse(&format!("user::{MARK}1")).unwrap();
        let pattern = Pattern::parse(&format!("user::{MARK}*")).unwrap();
        for (scope, kind, tiers, matched) in [
            (Scope::from(key(1)), "key", 1, 1),
            (Scope::Keys([key(1), key(2)].into_iter().collect()), "keys", 1, 2),
            (prefix.into(), "prefix", 1, 1),
            (pattern.into(), "pattern", 1, 4),
            (Tag::new(format!("user:{MARK}")).unwrap().into(), "tag", 4, 4),
            (Scope::Tier("user".into()), "tier", 1, 4),
            (Scope::All, "all", 4, 4),
        ] {
            fill().await;
            for dry_run in [true, false] {
                recording.clear();
                let call = cache.invalidate(scope.clone());
                let call = async { if dry_run { call.dry_run().await } else { call.await } };
                call.instrument(info_span!("request")).await.unwrap();
                let seen = recording.one("cache.invalidate");
                assert_eq!((&*seen.target, &*seen.level), ("apex_cache::invalidate", "DEBUG"));
                assert_eq!(seen.parent.as_deref(), Some("request"));
                let fields =
                    ["scope", "how", "dry_run", "awaited", "tiers", "matched", "revoked_loads", "outcome"];
                let wanted = format!(
                    "scope={kind} how=remove dry_run={dry_run} awaited=true tiers={tiers} matched={matched} \
                     revoked_loads=0 outcome=ok"
                );
                assert_eq!(told(&seen, &fields).join(" "), wanted);
                assert_eq!(seen.fields.len(), fields.len());
            }
        }
        judge(&recording);
    });
}

#[test]
fn removals_commits_and_what_nobody_waits_for_are_invalidations_too() {
    paused(async || {
        let (recording, _guard) = Recording::start();
        let cache = cache().await;
        for number in 0..4 {
            cache.set(name(number), MARK).await.unwrap();
        }
        let key = |number: u32| Key::parse(&name(number)).unwrap();
        let last = || {
            let seen = recording.one("cache.invalidate");
            recording.clear();
            told(&seen, &["scope", "how", "awaited", "matched", "outcome"]).join(" ")
        };
        cache.supervisor().send(Remove::new(key(0))).await.unwrap();
        assert_eq!(last(), "scope=key how=remove awaited=true matched=1 outcome=ok");
        cache.supervisor().send(RemoveMany::new(vec![key(0), key(1), key(2)])).await.unwrap();
        assert_eq!(last(), "scope=keys how=remove awaited=true matched=2 outcome=ok");
        cache.invalidate(Scope::Tier("user".into())).expire().await.unwrap();
        assert_eq!(last(), "scope=tier how=expire awaited=true matched=1 outcome=ok");
        cache.invalidate(Scope::Tier("user".into())).send().unwrap();
        assert_eq!(last(), "scope=tier how=remove awaited=false matched= outcome=");
        let fence = cache.begin(Scope::Tier("user".into())).await.unwrap();
        fence.abort().await.unwrap();
        assert!(recording.of("cache.invalidate").is_empty(), "nothing was taken");
        let fence = cache.begin(Scope::Tier("user".into())).await.unwrap();
        fence.commit().await.unwrap();
        assert_eq!(last(), "scope=tier how=commit awaited=true matched=0 outcome=ok");
        judge(&recording);
    });
}

fn sources() -> (WarmSource, WarmSource) {
    let menu = WarmSource::new("menu", "reference", async |_run| {
        let mut entries = WarmEntries::new();
        entries.push(format!("products::{MARK}"), MARK)?;
        tracing::info!("the menu was read");
        Ok::<_, BoxError>(entries)
    });
    let profiles = WarmSource::new("profiles", "user", async |_run| {
        Err::<WarmEntries, _>(BoxError::from(MARK)) // the host's words stay with the host
    });
    (menu, profiles.on_user_active())
}

async fn warmed() -> Cache {
    let (menu, profiles) = sources();
    inline().warm(menu).warm(profiles).start().await.unwrap()
}

#[test]
fn a_warm_run_tells_what_it_stored_and_not_for_whom() {
    paused(async || {
        let (recording, _guard) = Recording::start();
        let cache = warmed().await;
        cache.warm(WarmScope::All).instrument(info_span!("request")).await.unwrap();
        settle().await;
        let seen = recording.one("cache.warm");
        assert_eq!((&*seen.target, &*seen.level, &seen.parent), ("apex_cache::warm", "INFO", &None));
        let fields = ["source", "tier", "for_user", "stored", "revoked", "refused", "outcome"];
        let wanted = "source=menu tier=reference for_user=false stored=1 revoked=0 refused=0 outcome=ok";
        assert_eq!(told(&seen, &fields).join(" "), wanted);
        assert_eq!(
            (seen.fields.len(), seen.events.as_slice()),
            (fields.len(), &["the menu was read".to_owned()][..])
        );
        recording.clear();
        cache.supervisor().send(UserActive::new(MARK)).await.unwrap();
        settle().await;
        let seen = recording.one("cache.warm");
        let wanted = "source=profiles tier=user for_user=true stored=0 revoked=0 refused=0 outcome=failed";
        assert_eq!(told(&seen, &fields).join(" "), wanted);
        judge(&recording);
    });
}

#[test]
fn a_restart_tells_who_broke_what_was_lost_and_whether_it_is_bypassed() {
    paused(async || {
        let (recording, _guard) = Recording::start();
        let cache = cache().await;
        cache.set(name(1), MARK).await.unwrap();
        let fields = ["actor", "tier", "cause", "lost", "bypassed"];
        let last = || {
            let seen = recording.one("cache.restart");
            assert_eq!((&*seen.target, &*seen.level, &seen.parent), ("apex_cache::restart", "INFO", &None));
            assert_eq!(seen.events.len(), 1, "its line is logged within it: {:?}", seen.events);
            recording.clear();
            told(&seen, &fields).join(" ")
        };
        for (breaks, wanted) in [
            (Breaks::Turn("user".into()), "actor=tier tier=user cause=panic lost=1 bypassed=false"),
            (Breaks::Tier("user".into()), "actor=tier tier=user cause=death lost=0 bypassed=false"),
            (Breaks::Turn("user".into()), "actor=tier tier=user cause=panic lost=0 bypassed=false"),
            (Breaks::Turn("user".into()), "actor=tier tier=user cause=panic lost=0 bypassed=false"),
            (Breaks::Turn("user".into()), "actor=tier tier=user cause=panic lost=0 bypassed=true"),
            (Breaks::Warmer, "actor=warmer tier= cause=death lost=0 bypassed=false"),
            (Breaks::Stats, "actor=stats tier= cause=death lost=0 bypassed=false"),
            (Breaks::Supervisor, "actor=supervisor tier= cause=death lost=0 bypassed=false"),
        ] {
            cache.supervisor().send(Break::new(breaks)).await.unwrap();
            settle().await;
            assert_eq!(last(), wanted);
        }
        judge(&recording);
    });
}
