//! Which scopes are counted, and until when.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::engine::pattern::Pattern;
use crate::engine::scope::Prefix;

fn scope(text: &str) -> Scope {
    match text.strip_prefix("prefix:") {
        Some(prefix) => Scope::Prefix(Prefix::parse(prefix).unwrap()),
        None => Scope::Pattern(Pattern::parse(text).unwrap()),
    }
}

/// In place of the hash of a store.
fn hash(text: &str) -> u64 {
    text.bytes().fold(7, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn note(list: &mut Fruitless, text: &str, holds_first: bool, matched: u64, at: u64) {
    note_held(list, &scope(text), holds_first, matched, at, &[]);
}

/// As [`note`], in a store with these keys.
fn note_held(list: &mut Fruitless, scope: &Scope, holds_first: bool, matched: u64, at: u64, keys: &[&str]) {
    let holds = |scope: &Scope| keys.iter().any(|key| scope.matches(key));
    list.note(&Asked { scope, holds_first, is_empty: false, matched }, Moment::from_millis(at), hash, holds);
}

fn shapes(list: &Fruitless, times: u64) -> Vec<(String, u64)> {
    list.often(times, Moment::START)
        .into_iter()
        .map(|missed| (missed.shape.to_string(), missed.times))
        .collect()
}

#[test]
fn the_same_scope_is_counted_until_it_takes_something() {
    let mut list = Fruitless::default();
    (0..5).for_each(|at| note(&mut list, "query::list::*", true, 0, at));
    note(&mut list, "query::other::*", true, 0, 5);
    assert_eq!(shapes(&list, 2), [("query::..::*".to_owned(), 5)]);
    assert!(list.often(2, Moment::from_millis(6)).is_empty(), "they were asked before that");
    note(&mut list, "query::list::*", true, 3, 6);
    assert_eq!(shapes(&list, 1), [("query::..::*".to_owned(), 1)], "the other");
}

#[test]
fn scopes_of_a_first_segment_that_nothing_has_are_counted_together_until_something_has_it() {
    let mut list = Fruitless::default();
    (0..7).for_each(|at| note(&mut list, &format!("users::{at}::*"), false, 0, at));
    assert_eq!(shapes(&list, 7), [("users::..".to_owned(), 7)]);
    note(&mut list, "users::9::*", true, 0, 9);
    assert_eq!(shapes(&list, 1), [("users::..::*".to_owned(), 1)]);
    note(&mut list, "users::8::*", true, 2, 9);
    assert_eq!(
        shapes(&list, 1).len(),
        1,
        "another of the same segment took something, which says nothing of this one"
    );
}

#[test]
fn no_part_of_a_key_but_its_first_segment_is_shown() {
    let mut list = Fruitless::default();
    for text in [
        "user::ann::*",
        "user::ann::b*",
        "user::ann*",
        "prefix:user::ann",
        "user::*",
        "user:*",
        "prefix:user",
    ] {
        note(&mut list, text, true, 0, 0);
    }
    let mut all: Vec<String> = shapes(&list, 1).into_iter().map(|(shape, _)| shape).collect();
    all.sort();
    assert_eq!(all, ["user", "user:*", "user::*", "user::..", "user::..", "user::..::*", "user::..::.."]);
}

#[test]
fn scopes_that_reach_beyond_a_segment_are_not_counted() {
    let mut list = Fruitless::default();
    for text in ["*", "us*", "*::42"] {
        note(&mut list, text, true, 0, 0);
    }
    note_held(&mut list, &Scope::All, true, 0, 0, &[]);
    assert!(shapes(&list, 1).is_empty());
}

/// The three ways in which a scope can be of one segment and many ids.
fn of_ids() -> [fn(u64, &str) -> Scope; 3] {
    [
        |id, last| scope(&format!("user::{id}::{last}::*")),
        |id, last| scope(&format!("prefix:user::{id}::{last}")),
        |id, last| Scope::Key(crate::engine::key::Key::parse(&format!("user::{id}::{last}")).unwrap()),
    ]
}

#[test]
fn scopes_that_differ_in_an_id_are_counted_together_unless_a_key_of_their_shape_is_held() {
    for make in of_ids() {
        let mut list = Fruitless::default();
        (0..1_000).for_each(|id| note_held(&mut list, &make(id, "rowz"), true, 0, id, &["user::1::row::a"]));
        assert_eq!(shapes(&list, 100).len(), 1, "{:?}", shapes(&list, 100));
        assert_eq!(shapes(&list, 100)[0].1, 1_000);
        let mut list = Fruitless::default();
        let held = ["user::x::row", "user::x::row::a"];
        (0..1_000).for_each(|id| note_held(&mut list, &make(id, "row"), true, 0, id, &held));
        assert!(shapes(&list, 100).is_empty(), "those ids are not cached just now");
    }
}

#[test]
fn a_shape_that_takes_something_now_and_then_is_none_of_them_though_others_with_its_ids_are() {
    let mut list = Fruitless::default();
    for id in 0..1_000 {
        note(&mut list, &format!("user::{id}::rowz::*"), true, 0, id);
        note(&mut list, &format!("user::{id}::row::*"), true, u64::from(id % 50 == 0), id);
    }
    assert_eq!(shapes(&list, 100), [("user::..::..::*".to_owned(), 1_000)]);
}

#[test]
fn a_key_of_one_segment_is_counted_alone_and_not_shown() {
    let mut list = Fruitless::default();
    for at in 0..200 {
        let key = |text: &str| Scope::Key(crate::engine::key::Key::parse(text).unwrap());
        note_held(&mut list, &key("confg"), false, 0, at, &[]);
        note_held(&mut list, &key(&format!("user-{at}")), false, 0, at, &[]);
    }
    assert_eq!(shapes(&list, 100), [("..".to_owned(), 200)]);
}

#[test]
fn a_long_first_segment_is_cut_and_clear_empties_the_table() {
    let mut list = Fruitless::default();
    (0..100).for_each(|at| note(&mut list, &format!("{}::{at}::*", "ä".repeat(60)), false, 0, at));
    assert_eq!(shapes(&list, 100)[0].0, format!("{}::..", "ä".repeat(32)));
    list.clear();
    assert!(list.is_empty());
}

#[test]
fn the_list_is_bounded_and_keeps_what_was_asked_most() {
    let mut list = Fruitless::default();
    (0..8).for_each(|at| note(&mut list, "query::list::*", true, 0, at));
    (0..10_000).for_each(|at| note(&mut list, &format!("query::{at}::*"), true, 0, at));
    assert_eq!(shapes(&list, 1).len(), KEPT);
    let told = shapes(&list, 2);
    assert_eq!(told, [("query::..::*".to_owned(), 10_008), ("query::..::*".to_owned(), 8)]);
}
