//! Random sources: no panic, and nothing accepted that has no plan.

use apex_cache::settings::Settings;
use proptest::prelude::*;

use crate::{Files, read, sources, ttl};

/// Words that make it likely for random text to get somewhere.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "cache",
        "tiers",
        "user",
        "ttl",
        "prefixes",
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
}
