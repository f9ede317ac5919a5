//! Commands as a person meets them: what is understood, and what is refused with which words.
//!
//! The panels are in `commands/panels.rs`.

#[path = "commands/panels.rs"]
mod panels;

use std::time::Duration;

use apex_cache::admin::{Change, Command};
use apex_cache::message::{TtlOf, WarmScope};
use apex_cache::{Error, ErrorKind, Key, Pattern, Prefix, Scope};
use proptest::prelude::*;

#[test]
fn the_commands_of_the_original_mean_what_they_meant() {
    let pattern = |text| Scope::Pattern(Pattern::parse(text).unwrap());
    let warm = |tier: &str| Command::Warm(WarmScope::Tier(tier.into()));
    let clear = |scope| Command::Clear { scope, dry_run: false };
    for (line, command) in [
        ("/cache-stats", Command::Stats { top: 3 }),
        ("/cache-stats --top 10", Command::Stats { top: 10 }),
        ("/cache-info", Command::Info),
        ("/cache-help", Command::Help),
        ("/cache-explain user::42", Command::Explain(Key::parse("user::42").unwrap())),
        ("/cache-explain key:all", Command::Explain(Key::parse("all").unwrap())),
        ("/cache-explain \"query::blue shoes\"", Command::Explain(Key::parse("query::blue shoes").unwrap())),
        ("/cache-clear", Command::ClearUsage),
        ("/cache-clear all", clear(Scope::All)),
        ("/cache-clear products:*", clear(pattern("products:*"))),
        ("/cache-clear user::123456::*", clear(pattern("user::123456::*"))),
        ("/cache-clear *", clear(pattern("*"))),
        ("/cache-warm", Command::Warm(WarmScope::All)),
        ("/cache-warm all", Command::Warm(WarmScope::All)),
        ("/cache-warm config", warm("config")),
        ("/cache-warm reference", warm("reference")),
        ("/cache-warm user", warm("user")),
        ("/cache-warm query", warm("query")),
        ("/cache-warm tier:all", warm("all")),
        ("/cache-revive user", Command::Revive("user".into())),
        ("/cache-reload", Command::Reload),
        ("/cache-forget 42", Command::Forget("42".into())),
        ("  cache-clear\tall \r\n", clear(Scope::All)),
    ] {
        assert_eq!(Command::parse(line).unwrap(), command, "{line}");
    }
}

#[test]
fn a_setting_is_changed_by_its_name() {
    let minute = Duration::from_secs(60);
    let ttl = |of| Command::Set(Change::Ttl { of, ttl: minute });
    for (line, command) in [
        ("/cache-set ttl user 60", ttl(TtlOf::Tier("user".into()))),
        ("/cache-set ttl tier:user 1m", ttl(TtlOf::Tier("user".into()))),
        ("/cache-set ttl prefix:user_orders 60s", ttl(TtlOf::Prefix("user_orders".into()))),
        ("/cache-set ttl prefix:user_orders tier", Command::Set(Change::TtlOfTier("user_orders".into()))),
        ("/cache-set enabled off", Command::Set(Change::Enabled(false))),
        ("/cache-set enabled true", Command::Set(Change::Enabled(true))),
        ("/cache-set max_size_mb 50", Command::Set(Change::MaxSize(50 << 20))),
        ("/cache-set max_size_mb 1GB", Command::Set(Change::MaxSize(1 << 30))),
    ] {
        assert_eq!(Command::parse(line).unwrap(), command, "{line}");
    }
    for (line, words) in [
        ("/cache-set", "ttl TIER TIME"),
        ("/cache-set ttl", "ttl TIER TIME"),
        ("/cache-set ttl user", "ttl TIER TIME"),
        ("/cache-set tll user 60", "did you mean ttl?"),
        ("/cache-set ttl user 0", "from 1s to 3650d"),
        ("/cache-set ttl user -1", "from 1s to 3650d"),
        ("/cache-set ttl user 3651d", "from 1s to 3650d"),
        ("/cache-set ttl User 60", "name of a tier"),
        ("/cache-set enabled yes", "on or off"),
        ("/cache-set max_size_mb 0", "from 1MB to 1TB"),
        ("/cache-set max_size_mb 50 60", "max_size_mb NUMBER"),
        ("/cache-forget", "lacks the id"),
        ("/cache-forget 42 43", "\"43\""),
    ] {
        let error = Command::parse(line).expect_err(line).to_string();
        assert!(error.contains(words), "{line}: {error}");
    }
}

