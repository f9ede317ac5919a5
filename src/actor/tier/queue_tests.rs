//! Sets in a row are one turn: what that must not change.
//!
//! Owns: a tier's actor that is driven by hand, without a mailbox. Never: looks at what a set does to a store.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::*;
use crate::actor::CRASHES_MAX;
use crate::actor::permit::Lane;
use crate::actor::wiring::Wiring;
use crate::codec::value::Value;
use crate::engine::entry::Entry;
use crate::engine::policy::Eviction;
use crate::engine::tag::Tags;
use crate::engine::terms::Terms;
use crate::engine::testing;
use crate::env::Env;
use crate::error::{Error, ErrorKind};
use crate::settings::Settings;

const HOUR: Duration = Duration::from_secs(3_600);

type Answer = oneshot::Receiver<Result<Stored>>;

struct Alone {
    tier: TierActor,
    // Loads would be started on it.
    _runtime: Runtime,
}

impl Alone {
    fn with(settings: &Settings) -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime of this thread");
        let entered = runtime.enter();
        let plan = settings.check().expect("the settings of a test are right");
        let wiring = Wiring::new(plan, Env::simulated(7), Vec::new());
        let id = wiring.routes.tier("user").expect("a tier of the settings");
        let tier = TierActor::new(&wiring, id);
        drop(entered);
        Self { tier, _runtime: runtime }
    }

    fn new() -> Self {
        Self::with(&Settings::default())
    }

    fn made(&self, key: &str, value: Value, tags: Tags) -> (Made, Entry) {
        let entry = Entry::made(key, value, tags);
        let hash = self.tier.shared().view.hash(key);
        let lasting = Terms { ttl: HOUR, ..Terms::default() }.lasting();
        (Made::hashed(entry.clone(), hash, lasting), entry)
    }

    fn request(&self, item: Made) -> (Accepted, Answer) {
        let shared = self.tier.shared();
        let permit = shared.permits.take(Lane::Data, item.weight()).expect("there is room");
        let (reply, answer) = Reply::of(&shared.answerer);
        (Accepted::with(TierRequest::Set { item, reply }, permit), answer)
    }

    fn set(&self, key: &str, value: Value) -> (Accepted, Answer) {
        let (made, entry) = self.made(key, value, Tags::NONE);
        drop(entry);
        self.request(made)
    }

    /// A set whose turn panics, for somebody else has its entry as long as what is returned last lives.
    fn breaks(&self, key: &str) -> (Accepted, Answer, Entry) {
        let (made, entry) = self.made(key, testing::value(0, 0), Tags::NONE);
        let (request, answer) = self.request(made);
        (request, answer, entry)
    }

    fn is_shown(&self, key: &str) -> bool {
        self.tier.shared().view.find(key).is_some()
    }
}

fn told(mut answer: Answer) -> Result<Stored> {
    answer.try_recv().expect("everybody is answered")
}

fn kind(answer: Answer) -> Option<ErrorKind> {
    told(answer).err().map(|error: Error| error.kind())
}

#[test]
fn a_set_that_breaks_the_tier_is_told_so_and_those_behind_it_are_stored() {
    let mut alone = Alone::new();
    let (first, before) = alone.set("user::1", testing::value(1, 0));
    let (second, broken, _entry) = alone.breaks("user::2");
    let (third, behind) = alone.set("user::3", testing::value(3, 0));
    alone.tier.accept(vec![first, second, third]);
    assert!(alone.tier.queue.is_empty());
    assert!(told(before).expect("it was stored before the tier broke").kept);
    assert_eq!(kind(broken), Some(ErrorKind::TierRestarting));
    assert!(told(behind).expect("the tier serves again").kept);
    let shown = ["user::1", "user::2", "user::3"].map(|key| alone.is_shown(key));
    assert_eq!(shown, [false, false, true], "a new life begins empty");
    assert_eq!(alone.tier.shared().counters.restarts.get(), 1);
    assert_eq!(alone.tier.shared().permits.taken(), (0, 0), "each place was given back");
}

