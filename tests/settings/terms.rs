//! What tiers and prefixes say about loading and keeping, in files, variables and code.

use std::time::Duration;

use apex_cache::LoadPolicy;
use apex_cache::engine::terms::Terms;
use apex_cache::settings::{Eviction, Plan, Settings};

use crate::{Files, prefixes, read, seconds};

/// The times that hold for the keys of a prefix.
#[derive(Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) ttl: Duration,
    pub(crate) stale: Duration,
    pub(crate) timeout: Duration,
    pub(crate) not_found_ttl: Duration,
    pub(crate) soft_timeout: Duration,
}

pub(crate) fn of_prefix(plan: &Plan, prefix: &str) -> Held {
    let route = plan.prefixes.iter().find(|route| &*route.prefix == prefix).expect("the prefix");
    let Terms { ttl, stale, timeout, not_found_ttl, soft_timeout, .. } = route.terms;
    Held { ttl, stale, timeout, not_found_ttl, soft_timeout }
}

fn held(settings: &Settings, prefix: &str) -> [u64; 4] {
    let held = of_prefix(&settings.check().expect("a plan"), prefix);
    [held.ttl, held.stale, held.timeout, held.not_found_ttl].map(|time| time.as_secs())
}

#[test]
fn a_tier_says_what_goes_when_it_is_full() {
    let of_user = |settings: &Settings| {
        let plan = settings.check().expect("a plan");
        let tier = plan.tiers.into_iter().find(|tier| &*tier.name == "user").expect("the tier");
        (tier.eviction, tier.weigh_load_time)
    };
    assert_eq!(of_user(&Settings::default()), (Eviction::Lgtc, false));
    for (name, eviction) in Eviction::NAMES {
        let toml = read("toml", &format!("[tiers.user]\neviction = \"{name}\"")).expect("it is right");
        assert_eq!(of_user(&toml), (eviction, false));
        let code = Settings::default().tier("user", |tier| tier.eviction(eviction));
        assert_eq!(toml, code);
        assert_eq!(
            read("env", &format!("APEX_CACHE__TIERS__USER__EVICTION={name}")).expect("so is this"),
            code
        );
    }
    for (extension, text) in [
        ("yaml", "tiers: {user: {weigh_load_time: true}}"),
        ("env", "APEX_CACHE__TIERS__USER__WEIGH_LOAD_TIME=true"),
    ] {
        assert_eq!(of_user(&read(extension, text).expect("it is right")), (Eviction::Lgtc, true));
    }
}

#[test]
fn nothing_is_served_stale_unless_somebody_says_so() {
    let plan = Settings::default().check().expect("the defaults");
    for tier in &plan.tiers {
        assert_eq!(tier.terms.stale, Duration::ZERO, "{}", tier.name);
    }
    assert_eq!(held(&Settings::default(), "user"), [3_600, 0, 30, 30]);
    assert_eq!(held(&Settings::default().load_timeout(seconds(7)), "user"), [3_600, 0, 7, 30]);
}

#[test]
fn a_tier_and_its_prefixes_can_be_told_the_four_times_in_every_format() {
    let orders = LoadPolicy::new().ttl(seconds(1_800)).stale(seconds(60)).timeout(Duration::from_millis(250));
    let user = LoadPolicy::new().stale(seconds(300)).not_found_ttl(Duration::ZERO);
    let expected =
        Settings::default().tier("user", |tier| tier.policy(user).prefix_policy("user_orders", orders));
    let same = [
        (
            "toml",
            "[cache.tiers.user]\nstale = \"5m\"\nnot_found_ttl = 0\n\
             [cache.tiers.user.prefixes.user_orders]\nttl = \"30m\"\nstale = \"1m\"\ntimeout = \"250ms\"\n",
        ),
        (
            "toml",
            "[tiers.user]\nstale = 300\nnot_found_ttl = \"0s\"\n\
                  prefixes.user_orders = { stale = 60, timeout = \"250ms\" }\n",
        ),
        (
            "json",
            r#"{"cache": {"tiers": {"user": {"stale": 300, "not_found_ttl": 0, "prefixes": {"user": {}, "user_orders":
            {"ttl": 1800, "stale": "60s", "timeout": "250 ms"}}}}}}"#,
        ),
        (
            "yaml",
            "tiers:\n  user:\n    stale: 5 min\n    not_found_ttl: 0\n    prefixes:\n      user: tier\n      \
             user_orders:\n        ttl: 30m\n        stale: 1m\n        timeout: 250ms\n",
        ),
        (
            "env",
            "APEX_CACHE__TIERS__USER__STALE=5m\nAPEX_CACHE__TIERS__USER__NOT_FOUND_TTL=0\n\
             APEX_CACHE__TIERS__USER__PREFIXES__USER_ORDERS__STALE=1m\n\
             APEX_CACHE__TIERS__USER__PREFIXES__USER_ORDERS__TIMEOUT=250ms\n",
        ),
    ];
    for (extension, content) in same {
        assert_eq!(read(extension, content).expect(content), expected, "{content}");
    }
    assert_eq!(held(&expected, "user"), [3_600, 300, 30, 0]);
    assert_eq!(held(&expected, "user_orders"), [1_800, 60, 0, 0]);
    assert_eq!(held(&expected, "query"), [1_800, 0, 30, 30]);
}

