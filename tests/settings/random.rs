//! Random sources: no panic, nothing accepted that has no plan, and the nearest of several words is heard.

use std::fmt::Write as _;
use std::time::Duration;

use apex_cache::LoadPolicy;
use apex_cache::settings::Settings;
use proptest::prelude::*;

use crate::terms::of_prefix;
use crate::{Files, read, sources, ttl};

/// What a tier or a prefix says, in seconds, in the order of `NAMES`.
type Words = [Option<u64>; 5];

const NAMES: [&str; 5] = ["ttl", "stale", "timeout", "not_found_ttl", "soft_timeout"];

const DAY: u64 = 86_400;

fn words() -> impl Strategy<Value = Words> {
    let near =
        |limit: u64| prop_oneof![4 => 1..100_u64, 1 => Just(0), 1 => Just(limit), 1 => Just(limit + 1)];
    let said = |limit| proptest::option::of(near(limit));
    (said(3_650 * DAY), said(3_650 * DAY), said(DAY), said(DAY), said(DAY)).prop_map(Into::into)
}

fn policy(words: Words) -> LoadPolicy {
    let mut policy = LoadPolicy::new();
    for (name, said) in NAMES.iter().zip(words) {
        let Some(said) = said.map(Duration::from_secs) else { continue };
        policy = match *name {
            "ttl" => policy.ttl(said),
            "stale" => policy.stale(said),
            "timeout" => policy.timeout(said),
            "not_found_ttl" => policy.not_found_ttl(said),
            _ => policy.soft_timeout(said),
        };
    }
    policy
}

/// Whether each word is within its limits.
fn inside([ttl, stale, timeout, nothing, soft]: Words) -> bool {
    ttl.is_none_or(|ttl| (1..=3_650 * DAY).contains(&ttl))
        && stale.is_none_or(|stale| stale <= 3_650 * DAY)
        && timeout.is_none_or(|timeout| (1..=DAY).contains(&timeout))
        && nothing.is_none_or(|nothing| nothing <= DAY)
        && soft.is_none_or(|soft| soft <= DAY)
}

/// Words that make it likely for random text to get somewhere.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "cache",
        "tiers",
        "user",
        "ttl",
        "stale",
        "timeout",
        "not_found_ttl",
        "soft_timeout",
        "prefixes",
        "user_orders",
        "max_size_mb",
        "enabled",
        "ttl_user",
        ":",
        "=",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "\n",
        "  ",
        "- ",
        "? ",
        "&a",
        "*a",
        "|",
        ">",
        "#",
        "---",
        "5",
        "-1",
        "1.5",
        "1h",
        "8MB",
        "true",
        "null",
        "\\",
        "'",
        "!",
        "%",
        "\u{feff}",
        "<<",
        ".inf",
    ];
    prop_oneof![3 => prop::sample::select(known.to_vec()).prop_map(String::from), 1 => any::<String>()]
}

fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        word().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::hash_map(word(), inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_text_never_panics(words in prop::collection::vec(word(), 0..60)) {
        let files = Files::new();
        for extension in ["toml", "json", "yaml"] {
            if let Ok(settings) = sources(&files, extension, &words.concat()).read() {
                prop_assert!(settings.check().is_ok());
            }
        }
    }

    #[test]
    fn random_trees_never_panic_and_what_is_accepted_has_a_plan(tree in tree()) {
        let files = Files::new();
        let content = serde_json::json!({ "cache": tree }).to_string();
        if let Ok(settings) = sources(&files, "json", &content).read() {
            prop_assert!(settings.check().is_ok());
        }
    }

    #[test]
    fn random_variables_never_panic(parts in prop::collection::vec((word(), word(), word()), 0..8)) {
        let pairs = parts.iter().map(|(name, below, value)| (format!("APEX_CACHE__{name}__{below}"), value.clone()));
        let _ = Settings::load().environment_from(pairs).read();
        let pairs = parts.iter().map(|(name, _, value)| (format!("APEX_CACHE__{name}"), value.clone()));
        let _ = Settings::load().environment_from(pairs).read();
    }

    #[test]
    fn numbers_keep_their_meaning_or_are_refused(seconds in any::<i64>()) {
        let written = read("toml", &format!("ttl_user = {seconds}"));
        let allowed = (1..=3_650 * 86_400).contains(&seconds);
        prop_assert_eq!(written.is_ok(), allowed);
        if let Ok(settings) = written {
            prop_assert_eq!(i64::try_from(ttl(&settings, "user").as_secs()), Ok(seconds));
            let text = read("env", &format!("APEX_CACHE__TTL_USER={seconds}s")).expect("the same as text");
            prop_assert_eq!(settings, text);
        }
    }

    #[test]
    fn the_nearest_word_is_heard_however_it_is_written(tier in words(), prefix in words()) {
        let (mut toml, mut env) = (String::from("[tiers.user]\n"), String::new());
        let places = [("", "", tier), ("prefixes.carts.", "PREFIXES__CARTS__", prefix)];
        toml.push_str("prefixes.carts.ttl = \"tier\"\n"); // claimed even when nothing is said of it
        env.push_str("APEX_CACHE__TIERS__USER__PREFIXES__CARTS__TTL=tier\n");
        for (file, variable, words) in places {
            for (name, said) in NAMES.iter().zip(words) {
                let Some(said) = said else { continue };
                let _ = writeln!(toml, "{file}{name} = {said}");
                let _ = writeln!(env, "APEX_CACHE__TIERS__USER__{variable}{}={said}s", name.to_uppercase());
            }
        }
        if prefix[0].is_some() {
            toml = toml.replacen("prefixes.carts.ttl = \"tier\"\n", "", 1);
            env = env.replacen("APEX_CACHE__TIERS__USER__PREFIXES__CARTS__TTL=tier\n", "", 1);
        }
        let of_tier = tier[0].unwrap_or(3_600);
        let of_key = prefix[0].unwrap_or(of_tier);
        let fits = |nothing: Option<u64>, ttl| nothing.is_none_or(|nothing| nothing <= ttl);
        let waits = |word: usize, default| (tier[word].unwrap_or(default), prefix[word].or(tier[word]).unwrap_or(default));
        let (timeouts, softs) = (waits(2, 30), waits(4, 0));
        let soft_fits = softs.0 <= timeouts.0 && softs.1 <= timeouts.1;
        let allowed = inside(tier) && inside(prefix) && fits(tier[3], of_tier) && fits(prefix[3], of_key) && soft_fits;

        let code = Settings::default()
            .tier("user", |settings| settings.policy(policy(tier)).prefix_policy("carts", policy(prefix)));
        prop_assert_eq!(code.check().is_ok(), allowed, "{}", toml);
        for (format, text) in [("toml", &toml), ("env", &env)] {
            match read(format, text) {
                Ok(settings) => prop_assert_eq!(&settings, &code, "{}", text),
                Err(error) => prop_assert!(!allowed, "{} {}", text, error),
            }
        }
        if let Ok(plan) = code.check() {
            let terms = of_prefix(&plan, "carts");
            let heard = |word: usize, otherwise| prefix[word].or(tier[word]).unwrap_or(otherwise);
            let held = [terms.ttl, terms.stale, terms.timeout, terms.not_found_ttl, terms.soft_timeout];
            let held = held.map(|time| time.as_secs());
            prop_assert_eq!(held, [heard(0, 3_600), heard(1, 0), heard(2, 30), heard(3, 30), heard(4, 0)]);
        }
    }
}