#[test]
fn sets_behind_those_that_broke_the_tier_for_good_are_told_that_it_failed_and_nobody_waits() {
    let mut alone = Alone::new();
    let breaking: Vec<_> =
        (0..CRASHES_MAX + 2).map(|number| alone.breaks(&format!("user::{number}"))).collect();
    let (last, behind) = alone.set("user::last", testing::value(1, 0));
    let (mut batch, mut answers, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for (request, answer, entry) in breaking {
        batch.push(request);
        answers.push(answer);
        entries.push(entry);
    }
    batch.push(last);
    alone.tier.accept(batch);
    for (number, answer) in answers.into_iter().enumerate() {
        let broke = number < CRASHES_MAX;
        let expected = if broke { ErrorKind::TierRestarting } else { ErrorKind::TierFailed };
        assert_eq!(kind(answer), Some(expected), "set {number}");
    }
    assert_eq!(kind(behind), Some(ErrorKind::TierFailed));
    assert_eq!(alone.tier.shared().permits.taken(), (0, 0));
}

/// A full tier, and how many entries a large value pushes out of it.
fn full() -> (Alone, usize) {
    let settings = Settings::default().max_size_mb(32).tier("user", |tier| tier.eviction(Eviction::Lru));
    let mut alone = Alone::with(&settings);
    for number in 0..100_000 {
        let (request, answer) = alone.set(&format!("user::{number}"), testing::value(1, 0));
        alone.tier.accept(vec![request]);
        assert!(told(answer).expect("the tier serves").kept);
        if alone.tier.shared().counters.evicted.get() > 0 {
            break;
        }
    }
    let small = alone.made("user::10000", testing::value(1, 0), Tags::NONE).0.weight();
    let large = alone.made("user::10000", testing::value(1, 10_000), Tags::NONE).0.weight();
    (alone, (large / small + 2) as usize)
}

/// Carries `batch` out; the most entries that came or went in one slice.
fn largest_slice(alone: &mut Alone, batch: Vec<Accepted>) -> usize {
    let counters = Arc::clone(&alone.tier.shared().counters);
    let changed = || (counters.sets.get() + counters.evicted.get()) as usize;
    let (mut before, mut largest) = (changed(), 0);
    alone.tier.accept(batch);
    loop {
        largest = largest.max(changed() - before);
        before = changed();
        if alone.tier.queue.is_empty() {
            return largest;
        }
        alone.tier.work();
    }
}

#[test]
fn sets_that_make_much_room_are_cut_into_slices_and_keep_their_order() {
    let (mut alone, pushed_out) = full();
    assert!(pushed_out > 20, "a large one takes the room of only {pushed_out}");
    let sets =
        (0..200).map(|number| alone.set(&format!("user::{}", number % 150), testing::value(number, 10_000)));
    let (batch, answers): (Vec<_>, Vec<_>) = sets.unzip();
    let largest = largest_slice(&mut alone, batch);
    assert!((CHANGES..CHANGES + pushed_out).contains(&largest), "a slice changed {largest} entries");
    assert!(answers.into_iter().all(|answer| told(answer).is_ok_and(|stored| stored.kept)));
    for number in 0..50 {
        let entry = alone.tier.shared().view.find(&format!("user::{number}")).expect("it was set last");
        assert_eq!(testing::number(&entry.value()), 150 + number, "the later set stands");
    }
    assert_eq!(alone.tier.shared().permits.taken(), (0, 0));
    alone.tier.tier.store().check();
}

#[test]
fn sets_of_one_message_that_make_much_room_are_cut_into_slices_too() {
    let (mut alone, pushed_out) = full();
    let item = |number| alone.made(&format!("user::l{number}"), testing::value(number, 10_000), Tags::NONE).0;
    let items: Vec<_> = (0..200).map(item).collect();
    let (reply, mut answer) = Reply::of(&alone.tier.shared().answerer);
    let largest = largest_slice(&mut alone, vec![Accepted::new(TierRequest::SetMany { items, reply })]);
    assert!((CHANGES..CHANGES + pushed_out).contains(&largest), "a slice changed {largest} entries");
    let stored = answer.try_recv().expect("answered").expect("the tier serves");
    assert!(stored.len() == 200 && stored.into_iter().all(|one| one.is_ok_and(|one| one.kept)));
    alone.tier.tier.store().check();
}

#[test]
fn what_was_overwritten_goes_back_with_the_places_if_there_is_nothing_to_it_but_bytes() {
    let mut alone = Alone::new();
    let plain = || testing::value(1, 0);
    for (number, (value, tags)) in [
        (plain(), Tags::NONE),
        (plain(), testing::tags(&["a"])),
        (testing::value(1, 2_000), Tags::NONE),
        (testing::value(1, 9_000), Tags::NONE),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("user::{number}");
        let (made, entry) = alone.made(&key, value, tags);
        drop(entry);
        let (request, _) = alone.request(made);
        alone.tier.accept(vec![request]);
        let (request, _) = alone.set(&key, plain());
        alone.tier.accept(vec![request]);
        let left: Vec<_> = alone.tier.shared().permits.leftovers(usize::MAX);
        let keys: Vec<_> = left.iter().map(ReadEntry::key).collect();
        assert_eq!(keys, if number == 0 { vec!["user::0"] } else { vec![] });
    }
}
