//! Every panel and every short answer, to the letter.
//!
//! The texts stand in `tests/golden`. After a change that is meant, write them anew with
//! `UPDATE_GOLDEN=1 cargo test --test commands`, and read the difference before you commit it.

use std::path::Path;
use std::time::Duration;

use apex_cache::Key;
use apex_cache::admin::{Answer, Command, Style, render};
use apex_cache::engine::histogram::Recorder;
use apex_cache::message::{
    AdviceSnapshot, InfoSnapshot, Invalidated, NamedTierStats, SourceReport, StatsSnapshot, TierInfo,
    TierState, TierStats, TopEntry, WarmReport, WarmScope, WarmStats, Warning, WarningKind, WhatIfCurve,
    WhatIfPoint,
};
use proptest::prelude::*;

/// The panel of the system that this one replaces, as its document shows it.
const ORIGINAL: &str = "\
📊 Cache Statistics
🎯 Performance
  Hit Rate: 85.3%
  Total Hits: 1,234
  Total Misses: 213
  Total Sets: 456

💾 Memory Usage
  Used: 45.2 MB
  Max: 100 MB
  Usage: 45.2%
  Entries: 156

🔥 Top Cached Entries
1. products::gaming (234 hits)
2. user::123456::profile (89 hits)
3. config::vip_tiers (45 hits)
";

const MIB: u64 = 1 << 20;

/// A value of a type that is made by default and then filled, as its fields may become more.
pub(crate) fn filled<T: Default>(fill: impl FnOnce(&mut T)) -> T {
    let mut value = T::default();
    fill(&mut value);
    value
}

fn tier(name: &str, stats: impl FnOnce(&mut TierStats)) -> NamedTierStats {
    filled(|tier: &mut NamedTierStats| {
        tier.name = name.into();
        stats(&mut tier.stats);
    })
}

fn top(entries: &[(&str, u64)]) -> Vec<TopEntry> {
    entries.iter().map(|(key, hits)| TopEntry::new(Key::parse(key).expect("a key"), *hits)).collect()
}

/// The numbers of the original, in one tier.
fn original() -> StatsSnapshot {
    filled(|snapshot: &mut StatsSnapshot| {
        snapshot.budget = 100 * MIB;
        snapshot.tiers.push(tier("user", |stats| {
            (stats.hits, stats.misses, stats.sets) = (1_234, 213, 456);
            (stats.entries, stats.bytes) = (156, 47_395_635);
        }));
        snapshot.top =
            top(&[("products::gaming", 234), ("user::123456::profile", 89), ("config::vip_tiers", 45)]);
    })
}

/// The same numbers over four tiers, and all there is to tell beside them.
fn busy() -> StatsSnapshot {
    let mut snapshot = original();
    snapshot.top.extend(top(&[("query::get_leaderboard::top10", 12), ("products::café", 1)]));
    snapshot.tiers = vec![
        tier("config", |t| (t.hits, t.misses, t.sets, t.entries, t.bytes) = (145, 0, 9, 9, 12_345)),
        tier("reference", |t| {
            (t.hits, t.misses, t.sets, t.entries, t.bytes) = (700, 13, 50, 47, 40 * MIB);
            (t.loads, t.loads_ok, t.load_time) = (13, 13, Duration::from_millis(1_092));
            (t.removals.invalidated, t.warm_revoked, t.warm_no_room) = (3, 2, 1);
            (t.compressed, t.compressed_from, t.compressed_to) = (12, 3 * MIB, MIB);
        }),
        tier("user", |t| {
            (t.hits, t.misses, t.sets, t.entries, t.bytes) = (389, 200, 397, 100, 5_440_250);
            (t.loads, t.loads_ok, t.loads_failed) = (180, 170, 4);
            (t.loads_panicked, t.loads_timed_out, t.loads_lost) = (1, 2, 1);
            (t.load_time, t.joined, t.revoked, t.bypassed) = (Duration::from_secs(15), 20, 7, 5);
            (t.removals.expired, t.removals.evicted, t.removals.removed) = (1_200, 31, 4);
            (t.removals.cleared, t.removals.displaced, t.removals.lost) = (40, 1, 12);
            (t.overloaded, t.too_large, t.wrong_type, t.restarts) = (3, 1, 2, 1);
            t.unawaited_failed = 4;
            t.unreadable = 6;
            let turns = Recorder::default();
            turns.record(Duration::from_micros(1_500));
            t.turns = turns.read();
        }),
        tier("query", |_| {}),
    ];
    for (tier, (grant, worth)) in snapshot.tiers.iter_mut().zip([(10, 0), (50, 1_234), (30, 89), (10, 0)]) {
        (tier.stats.grant, tier.stats.worth) = (grant * MIB, worth);
    }
    snapshot.warm = vec![
        filled(|warm: &mut WarmStats| {
            (warm.source, warm.tier) = ("vip tiers".into(), "config".into());
            (warm.runs, warm.stored, warm.last_took) = (3, 27, Some(Duration::from_millis(84)));
        }),
        filled(|warm: &mut WarmStats| {
            (warm.source, warm.tier) = ("catalog".into(), "reference".into());
            (warm.runs, warm.failures, warm.stored, warm.progress) = (1, 2, 10_000, Some((4_000, 10_000)));
            warm.last_error = Some("no connection\u{1b}[31m to the database".into());
        }),
    ];
    snapshot
}

