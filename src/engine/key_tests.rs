//! Tests of keys: what is one, and that different parts never give the same.

use proptest::prelude::*;

use super::*;

fn reason(text: &str) -> &'static str {
    match Key::parse(text) {
        Err(Error::InvalidKey { reason, .. }) => reason,
        other => panic!("{text:?} gave {other:?}"),
    }
}

#[test]
fn a_key_is_text_in_segments() {
    for good in ["user", "user::42", "products:x", "a:", ":a", "user::münchen::größe", "a b"] {
        assert_eq!(Key::parse(good).unwrap().as_str(), good);
    }
    assert!(Key::parse(&"x".repeat(Key::LENGTH_MAX)).is_ok());
    let segments: Vec<_> = Key::parse("user::42::a:b").unwrap().segments().map(str::to_owned).collect();
    assert_eq!(segments, ["user", "42", "a:b"]);
}

#[test]
fn text_that_breaks_a_rule_is_refused_with_that_rule() {
    assert_eq!(reason(""), "it is empty");
    assert!(reason(&"x".repeat(Key::LENGTH_MAX + 1)).contains("1024"));
    for control in ["a\nb", "a\0", "\u{85}"] {
        assert!(reason(control).contains("control"));
    }
    for wild in ["*", "user::*", "us?r"] {
        assert!(reason(wild).contains("wildcard"));
    }
    for empty in ["::", "::a", "a::"] {
        assert_eq!(reason(empty), "a segment is empty");
    }
    for colons in ["a:::b", "a::::b", ":::"] {
        assert!(reason(colons).contains(":::"));
    }
}

proptest! {
    #[test]
    fn the_short_check_of_plain_text_says_what_the_rules_say(text in "[a*?:é\u{85}\n ~\u{7f}]{0,7}") {
        prop_assert!(!is_plain(text.as_bytes()) || check_all(&text).is_ok());
        prop_assert_eq!(check(&text), check_all(&text));
    }
}

#[test]
fn segments_and_groups_are_cut_without_a_check() {
    for (text, first, both) in [
        ("user", "user", "user"),
        ("user::42", "user", "user::42"),
        ("user::42::a::b", "user", "user::42"),
        ("products:x", "products:x", "products:x"),
        ("", "", ""),
        ("a::", "a", "a::"),
        ("ä::ö::ü", "ä", "ä::ö"),
    ] {
        assert_eq!((first_segment(text), group(text)), (first, both), "{text:?}");
    }
}

#[test]
fn parts_are_encoded_so_that_none_reaches_into_another() {
    let text = |part: &str| Key::of("u").part(part).finish().unwrap().to_string();
    assert_eq!(text("*"), "u::%2A");
    assert_eq!(text("a::b?"), "u::a%3A%3Ab%3F");
    assert_eq!(text("100%"), "u::100%25");
    assert_eq!(text(""), "u::%");
    assert_eq!(text("\u{85}\n"), "u::%C2%85%0A");
    assert_eq!(text("a=b~"), "u::a%3Db%7E");
    assert_eq!(text("größe 7"), "u::größe 7");
}

#[test]
fn parameters_stand_last_whatever_the_order_of_calls() {
    let one = Key::of("query").param("sort", "name").part("search").param("limit", &10).finish().unwrap();
    let two = Key::of("query").part("search").params([("limit", 10)]).param("sort", "name").finish().unwrap();
    assert_eq!(one.as_str(), "query::search::limit=10,sort=name");
    assert_eq!(one, two);
    let top = Key::of("query").part("get_leaderboard").value("top10").finish().unwrap();
    assert_eq!(top.as_str(), "query::get_leaderboard::top10");
}

#[test]
fn a_builder_says_what_is_wrong() {
    let huge = "x".repeat(5_000_000);
    let (part, value) =
        (Key::of("u").part(&huge).finish().unwrap(), Key::of("u").value(&huge).finish().unwrap());
    assert_eq!(part, value, "both are hashed");
    assert!(Key::of("u").param("a", &1).param("a", &2).finish().is_err());
    let long = (0..200).fold(Key::of("u"), |key, _| key.value("aaaaaaaa"));
    let error = long.finish().unwrap_err().to_string();
    assert!(error.contains("use fewer parts"), "{error}");
}

#[test]
fn a_key_is_checked_when_it_is_read_back() {
    let key = Key::parse("user::42").unwrap();
    let json = serde_json::to_string(&key).unwrap();
    assert_eq!(json, "\"user::42\"");
    assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key);
    assert!(serde_json::from_str::<Key>("\"user::*\"").is_err());
}

#[test]
fn everything_that_names_an_entry_gives_its_text() {
    fn both(key: impl IntoKey) -> (String, Key) {
        (key.text().to_owned(), key.into_key().unwrap())
    }
    let (text, key) = ("user::42".to_owned(), Key::parse("user::42").unwrap());
    for (shown, made) in [both("user::42"), both(&text), both(text.clone()), both(&key), both(key.clone())] {
        assert_eq!((shown.as_str(), made), ("user::42", key.clone()));
    }
    assert!("user::*".into_key().is_err());
}

fn parts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a:%*?=~\n2]{0,3}", 1..4)
}

fn key_of(parts: &[String]) -> Key {
    parts[1..].iter().fold(Key::of(&parts[0]), KeyBuilder::part).finish().unwrap()
}

proptest! {
    #[test]
    fn different_parts_give_different_keys(left in parts(), right in parts()) {
        prop_assert_eq!(left == right, key_of(&left) == key_of(&right));
    }

    #[test]
    fn built_keys_are_keys_and_keep_their_number_of_segments(parts in parts()) {
        let key = key_of(&parts);
        prop_assert_eq!(Key::parse(key.as_str()).unwrap().segments().count(), parts.len());
    }

    #[test]
    fn named_or_hashed_parameters_never_look_like_parts(parts in parts(), value in "[a=~, ]{0,4}") {
        let hashed = Key::of("q").value(&[value.as_str()]).finish().unwrap();
        let named = Key::of("q").param("a", &value).finish().unwrap();
        let built = parts.iter().fold(Key::of("q"), KeyBuilder::part).finish().unwrap();
        prop_assert!(built != hashed && built != named && hashed != named);
    }

    #[test]
    fn any_text_is_cut_without_a_panic(text in ".{0,12}|[a:]{0,8}") {
        prop_assert!(text.starts_with(group(&text)) && group(&text).starts_with(first_segment(&text)));
        if let Ok(key) = Key::parse(&text) {
            let mut segments = key.segments();
            prop_assert_eq!(segments.next(), Some(first_segment(&text)));
            prop_assert!(key.segments().all(|segment| !segment.is_empty()));
        }
    }
}