#[test]
fn how_long_a_call_waits_for_the_source_before_it_falls_back_can_be_said_in_every_format() {
    let orders = LoadPolicy::new().soft_timeout(Duration::from_millis(200));
    let user = LoadPolicy::new().stale(seconds(60)).soft_timeout(seconds(2));
    let expected = Settings::default()
        .tier("user", |tier| tier.policy(user).prefix_policy("carts", orders).prefix("user"));
    for (extension, content) in [
        (
            "toml",
            "[tiers.user]\nstale = 60\nsoft_timeout = \"2s\"\n[tiers.user.prefixes.carts]\nsoft_timeout = \"200ms\"\n",
        ),
        (
            "json",
            r#"{"tiers": {"user": {"stale": 60, "soft_timeout": 2, "prefixes": {"carts": {"soft_timeout": "200ms"}}}}}"#,
        ),
        (
            "yaml",
            "tiers:\n  user:\n    stale: 60\n    soft_timeout: 2s\n    prefixes:\n      carts:\n        \
             soft_timeout: 200ms\n",
        ),
        (
            "env",
            "APEX_CACHE__TIERS__USER__STALE=60\nAPEX_CACHE__TIERS__USER__SOFT_TIMEOUT=2\n\
             APEX_CACHE__TIERS__USER__PREFIXES__CARTS__SOFT_TIMEOUT=200ms\n",
        ),
    ] {
        assert_eq!(read(extension, content).expect(content), expected, "{content}");
    }
    let plan = expected.check().expect("a plan");
    let soft = ["user", "carts", "query"].map(|prefix| of_prefix(&plan, prefix).soft_timeout.as_millis());
    assert_eq!(soft, [2_000, 200, 0]);
    let alone = read("toml", "[tiers.user]\nsoft_timeout = 2\n").expect("a call may allow stale values");
    assert_eq!(held(&alone, "user"), [3_600, 0, 30, 30]);
    let off = read("toml", "[tiers.user]\nsoft_timeout = 2\nprefixes.user = { soft_timeout = 0 }\n");
    assert_eq!(
        of_prefix(&off.expect("0 is off").check().expect("a plan"), "user").soft_timeout,
        Duration::ZERO
    );
}

#[test]
fn a_later_source_changes_only_the_words_it_says() {
    let files = Files::new();
    let first = files.write(
        "first.toml",
        "[tiers.user]\nstale = 50\ntimeout = 3\n[tiers.user.prefixes.carts]\nttl = 60\nstale = 5\n",
    );
    let second = files.write(
        "second.json",
        r#"{"tiers": {"user": {"stale": 0, "prefixes": {"carts": "tier", "user": {"stale": 9}}}}}"#,
    );
    let variables = [("APEX_CACHE__TIERS__USER__PREFIXES__CARTS__TIMEOUT", "4")];
    let settings =
        Settings::load().file(first).file(second).environment_from(variables).read().expect("settings");
    assert_eq!(held(&settings, "carts"), [3_600, 5, 4, 30]);
    assert_eq!(held(&settings, "user"), [3_600, 9, 3, 30]);
    assert_eq!(held(&settings, "user_orders"), [1_800, 0, 3, 30]);
}

