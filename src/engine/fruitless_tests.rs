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
    let scope = scope(text);
    let Some((text, first)) = named(&scope) else { return };
    let hashes = (hash(text), hash(first));
    list.note(&Asked { scope: &scope, first, hashes, holds_first, matched }, Moment::from_millis(at));
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
    assert!(list.often(2, Moment::from_millis(5)).is_empty(), "it was asked before that");
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
    assert_eq!(all, ["user", "user::*", "user::..", "user::..", "user::..::*", "user::..::..", "user:*"]);
}

#[test]
fn scopes_that_are_a_key_or_reach_beyond_a_segment_are_not_counted() {
    let mut list = Fruitless::default();
    for text in ["*", "us*", "user::42", "*::42"] {
        note(&mut list, text, true, 0, 0);
    }
    assert!(shapes(&list, 1).is_empty());
    assert_eq!(named(&Scope::All), None);
}

#[test]
fn the_list_is_bounded_and_keeps_what_was_asked_most() {
    let mut list = Fruitless::default();
    (0..3).for_each(|at| note(&mut list, "query::list::*", true, 0, at));
    (0..10_000).for_each(|at| note(&mut list, &format!("query::{at}::*"), true, 0, at));
    assert_eq!(shapes(&list, 1).len(), KEPT);
    assert_eq!(shapes(&list, 2), [("query::..::*".to_owned(), 3)]);
}