#[test]
fn an_object_is_what_its_first_word_says() {
    let key = |text| Scope::Key(Key::parse(text).unwrap());
    let prefix = |text| Scope::Prefix(Prefix::parse(text).unwrap());
    let pattern = |text| Scope::Pattern(Pattern::parse(text).unwrap());
    for (object, scope) in [
        ("all", Scope::All),
        ("key:all", key("all")),
        ("ALL", key("ALL")),
        ("user::42", key("user::42")),
        ("key:user::42", key("user::42")),
        ("key::a", key("key::a")),
        ("tier::a", key("tier::a")),
        ("prefix:user::42", prefix("user::42")),
        ("prefix:user::42::", prefix("user::42")),
        ("tier:user", Scope::Tier("user".into())),
        ("pattern:key:*", pattern("key:*")),
        ("user::*::", pattern("user::*::")),
        ("\"query::blue shoes\"", key("query::blue shoes")),
        ("'say \"hi\"'", key("say \"hi\"")),
        ("it's", key("it's")),
    ] {
        let command = Command::parse(&format!("/cache-clear {object}"));
        assert_eq!(command.unwrap().scope(), Some(&scope), "{object}");
        let dry = Command::parse(&format!("/cache-clear --dry-run {object}")).unwrap();
        assert_eq!(dry, Command::Clear { scope, dry_run: true }, "{object}");
    }
}

#[test]
fn only_what_takes_entries_away_is_destructive() {
    for (line, destructive) in [
        ("/cache-clear all", true),
        ("/cache-clear key:a", true),
        ("/cache-clear all --dry-run", false),
        ("/cache-clear", false),
        ("/cache-forget 42", true),
        ("/cache-set enabled off", true),
        ("/cache-set enabled on", false),
        ("/cache-set ttl user 60", false),
        ("/cache-reload", true), // the file may switch the cache off
        ("/cache-warm", false),
        ("/cache-stats", false),
        ("/cache-info", false),
        ("/cache-explain a", false),
    ] {
        assert_eq!(Command::parse(line).unwrap().is_destructive(), destructive, "{line}");
    }
}

#[test]
fn what_is_not_understood_is_refused_with_what_is_right() {
    use ErrorKind::{InvalidCommand, InvalidKey, InvalidPattern};
    for (line, kind, words) in [
        ("", InvalidCommand, "/cache-help"),
        ("/", InvalidCommand, "/cache-help"),
        ("hello", InvalidCommand, "there is no command \"hello\""),
        ("/cache-claer all", InvalidCommand, "did you mean /cache-clear?"),
        ("/cahce-clear all", InvalidCommand, "did you mean /cache-clear?"),
        ("/Cache-Stats", InvalidCommand, "did you mean /cache-stats?"),
        ("/cache_stats", InvalidCommand, "did you mean /cache-stats?"),
        ("/stats", InvalidCommand, "did you mean /cache-stats?"),
        ("//cache-info", InvalidCommand, "did you mean /cache-info?"),
        ("/cache-info now", InvalidCommand, "takes nothing"),
        ("/cache-explain", InvalidCommand, "lacks a key"),
        ("/cache-explain a b", InvalidCommand, "quotes"),
        ("/cache-explain user::*", InvalidKey, "wildcard"),
        ("/cache-explian a", InvalidCommand, "did you mean /cache-explain?"),
        ("/cache-stats --top", InvalidCommand, "number is missing"),
        ("/cache-stats --top 11", InvalidCommand, "0 to 10"),
        ("/cache-stats --top -1", InvalidCommand, "0 to 10"),
        ("/cache-stats 3", InvalidCommand, "--top"),
        ("/cache-clear all products:*", InvalidCommand, "\"products:*\""),
        ("/cache-clear --dry", InvalidCommand, "--dry-run"),
        ("/cache-clear --dry-run", InvalidCommand, "lacks"),
        ("/cache-clear user 42", InvalidCommand, "quotes"),
        ("/cache-clear \"a", InvalidCommand, "not closed"),
        ("/cache-clear \"a\"b", InvalidCommand, "blank"),
        ("/cache-clear tier:", InvalidCommand, "name of a tier"),
        ("/cache-clear tier:User", InvalidCommand, "name of a tier"),
        ("/cache-clear \"\"", InvalidKey, "empty"),
        ("/cache-clear key:", InvalidKey, "empty"),
        ("/cache-clear key:user::*", InvalidKey, "wildcard"),
        ("/cache-clear prefix:user::*", InvalidKey, "wildcard"),
        ("/cache-clear user::", InvalidKey, "segment is empty"),
        ("/cache-clear a:::*", InvalidPattern, ":::"),
        ("/cache-clear all\n/cache-warm", InvalidCommand, "one command at a time"),
        ("/cache-clear a\0b", InvalidCommand, "control"),
        ("/cache-warm config reference", InvalidCommand, "one tier, or all"),
        ("/cache-revive", InvalidCommand, "/cache-info"),
    ] {
        let error = Command::parse(line).expect_err(line);
        assert_eq!(error.kind(), kind, "{line:?}: {error}");
        assert!(error.to_string().contains(words), "{line:?}: {error}");
    }
    let long = format!("/cache-clear {}", "x".repeat(Command::LENGTH_MAX));
    assert!(
        matches!(Command::parse(&long), Err(Error::InvalidCommand { reason }) if reason.contains("4096"))
    );
}