#[test]
fn a_prefix_takes_what_it_says_along_and_leaves_nothing_behind() {
    let carts = "[tiers.user.prefixes.carts]\nstale = 5\n";
    let table = read("toml", carts).expect("a table claims the prefix");
    assert_eq!(prefixes(&table, "user"), ["carts None", "user None", "user_orders Some(1800s)"]);
    let empty = read("toml", "[tiers.user.prefixes.carts]\n").expect("an empty table claims it too");
    assert_eq!(empty, Settings::default().tier("user", |tier| tier.prefix("carts")));

    let files = Files::new();
    let (table, list) =
        (files.write("a.toml", carts), files.write("b.toml", "[tiers.user]\nprefixes = [\"carts\"]\n"));
    let replaced = Settings::load().file(table).file(list).read().expect("a list replaces");
    assert_eq!(held(&replaced, "carts"), [3_600, 0, 30, 30]);

    let stale = LoadPolicy::new().stale(seconds(5));
    let moved = Settings::default()
        .tier("user", |tier| tier.prefix_policy("user_orders", stale))
        .tier("query", |tier| tier.prefix("user_orders"));
    assert_eq!(moved, Settings::default().tier("query", |tier| tier.prefix("user_orders")));
    assert_eq!(held(&moved, "user_orders"), [1_800, 0, 30, 30]);
    let file =
        read("toml", "[tiers.query.prefixes.user_orders]\nstale = 5\n").expect("a prefix for another tier");
    assert_eq!(file, Settings::default().tier("query", |tier| tier.prefix_policy("user_orders", stale)));
}

#[test]
fn what_is_said_above_is_cut_to_a_shorter_time_to_live_and_not_refused() {
    let short = read("toml", "[tiers.user]\nttl = 5\n").expect("30 s of nothing are the default, not said");
    assert_eq!(held(&short, "user"), [5, 0, 30, 30]);
    let below = read("toml", "[tiers.user]\nnot_found_ttl = 60\n[tiers.user.prefixes]\nuser = 50\n");
    assert_eq!(held(&below.expect("the tier's own ttl is longer"), "user"), [50, 0, 30, 60]);
    let mut all = Settings::default().tier("user", |tier| tier.ttl(seconds(5)));
    all.policy = LoadPolicy::new().not_found_ttl(seconds(60));
    assert_eq!(held(&all, "user"), [5, 0, 30, 60]);
}

#[test]
fn a_policy_of_the_cache_holds_below_that_of_a_tier() {
    let all = LoadPolicy::new().stale(seconds(60)).eager(0.5).soft_timeout(seconds(1));
    let settings = Settings::default().policy(all).tier("user", |tier| {
        tier.policy(LoadPolicy::new().ttl(seconds(100)).eager(0.0))
            .prefix_policy("carts", LoadPolicy::new().eager(1.0))
    });
    let plan = settings.check().expect("a plan");
    let of = |tier: usize| (plan.tiers[tier].terms.ttl.as_secs(), plan.tiers[tier].terms.eager);
    assert_eq!((of(2), of(3)), ((100, None), (1_800, Some(0.5))));
    assert!(plan.prefixes.iter().all(|route| route.terms.stale == seconds(60)));
    assert!(plan.tiers.iter().all(|tier| tier.terms.soft_timeout == seconds(1)));
}