/// Curves of which one is not known, and some warnings.
fn advice() -> AdviceSnapshot {
    let curve = |tier: Option<&str>, mb: u64, percents: &[f64]| {
        filled(|curve: &mut WhatIfCurve| {
            (curve.tier, curve.now_bytes, curve.off_by) = (tier.map(Into::into), mb * MIB, Some(0.42));
            let point =
                |(quarters, &percent): (u64, &f64)| WhatIfPoint::new(mb * MIB * quarters / 4, percent);
            curve.points = [1, 2, 4, 8, 16].into_iter().zip(percents).map(point).collect();
        })
    };
    let user = || Some("user".into());
    let unused = WarningKind::ExpireUnused { hit_percent: 31.25, expired: 1_200, unread: 1_100 };
    let prefixes = ["café", "sessions"].map(Into::into).into();
    filled(|advice: &mut AdviceSnapshot| {
        advice.curves = vec![
            curve(None, 100, &[61.0, 74.25, 85.34, 91.0, 93.5]),
            curve(Some("user"), 30, &[40.0, 55.0, 66.04, 70.0, 72.0]),
            curve(Some("query"), 10, &[]),
        ];
        advice.warnings = vec![
            Warning::new(user(), unused),
            Warning::new(user(), WarningKind::TakesNothing { shape: "users::..".into(), times: 120 }),
            Warning::new(None, WarningKind::UnknownPrefixes { prefixes, count: 7, keys: 345 }),
        ];
    })
}

fn info() -> InfoSnapshot {
    let tier = |name: &str, description: &str, ttl: u64, prefixes: &[(&str, Option<u64>)]| {
        filled(|tier: &mut TierInfo| {
            (tier.name, tier.description, tier.ttl) =
                (name.into(), description.into(), Duration::from_secs(ttl));
            tier.prefixes = prefixes
                .iter()
                .map(|(prefix, ttl)| ((*prefix).into(), ttl.map(Duration::from_secs)))
                .collect();
            (tier.grant, tier.floor) = (25 * MIB, 10 * MIB);
        })
    };
    filled(|info: &mut InfoSnapshot| {
        (info.enabled, info.ready, info.uptime) = (true, true, Duration::from_secs(8_000));
        (info.budget, info.max_entry) = (100 * MIB, MIB);
        (info.cleanup_interval, info.warm_interval) =
            (Duration::from_secs(3_600), Duration::from_secs(21_600));
        info.default_tier = Some("query".into());
        info.tiers = vec![
            tier("config", "Configuration: roles, VIP tiers, payment methods", 86_400, &[("config", None)]),
            tier(
                "reference",
                "Reference data: products, categories, discounts",
                43_200,
                &[("products", None), ("categories", None), ("discounts", None)],
            ),
            tier(
                "user",
                "User data: profiles, wallets, orders",
                3_600,
                &[("user", None), ("user_orders", Some(1_800))],
            ),
            tier("query", "", 1_800, &[]),
        ];
        (info.moving_budget, info.tiers[1].worth) = (true, 1_234);
        (info.tiers[0].entries, info.tiers[0].bytes) = (1, 12_345);
        info.tiers[1].stale = Duration::from_secs(300);
        (info.tiers[1].loads, info.tiers[1].queued) = ((2, 1), (12, 3_456));
        (info.tiers[2].state, info.tiers[2].restarts) = (TierState::Failed, 5);
    })
}

fn taken(matched: u64, bytes: u64, revoked_loads: u64, tiers: u64) -> Invalidated {
    filled(|taken: &mut Invalidated| {
        (taken.matched, taken.bytes, taken.revoked_loads, taken.tiers) =
            (matched, bytes, revoked_loads, tiers);
    })
}

fn report() -> WarmReport {
    filled(|report: &mut WarmReport| {
        report.sources = vec![
            filled(|source: &mut SourceReport| {
                (source.source, source.tier) = ("vip tiers".into(), "config".into());
                (source.stored, source.took) = (27, Duration::from_millis(84));
            }),
            filled(|source: &mut SourceReport| {
                (source.source, source.tier) = ("catalog".into(), "reference".into());
                (source.stored, source.took) = (9_995, Duration::from_millis(1_500));
                (source.revoked, source.refused) = (4, 1);
                source.error = Some("the connection was closed".into());
            }),
        ];
    })
}

