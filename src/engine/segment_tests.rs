//! Tests of the one rule that turns an id into key text: every entrance makes the same segment, and the inverse finds the id.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::engine::key::{Key, Part};
use crate::engine::pattern::Pattern;
use crate::engine::tag::Tag;
use crate::engine::testing::Rng;

/// The id of that number, as hosts have them: short and long, of any ASCII character, of control characters, of any
/// Unicode.
pub(crate) fn id(number: u64) -> String {
    const ODD: &[char] = &['a', 'b', ':', '%', '*', '?', '=', '~', '|', '@', '/', '.', ' ', '-'];
    let mut rng = Rng::new(number);
    let length = match rng.below(10) {
        0 => rng.below(1_000),
        1 => 60 + rng.below(8),
        2..=6 => rng.below(24),
        _ => rng.below(80),
    };
    let mut draw = |length: u64, one: &mut dyn FnMut(&mut Rng) -> char| -> String {
        (0..length).map(|_| one(&mut rng)).collect()
    };
    match number % 6 {
        0 | 1 => draw(length, &mut |rng| rng.pick(ODD)),
        2 => draw(length, &mut |rng| char::from(rng.below(128) as u8)),
        3 => draw(length / 4, &mut |rng| char::from_u32(rng.below(0x0011_0000) as u32).unwrap_or('\u{85}')),
        4 => format!("~{}", draw(32, &mut |rng| char::from_digit(rng.below(16) as u32, 16).unwrap_or('0'))),
        _ => draw(length, &mut |rng| char::from(b'a' + rng.below(26) as u8)),
    }
}

#[test]
fn an_id_makes_one_segment_which_no_other_id_makes_and_decoding_finds_it() {
    let (mut ids, mut tags) = (HashMap::new(), HashMap::new());
    for number in 0..100_000 {
        let id = id(number);
        let built = Key::of("user").part(&id).part("profile").finish().unwrap();
        assert_eq!(Key::parse(built.as_str()).unwrap(), built, "{id:?}");
        let segment = built.segments().nth(1).unwrap();
        assert_eq!(segment, encode(&id));
        assert!(segment.len() <= SEGMENT_MAX && built.segments().count() == 3, "{id:?}");
        match decode(segment) {
            Some(decoded) => assert_eq!(decoded, id),
            None => assert!(is_hash(segment) && id.len() > 21, "only a long id is hashed: {id:?}"),
        }
        // A key that was built knows its id; one that was read as text knows it unless it was hashed.
        assert_eq!(built.part(1).unwrap(), id);
        let read = Key::parse(built.as_str()).unwrap();
        match read.parts().nth(1).unwrap() {
            Part::Text(decoded) => assert_eq!(decoded, id),
            Part::Hash(hash) => assert!(hash == segment && read.part(1).is_err(), "{id:?}"),
        }
        assert!(Pattern::of("user").part(&id).rest().unwrap().matches(built.as_str()), "{id:?}");
        let tag = Tag::new(format!("user:{id}")).unwrap();
        assert!(tag.as_str().len() <= Tag::LENGTH_MAX);
        assert_eq!(Tag::parse(tag.as_str()).unwrap(), tag, "what is shown of a tag can be typed");
        assert_eq!(ids.entry(segment.to_owned()).or_insert_with(|| id.clone()), &id);
        assert_eq!(tags.entry(tag).or_insert_with(|| id.clone()), &id);
    }
}

#[test]
fn any_text_decodes_to_itself_or_to_the_id_that_makes_it() {
    for number in 0..20_000 {
        let text = id(number);
        if let Some(id) = decode(&text) {
            assert!(*id == *text || encode(&id) == text, "{text:?}");
        }
    }
}

#[test]
fn ids_stay_readable_until_their_segment_is_longer_than_64_bytes() {
    for (id, segment) in [
        ("42", "42"),
        ("", "%"),
        ("a b", "a b"),
        ("ä", "ä"),
        ("oidc:123", "oidc%3A123"),
        ("*", "%2A"),
        ("~x", "%7Ex"),
        ("a=b", "a%3Db"),
        ("%41", "%2541"),
        ("\u{85}", "%C2%85"),
    ] {
        assert_eq!(encode(id), segment);
        assert_eq!(decode(segment).as_deref(), Some(id));
    }
    let edges = ["x".repeat(64), "*".repeat(21), "\u{7}".repeat(21)];
    assert!(edges.iter().all(|id| decode(&encode(id)).as_deref() == Some(id)));
    let beyond = ["x".repeat(65), "*".repeat(22), "\u{7}".repeat(22), "x".repeat(100_000)];
    let segments: HashSet<String> = beyond.iter().map(|id| encode(id)).collect();
    assert!(segments.len() == beyond.len() && segments.iter().all(|segment| is_hash(segment)));
}

#[test]
fn text_that_the_encoder_would_not_have_written_stands_for_itself() {
    for text in ["oidc:123", "100%", "a%3ab", "limit=10,sort=name", "%zz", "%FF", "~short", "a:b%3A"] {
        assert_eq!(decode(text).as_deref(), Some(text), "{text}");
    }
    assert_eq!(decode("~e9863389ec5c707c1d38fe910b81496c"), None);
}

#[test]
fn the_hash_of_an_id_is_that_of_the_same_text_as_a_parameter_and_the_same_in_every_build() {
    // Keys live in outer levels and in snapshots: a change of this text makes all of them unreachable.
    let id = "x".repeat(65);
    assert_eq!(encode(&id), "~192b570f936e4a42951605b6be91c7fe");
    let key = Key::of("v").value(&id).finish().unwrap();
    assert_eq!(key.segments().nth(1), Some(encode(&id).as_str()));
}