/// Lines that come near to being commands.
fn lines() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "/?cache[-_](stats|clear|explain|warm|info|help|revive|set|reload|forget|x)",
        "(all|key:|prefix:|tier:|pattern:|--dry-run|--top|\"|'|::|[*?:]|\\PC|\u{0}|\n|\t| ){0,8}",
        "[a-z:*]{0,300}",
        "(ttl|enabled|max_size_mb|on|off|[0-9]{0,30}[a-zA-Z]{0,2})",
        "\\PC{0,20}",
        any::<String>(),
    ];
    prop::collection::vec(word, 0..6).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_line_is_a_command_or_a_typed_error_on_one_line(line in lines()) {
        match Command::parse(&line) {
            Ok(command) => {
                let named = matches!(command, Command::Forget(_) | Command::Set(_) | Command::Reload) || command.scope().is_some();
                prop_assert!(!command.is_destructive() || named);
            }
            Err(error) => {
                let kinds = [
                    ErrorKind::InvalidCommand,
                    ErrorKind::InvalidSetting,
                    ErrorKind::InvalidKey,
                    ErrorKind::InvalidPattern,
                ];
                prop_assert!(kinds.contains(&error.kind()));
                let text = error.to_string();
                prop_assert!(!text.contains(char::is_control) && text.len() < 3_000, "{text}");
            }
        }
    }

    #[test]
    fn a_scope_that_is_shown_can_be_typed(key in "[a-z][a-z0-9_%]{0,5}(::[a-z0-9%]{1,4}){0,3}", shape in 0..3) {
        let scope = match shape {
            0 => Scope::Key(Key::parse(&key).unwrap()),
            1 => Scope::Prefix(Prefix::parse(&key).unwrap()),
            _ => Scope::Pattern(Pattern::parse(&format!("{key}::*")).unwrap()),
        };
        let command = Command::parse(&format!("/cache-clear {scope}")).unwrap();
        prop_assert_eq!(command.scope(), Some(&scope));
    }
}

#[test]
fn lines_made_to_hurt_are_answered() {
    let fill = |unit: &str| unit.repeat(4_000 / unit.len());
    for line in [
        format!("/cache-clear {}", fill("x")),
        format!("/cache-clear {}", fill("*a")),
        format!("/cache-clear {}", fill("::")),
        format!("/cache-clear {}", fill("\" ")),
        format!("/cache-clear {}", "a*".repeat(16)),
        fill("x"),
        fill(" \""),
        fill("/cache-clear "),
        fill("\u{0}"),
        fill("🦀"),
    ] {
        let answer = Command::parse(&line);
        let said = answer.as_ref().err().map_or(0, |error| error.to_string().len());
        assert!(said < 1_000, "an answer repeats what hurts: {said} bytes for {line:.40}");
    }
}
