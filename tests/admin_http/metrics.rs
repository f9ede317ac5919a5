//! The metrics, as Prometheus reads them.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use apex_cache::message::{Break, Breaks, WarmScope};

use crate::client::{Host, KEY_MARK, VALUE_MARK};
use crate::exposition::Exposition;
use crate::promtool;

pub(crate) const USER: &[(&str, &str)] = &[("tier", "user")];

fn scrape(host: &Host) -> Exposition {
    Exposition::parse(&host.get_open("/metrics").expect(200).body)
}

/// Does everything that any metric counts, as far as a host can bring it about.
pub(crate) fn work(host: &Host) {
    let cache = &host.cache;
    host.wait(async {
        let name = |number: u32| format!("user::{KEY_MARK}::{number}");
        for number in 0..200 {
            let load = async move || Ok::<_, io::Error>(format!("{VALUE_MARK} {number}").repeat(400));
            cache.get_or_load(name(number % 50), load).await.expect("it loads");
        }
        let fail = async || Err::<String, _>(io::Error::other(VALUE_MARK));
        cache.get_or_load(name(1_000), fail).await.expect_err("it fails");
        let hang = async || std::future::pending::<Result<String, io::Error>>().await;
        let call = cache.get_or_load(name(1_001), hang).timeout(Duration::from_millis(1));
        call.await.expect_err("it takes too long");
        cache.get::<u64>(name(1)).await.expect_err("it is a text");
        cache.remove(name(2)).await.expect("it is removed");
        cache.set(name(3), VALUE_MARK).await.expect("it is stored");
        cache.set(format!("{KEY_MARK}::1"), VALUE_MARK).await.expect("there is a default tier");
        for breaks in [Breaks::Turn("query".into()), Breaks::Tier("query".into()), Breaks::Warmer] {
            cache.supervisor().send(Break::new(breaks)).await.expect("it breaks");
        }
        // Until those that died are back in their places.
        while cache.stats().await.map_or(0, |stats| stats.total().restarts) < 2 {}
        while cache.warm(WarmScope::All).await.is_err() {}
    });
}

#[test]
fn metrics_tell_what_took_place() {
    let host = Host::new();
    let before = scrape(&host);
    work(&host);
    let now = scrape(&host);
    for (name, labels, more) in [
        ("apex_cache_hits_total", USER, 151.0),
        ("apex_cache_misses_total", USER, 52.0),
        ("apex_cache_wrong_type_reads_total", USER, 1.0),
        ("apex_cache_loads_started_total", USER, 52.0),
        ("apex_cache_loads_ended_total", &[("tier", "user"), ("outcome", "ok")], 50.0),
        ("apex_cache_loads_ended_total", &[("tier", "user"), ("outcome", "failed")], 1.0),
        ("apex_cache_loads_ended_total", &[("tier", "user"), ("outcome", "timed_out")], 1.0),
        ("apex_cache_load_duration_seconds_count", USER, 52.0),
        ("apex_cache_stores_total", &[("tier", "user"), ("source", "load")], 50.0),
        ("apex_cache_stores_total", &[("tier", "user"), ("source", "set")], 1.0),
        ("apex_cache_removals_total", &[("tier", "user"), ("cause", "removed")], 1.0),
        ("apex_cache_removals_total", &[("tier", "user"), ("cause", "replaced")], 1.0),
        ("apex_cache_compressed_values_total", USER, 50.0),
        ("apex_cache_restarts_total", &[("tier", "query")], 2.0),
        ("apex_cache_actor_restarts_total", &[("actor", "warmer")], 1.0),
        ("apex_cache_actor_restarts_total", &[("actor", "supervisor")], 0.0),
        ("apex_cache_unknown_prefixes", &[], 1.0),
        ("apex_cache_entries", USER, 49.0),
        ("apex_cache_warm_runs_total", &[("source", "menu"), ("outcome", "ok")], 1.0),
        ("apex_cache_warm_stored_entries_total", &[("source", "menu")], 1.0),
    ] {
        let (then, value) = (before.value(name, labels), now.value(name, labels));
        assert!((value - then - more).abs() < 0.5, "{name}{labels:?}: {then}, then {value}");
    }
    for (name, labels, value) in [
        ("apex_cache_build_info", &[("version", env!("CARGO_PKG_VERSION"))][..], 1.0),
        ("apex_cache_budget_bytes", &[], 104_857_600.0),
        ("apex_cache_enabled", &[], 1.0),
        ("apex_cache_ready", &[], 1.0),
        ("apex_cache_tier_failed", USER, 0.0),
        ("apex_cache_route_ttl_seconds", &[("tier", "user"), ("route", "user_orders")], 1_800.0),
        ("apex_cache_route_ttl_seconds", &[("tier", "user"), ("route", "user")], 3_600.0),
    ] {
        assert!((now.value(name, labels) - value).abs() < 0.5, "{name}{labels:?}");
    }
    // The sum of a histogram grows with it, and what took a millisecond or more is not among what took less.
    let sum = now.value("apex_cache_load_duration_seconds_sum", USER);
    assert!(sum >= 0.001, "{sum}");
    let up_to = |end| now.value("apex_cache_load_duration_seconds_bucket", &[("tier", "user"), ("le", end)]);
    assert!(up_to("0.000512") < 52.0 && up_to("33.554432") > 51.0);
    let turns = "apex_cache_turn_duration_seconds_count";
    assert!(now.value(turns, USER) >= before.value(turns, USER).max(1.0));
    assert!(now.value("apex_cache_supervisor_turn_duration_seconds_count", &[]) > 0.0);
}