#[test]
fn policies_that_contradict_themselves_are_refused_with_their_place() {
    let new = LoadPolicy::new;
    let tier = |policy| Settings::default().tier("user", |tier| tier.policy(policy));
    let prefix = |policy| Settings::default().tier("user", |tier| tier.prefix_policy("carts", policy));
    let (second, minute) = (seconds(1), seconds(60));
    let mut orphan = Settings::default();
    orphan.tiers[0].prefix_policies.insert(String::from("carts"), new());
    let mut own_ttl = Settings::default();
    own_ttl.tiers[0].policy = new().ttl(minute);
    let cases = [
        (
            tier(new().soft_timeout(seconds(31))),
            "tiers.user.soft_timeout = 31s (code): expected at most the timeout, which is 30s",
        ),
        (
            tier(new().soft_timeout(minute).timeout(second)),
            "tiers.user.soft_timeout = 1m (code): expected at most the timeout, which is 1s",
        ),
        (
            Settings::default().tier("user", |tier| {
                tier.policy(new().soft_timeout(minute).timeout(minute))
                    .prefix_policy("carts", new().timeout(second))
            }),
            "tiers.user.prefixes.carts.timeout = 1s (code): expected at least the soft_timeout, which is 1m",
        ),
        (
            Settings::default().policy(new().soft_timeout(minute)),
            "policy.soft_timeout = 1m (code): expected at most the timeout",
        ),
        (
            Settings::default().policy(new().ttl(minute)),
            "policy.ttl = 1m (code): expected none here; every tier has",
        ),
        (
            Settings::default().policy(new().timeout(minute)),
            "policy.timeout = 1m (code): expected none here; set load_timeout",
        ),
        (Settings::default().policy(new().stale(Duration::MAX)), "policy.stale = "),
        (own_ttl, "tiers.config.policy.ttl = 1m (code): expected none here"),
        (orphan, "tiers.config.prefixes.carts (code): expected a prefix that this tier takes"),
        (tier(new().eager(1.1)), "tiers.user.eager = 1.1 (code): expected a share of the ttl from 0 to 1"),
        (tier(new().eager(-0.1)), "tiers.user.eager = -0.1"),
        (prefix(new().eager(f64::NAN)), "tiers.user.prefixes.carts.eager = NaN"),
        (tier(new().retry(minute, second)), "tiers.user.retry = 1m, 1s (code): expected a first pause"),
        (tier(new().retry(Duration::ZERO, second)), "tiers.user.retry = 0s, 1s"),
        (
            tier(new().not_found_ttl(seconds(3_601))),
            "tiers.user.not_found_ttl = 3601s (code): expected at most the ttl, which is 1h",
        ),
        (tier(new().ttl(second).not_found_ttl(minute)), "expected at most the ttl, which is 1s"),
        (
            prefix(new().ttl(second).not_found_ttl(minute)),
            "tiers.user.prefixes.carts.not_found_ttl = 1m (code)",
        ),
        (tier(new().stale(Duration::MAX)), "tiers.user.stale = "),
        (tier(new().timeout(Duration::ZERO)), "tiers.user.timeout = 0s (code)"),
        (tier(new().timeout(seconds(90_000))), "tiers.user.timeout = 25h (code)"),
        (prefix(new().ttl(Duration::ZERO)), "tiers.user.prefixes.carts = 0s (code)"),
    ];
    for (settings, fragment) in cases {
        let error = settings.check().expect_err(fragment);
        assert!(error.to_string().contains(fragment), "{error} lacks {fragment}");
        assert_eq!(error.problems.len(), 1, "{error}");
    }
    for allowed in [new().eager(0.0), new().eager(1.0), new().jitter(7.0), new().retry(second, second)] {
        assert!(tier(allowed.soft_timeout(seconds(30))).check().is_ok(), "{allowed:?}");
    }
}

#[test]
fn contradictions_come_with_all_other_problems() {
    let policy = LoadPolicy::new().soft_timeout(seconds(60)).eager(2.0).retry(Duration::ZERO, Duration::ZERO);
    let settings = Settings::default()
        .max_size_mb(0)
        .tier("user", |tier| tier.policy(policy.not_found_ttl(Duration::MAX)));
    assert_eq!(settings.check().expect_err("five problems").problems.len(), 5);
    let text = "[cache]\nload_queue = -1\n[cache.tiers.user]\nstale = \"soon\"\nnot_found_ttl = \"2h\"\nstal = 1\n\
                [cache.tiers.user.prefixes.user]\ntimeout = 0\n";
    let error = read("toml", text).expect_err("five problems");
    assert_eq!(error.problems.len(), 5, "{error}");
    let text = "[tiers.user]\nttl = \"soon\"\nprefixes.user = { ttl = 5, not_found_ttl = 6 }\n";
    let error = read("toml", text).expect_err("the prefix is judged by its own time to live");
    assert_eq!(error.problems.len(), 2, "{error}");
}
