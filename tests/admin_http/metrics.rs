//! The metrics, as Prometheus reads them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::client::{Host, KEY_MARK, VALUE_MARK};

/// One line with a number: name, labels, value.
fn sample(line: &str) -> (&str, &str, f64) {
    let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let (name, labels) = name.split_once('{').unwrap_or((name, ""));
    (name, labels, value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
}

#[test]
fn metrics_have_names_types_and_labels_by_the_conventions() {
    let host = Host::new();
    host.wait(host.cache.get::<String>("products::1")).unwrap();
    host.wait(host.cache.get::<String>("products::none")).unwrap();
    host.wait(host.cache.remove("products::2")).unwrap();
    let response = host.get_open("/metrics").expect(200);
    assert!(response.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let text = &response.body;
    let mut typed = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(name.starts_with("apex_cache_"), "{line}");
            assert!(typed.insert(name), "{name} is there twice");
        } else if !line.starts_with('#') {
            let (name, labels, value) = sample(line);
            assert!(typed.contains(name), "{line} has no type");
            assert!(value >= 0.0 && seen.insert((name, labels)), "{line}");
            for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
                let name = label.split_once('=').unwrap().0;
                assert!(["tier", "cause", "source", "outcome", "reason"].contains(&name), "{line}");
            }
        }
    }
    let value = |wanted: &str| {
        text.lines().find_map(|line| line.strip_prefix(wanted)).map(str::trim).map(str::to_owned)
    };
    for (name, wanted) in [
        ("apex_cache_hits_total{tier=\"reference\"} ", "1"),
        ("apex_cache_misses_total{tier=\"reference\"} ", "1"),
        ("apex_cache_entries{tier=\"reference\"} ", "4"),
        ("apex_cache_stores_total{tier=\"reference\",source=\"set\"} ", "5"),
        ("apex_cache_removals_total{tier=\"reference\",cause=\"removed\"} ", "1"),
        ("apex_cache_budget_bytes ", "104857600"),
        ("apex_cache_warm_runs_total{source=\"menu\",outcome=\"ok\"} ", "0"),
    ] {
        assert_eq!(value(name).as_deref(), Some(wanted), "{name}\n{text}");
    }
    for mark in [KEY_MARK, VALUE_MARK, "products::"] {
        assert!(!text.contains(mark), "{mark}");
    }
}

#[test]
fn metrics_do_not_become_more_with_use() {
    let host = Host::new();
    let lines = || host.get_open("/metrics").body.lines().count();
    let before = lines();
    for number in 0..500 {
        host.wait(host.cache.set(format!("user::{number}"), &number)).unwrap();
    }
    assert_eq!(lines(), before);
}

#[test]
fn promtool_accepts_them() {
    let text = Host::new().get_open("/metrics").expect(200).body;
    let promtool = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    let Ok(mut promtool) = promtool else {
        println!(
            "SKIPPED: there is no promtool on this machine, so nobody judged the metrics but this test suite"
        );
        return;
    };
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    assert!(promtool.wait().expect("it ends").success(), "promtool refuses:\n{text}");
}