/// Holds the text of `answer` against its golden file, in both styles.
pub(crate) fn golden(name: &str, answers: &[Answer]) {
    for (style, kind) in [(Style::Emoji, "emoji"), (Style::Plain, "plain")] {
        let texts: Vec<_> = answers.iter().map(|answer| answer.show(style)).collect();
        let text = texts.join("--\n");
        assert!(style == Style::Emoji || text.is_ascii(), "plain is ASCII: {text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n') && text.ends_with('\n'));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.{kind}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).expect("tests/golden can be written");
        }
        let wanted = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, wanted, "{} differs; if that is meant, set UPDATE_GOLDEN=1", path.display());
    }
}

#[test]
fn the_panel_of_the_original_appears_to_the_letter() {
    assert_eq!(render::stats_panel(&original(), Style::Emoji), ORIGINAL);
    assert!(render::stats_panel(&busy(), Style::Emoji).starts_with(ORIGINAL));
    let plain: String = ORIGINAL.chars().filter(char::is_ascii).collect::<String>().replace("\n ", "\n");
    let own = render::stats_panel(&original(), Style::Plain).replace("\n ", "\n");
    assert_eq!(own, plain.trim_start());
}

#[test]
fn every_panel_is_as_it_was_agreed() {
    golden(
        "stats",
        &[
            Answer::Stats { snapshot: original(), top: 3, advice: AdviceSnapshot::default() },
            Answer::Stats { snapshot: busy(), top: 10, advice: advice() },
        ],
    );
    golden("info", &[Answer::Info(info())]);
    golden("help", &[Answer::Help]);
    golden("clear_usage", &[Answer::ClearUsage(taken(156, 47_395_635, 0, 4))]);
}

#[test]
fn every_short_answer_is_as_it_was_agreed() {
    let clear = |line: &str, taken: Invalidated| match Command::parse(line) {
        Ok(Command::Clear { scope, dry_run }) => Answer::Cleared { scope, dry_run, taken },
        other => panic!("{line}: {other:?}"),
    };
    golden(
        "clear",
        &[
            clear("/cache-clear all", taken(156, 47_395_635, 2, 4)),
            clear("/cache-clear products:*", taken(1, 2_345, 1, 1)),
            clear("/cache-clear products:* --dry-run", taken(12, 70_000, 3, 1)),
            clear("/cache-clear user::42", taken(0, 0, 0, 1)),
            clear("/cache-clear products::café", taken(1, 77, 0, 1)),
            clear("/cache-clear tier:query", taken(0, 0, 0, 1)),
        ],
    );
    let user = WarmScope::Tier("user".into());
    golden(
        "warm",
        &[
            Answer::Warmed { scope: WarmScope::All, report: report() },
            Answer::Warmed { scope: user, report: WarmReport::default() },
            Answer::Revived { tier: "user".into(), was_out: true },
            Answer::Revived { tier: "user".into(), was_out: false },
        ],
    );
}

#[test]
fn a_cache_that_was_never_read_has_no_rate() {
    let text = render::stats_panel(&StatsSnapshot::default(), Style::Emoji);
    assert!(text.contains("Hit Rate: -\n") && text.contains("Usage: -\n") && !text.contains("NaN"), "{text}");
    assert!(!text.contains("Top Cached"), "{text}");
}

#[test]
fn info_says_what_to_do_when_something_is_out_of_service() {
    let mut info = info();
    assert!(render::info_panel(&info, Style::Plain).contains("/cache-revive user\n"));
    (info.ready, info.default_tier) = (false, None);
    assert!(render::info_panel(&info, Style::Plain).contains("required warm source"));
    assert!(render::info_panel(&info, Style::Plain).contains("are refused"));
    info.enabled = false;
    assert!(render::info_panel(&info, Style::Plain).contains("enabled = true"));
}

proptest! {
    #[test]
    fn panels_stand_any_number(number in any::<u64>(), other in any::<u64>()) {
        let mut snapshot = busy();
        for tier in &mut snapshot.tiers {
            let stats = &mut tier.stats;
            (stats.hits, stats.misses, stats.sets, stats.entries) = (number, other, number, other);
            (stats.bytes, stats.loads, stats.loads_ok, stats.loads_failed) = (number, other, number, other);
            stats.load_time = Duration::new(number, 0);
        }
        snapshot.budget = other;
        let text = render::stats_panel(&snapshot, Style::Plain);
        prop_assert!(text.is_ascii() && !text.contains("NaN") && !text.contains("inf"));
    }
}
