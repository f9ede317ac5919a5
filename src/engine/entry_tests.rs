//! An entry as it was made, as it is marked, and with its decoded copy.
//!
//! Owns: properties of one entry. Never: goes through a store.

use std::any::TypeId;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::copied::{AsWritten, KEY_MAX, ReadAs};
use super::super::terms::Lasting;
use super::super::testing;
use super::*;

fn draft(key: &str, body: usize, life: Life, tags: &[&str]) -> Draft {
    let value = testing::value(7, body as u64);
    let (key, tags) = (testing::key(key), testing::tags(tags));
    Draft {
        key,
        value,
        tags,
        life,
        said: Provenance::default(),
        took: Duration::from_millis(9),
        seq: 80,
        since: 60,
        origin: Origin::Warm,
    }
}

#[test]
fn what_every_entry_has_takes_96_bytes() {
    assert_eq!(FIXED, 96);
}

proptest! {
    #[test]
    fn an_entry_is_what_its_draft_says(
        body in prop_oneof![0_usize..100, 4_000_usize..5_000], stored in 0_u64..1 << 41, ttl: u64, stale in 0_u64..2,
        tagged: bool,
    ) {
        let stored = Moment::from_millis(stored);
        let plain = Life::fresh_for(Duration::from_millis(ttl), stored);
        let life = Life { dead_at: plain.fresh_until.after(Duration::from_millis(stale)), ..plain };
        let made = draft("user::1", body, life, if tagged { &["a", "b"] } else { &[] });
        let (value, weight) = (made.value.clone(), made.weight());
        let entry = Entry::new(made, 3, 5, 77);
        prop_assert_eq!((entry.key(), entry.bytes(), entry.value()), ("user::1", &value.bytes().expect("it is plain")[..], value.clone()));
        prop_assert_eq!((entry.life(), entry.weight(), entry.tags().is_empty()), (life, weight, !tagged));
        prop_assert_eq!((entry.seq(), entry.since(), entry.slot(), entry.stamp(), entry.hits()), (80, 60, 3, 77, 5));
        prop_assert_eq!((entry.origin(), entry.took()), (Origin::Warm, Duration::from_millis(9)));
        let other = entry.with_life(life);
        prop_assert_eq!((other.life(), other.weight(), other.value()), (life, weight, value));
    }
}

#[test]
fn a_life_is_told_exactly_where_few_bytes_cannot_hold_it() {
    let few = u64::from(u32::MAX);
    for stored in [0, STORED_END - 1, STORED_END, u64::MAX - 1, u64::MAX] {
        for ttl in [0, 1, few - 1, few, few + 1, u64::MAX - 1, u64::MAX] {
            let life = Life::fresh_for(Duration::from_millis(ttl), Moment::from_millis(stored));
            let made = draft(&"k".repeat(1_024), 0, life, &[]);
            let weight = made.weight();
            let entry = Entry::new(made, 0, 0, 0);
            assert_eq!((entry.life(), entry.weight(), entry.key().len()), (life, weight, 1_024));
        }
    }
}

#[test]
fn a_decoded_copy_is_kept_once_and_not_after_the_entry_left() {
    let life = Life::fresh_for(Duration::MAX, Moment::START);
    let copy = |number: u32| -> Decoded { Arc::new(ReadAs(number)) };
    let entry = Entry::new(draft("a", 0, life, &[]), 0, 0, 0);
    assert!(entry.add_decoded(copy(1), 50).is_ok());
    assert!(entry.add_decoded(copy(2), 50).is_err());
    assert!(entry.has_copy(TypeId::of::<ReadAs<u32>>()) && !entry.has_copy(TypeId::of::<u32>()));
    assert_eq!((entry.seal(), entry.seal()), (50, 0), "what it weighs is given back once");
    let left = Entry::new(draft("a", 0, life, &[]), 0, 0, 0);
    assert_eq!(left.seal(), 0);
    assert!(left.add_decoded(copy(3), 50).is_err(), "the tier gave back what it weighed");
}

#[test]
fn marks_are_left_for_the_policy_and_for_the_search_for_unused_copies() {
    let life = Life::fresh_for(Duration::MAX, Moment::START);
    let entry = Entry::new(draft("a", 0, life, &[]), 0, 0, 0);
    assert!(!entry.take_read() && !entry.take_warm());
    entry.marks().read(1);
    assert!(entry.take_read() && !entry.take_read(), "each read is told once");
    assert!(entry.take_warm() && !entry.take_warm());
    entry.marks().read(9);
    assert_eq!((entry.stamp(), entry.hits()), (9, 2));
}

#[test]
fn the_marks_of_a_copy_stand_for_those_of_its_entry_and_go_on_from_them() {
    let life = Life::fresh_for(Duration::MAX, Moment::START);
    let entry = Entry::new(draft("a", 0, life, &[]), 0, 0, 0);
    entry.marks().read(3);
    let copy = Arc::new(AsWritten::of(&entry, 7_u64));
    assert!(entry.add_decoded(Arc::clone(&copy) as Decoded, 50).is_ok());
    assert_eq!((entry.stamp(), entry.hits()), (3, 1));
    copy.own_marks().read(4);
    assert_eq!((entry.stamp(), entry.hits(), entry.was_read()), (4, 2, true));
    assert!(entry.take_read() && !entry.take_read() && entry.take_warm());
    assert_eq!((entry.without_copy().hits(), *copy.value()), (2, 7));
}

#[test]
fn a_copy_stands_alone_when_its_key_is_short_and_it_lives_a_plain_time() {
    let (life, short) = (Life::fresh_for(Duration::from_secs(1), Moment::START), "k".repeat(KEY_MAX));
    let copy = |key: &str, life| AsWritten::of(&Entry::new(draft(key, 0, life, &[]), 0, 0, 0), 1_u64);
    let plain = copy(&short, life);
    assert!(plain.stands_alone() && plain.has_key(short.as_bytes()) && !plain.has_key(b"k"));
    assert!(plain.is_fresh(Moment::from_millis(999)) && !plain.is_fresh(Moment::from_millis(1_000)));
    assert!(!copy(&"k".repeat(KEY_MAX + 1), life).stands_alone());
    assert!(!copy(&short, Life { dead_at: Moment::NEVER, ..life }).stands_alone());
}

#[test]
fn how_long_an_entry_lasts_and_who_said_so_is_known_also_after_it_was_expired_by_hand() {
    let (ttl, now) = (Duration::from_secs(60), Moment::from_millis(1_234));
    for stale in [Duration::ZERO, Duration::from_secs(5)] {
        for code in 0..Provenance::CODES {
            let said = Provenance::of_code(code);
            let life = Life { dead_at: now.after(ttl + stale), ..Life::fresh_for(ttl, now) };
            let entry = Entry::new(Draft { said, ..draft("a", 0, life, &[]) }, 0, 0, 0);
            let lasting = Lasting { ttl, stale, jitter: 0.0, eager: None, said };
            assert_eq!((entry.lasting(), entry.origin(), entry.key()), (lasting, Origin::Warm, "a"));
            if !stale.is_zero() {
                let expired = entry.with_life(life.expired(now.after(Duration::from_secs(1))));
                let again = expired.with_life(expired.life().expired(now.after(Duration::from_secs(2))));
                assert_eq!((expired.lasting(), again.without_copy().lasting()), (lasting, lasting));
            }
        }
    }
}
