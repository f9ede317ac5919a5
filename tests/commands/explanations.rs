//! What is said of a key, to the letter: in each state, and absent for each reason.
//!
//! The texts stand in `tests/golden`, as those of the panels do.

use std::time::Duration;

use apex_cache::admin::Answer;
use apex_cache::message::{Absence, Explanation, Held, KeyState, LoadPhase, Origin, Reason};
use apex_cache::{ErrorKind, Key, Pattern, Scope, Tag, Tags};

use crate::panels::{filled, golden};

fn pattern(text: &str) -> Scope {
    Scope::Pattern(Pattern::parse(text).expect("a pattern"))
}

fn explained(key: &str, tier: &str, fill: impl FnOnce(&mut Explanation)) -> Answer {
    let mut known = Explanation::of_unknown(Key::parse(key).expect("a key"), tier);
    fill(&mut known);
    Answer::Explained(known)
}

fn held(age: u64, fresh: u64, served: u64, fill: impl FnOnce(&mut Held)) -> Held {
    filled(|held: &mut Held| {
        (held.age, held.fresh_for, held.served_for) =
            (Duration::from_secs(age), Duration::from_secs(fresh), Duration::from_secs(served));
        fill(held);
    })
}

/// A key in each state, and with each thing that can be said of it.
fn states() -> Vec<Answer> {
    vec![
        explained("user::123456::profile", "user", |known| {
            (known.state, known.route, known.last_absence) = (KeyState::Fresh, Some("user".into()), None);
            known.held = Some(held(720, 2_880, 2_880, |held| (held.size, held.hits) = (312, 89)));
        }),
        explained("query::café", "query", |known| {
            (known.state, known.load) = (KeyState::Stale, Some(LoadPhase::Runs));
            let tags = ["author:7", "shop:1"].map(|tag| Tag::new(tag).expect("a tag"));
            known.held = Some(held(2_100, 0, 300, |held| {
                (held.origin, held.took, held.failures) = (Origin::Load, Duration::from_millis(84), 3);
                (held.size, held.hits, held.tags) = (12_345, 1_234, Tags::new(tags));
            }));
            let scope = pattern("query::*");
            known.last_absence =
                Some(Absence::new(Reason::Invalidated(Some(scope)), Duration::from_secs(5_400)));
        }),
        explained("user::9", "user", |known| {
            (known.state, known.route) = (KeyState::NothingThere, Some("user".into()));
            known.held = Some(held(3, 27, 27, |held| (held.origin, held.size) = (Origin::Load, 180)));
            known.last_absence = Some(Absence::new(Reason::Expired, Duration::from_secs(3)));
        }),
        explained("user::10", "user", |known| {
            (known.state, known.load) = (KeyState::Loading, Some(LoadPhase::Waits));
        }),
        explained("user::11", "user", |known| {
            known.held = Some(held(3_700, 0, 0, |held| (held.origin, held.size) = (Origin::Warm, 99)));
            known.load = Some(LoadPhase::RunsRevoked);
            known.last_absence = Some(Absence::new(Reason::Expired, Duration::from_secs(100)));
        }),
        explained("user::12", "user", |known| known.bypassed = true),
        explained("user::14", "user", |known| {
            (known.state, known.held) = (KeyState::Stale, Some(held(60, 0, 300, |held| held.size = 99)));
            let reason = Reason::Outdated(Some(pattern("user::*")));
            known.last_absence = Some(Absence::new(reason, Duration::from_secs(5)));
        }),
        explained("user::13", "user", |known| known.enabled = false),
    ]
}

/// An absent key for each reason.
fn reasons() -> Vec<Answer> {
    let scope = pattern("user::1*");
    let reasons = [
        Reason::NeverStored,
        Reason::NoRecord,
        Reason::Expired,
        Reason::Evicted,
        Reason::Removed,
        Reason::Invalidated(Some(scope)),
        Reason::Invalidated(None),
        Reason::Outdated(Some(pattern("user::1*"))),
        Reason::Outdated(None),
        Reason::Cleared,
        Reason::Restarted,
        Reason::Revoked,
        Reason::TooLarge,
        Reason::Unreadable,
        Reason::NotKept,
        Reason::NoRoom,
        Reason::LoadFailed(ErrorKind::LoadFailed),
        Reason::LoadFailed(ErrorKind::LoadPanicked),
        Reason::LoadFailed(ErrorKind::LoadTimeout),
        Reason::LoadFailed(ErrorKind::LoadLost),
        Reason::LoadFailed(ErrorKind::Encode),
    ];
    let absent = |reason| {
        let absence = Some(Absence::new(reason, Duration::from_secs(75)));
        explained("user::1", "user", |known| known.last_absence = absence)
    };
    reasons.map(absent).into()
}

#[test]
fn every_explanation_is_as_it_was_agreed() {
    golden("explain", &states());
    golden("explain_reasons", &reasons());
}