#[test]
fn labels_are_words_of_the_settings_and_of_this_crate_alone() {
    let host = Host::new();
    let tiers = ["config", "reference", "user", "query"];
    work(&host);
    let text = host.get_open("/metrics").expect(200).body;
    let settings = apex_cache::Settings::default();
    let routes: BTreeSet<&str> =
        settings.tiers.iter().flat_map(|tier| tier.prefixes.keys()).map(String::as_str).collect();
    for sample in Exposition::parse(&text).0.values().flat_map(|family| &family.samples) {
        for (label, value) in &sample.labels {
            let is_word = value.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let fits = match label.as_str() {
                "tier" => tiers.contains(&value.as_str()),
                "route" => routes.contains(value.as_str()),
                "source" => ["menu", "set", "load", "warm"].contains(&value.as_str()),
                "cause" | "outcome" | "reason" | "actor" => is_word,
                "le" => value == "+Inf" || value.parse::<f64>().is_ok(),
                "version" => value == env!("CARGO_PKG_VERSION"),
                _ => false,
            };
            assert!(fits, "{label}={value} of {}", sample.name);
        }
    }
    for mark in [KEY_MARK, VALUE_MARK, "products::", &host.token] {
        assert!(!text.contains(mark), "{mark}");
    }
}

#[test]
fn metrics_do_not_become_more_with_use() {
    let host = Host::new();
    work(&host);
    let lines = || host.get_open("/metrics").body.lines().count();
    let before = lines();
    for number in 0..500 {
        host.wait(host.cache.set(format!("user::{number}"), &number)).unwrap();
        host.wait(host.cache.set(format!("stranger{number}::1"), &number)).unwrap();
    }
    assert_eq!(lines(), before);
    let strangers = scrape(&host).value("apex_cache_unknown_prefixes", &[]);
    assert!((strangers - 33.0).abs() < 0.5, "{strangers}");
    // Some hundred bytes for each tier, once for each bucket: what a scrape every few seconds may cost.
    assert!(before < 600, "{before} lines");
}

/// Hosts scrape while much goes on. What is read then must hold together, too.
#[test]
#[allow(clippy::disallowed_methods)] // a host's own thread
fn metrics_hold_together_and_promtool_accepts_them_while_everything_changes() {
    let host = Host::new();
    let cache = host.cache.clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let load = std::thread::spawn(move || {
        let mut stopped = stopped;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut number = 0_u64;
            while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
                number += 1;
                let load = async move || Ok::<_, io::Error>(number);
                cache.get_or_load(format!("query::{}", number % 1_000), load).await.expect("it loads");
                if number.is_multiple_of(50) {
                    cache.invalidate(apex_cache::Scope::Tier("query".into())).await.expect("it clears");
                }
            }
        });
        number_of(&cache)
    });
    let mut last = 0.0;
    for _ in 0..30 {
        let now = scrape(&host).value("apex_cache_turn_duration_seconds_count", &[("tier", "query")]);
        assert!(now >= last, "a counter fell from {last} to {now}");
        last = now;
    }
    promtool::check_metrics(&host.get_open("/metrics").expect(200).body);
    stop.send(()).expect("it runs");
    assert!(load.join().expect("it does not panic") > 0);
}

/// Reads so far.
fn number_of(cache: &apex_cache::Cache) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let stats = runtime.block_on(cache.stats()).expect("the cache lives");
    stats.total().reads()
}

#[test]
fn the_table_in_the_readme_names_every_metric_and_no_other() {
    let host = Host::new();
    work(&host);
    let readme = include_str!("../../README.md");
    let table = readme.split("\n### Metrics\n").nth(1).expect("it has the section");
    let table = table.split("\n#").next().unwrap_or_default();
    let first_columns = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let named: BTreeSet<String> = first_columns
        .flat_map(|column| column.split([',', ';']))
        .map(|name| name.trim().trim_start_matches('`').split('`').next().unwrap_or_default())
        .map(|name| format!("apex_cache_{name}"))
        .collect();
    let told: BTreeSet<String> = scrape(&host).0.into_keys().collect();
    assert_eq!(named, told);
}
