//! What changes something, against a real admin: it does so, and only when it is told to.

use serde_json::json;

use super::client::{Host, KEY_MARK};
use super::command::Apex;

fn entries(host: &Host) -> u64 {
    let stats = host.wait(host.cache.stats()).expect("it answers");
    stats.tiers.iter().map(|tier| tier.stats.entries).sum()
}

#[test]
fn clear_counts_first_and_then_takes_what_was_named() {
    let host = Host::new();
    let counted = Apex::of(&host, &["clear", "products:*", "--dry-run", "--json"]).run().expect(0).json();
    assert_eq!((&counted["matched"], &counted["dry_run"]), (&json!(5), &json!(true)));
    assert_eq!(entries(&host), 6);
    let taken = Apex::of(&host, &["clear", "products:*", "--yes"]).run().expect(0);
    assert!(taken.out.starts_with("products:*: removed 5 entries"), "{taken:?}");
    assert_eq!(entries(&host), 1);
    Apex::of(&host, &["clear", "--all", "-y"]).run().expect(0);
    assert_eq!(entries(&host), 0);
    let nothing = Apex::of(&host, &["clear", "products", "-y"]).run().expect(0);
    assert!(nothing.out.contains("prefix:products also takes the keys below it"), "{nothing:?}");
}

#[test]
fn where_nobody_can_be_asked_a_yes_is_needed() {
    let host = Host::new();
    for arguments in [&["clear", "--all"][..], &["clear", "products:*"], &["forget", KEY_MARK]] {
        let ended = Apex::of(&host, arguments).run_with("y\n").expect(2);
        assert!(ended.err.contains("--yes"), "{ended:?}");
    }
    for arguments in [&["clear"][..], &["clear", "x", "--all"], &["clear", "--yes"]] {
        Apex::of(&host, arguments).run().expect(2);
    }
    assert_eq!(entries(&host), 6);
    assert!(host.audited.lock().expect("nobody panics with it").is_empty());
}

#[test]
fn a_user_is_forgotten_and_what_is_left_is_counted() {
    let host = Host::new();
    let gone = Apex::of(&host, &["forget", KEY_MARK, "--yes", "--json"]).run().expect(0).json();
    assert_eq!((&gone["matched"], &gone["left"]), (&json!(1), &json!(0)));
    assert_eq!(entries(&host), 5);
}

#[test]
fn settings_change_while_the_cache_runs_and_say_what_they_were() {
    let host = Host::new();
    let say = |arguments: &[&str]| Apex::of(&host, arguments).run().expect(0).out;
    let budget = say(&["set-budget", "50"]);
    assert!(budget.starts_with("max_size_mb is now 50 MB, was 100 MB"), "{budget}");
    assert_eq!(host.wait(host.cache.info()).expect("it answers").budget, 50 << 20);
    assert!(say(&["set-budget", "50MB"]).contains("already"));
    let ttl = say(&["set-ttl", "user", "90s"]);
    assert!(ttl.contains("is now 1m 30s, was 1h"), "{ttl}");
    assert!(say(&["set-ttl", "prefix:user_orders", "1h"]).contains("is now 1h, was 30m"));
    assert!(say(&["set-enabled", "off"]).starts_with("enabled is now off, was on"));
    assert!(!host.wait(host.cache.info()).expect("it answers").enabled);
    let on = Apex::of(&host, &["set-enabled", "on", "--json"]).run().expect(0).json();
    assert_eq!((&on["value"], &on["before"]), (&json!(true), &json!(false)));
    assert!(say(&["revive", "user"]).contains("was in service already"));
}

#[test]
fn the_settings_are_read_again_and_every_problem_of_bad_ones_is_told() {
    let host = Host::new();
    let reload = || Apex::of(&host, &["reload"]).run();
    assert_eq!(reload().expect(0).out, "the settings were read again; nothing has changed\n");
    let file = host.folder.path().join("app.toml");
    std::fs::write(&file, "ttl_config = 60\nmax_size_mb = 50\n").expect("it is written");
    let changed = reload().expect(0).out;
    assert!(
        changed.contains("2 settings have changed\n  max_size_mb is now 50 MB, was 100 MB\n"),
        "{changed}"
    );
    std::fs::write(&file, "ttl_config = 0\nload_queue = 7\nx = 1\n").expect("it is written");
    let refused = reload().expect(1);
    let problems: Vec<_> =
        refused.err.lines().filter(|line| line.starts_with("  ") && line.contains("app.toml")).collect();
    assert_eq!(problems.len(), 2, "{refused:?}");
}

#[test]
fn warm_waits_for_the_end_and_tells_what_was_stored() {
    let host = Host::new();
    let warmed = Apex::of(&host, &["warm"]).run().expect(0);
    assert!(warmed.out.starts_with("all tiers: stored 1 entry from 1 source"), "{warmed:?}");
    assert_eq!(entries(&host), 7);
    let report = Apex::of(&host, &["warm", "tier:reference", "--json"]).run().expect(0).json();
    assert_eq!((&report["stored"], &report["sources"][0]["source"]), (&json!(1), &json!("menu")));
    let none = Apex::of(&host, &["warm", "config"]).run().expect(0);
    assert!(none.out.contains("there is no warm source"), "{none:?}");
}

#[test]
fn changes_are_told_to_the_audit() {
    let host = Host::new();
    for arguments in [
        &["clear", "products::1", "-y"][..],
        &["forget", "42", "-y"],
        &["warm"],
        &["set-budget", "64"],
        &["set-ttl", "query", "1h"],
        &["revive", "query"],
    ] {
        Apex::of(&host, arguments).run().expect(0);
    }
    let audited = host.audited.lock().expect("nobody panics with it");
    assert_eq!(audited.len(), 6, "{audited:?}");
    assert!(
        audited.iter().all(|event| event.starts_with("http 127.0.0.1 ") && event.ends_with("true")),
        "{audited:?}"
    );
}
